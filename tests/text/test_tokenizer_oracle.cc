// Against the reference engine's ids and texts.
#include <simdjson.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "lib/text/tokenizer.h"
#include "lib/text/unicode.h"
#include "tests/harness/goldens.h"

using namespace nudge;
using namespace nudge::test;

namespace {

const std::string kTree = "tests/goldens";

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::int32_t> ids_of(simdjson::dom::element record) {
  std::vector<std::int32_t> ids;
  for (const auto id : record["ids"].get_array()) ids.push_back(static_cast<std::int32_t>(std::int64_t(id)));
  return ids;
}

int lines_of(const std::string& path) {
  const std::string text = text_of(path);
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

// Every line of vectors/FAMILY.dev.jsonl.
void check_encode(const std::string& goldens, const Tokenizer& tokenizer, const std::string& family, bool add_special) {
  simdjson::dom::parser parser;
  std::map<std::string, int> wrong;
  int lines = 0;
  const std::string path = goldens + "/tok/vectors/" + family + ".dev.jsonl";
  for (auto record : parser.load_many(path)) {
    const std::string_view text = record["text"];
    ++lines;
    if (tokenizer.encode(text, add_special) != ids_of(record.value())) {
      const std::string cat{std::string_view(record["cat"])};
      if (wrong[cat]++ == 0) MESSAGE(family << ", " << cat << ": " << text.substr(0, 80));
    }
  }
  CHECK((lines > 0 && lines == lines_of(path)));
  CHECK(wrong.empty());
}

// Every line of vectors/FAMILY.decode.dev.jsonl: text, text without special tokens, the bytes of byte-level tokens.
void check_decode(const std::string& goldens, const Tokenizer& tokenizer, const std::string& family) {
  simdjson::dom::parser parser;
  int wrong = 0, lines = 0;
  const std::string path = goldens + "/tok/vectors/" + family + ".decode.dev.jsonl";
  for (auto record : parser.load_many(path)) {
    ++lines;
    const auto ids = ids_of(record.value());
    const std::string_view text = record["text"], skipped = record["text_skip_special"];
    std::string_view hex;
    const bool byte_level = record["bytes_hex"].get(hex) == simdjson::SUCCESS;
    std::string bytes;
    for (const auto id : ids) {
      for (const char c : tokenizer.token_bytes(id)) {
        bytes += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
        bytes += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
      }
    }
    if (tokenizer.decode(ids, false) != text || tokenizer.decode(ids, true) != skipped ||
        (byte_level && bytes != hex)) {
      if (wrong++ == 0) MESSAGE(family << ": " << text.substr(0, 80));
    }
  }
  CHECK((lines > 0 && lines == lines_of(path)));
  CHECK(wrong == 0);
}

void check_family(const std::string& goldens, const std::string& family) {
  const Tokenizer tokenizer = Tokenizer::load(goldens + "/tok/" + family);
  check_encode(goldens, tokenizer, family, false);
  check_decode(goldens, tokenizer, family);
}

}  // namespace

TEST_CASE("every vector of a small vocabulary of each kind is met, with and without the tokens of its template") {
  for (const std::string kind : {"gpt2", "gpt2-with-prefix", "llama2", "llama3", "mistral", "qwen3", "gpt_neox",
                                 "gemma", "phi3", "phi4", "granite", "olmo2", "opt"}) {
    CAPTURE(kind);
    check_family(kTree, kind);
    check_encode(kTree, Tokenizer::load(kTree + "/tok/" + kind), kind + ".whole", true);
  }
}

TEST_CASE("every vector is met with merges written as strings, and the digest is the same") {
  const Tokenizer tokenizer = Tokenizer::load(kTree + "/tok/oldmerges");
  check_encode(kTree, tokenizer, "gpt2", false);
  check_decode(kTree, tokenizer, "gpt2");
  CHECK(tokenizer.digest() == Tokenizer::load(kTree + "/tok/gpt2").digest());
}

TEST_CASE("every vector of GPT-2 is met") {
  NEED_ORACLE(oracle);
  check_family(oracle, "gpt2");
}

TEST_CASE("every vector of GPT-2 is met from the newer way to write the same file, which has the same digest") {
  NEED_ORACLE(oracle);
  const Tokenizer tokenizer = Tokenizer::from_json(text_of(oracle + "/tok/gpt2/tokenizer.newstyle.json"), "", "gpt2");
  check_encode(oracle, tokenizer, "gpt2", false);
  check_decode(oracle, tokenizer, "gpt2");
  CHECK(tokenizer.digest() == Tokenizer::load(oracle + "/tok/gpt2").digest());
}

TEST_CASE("every vector of the bytes alone is met") {
  for (const std::string& goldens : golden_folders()) check_family(goldens, "bytes256");
}

TEST_CASE("every vector of a small vocabulary is met") {
  NEED_ORACLE(oracle);
  check_family(oracle, "tiny");
}

TEST_CASE("every vector of a small vocabulary is met with merges written as strings, and the digest is the same") {
  NEED_ORACLE(oracle);
  const Tokenizer tokenizer = Tokenizer::load(oracle + "/tok/tiny-oldmerges");
  check_encode(oracle, tokenizer, "tiny", false);
  check_decode(oracle, tokenizer, "tiny");
  CHECK(tokenizer.digest() == Tokenizer::load(oracle + "/tok/tiny").digest());
}

TEST_CASE("every vector of a vocabulary with a template is met, with and without its tokens") {
  NEED_ORACLE(oracle);
  const Tokenizer tokenizer = Tokenizer::load(oracle + "/tok/tiny-template");
  check_encode(oracle, tokenizer, "tiny-template", true);
  check_encode(oracle, tokenizer, "tiny", false);
  check_decode(oracle, tokenizer, "tiny-template");
  CHECK(tokenizer.digest() != Tokenizer::load(oracle + "/tok/tiny").digest());
}

TEST_CASE("every vector of Qwen 3 is met: NFC, a Split expression, many added tokens") {
  NEED_ORACLE(oracle);
  check_family(oracle, "qwen3");
  const Tokenizer tokenizer = Tokenizer::load(oracle + "/tok/qwen3");
  CHECK(tokenizer.vocab_size() == 151669);
  CHECK(tokenizer.token_bytes(tokenizer.eos_id()) == "<|im_end|>");
  CHECK(tokenizer.bos_id() == -1);
  CHECK(tokenizer.token_bytes(tokenizer.pad_id()) == "<|endoftext|>");
}

TEST_CASE("every vector of a vocabulary of characters is met: most characters are their bytes' tokens") {
  NEED_ORACLE(oracle);
  check_encode(oracle, Tokenizer::load(oracle + "/model/stories260K"), "stories260K", true);
}

namespace {

// For how many characters `member` differs from the ranges of unicode/NAME.ranges.txt.
template <class F>
int differences(const std::string& goldens, const std::string& name, F&& member) {
  std::vector<bool> wanted(0x110000);
  std::ifstream in(goldens + "/tok/unicode/" + name + ".ranges.txt");
  std::string line;
  int ranges = 0, wrong = 0;
  while (std::getline(in, line)) {
    ++ranges;
    const std::size_t last = std::stoul(line.substr(line.find("..") + 2), nullptr, 16);
    for (std::size_t c = std::stoul(line, nullptr, 16); c <= last; ++c) wanted[c] = true;
  }
  CHECK(ranges > 5);
  for (std::uint32_t c = 0; c < 0x110000; ++c) wrong += member(c) != wanted[c];
  return wrong;
}

// How many single characters are composed otherwise than unicode/nfc.tsv says.
int differently_composed(const std::string& goldens) {
  std::map<std::uint32_t, std::string> listed;
  std::ifstream in(goldens + "/tok/unicode/nfc.tsv");
  std::string line;
  while (std::getline(in, line)) {
    std::string& composed = listed[static_cast<std::uint32_t>(std::stoul(line, nullptr, 16))];
    for (std::size_t at = line.find('\t'); at != line.npos; at = line.find(' ', at + 1)) {
      append_utf8(static_cast<std::uint32_t>(std::stoul(line.substr(at + 1), nullptr, 16)), composed);
    }
  }
  CHECK(listed.size() > 1000);
  int wrong = 0;
  for (std::uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(c, text);
    wrong += nfc(text) != (listed.count(c) != 0 ? listed[c] : text);
  }
  return wrong;
}

}  // namespace

TEST_CASE("the classes of all characters are the reference engine's") {
  const CharClasses& classes = CharClasses::get();
  for (const std::string& goldens : golden_folders()) {
    CHECK(differences(goldens, "L", [&](std::uint32_t c) { return classes[c] == CharClass::kLetter; }) == 0);
    CHECK(differences(goldens, "N", [&](std::uint32_t c) { return classes[c] == CharClass::kNumber; }) == 0);
    CHECK(differences(goldens, "s", [&](std::uint32_t c) { return classes[c] == CharClass::kSpace; }) == 0);
    CHECK(differences(goldens, "digits", is_numeric) == 0);
  }
}

TEST_CASE("NFC of every single character is the reference engine's") {
  for (const std::string& goldens : golden_folders()) CHECK(differently_composed(goldens) == 0);
}
