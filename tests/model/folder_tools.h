// Model folders that tests write, change and load.
#pragma once

#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "lib/io/files.h"
#include "lib/model/folder.h"
#include "tests/model/random_model.h"
#include "tests/model/safetensors_text.h"
#include "tests/model/tiny_model.h"

namespace nudge::test {

inline std::string fresh_folder() {
  static int n = 0;
  const std::string path = scratch_folder() + "/model-" + std::to_string(n++);
  std::filesystem::create_directories(path);
  return path;
}

// A small GPT-2 with random numbers in every tensor.
inline Model small(bool tied = true, HeadKind head = HeadKind::kLanguage) {
  Model base = tiny_model(1, 5, {2, 12, 3, 20});
  ModelConfig c = base.config();
  c.tied = tied, c.head = head;
  return Model{Transformer(c, random_values(Layout(c), 5, 1)), std::move(base.tokenizer), "", {c.eos}};
}

inline std::string saved(const Model& model) {
  const std::string path = fresh_folder();
  save_model(model, path);
  return path;
}

// The tensors of a folder, to be changed and written again.
inline std::vector<StoredTensor> stored(const Transformer& t) {
  std::vector<StoredTensor> all;
  for (const TensorInfo& i : t.layout().tensors)
    all.push_back({i.name, "F32", i.shape, float_bytes({t.values() + i.offset, static_cast<std::size_t>(i.size)})});
  return all;
}
inline void replace_weights(const std::string& folder, const std::vector<StoredTensor>& tensors) {
  replace_file(folder + "/model.safetensors", safetensors_text(tensors));
}

inline bool same_values(const Transformer& a, const Transformer& b) {
  return a.layout().size == b.layout().size &&
         std::memcmp(a.values(), b.values(), static_cast<std::size_t>(a.layout().size) * sizeof(float)) == 0;
}

// The error of loading it.
inline std::string error_of(const std::string& folder, HeadKind head = HeadKind::kLanguage) {
  return message_of([&] { load_model(folder, head); });
}

}  // namespace nudge::test
