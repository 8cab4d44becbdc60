// Texts through tokenizers of each kind, and words by hand beside those by PCRE2.
#define DOCTEST_CONFIG_DISABLE  // the fixtures bring it, no test stands here
#include <simdjson.h>

#include "lib/text/pretokenize.h"
#include "tests/fuzz/fuzz.h"
#include "tests/text/characters_fixture.h"

namespace nudge::fuzz {
namespace {

constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct Expression {
  explicit Expression(const char* pattern) : regex(pattern), by_hand(known_expression(pattern)) {}
  SplitRegex regex;
  WordEnd by_hand;
};

void compare_words(const Expression& expression, std::string_view text) {
  std::vector<std::pair<std::size_t, std::size_t>> found;
  expression.regex.find(text, found);
  std::size_t at = 0;
  for (const auto& [begin, end] : found) {
    promise(begin == at, "an expression matches everywhere");
    promise(expression.by_hand != nullptr && expression.by_hand(text, at) == end, "a word ends where PCRE2 ends it");
    at = end;
  }
  promise(at == text.size(), "words reach the end");
}

Tokenizer byte_level() {
  test::TokenizerFixture fixture;
  fixture.merges = {{"t", "h"},   {"th", "e"}, {"Ġ", "the"}, {"a", "b"},
                    {"ab", "ab"}, {"Ã", "©"},  {"Ġ", "Ġ"},   {"1", "2"}};
  return fixture.make();
}

Tokenizer split(const char* pattern) {
  test::TokenizerFixture fixture;
  fixture.merges = {{"t", "h"}, {"th", "e"}, {"a", "b"}, {"Ċ", "Ċ"}, {"1", "2"}, {"12", "3"}};
  std::string quoted;
  for (const char c : std::string_view(pattern)) quoted += (c == '\\' || c == '"' ? "\\" : "") + std::string(1, c);
  fixture.pre_tokenizer = R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":")" + quoted +
                          R"("},"behavior":"Isolated","invert":false},
                          {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]})";
  return fixture.make();
}

void encode(const Tokenizer& tokenizer, std::string_view text, bool round_trip) {
  const std::vector<std::int32_t> ids = tokenizer.encode(text);
  for (const std::int32_t id : ids) promise(id >= 0 && id < tokenizer.vocab_size(), "ids are of the vocabulary");
  const std::string back = tokenizer.decode(ids, false);
  if (round_trip) promise(back == text, "a text that is encoded and decoded is the same");
  promise(simdjson::validate_utf8(back.data(), back.size()), "what is decoded is UTF-8");
  promise(tokenizer.encode(text) == ids, "a text has the same ids again");
}

}  // namespace

void text(std::string_view input) {
  static const Expression expressions[] = {Expression(kGpt2), Expression(kLlama3), Expression(kQwen2)};
  static const Tokenizer bytes = byte_level(), llama3 = split(kLlama3), qwen2 = split(kQwen2);
  static const Tokenizer characters = test::CharactersFixture().make();
  // Any bytes are ids of a vocabulary of bytes.
  std::vector<std::int32_t> ids;
  for (const char c : input) ids.push_back(static_cast<unsigned char>(c));
  for (const Tokenizer* tokenizer : {&bytes, &characters}) {
    const std::string decoded = tokenizer->decode(ids, false);
    promise(simdjson::validate_utf8(decoded.data(), decoded.size()), "what is decoded is UTF-8");
  }
  if (!simdjson::validate_utf8(input.data(), input.size())) {
    promise(!accepts("", [&] { bytes.encode(input); }), "a text that is no UTF-8 is refused");
    promise(!accepts("", [&] { characters.encode(input); }), "a text that is no UTF-8 is refused");
    return;
  }
  for (const Expression& expression : expressions) compare_words(expression, input);
  for (const Tokenizer* tokenizer : {&bytes, &llama3, &qwen2}) encode(*tokenizer, input, true);
  encode(characters, input, false);
}

}  // namespace nudge::fuzz
