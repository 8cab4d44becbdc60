// Damaged and unsupported files are refused, naming the file and the cause.
#include <filesystem>
#include <fstream>

#include "lib/base/error.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// The message for a tokenizer.json, without "folder/tokenizer.json: ", which each must start with.
std::string refusal(const std::string& json) {
  const std::string prefix = "folder/tokenizer.json: ";
  const std::string message = message_of([&] { Tokenizer::from_json(json, "", "folder"); });
  return message.starts_with(prefix) ? message.substr(prefix.size()) : "no prefix: " + message;
}

// The same for a model with one byte token, its fields given.
std::string model_refusal(const std::string& model) {
  return refusal(R"({"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"model":)" + model + "}");
}

template <class F>
std::string changed_refusal(F&& change) {
  TokenizerFixture fixture;
  change(fixture);
  return refusal(fixture.json());
}

std::string pre_tokenizer_refusal(const std::string& part) {
  return changed_refusal([&](auto& f) { f.pre_tokenizer = part; });
}

}  // namespace

TEST_CASE("a tokenizer.json that is no JSON or has no model is refused") {
  CHECK(refusal("{\"model\":").starts_with("not JSON: "));
  CHECK(refusal("").starts_with("not JSON: "));
  CHECK(refusal("[]") == "the file is not an object");
  CHECK(refusal("{}") == "the file has no model");
  CHECK(refusal("{\"model\":null}") == "the file has no model");
  CHECK(refusal("{\"model\":7}") == "model is not an object");
}

TEST_CASE("a vocabulary with wrong or double ids, or far too few for them, is refused") {
  CHECK(model_refusal("{}") == "model has no vocab");
  CHECK(model_refusal(R"({"vocab":[]})") == "model.vocab is not an object");
  CHECK(model_refusal(R"({"vocab":{"a":"0"},"merges":[]})") == "the id of \"a\" is not an integer");
  CHECK(model_refusal(R"({"vocab":{"a":0,"b":0},"merges":[]})") == "two tokens have the id 0");
  CHECK(model_refusal(R"({"vocab":{"a":-1},"merges":[]})") == "the id of \"a\" is -1, which no token can have");
  CHECK(model_refusal(R"({"vocab":{"a":4000000000000},"merges":[]})") ==
        "the id of \"a\" is 4000000000000, which no token can have");
  CHECK(model_refusal(R"({"vocab":{"a":0,"b":1000002},"merges":[]})") ==
        "the vocabulary has 2 tokens and ids up to 1000002: at most 1000000 ids may be left out");
}

TEST_CASE("merges that are damaged or name unknown tokens are refused by number") {
  const auto merges = [](const std::string& list) {
    return model_refusal(R"({"vocab":{"a":0,"b":1,"ab":2},"merges":)" + list + "}");
  };
  CHECK(model_refusal(R"({"vocab":{"a":0}})") == "model has no merges");
  CHECK(merges("{}") == "model.merges is not a list");
  CHECK(merges(R"(["a b","a x"])") == "merge 1 names \"x\", which the vocabulary lacks");
  CHECK(merges(R"(["a b","b a"])") == "merge 1 names \"ba\", which the vocabulary lacks");
  CHECK(merges(R"([["x","a"]])") == "merge 0 names \"x\", which the vocabulary lacks");
  CHECK(merges(R"(["ab"])") == "merge 0 is not two tokens: \"ab\"");
  CHECK(merges(R"(["a b c"])") == "merge 0 is not two tokens: \"a b c\"");
  CHECK(merges(R"([["a"]])") == "merge 0 is not a pair");
  CHECK(merges(R"([["a",1]])") == "merge 0 is not a string");
  CHECK(merges("[5]") == "merge 0 is not a string");
}

TEST_CASE("a version line among the merges is passed over") {
  const std::string json = R"({"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},
    "model":{"vocab":{"a":0,"b":1,"ab":2},"merges":["#version: 0.2","a b"]}})";
  CHECK(Tokenizer::from_json(json, "", "f").encode("ab") == Ids{2});
}

