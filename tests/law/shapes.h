// Shapes in which every dimension passes each blocking constant of the kernels at least twice and ends oddly:
// panels of 32 columns, blocks of 256 along k and along keys, blocks of 16 keys, 48 queries, 1,024 logits, tiles of
// up to 12 rows, tiles of 192 rows.
#pragma once

#include "tests/law/law.h"
#include "tests/model/random_model.h"

namespace nudge::test {

struct Subject {
  Transformer model;
  std::vector<std::int32_t> tokens;  // a sequence of it
};

// Width 525 and feed-forward width 531 (256 twice), 2,083 tokens (1,024 twice), heads of 175 (16 and 32 many times).
inline const Subject& wide_subject() {
  static const ModelConfig c = shape_of(1, 3, 175, 531, 2083, 113);
  static const Subject s{random_transformer(c, 21, 1.5), random_tokens(113, c.vocab, 22)};
  return s;
}
// 545 positions: 256 keys, 48 queries and 192 rows twice and more; heads of 21.
inline const Subject& long_subject() {
  static const ModelConfig c = [] {
    ModelConfig shape = shape_of(2, 2, 21, 77, 67, 560);
    shape.activation = Activation::kGeluErf;
    shape.tied = false;
    return shape;
  }();
  static const Subject s{random_transformer(c, 23, 1.5), random_tokens(545, c.vocab, 24)};
  return s;
}

// The logits of `n` rows of final states from row `begin` on.
inline Floats logits_of(const Transformer& model, const Trace& trace, std::int64_t begin, std::int64_t n) {
  Floats out(static_cast<std::size_t>(n * model.config().vocab));
  model.logits(trace.final.data() + begin * model.config().width, n, out.data());
  return out;
}

// The logits of a sequence that is forwarded alone and whole.
inline Floats alone(const Transformer& model, const std::vector<std::int32_t>& tokens) {
  Batch batch;
  batch.add(tokens);
  Trace trace;
  model.forward(batch, trace);
  return logits_of(model, trace, 0, batch.size());
}

inline std::span<const std::int32_t> part(const std::vector<std::int32_t>& tokens, std::int64_t begin, std::int64_t n) {
  return std::span(tokens).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(n));
}

}  // namespace nudge::test
