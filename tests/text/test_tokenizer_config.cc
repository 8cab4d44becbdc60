// The files beside tokenizer.json that also determine ids. Expected ids are those of AutoTokenizer of transformers 5.12
// (with tokenizers 0.23) on the same files.
#include <filesystem>
#include <fstream>

#include "lib/text/tokenizer_config.h"
#include "tests/text/characters_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct Folder {
  std::string json, config, special_tokens_map, added_tokens, model_config;

  Tokenizer make() const {
    return Tokenizer::from_files({json, config, special_tokens_map, added_tokens, model_config}, "folder");
  }
  Ids encode(std::string_view text) const { return make().encode(text, true); }
};

// 256 bytes and <x> as the added token 256.
Folder bytes(const std::string& config) {
  TokenizerFixture fixture;
  fixture.added = R"([{"id":0,"content":"<x>","special":true}])";
  return {fixture.json(), config, "", "", ""};
}

// The class of the configuration, the type of the model; either may be missing.
Folder of_class(const std::string& json, const std::string& name, const std::string& type,
                const std::string& more = "") {
  const std::string config = "{" + (name.empty() ? "" : "\"tokenizer_class\":\"" + name + "\"") + more + "}";
  const std::string model = type.empty() ? "" : "{\"model_type\":\"" + type + "\"}";
  return {json, name.empty() ? "" : config, "", "", model};
}

// A vocabulary of bytes with merges by which the classes' expressions differ: 256 ab, Ġ1, 12, 't, 260 'T.
std::string merged_bytes() {
  TokenizerFixture fixture;
  fixture.merges = {{"a", "b"}, {"Ġ", "1"}, {"1", "2"}, {"'", "t"}, {"'", "T"}};
  return fixture.json();
}

Ids of_ascii(std::string_view text) {
  Ids ids;
  for (const char c : text) ids.push_back(c - '!');
  return ids;
}

Ids operator+(Ids ids, const Ids& more) {
  ids.insert(ids.end(), more.begin(), more.end());
  return ids;
}

}  // namespace

TEST_CASE("a token that the configuration alone names is added, and found in texts") {
  const Folder folder = bytes(R"({"pad_token":"<pad>"})");
  CHECK(folder.encode("a<pad>b") == Ids{64, 257, 65});
  CHECK(folder.make().vocab_size() == 258);
  CHECK(folder.make().pad_id() == 257);
  CHECK(folder.make().is_special(257));
  CHECK(folder.make().digest() != bytes("").make().digest());
  CHECK(bytes(R"({"pad_token":"<x>"})").make().digest() == bytes("").make().digest());
}

TEST_CASE("names are added in the order of their kinds, then others, then the extra tokens") {
  const Folder folder = bytes(R"({"mask_token":"<7>","image_token":"<8>","cls_token":"<6>","pad_token":"<5>",
    "sep_token":"<4>","unk_token":"<3>","eos_token":"<2>","bos_token":"<1>","add_bos_token":true,
    "extra_special_tokens":["<9>"]})");
  CHECK(folder.encode("<1><2><3><4><5><6><7><8><9>") == Ids{257, 258, 259, 260, 261, 262, 263, 264, 265});
}

TEST_CASE("additional and extra special tokens are lists, or objects of names") {
  CHECK(bytes(R"({"additional_special_tokens":["<8>","<9>"]})").encode("<9>a<8>") == Ids{258, 64, 257});
  CHECK(bytes(R"({"extra_special_tokens":{"one":"<8>","two":"<9>"}})").encode("<9>a<8>") == Ids{258, 64, 257});
  const Folder both = bytes(R"({"additional_special_tokens":["<8>"],"extra_special_tokens":["<9>"]})");
  CHECK(both.encode("<9>a<8>") == Ids{257, 64} + of_ascii("<8>"));
}

TEST_CASE("added_tokens_decoder adds in the order of its ids, and changes tokens that are there") {
  const Folder folder = bytes(R"({"added_tokens_decoder":{
    "300":{"content":"<y>","special":false,"rstrip":true,"normalized":false},
    "258":{"content":"<z>","special":true,"lstrip":true,"normalized":false},"9":{"content":"<x>","rstrip":true}}})");
  CHECK(folder.encode("<y> a <z> b<x> a") == Ids{258, 64, 257, 220, 65, 256, 64});
  CHECK_FALSE(folder.make().is_special(258));
  CHECK(folder.make().is_special(257));
  CHECK(folder.make().is_special(256));  // once special, always
}

