// The backbone's attention: norms and RoPE of queries and keys, attention itself, and the backward of both.
#include <algorithm>
#include <cstring>
#include <vector>

#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/kernels/kernels.h"
#include "lib/model/transformer.h"

namespace nudge {
namespace {

float* attention_scratch(std::int64_t T, std::int64_t D) {
  thread_local Buffer<float> scratch;
  scratch.reserve(kernels().attention_scratch(T, D));
  return scratch.data();
}

// In the thread's memory, which its next call writes.
const float* transposed_keys(const float* k, std::int64_t ld, std::int64_t T, std::int64_t D) {
  thread_local Buffer<float> keys;
  keys.reserve((T + 15) / 16 * 16 * D);
  kernels().put_keys(k, ld, T, D, keys.data());
  return keys.data();
}

// Where heads of D numbers stand in rows of `row` floats: head h at start + h step.
struct HeadRows {
  std::int64_t row, start, step, heads, D;

  // Offset in the rows of head i of all T x heads.
  std::int64_t at(std::int64_t i) const { return i / heads * row + start + i % heads * step; }
};

// Heads of T rows to dense [T, heads, D], and back.
void gather_heads(const float* rows, std::int64_t T, const HeadRows& h, float* dense) {
  parallel_ranges(T, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * h.heads; i < end * h.heads; ++i)
      std::memcpy(dense + i * h.D, rows + h.at(i), static_cast<std::size_t>(h.D) * sizeof(float));
  });
}
void scatter_heads(const float* dense, std::int64_t T, const HeadRows& h, float* rows) {
  parallel_ranges(T, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * h.heads; i < end * h.heads; ++i)
      std::memcpy(rows + h.at(i), dense + i * h.D, static_cast<std::size_t>(h.D) * sizeof(float));
  });
}

// Pairs of query and key of so many queries from position `first` on.
double seen_keys(std::int64_t first, std::int64_t count, std::int64_t window) {
  const auto sum = [](std::int64_t n) { return 0.5 * static_cast<double>(n) * static_cast<double>(n + 1); };  // 1 .. n
  const std::int64_t end = first + count, whole = window > 0 ? std::clamp(window, first, end) : end;
  return sum(whole) - sum(first) + static_cast<double>((end - whole) * window);
}

// What a norm of queries or of keys takes as a row: a head, or all heads, which are adjacent then.
HeadRows query_rows(const ModelConfig& c, const HeadsAt& at) {
  if (c.qk_norm_whole) return {at.row, at.q, 0, 1, c.heads * c.head_dim()};
  return {at.row, at.q, at.q_step, c.heads, c.head_dim()};
}
HeadRows key_rows(const ModelConfig& c, const HeadsAt& at) {
  if (c.qk_norm_whole) return {at.row, at.k, 0, 1, c.kv_heads() * c.head_dim()};
  return {at.row, at.k, at.kv_step, c.kv_heads(), c.head_dim()};
}

}  // namespace

float Transformer::attention_scale() const { return static_cast<float>(config_.score_scale()); }

AttentionForm Transformer::attention_form(std::int64_t layer) const {
  return {attention_scale(), static_cast<float>(config_.attention_cap), config_.form_of(layer).window};
}

void Transformer::rotate(const std::vector<std::int64_t>& positions, const RotaryTable& table, bool back,
                         float* qkv) const {
  const ProfileScope scope(Part::kElementwise);
  if (table.half() == 0) return;
  const HeadsAt& at_row = layout_.heads;
  parallel_ranges(std::ssize(positions), 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t position = positions[static_cast<std::size_t>(t)];
      const float *cosine = table.cosine(position), *sine = table.sine(position);
      float* row = qkv + t * at_row.row;
      kernels().rotary(row + at_row.q, config_.heads, at_row.q_step, cosine, sine, table.half(), back);
      kernels().rotary(row + at_row.k, config_.kv_heads(), at_row.kv_step, cosine, sine, table.half(), back);
    }
  });
}

