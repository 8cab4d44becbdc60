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
    : config_(std::move(config)), layout_(config_), base_(std::make_shared<Base>()), waves_(rotary_waves(config_)) {
  base_->values = std::move(values);
  if (base_->values.size() != layout_.size)
    throw Error(Exit::kInternal, "parameters of another size than the layout's");
}

Transformer::Transformer(const Transformer& base, ModelConfig config, AdapterConfig adapter,
                         Buffer<float> adapter_values)
    : config_(std::move(config)), layout_(base.layout_), base_(base.base_), frozen_(true), waves_(base.waves_) {
  Layout own(config_, adapter);
  if (adapter_values.size() != own.size) throw Error(Exit::kInternal, "an adapter of another size than the layout's");
  base_config_ = base.adapter_ ? base.base_config_ : base.config_;
  adapter_ = Adapter{std::move(adapter), std::move(own), std::move(adapter_values), {}};
}

Transformer Transformer::with(ModelConfig config) && {
  base_config_.dtype = config.dtype;
  config_ = std::move(config);
  return std::move(*this);
}

Transformer Transformer::freeze(std::int64_t blocks) && {
  ModelConfig config = config_;
  config.frozen_blocks = blocks;
  const Layout other(config);
  Buffer<float> values(other.size);
  for (const TensorInfo& t : other.tensors)
    std::copy_n(at(layout_.find(t.name)->offset), t.size, values.data() + t.offset);
  return Transformer(std::move(config), std::move(values));
}

Transformer Transformer::copy() const {
  Buffer<float> values(trained().size);
  std::copy_n(trained_values(), values.size(), values.data());
  if (!adapter_) return Transformer(config_, std::move(values));
  return Transformer(*this, config_, adapter_->config, std::move(values));
}

Transformer Transformer::without_adapter() const {
  Transformer base;
  base.config_ = adapter_ ? base_config_ : config_;
  base.layout_ = layout_, base.base_ = base_, base.waves_ = waves_;
  base.frozen_ = true;
  return base;
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
  run(batch, whole_sequences(batch), nullptr, trace);
}

void Transformer::extend(const Batch& batch, std::span<const std::int64_t> sequences, KvCache& cache,
                         Trace& trace) const {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const Run r{batch.begin[i], batch.begin[i + 1] - batch.begin[i], cache.length(sequences[i]), sequences[i]};
    cache.reserve(r.sequence, r.first + r.count);
    runs.push_back(r);
  }
  run(batch, runs, &cache, trace);
  for (const Run& r : runs) cache.set_length(r.sequence, r.first + r.count);
}

void Transformer::reserve(std::int64_t T, BlockTrace& b) const {
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
  if (!config_.norm_after) return;
  for (SublayerTrace* s : {&b.attended, &b.fed})
    s->out.reserve(T * config_.width), s->mean.reserve(T), s->rstd.reserve(T);
}

void Transformer::reserve(std::int64_t T, Trace& trace) const {
  const std::int64_t C = config_.width;
  trace.in.resize(trace.keep ? layout_.layers.size() : 1);
  trace.blocks.resize(trace.recompute ? 1 : trace.in.size());
  for (Buffer<float>& x : trace.in) x.reserve(T * C);
  for (BlockTrace& b : trace.blocks) reserve(T, b);
  for (Buffer<float>* x : {&trace.last, &trace.final, &trace.normed}) x->reserve(T * C);
  trace.active.reserve(T * config_.feed_forward);
  trace.mean.reserve(T);
  trace.rstd.reserve(T);
}

std::vector<std::int64_t> Transformer::positions_of(std::span<const Run> runs, std::int64_t T) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(T));
  for (const Run& r : runs)
    for (std::int64_t t = 0; t < r.count; ++t) positions[static_cast<std::size_t>(r.begin + t)] = r.first + t;
  return positions;
}

void Transformer::run(const Batch& batch, std::span<const Run> runs, KvCache* cache, Trace& trace) const {
  const std::int64_t T = batch.size();
  reserve(T, trace);
  const std::vector<std::int64_t> positions = positions_of(runs, T);
  const std::int64_t longest = T > 0 ? *std::max_element(positions.begin(), positions.end()) + 1 : 0;
  for (std::size_t k = 0; k < waves_.size(); ++k) trace.rotary[k].reach(waves_[k], longest);

  embed(batch, runs, trace.in[0].data());
  const std::size_t layers = layout_.layers.size();
  for (std::size_t l = 0; l < layers; ++l) {
    run_block(l, runs, positions, cache, trace);
    float* out = l + 1 < layers ? trace.in[trace.keep ? l + 1 : 0].data() : trace.last.data();
    BlockTrace& b = trace.block(l);
    add_sublayer(trace.active.data(), T, {linear(l, Product::kDown), layout_.layers[l].after2, b.fed},
                 b.post_attention.data(), out, trace.products);
  }
  norm(trace.last.data(), T, norm_at(layout_.final_norm), trace.final.data(), trace.mean.data(), trace.rstd.data());
}

