// Character BPE with byte fallback, SentencePiece's kind: Llama 2, TinyLlama, Mistral. Ids are derived by hand from the
// fixture's order, or by merging according to the definition.
#include <algorithm>
#include <map>
#include <random>

#include <simdjson.h>

#include "lib/text/unicode.h"
#include "tests/text/characters_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

Ids byte_ids(std::string_view bytes) {
  Ids ids;
  for (const char c : bytes) ids.push_back(3 + static_cast<unsigned char>(c));
  return ids;
}

Ids joined(const std::vector<Ids>& parts) {
  Ids all;
  for (const Ids& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

TEST_CASE("a text gets a space in front, and its characters are merged, spaces among them") {
  const CharactersFixture fixture;
  CHECK(fixture.encode("a") == Ids{265});
  CHECK(fixture.encode("abc") == Ids{267});
  CHECK(fixture.encode("abc abc") == Ids{267, 267});
  CHECK(fixture.encode("b") == Ids{259, 261});
  CHECK(fixture.encode(" a") == Ids{259, 265});  // ▁ + a is earlier than ▁ + ▁
  CHECK(fixture.encode("   b") == Ids{269, 261});
  CHECK(fixture.encode("aé中") == Ids{265, 263, 264});
  CHECK(fixture.encode("").empty());
  CHECK(fixture.make().vocab_size() == 270);
}

TEST_CASE("a character without a token is its bytes' tokens") {
  const CharactersFixture fixture;
  CHECK(fixture.encode("a\nb") == Ids{265, 13, 261});
  CHECK(fixture.encode("ü") == joined({Ids{259}, byte_ids("ü")}));
  CHECK(fixture.encode("a😀b") == joined({Ids{265}, byte_ids("😀"), Ids{261}}));
  CHECK(fixture.encode("<0x41>") == joined({Ids{259}, byte_ids("<0x41>")}));  // a text is never a byte token
}

namespace {

// UTF-8 by its definition.
std::string utf8(std::uint32_t c) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (c >> shift & 63)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | c >> 6), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | c >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0)};
}

}  // namespace

