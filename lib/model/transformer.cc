#include "lib/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/kernels/kernels.h"

namespace nudge {

Transformer::Transformer(ModelConfig config, Buffer<float> values)
    : config_(std::move(config)), layout_(config_), values_(std::move(values)), rotary_(config_) {
  if (values_.size() != layout_.size) throw Error(Exit::kInternal, "parameters of another size than the layout's");
}

void Transformer::copy(const LinearAt& l, bool transposed, Packed& to) const {
  const std::int64_t row = l.stored_in_out ? l.out : 1, column = l.stored_in_out ? 1 : l.in;
  if (transposed) nudge::pack(at(l.weight), column, row, l.out, l.in, config_.dtype, to);
  else nudge::pack(at(l.weight), row, column, l.in, l.out, config_.dtype, to);
}

void Transformer::pack(bool blocks) {
  const ProfileScope scope(Part::kLoading);
  packs_.clear();
  packs_.resize(layout_.layers.size());
  for (std::size_t l = 0; blocks && l < layout_.layers.size(); ++l) {
    const LayerAt& layer = layout_.layers[l];
    BlockPacked& p = packs_[l];
    copy(layer.qkv, false, p.qkv), copy(layer.proj, false, p.proj);
    copy(layer.up, false, p.up), copy(layer.down, false, p.down);
  }
  if (layout_.unembedding >= 0) copy_head(head_pack_);
}

void Transformer::copy_head(Packed& to) const {
  nudge::pack(at(layout_.unembedding), 1, config_.width, config_.width, config_.vocab, config_.dtype, to);
}

namespace {
// What a matrix without a usable copy is copied to while it is used. One for all models, as the products' other room is.
Packed& room() {
  static Packed packed;
  return packed;
}
}  // namespace

const Packed& Transformer::head_pack() const {
  if (head_pack_.usable()) return head_pack_;
  copy_head(room());
  return room();
}

void Transformer::product(const float* x, std::int64_t T, const LinearAt& l, const Packed& kept, float* y,
                          Epilogue epilogue) const {
  const ProfileScope scope(Part::kProducts);
  if (!kept.usable()) copy(l, false, room());
  epilogue.bias = bias_at(l);
  multiply(x, T, kept.usable() ? kept : room(), epilogue, y);
}

void Transformer::product_backward(const float* dy, std::int64_t T, const LinearAt& l, const Packed& kept, float* dx,
                                   const Epilogue& epilogue) const {
  const ProfileScope scope(Part::kProductsBackward);
  if (kept.usable()) return multiply_transpose(dy, T, kept, epilogue, dx);
  copy(l, true, room());
  multiply(dy, T, room(), epilogue, dx);
}

std::vector<Transformer::Run> Transformer::whole_sequences(const Batch& batch) {
  std::vector<Run> runs;
  for (std::int64_t b = 0; b < batch.sequences(); ++b) {
    const auto i = static_cast<std::size_t>(b);
    runs.push_back({batch.begin[i], batch.begin[i + 1] - batch.begin[i], 0, b});
  }
  return runs;
}

void Transformer::forward(const Batch& batch, Trace& trace) const {
  if (!trace.cache.serves(config_) || trace.cache.sequences() < batch.sequences())
    trace.cache = KvCache(1, config_, batch.sequences(), Dtype::kF32);
  const std::vector<Run> runs = whole_sequences(batch);
  for (std::int64_t b = 0; b < trace.cache.sequences(); ++b) trace.cache.clear(b);
  for (const Run& r : runs) trace.cache.reserve(r.sequence, r.count);
  run(batch, runs, trace.cache, trace);
}

void Transformer::extend(const Batch& batch, std::span<const std::int64_t> sequences, KvCache& cache,
                         Trace& trace) const {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const Run r{batch.begin[i], batch.begin[i + 1] - batch.begin[i], cache.length(sequences[i]), sequences[i]};
    cache.reserve(r.sequence, r.first + r.count);
    runs.push_back(r);
  }
  run(batch, runs, cache, trace);
  for (const Run& r : runs) cache.set_length(r.sequence, r.first + r.count);
}

