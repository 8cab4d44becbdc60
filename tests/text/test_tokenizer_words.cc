// Splitting texts into words; expected words are derived from the expressions by hand.
#include <random>
#include <stdexcept>

#include "lib/text/pretokenize.h"
#include "lib/text/unicode.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;
using Words = std::vector<std::string>;
using Step = PreTokenizer::Step;

namespace {

Words words(const std::vector<Step>& steps, std::string_view text) {
  Words out;
  PreTokenizer(steps).words(text, TextPlace::kStart, [&](std::string_view word) { out.emplace_back(word); });
  return out;
}

Words gpt2(std::string_view text) { return words({Step{}}, text); }

Step split(const char* regex, SplitBehavior behavior, bool invert = false) {
  Step step;
  step.kind = Step::Kind::kSplit;
  step.behavior = behavior;
  step.invert = invert;
  step.regex = std::make_shared<SplitRegex>(regex);
  return step;
}

}  // namespace

TEST_CASE("words take the space before them, and runs of letters, digits and others are apart") {
  CHECK(gpt2("Hello world") == Words{"Hello", " world"});
  CHECK(gpt2("a1b22c") == Words{"a", "1", "b", "22", "c"});
  CHECK(gpt2("Hi, you! x") == Words{"Hi", ",", " you", "!", " x"});
  CHECK(gpt2("a  ?!b") == Words{"a", " ", " ?!", "b"});
  CHECK(gpt2("").empty());
  CHECK(gpt2("x 12 ") == Words{"x", " 12", " "});
}

TEST_CASE("contractions are words of their own, in lower case only and only where they start a match") {
  CHECK(gpt2("it's I'm we're you've I'll he'd can't") ==
        Words{"it", "'s", " I", "'m", " we", "'re", " you", "'ve", " I", "'ll", " he", "'d", " can", "'t"});
  CHECK(gpt2("IT'S") == Words{"IT", "'", "S"});
  CHECK(gpt2("'some") == Words{"'s", "ome"});
  CHECK(gpt2(" 's") == Words{" '", "s"});
  CHECK(gpt2("!'s") == Words{"!'", "s"});
  CHECK(gpt2("''s") == Words{"''", "s"});
  CHECK(gpt2("a'r") == Words{"a", "'", "r"});
  CHECK(gpt2("a'l'") == Words{"a", "'", "l", "'"});
  CHECK(gpt2("'") == Words{"'"});
  CHECK(gpt2("'v") == Words{"'", "v"});
}

TEST_CASE("white space leaves its last character to what follows, and only a space joins a word") {
  CHECK(gpt2("a   b") == Words{"a", "  ", " b"});
  CHECK(gpt2("a   ") == Words{"a", "   "});
  CHECK(gpt2("a\n\nb") == Words{"a", "\n", "\n", "b"});
  CHECK(gpt2("a\n b") == Words{"a", "\n", " b"});
  CHECK(gpt2("a \nb") == Words{"a", " ", "\n", "b"});
  CHECK(gpt2("\tb") == Words{"\t", "b"});
  CHECK(gpt2(" ") == Words{" "});
  CHECK(gpt2("a\u3000\u3000b") == Words{"a", "\u3000", "\u3000", "b"});
}

TEST_CASE("letters, numbers and spaces are Unicode's") {
  CHECK(gpt2("größe Straße") == Words{"größe", " Straße"});
  CHECK(gpt2("日本語123") == Words{"日本語", "123"});
  CHECK(gpt2("x²½Ⅳ") == Words{"x", "²½Ⅳ"});
  CHECK(gpt2("e\u0301a") == Words{"e", "\u0301", "a"});  // a mark is neither letter nor space
  CHECK(gpt2("a\u0085b") == Words{"a", "\u0085", "b"});  // white space
  CHECK(gpt2("a\u0085\u0085b") == Words{"a", "\u0085", "\u0085", "b"});
  CHECK(gpt2("a\uFEFF!b") == Words{"a", "\uFEFF!", "b"});  // not white space
  CHECK(gpt2("a\u180E!b") == Words{"a", "\u180E!", "b"});  // no longer white space
  CHECK(gpt2("\U0001F600\U0001F600 \U00020000") == Words{"\U0001F600\U0001F600", " \U00020000"});
}

TEST_CASE("a prefix space is put before each piece that has none") {
  Step prefix;
  prefix.add_prefix_space = true;
  CHECK(words({prefix}, "a b") == Words{" a", " b"});
  CHECK(words({prefix}, " a") == Words{" a"});
  CHECK(words({prefix}, "").empty());
  CHECK(words({split("-", SplitBehavior::kRemoved), prefix}, "a-b c") == Words{" a", " b", " c"});
}

