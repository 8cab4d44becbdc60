#include "lib/text/token_decoder.h"

#include <algorithm>

#include "lib/text/byte_level.h"
#include "lib/text/normalizer.h"
#include "lib/text/unicode.h"

namespace nudge {
namespace {

using Texts = std::vector<std::string>;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string byte_level_bytes(const std::string& text) {
  std::string bytes;
  return from_byte_level(text, bytes) ? bytes : text;
}

// A run of byte tokens becomes its characters, or one U+FFFD per byte if the run as a whole is not UTF-8.
void end_run(std::string& run, Texts& out) {
  if (run.empty()) return;
  if (valid_utf8_prefix(run) == run.size()) {
    out.push_back(run);
  } else {
    out.insert(out.end(), run.size(), "\uFFFD");
  }
  run.clear();
}

Texts byte_fallback(const Texts& texts) {
  Texts out;
  std::string run;
  for (const std::string& text : texts) {
    if (const int byte = fallback_byte(text); byte >= 0) {
      run += static_cast<char>(byte);
      continue;
    }
    end_run(run, out);
    out.push_back(text);
  }
  end_run(run, out);
  return out;
}

std::string joined(const Texts& texts, std::string_view between) {
  std::string out;
  for (std::size_t i = 0; i < texts.size(); ++i) out.append(i == 0 ? "" : between).append(texts[i]);
  return out;
}

void strip(const DecoderStep& step, std::string& text) {
  const std::string& c = step.from;
  std::size_t begin = 0, end = text.size();
  for (std::size_t i = 0; i < step.start && text.compare(begin, c.size(), c) == 0; ++i) begin += c.size();
  for (std::size_t i = 0; i < step.stop && end >= begin + c.size(); ++i) {
    if (text.compare(end - c.size(), c.size(), c) != 0) break;
    end -= c.size();
  }
  text = text.substr(begin, end - begin);
}

void apply(const DecoderStep& step, Texts& texts) {
  switch (step.kind) {
    case DecoderStep::Kind::kByteLevel: {
      std::string bytes;
      for (const std::string& text : texts) bytes += byte_level_bytes(text);
      texts = {lossy_utf8(bytes)};
      return;
    }
    case DecoderStep::Kind::kMetaspace:
      for (std::size_t i = 0; i < texts.size(); ++i) {
        texts[i] = replace_all(texts[i], step.from, i == 0 && step.prefix ? "" : " ");
      }
      return;
    case DecoderStep::Kind::kReplace:
      for (std::string& text : texts) text = replace_all(text, step.from, step.to);
      return;
    case DecoderStep::Kind::kByteFallback: texts = byte_fallback(texts); return;
    case DecoderStep::Kind::kFuse: texts = {joined(texts, "")}; return;
    case DecoderStep::Kind::kStrip:
      for (std::string& text : texts) strip(step, text);
      return;
  }
}

}  // namespace

int fallback_byte(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const int high = hex_digit(text[3]), low = hex_digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::string TokenDecoder::decode(std::vector<std::string> texts) const {
  for (const DecoderStep& step : steps_) apply(step, texts);
  return joined(texts, steps_.empty() ? " " : "");
}

// `before` as it appears in the combined text. Byte tokens at its end form one run with those that follow: if the run
// is valid, the characters that are whole in `before` count, else one U+FFFD for each of its bytes.
std::vector<std::string> TokenDecoder::whole_before(const Texts& before, const Texts& texts) const {
  const bool falls_back = std::any_of(steps_.begin(), steps_.end(), [](const DecoderStep& step) {
    return step.kind == DecoderStep::Kind::kByteFallback;
  });
  if (!falls_back) return before;
  std::size_t begin = before.size();
  while (begin > 0 && fallback_byte(before[begin - 1]) >= 0) --begin;
  std::string run;
  for (std::size_t i = begin; i < before.size(); ++i) run += static_cast<char>(fallback_byte(before[i]));
  const std::size_t whole = valid_utf8_prefix(run);
  for (const std::string& text : texts) {
    if (fallback_byte(text) < 0) break;
    run += static_cast<char>(fallback_byte(text));
  }
  Texts out = before;
  if (valid_utf8_prefix(run) == run.size()) {
    out.resize(begin + whole);
  } else {
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), "\uFFFD");
  }
  return out;
}

std::string TokenDecoder::decode_continuation(const Texts& before, const Texts& texts) const {
  if (texts.empty()) return "";
  Texts all = before;
  all.insert(all.end(), texts.begin(), texts.end());
  const std::string full = decode(std::move(all)), start = decode(whole_before(before, texts));
  // Both begin alike, except for what a step does at the end of a text.
  const auto differ = std::mismatch(start.begin(), start.end(), full.begin(), full.end()).first;
  auto at = static_cast<std::size_t>(differ - start.begin());
  while (at < full.size() && (static_cast<unsigned char>(full[at]) & 0xC0) == 0x80) --at;
  return full.substr(at);
}

std::string TokenDecoder::bytes_of(const std::string& text) const {
  std::string out = text;
  for (const DecoderStep& step : steps_) {
    if (step.kind == DecoderStep::Kind::kByteLevel) out = byte_level_bytes(out);
    if (step.kind == DecoderStep::Kind::kMetaspace) out = replace_all(out, step.from, " ");
    if (step.kind == DecoderStep::Kind::kReplace) out = replace_all(out, step.from, step.to);
    if (step.kind == DecoderStep::Kind::kByteFallback) {
      if (const int byte = fallback_byte(out); byte >= 0) return std::string(1, static_cast<char>(byte));
    }
  }
  return out;
}

}  // namespace nudge