TEST_CASE("models that are not BPE are refused by name") {
  const auto with = [](const std::string& options) {
    return changed_refusal([&](auto& f) { f.model_options = options; });
  };
  CHECK(model_refusal(R"({"type":"Unigram","vocab":[]})") ==
        "a model of type \"Unigram\" is not supported, only BPE is");
  CHECK(model_refusal(R"({"type":"WordLevel"})") == "a model of type \"WordLevel\" is not supported, only BPE is");
  CHECK(model_refusal(R"({"type":"WordPiece"})") == "a model of type \"WordPiece\" is not supported, only BPE is");
  CHECK(with("\"dropout\":0.1,") == "dropout is not supported: the ids of a text would be random");
  CHECK(with("\"dropout\":\"x\",") == "dropout is not a number");
  CHECK(with("\"continuing_subword_prefix\":\"##\",") == "continuing_subword_prefix is not supported");
  CHECK(with("\"end_of_word_suffix\":\"</w>\",") == "end_of_word_suffix is not supported");
  CHECK(with("\"byte_fallback\":1,") == "byte_fallback of model is not true or false");
  TokenizerFixture harmless;
  harmless.model_options = "\"dropout\":0,\"continuing_subword_prefix\":\"\",\"end_of_word_suffix\":null,";
  CHECK(harmless.encode("a") == Ids{64});
}

TEST_CASE("other normalizers, pre-tokenizers, post-processors and decoders are refused by name") {
  CHECK(changed_refusal([](auto& f) { f.normalizer = R"({"type":"Lowercase"})"; }) ==
        "a normalizer of type \"Lowercase\" is not supported");
  CHECK(changed_refusal([](auto& f) { f.normalizer = R"({"type":"Sequence","normalizers":[{"type":"NFKC"}]})"; }) ==
        "a normalizer of type \"NFKC\" is not supported");
  CHECK(changed_refusal([](auto& f) { f.normalizer = "{}"; }) == "normalizer has no type");
  CHECK(pre_tokenizer_refusal(R"({"type":"Whitespace"})") == "a pre_tokenizer of type \"Whitespace\" is not supported");
  CHECK(changed_refusal([](auto& f) { f.post_processor = R"({"type":"Odd"})"; }) ==
        "a post_processor of type \"Odd\" is not supported");
  CHECK(changed_refusal([](auto& f) { f.post_processor = R"({"type":"BertProcessing"})"; }) ==
        "post_processor has no cls");
  CHECK(changed_refusal([](auto& f) { f.post_processor = R"({"type":"BertProcessing","cls":["a"]})"; }) ==
        "cls of post_processor is not a string and an id");
  CHECK(changed_refusal([](auto& f) { f.decoder = R"({"type":"WordPiece"})"; }) ==
        "a decoder of type \"WordPiece\" is not supported");
}