void Transformer::reserve(BlockTrace& b, std::int64_t T) const {
  const std::int64_t F = config_.feed_forward, H = config_.heads, G = config_.kv_heads(), D = config_.head_dim();
  b.post_attention.reserve(T * config_.width);
  for (Buffer<float>* x : {&b.mean1, &b.rstd1, &b.mean2, &b.rstd2}) x->reserve(T);
  if (config_.qk_norm) {
    b.q_raw.reserve(T * H * D), b.q_rstd.reserve(T * H);
    b.k_raw.reserve(T * G * D), b.k_rstd.reserve(T * G);
  }
  b.qkv.reserve(T * layout_.heads.row);
  b.attention.reserve(T * H * D);
  b.stats.reserve(2 * T * H);
  b.up.reserve(T * (config_.gated ? 2 * F : F));
}

std::vector<std::int64_t> Transformer::positions_of(std::span<const Run> runs, std::int64_t T) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(T));
  for (const Run& r : runs)
    for (std::int64_t t = 0; t < r.count; ++t) positions[static_cast<std::size_t>(r.begin + t)] = r.first + t;
  return positions;
}

void Transformer::run(const Batch& batch, std::span<const Run> runs, KvCache& cache, Trace& trace) const {
  const std::int64_t T = batch.size(), C = config_.width;
  trace.in.resize(trace.keep ? layout_.layers.size() : 1);
  trace.blocks.resize(trace.recompute ? 1 : trace.in.size());
  for (Buffer<float>& x : trace.in) x.reserve(T * C);
  for (BlockTrace& b : trace.blocks) reserve(b, T);
  for (Buffer<float>* x : {&trace.last, &trace.final, &trace.normed}) x->reserve(T * C);
  trace.active.reserve(T * config_.feed_forward);
  trace.mean.reserve(T);
  trace.rstd.reserve(T);
  const std::vector<std::int64_t> positions = positions_of(runs, T);

  embed(batch, runs, trace.in[0].data());
  const std::size_t layers = layout_.layers.size();
  for (std::size_t l = 0; l < layers; ++l) {
    run_block(l, runs, positions, cache, trace);
    float* out = l + 1 < layers ? trace.in[trace.keep ? l + 1 : 0].data() : trace.last.data();
    product(trace.active.data(), T, layout_.layers[l].down, packs_[l].down, out,
            {.residual = trace.block(l).post_attention.data()});
  }
  norm(trace.last.data(), layout_.final_norm, T, trace.final.data(), trace.mean.data(), trace.rstd.data());
}

void Transformer::run_block(std::size_t l, std::span<const Run> runs, const std::vector<std::int64_t>& positions,
                            KvCache& cache, Trace& trace) const {
  const auto T = static_cast<std::int64_t>(positions.size());
  const LayerAt& layer = layout_.layers[l];
  const BlockPacked& packs = packs_[l];
  const float* in = trace.in[trace.keep ? l : 0].data();
  BlockTrace& b = trace.block(l);
  norm(in, layer.norm1, T, trace.normed.data(), b.mean1.data(), b.rstd1.data());
  product(trace.normed.data(), T, layer.qkv, packs.qkv, b.qkv.data());
  place(positions, layer, b);
  attend(runs, static_cast<std::int64_t>(l), T, cache, b);
  product(b.attention.data(), T, layer.proj, packs.proj, b.post_attention.data(), {.residual = in});
  norm(config_.parallel ? in : b.post_attention.data(), layer.norm2, T, trace.normed.data(), b.mean2.data(),
       b.rstd2.data());
  enter_inner(trace.normed.data(), T, l, trace);
}

