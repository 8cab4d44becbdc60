// Model folders in Hugging Face's layout: config.json, model.safetensors (or its shards and
// model.safetensors.index.json), tokenizer.json, tokenizer_config.json, chat_template.jinja, generation_config.json.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/io/safetensors.h"
#include "lib/model/transformer.h"
#include "lib/text/tokenizer.h"

namespace nudge {

struct Model {
  Transformer transformer;
  Tokenizer tokenizer;
  std::string generation_config;          // the file's text as it was, "" where there is none
  std::vector<std::int32_t> eos;          // the ending tokens: generation_config's, else config's
  std::vector<std::string> remarks = {};  // where files contradict each other: what was taken, for users to see

  const ModelConfig& config() const { return transformer.config(); }
  bool ends(std::int32_t token) const;
  // The token that ends an answer: the tokenizer's ending token if it is one of `eos` (Llama 3's <|eot_id|>, where the
  // first is <|end_of_text|>), else the first of `eos`; -1 without any.
  std::int32_t end() const;
};

class Bases;

// Errors: kNoInput for a missing folder or file, kBadInput naming file and tensor or key: tensors that are missing,
// unknown or misshapen, an index that its shards contradict, a tokenizer with more tokens than the vocabulary, a head
// of the other kind. `dtype` is the arithmetic, however the weights are stored. A folder may hold an adapter alone
// (adapter_folder.h), whose base comes from `bases`; without these it is found by its name.
Model load_model(const std::string& folder, HeadKind head, Dtype dtype = Dtype::kF32, Bases* bases = nullptr);

// A language model's backbone under a fresh score head (docs/mathematics.md, 3); a folder that already has a score head
// keeps it. The configuration then names a pad token, so other software can batch: its own, else the tokenizer's, else
// the token that ends an answer.
Model load_as_score_model(const std::string& folder, std::uint64_t seed, Dtype dtype = Dtype::kF32,
                          Bases* bases = nullptr);

// The pad of a score model (see above) in a configuration that has none.
void set_pad(Model& model);

// A transformer with the tokenizer and the generation configuration in `folder`, or where that has none, in `fallback`.
Model with_files(Transformer transformer, const std::string& folder, const std::string& fallback = "");

// The head a folder's configuration names, none if unreadable. For messages.
std::optional<HeadKind> head_of(const std::string& folder);

// How a folder's weights are stored.
struct Storage {
  StoredDtype dtype = StoredDtype::kF32;
  // The most bytes of tensors per file; a larger tensor gets a file of its own.
  std::int64_t shard_bytes = std::numeric_limits<std::int64_t>::max();
};

// Writes the files into an existing folder, of a model with an adapter the adapter's; the caller publishes it. Weights beyond storage.shard_bytes become shards, in
// the layout's order, with an index. Errors: write_safetensors's.
void save_model(const Model& model, const std::string& folder, const Storage& storage = {});
// config.json and the weights alone.
void save_weights(const Transformer& transformer, const std::string& folder, const Storage& storage = {});

// Identifies the computed function: configuration, names, shapes and values of the tensors, not the files.
std::string model_digest(const Transformer& transformer);

}  // namespace nudge
