// Merges, unknown bytes, and decoding; ids are derived by hand from the fixture's order.
#include <random>

#include "lib/base/error.h"
#include "lib/text/bpe.h"
#include "lib/text/unicode.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("without merges each byte is a token, in GPT-2's order") {
  const TokenizerFixture fixture;
  CHECK(fixture.encode("!a\n ~") == Ids{0, 64, 198, 220, 93});
  CHECK(fixture.encode("é") == Ids{127, 102});  // 0xC3 and 0xA9
  CHECK(fixture.encode("").empty());
}

TEST_CASE("the earliest merge goes first, and the leftmost pair among equals") {
  TokenizerFixture fixture;
  fixture.merges = {{"b", "c"}, {"a", "b"}, {"a", "bc"}, {"a", "a"}};  // 256 bc, 257 ab, 258 abc, 259 aa
  CHECK(fixture.encode("abc") == Ids{258});                            // bc before ab, then a + bc
  CHECK(fixture.encode("ab") == Ids{257});
  CHECK(fixture.encode("aaa") == Ids{259, 64});
  CHECK(fixture.encode("aaaa") == Ids{259, 259});
  CHECK(fixture.encode("aab") == Ids{64, 257});  // ab is earlier than aa
}

TEST_CASE("of a merge that is listed twice the later place counts") {
  TokenizerFixture fixture;
  fixture.merges = {{"a", "b"}, {"b", "c"}};
  std::string json = fixture.json();
  CHECK(Tokenizer::from_json(json, "", "f").encode("abc") == Ids{256, 66});
  json.replace(json.rfind("]]"), 2, "],[\"a\",\"b\"]]");
  CHECK(Tokenizer::from_json(json, "", "f").encode("abc") == Ids{64, 257});
}

TEST_CASE("merges stay inside of words") {
  TokenizerFixture fixture;
  fixture.merges = {{"a", "Ġ"}, {"Ġ", "a"}};
  CHECK(fixture.encode("a a") == Ids{64, 257});
}

