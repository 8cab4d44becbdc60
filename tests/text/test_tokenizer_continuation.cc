// Continuations: ids without the prefix of a text's start, and what a response's ids add to a prompt's text.
#include <simdjson.h>

#include "lib/text/unicode.h"
#include "tests/harness/goldens.h"
#include "tests/text/characters_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

Ids byte_tokens(std::string_view bytes) {
  Ids ids;
  for (const char c : bytes) ids.push_back(3 + static_cast<unsigned char>(c));
  return ids;
}

Ids bytes_of_gpt2(std::string_view bytes) {
  Ids ids;
  for (const char c : bytes) {
    for (int rank = 0; rank < 256; ++rank) {
      if (byte_level_order(rank) == static_cast<unsigned char>(c)) ids.push_back(rank);
    }
  }
  return ids;
}

}  // namespace

TEST_CASE("a continuation gets no space of Prepend in front, what follows an added token in it does") {
  const CharactersFixture fixture;
  const Tokenizer tokenizer = fixture.make();
  CHECK(tokenizer.encode("a") == Ids{265});
  CHECK(tokenizer.encode_continuation("a") == Ids{260});
  CHECK(tokenizer.encode_continuation(" a") == Ids{265});
  CHECK(tokenizer.encode_continuation("  a") == Ids{259, 265});
  CHECK(tokenizer.encode_continuation("abc abc") == Ids{260, 266, 267});
  CHECK(tokenizer.encode_continuation("a<s>a") == Ids{260, 1, 265});
  CHECK(tokenizer.encode_continuation("<s>a") == Ids{1, 265});
  CHECK(tokenizer.encode_continuation("").empty());
  CHECK(message_of([&] { tokenizer.encode_continuation("a\xFF"); }) == "the text is not UTF-8 at byte 1");
}

TEST_CASE("a continuation has its normalized added tokens where they have a space, as amid a text") {
  CharactersFixture fixture;
  fixture.added = R"([{"content":"<s>","special":true,"normalized":true}])";
  const Tokenizer tokenizer = fixture.make();
  CHECK(tokenizer.encode_continuation(" <s>a") == Ids{1, 260});
  CHECK(tokenizer.encode_continuation("<s>") == byte_tokens("<s>"));
}

TEST_CASE("a continuation gets no character of Metaspace in front, with either scheme") {
  const Tokenizer always = metaspace(R"("prepend_scheme":"always","split":true)").make();
  CHECK(always.encode("a a<s>a") == Ids{265, 265, 1, 265});
  CHECK(always.encode_continuation("a a<s>a") == Ids{260, 265, 1, 265});
  CHECK(always.encode_continuation(" a") == Ids{265});
  const Tokenizer first = metaspace(R"("prepend_scheme":"first","split":false)").make();
  CHECK(first.encode("a a<s>a") == Ids{265, 265, 1, 260});
  CHECK(first.encode_continuation("a a<s>a") == Ids{260, 265, 1, 260});
}

TEST_CASE("a continuation gets no space of ByteLevel in front, later pieces do") {
  TokenizerFixture fixture;
  fixture.pre_tokenizer = R"({"type":"ByteLevel","add_prefix_space":true})";
  fixture.added = R"([{"content":"<x>"}])";  // 256
  CHECK(fixture.make().encode("a<x>a") == Ids{220, 64, 256, 220, 64});
  CHECK(fixture.make().encode_continuation("a<x>a") == Ids{64, 256, 220, 64});
  CHECK(fixture.make().encode_continuation(" a") == Ids{220, 64});
  fixture.pre_tokenizer = R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},
    {"type":"ByteLevel","add_prefix_space":true}]})";
  CHECK(fixture.make().encode("a1") == Ids{220, 64, 220, 16});
  CHECK(fixture.make().encode_continuation("a1") == Ids{64, 220, 16});
}

TEST_CASE("what a response adds to a prompt's text, of bytes") {
  TokenizerFixture fixture;
  fixture.added = R"([{"content":"<x>","special":true}])";  // 256
  const Tokenizer tokenizer = fixture.make();
  const auto behind = [&](std::string_view prompt, std::string_view response) {
    return tokenizer.decode_continuation(bytes_of_gpt2(prompt), bytes_of_gpt2(response));
  };
  CHECK(behind("a little", " girl") == " girl");
  CHECK(behind("", " girl") == " girl");
  CHECK(behind("a\xC3\xA9\xF0\x9F", "\x91\x8D!") == "👍!");  // the response completes a character
  CHECK(behind("a\xF0\x9F", "") == "");
  CHECK(behind("a\xF0\x9F", "!") == "!");      // one U+FFFD, the prompt's
  CHECK(behind("a\xF0\x9F", "\x91!") == "!");  // a longer beginning, still one
  CHECK(behind("a\xF0\x9F", "\xF0\x9F\x91\x8D") == "👍");
  CHECK(behind("\xEF\xBF", "\xBD") == "\uFFFD");  // a true U+FFFD
  CHECK(behind("a\xFF", "\xFF") == "\uFFFD");
  CHECK(behind("a\xED\xA0", "\x80") == "\uFFFD");  // no character begins like this
  CHECK(behind("\xE1", "\x80\x80") == "\u1000");
  CHECK(tokenizer.decode_continuation(Ids{64, 256}, Ids{256, 65, 256}) == "b");
  CHECK(tokenizer.decode_continuation(Ids{64, -1, 300}, Ids{300, 65}) == "b");
}

