#include "lib/model/stored_weights.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/io/files.h"
#include "lib/io/json.h"
#include "lib/io/json_reader.h"
#include "lib/model/foreign_folder.h"
#include "lib/text/model_file.h"

namespace nudge {
namespace {

std::string usual_name(const std::string& name, const Family::Tensors& names) {
  const std::string prefix = names.prefix;
  return name.starts_with(prefix) || name == names.head || name.starts_with("score.") ? name : prefix + name;
}

bool is_ignored(const std::string& name, const Family::Tensors& names) {
  return std::any_of(std::begin(names.ignored), std::end(names.ignored),
                     [&](const char* end) { return *end != 0 && name.ends_with(end); });
}

std::string embedding_of(const Family::Tensors& names) { return std::string(names.prefix) + names.embedding; }

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string s = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) s += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return s + "]";
}

// "weight_map" of an index: tensor name -> file name; of a name that is there twice the last, as in Python's dict.
std::map<std::string, std::string> read_index(const std::string& path) {
  const JsonReader reader(read_file(path), path, kModelFileAdvice);
  std::map<std::string, JsonReader::Value> last;
  for (const auto& [name, value] : reader.object(reader.need(reader.root(), "weight_map", "the index"), "weight_map"))
    last[std::string(name)] = value;
  std::map<std::string, std::string> shard_of;
  for (const auto& [name, value] : last) {
    const std::string file(reader.text(value, "the shard of tensor " + name));
    if (file.empty() || file[0] == '.' || file.find_first_of(std::string("/\\\0", 3)) != std::string::npos)
      reader.fail("maps tensor " + name + " to " + json_quote(file) + ", which is not a file beside the index");
    shard_of[name] = file;
  }
  return shard_of;
}

}  // namespace

StoredWeights::StoredWeights(const std::string& folder, const Family& family) {
  const Family::Tensors& names = family.tensors;
  open(folder, names);
  for (const SafetensorsFile& file : files_) {
    for (const auto& t : file.tensors()) {
      const std::string name = usual_name(t.name, names);
      if (!is_ignored(name, names) && !tensors_.emplace(name, Stored{&file, &t}).second)
        bad_input(file.path() + ": tensor " + name + " appears twice");
    }
  }
}

void StoredWeights::open(const std::string& folder, const Family::Tensors& names) {
  const std::string single = folder + "/model.safetensors", index = folder + "/model.safetensors.index.json";
  if (file_exists(single) || !file_exists(index)) {
    if (!file_exists(single)) refuse_foreign_weights(folder);
    refuse_pointer(single);
    path_ = single;
    files_.emplace_back(single);
    return;
  }
  path_ = index;
  const std::map<std::string, std::string> shard_of = read_index(index);
  std::set<std::string> shards, seen;
  for (const auto& [name, shard] : shard_of) shards.insert(shard);
  files_.reserve(shards.size());
  for (const std::string& shard : shards) {
    if (!file_exists(folder + "/" + shard)) bad_input(index + ": shard " + shard + " is missing");
    refuse_pointer(folder + "/" + shard);
    files_.emplace_back(folder + "/" + shard);
    for (const auto& t : files_.back().tensors()) {
      if (is_ignored(t.name, names)) continue;
      const auto it = shard_of.find(t.name);
      const std::string found = index + ": tensor " + t.name + " is in shard " + shard;
      if (!seen.insert(t.name).second) bad_input(found + " and in another shard");
      if (it == shard_of.end()) bad_input(found + ", but not in the index");
      if (it->second != shard) bad_input(found + ", not in " + it->second + " as the index says");
    }
  }
  for (const auto& [name, shard] : shard_of)
    if (!is_ignored(name, names) && seen.count(name) == 0)
      bad_input(index + ": tensor " + name + " is missing in shard " + shard);
}

const StoredWeights::Stored* StoredWeights::find(std::string_view name) const {
  const auto it = tensors_.find(name);
  return it == tensors_.end() ? nullptr : &it->second;
}

bool StoredWeights::heads_differ(const Family& family) const {
  const Stored *embedding = find(embedding_of(family.tensors)), *head = find(family.tensors.head);
  if (embedding == nullptr || head == nullptr) return false;
  if (embedding->tensor->shape != head->tensor->shape) return true;
  constexpr std::int64_t kPiece = 1 << 20;
  std::vector<float> a(kPiece), b(kPiece);
  const std::int64_t n = head->tensor->elements();
  for (std::int64_t from = 0; from < n; from += kPiece) {
    const std::int64_t to = std::min(n, from + kPiece);
    embedding->file->read_f32(embedding->tensor->name, from, to, a.data());
    head->file->read_f32(head->tensor->name, from, to, b.data());
    if (!std::equal(a.begin(), a.begin() + (to - from), b.begin())) return true;
  }
  return false;
}

// What a tensor of the layout is read from, or null.
const StoredWeights::Stored* StoredWeights::find_for(const TensorInfo& t, const Layout& layout,
                                                     const Family::Tensors& names) const {
  const Stored* found = find(t.name);
  const bool tied = layout.find(names.head) == nullptr;
  return found == nullptr && tied && t.name == embedding_of(names) ? find(names.head) : found;
}

Buffer<float> StoredWeights::read(const Layout& layout, const Family& family, std::string_view except,
                                  const std::vector<std::string_view>& spare) const {
  const Family::Tensors& names = family.tensors;
  for (const auto& [name, stored] : tensors_)
    if (layout.find(name) == nullptr && std::find(spare.begin(), spare.end(), name) == spare.end())
      bad_input(stored.file->path() + ": tensor " + stored.tensor->name + " does not belong to this model",
                advice_on_tensor(stored.tensor->name));
  // All shapes before any memory: the files' sizes then bound what is allocated.
  for (const TensorInfo& t : layout.tensors) {
    if (t.name == except) continue;
    const Stored* found = find_for(t, layout, names);
    if (found == nullptr) bad_input(path_ + ": tensor " + t.name + " is missing");
    if (found->tensor->shape != t.shape)
      bad_input(found->file->path() + ": tensor " + found->tensor->name + " has shape " +
                shape_text(found->tensor->shape) + ", not " + shape_text(t.shape));
  }
  Buffer<float> values(layout.size);
  const ProfileScope scope(Part::kLoading, 0, 4.0 * layout.size);
  for (const TensorInfo& t : layout.tensors) {
    if (t.name == except) continue;
    const Stored* found = find_for(t, layout, names);
    found->file->read_f32(found->tensor->name, values.data() + t.offset);
  }
  return values;
}

}  // namespace nudge
