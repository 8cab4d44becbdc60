// The backbone: embeddings, L blocks of attention and feed-forward with their residuals, a final norm. One block serves
// all families; the configuration chooses its norms, positions, feed-forward and residuals. Each forward stands beside
// its backward. All of it obeys the law (docs/determinism.md): a position's output depends on the weights and the tokens
// before it alone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
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

// Of a sublayer whose output is normed: that output [T, C] and the norm's statistics [T].
struct SublayerTrace {
  Buffer<float> out, mean, rstd;
};

// What a block's forward keeps for its backward; T rows each. RMS norms leave mean1 and mean2 unused. Outputs of norms
// and activations are not kept but recomputed: that takes no product and saves a third of the memory.
struct BlockTrace {
  Buffer<float> mean1, rstd1;                  // [T], [T]
  Buffer<float> q_raw, q_rstd, k_raw, k_rstd;  // [T, H, D], [T, H], [T, G, D], [T, G]: before the q and k norms
  Buffer<float> qkv, attention, stats;         // [T, (H + 2G) D] normed and rotated, [T, H D], [H, T, 2]
  Buffer<float> post_attention, mean2, rstd2;  // [T, C] the residual stream after attention, [T], [T]
  Buffer<float> up;                            // [T, F] before the activation ([T, 2F] where gated)
  SublayerTrace attended, fed;                 // of attention and of the feed-forward
};

// The memory of a forward and its backward. All that a pass leaves is here, so threads that share a model need a trace
// each; one trace serves any models, one after the other. (Kernels have scratch per thread, which holds nothing between
// two calls.) With `keep` every block has its own trace and backward can
// follow; without, all blocks share one. With `recompute` they share one too, but each block's input is kept, and
// backward runs block after block again: the same bits, for another forward through the blocks.
struct Trace {
  explicit Trace(bool keep_all = false, bool recompute_blocks = false) : keep(keep_all), recompute(recompute_blocks) {}
  BlockTrace& block(std::size_t l) { return blocks[blocks.size() > 1 ? l : 0]; }
  bool keep, recompute;
  std::vector<Buffer<float>> in;  // [T, C], the input of a block
  std::vector<BlockTrace> blocks;
  Buffer<float> normed, active;       // [T, C], [T, F]: output of the current block's norm and activation
  Buffer<float> last, mean, rstd;     // [T, C], [T], [T]: before the final norm
  Buffer<float> final;                // [T, C], what the heads read
  Buffer<float> branch;               // [T, C]: the gradient at a block's output, where branches are parallel
  std::array<RotaryTable, 3> rotary;  // by LayerForm::Rope; that of kNone is empty
  Buffer<float> scratch;              // the backward's
  ProductScratch products;
};

// Configuration and parameters. Const members may run in any number of threads at once, each with its own trace.
class Transformer {
 public:
  Transformer(ModelConfig config, Buffer<float> values);
  // `base` without its adapter, whose memory both share from now on, under an adapter: parameters in the layout
  // Layout(config, adapter). The adapter alone is trained. `config`: the base's, but for what heads differ in: a score
  // head is the adapter's.
  Transformer(const Transformer& base, ModelConfig config, AdapterConfig adapter, Buffer<float> adapter_values);
  Transformer(Transformer&&) = default;
  Transformer& operator=(Transformer&&) = default;

  const ModelConfig& config() const { return config_; }
  // The same parameters under another configuration of the same layout (another dtype, say). Needs pack().
  Transformer with(ModelConfig config) &&;
  // The same with its embeddings and first blocks frozen; not of a model with an adapter.
  Transformer freeze(std::int64_t blocks) &&;
  // The same function with a copy of what is trained; a frozen base is shared.
  Transformer copy() const;
  // The base alone, sharing its memory and frozen: not to be changed.
  Transformer without_adapter() const;
  // Of a reward model: reward = (score - mean) / deviation.
  void set_reward_scale(double mean, double deviation) { config_.reward_mean = mean, config_.reward_std = deviation; }

  // Null without one.
  const AdapterConfig* adapter() const { return adapter_ ? &adapter_->config : nullptr; }
  // The name of the base that the adapter's folder gives; it changes no function.
  void set_base_name(std::string name) { adapter_->config.base = std::move(name); }
  // Of the base, where there is an adapter.
  const Layout& layout() const { return layout_; }
  const float* values() const { return base_->values.data(); }
  // What is trained: all parameters, or those of the adapter.
  const Layout& trained() const { return adapter_ ? adapter_->layout : layout_; }
  const float* trained_values() const { return adapter_ ? adapter_->values.data() : base_->values.data(); }
  // Write access to what is trained; forward and backward need pack() afterwards.
  float* change() { return adapter_ ? adapter_->values.data() : base_->values.data(); }
  // Packs the matrices for forward and backward: all of them, or the head's alone. A block's matrices are then packed
  // where they are used, which saves their memory and costs little where hundreds of tokens pass at once, as in training.
  // A frozen base is packed whole, once.
  void pack(bool blocks = true);