TEST_CASE("of all characters, those of the vocabulary are their token and all others their bytes' tokens") {
  for (const auto& characters : {std::vector<std::string>{"▁", "a", "b", "c", "é", "中"},
                                 std::vector<std::string>{"😀", "中", "▁", "\u0100", "\U0010FFFF"},
                                 {"▁"}}) {
    CharactersFixture fixture;
    fixture.characters = characters;
    fixture.merges = {};
    fixture.normalizer = "null";
    const Tokenizer tokenizer = fixture.make();
    std::map<std::string, std::int32_t> known;
    for (const std::string& c : characters) known.emplace(c, 259 + static_cast<std::int32_t>(known.size()));
    int wrong = 0;
    for (std::uint32_t c = 0; c < 0x110000; ++c) {
      if (c >= 0xD800 && c <= 0xDFFF) continue;
      const auto found = known.find(utf8(c));
      wrong += tokenizer.encode(utf8(c)) != (found != known.end() ? Ids{found->second} : byte_ids(utf8(c)));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("of all characters, each is its bytes in a vocabulary of bytes") {
  std::int32_t id_of[256];
  for (int rank = 0; rank < 256; ++rank) id_of[byte_level_order(rank)] = rank;
  const Tokenizer tokenizer = TokenizerFixture().make();
  int wrong = 0;
  for (std::uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    Ids ids;
    for (const char byte : utf8(c)) ids.push_back(id_of[static_cast<unsigned char>(byte)]);
    wrong += tokenizer.encode(utf8(c)) != ids || tokenizer.decode(ids, false) != utf8(c);
  }
  CHECK(wrong == 0);
}

TEST_CASE("where a byte has no token, its character is unknown: one token a run, or one each, or none") {
  CharactersFixture fixture;
  fixture.bytes = false;
  CHECK(fixture.encode("aüüb") == Ids{265, 0, 261});
  CHECK(fixture.encode("üaü") == Ids{259, 0, 260, 0});
  fixture.model_options = R"("unk_token":"<unk>","fuse_unk":false,"byte_fallback":true,)";
  CHECK(fixture.encode("aüüb") == Ids{265, 0, 0, 261});
  // As in the reference, byte tokens neither end a run nor wait for it.
  CHECK(fixture.encode("ü!b") == Ids{259, 3 + '!', 0, 261});
  fixture.model_options = R"("unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,)";
  CHECK(fixture.encode("ü!üb") == Ids{259, 3 + '!', 0, 261});
  fixture.model_options = R"("byte_fallback":true,)";
  CHECK(fixture.encode("aüb") == Ids{265, 261});
}

TEST_CASE("without byte fallback, the bytes' tokens are not used") {
  CharactersFixture fixture;
  fixture.model_options = R"("unk_token":"<unk>","fuse_unk":true,"byte_fallback":false,)";
  CHECK(fixture.encode("a\n\nb") == Ids{265, 0, 261});
}

TEST_CASE("bytes of a byte-level vocabulary fall back by the characters they are written in") {
  TokenizerFixture fixture;
  fixture.bytes = 94;  // the printable ASCII characters; é is written Ã©, bytes C3 83 C2 A9
  for (const int byte : {0xC3, 0x83, 0xC2, 0xA9}) fixture.more_tokens.push_back(CharactersFixture::byte_token(byte));
  CHECK(fixture.encode("aé").size() == 1);
  fixture.model_options = "\"byte_fallback\":true,";
  CHECK(fixture.encode("aé") == Ids{64, 94, 95, 96, 97});
}

TEST_CASE("with ignore_merges a text that is one token as a whole is that token") {
  CharactersFixture fixture;
  fixture.merges = {{"▁", "a"}, {"b", "c"}, {"a", "bc"}};  // 265 ▁a, 266 bc, 267 abc
  fixture.characters = {"▁", "a", "b", "c", "é", "▁abc"};
  // 264 is ▁abc, to which no merge leads.
  CHECK(fixture.encode("abc") == Ids{265, 266});
  fixture.model_options += R"("ignore_merges":true,)";
  CHECK(fixture.encode("abc") == Ids{264});
  CHECK(fixture.encode("abc abc") == Ids{265, 266, 265, 266});  // is not one token as a whole
}

TEST_CASE("each piece between added tokens gets its space with Prepend, tokens found in the text as it is get none") {
  const CharactersFixture fixture;
  CHECK(fixture.encode("<s>a") == Ids{1, 265});
  CHECK(fixture.encode("<s> a") == Ids{1, 259, 265});
  CHECK(fixture.encode("a</s>a") == Ids{265, 2, 265});
  CHECK(fixture.encode("<s></s>") == Ids{1, 2});
}

TEST_CASE("a normalized added token is looked for with the normalizer's space in front") {
  CharactersFixture fixture;
  fixture.added = R"([{"content":"<s>","special":true,"normalized":true},{"content":"<x>","normalized":false}])";
  CHECK(fixture.encode("<s>a") == Ids{1, 260});  // ▁<s>, then a alone
  CHECK(fixture.encode("a <s>a") == Ids{265, 1, 260});
  CHECK(fixture.encode("b<s>") == joined({Ids{259, 261}, byte_ids("<s>")}));  // no space, no token
  CHECK(fixture.encode("<x>b") == Ids{270, 259, 261});
}

TEST_CASE("added tokens take white space and mind words before the text is normalized") {
  CharactersFixture fixture;
  fixture.added = R"([{"content":"<l>","lstrip":true,"normalized":false},{"content":"<r>","rstrip":true,
    "normalized":false},{"content":"w","single_word":true,"normalized":false}])";  // 270, 271, 272
  CHECK(fixture.encode("a <l> a") == Ids{265, 270, 259, 265});
  CHECK(fixture.encode("a<r> a") == Ids{265, 271, 265});
  CHECK(fixture.encode("a w a") == Ids{265, 259, 272, 259, 265});
  CHECK(fixture.encode("aw") == joined({Ids{265}, byte_ids("w")}));
}