void Transformer::norm_and_rotate(const std::vector<std::int64_t>& positions, const LayerAt& layer,
                                  const RotaryTable& table, BlockTrace& b) const {
  const ProfileScope scope(Part::kElementwise);
  const auto T = static_cast<std::int64_t>(positions.size());
  const std::int64_t D = config_.head_dim();
  const HeadsAt& row = layout_.heads;
  const auto norm_heads = [&](const NormAt& n, const HeadRows& h, float* raw, float* rstd) {
    gather_heads(b.qkv.data(), T, h, raw);
    parallel_ranges(T, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin * h.heads; i < end * h.heads; ++i)
        kernels().rms_norm(raw + i * h.D, at(n.weight), config_.norm_offset, 1, h.D,
                           static_cast<float>(config_.norm_eps), b.qkv.data() + h.at(i), rstd + i);
    });
  };
  if (config_.qk_norm) {
    norm_heads(layer.q_norm, query_rows(config_, row), b.q_raw.data(), b.q_rstd.data());
    norm_heads(layer.k_norm, key_rows(config_, row), b.k_raw.data(), b.k_rstd.data());
  }
  rotate(positions, table, false, b.qkv.data());
  if (config_.dtype == Dtype::kF32) return;
  // Keys and values are bf16 before any use, as they stand in a cache (law (c)).
  parallel_ranges(T, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      for (std::int64_t g = 0; g < config_.kv_heads(); ++g) {
        for (const std::int64_t at_row : {row.k, row.v}) {
          float* x = b.qkv.data() + t * row.row + at_row + g * row.kv_step;
          kernels().round_to_bf16(x, x, D);
        }
      }
    }
  });
}

std::int64_t Transformer::qk_scratch(std::int64_t T) const {
  return config_.qk_norm ? 2 * T * config_.heads * config_.head_dim() : 0;
}

void Transformer::norm_and_rotate_backward(const std::vector<std::int64_t>& positions, const LayerAt& layer,
                                           const RotaryTable& table, const BlockTrace& b, float* dqkv, float* scratch,
                                           Gradients& g) const {
  rotate(positions, table, true, dqkv);
  if (!config_.qk_norm) return;
  const auto T = static_cast<std::int64_t>(positions.size());
  const HeadsAt& row = layout_.heads;
  const auto norm_heads_backward = [&](const NormAt& n, const HeadRows& h, const float* raw, const float* rstd) {
    const std::int64_t size = T * h.heads * h.D;
    float *dy = scratch, *dx = scratch + size;
    gather_heads(dqkv, T, h, dy);
    std::memset(dx, 0, static_cast<std::size_t>(size) * sizeof(float));
    norm_backward(dy, raw, T * h.heads, norm_at(n, h.D), {nullptr, rstd}, dx, norm_gradient(n, g));
    scatter_heads(dx, T, h, dqkv);
  };
  norm_heads_backward(layer.q_norm, query_rows(config_, row), b.q_raw.data(), b.q_rstd.data());
  norm_heads_backward(layer.k_norm, key_rows(config_, row), b.k_raw.data(), b.k_rstd.data());
}

void Transformer::attend(std::span<const Run> runs, std::int64_t layer, std::int64_t T, KvCache& cache,
                         BlockTrace& block) const {
  const ProfileScope scope(Part::kAttention);
  const std::int64_t H = config_.heads, G = config_.kv_heads(), D = config_.head_dim();
  const HeadsAt& row = layout_.heads;
  const auto n = static_cast<std::int64_t>(runs.size());
  const AttentionForm form = attention_form(layer);
  for (const Run& r : runs) {  // scores and sums over the keys that each query sees
    const std::int64_t hidden = form.window > 0 ? std::max<std::int64_t>(0, r.first + 1 - form.window) : 0;
    scope.add(4.0 * H * D * seen_keys(r.first, r.count, form.window),
              static_cast<double>(cache.token_bytes() * (r.first + r.count - hidden)));
  }
  const auto put = [&](const Run& r, std::int64_t g) {
    const float* from = block.qkv.data() + r.begin * row.row + g * row.kv_step;
    kernels().put_kv(from + row.k, from + row.v, row.row, r.first, r.count, D, cache.blocks(layer, r.sequence, g));
  };
  // Where heads share keys, these have to be there before the first of them looks.
  if (G < H) parallel_for(n * G, [&](std::int64_t i) { put(runs[static_cast<std::size_t>(i / G)], i % G); });
  const auto attend_head = [&](const Run& r, std::int64_t h) {
    const std::int64_t g = h / (H / G);
    if (G == H) put(r, h);
    kernels().attention(block.qkv.data() + r.begin * row.row + row.q + h * row.q_step, row.row, r.count, r.first,
                        cache.blocks(layer, r.sequence, g), D, form, block.attention.data() + r.begin * H * D + h * D,
                        H * D, block.stats.data() + 2 * (h * T + r.begin), attention_scratch(r.first + r.count, D));
  };
  // A single query waits for its keys and values, and the next head's lie behind them, where the processor fetches of
  // its own accord: neighbours go to one thread, which reads a third faster, as long as each thread has some items. More
  // queries compute, and are dealt head by head.
  const std::int64_t neighbours = std::min(H, (n * H - 1) / (4 * thread_count()) + 1);
  struct Heads {
    const Run* run;
    std::int64_t begin, end;
  };
  std::vector<Heads> items;
  for (const Run& r : runs) {
    const std::int64_t heads = r.count == 1 ? neighbours : 1;
    for (std::int64_t h = 0; h < H; h += heads) items.push_back({&r, h, std::min(h + heads, H)});
  }
  parallel_for(std::ssize(items), [&](std::int64_t i) {
    const Heads& item = items[static_cast<std::size_t>(i)];
    for (std::int64_t h = item.begin; h < item.end; ++h) attend_head(*item.run, h);
  });
}