TEST_CASE("without its expression ByteLevel leaves a text whole") {
  Step whole;
  whole.use_regex = false;
  CHECK(words({whole}, "a b 1") == Words{"a b 1"});
}

TEST_CASE("Split keeps, drops or joins its matches as its behavior says") {
  CHECK(words({split("-", SplitBehavior::kRemoved)}, "-a--b-") == Words{"a", "b"});
  CHECK(words({split("-", SplitBehavior::kIsolated)}, "-a--b-") == Words{"-", "a", "-", "-", "b", "-"});
  CHECK(words({split("-", SplitBehavior::kContiguous)}, "-a--b-") == Words{"-", "a", "--", "b", "-"});
  // The examples of the reference engine's documentation for "the-final--countdown".
  CHECK(words({split("-", SplitBehavior::kMergedWithPrevious)}, "the-final--countdown") ==
        Words{"the-", "final-", "-", "countdown"});
  CHECK(words({split("-", SplitBehavior::kMergedWithNext)}, "the-final--countdown") ==
        Words{"the", "-final", "-", "-countdown"});
}

TEST_CASE("an inverted Split takes what is between the matches for its matches") {
  CHECK(words({split("[a-z]+", SplitBehavior::kRemoved, true)}, "ab, cd") == Words{"ab", "cd"});
  CHECK(words({split("[a-z]+", SplitBehavior::kMergedWithPrevious, true)}, "ab, cd") == Words{"ab, ", "cd"});
}

TEST_CASE("empty matches of a Split expression cut nothing and end") {
  CHECK(words({split("x*", SplitBehavior::kIsolated)}, "aüxxb") == Words{"aü", "xx", "b"});
}

TEST_CASE("a Split expression's classes are the reference engine's, inside of brackets and complemented too") {
  const auto find = [](const char* regex, std::string_view text) {
    return words({split(regex, SplitBehavior::kRemoved, true)}, text);
  };
  CHECK(find(R"(\s+)", "a\u0085\u180Eb") == Words{"\u0085"});
  CHECK(find(R"(\S+)", "a\u0085\u180Eb") == Words{"a", "\u180Eb"});
  CHECK(find(R"([^\s\p{L}]+)", "a1\u180E b2") == Words{"1\u180E", "2"});
  CHECK(find(R"([\S]+)", "a b") == Words{"a", "b"});
  // U+1C89 is a letter since Unicode 16, U+10D40 a digit.
  CHECK(find(R"(\p{L}+)", "1\u1C89") == Words{"\u1C89"});
  CHECK(find(R"(\p{N}+)", "a\U00010D40") == Words{"\U00010D40"});
  CHECK(find(R"(\pN)", "a1") == Words{"1"});
  CHECK(find(R"(\P{L}+)", "a12b") == Words{"12"});
  CHECK(find(R"((?i:'s))", "'S's") == Words{"'S", "'s"});
  CHECK(find(R"([\[\]]+)", "a[]b") == Words{"[]"});
}

TEST_CASE("a Split expression means what it means to Oniguruma") {
  const auto find = [](const char* regex, std::string_view text) {
    return words({split(regex, SplitBehavior::kRemoved, true)}, text);
  };
  CHECK(find(R"(.+)", "a\rb\nc") == Words{"a\rb", "c"});
  CHECK(find(R"(\d+|[\D]+)", "1\u0662½a") == Words{"1\u0662", "½a"});
  CHECK(find(R"([\p{Lu}\p{Lt}]?\p{Ll}+)", "HelloWorld") == Words{"Hello", "World"});
  CHECK(find(R"(\p{M}+|\P{M}+)", "e\u0301f") == Words{"e", "\u0301", "f"});
  CHECK(find(R"([-\s]+|[^-\s]+)", "a -b") == Words{"a", " -", "b"});
  CHECK(find(R"((?<=a)b|(?<!a)c(?=d)|(?>e+)f|g{2}|h{2,}?|i{1,2})", "abcdeefggghhhiii") ==
        Words{"b", "c", "eef", "gg", "hh", "ii", "i"});
  CHECK(find(R"(\.\-\]|[\]\-]+)", ".-]x]-") == Words{".-]", "]-"});
  CHECK(find(R"(a++|b*+c|d?+)", "aabbcd") == Words{"aa", "bbc", "d"});
}

