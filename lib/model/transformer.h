// The backbone: embeddings, L blocks of attention and feed-forward with their residuals, a final norm. One block serves
// all families; what kind of norm, position, feed-forward and residual it has, the configuration says. Each forward
// stands beside its backward. All of it obeys the law (docs/determinism.md): what a position yields depends on the
// weights and the tokens before it alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/model/config.h"
#include "lib/model/gradients.h"
#include "lib/model/kv_cache.h"
#include "lib/model/ops.h"
#include "lib/model/parameters.h"
#include "lib/model/rotary.h"

namespace nudge {

// Sequences one after the other without padding: sequence b is tokens[begin[b] .. begin[b + 1]).
struct Batch {
  std::vector<std::int32_t> tokens;
  std::vector<std::int64_t> begin{0};

  std::int64_t sequences() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  std::int64_t size() const { return static_cast<std::int64_t>(tokens.size()); }
  void add(std::span<const std::int32_t> sequence) {
    tokens.insert(tokens.end(), sequence.begin(), sequence.end());
    begin.push_back(size());
  }
};

// What the forward keeps of a block for its backward; T rows each. RMS norms leave mean1 and mean2 unused. What norms
// and activations yield is not kept, but made again from what is: no product is needed, and a third is saved.
struct BlockTrace {
  Buffer<float> mean1, rstd1;                  // [T], [T]
  Buffer<float> q_raw, q_rstd, k_raw, k_rstd;  // [T, H, D], [T, H], [T, G, D], [T, G]: before the q and k norms
  Buffer<float> qkv, attention, stats;         // [T, (H + 2G) D] normed and turned, [T, H D], [H, T, 2]
  Buffer<float> post_attention, mean2, rstd2;  // [T, C], [T], [T]
  Buffer<float> up;                            // [T, F] before the activation ([T, 2F] where gated)
};

// The forward's working memory. With `keep` every block has its own trace and backward can follow;
// without, all blocks share one. With `recompute` too they share one, but what goes into each is kept, and backward
// makes the trace of one after the other again: the same bits, for another forward through the blocks.
struct Trace {
  explicit Trace(bool keep_all = false, bool recompute_blocks = false) : keep(keep_all), recompute(recompute_blocks) {}
  BlockTrace& block(std::size_t l) { return blocks[blocks.size() > 1 ? l : 0]; }
  bool keep, recompute;
  std::vector<Buffer<float>> in;  // [T, C], what goes into a block
  std::vector<BlockTrace> blocks;
  Buffer<float> normed, active;    // [T, C], [T, F]: what a norm or an activation yields, of the block at work
  Buffer<float> last, mean, rstd;  // before the final norm
  Buffer<float> final;             // [T, C], what the heads read
  Buffer<float> branch;            // [T, C]: the gradient at a block's end, where branches are parallel
  KvCache cache;                   // one layer's keys and values, where no other cache is given
  Buffer<float> scratch;           // the backward's
};

class Transformer {
 public:
  Transformer(ModelConfig config, Buffer<float> values);

  const ModelConfig& config() const { return config_; }
  ModelConfig& config() { return config_; }
  const Layout& layout() const { return layout_; }
  const float* values() const { return values_.data(); }
  // Gives the parameters out to be changed; forward and backward need pack() afterwards.
  float* change() { return values_.data(); }
  // Makes the kernels' copies of the matrices, which forward and backward read: of all, or of the head's alone. A
  // block's matrices are then copied one by one where they are used, which saves their memory and costs little where
  // hundreds of tokens go through together, as in training.
  void pack(bool blocks = true);

  // Whole sequences from position 0. Throws kInternal for tokens or lengths the caller should have refused.
  void forward(const Batch& batch, Trace& trace) const;
  // dfinal [T, C]: the gradient by trace.final. Adds to the gradients.
  void backward(const Batch& batch, Trace& trace, const float* dfinal, Gradients& gradients) const;
  // One run of new tokens for each of some sequences of a cache, from where the sequence ends; it is longer then.
  // `runs` as in Batch, run i goes to sequences[i].
  void extend(const Batch& runs, std::span<const std::int64_t> sequences, KvCache& cache, Trace& trace) const;

