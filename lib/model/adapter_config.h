// A low-rank adapter's configuration, PEFT's adapter_config.json (docs/mathematics.md, 20): y = x W + scale (x A^T) B^T for
// each adapted matrix W, whose A is [rank, in] and B [out, rank].
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/config.h"

namespace nudge {

// What mends an adapter that is broken, and one of a kind that isn't built.
inline constexpr const char* kWriteAgain = "write the adapter again with PEFT's save_pretrained";
inline constexpr const char* kMergeInPeft =
    "merge it into its base with PEFT (merge_and_unload, then save_pretrained), and give that folder";

inline constexpr const char* kAdapterPrefix = "base_model.model.";  // of all its tensors' names

// Whether `target` names the module: its whole name, or its last parts ("q_proj" of "model.layers.0.self_attn.q_proj").
bool is_module(std::string_view name, std::string_view target);

struct AdapterConfig {
  std::int64_t rank = 8;
  double alpha = 16;
  bool rank_stabilized = false;      // rsLoRA: alpha/sqrt(rank) in place of alpha/rank
  std::vector<std::string> targets;  // modules, by their last parts; none where the file gives a pattern of names
  std::string base;                  // "base_model_name_or_path", as it was given
  std::string base_digest;           // of the base that it was made on; "" where that is unknown
  HeadKind head = HeadKind::kLanguage;

  double scale() const;
  bool adapts(std::string_view module) const;

  // Errors: kBadInput naming `where` and the key: another method than LoRA, what changes the mathematics and is not
  // built (DoRA, rank and alpha patterns, biases, initialisations that change the base, ...).
  static AdapterConfig parse(std::string_view json, const std::string& where);
  // `fan_in_fan_out`: the base stores its matrices [in, out], as GPT-2 does.
  std::string json(bool fan_in_fan_out) const;
  // All that changes the computed function, as one text for digests.
  std::string mathematics() const;
};

}  // namespace nudge
