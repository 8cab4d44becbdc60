// The tensors of a model folder as they are stored: model.safetensors, or the shards that its index names.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/io/safetensors.h"
#include "lib/model/parameters.h"

namespace nudge {

inline constexpr std::string_view kScoreName = "score.weight", kScoreBias = "score.bias";

class StoredWeights {
 public:
  // Opens the files and reads their headers. Tensors get the names that our layout has for them: some of the hub's
  // files leave the family's prefix out. Masks and tables that old files store beside the parameters are passed over.
  // Errors: kNoInput, kBadInput, naming the file and the tensor, and what to do where the weights are of another format.
  StoredWeights(const std::string& folder, const Family& family);

  bool has(std::string_view name) const { return tensors_.count(name) != 0; }

  // Whether the file stores an unembedding ("lm_head.weight") that isn't the embedding. A copy of it, equal in every
  // number, says nothing new, and neither does the only one of the two that is there.
  bool heads_differ(const Family& family) const;

  // The values of a layout, all tensors but `except`. `spare`: names that may be stored without being in the layout.
  // Where the embedding is missing, a tied model's is its unembedding. Error kBadInput: a tensor that is missing, has
  // another shape, or that this model has no place for.
  Buffer<float> read(const Layout& layout, const Family& family, std::string_view except,
                     const std::vector<std::string_view>& spare) const;

 private:
  struct Stored {
    const SafetensorsFile* file;
    const SafetensorsFile::Tensor* tensor;
  };
  void open(const std::string& folder, const Family::Tensors& names);
  const Stored* find(std::string_view name) const;
  const Stored* find_for(const TensorInfo& t, const Layout& layout, const Family::Tensors& names) const;

  std::string path_;  // what errors name: the file or the index
  std::vector<SafetensorsFile> files_;
  std::map<std::string, Stored, std::less<>> tensors_;
};

}  // namespace nudge