TEST_CASE("Metaspace puts its character before every piece, the first, or none") {
  const auto always = metaspace(R"("prepend_scheme":"always","split":false)");
  CHECK(always.encode("a<s>a") == Ids{265, 1, 265});
  CHECK(always.encode(" a") == Ids{265});  // begins with a space already
  CHECK(always.encode("<s> a<s>b") == Ids{1, 265, 1, 259, 261});
  const auto first = metaspace(R"("prepend_scheme":"first","split":false)");
  CHECK(first.encode("a<s>a") == Ids{265, 1, 260});
  CHECK(first.encode("<s>a") == Ids{1, 260});
  CHECK(first.encode("<s> a") == Ids{1, 265});
  CHECK(first.encode("bc") == Ids{259, 266});
  const auto never = metaspace(R"("prepend_scheme":"never","split":false)");
  CHECK(never.encode("a a<s>a") == Ids{260, 265, 1, 260});
}

TEST_CASE("Metaspace's space of the first piece is that of the text, not of what a normalized token leaves") {
  CharactersFixture first = metaspace(R"("prepend_scheme":"first","split":false)");
  first.added = R"([{"content":"<s>","normalized":true}])";
  CHECK(first.encode("a<s>a") == Ids{265, 1, 260});
  first.normalizer = R"({"type":"NFC"})";
  CHECK(first.encode("a<s>a") == Ids{265, 1, 260});
  CHECK(first.encode("e\u0301") == Ids{259, 263});
}

TEST_CASE("older files say add_prefix_space, and both at once have to agree") {
  CHECK(metaspace(R"("add_prefix_space":true)").encode("a<s>a") == Ids{265, 1, 265});
  CHECK(metaspace(R"("add_prefix_space":false)").encode("a") == Ids{260});
  CHECK(metaspace(R"("add_prefix_space":true,"prepend_scheme":"first")").encode("a<s>a") == Ids{265, 1, 260});
  CHECK(metaspace(R"("add_prefix_space":false,"prepend_scheme":"never")").encode("a") == Ids{260});
  CHECK(message_of([] { metaspace(R"("add_prefix_space":false,"prepend_scheme":"first")").make(); }) ==
        "folder/tokenizer.json: add_prefix_space of Metaspace contradicts its prepend_scheme \"first\"");
}

TEST_CASE("Metaspace cuts before each of its characters unless told not to") {
  CHECK(metaspace(R"("prepend_scheme":"always")").encode("    b") == Ids{259, 259, 259, 259, 261});
  CHECK(metaspace(R"("prepend_scheme":"always","split":true)").encode("  a") == Ids{259, 265});
  CHECK(metaspace(R"("prepend_scheme":"always","split":false)").encode("    b") == Ids{269, 261});
  CHECK(metaspace(R"("prepend_scheme":"never")").encode("a ") == Ids{260, 259});
}

TEST_CASE("Metaspace stands in a Sequence with others") {
  CharactersFixture fixture = metaspace("");
  const std::string digits = R"({"type":"Digits","individual_digits":true})";
  const auto with = [&](const std::string& scheme) {
    fixture.pre_tokenizer = R"({"type":"Sequence","pretokenizers":[)" + digits +
                            R"(,{"type":"Metaspace","replacement":"▁","prepend_scheme":")" + scheme + "\"}]}";
    return fixture.encode("a1a");
  };
  CHECK(with("always") == joined({Ids{265, 259}, byte_ids("1"), Ids{265}}));
  CHECK(with("first") == joined({Ids{265}, byte_ids("1"), Ids{260}}));
  fixture.pre_tokenizer = digits;
  CHECK(fixture.encode("a1a") == joined({Ids{260}, byte_ids("1"), Ids{260}}));
}

