#include "lib/model/head.h"

#include <algorithm>

#include "lib/base/parallel.h"
#include "lib/base/profile.h"

namespace nudge {
namespace {
// Rows per chunk. Each chunk reads the head's matrix twice and reads and writes its gradient, which favours many rows;
// logits take memory (GPT-2's 103 MB), which favours few. The bits don't depend on it.
constexpr std::int64_t kChunk = 512;

// The end of the chunk of targets that starts at `begin`, where no gradient is wanted.
std::int64_t chunk_end(const Targets& targets, std::int64_t begin) { return std::min(begin + kChunk, targets.size()); }

// Rows that a bf16 product over tokens sums as one block.
constexpr std::int64_t kBlock = 32;
static_assert(kChunk % kBlock == 0);

// The chunk of targets that starts at `begin`, cut by sequence: where each part begins, then the chunk's end, counted
// from `begin`. A chunk ends where a sequence does or after whole blocks of one, so the gradient's chain is unaffected.
std::vector<std::int64_t> chunk_of(const Batch& batch, const Targets& targets, std::int64_t begin) {
  const std::int64_t end = std::min(begin + kChunk, targets.size());
  const auto row = targets.rows.begin();
  std::vector<std::int64_t> parts{0};
  for (std::int64_t i = begin; i < end;) {
    const std::int64_t behind = *std::upper_bound(batch.begin.begin(), batch.begin.end(), row[i]);
    const std::int64_t last = std::lower_bound(row + i, row + end, behind) - row;  // of this sequence's targets
    const bool whole = last < end || end == targets.size() || row[end] >= behind;
    const std::int64_t length = whole ? last - i : (last - i) / kBlock * kBlock;
    if (length > 0) parts.push_back(parts.back() + length);
    i = last;
  }
  return parts;
}
}  // namespace

void LanguageHead::logits_of(const Transformer& model, const float* final, const std::int64_t* rows, std::int64_t n,
                             Buffer<float>& states, Buffer<float>& logits) {
  const std::int64_t C = model.config().width, V = model.config().vocab;
  states.reserve(kChunk * C);
  logits.reserve(kChunk * V);
  gather_rows(final, rows, n, C, states.data());
  model.logits(states.data(), n, logits.data());
}

void LanguageHead::stats_of(const HeadInput& input, std::int64_t begin, std::int64_t n, RowStats* stats, float* kl,
                            Exchanged exchanged) {
  const Targets& targets = input.targets;
  const OldPolicy& old = input.old;
  const std::int64_t V = input.model.config().vocab;
  const std::int64_t* rows = targets.rows.data() + begin;
  logits_of(input.model, input.final, rows, n, states_, logits_);
  if (old.model != nullptr) logits_of(*old.model, old.final, rows, n, old_states_, old_logits_);
  old_stats_.resize(kChunk);
  parallel_for(n, [&](std::int64_t i) {
    const Kernels& k = kernels();
    const float* row = logits_.data() + i * V;
    const float temperature = targets.temperatures[static_cast<std::size_t>(begin + i)];
    k.row_stats(row, V, temperature, targets.tokens[static_cast<std::size_t>(begin + i)], &stats[i]);
    if (old.model == nullptr) return;
    RowStats& before = old_stats_[static_cast<std::size_t>(i)];
    const float* old_row = old_logits_.data() + i * V;
    k.row_stats(old_row, V, temperature, targets.tokens[static_cast<std::size_t>(begin + i)], &before);
    kl[i] = k.row_kl(old_row, &before, row, &stats[i], V, temperature);
    if (exchanged.stats == nullptr) return;
    exchanged.stats[i] = before;
    exchanged.kl[i] = k.row_kl(row, &stats[i], old_row, &before, V, temperature);
  });
}

void LanguageHead::reference_of(const HeadInput& input, std::int64_t begin, std::int64_t n, const RowStats* stats) {
  const Targets& targets = input.targets;
  const std::int64_t V = input.model.config().vocab;
  logits_of(*input.reference.model, input.reference.final, targets.rows.data() + begin, n, ref_states_, ref_logits_);
  ref_stats_.resize(kChunk);
  parallel_for(n, [&](std::int64_t i) {
    const Kernels& k = kernels();
    const float* ref_row = ref_logits_.data() + i * V;
    const float temperature = targets.temperatures[static_cast<std::size_t>(begin + i)];
    RowStats& ref = ref_stats_[static_cast<std::size_t>(i)];
    k.row_stats(ref_row, V, temperature, -1, &ref);
    input.reference.kl[begin + i] = k.row_kl(logits_.data() + i * V, &stats[i], ref_row, &ref, V, temperature);
  });
}

void LanguageHead::evaluate(const HeadInput& input, RowStats* stats, float* kl, Exchanged exchanged) {
  const ProfileScope scope(Part::kHead);
  for (std::int64_t begin = 0, end; begin < input.targets.size(); begin = end) {
    end = chunk_end(input.targets, begin);
    Exchanged part;
    if (exchanged.stats != nullptr) part = {exchanged.stats + begin, exchanged.kl + begin};
    stats_of(input, begin, end - begin, stats + begin, kl == nullptr ? kl : kl + begin, part);
  }
}

void LanguageHead::train(const HeadInput& input, const Batch& batch, const Loss& loss, float* dfinal,
                         Gradients& gradients) {
  const ProfileScope scope(Part::kHead);
  const Targets& targets = input.targets;
  const std::int64_t C = input.model.config().width, V = input.model.config().vocab;
  const bool with_old = input.old.model != nullptr, with_ref = input.reference.model != nullptr;
  dstates_.reserve(kChunk * C);
  std::vector<RowStats> stats(kChunk);
  std::vector<RowGradient> gradient(kChunk);
  std::vector<float> kl(kChunk);
  for (std::int64_t begin = 0, n = 0; begin < targets.size(); begin += n) {
    const std::vector<std::int64_t> parts = chunk_of(batch, targets, begin);
    n = parts.back();
    stats_of(input, begin, n, stats.data(), kl.data(), {});
    if (with_ref) reference_of(input, begin, n, stats.data());
    loss(begin, begin + n, stats.data(), with_old ? kl.data() : nullptr, gradient.data());
    parallel_for(n, [&](std::int64_t i) {
      const auto u = static_cast<std::size_t>(i);
      float* row = logits_.data() + i * V;
      const auto target = static_cast<std::size_t>(begin + i);
      gradient[u].cap = static_cast<float>(input.model.config().logit_cap);
      OtherRow old, ref;
      if (with_old) old = {old_logits_.data() + i * V, &old_stats_[u]};
      if (with_ref) ref = {ref_logits_.data() + i * V, &ref_stats_[u], input.reference.kl[target]};
      kernels().row_backward(row, V, targets.temperatures[target], &stats[u], targets.tokens[target], gradient[u], old,
                             ref, row);
    });
    input.model.logits_backward(logits_.data(), states_.data(), parts, dstates_.data(), gradients, scratch_);
    scatter_rows(dstates_.data(), targets.rows.data() + begin, n, C, dfinal);
  }
}

}  // namespace nudge