TEST_CASE("a Split expression that is damaged or might mean something else is refused by what it uses") {
  const auto refusal = [](const char* regex) { return message_of([&] { SplitRegex(std::string(regex)); }); };
  CHECK(refusal("(") == "missing closing parenthesis");
  CHECK(refusal("[a") == "an unclosed character class is not supported");
  CHECK(refusal("[a[b]]") == "a nested character class is not supported");
  CHECK(refusal("[a&&b]") == "an intersection of character classes is not supported");
  CHECK(refusal("[]a]") == "an empty character class is not supported");
  CHECK(refusal("[^]a]") == "an empty character class is not supported");
  CHECK(refusal(R"([!-\s])") == "a range that ends in a class is not supported");
  CHECK(refusal("^a") == "^ is not supported");
  CHECK(refusal("a$") == "$ is not supported");
  CHECK(refusal("a{,2}") == "the repetition {,2} is not supported");
  CHECK(refusal("a{2}?") == "the repetition {2}? is not supported");
  CHECK(refusal("a{1,2}+") == "the repetition {1,2}+ is not supported");
  CHECK(refusal("a{") == "the repetition { is not supported");
  CHECK(refusal("(?m)a") == "the group (?m) is not supported");
  CHECK(refusal("(?<n>a)") == "the group (?<n is not supported");
  CHECK(refusal("(*UCP)a") == "(* is not supported");
  for (const char* escape : {"\\h", "\\H", "\\w", "\\W", "\\b", "\\B", "\\R", "\\X", "\\K", "\\G", "\\A", "\\Z", "\\z",
                             "\\v", "\\x", "\\u", "\\1", "\\Q", "\\"}) {
    CHECK(refusal(escape) == "the escape " + std::string(escape) + " is not supported");
  }
  CHECK(refusal("[\\b]") == "the escape \\b is not supported");
  CHECK(refusal("\\p{Han}") == "the property \\p{Han} is not supported");
  CHECK(refusal("\\p{^L}") == "the property \\p{^L} is not supported");
  CHECK(refusal("\\p{}") == "the property \\p{} is not supported");
  CHECK(refusal("\\p{L") == "an unclosed \\p{ is not supported");
}

TEST_CASE("a Split expression that would go on for ever ends in an error") {
  const std::string text = std::string(60, 'a') + "c";
  CHECK(message_of([&] { words({split("(a+)+[bd]", SplitBehavior::kIsolated)}, text); }) ==
        "the pre-tokenizer's expression fails on the text: match limit exceeded");
}

TEST_CASE("a literal pattern is not read as an expression") {
  Step step;
  step.kind = Step::Kind::kSplit;
  step.behavior = SplitBehavior::kIsolated;
  step.regex = std::make_shared<SplitRegex>(SplitRegex::literal(".*"));
  CHECK(words({step}, "a.*b") == Words{"a", ".*", "b"});
}

TEST_CASE("Digits are cut off one by one or in runs") {
  Step digits;
  digits.kind = Step::Kind::kDigits;
  CHECK(words({digits}, "ab123c½") == Words{"ab", "1", "2", "3", "c", "½"});
  digits.behavior = SplitBehavior::kContiguous;
  CHECK(words({digits}, "ab123c½") == Words{"ab", "123", "c", "½"});
}

namespace {

const char* const kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const char* const kLlama3 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char* const kQwen2 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

bool is_known(const std::string& regex) { return known_expression(regex) != nullptr; }

// Uses only the known function: the expression itself matches nothing.
Words known_words(const char* regex, std::string_view text) {
  static const auto nothing = std::make_shared<SplitRegex>("(?!)");
  Step step;
  step.kind = Step::Kind::kSplit;
  step.regex = nothing;
  step.known = known_expression(regex);
  return words({step}, text);
}

}  // namespace

TEST_CASE("the families' expressions are known letter for letter, any other is left to PCRE2") {
  for (const char* regex : {kGpt2, kLlama3, kQwen2}) {
    const std::string known = regex;
    CHECK(is_known(known));
    CHECK_FALSE(is_known(known + "|x"));
    CHECK_FALSE(is_known(known.substr(1)));
  }
  CHECK_FALSE(is_known(std::string(kLlama3).replace(std::string(kLlama3).find("1,3"), 3, "1,2")));
  CHECK_FALSE(is_known(""));
}