void Transformer::backward(const Batch& batch, Trace& trace, const float* dfinal, Gradients& g) const {
  const std::int64_t T = batch.size(), C = config_.width, F = config_.feed_forward, row = layout_.heads.row;
  const std::int64_t narrow_width = std::max(C, config_.heads * config_.head_dim());
  const std::int64_t wide_width = std::max(config_.gated ? 2 * F : F, row);
  trace.scratch.reserve(T * (C + narrow_width + wide_width + (config_.gated ? F : 0)) + place_scratch(T));
  if (config_.parallel) trace.branch.reserve(T * C);
  float* dx = trace.scratch.data();         // the gradient by the residual stream
  float* dlast = trace.branch.data();       // what it was at the block's end, where branches are parallel
  float* narrow = dx + T * C;               // [T, C] or [T, H D]
  float* wide = narrow + T * narrow_width;  // [T, F], [T, 2F] or [T, (H + 2G) D]
  float* dactive = config_.gated ? wide + T * wide_width : wide;
  float* rest = wide + T * (wide_width + (config_.gated ? F : 0));
  const auto bytes = static_cast<std::size_t>(T * C) * sizeof(float);
  std::memset(dx, 0, bytes);
  const std::vector<Run> runs = whole_sequences(batch);
  const std::vector<std::int64_t> positions = positions_of(runs, T);

  const auto parameters_backward = [&](const float* x, const float* dy, const LinearAt& l) {
    if (l.stored_in_out)
      accumulate_outer(x, dy, batch.begin, l.in, l.out, config_.dtype, g.begins(l.weight), g.at(l.weight));
    else accumulate_outer(dy, x, batch.begin, l.out, l.in, config_.dtype, g.begins(l.weight), g.at(l.weight));
    if (l.bias >= 0) accumulate_rows(dy, T, l.out, g.at(l.bias));
  };

  norm_backward(dfinal, trace.last.data(), layout_.final_norm, T, trace.mean.data(), trace.rstd.data(), dx, g);
  for (std::size_t l = layout_.layers.size(); l-- > 0;) {
    const LayerAt& layer = layout_.layers[l];
    BlockTrace& b = trace.block(l);
    const BlockPacked& packs = packs_[l];
    // The last block's trace is what the forward left.
    if (trace.recompute && l + 1 < layout_.layers.size()) run_block(l, runs, positions, trace.cache, trace);
    const float *in = trace.in[l].data(), *read = config_.parallel ? in : b.post_attention.data();
    if (config_.parallel) std::memcpy(dlast, dx, bytes);
    if (!trace.recompute) activate(b, T, trace.active.data());
    parameters_backward(trace.active.data(), dx, layer.down);
    leave_inner_backward(dx, b, T, l, dactive, wide);
    norm(read, layer.norm2, T, trace.normed.data(), b.mean2.data(), b.rstd2.data());
    parameters_backward(trace.normed.data(), wide, layer.up);
    product_backward(wide, T, layer.up, packs.up, narrow);
    norm_backward(narrow, read, layer.norm2, T, b.mean2.data(), b.rstd2.data(), dx, g);

    const float* dmiddle = config_.parallel ? dlast : dx;
    parameters_backward(b.attention.data(), dmiddle, layer.proj);
    product_backward(dmiddle, T, layer.proj, packs.proj, narrow);
    attend_backward(batch, b, narrow, wide);
    place_backward(positions, layer, b, wide, rest, g);
    norm(in, layer.norm1, T, trace.normed.data(), b.mean1.data(), b.rstd1.data());
    parameters_backward(trace.normed.data(), wide, layer.qkv);
    product_backward(wide, T, layer.qkv, packs.qkv, narrow);
    norm_backward(narrow, in, layer.norm1, T, b.mean1.data(), b.rstd1.data(), dx, g);
  }
  embed_backward(batch, dx, g);
}

void Transformer::embed(const Batch& batch, std::span<const Run> runs, float* out) const {
  const ProfileScope scope(Part::kElementwise, 0, 8.0 * batch.size() * config_.width);
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
      if (layout_.positions >= 0) kernels().add(at(layout_.positions + position * C), row, C);
    }
  });
}

// One chain over the batch's tokens for each number: threads own columns.
void Transformer::embed_backward(const Batch& batch, const float* dx, Gradients& g) const {
  const ProfileScope scope(Part::kElementwise, 0, 12.0 * batch.size() * config_.width);
  const std::int64_t C = config_.width;
  g.meet(batch.tokens);
  parallel_ranges(C, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = 0; b < batch.sequences(); ++b) {
      const auto i = static_cast<std::size_t>(b);
      for (std::int64_t t = batch.begin[i]; t < batch.begin[i + 1]; ++t) {
        const float* row = dx + t * C + begin;
        const std::int32_t token = batch.tokens[static_cast<std::size_t>(t)];
        kernels().add(row, g.embedding(token) + begin, end - begin);
        if (layout_.positions < 0) continue;
        kernels().add(row, g.at(layout_.positions + (t - batch.begin[i]) * C + begin), end - begin);
      }
    }
  });
}

