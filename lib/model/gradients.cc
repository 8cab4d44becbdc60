#include "lib/model/gradients.h"

#include <algorithm>
#include <utility>

#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/kernels/kernels.h"

namespace nudge {

Gradients::Gradients(const ModelConfig& config, const Layout& layout)
    : layout_(&layout), width_(config.width),
      tied_(layout.embedding >= 0 && layout.trains(layout.embedding) && layout.unembedding == layout.embedding),
      values_(layout.trained_size()), row_of_(static_cast<std::size_t>(config.vocab), -1) {
  const auto add_matrix = [&](std::int64_t offset, std::int64_t size) {
    if (layout.trains(offset)) matrices_.push_back({offset, offset + size, false});
  };
  for (const LayerAt& layer : layout.layers)
    for (const LinearAt* l : {&layer.qkv, &layer.proj, &layer.up, &layer.down}) add_matrix(l->weight, l->in * l->out);
  for (const LayerAdapterAt& layer : layout.adapters) {
    for (const LowRankAt* l : {&layer.qkv, &layer.proj, &layer.up, &layer.down}) {
      if (l->rank > 0) add_matrix(l->a, l->rank * l->in);
      for (const LowRankAt::Part& part : l->parts) add_matrix(part.b, part.size * l->part_rank());
    }
  }
  if (layout.unembedding >= 0) add_matrix(layout.unembedding, config.vocab * config.width);
  std::sort(matrices_.begin(), matrices_.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
}

bool Gradients::begins(std::int64_t offset) {
  const auto it = std::lower_bound(matrices_.begin(), matrices_.end(), offset,
                                   [](const Range& m, std::int64_t wanted) { return m.begin < wanted; });
  return !std::exchange(it->begun, true);
}

void Gradients::meet(std::span<const std::int32_t> tokens) {
  for (std::int32_t t : tokens) {
    std::int32_t& r = row_of_[static_cast<std::size_t>(t)];
    if (r >= 0) continue;
    r = static_cast<std::int32_t>(met_.size());
    met_.push_back(t);
    if (!tied_) continue;
    if (static_cast<std::size_t>(r / kRows) == pieces_.size()) pieces_.emplace_back(kRows * width_);
    std::fill_n(row(r), width_, 0.0f);
  }
}

float* Gradients::embedding(std::int32_t token) {
  return tied_ ? row(row_of_[static_cast<std::size_t>(token)]) : in_place(token);
}

void Gradients::fill_zero(std::int64_t begin, std::int64_t end) {
  parallel_ranges(end - begin, 262144,
                  [&](std::int64_t from, std::int64_t to) { std::fill(at(begin + from), at(begin + to), 0.0f); });
}

void Gradients::take_memory(Gradients& other) {
  std::swap(values_, other.values_);
  for (Gradients* g : {this, &other}) {
    g->values_.resize(g->layout_->trained_size());
    g->changed_ = true;
  }
}

void Gradients::release() {
  values_ = Buffer<float>();  // before the new one, which touches no pages
  values_ = Buffer<float>(layout_->trained_size());
  changed_ = true;
}

void Gradients::zero() {
  const ProfileScope scope(Part::kOptimizer);
  for (std::int32_t t : met_) {
    row_of_[static_cast<std::size_t>(t)] = -1;
    if (!tied_) std::fill_n(in_place(t), width_, 0.0f);
  }
  met_.clear();
  // All between the matrices but the embedding, whose other rows nothing has touched unless they were changed.
  std::int64_t done = layout_->trained_begin;
  const auto zero_until = [&](std::int64_t end) {
    const std::int64_t begin = layout_->embedding, size = static_cast<std::int64_t>(row_of_.size()) * width_;
    if (begin >= 0 && !tied_ && !changed_ && done <= begin && begin + size <= end) {
      fill_zero(done, begin);
      done = begin + size;
    }
    fill_zero(done, end);
  };
  for (Range& m : matrices_) {
    m.begun = false;
    zero_until(m.begin);
    done = m.end;
  }
  zero_until(layout_->trained_begin + values_.size());
  changed_ = false;
}

void Gradients::finish() {
  const ProfileScope scope(Part::kOptimizer);
  for (const Range& m : matrices_)
    if (!m.begun) fill_zero(m.begin, m.end);
  if (!tied_) return;
  parallel_ranges(static_cast<std::int64_t>(met_.size()), 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      kernels().add(row(static_cast<std::int32_t>(r)), in_place(met_[static_cast<std::size_t>(r)]), width_);
  });
}

}  // namespace nudge
