// Low-rank adapters on the command line: what a new one is like, and where bases are.
#pragma once

#include <cstdint>
#include <string>

#include "lib/cli/tool.h"
#include "lib/model/adapter_folder.h"

namespace nudge {

// --base, of all programs that load models.
Option& base_option(Tool& tool, std::string& base);
// Error kUsage where --base was given and none of the models has an adapter.
void refuse_base_without_adapter(const std::string& base, bool adapted);

// What of a model is trained: all of it, all behind its first blocks, or an adapter.
struct AdapterOptions {
  std::int64_t frozen_blocks = 0;
  std::int64_t rank = 0;  // 0: no new adapter
  double alpha = 0;       // 0: twice the rank
  std::string targets = "all";
  bool rank_stabilized = false;
  std::string base, base_name;

  // Adapters want some ten times the rate of full training (Schulman et al. 2025, "LoRA Without Regret").
  static constexpr double kRateFactor = 10;

  // Registers --freeze, --lora-rank, --lora-alpha, --lora-targets, --lora-rslora, --base and --base-name.
  void add_to(Tool& tool);
  // Error kUsage where --base or --base-name was given, for this reason.
  void refuse_names(const std::string& reason) const;
  // The model in `folder` to be trained, or, with a rank, a new adapter on it; an adapter that is there already has to be
  // of this rank, alpha and targets. `head` may be a score head, which a language model gets anew.
  Model load(const std::string& folder, HeadKind head, std::uint64_t seed, Dtype dtype, Bases& bases) const;
  // The configuration of a new adapter on a base of this configuration, which `name` is written for.
  AdapterConfig config(const ModelConfig& base_config, HeadKind head, const std::string& name) const;

  // Freezes what is to be frozen of a model that is trained whole. Errors: kUsage for more blocks than there are.
  void freeze(Model& model) const;

 private:
  void check_same(const Model& model, const std::string& folder) const;
  const Option* alpha_ = nullptr;
};

}  // namespace nudge