  // Whole sequences from position 0. Throws kInternal for tokens or lengths the caller should have refused.
  void forward(const Batch& batch, Trace& trace) const;
  // dfinal [T, C]: the gradient by trace.final. Adds to the gradients.
  void backward(const Batch& batch, Trace& trace, const float* dfinal, Gradients& gradients) const;
  // Appends new tokens to sequences of a cache: run i of `runs` (as in Batch) to sequences[i].
  void extend(const Batch& runs, std::span<const std::int64_t> sequences, KvCache& cache, Trace& trace) const;

  // logits[n, V] of n rows of final states, scaled and capped as configured (docs/mathematics.md, 14). Needs a language
  // head.
  void logits(const float* final, std::int64_t n, float* logits) const;
  // dfinal[n, C] = dlogits[n, V] W / logit_divisor, and adds the head's gradient. dlogits: by the logits before the cap. Sequence b has rows begin[b] .. begin[b + 1] - 1;
  // n is begin.back().
  void logits_backward(const float* dlogits, const float* final, std::span<const std::int64_t> begin, float* dfinal,
                       Gradients& gradients, ProductScratch& scratch) const;
  // score[i] = w . final[rows[i]], and its backward: dfinal[rows[i]] += dscore[i] w. Needs a score head.
  void scores(const float* final, std::span<const std::int64_t> rows, float* score) const;
  void scores_backward(const float* dscore, const float* final, std::span<const std::int64_t> rows, float* dfinal,
                       Gradients& gradients) const;

 private:
  Transformer() = default;

  struct Run {
    std::int64_t begin, count, first, sequence;  // rows begin .. begin + count - 1 are positions first ..
  };
  struct BlockPacked {  // empty where only the head's matrix is packed
    Packed qkv, proj, up, down;
  };
  // Models with adapters share it.
  struct Base {
    Buffer<float> values;
    std::vector<BlockPacked> packs;
    Packed head;
  };
  struct LayerAdapterPacked {
    LowRankPacked qkv, proj, up, down;
  };
  struct Adapter {
    AdapterConfig config;
    Layout layout;
    Buffer<float> values;
    std::vector<LayerAdapterPacked> packs;
  };
  // One product of a block, with its adapter if it has one.
  struct Linear {
    const LinearAt& at;
    const Packed& kept;
    const LowRankAt* low = nullptr;
    const LowRankPacked* low_packed = nullptr;
  };
  enum class Product { kQkv, kProj, kUp, kDown };

  struct BackwardScratch {
    float* dx;       // [T, C], the gradient by the residual stream
    float* narrow;   // [T, C] or [T, H D]
    float* wide;     // [T, F], [T, 2F] or [T, (H + 2G) D]
    float* dactive;  // [T, F] where gated
    float* heads;    // qk_scratch(T)
    float* branch;   // sublayer_scratch(T)
  };
  // The end of attention or of the feed-forward: its last product and the norm after it, if there is one.
  struct Sublayer {
    Linear last;
    const NormAt& after;
    SublayerTrace& kept;
  };

