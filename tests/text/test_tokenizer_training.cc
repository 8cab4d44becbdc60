// Training; merges are derived by hand from counts.
#include <algorithm>
#include <random>

#include "lib/base/error.h"
#include "lib/text/bpe_trainer.h"
#include "lib/text/tokenizer_config.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

Tokenizer trained(const std::vector<std::string>& texts, std::int32_t size) {
  const TrainedTokenizer out = train_bpe(texts, {.vocab_size = size, .pad = false});
  const Tokenizer tokenizer = Tokenizer::from_json(out.tokenizer_json, out.tokenizer_config_json, "trained");
  CHECK(tokenizer.vocab_size() == out.vocab_size);
  return Tokenizer::from_json(out.tokenizer_json, out.tokenizer_config_json, "trained");
}

// The tokens that training found, in order.
std::vector<std::string> found(const std::vector<std::string>& texts, std::int32_t size) {
  const Tokenizer tokenizer = trained(texts, size);
  std::vector<std::string> out;
  for (std::int32_t id = 256; id + 1 < tokenizer.vocab_size(); ++id) out.push_back(tokenizer.token_bytes(id));
  return out;
}

using Found = std::vector<std::string>;

}  // namespace

TEST_CASE("the most frequent pair is merged first, then that of the changed counts") {
  // "low" 3, " low" 2, " lower" 1: lo and ow 6 times each, so the smaller left id, l, decides: lo, then lo+w 6
  // times; then space+low 3 times; er, " low"+e and we once.
  CHECK(found({"low low low", "low", "low lower"}, 300) == Found{"lo", "low", " low"});
}

TEST_CASE("among pairs of equal count the one with the smallest left and then right id is merged") {
  CHECK(found({"zy", "zy", "ab", "ab", "ac", "ac"}, 300) == Found{"ab", "ac", "zy"});
}

TEST_CASE("a pair that overlaps itself is merged from the left") {
  // aaaaa: aa is seen four times, becomes (aa)(aa)a; then aa+aa and aa+a once each, twice over both texts.
  CHECK(found({"aaaaa", "aaaaa"}, 300) == Found{"aa", "aaa", "aaaaa"});
}

TEST_CASE("training stops at the size asked for, and at pairs that occur once") {
  CHECK(found({"abcd abcd"}, 258) == Found{"ab"});
  CHECK(found({"abcd abcd"}, 257).empty());
  CHECK(found({"xyz"}, 300).empty());
  CHECK(found({}, 300).empty());
  CHECK(train_bpe(std::vector<std::string>{"abab abab"}, {.vocab_size = 259}).vocab_size == 259);
}

TEST_CASE("merges do not cross words, and the ending token is neither learnt nor crossed") {
  CHECK(found({"a b", "a b"}, 300) == Found{" b"});
  CHECK(found({"q<|endoftext|>q<|endoftext|>q<|endoftext|>"}, 300).empty());
  CHECK(found({"ab<|endoftext|>ab"}, 300) == Found{"ab"});
}

TEST_CASE("a trained tokenizer merges what it has learnt, and its last id ends a text") {
  const Tokenizer tokenizer = trained({"low low low", "low", "low lower"}, 300);
  CHECK(tokenizer.encode("low lower<|endoftext|>") == Ids{257, 258, 68, 81, 259});
  CHECK(tokenizer.eos_id() == 259);
  CHECK(tokenizer.bos_id() == 259);
  CHECK(tokenizer.pad_id() == -1);
  CHECK(tokenizer.is_special(259));
  CHECK(tokenizer.decode(Ids{257, 259}, true) == "low");
}

TEST_CASE("quotes and backslashes survive the trained file") {
  CHECK(found({"\\\\\" \\\\\""}, 260) == Found{"\\\"", "\\\\\""});  // the quote has the smaller id
}

TEST_CASE("training depends neither on the order of the texts nor on how often it is run") {
  std::vector<std::string> texts;
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (int word = 0; word < 20; ++word) {
      text += ' ';
      for (unsigned n = 1 + random() % 6; n > 0; --n) text += "abcde"[random() % 5];
    }
    texts.push_back(text);
  }
  const TrainedTokenizer first = train_bpe(texts, {.vocab_size = 600});
  CHECK(first.vocab_size == 600);
  CHECK(train_bpe(texts, {.vocab_size = 600}).tokenizer_json == first.tokenizer_json);
  std::reverse(texts.begin(), texts.end());
  CHECK(train_bpe(texts, {.vocab_size = 600}).tokenizer_json == first.tokenizer_json);
  const Tokenizer tokenizer = Tokenizer::from_json(first.tokenizer_json, first.tokenizer_config_json, "f");
  for (const std::string& text : texts) CHECK(tokenizer.decode(tokenizer.encode(text), false) == text);
}

namespace {

// The definition, literally: recount all pairs before each merge.
Found slow_training(const std::vector<std::string>& words, std::size_t merges) {
  std::vector<std::vector<std::string>> split;
  for (const std::string& word : words) {
    split.emplace_back();
    for (const char c : word) split.back().emplace_back(1, c);
  }
  Found found_tokens;
  std::vector<std::string> order;  // tokens by id; letters first, as in the order of bytes
  for (char c = 'a'; c <= 'z'; ++c) order.emplace_back(1, c);
  const auto id = [&](const std::string& token) {
    return std::find(order.begin(), order.end(), token) - order.begin();
  };
  while (found_tokens.size() < merges) {
    std::vector<std::pair<std::pair<long, long>, int>> counts;
    for (const auto& word : split) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        const std::pair<long, long> pair{id(word[i]), id(word[i + 1])};
        auto at = std::find_if(counts.begin(), counts.end(), [&](const auto& c) { return c.first == pair; });
        if (at == counts.end()) at = counts.insert(at, {pair, 0});
        ++at->second;
      }
    }
    const auto before = [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    };
    const auto best = std::min_element(counts.begin(), counts.end(), before);
    if (best == counts.end() || best->second < 2) break;
    const std::string left = order[static_cast<std::size_t>(best->first.first)];
    const std::string right = order[static_cast<std::size_t>(best->first.second)];
    if (std::find(order.begin(), order.end(), left + right) == order.end()) {
      order.push_back(left + right);
      found_tokens.push_back(left + right);
    }
    for (auto& word : split) {
      for (std::size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] != left || word[i + 1] != right) continue;
        word[i] += right;
        word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
  }
  return found_tokens;
}

}  // namespace

