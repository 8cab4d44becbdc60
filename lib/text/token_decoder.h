// From the texts of tokens to a text: tokenizer.json's decoder, a chain of steps over a list of texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

struct DecoderStep {
  enum class Kind : std::uint8_t { kByteLevel, kMetaspace, kReplace, kByteFallback, kFuse, kStrip };
  Kind kind = Kind::kByteLevel;
  std::string from, to;             // kReplace; kMetaspace: `from` is the replacement, a character; kStrip: likewise
  bool prefix = true;               // kMetaspace: the first text's replacements are a prefix, which goes
  std::size_t start = 0, stop = 0;  // kStrip: characters that may go at the start and at the end of each text
};

class TokenDecoder {
 public:
  explicit TokenDecoder(std::vector<DecoderStep> steps) : steps_(std::move(steps)) {}

  // The text of the tokens with these texts. Without steps they are joined by spaces.
  std::string decode(std::vector<std::string> texts) const;

  // What `texts` add to the text of `before` where they follow it; see Tokenizer::decode_continuation.
  std::string decode_continuation(const std::vector<std::string>& before, const std::vector<std::string>& texts) const;

  // The bytes that a token stands for in the middle of a text; those of a ByteFallback token are not looked at
  // for being UTF-8.
  std::string bytes_of(const std::string& text) const;

  // Whether the text of a list is that of its tokens' bytes one behind the other, each maximal subpart that is
  // not UTF-8 replaced by U+FFFD.
  bool bytes_alone() const { return steps_.size() == 1 && steps_[0].kind == DecoderStep::Kind::kByteLevel; }

 private:
  std::vector<std::string> whole_before(const std::vector<std::string>& before,
                                        const std::vector<std::string>& texts) const;
  std::vector<DecoderStep> steps_;
};

// The byte that a text such as "<0x0A>" names, or -1 for any other text.
int fallback_byte(std::string_view text);

}  // namespace nudge