TEST_CASE("a name makes a token of the vocabulary a special one") {
  const Folder folder = bytes(R"({"eos_token":"b"})");
  CHECK(folder.encode("abab") == Ids{64, 65, 64, 65});
  CHECK(folder.make().eos_id() == 65);
  CHECK(folder.make().decode(Ids{64, 65}, true) == "a");
}

TEST_CASE("special_tokens_map.json names before the configuration, unless that has added_tokens_decoder") {
  Folder folder = bytes(R"({"pad_token":"<m>"})");
  folder.special_tokens_map = R"({"pad_token":"<n>","bos_token":"<x>"})";
  CHECK(folder.encode("<m>a<n>") == of_ascii("<m>a") + Ids{257});
  CHECK(folder.make().pad_id() == 257);
  CHECK(folder.make().bos_id() == 256);
  CHECK(folder.make().older_files().size() == 1);
  CHECK(folder.make().older_files()[0].second == folder.special_tokens_map);
  folder.config = R"({"pad_token":"<m>","added_tokens_decoder":{"256":{"content":"<x>","special":true}}})";
  CHECK(folder.encode("<m>a<n>") == Ids{257} + of_ascii("a<n>"));
  CHECK(folder.make().older_files().empty());
  folder.config.clear();
  folder.special_tokens_map = R"({"pad_token":{"content":"<n>","lstrip":true},"additional_special_tokens":["<o>"]})";
  CHECK(folder.encode("a <n>b<o>") == Ids{64, 257, 65, 258});
}

TEST_CASE("added_tokens.json adds tokens in the order of its ids") {
  Folder folder = bytes("");
  folder.added_tokens = R"({"<q>":300,"<p>":299})";
  CHECK(folder.encode("<p>a<q>") == Ids{257, 64, 258});
  CHECK(folder.make().older_files()[0].first == "added_tokens.json");
  CHECK_FALSE(folder.make().is_special(258));
  folder.config = R"({"pad_token":"<q>"})";
  CHECK(folder.make().is_special(258));
}

TEST_CASE("how texts are cut tokenizer.json says, whatever the class") {
  // transformers 5.12 gives other ids for some of these: Qwen's class cuts digits apart, two compose e and its accent.
  const std::string json = merged_bytes();
  for (const char* name : {"", "PreTrainedTokenizerFast", "GPT2Tokenizer", "GPTNeoXTokenizerFast", "Qwen2Tokenizer",
                           "LlamaTokenizerFast"}) {
    for (const char* type : {"", "gpt2", "gpt_neox", "llama", "mistral", "qwen2", "qwen3"}) {
      CHECK(of_class(json, name, type).encode("ab 12") == Ids{256, 257, 17});  // Ġ1 is a token
      CHECK(of_class(json, name, type).encode("e\u0301") == Ids{68, 136, 223});
    }
  }
}

