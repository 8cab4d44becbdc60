// The normalizer: transforms a text before the second search for added tokens and pre-tokenization.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

struct NormalizerStep {
  enum class Kind : std::uint8_t { kNfc, kPrepend, kReplace } kind = Kind::kNfc;
  std::string from;  // kReplace: the string to replace everywhere; not empty
  std::string to;    // kReplace: its replacement; kPrepend: the prefix of a non-empty text
};

// Applies the steps to `text` (valid UTF-8) in turn; kPrepend only if `prepend` is true.
std::string normalize(const std::vector<NormalizerStep>& steps, std::string_view text, bool prepend = true);

// `text` with each `from` (not empty) replaced by `to`, from the left, non-overlapping.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace nudge
