// Folders that hold a low-rank adapter alone, in PEFT's layout: adapter_config.json and adapter_model.safetensors, and mostly
// a tokenizer. Such a folder is a model wherever one is asked for; its base is a model folder elsewhere.
#pragma once

#include <map>
#include <string>

#include "lib/model/folder.h"

namespace nudge {

bool holds_adapter(const std::string& folder);
AdapterConfig read_adapter_config(const std::string& folder);

// The bases of adapters, each in memory once: models on the same one share it.
class Bases {
 public:
  struct Base {
    std::string folder;
    Transformer model;  // a language model
    std::string digest;
    std::vector<std::string> remarks;
  };

  // `told`: the folder of every adapter's base, in place of the one that the adapter names; "": none.
  explicit Bases(std::string told = "") : told_(std::move(told)) {}
  // The base of the adapter in `folder`: the folder that it names, looked for from the adapter's folder, then from where
  // the program runs. Errors: kNoInput where there is none; kBadInput for another model than the one that it was made on.
  const Base& of(const std::string& folder, const AdapterConfig& adapter, Dtype dtype);
  // The language model in a folder, frozen. Errors: load_model's; kBadInput for an adapter.
  const Base& at(const std::string& folder, Dtype dtype);
  // A whole language model that is only read: a base that is here already, else loaded alone. For adapters, load_model().
  Model read_only(const std::string& folder, Dtype dtype);
  // Makes a model that is loaded already a base that others find at `folder`.
  const Base& add(const std::string& folder, const Model& model);
  // Whether a base of an adapter was asked for.
  bool has_adapters() const { return has_adapters_; }

 private:
  std::string told_;
  std::map<std::string, Base> bases_;  // by canonical path
  bool has_adapters_ = false;
};

// Errors: read_adapter_config's, Bases'; kBadInput naming a tensor that is missing, unknown or misshapen.
Model load_adapter(const std::string& folder, Dtype dtype, Bases& bases);
void save_adapter(const Transformer& transformer, const std::string& folder);

// A new adapter on a base (initial_adapter), with a score head where config.head says so.
Transformer new_adapter(const Bases::Base& base, AdapterConfig config, std::uint64_t seed);

// What the base with its adapter computes as a model of its own: W + scale B A, each sum in double, rounded once.
Transformer merged(const Transformer& model);

}  // namespace nudge
