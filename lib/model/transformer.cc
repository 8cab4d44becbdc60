#include "lib/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"

namespace nudge {
namespace {

void activate(Activation kind, const float* x, float* y, std::int64_t n) {
  const auto f = kind == Activation::kGeluTanh ? kernels().gelu_tanh : kernels().gelu_erf;
  parallel_ranges(n, 8192, [&](std::int64_t begin, std::int64_t end) { f(x + begin, y + begin, end - begin); });
}

void activate_backward(Activation kind, const float* x, float* dy, std::int64_t n) {
  const auto f = kind == Activation::kGeluTanh ? kernels().gelu_tanh_backward : kernels().gelu_erf_backward;
  parallel_ranges(n, 8192,
                  [&](std::int64_t begin, std::int64_t end) { f(x + begin, dy + begin, dy + begin, end - begin); });
}

void reserve(BlockTrace& b, std::int64_t T, const ModelConfig& c) {
  for (Buffer<float>* x : {&b.in, &b.norm1, &b.attention, &b.middle, &b.norm2}) x->reserve(T * c.width);
  for (Buffer<float>* x : {&b.mean1, &b.rstd1, &b.mean2, &b.rstd2}) x->reserve(T);
  b.qkv.reserve(T * 3 * c.width);
  b.stats.reserve(2 * T * c.heads);
  b.up.reserve(T * c.inner);
  b.active.reserve(T * c.inner);
}

float* attention_scratch(std::int64_t T, std::int64_t D) {
  thread_local Buffer<float> scratch;
  scratch.reserve(kernels().attention_scratch(T, D));
  return scratch.data();
}

}  // namespace

Gradients::Gradients(const ModelConfig& config, const Layout& layout)
    : layout_(&layout),
      values_(layout.size),
      head_(layout.unembedding == layout.embedding ? config.vocab * config.width : 0) {}

void Gradients::zero() {
  values_.zero();
  head_.zero();
}

void Gradients::finish() {
  if (head_.size() > 0) add(head_.data(), at(layout_->embedding), head_.size());
}

Transformer::Transformer(ModelConfig config, Buffer<float> values)
    : config_(std::move(config)), layout_(config_), values_(std::move(values)) {
  if (values_.size() != layout_.size) throw Error(Exit::kInternal, "parameters of another size than the layout's");
}

void Transformer::pack(bool for_backward) {
  const auto copy = [&](const LinearAt& l, Packed& to) { nudge::pack(at(l.weight), l.out, 1, l.in, l.out, to); };
  const auto copy_transposed = [&](const LinearAt& l, Packed& to) {
    nudge::pack(at(l.weight), 1, l.out, l.out, l.in, to);
  };
  forward_packs_.resize(layout_.layers.size());
  if (for_backward) backward_packs_.resize(layout_.layers.size());
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const LayerAt& layer = layout_.layers[l];
    BlockPacked& f = forward_packs_[l];
    copy(layer.qkv, f.qkv), copy(layer.proj, f.proj), copy(layer.up, f.up), copy(layer.down, f.down);
    if (!for_backward) continue;
    BlockPacked& b = backward_packs_[l];
    copy_transposed(layer.qkv, b.qkv), copy_transposed(layer.proj, b.proj);
    copy_transposed(layer.up, b.up), copy_transposed(layer.down, b.down);
  }
  if (layout_.unembedding < 0) return;
  const std::int64_t V = config_.vocab, C = config_.width;
  nudge::pack(at(layout_.unembedding), 1, C, C, V, head_pack_);
  if (for_backward) nudge::pack(at(layout_.unembedding), C, 1, V, C, head_backward_pack_);
}

void Transformer::drop_backward() {
  backward_packs_.clear();
  head_backward_pack_ = {};
}

float Transformer::attention_scale() const {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.head_dim())));
}

void Transformer::forward(const Batch& batch, Trace& trace) const {
  std::vector<Run> runs;
  std::int64_t longest = 0;
  for (std::int64_t b = 0; b < batch.sequences(); ++b) {
    const auto i = static_cast<std::size_t>(b);
    runs.push_back({batch.begin[i], batch.begin[i + 1] - batch.begin[i], 0, b});
    longest = std::max(longest, runs.back().count);
  }
  if (!trace.cache.fits(config_, batch.sequences(), longest))
    trace.cache = KvCache(1, config_, std::max(batch.sequences(), trace.cache.slots()),
                          std::max(longest, trace.cache.capacity()));
  run(batch, runs, trace.cache, trace);
}

void Transformer::extend(const Batch& batch, std::span<const std::int64_t> slots, KvCache& cache, Trace& trace) const {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < slots.size(); ++i)
    runs.push_back({batch.begin[i], batch.begin[i + 1] - batch.begin[i], cache.length(slots[i]), slots[i]});
  run(batch, runs, cache, trace);
  for (const Run& r : runs) cache.set_length(r.slot, r.first + r.count);
}

