#include "lib/text/tokenizer_config.h"

#include <algorithm>
#include <charconv>

#include "lib/text/model_file.h"

namespace nudge {
namespace {

using Value = JsonReader::Value;

constexpr const char* kNames[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                  "pad_token", "cls_token", "mask_token"};

NamedToken& slot(TokenizerConfig& config, std::string_view key) {
  for (NamedToken& name : config.named) {
    if (name.key == key) return name;
  }
  config.named.push_back({std::string(key), {}, false});
  return config.named.back();
}

AddedToken special_token(std::string_view content, std::string_view file) {
  AddedToken token;
  token.content = content;
  token.special = true;
  token.file = file;
  return token;
}

// A token given as a string or as an object.
AddedToken token_of(const JsonReader& in, Value value, const std::string& what, std::string_view file) {
  if (!value.is_object()) return special_token(in.text(value, what), file);
  AddedToken token = read_added_token(in, value, what);
  token.special = true;
  token.file = file;
  return token;
}

std::vector<AddedToken> tokens_of(const JsonReader& in, Value list, const std::string& what, std::string_view file) {
  std::vector<AddedToken> out;
  for (const Value entry : in.array(list, what)) out.push_back(token_of(in, entry, what, file));
  return out;
}

// Every key "..._token" names a special token; add_bos_token and the like are not strings.
void read_names(const JsonReader& in, std::string_view file, TokenizerConfig& config) {
  for (const auto [key, value] : in.object(in.root(), "the file")) {
    if (!key.ends_with("_token")) continue;
    const bool usual = std::find(std::begin(kNames), std::end(kNames), key) != std::end(kNames);
    if (!usual && !value.is_string() && !(value.is_object() && value["content"].is_string())) continue;
    NamedToken& name = slot(config, key);
    name.said = true;
    name.token = value.is_null() ? AddedToken() : token_of(in, value, std::string(key), file);
  }
}

// A list of tokens, or an object of named tokens.
void read_extra(const JsonReader& in, const char* key, std::string_view file, TokenizerConfig& config) {
  Value value;
  if (!in.find(in.root(), key, "the file", value)) return;
  if (!value.is_object()) {
    config.extra = tokens_of(in, value, key, file);
    return;
  }
  for (const auto [name, token] : in.object(value, key)) {
    NamedToken& named = slot(config, name);
    named.said = true;
    named.token = token_of(in, token, std::string(name), file);
  }
}

void read_config(const JsonReader& in, TokenizerConfig& config) {
  static constexpr std::string_view kSettings = "tokenizer_config.json";
  read_names(in, kSettings, config);
  const auto root = in.object(in.root(), "the file");
  const bool newer = JsonReader::last(root, "extra_special_tokens").has_value();
  read_extra(in, newer ? "extra_special_tokens" : "additional_special_tokens", kSettings, config);
  Value added;
  config.lists_added = in.find(in.root(), "added_tokens_decoder", "the file", added);
  if (!config.lists_added) return;
  for (const auto [key, entry] : in.object(added, "added_tokens_decoder")) {
    std::int64_t id = -1;
    const auto end = std::from_chars(key.data(), key.data() + key.size(), id).ptr;
    if (id < 0 || end != key.data() + key.size()) {
      in.fail("\"" + std::string(key) + "\" of added_tokens_decoder is not a token id");
    }
    AddedToken token = read_added_token(in, entry, "added token " + std::string(key));
    token.file = kSettings;
    config.added.insert_or_assign(id, std::move(token));
  }
}

// Folders older than added_tokens_decoder: names that override the configuration's, and more added tokens.
void read_older_files(const TokenizerFiles& files, const std::string& where, TokenizerConfig& config) {
  static constexpr std::string_view kMap = "special_tokens_map.json", kAdded = "added_tokens.json";
  if (!files.special_tokens_map.empty()) {
    const JsonReader in(files.special_tokens_map, where + "/" + std::string(kMap), kModelFileAdvice);
    read_names(in, kMap, config);
    std::vector<AddedToken> extra = std::move(config.extra);
    config.extra.clear();
    read_extra(in, "extra_special_tokens", kMap, config);
    for (AddedToken& token : config.extra) extra.push_back(std::move(token));
    if (extra.empty()) read_extra(in, "additional_special_tokens", kMap, config), extra = std::move(config.extra);
    config.extra = std::move(extra);
  }
  if (files.added_tokens.empty()) return;
  const JsonReader in(files.added_tokens, where + "/" + std::string(kAdded), kModelFileAdvice);
  for (const auto [content, value] : in.object(in.root(), "the file")) {
    const auto is = [text = content](const AddedToken& token) { return token.content == text; };
    AddedToken token;
    token.content = content;
    token.file = kAdded;
    token.special =
        std::any_of(config.extra.begin(), config.extra.end(), is) ||
        std::any_of(config.named.begin(), config.named.end(), [&](const NamedToken& name) { return is(name.token); });
    token.normalized = !token.special;
    config.added.insert_or_assign(in.integer(value, "the id of \"" + std::string(content) + "\""), std::move(token));
  }
}

TokenizerKind kind_of(std::string_view class_name) {
  if (class_name == "GPT2Tokenizer") return TokenizerKind::kGpt2;
  if (class_name == "GPTNeoXTokenizer") return TokenizerKind::kNeox;
  if (class_name == "Qwen2Tokenizer") return TokenizerKind::kQwen2;
  if (class_name == "LlamaTokenizer") return TokenizerKind::kLlama;
  if (class_name == "GemmaTokenizer") return TokenizerKind::kGemma;
  return class_name == "CodeLlamaTokenizer" ? TokenizerKind::kCodeLlama : TokenizerKind::kFile;
}

// The class that AutoTokenizer picks: the files' class. The model's class is the default, and overrides the files for
// Qwen 2 and for the models that have no class of their own.
std::string class_of(std::string_view model_type, std::string name) {
  static const std::map<std::string_view, std::string> registered = {
      {"gpt2", "GPT2Tokenizer"},         {"gpt_neo", "GPT2Tokenizer"},     {"opt", "GPT2Tokenizer"},
      {"gpt_neox", "GPTNeoXTokenizer"},  {"olmo2", "GPTNeoXTokenizer"},    {"qwen2", "Qwen2Tokenizer"},
      {"qwen3", "Qwen2Tokenizer"},       {"gemma", "GemmaTokenizer"},      {"gemma2", "GemmaTokenizer"},
      {"gemma3_text", "GemmaTokenizer"}, {"mistral", "TokenizersBackend"}, {"granite", "TokenizersBackend"},
      {"phi3", "TokenizersBackend"}};
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  const auto found = registered.find(model_type);
  if (found == registered.end()) return name;
  const bool overrides = model_type == "qwen2" || found->second == "TokenizersBackend";
  return name.empty() || overrides ? found->second : name;
}

void name_by_default(TokenizerConfig& config) {
  const auto set = [&](std::string_view key, std::string_view content) {
    NamedToken& name = slot(config, key);
    if (!name.said) name.token = special_token(content, "tokenizer_config.json");
  };
  if (config.kind == TokenizerKind::kGpt2 || config.kind == TokenizerKind::kNeox ||
      config.kind == TokenizerKind::kQwen2) {
    set("eos_token", "<|endoftext|>");
    set("unk_token", "<|endoftext|>");
    if (config.kind != TokenizerKind::kQwen2) set("bos_token", "<|endoftext|>");
    if (config.kind != TokenizerKind::kGpt2)
      set("pad_token", config.kind == TokenizerKind::kNeox ? "<|padding|>" : "<|endoftext|>");
  }
  if (config.kind == TokenizerKind::kGemma) {
    for (const char* name : {"bos", "eos", "unk", "pad", "mask"})
      set(std::string(name) + "_token", "<" + std::string(name) + ">");
  }
  if (config.kind != TokenizerKind::kLlama && config.kind != TokenizerKind::kCodeLlama) return;
  set("bos_token", "<s>");
  set("eos_token", "</s>");
  set("unk_token", "<unk>");
  if (config.kind == TokenizerKind::kLlama) return;
  const std::vector<NamedToken> others(config.named.begin() + std::size(kNames), config.named.end());
  config.named.resize(std::size(kNames));
  set("prefix_token", "▁<PRE>");
  set("middle_token", "▁<MID>");
  set("suffix_token", "▁<SUF>");
  set("eot_token", "▁<EOT>");
  set("fill_token", "<FILL_ME>");
  for (const NamedToken& other : others) slot(config, other.key) = other;
  slot(config, "fill_token").said = false;  // a placeholder in prompts: models have no row for it
}

}  // namespace

const NamedToken& TokenizerConfig::name(std::string_view key) const {
  return *std::find_if(named.begin(), named.end(), [&](const NamedToken& token) { return token.key == key; });
}

AddedToken read_added_token(const JsonReader& in, Value entry, const std::string& what) {
  AddedToken token;
  token.content = in.text(in.need(entry, "content", what), "content of " + what);
  token.special = in.flag(entry, "special", false, what);
  token.lstrip = in.flag(entry, "lstrip", false, what);
  token.rstrip = in.flag(entry, "rstrip", false, what);
  token.single_word = in.flag(entry, "single_word", false, what);
  token.normalized = in.flag(entry, "normalized", !token.special, what);
  return token;
}

TokenizerConfig read_tokenizer_config(const TokenizerFiles& files, const std::string& where) {
  TokenizerConfig config;
  for (const char* key : kNames) slot(config, key);
  std::string name, model_type;
  Value value;
  if (!files.model_config.empty()) {
    const JsonReader in(files.model_config, where + "/config.json", kModelFileAdvice);
    if (in.find(in.root(), "model_type", "the file", value)) model_type = in.text(value, "model_type");
    if (in.find(in.root(), "tokenizer_class", "the file", value)) name = in.text(value, "tokenizer_class");
    if (in.find(in.root(), "vocab_size", "the file", value)) config.model_vocab = in.integer(value, "vocab_size");
  }
  if (!files.config.empty()) {
    const JsonReader in(files.config, where + "/tokenizer_config.json", kModelFileAdvice);
    if (in.find(in.root(), "tokenizer_class", "the file", value)) name = in.text(value, "tokenizer_class");
    read_config(in, config);
    const bool prefix = in.flag(in.root(), "add_prefix_space", false, "the file");
    if (in.find(in.root(), "add_prefix_space", "the file", value)) config.prefix_space = prefix;
  }
  if (!config.lists_added) read_older_files(files, where, config);
  config.kind = kind_of(class_of(model_type, name));
  const bool reads_prefix = config.kind != TokenizerKind::kFile && config.kind != TokenizerKind::kGemma;
  if (!reads_prefix) config.prefix_space.reset();
  name_by_default(config);
  return config;
}

}  // namespace nudge
