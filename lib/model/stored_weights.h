// A model folder's tensors as stored: model.safetensors, or the shards its index names.
#pragma once

#include <functional>
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
  // Opens the files and reads their headers. Tensors get our layout's names: some of the hub's files omit the family's
  // prefix. Masks and tables that old files store beside the parameters are ignored. Errors kNoInput and kBadInput name
  // the file and tensor, and say what to do about weights in another format.
  StoredWeights(const std::string& folder, const Family& family);

  bool has(std::string_view name) const { return tensors_.count(name) != 0; }

  // Whether the file stores both embedding and unembedding ("lm_head.weight") and they differ in any number.
  bool heads_differ(const Family& family) const;

  // The values of a layout, all tensors but `except`. `spare`: names that may be stored without being in the layout. A
  // tied model's missing embedding is its unembedding. Error kBadInput for a tensor that is missing, unknown or of
  // another shape.
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
