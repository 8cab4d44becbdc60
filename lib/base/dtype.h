// The arithmetic of a model. Weights are always float32. With kBf16 every matrix product rounds both factors to bf16
// (docs/determinism.md), and keys and values are rounded before use. Everything else is float32.
#pragma once

namespace nudge {

enum class Dtype { kF32, kBf16 };

// As spelt in options and records.
inline const char* name_of(Dtype dtype) { return dtype == Dtype::kF32 ? "f32" : "bf16"; }

}  // namespace nudge
