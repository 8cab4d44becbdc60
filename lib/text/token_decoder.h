// tokenizer.json's decoder: a chain of steps that turns the texts of tokens into one text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

struct DecoderStep {
  enum class Kind : std::uint8_t { kByteLevel, kMetaspace, kReplace, kByteFallback, kFuse, kStrip };
  Kind kind = Kind::kByteLevel;
  std::string from, to;             // kReplace; kMetaspace, kStrip: `from` is the character
  bool prefix = true;               // kMetaspace: the character in the first text is a prefix, to be removed
  std::size_t start = 0, stop = 0;  // kStrip: how many to remove at most at the start and at the end of each text
};

class TokenDecoder {
 public:
  explicit TokenDecoder(std::vector<DecoderStep> steps) : steps_(std::move(steps)) {}

  // Decodes tokens given by their texts. Without steps, the texts are joined by spaces.
  std::string decode(std::vector<std::string> texts) const;

  // What `texts` add to the text of `before` when they follow it; see Tokenizer::decode_continuation.
  std::string decode_continuation(const std::vector<std::string>& before, const std::vector<std::string>& texts) const;

  // The bytes of a token in the middle of a text; those of a ByteFallback token need not be UTF-8.
  std::string bytes_of(const std::string& text) const;

  // Whether decode() is the concatenation of the tokens' bytes, with each maximal subpart that is not UTF-8 replaced by
  // U+FFFD.
  bool bytes_alone() const { return steps_.size() == 1 && steps_[0].kind == DecoderStep::Kind::kByteLevel; }

 private:
  std::vector<std::string> whole_before(const std::vector<std::string>& before,
                                        const std::vector<std::string>& texts) const;
  std::vector<DecoderStep> steps_;
};

// The byte of a text such as "<0x0A>", or -1 for any other text.
int fallback_byte(std::string_view text);

}  // namespace nudge
