// tokenizer.json: the model and the added tokens. tokenizer_config.json: three names.
#include <unordered_map>

#include "lib/model/json_reader.h"
#include "lib/model/tokenizer_parts.h"
#include "lib/model/tokenizer_pipeline.h"

namespace nudge {
namespace {

using Value = JsonReader::Value;
using Ids = std::unordered_map<std::string_view, std::int32_t>;

std::string quoted(std::string_view token) { return "\"" + std::string(token) + "\""; }

// Texts by id; `ids` becomes the way back. The ids are 0 .. n - 1, each once.
std::vector<std::string> read_vocabulary(const JsonReader& in, Value model, Ids& ids) {
  const auto vocab = in.object(in.need(model, "vocab", "model"), "model.vocab");
  std::int64_t count = 0;
  for ([[maybe_unused]] const auto field : vocab) ++count;
  std::vector<std::string> tokens(static_cast<std::size_t>(count));
  std::vector<bool> taken(tokens.size());
  ids.reserve(tokens.size());
  for (const auto [token, value] : vocab) {
    const std::int64_t id = in.integer(value, "the id of " + quoted(token));
    if (id < 0 || id >= count) {
      in.fail("the id of " + quoted(token) + " is " + std::to_string(id) + ", and " + std::to_string(count) +
              " tokens have the ids 0 to " + std::to_string(count - 1));
    }
    if (taken[static_cast<std::size_t>(id)]) in.fail("two tokens have the id " + std::to_string(id));
    const bool fresh = ids.emplace(token, static_cast<std::int32_t>(id)).second;
    if (!fresh) in.fail("the token " + quoted(token) + " occurs twice");
    taken[static_cast<std::size_t>(id)] = true;
    tokens[static_cast<std::size_t>(id)] = token;
  }
  return tokens;
}

// One merge, "left right" or ["left", "right"].
std::pair<std::string_view, std::string_view> read_pair(const JsonReader& in, Value merge, const std::string& what) {
  if (merge.is_array()) {
    const auto pair = in.array(merge, what);
    if (pair.size() != 2) in.fail(what + " is not a pair");
    return {in.text(pair.at(0), what), in.text(pair.at(1), what)};
  }
  const std::string_view text = in.text(merge, what);
  const std::size_t space = text.find(' ');
  if (space == text.npos || text.find(' ', space + 1) != text.npos) {
    in.fail(what + " is not two tokens: " + quoted(text));
  }
  return {text.substr(0, space), text.substr(space + 1)};
}

std::vector<BpeMerge> read_merges(const JsonReader& in, Value model, const Ids& ids) {
  std::vector<BpeMerge> merges;
  std::int64_t number = -1;
  for (const Value merge : in.array(in.need(model, "merges", "model"), "model.merges")) {
    const std::string what = "merge " + std::to_string(++number);
    std::string_view line;
    if (merge.get(line) == simdjson::SUCCESS && line.starts_with("#version")) continue;
    const auto [left, right] = read_pair(in, merge, what);
    const auto id_of = [&](std::string_view token) {
      const auto found = ids.find(token);
      if (found == ids.end()) in.fail(what + " names " + quoted(token) + ", which the vocabulary lacks");
      return found->second;
    };
    merges.push_back({id_of(left), id_of(right), id_of(std::string(left).append(right))});
  }
  return merges;
}

void refuse_affix(const JsonReader& in, Value model, const char* name) {
  Value value;
  if (in.find(model, name, "model", value) && !in.text(value, name).empty()) {
    in.fail(std::string(name) + " is not supported");
  }
}

void read_model(const JsonReader& in, TokenizerParts& parts, Ids& ids) {
  const Value model = in.need(in.root(), "model", "the file");
  Value value;
  if (in.find(model, "type", "model", value)) {
    const std::string_view type = in.text(value, "model.type");
    if (type != "BPE") in.fail("a model of type " + quoted(type) + " is not supported, only BPE is");
  }
  double dropout = 0;
  if (in.find(model, "dropout", "model", value)) {
    if (value.get(dropout)) in.fail("dropout is not a number");
    if (dropout != 0) in.fail("dropout is not supported: the ids of a text would be random");
  }
  refuse_affix(in, model, "continuing_subword_prefix");
  refuse_affix(in, model, "end_of_word_suffix");
  parts.tokens = read_vocabulary(in, model, ids);
  parts.model_tokens = parts.tokens.size();
  parts.merges = read_merges(in, model, ids);
  parts.options.byte_fallback = in.flag(model, "byte_fallback", false, "model");
  parts.options.ignore_merges = in.flag(model, "ignore_merges", false, "model");
  parts.options.fuse_unknown = in.flag(model, "fuse_unk", false, "model");
  if (in.find(model, "unk_token", "model", value)) {
    const std::string_view name = in.text(value, "unk_token");
    const auto found = ids.find(name);
    if (found == ids.end()) in.fail("the vocabulary lacks the unk_token " + quoted(name));
    parts.options.unknown = found->second;
  }
}

// As the reference adds tokens: one that the vocabulary holds keeps its id there, others get the next free
// one in the order of the file; one that was added before, or that is empty, is passed over.
void read_added_tokens(const JsonReader& in, TokenizerParts& parts, Ids& ids) {
  Value list;
  if (!in.find(in.root(), "added_tokens", "the file", list)) return;
  std::unordered_map<std::string_view, bool> seen;
  for (const Value entry : in.array(list, "added_tokens")) {
    const std::string what = "added token " + std::to_string(seen.size());
    const std::string_view content = in.text(in.need(entry, "content", what), "content of " + what);
    if (content.empty() || !seen.emplace(content, true).second) continue;
    AddedToken token;
    token.content = content;
    token.special = in.flag(entry, "special", false, what);
    token.lstrip = in.flag(entry, "lstrip", false, what);
    token.rstrip = in.flag(entry, "rstrip", false, what);
    token.single_word = in.flag(entry, "single_word", false, what);
    token.normalized = in.flag(entry, "normalized", !token.special, what);
    const auto [place, fresh] = ids.emplace(content, static_cast<std::int32_t>(parts.tokens.size()));
    if (fresh) parts.tokens.emplace_back(content);
    token.id = place->second;
    parts.added.push_back(std::move(token));
  }
}

}  // namespace

TokenizerParts parse_tokenizer(std::string_view json, const std::string& where) {
  const JsonReader in(json, where + "/tokenizer.json");
  TokenizerParts parts;
  Ids ids;
  read_model(in, parts, ids);
  read_added_tokens(in, parts, ids);
  read_pipeline(in, parts);
  return parts;
}

SpecialNames parse_tokenizer_config(std::string_view json, const std::string& where) {
  SpecialNames names;
  if (json.empty()) return names;
  const JsonReader in(json, where + "/tokenizer_config.json");
  const auto read = [&](const char* key, SpecialNames::Name& name) {
    Value value;
    name.said = in.object(in.root(), "the file").at_key(key).error() == simdjson::SUCCESS;
    if (!in.find(in.root(), key, "the file", value)) return;
    if (value.is_object()) value = in.need(value, "content", key);
    name.text = in.text(value, key);
  };
  read("eos_token", names.eos);
  read("bos_token", names.bos);
  read("pad_token", names.pad);
  return names;
}

}  // namespace nudge