TEST_CASE("a template's tokens stand around the text on request") {
  CharactersFixture fixture;
  fixture.post_processor = R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
    {"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}})";
  CHECK(fixture.make().encode("a", true) == Ids{1, 265});
  CHECK(fixture.make().encode("a", false) == Ids{265});
}

TEST_CASE("decoding turns the characters into spaces and takes the first one away") {
  const Tokenizer tokenizer = CharactersFixture().make();
  CHECK(tokenizer.decode(Ids{267, 267}, true) == "abc abc");
  CHECK(tokenizer.decode(Ids{259, 265}, true) == " a");
  CHECK(tokenizer.decode(Ids{260}, true) == "a");
  CHECK(tokenizer.decode(Ids{1, 265, 2}, true) == "a");
  CHECK(tokenizer.decode(Ids{1, 265, 2}, false) == "<s> a</s>");  // the text begins with <s>, not with the space
  CHECK(tokenizer.decode(Ids{}, true).empty());
  CHECK(tokenizer.decode(Ids{259}, true).empty());
  CHECK(tokenizer.decode(Ids{265, 99999, -1}, true) == "a");
}

TEST_CASE("a run of byte tokens is its text, or where it is not UTF-8, one U+FFFD a byte") {
  const Tokenizer tokenizer = CharactersFixture().make();
  const std::string r = "\uFFFD";
  CHECK(tokenizer.decode(byte_ids("ü😀\n"), true) == "ü😀\n");
  CHECK(tokenizer.decode(byte_ids("\xC3"), true) == r);
  CHECK(tokenizer.decode(byte_ids("\xF0\x9F\x98"), true) == r + r + r);  // not one for the whole part
  CHECK(tokenizer.decode(byte_ids("A\xC3"), true) == r + r);             // the A of the run goes with it
  CHECK(tokenizer.decode(joined({byte_ids("\xC3"), Ids{260}, byte_ids("\xBC")}), true) == r + "a" + r);
  CHECK(tokenizer.decode(joined({byte_ids("\xC3"), Ids{2}, byte_ids("\xBC")}), true) == "ü");  // </s> is left out
  CHECK(tokenizer.decode(joined({byte_ids("\xC3"), Ids{2}, byte_ids("\xBC")}), false) == r + "</s>" + r);
  CHECK(tokenizer.token_bytes(3 + 0xC3) == "\xC3");
  CHECK(tokenizer.token_bytes(267) == " abc");
  CHECK(tokenizer.token_bytes(1) == "<s>");
}

TEST_CASE("Metaspace decodes its characters to spaces, those of the first token to nothing") {
  CharactersFixture fixture;
  const auto decode = [&](const std::string& fields, const Ids& ids) {
    fixture.decoder = R"({"type":"Metaspace","replacement":"▁")" + fields + "}";
    return fixture.make().decode(ids, true);
  };
  CHECK(decode(R"(,"prepend_scheme":"always")", Ids{267, 268, 267}) == "abc   abc");
  CHECK(decode(R"(,"prepend_scheme":"first")", Ids{269, 265}) == " a");
  CHECK(decode(R"(,"prepend_scheme":"never")", Ids{267, 267}) == " abc abc");
  CHECK(decode(R"(,"add_prefix_space":false)", Ids{267}) == " abc");
  CHECK(decode("", byte_ids("a")) == "<0x61>");  // it knows no byte tokens
}

TEST_CASE("Strip takes as many of its characters as it says from both ends, of each text or of the fused one") {
  CharactersFixture fixture;
  const auto decode = [&](const std::string& steps, const Ids& ids) {
    fixture.decoder = R"({"type":"Sequence","decoders":[)" + steps + "]}";
    return fixture.make().decode(ids, true);
  };
  const auto strip = [](const std::string& content, int start, int stop) {
    return R"({"type":"Strip","content":")" + content + "\",\"start\":" + std::to_string(start) +
           ",\"stop\":" + std::to_string(stop) + "}";
  };
  CHECK(decode(strip("▁", 1, 0), Ids{269, 265}) == "▁▁▁a");
  CHECK(decode(strip("▁", 2, 1), Ids{269, 265}) == "▁a");
  CHECK(decode(strip("▁", 9, 9), Ids{269, 260}) == "a");
  CHECK(decode(strip("c", 0, 1), Ids{267, 266}) == "▁abb");
  CHECK(decode(R"({"type":"Fuse"},)" + strip("c", 0, 1), Ids{267, 266}) == "▁abcb");
}