  // logits[n, V] of n rows of final states. Needs a language head.
  void logits(const float* final, std::int64_t n, float* logits) const;
  // dfinal[n, C] = dlogits[n, V] W, and the head's gradient. The rows are those of sequences, of which sequence b has
  // begin[b] .. begin[b + 1]; n is begin.back().
  void logits_backward(const float* dlogits, const float* final, std::span<const std::int64_t> begin, float* dfinal,
                       Gradients& gradients) const;
  // score[i] = w . final[rows[i]], and its backward: dfinal[rows[i]] += dscore[i] w. Needs a score head.
  void scores(const float* final, std::span<const std::int64_t> rows, float* score) const;
  void scores_backward(const float* dscore, const float* final, std::span<const std::int64_t> rows, float* dfinal,
                       Gradients& gradients) const;

 private:
  struct Run {
    std::int64_t begin, count, first, sequence;  // rows begin .. begin + count - 1 are positions first ..
  };
  struct BlockPacked {  // empty where only the head's matrix is packed
    Packed qkv, proj, up, down;
  };

  const float* at(std::int64_t offset) const { return values_.data() + offset; }
  static std::vector<Run> whole_sequences(const Batch& batch);
  static std::vector<std::int64_t> positions_of(std::span<const Run> runs, std::int64_t T);
  void run(const Batch& batch, std::span<const Run> runs, KvCache& cache, Trace& trace) const;
  // Block l from trace.in to the trace that its backward needs.
  void run_block(std::size_t l, std::span<const Run> runs, const std::vector<std::int64_t>& positions, KvCache& cache,
                 Trace& trace) const;
  const float* bias_at(const LinearAt& l) const { return l.bias < 0 ? nullptr : at(l.bias); }
  // The kernels' copy of the matrix B[in, out], or of its transpose.
  void copy(const LinearAt& l, bool transposed, Packed& to) const;
  void copy_head(Packed& to) const;
  const Packed& head_pack() const;
  // y[T, out] = x B + bias and dx[T, in] = dy B^T, by the copy where there is one, with what else ends them.
  void product(const float* x, std::int64_t T, const LinearAt& l, const Packed& kept, float* y,
               Epilogue epilogue = {}) const;
  void product_backward(const float* dy, std::int64_t T, const LinearAt& l, const Packed& kept, float* dx,
                        const Epilogue& epilogue = {}) const;
  void reserve(BlockTrace& block, std::int64_t T) const;
  void embed(const Batch& batch, std::span<const Run> runs, float* out) const;
  void embed_backward(const Batch& batch, const float* dx, Gradients& gradients) const;
  void norm(const float* x, const NormAt& n, std::int64_t T, float* y, float* mean, float* rstd) const;
  void norm_backward(const float* dy, const float* x, const NormAt& n, std::int64_t T, const float* mean,
                     const float* rstd, float* dx, Gradients& gradients) const;
  // Norms and turns queries and keys in place in the rows of block.qkv, row t at position positions[t]; with bf16
  // rounds keys and values, through which the backward passes gradients as they are.
  void place(const std::vector<std::int64_t>& positions, const LayerAt& layer, BlockTrace& block) const;
  // scratch: place_scratch(T) floats.
  void place_backward(const std::vector<std::int64_t>& positions, const LayerAt& layer, const BlockTrace& block,
                      float* dqkv, float* scratch, Gradients& gradients) const;
  std::int64_t place_scratch(std::int64_t T) const;
  void turn(const std::vector<std::int64_t>& positions, float* qkv, bool back) const;
  void attend(std::span<const Run> runs, std::int64_t layer, std::int64_t T, KvCache& cache, BlockTrace& block) const;
  void attend_backward(const Batch& batch, const BlockTrace& block, const float* dattention, float* dqkv) const;
  auto activation() const {
    return config_.activation == Activation::kGeluTanh ? kernels().gelu_tanh : kernels().gelu_erf;
  }
  void activate(const BlockTrace& block, std::int64_t T, float* active) const;
  // The feed-forward's way in and half of its way back: up and active, and dup from dy behind `down`. dactive is room
  // for [T, F] where the activation is gated.
  void enter_inner(const float* normed, std::int64_t T, std::size_t l, Trace& trace) const;
  void leave_inner_backward(const float* dy, const BlockTrace& block, std::int64_t T, std::size_t l, float* dactive,
                            float* dup) const;
  float attention_scale() const;

  ModelConfig config_;
  Layout layout_;
  Buffer<float> values_;
  std::vector<BlockPacked> packs_;
  Packed head_pack_;
  // Grows with the positions that are met: a context of 131,072 would cost half a second at loading. Therefore one
  // thread at a time may call forward or extend, as it is with the kernels' shared scratch.
  mutable RotaryTable rotary_;
};

}  // namespace nudge