TEST_CASE("merges are those of counting all pairs anew each time") {
  std::mt19937 random(11);
  for (int corpus = 0; corpus < 30; ++corpus) {
    std::vector<std::string> words(40);
    for (std::string& word : words) {
      for (unsigned n = 1 + random() % 12; n > 0; --n) word += "abc"[random() % (corpus % 2 == 0 ? 2 : 3)];
    }
    CHECK(found(words, 256 + 60 + 1) == slow_training(words, 60));
  }
}

TEST_CASE("a word beyond a kibibyte is learnt in pieces, without end of time") {
  std::string text;
  std::mt19937 random(2);
  for (int i = 0; i < 200000; ++i) text += static_cast<char>('a' + random() % 26);
  CHECK(trained({text}, 1000).vocab_size() == 1000);
  // 1024 a's, then b's: the pair ab is on the split both times.
  const std::string cut = std::string(1024, 'a') + "b";
  const Found tokens = found({cut, cut}, 300);
  CHECK(std::find(tokens.begin(), tokens.end(), "ab") == tokens.end());
}

TEST_CASE("a vocabulary too small for the bytes, and a text that is not UTF-8, are refused") {
  const std::vector<std::string> texts = {"fine", "ab\xFF"};
  CHECK(message_of([&] { train_bpe(texts, {.vocab_size = 300}); }) == "text 1 is not UTF-8 at byte 2");
  CHECK(message_of([&] { train_bpe({}, {.vocab_size = 257}); }) ==
        "a vocabulary of 257 is too small: 256 bytes, <|endoftext|> and <|pad|> are 258");
  CHECK(message_of([&] { train_bpe({}, {.vocab_size = 256, .pad = false}); }) ==
        "a vocabulary of 256 is too small: 256 bytes and <|endoftext|> are 257");
  try {
    train_bpe({}, {.vocab_size = 256});
  } catch (const Error& error) {
    CHECK(error.status() == Exit::kUsage);
  }
}

TEST_CASE("the last id is <|pad|>, behind <|endoftext|>, and neither is learnt") {
  const std::vector<std::string> texts = {"low low low<|pad|>low", "low", "low lower<|endoftext|>low"};
  const TrainedTokenizer out = train_bpe(texts, {.vocab_size = 261});
  const Tokenizer tokenizer = Tokenizer::from_json(out.tokenizer_json, out.tokenizer_config_json, "trained");
  CHECK(out.vocab_size == 261);
  CHECK(tokenizer.vocab_size() == 261);
  CHECK(tokenizer.encode("low low<|endoftext|><|pad|>") == Ids{257, 258, 259, 260});
  CHECK(tokenizer.eos_id() == 259);
  CHECK(tokenizer.bos_id() == 259);
  CHECK(tokenizer.pad_id() == 260);
  CHECK(tokenizer.is_special(260));
  CHECK(train_bpe(std::vector<std::string>{"<|pad|><|pad|>"}, {.vocab_size = 300}).vocab_size == 258);
}

TEST_CASE("each family's tokenizer is one that its class in transformers loads to the same ids") {
  const std::vector<std::string> texts = {"e\u0301 e\u0301 12 12 12 12"};  // Qwen's digits are words of their own
  const auto encode = [&](const char* family, const std::string& text) {
    const TrainedTokenizer out = train_bpe(texts, {.vocab_size = 300, .family = family});
    const std::string model = std::string("{\"model_type\":\"") + family + "\"}";
    const Tokenizer alone = Tokenizer::from_json(out.tokenizer_json, out.tokenizer_config_json, "trained");
    const Tokenizer loaded =
        Tokenizer::from_files({out.tokenizer_json, out.tokenizer_config_json, {}, {}, model}, "trained");
    CHECK(loaded.digest() == alone.digest());
    CHECK(loaded.vocab_size() == out.vocab_size);
    CHECK(loaded.pad_id() == out.vocab_size - 1);
    CHECK(loaded.eos_id() == out.vocab_size - 2);
    CHECK(loaded.bos_id() == out.vocab_size - 2);
    return loaded.encode(text);
  };
  for (const char* family : {"gpt2", "llama", "mistral"}) {
    CHECK(encode(family, "e\u0301").size() == 2);  // e, and the accent's two bytes as one token
    CHECK(encode(family, " 12").size() == 1);
  }
  for (const char* family : {"gpt_neox", "qwen2", "qwen3"}) CHECK(encode(family, "e\u0301") == encode(family, "é"));
  CHECK(encode("gpt_neox", "e\u0301").size() == 1);
  CHECK(encode("gpt_neox", " 12").size() == 1);
  CHECK(encode("qwen2", "e\u0301").size() == 1);
  CHECK(encode("qwen2", " 12").size() == 3);
  CHECK(encode("qwen3", " 12").size() == 3);
}