namespace {

// The definition, literally: pieces of text, repeatedly merged at the leftmost pair of lowest rank.
std::vector<std::string> slow_pieces(const std::string& text, const CharactersFixture& fixture) {
  std::map<std::string, bool> known;
  for (const std::string& c : fixture.characters) known[c] = true;
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    next_char(text, at);
    const std::string c = text.substr(begin, at - begin);
    if (known[c]) {
      pieces.push_back(c);
    } else {
      for (const char byte : c) pieces.push_back(CharactersFixture::byte_token(static_cast<unsigned char>(byte)));
    }
  }
  for (;;) {
    std::size_t best = fixture.merges.size(), at = 0;
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
      for (std::size_t rank = 0; rank < best; ++rank) {
        if (fixture.merges[rank] == std::pair(pieces[i], pieces[i + 1])) best = rank, at = i;
      }
    }
    if (best == fixture.merges.size()) return pieces;
    pieces[at] += pieces[at + 1];
    pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

// How many of 300 texts are encoded differently. If byte tokens are merged, texts don't decode to themselves.
int differences(const CharactersFixture& fixture, std::mt19937& random, bool decodes) {
  const std::vector<std::string> alphabet = {"a", "b", "c", " ", " ", "é", "ü", "\n", "中"};
  const Tokenizer tokenizer = fixture.make();
  simdjson::dom::parser parser;
  const simdjson::padded_string json = fixture.json();
  std::map<std::int64_t, std::string> texts;
  for (const auto field : parser.parse(json)["model"]["vocab"].get_object()) {
    texts[std::int64_t(field.value)] = std::string(field.key);
  }
  int wrong = 0;
  for (int n = 0; n < 300; ++n) {
    std::string text, normal = "▁";
    for (int i = 0; i < 1 + n / 4; ++i) {
      const std::string& c = alphabet[random() % alphabet.size()];
      text += c;
      normal += c == " " ? "▁" : c;
    }
    std::vector<std::string> got;
    for (const std::int32_t id : tokenizer.encode(text)) got.push_back(texts[id]);
    wrong += got != slow_pieces(normal, fixture);
    wrong += decodes && tokenizer.decode(tokenizer.encode(text), true) != text;
  }
  return wrong;
}

}  // namespace

TEST_CASE("random texts are merged as the definition says, and decode to themselves") {
  std::mt19937 random(7);
  CharactersFixture fixture;
  fixture.merges = {{"a", "b"},  {"▁", "a"},   {"▁a", "b"}, {"▁", "▁"}, {"▁▁", "a"}, {"b", "b"},
                    {"ab", "c"}, {"▁▁", "▁▁"}, {"é", "中"}, {"b", "é"}, {"c", "c"}};
  CHECK(differences(fixture, random, true) == 0);
  fixture.merges.push_back({"<0xC3>", "<0xBC>"});
  CHECK(differences(fixture, random, false) == 0);
  // A token with a space after another character: words may not be split before spaces.
  fixture.merges.insert(fixture.merges.begin() + 2, {{"c", "▁"}, {"b", "▁a"}, {"<0x0A>", "▁"}});
  CHECK(differences(fixture, random, false) == 0);
  for (int i = 0; i < 20; ++i) {
    std::shuffle(fixture.merges.begin(), fixture.merges.end(), random);
    CharactersFixture possible = fixture;  // a merge is of tokens that exist
    possible.merges.clear();
    std::map<std::string, bool> exists = {{"<0xC3>", true}, {"<0xBC>", true}, {"<0x0A>", true}};
    for (const std::string& c : fixture.characters) exists[c] = true;
    for (const auto& merge : fixture.merges) {
      if (!exists[merge.first] || !exists[merge.second]) continue;
      possible.merges.push_back(merge);
      exists[merge.first + merge.second] = true;
    }
    CHECK(differences(possible, random, false) == 0);
  }
}

TEST_CASE("an endless word of characters takes no endless time") {
  CharactersFixture fixture;
  fixture.merges = {{"a", "a"}, {"aa", "aa"}, {"▁", "▁"}};
  CHECK(fixture.encode(std::string(1000000, 'a')).size() == 250001);
  CHECK(fixture.encode(std::string(1000001, ' ')) == Ids(500001, 267));
  CHECK(fixture.encode(std::string(1000000, '\n')).size() == 1000001);
}