// A thread transposes the keys that it reads, into memory that its own cache holds. Heads that share keys are one item, as
// long as each thread has some.
void Transformer::attend_whole(std::span<const Run> runs, std::int64_t layer, std::int64_t T, BlockTrace& block) const {
  const ProfileScope scope(Part::kAttention);
  const std::int64_t H = config_.heads, G = config_.kv_heads(), D = config_.head_dim();
  const HeadsAt& row = layout_.heads;
  const auto n = static_cast<std::int64_t>(runs.size());
  const AttentionForm form = attention_form(layer);
  for (const Run& r : runs)
    scope.add(4.0 * H * D * seen_keys(0, r.count, form.window), static_cast<double>(8 * G * D * r.count));
  const std::int64_t together = n * G >= 4 * thread_count() ? H / G : 1, items = H / together;
  parallel_for(n * items, [&](std::int64_t i) {
    const Run& r = runs[static_cast<std::size_t>(i / items)];
    const std::int64_t begin = i % items * together, g = begin / (H / G);
    const float* from = block.qkv.data() + r.begin * row.row;
    const float* keys = transposed_keys(from + row.k + g * row.kv_step, row.row, r.count, D);
    for (std::int64_t h = begin; h < begin + together; ++h)
      kernels().attention_whole(from + row.q + h * row.q_step, from + row.v + g * row.kv_step, row.row, keys, r.count,
                                D, form, block.attention.data() + (r.begin * H + h) * D, H * D,
                                block.stats.data() + 2 * (h * T + r.begin), attention_scratch(r.count, D));
  });
}

// A thread owns a head of keys and values: their gradients are those of its query heads, added one after the other.
void Transformer::attend_backward(const Batch& batch, std::int64_t layer, const BlockTrace& block,
                                  const float* dattention, float* dqkv) const {
  const ProfileScope scope(Part::kAttentionBackward);
  const std::int64_t H = config_.heads, G = config_.kv_heads(), D = config_.head_dim(), T = batch.size();
  const HeadsAt& row = layout_.heads;
  const AttentionForm form = attention_form(layer);
  for (std::size_t b = 0; b + 1 < batch.begin.size(); ++b)  // twice the forward's, whatever is computed again
    scope.add(8.0 * H * D * seen_keys(0, batch.begin[b + 1] - batch.begin[b], form.window), 0);
  parallel_for(batch.sequences() * G, [&](std::int64_t i) {
    const auto b = static_cast<std::size_t>(i / G);
    const std::int64_t g = i % G, begin = batch.begin[b], count = batch.begin[b + 1] - begin, share = H / G;
    thread_local Buffer<float> partial;
    const float* from = block.qkv.data() + begin * row.row;
    float* to = dqkv + begin * row.row;
    const std::int64_t k = row.k + g * row.kv_step, v = row.v + g * row.kv_step;
    const float* keys = transposed_keys(from + k, row.row, count, D);
    const auto backward_of = [&](std::int64_t h, float* dq, float* dk, float* dv) {
      const std::int64_t out = begin * H * D + h * D;
      kernels().attention_backward(from + row.q + h * row.q_step, from + k, from + v, row.row, keys,
                                   block.attention.data() + out, dattention + out, H * D,
                                   block.stats.data() + 2 * (h * T + begin), count, D, form, dq, dk, dv, row.row,
                                   attention_scratch(count, D));
    };
    for (std::int64_t h = g * share; h < (g + 1) * share; ++h) {
      float* dq = to + row.q + h * row.q_step;
      if (h == g * share) {
        backward_of(h, dq, to + k, to + v);
        continue;
      }
      partial.reserve(count * row.row);  // the first 2D of each row are written: the kernel has one distance of rows
      backward_of(h, dq, partial.data(), partial.data() + D);
      for (std::int64_t t = 0; t < count; ++t) {
        kernels().add(partial.data() + t * row.row, to + k + t * row.row, D);
        kernels().add(partial.data() + t * row.row + D, to + v + t * row.row, D);
      }
    }
  });
}

}  // namespace nudge
