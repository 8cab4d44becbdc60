// Model folders in Hugging Face's layout: config.json, model.safetensors (or its shards and
// model.safetensors.index.json), tokenizer.json, tokenizer_config.json, generation_config.json.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/model/tokenizer.h"
#include "lib/model/transformer.h"

namespace nudge {

struct Model {
  Transformer transformer;
  Tokenizer tokenizer;
  std::string generation_config;   // the file's text as it was, "" where there is none
  std::vector<std::int32_t> eos;   // the ending tokens: generation_config's, else config's

  const ModelConfig& config() const { return transformer.config(); }
  bool ends(std::int32_t token) const;
};

// Errors: kNoInput for a missing folder or file, kBadInput naming file and tensor or key: tensors that are missing,
// unknown or misshapen, an index that its shards contradict, a tokenizer with more tokens than the vocabulary, a head
// of the other kind.
Model load_model(const std::string& folder, HeadKind head);

// The same trunk under a fresh score head (docs/mathematics.md, 3), from a language model's folder; a folder
// that has a score head already is taken as it is.
Model load_as_score_model(const std::string& folder, std::uint64_t seed);

// Writes the files into an existing folder; the caller publishes it.
void save_model(const Model& model, const std::string& folder);
void save_weights(const Transformer& transformer, const std::string& folder);  // config.json and model.safetensors

// Names the computed function: configuration, names, shapes and values of the tensors, not the files.
std::string model_digest(const Transformer& transformer);

}  // namespace nudge