TEST_CASE("the digest tells each part of the kind apart") {
  const std::string digest = CharactersFixture().make().digest();
  CHECK(CharactersFixture().make().digest() == digest);
  const auto changed = [&](auto&& change) {
    CharactersFixture other;
    change(other);
    return other.make().digest() != digest;
  };
  CHECK(changed([](auto& f) { f.normalizer = "null"; }));
  CHECK(changed([](auto& f) { f.normalizer = R"({"type":"Prepend","prepend":"▁"})"; }));
  CHECK(changed([](auto& f) { f.model_options = R"("unk_token":"<unk>","fuse_unk":true,)"; }));
  CHECK(changed([](auto& f) { f.decoder = R"({"type":"Fuse"})"; }));
  CHECK(changed([](auto& f) { f.pre_tokenizer = R"({"type":"Metaspace","replacement":"▁"})"; }));
  const auto scheme = [](const std::string& fields) { return metaspace(fields).make().digest(); };
  CHECK(scheme(R"("prepend_scheme":"first")") != scheme(R"("prepend_scheme":"always")"));
  CHECK(scheme(R"("split":true)") != scheme(R"("split":false)"));
  CHECK(scheme(R"("add_prefix_space":true)") == scheme(R"("prepend_scheme":"always")"));
}

TEST_CASE("damaged parts of this kind are refused by name") {
  const auto refused = [](auto&& change) {
    CharactersFixture fixture;
    change(fixture);
    const std::string message = message_of([&] { fixture.make(); }), prefix = "folder/tokenizer.json: ";
    return message.starts_with(prefix) ? message.substr(prefix.size()) : "no prefix: " + message;
  };
  const auto normalizer = [&](const char* part) { return refused([&](auto& f) { f.normalizer = part; }); };
  const auto decoder = [&](const char* part) { return refused([&](auto& f) { f.decoder = part; }); };
  const auto pre = [&](const char* part) { return refused([&](auto& f) { f.pre_tokenizer = part; }); };
  CHECK(normalizer(R"({"type":"Prepend"})") == "Prepend has no prepend");
  CHECK(normalizer(R"({"type":"Replace","content":"x"})") == "Replace has no pattern");
  CHECK(normalizer(R"({"type":"Replace","pattern":{"String":"a"}})") == "Replace has no content");
  CHECK(normalizer(R"({"type":"Replace","pattern":{"Regex":"a"},"content":""})") ==
        "a Replace of anything but a String is not supported");
  CHECK(normalizer(R"({"type":"Replace","pattern":{"String":""},"content":""})") == "the pattern of Replace is empty");
  CHECK(normalizer(R"({"type":"Precompiled"})") == "a normalizer of type \"Precompiled\" is not supported");
  CHECK(pre(R"({"type":"Metaspace"})") == "Metaspace has no replacement");
  CHECK(pre(R"({"type":"Metaspace","replacement":"ab"})") == "replacement of Metaspace is not one character");
  CHECK(pre(R"({"type":"Metaspace","replacement":""})") == "replacement of Metaspace is not one character");
  CHECK(pre(R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"odd"})") ==
        "the prepend_scheme \"odd\" of Metaspace is not known");
  CHECK(pre(R"({"type":"UnicodeScripts"})") == "a pre_tokenizer of type \"UnicodeScripts\" is not supported");
  CHECK(decoder(R"({"type":"Strip","content":" ","start":1})") == "Strip has no stop");
  CHECK(decoder(R"({"type":"Strip","content":" ","start":-1,"stop":0})") == "start of Strip is negative");
  CHECK(decoder(R"({"type":"Strip","content":"xy","start":1,"stop":0})") == "content of Strip is not one character");
  CHECK(decoder(R"({"type":"CTC"})") == "a decoder of type \"CTC\" is not supported");
  CHECK(decoder(R"({"type":"BPEDecoder"})") == "a decoder of type \"BPEDecoder\" is not supported");
}