TEST_CASE("Llama 3's words take any character but a line end before letters, and three digits") {
  const auto llama3 = [](std::string_view text) { return known_words(kLlama3, text); };
  CHECK(llama3("Hello world") == Words{"Hello", " world"});
  CHECK(llama3("(a\tb\nc") == Words{"(a", "\tb", "\n", "c"});
  CHECK(llama3("12345 67") == Words{"123", "45", " ", "67"});
  CHECK(known_words(kQwen2, "12 3") == Words{"1", "2", " ", "3"});
  CHECK(llama3("it's IT'S we'Re 'x") == Words{"it", "'s", " IT", "'S", " we", "'Re", " '", "x"});
  CHECK(llama3("a'\u017Fb") == Words{"a", "'\u017F", "b"});
  CHECK(llama3("a ?!\n\nb") == Words{"a", " ?!\n\n", "b"});
  CHECK(llama3("a \n \n  b") == Words{"a", " \n \n", " ", " b"});
  CHECK(llama3("a   ") == Words{"a", "   "});
  CHECK(llama3("\n\na") == Words{"\n\n", "a"});
}

TEST_CASE("what is known of an expression is what PCRE2 does, on random texts of all classes") {
  const std::vector<std::string> alphabet = {
      "a", "B", "s",      "S",      "t",      "e",      "l",      "R",      "V",      "m", "D",         "'",
      "'", " ", " ",      "\n",     "\r",     "\t",     "1",      "2",      "½",      "é", "中",        "!",
      ".", "?", "\u0301", "\u0085", "\u3000", "\u180E", "\uFEFF", "\u017F", "\u212A", "😀", "\U00010D40"};
  std::mt19937 random(11);
  for (const char* regex : {kGpt2, kLlama3, kQwen2}) {
    int wrong = 0;
    const Step plain = split(regex, SplitBehavior::kIsolated);
    for (int n = 0; n < 3000; ++n) {
      std::string text;
      for (int i = 0; i <= n % 40; ++i) {
        if (random() % 8 != 0) {
          text += alphabet[random() % alphabet.size()];
        } else {
          const std::uint32_t c = static_cast<std::uint32_t>(random()) % 0x110000;
          append_utf8(c >= 0xD800 && c <= 0xDFFF ? 'x' : c, text);
        }
      }
      wrong += known_words(regex, text) != words({plain}, text);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("NFC composes, reorders, and leaves what came after Unicode 12.1 alone") {
  CHECK(nfc("plain é") == "plain é");
  CHECK(nfc("e\u0301") == "é");
  CHECK(nfc("a\u0301\u0323") == "ạ\u0301");
  CHECK(nfc("\u1112\u1161\u11AB") == "한");
  CHECK(nfc("\u212B") == "Å");
  CHECK(nfc("ab e\u0301\u0301c \u0301x\u0301e\u0301\u212B") == "ab é\u0301c \u0301x\u0301éÅ");
  CHECK(nfc("\u0301e\u0301") == "\u0301é");
  CHECK(nfc("\U00011935\U00011930") == "\U00011935\U00011930");  // composes since Unicode 13
  CHECK(nfc("e\U000105D2\u0301") == "e\U000105D2\u0301");
  CHECK(nfc("a\u0301\u1AC1\u0323") == "á\u1AC1\u0323");  // U+1AC1 is a mark since Unicode 14
}

TEST_CASE("word characters are letters, marks, digits, connectors, joiners and circled letters") {
  for (const char32_t c : std::u32string(U"aß中7_\u0301\u200DⒶⅣ\u203F")) CHECK(is_word(c));
  for (const char32_t c : std::u32string(U" -½!\u00A0😀")) CHECK_FALSE(is_word(c));
}

TEST_CASE("the valid part of a damaged text ends at the first wrong byte") {
  CHECK(valid_utf8_prefix("abc") == 3);
  CHECK(valid_utf8_prefix("é\xFF") == 2);
  CHECK(valid_utf8_prefix("a\xC3") == 1);
  CHECK(valid_utf8_prefix("\xED\xA0\x80") == 0);      // a surrogate
  CHECK(valid_utf8_prefix("a\xC0\x80") == 1);         // overlong
  CHECK(valid_utf8_prefix("\xF4\x90\x80\x80") == 0);  // beyond U+10FFFF
  CHECK(valid_utf8_prefix("\xF0\x9F\x98\x80") == 4);
}

// The table of The Unicode Standard, chapter 3.9, "U+FFFD substitution of maximal subparts".
TEST_CASE("each maximal subpart that is not UTF-8 becomes one U+FFFD") {
  const std::string r = "\uFFFD";
  CHECK(lossy_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41") == r + r + r + r + r + r + r + r + "A");
  CHECK(lossy_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41") == r + r + r + r + r + r + r + r + "A");
  CHECK(lossy_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") == r + r + r + r + "A");
  CHECK(lossy_utf8("a\xF0\x9F\x98") == "a" + r);
  CHECK(lossy_utf8("ok é") == "ok é");
}