TEST_CASE("Gemma's class names tokens by itself, others of its time go by the model's type") {
  const std::string json = merged_bytes(), gemma = "<bos><eos><unk><pad><mask>";
  for (const char* type : {"gemma", "gemma2", "gemma3_text"})
    CHECK(of_class(json, "", type).encode(gemma) == Ids{261, 262, 263, 264, 265});
  const Tokenizer tokenizer = of_class(json, "GemmaTokenizerFast", "llama").make();
  CHECK(tokenizer.encode(gemma) == Ids{261, 262, 263, 264, 265});
  CHECK(tokenizer.bos_id() == 261);
  CHECK(tokenizer.eos_id() == 262);
  CHECK(tokenizer.pad_id() == 264);
  CHECK(of_class(json, "GemmaTokenizer", "gemma", R"(,"mask_token":null,"bos_token":"<s>")").encode(gemma + "<s>") ==
        of_ascii("<bos>") + Ids{262, 263, 264} + of_ascii("<mask>") + Ids{261});
  CHECK(of_class(json, "GemmaTokenizer", "", R"(,"add_prefix_space":true)").encode("1") == Ids{16});

  const std::string others = "<s><|endoftext|><|padding|>";
  const std::pair<const char*, const char*> plain[] = {
      {"LlamaTokenizer", "phi3"},          {"GPT2Tokenizer", "granite"}, {"", "phi3"}, {"", "smollm3"}, {"", "granite"},
      {"PreTrainedTokenizerFast", "gemma"}};
  for (const auto& [name, type] : plain)
    CHECK(of_class(json, name, type).encode(others + gemma) == of_ascii(others + gemma));
  for (const char* type : {"opt", "gpt_neo"})
    CHECK(of_class(json, "", type).encode(others) == of_ascii("<s>") + Ids{261} + of_ascii("<|padding|>"));
  CHECK(of_class(json, "", "olmo2").encode(others) == of_ascii("<s>") + Ids{261, 262});
  CHECK(of_class(json, "GPT2Tokenizer", "olmo2").encode(others) ==
        of_ascii("<s>") + Ids{261} + of_ascii("<|padding|>"));
}

TEST_CASE("a class names tokens by itself, and those that a model has no row for are left out") {
  const std::string json = merged_bytes(), text = "<|endoftext|><|padding|>";
  CHECK(of_class(json, "GPT2Tokenizer", "").encode(text) == Ids{261} + of_ascii("<|padding|>"));
  const Tokenizer neox = of_class(json, "", "gpt_neox").make();
  CHECK(neox.encode(text) == Ids{261, 262});
  CHECK(neox.eos_id() == 261);
  CHECK(neox.bos_id() == 261);
  CHECK(neox.pad_id() == 262);
  const Tokenizer qwen = of_class(json, "", "qwen3").make();
  CHECK(qwen.eos_id() == 261);
  CHECK(qwen.bos_id() == -1);
  CHECK(qwen.pad_id() == 261);
  Folder full = of_class(json, "", "gpt_neox");
  full.model_config = R"({"model_type":"gpt_neox","vocab_size":262})";
  CHECK(full.encode(text) == Ids{261} + of_ascii("<|padding|>"));
  CHECK(full.make().excess(262) == "");
  const Folder null = of_class(json, "GPTNeoXTokenizer", "", R"(,"pad_token":null)");
  CHECK(null.encode(text) == Ids{261} + of_ascii("<|padding|>"));
}

TEST_CASE("add_prefix_space is looked at by the classes with a pipeline of their own alone") {
  for (const char* name : {"GPT2Tokenizer", "GPTNeoXTokenizer", "Qwen2Tokenizer"}) {
    CHECK(of_class(merged_bytes(), name, "", R"(,"add_prefix_space":true)").encode("ab") == Ids{220, 256});
    CHECK(of_class(merged_bytes(), name, "", R"(,"add_prefix_space":false)").encode("ab") == Ids{256});
  }
  CHECK(of_class(merged_bytes(), "PreTrainedTokenizerFast", "", R"(,"add_prefix_space":true)").encode("ab") ==
        Ids{256});
}

TEST_CASE("of Llama's class add_prefix_space can take the space away that tokenizer.json puts before texts") {
  const std::string json = CharactersFixture().json();
  const auto check = [&](const Folder& folder, const std::vector<Ids>& wanted) {
    const Tokenizer tokenizer = folder.make();
    const char* texts[] = {"a a<s>a", "<s> a", "é</s>b", "\n", "▁", " a"};
    for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(tokenizer.encode(texts[i], true) == wanted[i]);
  };
  // tokenizers 0.23 on the file, and on the file without its Prepend.
  const std::vector<Ids> file = {{265, 265, 1, 265}, {1, 259, 265}, {259, 263, 2, 259, 261},
                                 {259, 13},          {268},         {259, 265}};
  const std::vector<Ids> never = {{260, 265, 1, 260}, {1, 265}, {263, 2, 261}, {13}, {259}, {265}};
  for (const char* name : {"", "PreTrainedTokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast"}) {
    check(of_class(json, name, "llama"), file);
    check(of_class(json, name, "mistral", R"(,"add_prefix_space":false)"), file);  // which has no class of its own
  }
  check(of_class(json, "LlamaTokenizer", "llama", R"(,"legacy":true,"add_prefix_space":true)"), file);
  check(of_class(json, "LlamaTokenizer", "llama", R"(,"add_prefix_space":false)"), never);
  const std::string newer = metaspace(R"("prepend_scheme":"first")").json();
  CHECK(of_class(newer, "LlamaTokenizer", "llama").encode("a a") == Ids{265, 265});
  CHECK(of_class(newer, "LlamaTokenizer", "llama", R"(,"add_prefix_space":false)").encode("a a") == Ids{260, 265});
  CHECK(of_class(metaspace(R"("prepend_scheme":"never")").json(), "LlamaTokenizer", "", R"(,"add_prefix_space":true)")
            .encode("a a") == Ids{265, 265});
  CHECK(of_class(json, "LlamaTokenizer", "").make().decode(Ids{265, 265}, true) == "a a");
  CHECK(of_class(json, "LlamaTokenizer", "", R"(,"add_prefix_space":false)").make().decode(Ids{265}, true) == " a");
}

