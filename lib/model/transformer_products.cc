// The backbone's products: their matrices packed, with a low-rank adapter beside them where there is one
// (docs/mathematics.md, 20), forward and backward.
#include <algorithm>
#include <utility>

#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/kernels/kernels.h"
#include "lib/model/transformer.h"

namespace nudge {

Transformer::Linear Transformer::linear(std::size_t layer, Product product) const {
  static constexpr LinearAt LayerAt::*kAt[] = {&LayerAt::qkv, &LayerAt::proj, &LayerAt::up, &LayerAt::down};
  static constexpr Packed BlockPacked::*kKept[] = {&BlockPacked::qkv, &BlockPacked::proj, &BlockPacked::up,
                                                   &BlockPacked::down};
  static constexpr LowRankAt LayerAdapterAt::*kLow[] = {&LayerAdapterAt::qkv, &LayerAdapterAt::proj,
                                                        &LayerAdapterAt::up, &LayerAdapterAt::down};
  static constexpr LowRankPacked LayerAdapterPacked::*kLowPacked[] = {
      &LayerAdapterPacked::qkv, &LayerAdapterPacked::proj, &LayerAdapterPacked::up, &LayerAdapterPacked::down};
  const auto i = static_cast<std::size_t>(product);
  const LinearAt& at = layout_.layers[layer].*kAt[i];
  const Packed& kept = base_->packs[layer].*kKept[i];
  if (!adapter_) return {at, kept};
  const LowRankAt& low = adapter_->layout.adapters[layer].*kLow[i];
  if (low.rank == 0) return {at, kept};
  return {at, kept, &low, &(adapter_->packs[layer].*kLowPacked[i])};
}

void Transformer::pack_matrix(const LinearAt& l, bool transposed, Packed& to) const {
  const std::int64_t row = l.stored_in_out ? l.out : 1, column = l.stored_in_out ? 1 : l.in;
  if (transposed) nudge::pack(at(l.weight), column, row, l.out, l.in, config_.dtype, to);
  else nudge::pack(at(l.weight), row, column, l.in, l.out, config_.dtype, to);
}

void Transformer::pack(bool blocks) {
  const ProfileScope scope(Part::kLoading);
  if (!frozen_) return pack_base(blocks);
  const auto packed = [&](const Packed& p) { return p.K > 0 && p.usable() && p.dtype == config_.dtype; };
  if (base_->packs.empty() || !packed(base_->packs[0].qkv) || (layout_.unembedding >= 0 && !packed(base_->head)))
    pack_base(true);
  if (adapter_) pack_adapter();
}

void Transformer::pack_base(bool blocks) {
  base_->packs.clear();
  base_->packs.resize(layout_.layers.size());
  for (std::size_t l = 0; blocks && l < layout_.layers.size(); ++l) {
    const LayerAt& layer = layout_.layers[l];
    BlockPacked& p = base_->packs[l];
    pack_matrix(layer.qkv, false, p.qkv), pack_matrix(layer.proj, false, p.proj);
    pack_matrix(layer.up, false, p.up), pack_matrix(layer.down, false, p.down);
  }
  if (layout_.unembedding >= 0) pack_head(base_->head);
}

void Transformer::pack_adapter() {
  adapter_->packs.resize(layout_.layers.size());
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const LayerAt& layer = layout_.layers[l];
    const LayerAdapterAt& low = adapter_->layout.adapters[l];
    LayerAdapterPacked& p = adapter_->packs[l];
    pack_low_rank(low.qkv, layer.qkv.out, p.qkv), pack_low_rank(low.proj, layer.proj.out, p.proj);
    pack_low_rank(low.up, layer.up.out, p.up), pack_low_rank(low.down, layer.down.out, p.down);
  }
}

// The parts' B stand as blocks of one matrix, zero beside them: each part of the output is the sum over its own rows of
// A, and adding 0 u changes no bit of it.
void Transformer::pack_low_rank(const LowRankAt& low, std::int64_t out, LowRankPacked& to) const {
  if (low.rank == 0) return;
  const float* values = adapter_->values.data();
  const auto scale = static_cast<float>(adapter_->config.scale());
  const std::int64_t r = low.part_rank();
  Buffer<float> scaled(out * low.rank);
  for (std::size_t i = 0; i < low.parts.size(); ++i) {
    const LowRankAt::Part& part = low.parts[i];
    for (std::int64_t n = 0; n < part.size; ++n)
      for (std::int64_t k = 0; k < r; ++k)
        scaled.data()[(part.first + n) * low.rank + static_cast<std::int64_t>(i) * r + k] =
            scale * values[part.b + n * r + k];
  }
  nudge::pack(values + low.a, 1, low.in, low.in, low.rank, config_.dtype, to.a);
  nudge::pack(scaled.data(), 1, low.rank, low.rank, out, config_.dtype, to.b);
}