void Transformer::run_block(std::size_t l, std::span<const Run> runs, const std::vector<std::int64_t>& positions,
                            KvCache* cache, Trace& trace) const {
  const auto T = static_cast<std::int64_t>(positions.size());
  const LayerAt& layer = layout_.layers[l];
  const float* in = trace.in[trace.keep ? l : 0].data();
  BlockTrace& b = trace.block(l);
  float* normed = trace.normed.data();
  const float* read = norm_before(in, T, layer.norm1, normed, b.mean1.data(), b.rstd1.data());
  product(read, T, linear(l, Product::kQkv), b.qkv.data(), trace.products);
  norm_and_rotate(positions, layer, rotary_of(l, trace), b);
  if (cache == nullptr) attend_whole(runs, static_cast<std::int64_t>(l), T, b);
  else attend(runs, static_cast<std::int64_t>(l), T, *cache, b);
  float* post = b.post_attention.data();
  add_sublayer(b.attention.data(), T, {linear(l, Product::kProj), layer.after1, b.attended}, in, post, trace.products);
  read = norm_before(config_.parallel ? in : post, T, layer.norm2, normed, b.mean2.data(), b.rstd2.data());
  feed_forward_in(read, T, l, trace);
}

Transformer::BackwardScratch Transformer::reserve_backward(std::int64_t T, Trace& trace) const {
  const std::int64_t C = config_.width, F = config_.feed_forward;
  const std::int64_t narrow = std::max(C, config_.heads * config_.head_dim());
  const std::int64_t wide = std::max(config_.gated ? 2 * F : F, layout_.heads.row), active = config_.gated ? F : 0;
  trace.scratch.reserve(T * (C + narrow + wide + active) + qk_scratch(T) + sublayer_scratch(T));
  if (config_.parallel) trace.branch.reserve(T * C);
  BackwardScratch s;
  s.dx = trace.scratch.data();
  s.narrow = s.dx + T * C;
  s.wide = s.narrow + T * narrow;
  s.dactive = s.wide + T * wide;
  s.heads = s.dactive + T * active;
  s.branch = s.heads + qk_scratch(T);
  return s;
}

