#include "lib/io/paint.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"
#include "lib/base/scalar_math.h"
#include "lib/base/visible.h"

namespace nudge {
namespace {

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

float neutral_value(TokenValue which) {
  return which == TokenValue::kRatio || which == TokenValue::kMask ? 1.0f : 0.0f;
}

bool first_unpredicted(const Record& record) {
  return record.has("prompt_ids") && record.list_shape("prompt_ids").size == 0 &&
         record.list_shape("response_ids").size > 0;
}

namespace {

// A field's number for each token; the neutral one for a first token that nothing predicts. Empty for an absent field.
std::vector<float> numbers_of(const Record& record, const char* key, float neutral) {
  if (!record.has(key)) return {};
  const std::size_t tokens = static_cast<std::size_t>(record.list_shape("response_ids").size);
  if (!record.is_array(key)) return std::vector<float>(tokens, record.real(key));
  const bool unpredicted = first_unpredicted(record);
  std::vector<float> list = record.reals(key);
  if (list.size() + unpredicted != tokens) {
    record.fail(key, unpredicted ? "must have one number fewer than response_ids after an empty prompt"
                                 : "must have as many numbers as response_ids");
  }
  if (unpredicted) list.insert(list.begin(), neutral);
  return list;
}

std::vector<float> difference(const Record& record, const char* of, const char* from) {
  std::vector<float> values = numbers_of(record, of, 0);
  const std::vector<float> subtracted = numbers_of(record, from, 0);
  if (values.empty() || subtracted.empty()) return {};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] -= subtracted[i];
  return values;
}

}  // namespace

std::vector<float> token_values(const Record& record, TokenValue which) {
  if (!record.has("response_ids")) return {};
  switch (which) {
    case TokenValue::kLogProbs: return numbers_of(record, "logprobs", 0);
    case TokenValue::kAdvantages: return numbers_of(record, "advantages", 0);
    case TokenValue::kValues: return numbers_of(record, "values", 0);
    case TokenValue::kMask: return numbers_of(record, "loss_mask", 1);
    case TokenValue::kKl: return difference(record, "logprobs", "ref_logprobs");
    case TokenValue::kRatio: break;
  }
  if (record.has("ratio")) return numbers_of(record, "ratio", 1);
  std::vector<float> ratios =
      difference(record, "new_logprobs", record.has("old_logprobs") ? "old_logprobs" : "logprobs");
  for (float& r : ratios) r = static_cast<float>(det_exp(static_cast<double>(r)));
  return ratios;
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

std::string painted_tokens(const Record& record, TokenValue which, const TokenText& text) {
  std::vector<float> values = token_values(record, which);
  std::vector<std::string> pieces;
  if (!values.empty())
    for (const std::int32_t id : record.ids("response_ids"))
      pieces.push_back(text ? text(id) : std::to_string(id) + ' ');
  for (float& x : values) x -= neutral_value(which);
  return paint(pieces, values, which == TokenValue::kLogProbs ? kDeepestLogProb : largest(values));
}

std::string describe_record(const Record& record, std::size_t width, bool colour, TokenValue which,
                            const TokenText& text) {
  std::string out;
  for (const Record::Field& field : record.fields()) {
    out += "  " + visible(field.key) + ": " + visible(cut(field.raw, width)) + '\n';
  }
  if (!colour) return out;
  try {
    const std::string tokens = painted_tokens(record, which, text);
    return tokens.empty() ? out : out + "  " + tokens + '\n';
  } catch (const Error& e) {
    return out + "  " + visible(e.what()) + '\n';  // a record to be seen all the more
  }
}

}  // namespace nudge