TEST_CASE("Code Llama's class has tokens for filling in") {
  const Tokenizer tokenizer = of_class(CharactersFixture().json(), "CodeLlamaTokenizer", "llama").make();
  CHECK(tokenizer.encode("▁<PRE>a▁<MID>▁<SUF>▁<EOT>") == Ids{270, 265, 271, 272, 273});
  CHECK(tokenizer.vocab_size() == 275);
}

TEST_CASE("a token that a model has no row for is named, with its file") {
  const Tokenizer tokenizer = bytes(R"({"pad_token":"<pad>"})").make();
  CHECK(tokenizer.excess(258) == "");
  CHECK(tokenizer.excess(257) ==
        "tokenizer_config.json: adds the token \"<pad>\" with the id 257, and the model has only 257 tokens; take it "
        "out, or give it the place of one that tokenizer.json has");
  CHECK(bytes("").make().excess(256) == "tokenizer.json: has 257 tokens, the model only 256");
}

TEST_CASE("damaged files beside tokenizer.json are refused by name") {
  const auto refused = [](auto&& change) {
    Folder folder = bytes("");
    change(folder);
    return message_of([&] { folder.make(); });
  };
  CHECK(refused([](Folder& f) { f.config = R"({"added_tokens_decoder":{"x":{"content":"<y>"}}})"; }) ==
        "folder/tokenizer_config.json: \"x\" of added_tokens_decoder is not a token id");
  CHECK(refused([](Folder& f) { f.config = R"({"added_tokens_decoder":{"1":{}}})"; }) ==
        "folder/tokenizer_config.json: added token 1 has no content");
  CHECK(refused([](Folder& f) { f.config = R"({"additional_special_tokens":[4]})"; }) ==
        "folder/tokenizer_config.json: additional_special_tokens is not a string");
  CHECK(refused([](Folder& f) { f.special_tokens_map = "["; }).starts_with("folder/special_tokens_map.json: not JSON"));
  CHECK(refused([](Folder& f) { f.added_tokens = R"({"<y>":"1"})"; }) ==
        "folder/added_tokens.json: the id of \"<y>\" is not an integer");
  CHECK(refused([](Folder& f) { f.model_config = R"({"model_type":7})"; }) ==
        "folder/config.json: model_type is not a string");
}

TEST_CASE("a folder's files are all read") {
  const std::string path = scratch_folder() + "/files";
  std::filesystem::create_directory(path);
  const auto write = [&](const char* name, const std::string& text) { std::ofstream(path + "/" + name) << text; };
  write("tokenizer.json", merged_bytes());
  CHECK(Tokenizer::load(path).vocab_size() == 261);
  write("config.json", R"({"model_type":"qwen3","vocab_size":300})");
  CHECK(Tokenizer::load(path).encode("ab 12<|endoftext|>") == Ids{256, 257, 17, 261});
  write("special_tokens_map.json", R"({"pad_token":"<m>"})");
  write("added_tokens.json", R"({"<q>":300})");
  CHECK(Tokenizer::load(path).encode("<q><|endoftext|><m>") == Ids{261, 262, 263});
}