void Transformer::backward(const Batch& batch, Trace& trace, const float* dfinal, Gradients& g) const {
  const std::int64_t T = batch.size();
  const BackwardScratch scratch = reserve_backward(T, trace);
  float *dx = scratch.dx, *narrow = scratch.narrow, *wide = scratch.wide;
  float* dlast = trace.branch.data();  // dx at the block's output, where branches are parallel
  const auto bytes = static_cast<std::size_t>(T * config_.width) * sizeof(float);
  std::memset(dx, 0, bytes);
  const std::vector<Run> runs = whole_sequences(batch);
  const std::vector<std::int64_t> positions = positions_of(runs, T);

  const auto parameters_backward = [&](const float* x, const float* dy, const Linear& l) {
    product_parameters(x, dy, l, batch, trace.products, g);
  };
  const auto input_backward = [&](const float* dy, const Linear& l, float* to) {
    product_backward(dy, T, l, to, trace.products);
  };
  const auto normed = [&](const float* x, const NormAt& n, Buffer<float>& mean, Buffer<float>& rstd) {
    return norm_before(x, T, n, trace.normed.data(), mean.data(), rstd.data());
  };
  const auto norm_input_backward = [&](const float* dy, const float* x, const NormAt& n, NormStats stats) {
    norm_before_backward(dy, x, T, n, stats, dx, g);
  };

  norm_input_backward(dfinal, trace.last.data(), layout_.final_norm, {trace.mean.data(), trace.rstd.data()});
  for (std::size_t l = layout_.layers.size(); l-- > static_cast<std::size_t>(config_.frozen_blocks);) {
    const LayerAt& layer = layout_.layers[l];
    BlockTrace& b = trace.block(l);
    const Linear qkv = linear(l, Product::kQkv), proj = linear(l, Product::kProj), up = linear(l, Product::kUp);
    const Sublayer attended{proj, layer.after1, b.attended}, fed{linear(l, Product::kDown), layer.after2, b.fed};
    // The last block's trace is what the forward left.
    if (trace.recompute && l + 1 < layout_.layers.size()) {
      run_block(l, runs, positions, nullptr, trace);
      if (config_.norm_after)
        add_sublayer(trace.active.data(), T, fed, b.post_attention.data(), trace.normed.data(), trace.products);
    }
    const float *in = trace.in[l].data(), *read = config_.parallel ? in : b.post_attention.data();
    if (config_.parallel) std::memcpy(dlast, dx, bytes);
    if (!trace.recompute) activate(b, T, trace.active.data());
    const float* dfed = sublayer_backward(dx, T, fed, scratch.branch, g);
    parameters_backward(trace.active.data(), dfed, fed.last);
    feed_forward_in_backward(dfed, T, l, scratch.dactive, wide, trace);
    parameters_backward(normed(read, layer.norm2, b.mean2, b.rstd2), wide, up);
    input_backward(wide, up, narrow);
    norm_input_backward(narrow, read, layer.norm2, {b.mean2.data(), b.rstd2.data()});

    const float* dattended = sublayer_backward(config_.parallel ? dlast : dx, T, attended, scratch.branch, g);
    parameters_backward(b.attention.data(), dattended, proj);
    input_backward(dattended, proj, narrow);
    attend_backward(batch, static_cast<std::int64_t>(l), b, narrow, wide);
    norm_and_rotate_backward(positions, layer, rotary_of(l, trace), b, wide, scratch.heads, g);
    parameters_backward(normed(in, layer.norm1, b.mean1, b.rstd1), wide, qkv);
    input_backward(wide, qkv, narrow);
    norm_input_backward(narrow, in, layer.norm1, {b.mean1.data(), b.rstd1.data()});
  }
  if (!adapter_ && layout_.trains(layout_.embedding)) embed_backward(batch, dx, g);
}

void Transformer::embed(const Batch& batch, std::span<const Run> runs, float* out) const {
  const ProfileScope scope(Part::kElementwise, 0, 8.0 * batch.size() * config_.width);
  const std::int64_t C = config_.width;
  const auto scale = static_cast<float>(config_.embedding_factor());
  parallel_for(static_cast<std::int64_t>(runs.size()), [&](std::int64_t i) {
    const Run& r = runs[static_cast<std::size_t>(i)];
    for (std::int64_t t = 0; t < r.count; ++t) {
      const std::int32_t token = batch.tokens[static_cast<std::size_t>(r.begin + t)];
      const std::int64_t position = r.first + t;
      if (token < 0 || token >= config_.vocab || position >= config_.context)
        throw Error(Exit::kInternal, "a token or position beyond the model's reached it");
      float* row = out + (r.begin + t) * C;
      std::memcpy(row, at(layout_.embedding + token * C), static_cast<std::size_t>(C) * sizeof(float));
      if (scale != 1.0f) kernels().scale(scale, row, C);
      if (layout_.positions < 0) continue;
      kernels().add(at(layout_.positions + (config_.position_offset + position) * C), row, C);
    }
  });
}

// One chain over the batch's tokens for each number: threads own columns.
void Transformer::embed_backward(const Batch& batch, const float* dx, Gradients& g) const {
  const ProfileScope scope(Part::kElementwise, 0, 12.0 * batch.size() * config_.width);
  const std::int64_t C = config_.width;
  const auto scale = static_cast<float>(config_.embedding_factor());
  g.meet(batch.tokens);
  parallel_ranges(C, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = 0; b < batch.sequences(); ++b) {
      const auto i = static_cast<std::size_t>(b);
      for (std::int64_t t = batch.begin[i]; t < batch.begin[i + 1]; ++t) {
        const float* row = dx + t * C + begin;
        const std::int32_t token = batch.tokens[static_cast<std::size_t>(t)];
        if (scale == 1.0f) kernels().add(row, g.embedding(token) + begin, end - begin);
        else kernels().add_scaled(scale, row, g.embedding(token) + begin, end - begin);
        if (layout_.positions < 0) continue;
        const std::int64_t position = config_.position_offset + t - batch.begin[i];
        kernels().add(row, g.at(layout_.positions + position * C + begin), end - begin);
      }
    }
  });
}