void Transformer::norm(const float* x, const NormAt& n, std::int64_t T, float* y, float* mean, float* rstd) const {
  const auto eps = static_cast<float>(config_.norm_eps);
  if (n.bias < 0) rms_norm(x, at(n.weight), T, config_.width, eps, y, rstd);
  else layer_norm(x, at(n.weight), at(n.bias), T, config_.width, eps, y, mean, rstd);
}

void Transformer::norm_backward(const float* dy, const float* x, const NormAt& n, std::int64_t T, const float* mean,
                                const float* rstd, float* dx, Gradients& g) const {
  if (n.bias < 0) rms_norm_backward(dy, x, at(n.weight), rstd, T, config_.width, dx, g.at(n.weight));
  else layer_norm_backward(dy, x, at(n.weight), mean, rstd, T, config_.width, dx, g.at(n.weight), g.at(n.bias));
}

void Transformer::activate(const BlockTrace& b, std::int64_t T, float* active) const {
  const ProfileScope scope(Part::kElementwise, 0, config_.gated ? 0 : 8.0 * T * config_.feed_forward);
  if (config_.gated) return silu_gate(b.up.data(), T, config_.feed_forward, active);
  parallel_ranges(T * config_.feed_forward, 8192, [&](std::int64_t begin, std::int64_t end) {
    activation()(b.up.data() + begin, active + begin, end - begin);
  });
}

void Transformer::enter_inner(const float* normed, std::int64_t T, std::size_t l, Trace& trace) const {
  BlockTrace& b = trace.block(l);
  float* active = trace.active.data();
  if (config_.gated) {
    product(normed, T, layout_.layers[l].up, packs_[l].up, b.up.data());
    return activate(b, T, active);
  }
  product(normed, T, layout_.layers[l].up, packs_[l].up, trace.keep ? b.up.data() : active,
          {.activation = activation(), .active = active});
}

void Transformer::leave_inner_backward(const float* dy, const BlockTrace& b, std::int64_t T, std::size_t l,
                                       float* dactive, float* dup) const {
  const LinearAt& down = layout_.layers[l].down;
  if (config_.gated) {
    product_backward(dy, T, down, packs_[l].down, dactive);
    return silu_gate_backward(b.up.data(), dactive, T, config_.feed_forward, dup);
  }
  const bool tanh_form = config_.activation == Activation::kGeluTanh;
  product_backward(dy, T, down, packs_[l].down, dup,
                   {.activation_backward = tanh_form ? kernels().gelu_tanh_backward : kernels().gelu_erf_backward,
                    .slope_at = b.up.data(),
                    .active = dup});
}

void Transformer::logits(const float* final, std::int64_t n, float* out) const {
  const ProfileScope scope(Part::kHead);
  multiply(final, n, head_pack(), {}, out);
}

void Transformer::logits_backward(const float* dlogits, const float* final, std::span<const std::int64_t> begin,
                                  float* dfinal, Gradients& g) const {
  const ProfileScope scope(Part::kHead);
  multiply_transpose(dlogits, begin.back(), head_pack(), {}, dfinal);
  accumulate_outer(dlogits, final, begin, config_.vocab, config_.width, config_.dtype, g.begins(layout_.unembedding),
                   g.at(layout_.unembedding));
}

void Transformer::scores(const float* final, std::span<const std::int64_t> rows, float* score) const {
  const ProfileScope scope(Part::kHead, 0, 4.0 * static_cast<double>(rows.size()) * config_.width);
  const std::int64_t C = config_.width;
  parallel_ranges(static_cast<std::int64_t>(rows.size()), 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      score[i] = kernels().dot(at(layout_.score), final + rows[static_cast<std::size_t>(i)] * C, C);
  });
}

void Transformer::scores_backward(const float* dscore, const float* final, std::span<const std::int64_t> rows,
                                  float* dfinal, Gradients& g) const {
  const ProfileScope scope(Part::kHead, 0, 12.0 * static_cast<double>(rows.size()) * config_.width);
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