  const float* at(std::int64_t offset) const { return base_->values.data() + offset; }
  Linear linear(std::size_t layer, Product product) const;
  const float* score_weight() const { return trained_values() + trained().score; }
  static std::vector<Run> whole_sequences(const Batch& batch);
  static std::vector<std::int64_t> positions_of(std::span<const Run> runs, std::int64_t T);
  void reserve(std::int64_t T, Trace& trace) const;
  void reserve(std::int64_t T, BlockTrace& block) const;
  BackwardScratch reserve_backward(std::int64_t T, Trace& trace) const;
  void run(const Batch& batch, std::span<const Run> runs, KvCache* cache, Trace& trace) const;
  // Block l, from trace.in to the block's trace and trace.active. Without a cache, runs are whole sequences.
  void run_block(std::size_t l, std::span<const Run> runs, const std::vector<std::int64_t>& positions, KvCache* cache,
                 Trace& trace) const;
  const float* bias_at(const LinearAt& l) const { return l.bias < 0 ? nullptr : at(l.bias); }
  Norm norm_at(const NormAt& n, std::int64_t channels) const {
    return {channels, static_cast<float>(config_.norm_eps), at(n.weight), n.bias < 0 ? nullptr : at(n.bias),
            config_.norm_offset};
  }
  Norm norm_at(const NormAt& n) const { return norm_at(n, config_.width); }
  // Packs the matrix B[in, out] or its transpose.
  void pack_matrix(const LinearAt& l, bool transposed, Packed& to) const;
  void pack_head(Packed& to) const;
  void pack_base(bool blocks);
  void pack_adapter();
  void pack_low_rank(const LowRankAt& low, std::int64_t out, LowRankPacked& to) const;
  // The adapter's packed matrices, in `scratch` where the model holds no usable ones.
  const LowRankPacked& low_packs(const Linear& l, ProductScratch& scratch) const;
  // What the head's matrix multiplies: final[n, C] / logit_divisor, in `scratch` where that is another.
  const float* head_input(const float* final, std::int64_t n, Buffer<float>& scratch) const;
  // The packed head, in `scratch` where the model holds no usable one.
  const Packed& head_pack(Packed& scratch) const;
  // y[T, out] = x B + bias and dx[T, in] = dy B^T with their epilogues.
  void product(const float* x, std::int64_t T, const Linear& l, float* y, ProductScratch& scratch,
               Epilogue epilogue = {}) const;
  void product_backward(const float* dy, std::int64_t T, const Linear& l, float* dx, ProductScratch& scratch,
                        Epilogue epilogue = {}) const;
  // Adds the gradient of what is trained of the product: of matrix and bias, or of its adapter.
  void product_parameters(const float* x, const float* dy, const Linear& l, const Batch& batch, ProductScratch& scratch,
                          Gradients& gradients) const;
  void low_rank_parameters(const float* x, const float* dy, const Linear& l, const Batch& batch,
                           ProductScratch& scratch, Gradients& gradients) const;
  // to = residual + s norm(x B + bias) with s the configuration's residual_scale (docs/mathematics.md, 15), [T, C] each;
  // `to` is not `residual`.
  void add_sublayer(const float* x, std::int64_t T, const Sublayer& sublayer, const float* residual, float* to,
                    ProductScratch& scratch) const;
  // Of dy, the gradient by that sum, that by the product's output: dy itself where nothing stands between them, else in
  // scratch, sublayer_scratch(T) floats.
  const float* sublayer_backward(const float* dy, std::int64_t T, const Sublayer& sublayer, float* scratch,
                                 Gradients& gradients) const;
  std::int64_t sublayer_scratch(std::int64_t T) const;
  // The norm of a sublayer's input: its output, in y, or x itself where there is none.
  const float* norm_before(const float* x, std::int64_t T, const NormAt& n, float* y, float* mean, float* rstd) const;
  // Adds to dx, the gradient by x.
  void norm_before_backward(const float* dy, const float* x, std::int64_t T, const NormAt& n, NormStats stats,
                            float* dx, Gradients& gradients) const;
  // The gradient of a norm's parameters, which are frozen under an adapter.
  NormGradient norm_gradient(const NormAt& n, Gradients& g) const {
    if (adapter_) return {nullptr, nullptr};
    return {g.at(n.weight), n.bias < 0 ? nullptr : g.at(n.bias)};
  }
  void embed(const Batch& batch, std::span<const Run> runs, float* out) const;
  void embed_backward(const Batch& batch, const float* dx, Gradients& gradients) const;
  // Norms and rotates queries and keys in place in the rows of block.qkv, row t at position positions[t]. With bf16 it
  // also rounds keys and values; the backward passes gradients through that rounding unchanged.
  void norm_and_rotate(const std::vector<std::int64_t>& positions, const LayerAt& layer, const RotaryTable& table,
                       BlockTrace& block) const;
  // scratch: qk_scratch(T) floats.
  void norm_and_rotate_backward(const std::vector<std::int64_t>& positions, const LayerAt& layer,
                                const RotaryTable& table, const BlockTrace& block, float* dqkv, float* scratch,
                                Gradients& gradients) const;
  std::int64_t qk_scratch(std::int64_t T) const;
  const RotaryTable& rotary_of(std::size_t layer, const Trace& trace) const {
    return trace.rotary[static_cast<std::size_t>(config_.form_of(static_cast<std::int64_t>(layer)).rope)];
  }
  // RoPE of queries and keys; `back` rotates by the opposite angles.
  void rotate(const std::vector<std::int64_t>& positions, const RotaryTable& table, bool back, float* qkv) const;
  // Attention over what a cache holds of a sequence and over its run; and of whole sequences that need no cache.
  void attend(std::span<const Run> runs, std::int64_t layer, std::int64_t T, KvCache& cache, BlockTrace& block) const;
  void attend_whole(std::span<const Run> runs, std::int64_t layer, std::int64_t T, BlockTrace& block) const;
  void attend_backward(const Batch& batch, std::int64_t layer, const BlockTrace& block, const float* dattention,
                       float* dqkv) const;
  ActivationKernels activation() const;
  void activate(const BlockTrace& block, std::int64_t T, float* active) const;
  // The first half of the feed-forward and its backward: up and active of `normed`, and dup of dy, the gradient at the
  // output of `down`. dactive: scratch of [T, F] where gated.
  void feed_forward_in(const float* normed, std::int64_t T, std::size_t l, Trace& trace) const;
  void feed_forward_in_backward(const float* dy, std::int64_t T, std::size_t l, float* dactive, float* dup,
                                Trace& trace) const;
  float attention_scale() const;
  AttentionForm attention_form(std::int64_t layer) const;

  ModelConfig config_, base_config_;
  Layout layout_;
  std::shared_ptr<Base> base_;
  bool frozen_ = false;  // the base of adapters
  std::optional<Adapter> adapter_;
  std::array<RotaryWaves, 3> waves_;  // of Trace::rotary
};

}  // namespace nudge
