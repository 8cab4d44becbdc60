// tokenizer.json: the model; and the added tokens of all files.
#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <unordered_map>

#include "lib/io/json_reader.h"
#include "lib/text/model_file.h"
#include "lib/text/tokenizer_config.h"
#include "lib/text/tokenizer_parts.h"
#include "lib/text/tokenizer_pipeline.h"

namespace nudge {
namespace {

using Value = JsonReader::Value;
using Ids = std::unordered_map<std::string_view, std::int32_t>;

std::string quoted(std::string_view token) { return "\"" + std::string(token) + "\""; }

constexpr std::int64_t kMostGaps = 1000000;  // ids that a vocabulary may skip

// Texts by id, and whether the id exists: a vocabulary may skip ids. Fills `ids` with the inverse map. Of equal texts
// the last wins.
void read_vocabulary(const JsonReader& in, Value model, TokenizerParts& parts, Ids& ids) {
  std::int64_t most = -1;
  for (const auto [token, value] : in.object(in.need(model, "vocab", "model"), "model.vocab")) {
    const std::int64_t id = in.integer(value, "the id of " + quoted(token));
    if (id < 0 || id >= std::numeric_limits<std::int32_t>::max()) {
      in.fail("the id of " + quoted(token) + " is " + std::to_string(id) + ", which no token can have");
    }
    ids.insert_or_assign(token, static_cast<std::int32_t>(id));
    most = std::max(most, id);
  }
  if (most >= static_cast<std::int64_t>(ids.size()) + kMostGaps) {
    in.fail("the vocabulary has " + std::to_string(ids.size()) + " tokens and ids up to " + std::to_string(most) +
            ": at most " + std::to_string(kMostGaps) + " ids may be left out");
  }
  parts.vocabulary.resize(static_cast<std::size_t>(most + 1));
  parts.present.resize(parts.vocabulary.size());
  for (const auto& [token, id] : ids) {
    const auto i = static_cast<std::size_t>(id);
    if (parts.present[i]) in.fail("two tokens have the id " + std::to_string(id));
    parts.present[i] = true;
    parts.vocabulary[i] = token;
  }
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
    if (JsonReader::as<std::string_view>(merge).value_or("").starts_with("#version")) continue;
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
  if (in.find(model, "dropout", "model", value)) {
    const auto dropout = JsonReader::as<double>(value);
    if (!dropout) in.fail("dropout is not a number");
    if (*dropout != 0) in.fail("dropout is not supported: the ids of a text would be random");
  }
  refuse_affix(in, model, "continuing_subword_prefix");
  refuse_affix(in, model, "end_of_word_suffix");
  read_vocabulary(in, model, parts, ids);
  parts.merges = read_merges(in, model, ids);
  parts.options.byte_fallback = in.flag(model, "byte_fallback", false, "model");
  parts.options.ignore_merges = in.flag(model, "ignore_merges", false, "model");
  parts.options.fuse_unknown = in.flag(model, "fuse_unk", false, "model");
  if (in.find(model, "unk_token", "model", value)) {
    const auto found = ids.find(in.text(value, "unk_token"));
    parts.options.unknown = found == ids.end() ? BpeOptions::kMissing : found->second;
  }
}

// Assigns ids to added tokens as the reference does: a token of the vocabulary keeps its id, others get the next free
// one (which the vocabulary may use itself, if it skips ids). When a token is added again, the last fields win, but
// once special, it stays special. Ids that files give to added tokens are ignored.
class AddedTokens {
 public:
  AddedTokens(TokenizerParts& parts, const Ids& ids) : parts_(parts), ids_(ids) {}

  // The token's index in parts.added, or the size of that.
  std::size_t index_of(const AddedToken& token) const {
    const auto found = indices_.find(token.content);
    return found == indices_.end() ? parts_.added.size() : found->second;
  }