void Transformer::run(const Batch& batch, std::span<const Run> runs, KvCache& cache, Trace& trace) const {
  const std::int64_t T = batch.size(), C = config_.width, F = config_.inner;
  const auto eps = static_cast<float>(config_.norm_eps);
  trace.blocks.resize(trace.keep ? layout_.layers.size() : 1);
  for (BlockTrace& b : trace.blocks) reserve(b, T, config_);
  for (Buffer<float>* x : {&trace.last, &trace.final, &trace.branch}) x->reserve(T * C);
  trace.mean.reserve(T);
  trace.rstd.reserve(T);

  embed(batch, runs, trace.last.data());
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const LayerAt& layer = layout_.layers[l];
    BlockTrace& b = trace.blocks[trace.keep ? l : 0];
    const auto bytes = static_cast<std::size_t>(T * C) * sizeof(float);
    std::memcpy(b.in.data(), trace.last.data(), bytes);
    layer_norm(b.in.data(), at(layer.norm1.gain), at(layer.norm1.bias), T, C, eps, b.norm1.data(), b.mean1.data(),
               b.rstd1.data());
    multiply(b.norm1.data(), T, forward_packs_[l].qkv, at(layer.qkv.bias), b.qkv.data());
    attend(runs, static_cast<std::int64_t>(l), T, cache, b);
    multiply(b.attention.data(), T, forward_packs_[l].proj, at(layer.proj.bias), trace.branch.data());
    std::memcpy(b.middle.data(), b.in.data(), bytes);
    add(trace.branch.data(), b.middle.data(), T * C);
    layer_norm(b.middle.data(), at(layer.norm2.gain), at(layer.norm2.bias), T, C, eps, b.norm2.data(),
               b.mean2.data(), b.rstd2.data());
    multiply(b.norm2.data(), T, forward_packs_[l].up, at(layer.up.bias), b.up.data());
    activate(config_.activation, b.up.data(), b.active.data(), T * F);
    multiply(b.active.data(), T, forward_packs_[l].down, at(layer.down.bias), trace.branch.data());
    std::memcpy(trace.last.data(), b.middle.data(), bytes);
    add(trace.branch.data(), trace.last.data(), T * C);
  }
  layer_norm(trace.last.data(), at(layout_.final_norm.gain), at(layout_.final_norm.bias), T, C, eps,
             trace.final.data(), trace.mean.data(), trace.rstd.data());
}

void Transformer::backward(const Batch& batch, Trace& trace, float* dfinal, Gradients& g) const {
  const std::int64_t T = batch.size(), C = config_.width, F = config_.inner;
  trace.scratch.reserve(T * (2 * C + std::max(F, 3 * C)));
  float* dx = trace.scratch.data();  // the gradient by the residual stream
  float* narrow = dx + T * C;        // [T, C]
  float* wide = narrow + T * C;      // [T, F] or [T, 3C]
  std::memset(dx, 0, static_cast<std::size_t>(T * C) * sizeof(float));

  const auto norm_backward = [&](const float* dy, const float* x, const NormAt& n, const float* mean,
                                 const float* rstd) {
    layer_norm_backward(dy, x, at(n.gain), mean, rstd, T, C, dx, g.at(n.gain), g.at(n.bias));
  };
  const auto parameters_backward = [&](const float* x, const float* dy, const LinearAt& l) {
    accumulate_outer(x, dy, T, l.in, l.out, g.at(l.weight));
    accumulate_rows(dy, T, l.out, g.at(l.bias));
  };

  norm_backward(dfinal, trace.last.data(), layout_.final_norm, trace.mean.data(), trace.rstd.data());
  for (std::size_t l = layout_.layers.size(); l-- > 0;) {
    const LayerAt& layer = layout_.layers[l];
    const BlockTrace& b = trace.blocks[l];
    const BlockPacked& packs = backward_packs_[l];
    parameters_backward(b.active.data(), dx, layer.down);
    multiply(dx, T, packs.down, nullptr, wide);
    activate_backward(config_.activation, b.up.data(), wide, T * F);
    parameters_backward(b.norm2.data(), wide, layer.up);
    multiply(wide, T, packs.up, nullptr, narrow);
    norm_backward(narrow, b.middle.data(), layer.norm2, b.mean2.data(), b.rstd2.data());

    parameters_backward(b.attention.data(), dx, layer.proj);
    multiply(dx, T, packs.proj, nullptr, narrow);
    attend_backward(batch, b, narrow, wide);
    parameters_backward(b.norm1.data(), wide, layer.qkv);
    multiply(wide, T, packs.qkv, nullptr, narrow);
    norm_backward(narrow, b.in.data(), layer.norm1, b.mean1.data(), b.rstd1.data());
  }
  embed_backward(batch, dx, g);
}

void Transformer::embed(const Batch& batch, std::span<const Run> runs, float* out) const {
  const std::int64_t C = config_.width;
  parallel_for(static_cast<std::int64_t>(runs.size()), [&](std::int64_t i) {
    const Run& r = runs[static_cast<std::size_t>(i)];
    for (std::int64_t t = 0; t < r.count; ++t) {
      const std::int32_t token = batch.tokens[static_cast<std::size_t>(r.begin + t)];
      const std::int64_t position = r.first + t;
      if (token < 0 || token >= config_.vocab || position >= config_.context)
        throw Error(Exit::kInternal, "a token or position beyond the model's reached it");
      float* row = out + (r.begin + t) * C;
      std::memcpy(row, at(layout_.embedding + token * C), static_cast<std::size_t>(C) * sizeof(float));
      kernels().add(at(layout_.positions + position * C), row, C);
    }
  });
}

