// Added tokens, templates, and the names of the configuration.
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

TokenizerFixture with_added(const std::string& options, const std::string& content = "<x>") {
  TokenizerFixture fixture;
  fixture.added = R"([{"id":0,"content":")" + content + "\"" + options + "}]";
  return fixture;
}

}  // namespace

TEST_CASE("an added token is found in a text, and the words beside it are apart") {
  const TokenizerFixture fixture = with_added("");
  CHECK(fixture.encode("a<x>b") == Ids{64, 256, 65});
  CHECK(fixture.encode("<x><x>") == Ids{256, 256});
  CHECK(fixture.encode("<x") == Ids{27, 87});
  CHECK(fixture.encode("a <x> b") == Ids{64, 220, 256, 220, 65});
  CHECK(fixture.make().vocab_size() == 257);
}

TEST_CASE("an added token that the vocabulary holds keeps its id, others get the next ones whatever the file says") {
  TokenizerFixture fixture;
  fixture.more_tokens = {"<old>"};
  fixture.added = R"([{"id":900,"content":"<new>"},{"id":3,"content":"<old>"},{"id":5,"content":"<newer>"},
                      {"id":6,"content":"<new>"},{"id":7,"content":""}])";
  CHECK(fixture.encode("<old><new><newer>") == Ids{256, 257, 258});
  CHECK(fixture.make().vocab_size() == 259);
}

TEST_CASE("of a token that is added again the last fields hold, but special it stays") {  // as tokenizers 0.23
  TokenizerFixture fixture;
  fixture.added = R"([{"id":256,"content":"<x>","special":true},{"id":257,"content":"<x>","lstrip":true}])";
  CHECK(fixture.encode("a <x>") == Ids{64, 256});
  CHECK(fixture.make().is_special(256));
  CHECK(fixture.make().vocab_size() == 257);
}

TEST_CASE("the leftmost added token is taken, and the longest that starts there") {
  TokenizerFixture fixture;
  fixture.added = R"([{"content":"aa"},{"content":"aab"},{"content":"bc"},{"content":"aabcd"}])";
  CHECK(fixture.encode("aab") == Ids{257});
  CHECK(fixture.encode("aabc") == Ids{257, 66});  // aab, then c
  CHECK(fixture.encode("abc") == Ids{64, 258});
  CHECK(fixture.encode("aaa") == Ids{256, 64});
  CHECK(fixture.encode("aabcd") == Ids{259});
}

TEST_CASE("lstrip takes the white space before, rstrip the white space behind") {
  CHECK(with_added(R"(,"lstrip":true)").encode("a \n<x> b") == Ids{64, 256, 220, 65});
  CHECK(with_added(R"(,"rstrip":true)").encode("a <x> \u3000b") == Ids{64, 220, 256, 65});
  CHECK(with_added(R"(,"lstrip":true,"rstrip":true)").encode(" <x> <x> ") == Ids{256, 256});
}

TEST_CASE("a single word is found only where no word character touches it") {
  const TokenizerFixture fixture = with_added(R"(,"single_word":true)", "hi");
  CHECK(fixture.encode("hi") == Ids{256});
  CHECK(fixture.encode("!hi.") == Ids{0, 256, 13});
  CHECK(fixture.encode("ahi") == Ids{64, 71, 72});
  CHECK(fixture.encode("hi_") == Ids{71, 72, 62});
  CHECK(fixture.encode("hi\u0301") == Ids{71, 72, 136, 223});  // 0xCC 0x81, a mark
  CHECK(with_added("", "hi").encode("ahi") == Ids{64, 256});
}

TEST_CASE("a normalized token is looked for in the normalized text, others in the text as it is") {
  TokenizerFixture fixture = with_added(R"(,"normalized":true)", "e\u0301");
  fixture.normalizer = R"({"type":"NFC"})";
  CHECK(fixture.encode("aé") == Ids{64, 256});
  CHECK(fixture.encode("ae\u0301") == Ids{64, 256});
  fixture.added = "[{\"content\":\"e\u0301\",\"normalized\":false}]";
  CHECK(fixture.encode("aé") == Ids{64, 127, 102});
  CHECK(fixture.encode("ae\u0301") == Ids{64, 256});
  fixture.normalizer = "null";
  CHECK(fixture.encode("aé") == Ids{64, 127, 102});
}

TEST_CASE("tokens that are not normalized are found before those that are") {
  TokenizerFixture fixture;
  fixture.added = R"([{"content":"abc","normalized":true},{"content":"c","normalized":false}])";
  CHECK(fixture.encode("abc") == Ids{64, 65, 66});  // not 256
}

TEST_CASE("a token is normalized where the file does not say, unless it is special") {
  TokenizerFixture fixture;
  fixture.normalizer = R"({"type":"NFC"})";
  fixture.added = "[{\"content\":\"e\u0301\"}]";
  CHECK(fixture.encode("é") == Ids{256});
  fixture.added = "[{\"content\":\"e\u0301\",\"special\":true}]";
  CHECK(fixture.encode("é") == Ids{127, 102});
}

TEST_CASE("NFC in a Sequence composes a text before it is encoded") {
  TokenizerFixture fixture;
  CHECK(fixture.encode("e\u0301") == Ids{68, 136, 223});
  fixture.normalizer = R"({"type":"Sequence","normalizers":[{"type":"NFC"}]})";
  CHECK(fixture.encode("e\u0301") == Ids{127, 102});
}