TEST_CASE("what a response adds to a prompt's text, of characters with byte fallback") {
  const Tokenizer tokenizer = CharactersFixture().make();
  const auto joined = [](Ids ids, const Ids& more) {
    ids.insert(ids.end(), more.begin(), more.end());
    return ids;
  };
  CHECK(tokenizer.decode_continuation(Ids{1, 265}, Ids{265, 2}) == " a");  // decode() alone takes its space away
  CHECK(tokenizer.decode_continuation(Ids{1}, Ids{265}) == "a");
  CHECK(tokenizer.decode_continuation(Ids{259}, Ids{265}) == " a");
  CHECK(tokenizer.decode_continuation(Ids{1, 265}, Ids{}) == "");
  const Ids prompt = joined({1, 265}, byte_tokens("\xC3\xBC\xF0\x9F"));  // aü and half of 👍
  CHECK(tokenizer.decode(prompt, true) == "a\uFFFD\uFFFD\uFFFD\uFFFD");
  CHECK(tokenizer.decode_continuation(prompt, joined(byte_tokens("\x91\x8D"), {260})) == "👍a");
  CHECK(tokenizer.decode_continuation(prompt, joined(byte_tokens("\x91"), {260})) == "\uFFFDa");
  CHECK(tokenizer.decode_continuation(prompt, Ids{260}) == "a");
  CHECK(tokenizer.decode_continuation(prompt, Ids{}) == "");
  const Ids good = joined({1, 265}, byte_tokens("ü"));
  CHECK(tokenizer.decode_continuation(good, byte_tokens("ü")) == "ü");
  CHECK(tokenizer.decode_continuation(good, byte_tokens("\xFF")) == "\uFFFD");  // ü becomes two of them, the prompt's
  CHECK(tokenizer.decode_continuation(byte_tokens("\xEF\xBF"), byte_tokens("\xBD")) == "\uFFFD");
}

TEST_CASE("what a response adds to a prompt's text, by decoders without byte fallback") {
  CharactersFixture fixture;
  fixture.decoder = R"({"type":"Metaspace","replacement":"▁"})";
  CHECK(fixture.make().decode_continuation(Ids{265}, Ids{265}) == " a");
  fixture.decoder = "null";
  CHECK(fixture.make().decode_continuation(Ids{260}, Ids{261}) == " b");
  TokenizerFixture bytes;
  bytes.decoder = R"({"type":"Sequence","decoders":[{"type":"ByteLevel"},{"type":"Fuse"}]})";
  CHECK(bytes.make().decode_continuation(bytes_of_gpt2("\xC3\xA9\xF0\x9F"), bytes_of_gpt2("\x91\x8D")) == "👍");
}

namespace {

void check_cuts(const std::string& folder) {
  CAPTURE(folder);
  const Tokenizer tokenizer = Tokenizer::load(folder);
  simdjson::dom::parser parser;
  const simdjson::dom::element golden = parser.load(folder + "/golden.json");
  const auto ids_of = [](simdjson::dom::element list) {
    Ids ids;
    for (const auto id : list.get_array()) ids.push_back(static_cast<std::int32_t>(std::int64_t(id)));
    return ids;
  };
  int cases = 0;
  for (const auto one : golden["cases"].get_array()) {
    const std::string_view prompt = one["prompt"], text = one["text"];
    const Ids prompt_ids = ids_of(one["prompt_ids"]), greedy_ids = ids_of(one["greedy_ids"]);
    const std::string_view response = text.substr(prompt.size());
    CHECK(tokenizer.decode_continuation(prompt_ids, greedy_ids) == response);
    Ids both = prompt_ids;
    for (const std::int32_t id : tokenizer.encode_continuation(response)) both.push_back(id);
    CHECK(both == tokenizer.encode(text, true));
    ++cases;
  }
  CHECK(cases > 5);
}

}  // namespace

TEST_CASE("prompts and responses of trained models are cut where transformers' texts are") {
  for (const std::string& folder : story_folders()) check_cuts(folder);
}