const LowRankPacked& Transformer::low_packs(const Linear& l, ProductScratch& scratch) const {
  if (l.low_packed->a.usable()) return *l.low_packed;
  pack_low_rank(*l.low, l.at.out, scratch.low_matrices);
  return scratch.low_matrices;
}

void Transformer::pack_head(Packed& to) const {
  nudge::pack(at(layout_.unembedding), 1, config_.width, config_.width, config_.vocab, config_.dtype, to);
}

const Packed& Transformer::head_pack(Packed& scratch) const {
  if (base_->head.usable()) return base_->head;
  pack_head(scratch);
  return scratch;
}

// The adapter's part is the residual of the matrix's own product.
void Transformer::product(const float* x, std::int64_t T, const Linear& l, float* y, ProductScratch& scratch,
                          Epilogue epilogue) const {
  const ProfileScope scope(Part::kProducts);
  if (l.low != nullptr) {
    const LowRankPacked& low = low_packs(l, scratch);
    scratch.low.reserve(T * l.low->rank), scratch.delta.reserve(T * l.at.out);
    multiply(x, T, low.a, {}, scratch.low.data());
    multiply(scratch.low.data(), T, low.b, {.residual = epilogue.residual}, scratch.delta.data());
    epilogue.residual = scratch.delta.data();
  }
  if (!l.kept.usable()) pack_matrix(l.at, false, scratch.matrix);
  epilogue.bias = bias_at(l.at);
  multiply(x, T, l.kept.usable() ? l.kept : scratch.matrix, epilogue, y);
}

void Transformer::product_backward(const float* dy, std::int64_t T, const Linear& l, float* dx, ProductScratch& scratch,
                                   Epilogue epilogue) const {
  const ProfileScope scope(Part::kProductsBackward);
  if (l.low != nullptr) {
    const LowRankPacked& low = low_packs(l, scratch);
    scratch.low_gradient.reserve(T * l.low->rank), scratch.delta.reserve(T * l.at.in);
    multiply_transpose(dy, T, low.b, {}, scratch, scratch.low_gradient.data());
    multiply_transpose(scratch.low_gradient.data(), T, low.a, {.residual = epilogue.residual}, scratch,
                       scratch.delta.data());
    epilogue.residual = scratch.delta.data();
  }
  if (l.kept.usable()) return multiply_transpose(dy, T, l.kept, epilogue, scratch, dx);
  pack_matrix(l.at, true, scratch.matrix);
  multiply(dy, T, scratch.matrix, epilogue, dx);
}

void Transformer::product_parameters(const float* x, const float* dy, const Linear& l, const Batch& batch,
                                     ProductScratch& scratch, Gradients& g) const {
  if (adapter_) {
    if (l.low != nullptr) low_rank_parameters(x, dy, l, batch, scratch, g);
    return;
  }
  const float *rows = x, *columns = dy;
  MatrixGradient m{l.at.in, l.at.out, config_.dtype, g.begins(l.at.weight), g.at(l.at.weight)};
  if (!l.at.stored_in_out) std::swap(rows, columns), std::swap(m.K, m.N);
  accumulate_outer(rows, columns, batch.begin, m, scratch);
  if (l.at.bias >= 0) accumulate_rows(dy, batch.size(), l.at.out, g.at(l.at.bias));
}

// dB = scale dy^T u with u = x A^T, and dA = du^T x with du = scale dy B.
void Transformer::low_rank_parameters(const float* x, const float* dy, const Linear& l, const Batch& batch,
                                      ProductScratch& scratch, Gradients& g) const {
  const ProfileScope scope(Part::kProductsBackward);
  const std::int64_t T = batch.size(), rank = l.low->rank, r = l.low->part_rank();
  const auto scale = static_cast<float>(adapter_->config.scale());
  scratch.low.reserve(T * rank), scratch.low_gradient.reserve(T * rank);
  float *u = scratch.low.data(), *du = scratch.low_gradient.data();
  multiply(x, T, low_packs(l, scratch).a, {}, u);
  std::transform(u, u + T * rank, u, [scale](float v) { return scale * v; });
  for (std::size_t i = 0; i < l.low->parts.size(); ++i) {
    const LowRankAt::Part& part = l.low->parts[i];
    const MatrixGradient b{part.size, r, config_.dtype, g.begins(part.b), g.at(part.b), l.at.out, rank};
    accumulate_outer(dy + part.first, u + static_cast<std::int64_t>(i) * r, batch.begin, b, scratch);
  }
  multiply_transpose(dy, T, low_packs(l, scratch).b, {}, scratch, du);
  accumulate_outer(du, x, batch.begin, {rank, l.low->in, config_.dtype, g.begins(l.low->a), g.at(l.low->a)}, scratch);
}

}  // namespace nudge
