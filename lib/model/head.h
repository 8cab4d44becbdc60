// The language head over chosen rows, in chunks: logits of the whole batch never stand in memory
// (docs/mathematics.md, 14).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/kernels/kernels.h"
#include "lib/model/transformer.h"

namespace nudge {

// The rows of a batch that predict something, what came next, and the temperature it was sampled at:
// row r predicts token t.
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

// What the same pair of logits tells with the roles exchanged, a number for each target: the old policy's stats and
// KL(model || old).
struct Exchanged {
  RowStats* stats = nullptr;
  float* kl = nullptr;
};

class LanguageHead {
 public:
  // stats[i] of row rows[i] for its token; with `old`, kl[i] = KL(old || model) too, and what `exchanged` asks for.
  // final: [T, C].
  void evaluate(const Transformer& model, const float* final, const Targets& targets, RowStats* stats,
                OldPolicy old = {}, float* kl = nullptr, Exchanged exchanged = {});

  // What the loss does with a chunk of rows [begin, end): from their stats (and KL) to the loss's gradient by them.
  // The pointers are those of row `begin`.
  using Loss = std::function<void(std::int64_t begin, std::int64_t end, const RowStats* stats, const float* kl,
                                  RowGradient* gradient)>;
  // Evaluates, asks the loss, and takes its gradient back: dfinal[T, C] of the rows is written, the head's
  // gradient is added, chunk by chunk in the order of the targets, which is that of the batch's rows.
  void train(const Transformer& model, const Batch& batch, const float* final, const Targets& targets, const Loss& loss,
             float* dfinal, Gradients& gradients, OldPolicy old = {});

 private:
  void logits_of(const Transformer& model, const float* final, const std::int64_t* rows, std::int64_t n,
                 Buffer<float>& states, Buffer<float>& logits);
  void stats_of(const Transformer& model, const float* final, const Targets& targets, std::int64_t begin,
                std::int64_t n, RowStats* stats, OldPolicy old, float* kl, Exchanged exchanged);

  Buffer<float> states_, logits_, old_states_, old_logits_, dstates_;
  std::vector<RowStats> old_stats_;
};

}  // namespace nudge