// One chain over the batch's tokens for each number: threads own columns.
void Transformer::embed_backward(const Batch& batch, const float* dx, Gradients& g) const {
  const std::int64_t C = config_.width;
  parallel_ranges(C, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = 0; b < batch.sequences(); ++b) {
      const auto i = static_cast<std::size_t>(b);
      for (std::int64_t t = batch.begin[i]; t < batch.begin[i + 1]; ++t) {
        const float* row = dx + t * C + begin;
        const std::int32_t token = batch.tokens[static_cast<std::size_t>(t)];
        kernels().add(row, g.at(layout_.embedding + token * C + begin), end - begin);
        kernels().add(row, g.at(layout_.positions + (t - batch.begin[i]) * C + begin), end - begin);
      }
    }
  });
}

void Transformer::attend(std::span<const Run> runs, std::int64_t layer, std::int64_t T, KvCache& cache,
                         BlockTrace& block) const {
  const std::int64_t C = config_.width, H = config_.heads, D = config_.head_dim();
  parallel_for(static_cast<std::int64_t>(runs.size()) * H, [&](std::int64_t i) {
    const Run& r = runs[static_cast<std::size_t>(i / H)];
    const std::int64_t h = i % H;
    const float* q = block.qkv.data() + r.begin * 3 * C + h * D;
    const float *k = q + C, *v = q + 2 * C;
    float* keys = cache.keys(layer, r.slot, h);
    float* values = cache.values(layer, r.slot, h);
    kernels().put_keys(k, 3 * C, r.first, r.count, D, keys);
    for (std::int64_t t = 0; t < r.count; ++t)
      std::memcpy(values + (r.first + t) * D, v + t * 3 * C, static_cast<std::size_t>(D) * sizeof(float));
    kernels().attention(q, 3 * C, r.count, r.first, keys, values, D, D, attention_scale(),
                        block.attention.data() + r.begin * C + h * D, C, block.stats.data() + 2 * (h * T + r.begin),
                        attention_scratch(r.first + r.count, D));
  });
}

void Transformer::attend_backward(const Batch& batch, const BlockTrace& block, const float* dattention,
                                  float* dqkv) const {
  const std::int64_t C = config_.width, H = config_.heads, D = config_.head_dim(), T = batch.size();
  parallel_for(batch.sequences() * H, [&](std::int64_t i) {
    const auto b = static_cast<std::size_t>(i / H);
    const std::int64_t h = i % H, begin = batch.begin[b], count = batch.begin[b + 1] - begin;
    const std::int64_t at_head = begin * 3 * C + h * D, at_out = begin * C + h * D;
    thread_local Buffer<float> keys;
    keys.reserve((count + 15) / 16 * 16 * D);
    const float* q = block.qkv.data() + at_head;
    kernels().put_keys(q + C, 3 * C, 0, count, D, keys.data());
    float* dq = dqkv + at_head;
    kernels().attention_backward(q, q + C, q + 2 * C, 3 * C, keys.data(), block.attention.data() + at_out,
                                 dattention + at_out, C, block.stats.data() + 2 * (h * T + begin), count, D,
                                 attention_scale(), dq, dq + C, dq + 2 * C, 3 * C, attention_scratch(count, D));
  });
}

void Transformer::logits(const float* final, std::int64_t n, float* out) const {
  multiply(final, n, head_pack_, nullptr, out);
}

void Transformer::logits_backward(const float* dlogits, const float* final, std::int64_t n, float* dfinal,
                                  Gradients& g) const {
  multiply(dlogits, n, head_backward_pack_, nullptr, dfinal);
  accumulate_outer(dlogits, final, n, config_.vocab, config_.width, g.unembedding());
}

void Transformer::scores(const float* final, std::span<const std::int64_t> rows, float* score) const {
  const std::int64_t C = config_.width;
  parallel_ranges(static_cast<std::int64_t>(rows.size()), 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      score[i] = kernels().dot(at(layout_.score), final + rows[static_cast<std::size_t>(i)] * C, C);
  });
}

void Transformer::scores_backward(const float* dscore, const float* final, std::span<const std::int64_t> rows,
                                  float* dfinal, Gradients& g) const {
  const std::int64_t C = config_.width;
  const float* w = at(layout_.score);
  float* dw = g.at(layout_.score);
  parallel_ranges(C, 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float* state = final + rows[i] * C;
      float* dstate = dfinal + rows[i] * C;
      for (std::int64_t c = begin; c < end; ++c) {
        dstate[c] = std::fma(dscore[i], w[c], dstate[c]);
        dw[c] = std::fma(dscore[i], state[c], dw[c]);
      }
    }
  });
}

}  // namespace nudge