ActivationKernels Transformer::activation() const {
  const Kernels& k = kernels();
  switch (config_.activation) {
    case Activation::kGeluErf: return {k.gelu_erf, k.gelu_erf_backward};
    case Activation::kRelu: return {k.relu, k.relu_backward};
    case Activation::kSilu: return {nullptr, nullptr, k.silu_gate, k.silu_gate_backward};
    case Activation::kGeluTanh: break;
  }
  return {k.gelu_tanh, k.gelu_tanh_backward};
}

void Transformer::activate(const BlockTrace& b, std::int64_t T, float* active) const {
  const ProfileScope scope(Part::kElementwise, 0, config_.gated ? 0 : 8.0 * T * config_.feed_forward);
  if (config_.gated) return gate(activation(), b.up.data(), T, config_.feed_forward, active);
  parallel_ranges(T * config_.feed_forward, 8192, [&](std::int64_t begin, std::int64_t end) {
    activation().forward(b.up.data() + begin, active + begin, end - begin);
  });
}

void Transformer::feed_forward_in(const float* normed, std::int64_t T, std::size_t l, Trace& trace) const {
  BlockTrace& b = trace.block(l);
  const Linear up = linear(l, Product::kUp);
  float* active = trace.active.data();
  if (config_.gated) {
    product(normed, T, up, b.up.data(), trace.products);
    return activate(b, T, active);
  }
  product(normed, T, up, trace.keep ? b.up.data() : active, trace.products,
          {.activation = activation().forward, .active = active});
}

void Transformer::feed_forward_in_backward(const float* dy, std::int64_t T, std::size_t l, float* dactive, float* dup,
                                           Trace& trace) const {
  const Linear down = linear(l, Product::kDown);
  const BlockTrace& b = trace.block(l);
  if (config_.gated) {
    product_backward(dy, T, down, dactive, trace.products);
    return gate_backward(activation(), b.up.data(), dactive, T, config_.feed_forward, dup);
  }
  product_backward(dy, T, down, dup, trace.products,
                   {.activation_backward = activation().backward, .slope_at = b.up.data(), .active = dup});
}

const float* Transformer::head_input(const float* final, std::int64_t n, Buffer<float>& scratch) const {
  if (config_.logit_divisor == 1) return final;
  scratch.reserve(n * config_.width);
  std::memcpy(scratch.data(), final, static_cast<std::size_t>(n * config_.width) * sizeof(float));
  scale_rows(static_cast<float>(1 / config_.logit_divisor), n, config_.width, scratch.data());
  return scratch.data();
}

void Transformer::logits(const float* final, std::int64_t n, float* out) const {
  const ProfileScope scope(Part::kHead);
  Packed packed;
  Buffer<float> scaled;
  multiply(head_input(final, n, scaled), n, head_pack(packed), {}, out);
  if (config_.logit_cap == 0) return;
  const auto cap = static_cast<float>(config_.logit_cap);
  parallel_ranges(n * config_.vocab, 8192,
                  [&](std::int64_t begin, std::int64_t end) { kernels().soft_cap(cap, out + begin, end - begin); });
}

void Transformer::logits_backward(const float* dlogits, const float* final, std::span<const std::int64_t> begin,
                                  float* dfinal, Gradients& g, ProductScratch& scratch) const {
  const ProfileScope scope(Part::kHead);
  const std::int64_t n = begin.back(), at = layout_.unembedding;
  multiply_transpose(dlogits, n, head_pack(scratch.matrix), {}, scratch, dfinal);
  if (config_.logit_divisor != 1) scale_rows(static_cast<float>(1 / config_.logit_divisor), n, config_.width, dfinal);
  if (adapter_ || !layout_.trains(at)) return;
  Buffer<float> scaled;
  accumulate_outer(dlogits, head_input(final, n, scaled), begin,
                   {config_.vocab, config_.width, config_.dtype, g.begins(at), g.at(at)}, scratch);
}

void Transformer::scores(const float* final, std::span<const std::int64_t> rows, float* score) const {
  const ProfileScope scope(Part::kHead, 0, 4.0 * static_cast<double>(rows.size()) * config_.width);
  const std::int64_t C = config_.width;
  parallel_ranges(static_cast<std::int64_t>(rows.size()), 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      score[i] = kernels().dot(score_weight(), final + rows[static_cast<std::size_t>(i)] * C, C);
  });
}

void Transformer::scores_backward(const float* dscore, const float* final, std::span<const std::int64_t> rows,
                                  float* dfinal, Gradients& g) const {
  const ProfileScope scope(Part::kHead, 0, 12.0 * static_cast<double>(rows.size()) * config_.width);
  const std::int64_t C = config_.width;
  const float* w = score_weight();
  float* dw = g.at(trained().score);
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