TEST_CASE("a pre-tokenizer with anything after ByteLevel, or damaged, is refused") {
  const std::string byte_level = R"({"type":"ByteLevel","add_prefix_space":false})";
  const std::string digits = R"({"type":"Digits","individual_digits":true})";
  const auto sequence = [](const std::string& list) { return R"({"type":"Sequence","pretokenizers":[)" + list + "]}"; };
  CHECK(pre_tokenizer_refusal(sequence(byte_level + "," + digits)) ==
        "a pre_tokenizer with a step after ByteLevel is not supported");
  CHECK(pre_tokenizer_refusal(R"({"type":"Sequence"})") == "pre_tokenizer has no pretokenizers");
  CHECK(pre_tokenizer_refusal(R"({"type":"ByteLevel"})") == "pre_tokenizer has no add_prefix_space");
  CHECK(pre_tokenizer_refusal(R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":0})") ==
        "use_regex of pre_tokenizer is not true or false");
  const auto split = [&](const std::string& fields) {
    return pre_tokenizer_refusal(sequence(R"({"type":"Split",)" + fields + "}," + byte_level));
  };
  CHECK(split(R"("pattern":{"Regex":"a"})") == "Split has no behavior");
  CHECK(split(R"("pattern":{"Regex":"a"},"behavior":"Odd")") == "the behavior \"Odd\" of Split is not known");
  CHECK(split(R"("pattern":{},"behavior":"Removed")") == "the pattern of Split has no Regex");
  CHECK(split(R"("pattern":{"Regex":"("},"behavior":"Removed")").starts_with("the expression of Split, (: "));
}

TEST_CASE("a template that is damaged or holds the text twice is refused") {
  const auto refused = [](const std::string& single, const std::string& ids) {
    return changed_refusal([&](auto& f) {
      f.post_processor =
          R"({"type":"TemplateProcessing","single":[)" + single + R"(],"special_tokens":{"s":{"ids":)" + ids + "}}}";
    });
  };
  const std::string text = R"({"Sequence":{"id":"A"}})", token = R"({"SpecialToken":{"id":"s"}})";
  CHECK(refused(text + "," + text, "[1]") == "a template that does not hold the text exactly once is not supported");
  CHECK(refused(token, "[1]") == "a template that does not hold the text exactly once is not supported");
  CHECK(refused(token + "," + text, "[256]") == "the template has the id 256, which no token has");
  CHECK(refused(token + "," + text, "[-1]") == "the template has the id -1, which no token has");
  CHECK(refused(token + "," + text, "1") == "ids of s is not a list");
  CHECK(refused(R"({"SpecialToken":{"id":"t"}},)" + text, "[1]") == "special_tokens of the template has no t");
}

TEST_CASE("damaged added tokens are refused by number") {
  const auto refused = [](const std::string& list) { return changed_refusal([&](auto& f) { f.added = list; }); };
  CHECK(refused("{}") == "added_tokens is not a list");
  CHECK(refused(R"([{"content":"<x>"},{"id":1}])") == "added token 1 has no content");
  CHECK(refused(R"([{"content":5}])") == "content of added token 0 is not a string");
  CHECK(refused(R"([{"content":"<x>","special":"yes"}])") == "special of added token 0 is not true or false");
  CHECK(refused("[4]") == "added token 0 is not an object");
}

TEST_CASE("a damaged configuration is refused") {
  const auto refused = [](const std::string& config) {
    TokenizerFixture fixture;
    fixture.config = config;
    return message_of([&] { fixture.make(); });
  };
  CHECK(refused(R"({"bos_token":3})") == "folder/tokenizer_config.json: bos_token is not a string");
  CHECK(refused(R"({"bos_token":{}})") == "folder/tokenizer_config.json: bos_token has no content");
  CHECK(refused("[]") == "folder/tokenizer_config.json: the file is not an object");
  CHECK(refused("{").starts_with("folder/tokenizer_config.json: not JSON: "));
}

TEST_CASE("errors say which exit status a program ends with") {
  try {
    Tokenizer::from_json("{}", "", "f");
    FAIL("nothing thrown");
  } catch (const Error& error) {
    CHECK(error.status() == Exit::kBadInput);
  }
  try {
    Tokenizer::load(scratch_folder() + "/none");
    FAIL("nothing thrown");
  } catch (const Error& error) {
    CHECK(error.status() == Exit::kNoInput);
    CHECK(error.what() == scratch_folder() + "/none/tokenizer.json: can't be opened: No such file or directory");
  }
}

TEST_CASE("a folder is loaded with its configuration, and without one") {
  const std::string folder = scratch_folder() + "/tokenizer";
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/tokenizer.json") << TokenizerFixture().json();
  CHECK(Tokenizer::load(folder).eos_id() == -1);
  std::ofstream(folder + "/tokenizer_config.json") << R"({"eos_token":"a"})";
  const Tokenizer tokenizer = Tokenizer::load(folder);
  CHECK(tokenizer.eos_id() == 64);
  CHECK(tokenizer.json() == TokenizerFixture().json());
  CHECK(tokenizer.config_json() == R"({"eos_token":"a"})");
}
