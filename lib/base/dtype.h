// The arithmetic of a model. In both, weights are kept as float32; with kBf16 every matrix product rounds its two
// factors to bf16 (docs/determinism.md), and keys and values are rounded before any use. All else is float32.
#pragma once

namespace nudge {

enum class Dtype { kF32, kBf16 };

// As options and records have it.
inline const char* name_of(Dtype dtype) { return dtype == Dtype::kF32 ? "f32" : "bf16"; }

}  // namespace nudge