namespace {

// The definition of byte-pair encoding, literally: repeatedly merge the leftmost pair of lowest rank.
Ids slow_bpe(Ids ids, const std::vector<BpeMerge>& merges) {
  for (;;) {
    std::size_t best = merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      for (std::size_t rank = 0; rank < best; ++rank) {
        if (merges[rank].left == ids[i] && merges[rank].right == ids[i + 1]) best = rank, at = i;
      }
    }
    if (best == merges.size()) return ids;
    ids[at] = merges[best].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

}  // namespace

TEST_CASE("words of every length from 0 to 120 bytes are merged as the definition says") {
  const std::vector<std::string> tokens = {"a",  "b",  "c",    "ab", "ca",  "abca",
                                           "aa", "bb", "aabb", "cc", "bcc", "abcaab"};
  const std::vector<BpeMerge> merges = {{0, 0, 6}, {6, 7, 8}, {1, 1, 7},  {0, 1, 3}, {2, 0, 4},
                                        {3, 4, 5}, {2, 2, 9}, {1, 9, 10}, {5, 3, 11}};
  const Bpe bpe(tokens, merges, {});
  std::mt19937 random(3);
  for (std::size_t length = 0; length <= 120; ++length) {
    for (int repeat = 0; repeat < 10; ++repeat) {
      std::string word;
      Ids ids, got;
      for (std::size_t i = 0; i < length; ++i) {
        ids.push_back(static_cast<int>(random() % 3));
        word += "abc"[ids.back()];
      }
      bpe.encode(word, got);
      CHECK(got == slow_bpe(ids, merges));
    }
  }
}

TEST_CASE("words of thousands of bytes are merged as the definition says, whatever the order of the merges") {
  const std::vector<std::string> tokens = {"a", "b", "c", "aa", "ab", "aaaa", "aab", "abc", "cabc", "bb"};
  const std::vector<BpeMerge> learnt = {{0, 0, 3}, {0, 1, 4}, {3, 3, 5}, {3, 1, 6}, {4, 2, 7}, {2, 7, 8}, {1, 1, 9}};
  std::vector<BpeMerge> turned = learnt, twice = learnt;
  std::swap(turned[2], turned[0]);  // aaaa is made before its parts are
  twice.push_back({0, 4, 6});       // aab is made in two ways, and again after it was a part
  twice.push_back({6, 2, 7});
  std::mt19937 random(5);
  for (const auto& merges : {learnt, turned, twice}) {
    const Bpe bpe(tokens, merges, {});
    for (const std::size_t length : {4095u, 4096u, 5000u}) {
      for (const unsigned letters : {1u, 2u, 3u}) {
        std::string word;
        Ids ids, got;
        for (std::size_t i = 0; i < length; ++i) {
          ids.push_back(static_cast<int>(random() % letters % 3 * (random() % 4 != 0)));  // a most often
          word += "abc"[ids.back()];
        }
        bpe.encode(word, got);
        CHECK(got == slow_bpe(ids, merges));
      }
    }
  }
}

TEST_CASE("a word that is a token is taken whole only where merges lead to it or are ignored") {
  TokenizerFixture fixture;
  fixture.merges = {{"a", "b"}};
  fixture.more_tokens = {"xyz"};
  CHECK(fixture.encode("xyz") == Ids{87, 88, 89});
  fixture.model_options = "\"ignore_merges\":true,";
  CHECK(fixture.encode("xyz") == Ids{257});
  CHECK(fixture.encode("ab") == Ids{256});
  CHECK(fixture.encode("abxyz") == Ids{256, 87, 88, 89});
}

TEST_CASE("bytes without a token are left out, or become the unknown token, one or one a run") {
  TokenizerFixture fixture;
  fixture.bytes = 94;  // the printable ASCII characters alone
  fixture.more_tokens = {"<unk>"};
  CHECK(fixture.encode("aéb") == Ids{64, 65});
  CHECK(fixture.encode("\n").empty());
  fixture.model_options = "\"unk_token\":\"<unk>\",";
  CHECK(fixture.encode("aéb") == Ids{64, 94, 94, 65});
  fixture.model_options += "\"fuse_unk\":true,";
  CHECK(fixture.encode("aéb") == Ids{64, 94, 65});
  CHECK(fixture.encode("aéébé") == Ids{64, 94, 65, 94});
}

TEST_CASE("an endless word takes no endless time") {
  TokenizerFixture fixture;
  fixture.merges = {{"a", "a"}, {"aa", "aa"}};
  const Tokenizer tokenizer = fixture.make();
  CHECK(tokenizer.encode(std::string(1000000, 'a')) == Ids(250000, 257));
  CHECK(tokenizer.encode(std::string(1000000, ' ')) == Ids(1000000, 220));
}

TEST_CASE("bytes that are not UTF-8 are decoded as U+FFFD, and characters come together across tokens") {
  const Tokenizer tokenizer = TokenizerFixture().make();
  CHECK(tokenizer.decode(Ids{127, 102}, false) == "é");
  CHECK(tokenizer.decode(Ids{127, 64}, false) == "\uFFFDa");
  CHECK(tokenizer.decode(Ids{127}, false) == "\uFFFD");
  CHECK(tokenizer.decode(Ids{}, false).empty());
  CHECK(tokenizer.token_bytes(127) == "\xC3");
}

TEST_CASE("ids without a token decode to nothing") {
  const Tokenizer tokenizer = TokenizerFixture().make();
  CHECK(tokenizer.decode(Ids{64, 256, 99999, -1, 65}, false) == "ab");
  CHECK(tokenizer.token_bytes(256).empty());
  CHECK(tokenizer.token_bytes(-1).empty());
  CHECK_FALSE(tokenizer.is_special(256));
  CHECK_FALSE(tokenizer.is_special(-1));
}

TEST_CASE("a token with a character that stands for no byte is decoded as it is written") {
  TokenizerFixture fixture;
  fixture.more_tokens = {"a b", "中é"};
  const Tokenizer tokenizer = fixture.make();
  CHECK(tokenizer.decode(Ids{256, 257}, false) == "a b中é");
  CHECK(tokenizer.token_bytes(165) == "\xE9");  // é alone is the character of byte 0xE9
}

TEST_CASE("without a decoder tokens are written as they are, with spaces between them") {
  TokenizerFixture fixture;
  fixture.decoder = "null";
  CHECK(fixture.make().decode(Ids{64, 220, 65}, false) == "a Ġ b");
}

TEST_CASE("a Sequence that holds the one decoder is that decoder") {
  TokenizerFixture fixture;
  fixture.decoder = R"({"type":"Sequence","decoders":[{"type":"ByteLevel"}]})";
  CHECK(fixture.make().decode(Ids{64, 220, 65}, false) == "a b");
}

TEST_CASE("encode and decode are a round trip for every character") {
  TokenizerFixture fixture;
  fixture.merges = {{"Ġ", "t"}, {"Ġt", "h"}};
  const Tokenizer tokenizer = fixture.make();
  std::string text;
  for (std::uint32_t c = 0; c < 0x11000; c += 7) {
    if (c < 0xD800 || c > 0xDFFF) text += " th", append_utf8(c, text);
  }
  CHECK(tokenizer.decode(tokenizer.encode(text), false) == text);
}

TEST_CASE("a text that is not UTF-8 is refused with the place") {
  const Tokenizer tokenizer = TokenizerFixture().make();
  CHECK(message_of([&] { tokenizer.encode("ab\xFFzz"); }) == "the text is not UTF-8 at byte 2");
  CHECK_THROWS_AS(tokenizer.encode("\xC3"), Error);
}

namespace {

// Only characters, without a decoder.
Tokenizer small(const std::string& vocab, const std::string& added = "[]", const std::string& options = "") {
  return Tokenizer::from_json(
      "{\"added_tokens\":" + added + ",\"model\":{\"vocab\":" + vocab + ",\"merges\":[]" + options + "}}", "", "f");
}

}  // namespace

TEST_CASE("ids may be left out of a vocabulary, and of equal texts the last holds") {  // as tokenizers 0.23
  const Tokenizer gap = small(R"({"a":0,"b":2})");
  CHECK(gap.encode("ab") == Ids{0, 2});
  CHECK(gap.vocab_size() == 3);
  CHECK(gap.decode(Ids{0, 1, 2, 7}, false) == "a b");
  CHECK(gap.token_bytes(1) == "");
  const Tokenizer twice = small(R"({"a":0,"b":1,"a":2})");
  CHECK(twice.encode("ab") == Ids{2, 1});
  CHECK(twice.decode(Ids{0, 1, 2}, false) == "b a");
}

TEST_CASE("where ids are left out, added tokens are numbered from the count of tokens") {  // as tokenizers 0.23
  const std::string added = R"([{"content":"<x>","special":true},{"content":"<y>","special":true}])";
  const Tokenizer near = small(R"({"a":0,"b":2})", added);
  CHECK(near.encode("ab<x><y>") == Ids{0, 2, 2, 3});
  CHECK(near.decode(Ids{2, 3, 0, 1}, true) == "a");
  CHECK(near.vocab_size() == 4);
  const Tokenizer far = small(R"({"a":0,"b":9})", added);
  CHECK(far.encode("ab<x><y>") == Ids{0, 9, 2, 3});
  CHECK(far.vocab_size() == 10);
}

TEST_CASE("an unk_token that the vocabulary lacks is an error where it is needed") {  // as tokenizers 0.23
  const Tokenizer tokenizer = small(R"({"a":0})", "[]", R"(,"unk_token":"<unk>")");
  CHECK(tokenizer.encode("a") == Ids{0});
  CHECK(message_of([&] { tokenizer.encode("ab"); }) ==
        "the text holds a character without a token, and the vocabulary lacks the unk_token for it");
}
