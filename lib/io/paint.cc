#include "lib/io/paint.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"
#include "lib/base/visible.h"

namespace nudge {
namespace {

constexpr float kDeepestLogProb = 8;  // nats: 1 in 3000
constexpr int kShades = 5;
// Backgrounds of the 256-colour palette, pale to deep; black letters are readable on each.
constexpr int kRed[kShades] = {0, 224, 217, 210, 203};
constexpr int kGreen[kShades] = {0, 194, 157, 120, 77};

float largest(std::span<const float> values) {
  float most = 0;
  for (const float x : values) most = std::max(most, std::abs(x));
  return most > 0 ? most : 1;
}

std::string cut(std::string_view text, std::size_t width) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (width > 0 && seen++ == width) return std::string(text.substr(0, i)) + "...";
  }
  return std::string(text);
}

}  // namespace

std::vector<float> token_values(const Record& record, TokenValue which) {
  const char* first = which == TokenValue::kAdvantages ? "advantages" : "logprobs";
  if (!record.has(first) || !record.has("response_ids")) return {};
  const std::size_t tokens = record.ids("response_ids").size();
  // After an empty prompt nothing predicts the first token: the list may be one shorter, and 0 is shown.
  const bool unprompted = tokens > 0 && record.has("prompt_ids") && record.ids("prompt_ids").empty();
  const auto numbers = [&](const char* key) {
    std::vector<float> list = record.reals(key);
    if (list.size() + unprompted != tokens) {
      record.fail(key, unprompted ? "must have one number fewer than response_ids after an empty prompt"
                                  : "must have as many numbers as response_ids");
    }
    if (unprompted) list.insert(list.begin(), 0.0f);
    return list;
  };
  std::vector<float> values = numbers(first);
  if (which != TokenValue::kKl) return values;
  if (!record.has("ref_logprobs")) return {};
  const std::vector<float> reference = numbers("ref_logprobs");
  for (std::size_t i = 0; i < tokens; ++i) values[i] -= reference[i];
  return values;
}

std::string paint(std::span<const std::string> pieces, std::span<const float> values, float scale) {
  std::string out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const float share = std::min(std::abs(values[i]) / scale, 1.0f);
    const int shade = static_cast<int>(std::lround(share * (kShades - 1)));
    if (shade == 0) {
      out += visible(pieces[i]);
      continue;
    }
    const int colour = values[i] < 0 ? kRed[shade] : kGreen[shade];
    out += "\x1b[30;48;5;" + std::to_string(colour) + 'm' + visible(pieces[i]) + "\x1b[0m";
  }
  return out;
}

std::string describe_record(const Record& record, std::size_t width, bool colour, TokenValue which,
                            const TokenText& text) {
  std::string out;
  for (const Record::Field& field : record.fields()) {
    out += "  " + visible(field.key) + ": " + visible(cut(field.raw, width)) + '\n';
  }
  if (!colour) return out;
  std::vector<float> values;
  try {
    values = token_values(record, which);
  } catch (const Error& e) {
    return out + "  " + visible(e.what()) + '\n';  // a record to be seen all the more
  }
  if (values.empty()) return out;
  std::vector<std::string> pieces;
  for (const std::int32_t id : record.ids("response_ids")) pieces.push_back(text ? text(id) : std::to_string(id) + ' ');
  const float scale = which == TokenValue::kLogProbs ? kDeepestLogProb : largest(values);
  return out + "  " + paint(pieces, values, scale) + '\n';
}

}  // namespace nudge
