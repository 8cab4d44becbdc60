// The language head over chosen rows, in chunks: the logits of a whole batch are never in memory (docs/mathematics.md,
// 14).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/kernels/kernels.h"
#include "lib/model/transformer.h"

namespace nudge {

// Predictions of a batch: row rows[i] predicts token tokens[i], sampled at temperatures[i].
struct Targets {
  std::vector<std::int64_t> rows;
  std::vector<std::int32_t> tokens;
  std::vector<float> temperatures;
  void add(std::int64_t row, std::int32_t token, float temperature = 1) {
    rows.push_back(row);
    tokens.push_back(token);
    temperatures.push_back(temperature);
  }
  std::int64_t size() const { return static_cast<std::int64_t>(rows.size()); }
};

// A second policy over the same batch, for the exact KL(old || new) of each row.
struct OldPolicy {
  const Transformer* model = nullptr;
  const float* final = nullptr;  // its final states of the batch
};

// The reference over the same batch, for the exact KL(model || reference) of each row in training.
struct ReferencePolicy {
  const Transformer* model = nullptr;
  const float* final = nullptr;  // its final states of the batch
  float* kl = nullptr;           // one number a target: written before the loss of its chunk is called
};

// What the head reads of a forward pass over a batch of T tokens.
struct HeadInput {
  const Transformer& model;
  const float* final;  // [T, C] its final states
  const Targets& targets;
  OldPolicy old = {};
  ReferencePolicy reference = {};  // read by train()
};

// The same pair of logits with the roles exchanged, one entry per target: the old policy's stats and KL(model || old).
struct Exchanged {
  RowStats* stats = nullptr;
  float* kl = nullptr;
};

// Holds its own scratch: one per thread.
class LanguageHead {
 public:
  // stats[i] of row rows[i] for its token; with an old policy also kl[i] = KL(old || model) and, if wanted, `exchanged`.
  void evaluate(const HeadInput& input, RowStats* stats, float* kl = nullptr, Exchanged exchanged = {});

  // The loss of targets [begin, end): from their stats (and KL) to its gradient by them. The pointers start at `begin`.
  using Loss = std::function<void(std::int64_t begin, std::int64_t end, const RowStats* stats, const float* kl,
                                  RowGradient* gradient)>;
  // Evaluates, calls the loss and propagates its gradient: writes dfinal[T, C] at the targets' rows and adds the head's
  // gradient, chunk by chunk. Targets must be in the order of the batch's rows.
  void train(const HeadInput& input, const Batch& batch, const Loss& loss, float* dfinal, Gradients& gradients);

 private:
  void logits_of(const Transformer& model, const float* final, const std::int64_t* rows, std::int64_t n,
                 Buffer<float>& states, Buffer<float>& logits);
  // Of targets begin .. begin + n - 1, at most a chunk.
  void stats_of(const HeadInput& input, std::int64_t begin, std::int64_t n, RowStats* stats, float* kl,
                Exchanged exchanged);
  // The reference's logits and stats of the same targets, and KL(model || reference).
  void reference_of(const HeadInput& input, std::int64_t begin, std::int64_t n, const RowStats* stats);

  Buffer<float> states_, logits_, old_states_, old_logits_, ref_states_, ref_logits_, dstates_;
  std::vector<RowStats> old_stats_, ref_stats_;
  ProductScratch scratch_;
};

}  // namespace nudge
