// What happens to a text before added tokens are looked for in it again and it is cut into words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

struct NormalizerStep {
  enum class Kind : std::uint8_t { kNfc, kPrepend, kReplace } kind = Kind::kNfc;
  std::string from;  // kReplace: the text that is replaced wherever it stands; not empty
  std::string to;    // kReplace: what stands there then; kPrepend: what is put before a text that is not empty
};

// `text` (valid UTF-8) after each step in turn; those that put something in front only where `prepend` is true.
std::string normalize(const std::vector<NormalizerStep>& steps, std::string_view text, bool prepend = true);

// `text` with each `from` (not empty) replaced by `to`, from the left, none overlapping.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace nudge