  void add(AddedToken token) {
    if (token.content.empty()) return;
    const auto [entry, is_new] = indices_.emplace(token.content, parts_.added.size());
    if (!is_new) {
      AddedToken& old = parts_.added[entry->second];
      token.id = old.id;
      token.file = old.file;
      token.special = token.special || old.special;
      old = std::move(token);
      return;
    }
    const auto found = ids_.find(token.content);
    token.id = found != ids_.end() ? found->second : std::max(most_ + 1, static_cast<std::int32_t>(ids_.size()));
    most_ = std::max(most_, token.id);
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= parts_.tokens.size()) parts_.tokens.resize(id + 1), parts_.present.resize(id + 1);
    parts_.tokens[id] = token.content;
    parts_.present[id] = true;
    parts_.added.push_back(std::move(token));
  }

  // Qwen 2's class adds all named and extra special tokens again, without other fields.
  void make_plain(const TokenizerConfig& config) {
    const auto plain = [&](const AddedToken& token) {
      AddedToken again;
      again.content = token.content;
      again.special = true;
      if (index_of(token) < parts_.added.size()) add(again);
    };
    for (const NamedToken& name : config.named) plain(name.token);
    for (const AddedToken& token : config.extra) plain(token);
  }

  // Adds a token unless the model lacks a row for it.
  void add_if_there(const AddedToken& token, std::int64_t model_vocab) {
    const auto next = static_cast<std::int64_t>(std::max(most_ + 1, static_cast<std::int32_t>(ids_.size())));
    if (model_vocab < 0 || next < model_vocab || ids_.find(token.content) != ids_.end()) add(token);
  }

 private:
  TokenizerParts& parts_;
  const Ids& ids_;
  std::map<std::string, std::size_t, std::less<>> indices_;  // in parts_.added
  std::int32_t most_ = -1;                                   // the largest id of an added token
};

// The added tokens of tokenizer.json only, with the ids that it gives.
std::vector<std::pair<std::int64_t, AddedToken>> read_added_tokens(const JsonReader& in) {
  std::vector<std::pair<std::int64_t, AddedToken>> out;
  Value list, value;
  if (!in.find(in.root(), "added_tokens", "the file", list)) return out;
  for (const Value entry : in.array(list, "added_tokens")) {
    const std::string what = "added token " + std::to_string(out.size());
    AddedToken token = read_added_token(in, entry, what);
    const auto place = static_cast<std::int64_t>(out.size());
    out.emplace_back(in.find(entry, "id", what, value) ? in.integer(value, "id of " + what) : place, std::move(token));
  }
  return out;
}

// All files' added tokens, in the order in which transformers adds them.
void add_tokens(const JsonReader& in, const TokenizerConfig& config, TokenizerParts& parts, const Ids& ids) {
  AddedTokens added(parts, ids);
  const auto own = read_added_tokens(in);
  std::map<std::int64_t, AddedToken> listed = config.added;
  if (config.kind == TokenizerKind::kFile) {
    for (const auto& entry : own) added.add(entry.second);
  }
  if (!config.lists_added) {
    for (const auto& [id, token] : own) listed.insert_or_assign(id, token);
  }
  for (auto& [id, token] : listed) {
    const auto is_named = [&text = token.content](const NamedToken& name) { return name.token.content == text; };
    token.special = token.special || std::any_of(config.named.begin(), config.named.end(), is_named);
    added.add(token);
  }
  const std::size_t listed_count = parts.added.size();
  const auto is_listed = [&](const AddedToken& token) { return added.index_of(token) < listed_count; };
  for (const NamedToken& name : config.named) {
    if (is_listed(name.token)) continue;
    name.said ? added.add(name.token) : added.add_if_there(name.token, config.model_vocab);
  }
  for (const AddedToken& token : config.extra) {
    if (!is_listed(token)) added.add(token);
  }
  if (config.kind == TokenizerKind::kQwen2) added.make_plain(config);
}

}  // namespace

TokenizerParts parse_tokenizer(const TokenizerFiles& files, const TokenizerConfig& config, const std::string& where) {
  const JsonReader in(files.json, where + "/tokenizer.json", kModelFileAdvice);
  TokenizerParts parts;
  Ids ids;
  read_model(in, parts, ids);
  parts.tokens = parts.vocabulary;
  add_tokens(in, config, parts, ids);
  read_pipeline(in, config.prefix_space, parts);
  return parts;
}

}  // namespace nudge