TEST_CASE("special tokens are left out of decoding on request, others never") {
  TokenizerFixture fixture;
  fixture.added = R"([{"content":"<s>","special":true},{"content":"<t>","special":false}])";
  const Tokenizer tokenizer = fixture.make();
  CHECK(tokenizer.decode(Ids{256, 64, 257}, false) == "<s>a<t>");
  CHECK(tokenizer.decode(Ids{256, 64, 257}, true) == "a<t>");
  CHECK(tokenizer.is_special(256));
  CHECK_FALSE(tokenizer.is_special(257));
}

TEST_CASE("a template puts its tokens around a text, on request only") {
  TokenizerFixture fixture = with_added(R"(,"special":true)");
  fixture.post_processor = R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<x>","type_id":0}},
    {"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"<x>","type_id":0}}],"pair":[],
    "special_tokens":{"<x>":{"id":"<x>","ids":[256,7],"tokens":["<x>","("]}}})";
  const Tokenizer tokenizer = fixture.make();
  CHECK(tokenizer.encode("a", true) == Ids{256, 7, 64, 256, 7});
  CHECK(tokenizer.encode("a", false) == Ids{64});
  CHECK(tokenizer.encode("a") == Ids{64});
  CHECK(tokenizer.encode("", true) == Ids{256, 7, 256, 7});
  const std::string one = fixture.post_processor;
  fixture.post_processor = R"({"type":"Sequence","processors":[{"type":"ByteLevel"},)" + one + "]}";
  CHECK(fixture.make().encode("a", true) == Ids{256, 7, 64, 256, 7});
}

TEST_CASE("BertProcessing and RobertaProcessing put a token before a text and one behind it") {
  for (const char* type : {"BertProcessing", "RobertaProcessing"}) {
    TokenizerFixture fixture;
    fixture.post_processor = std::string(R"({"type":")") + type + R"(","sep":["b",65],"cls":["a",64]})";
    CHECK(fixture.make().encode("c", true) == Ids{64, 66, 65});
    CHECK(fixture.encode("c") == Ids{66});
  }
}

TEST_CASE("the configuration names the ending, beginning and padding tokens, as texts or objects") {
  TokenizerFixture fixture;
  fixture.added = R"([{"content":"<e>","special":true},{"content":"<b>","special":true}])";
  fixture.config = R"({"eos_token":"<e>","bos_token":{"content":"<b>","lstrip":false},"pad_token":"a"})";
  const Tokenizer tokenizer = fixture.make();
  CHECK(tokenizer.eos_id() == 256);
  CHECK(tokenizer.bos_id() == 257);
  CHECK(tokenizer.pad_id() == 64);
  CHECK(tokenizer.config_json() == fixture.config);
  CHECK(tokenizer.json() == fixture.json());
}

TEST_CASE("without a word of it the special token <|endoftext|> ends and begins, and null means none") {
  TokenizerFixture fixture = with_added(R"(,"special":true)", "<|endoftext|>");
  CHECK(fixture.make().eos_id() == 256);
  CHECK(fixture.make().bos_id() == 256);
  CHECK(fixture.make().pad_id() == -1);
  fixture.config = R"({"model_max_length":1024,"bos_token":null})";
  CHECK(fixture.make().eos_id() == 256);
  CHECK(fixture.make().bos_id() == -1);
  CHECK(TokenizerFixture().make().eos_id() == -1);
  CHECK(with_added("", "<|endoftext|>").make().eos_id() == -1);
}

TEST_CASE("the digest changes with anything that changes ids or texts") {
  TokenizerFixture base;
  base.merges = {{"a", "b"}, {"b", "c"}};
  base.added = R"([{"content":"<x>"}])";
  const std::string digest = base.make().digest();
  CHECK(digest.size() == 32);
  CHECK(base.make().digest() == digest);
  const auto changed = [&](auto&& change) {
    TokenizerFixture other = base;
    change(other);
    return other.make().digest() != digest;
  };
  CHECK(changed([](auto& f) { std::swap(f.merges[0], f.merges[1]); }));
  CHECK(changed([](auto& f) { f.merges[1] = {"b", "d"}; }));
  CHECK(changed([](auto& f) { f.more_tokens = {"more"}; }));
  for (const char* flag : {"special", "lstrip", "rstrip", "single_word"}) {
    const std::string added = std::string(R"([{"content":"<x>","normalized":true,")") + flag + "\":true}]";
    CHECK(changed([&](auto& f) { f.added = added; }));
  }
  CHECK(changed([](auto& f) { f.added = R"([{"content":"<x>","normalized":false}])"; }));
  CHECK(changed([](auto& f) { f.added = "[]"; }));
  CHECK(changed([](auto& f) { f.normalizer = R"({"type":"NFC"})"; }));
  CHECK(changed([](auto& f) { f.decoder = "null"; }));
  CHECK(changed([](auto& f) { f.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":true})"; }));
  CHECK(
      changed([](auto& f) { f.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":false})"; }));
  CHECK(changed([](auto& f) {
    f.post_processor = R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"s"}},{"Sequence":{"id":"A"}}],
      "special_tokens":{"s":{"ids":[1]}}})";
  }));
  CHECK(changed([](auto& f) { f.model_options = "\"ignore_merges\":true,"; }));
  CHECK(changed([](auto& f) { f.model_options = "\"unk_token\":\"a\","; }));
  CHECK(changed([](auto& f) { f.model_options = "\"fuse_unk\":true,"; }));
  CHECK(changed([](auto& f) { f.config = R"({"eos_token":"a"})"; }));  // is found in texts, then
  CHECK_FALSE(changed([](auto& f) { f.config = R"({"model_max_length":7})"; }));
  CHECK_FALSE(changed([](auto& f) { f.post_processor = R"({"type":"ByteLevel"})"; }));
}
