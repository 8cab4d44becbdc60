// Where sublayers meet the residual stream: norms of their inputs and outputs, the scale of what they add, forward and
// backward (docs/mathematics.md, 15).
#include <cstring>

#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/kernels/kernels.h"
#include "lib/model/transformer.h"

namespace nudge {
namespace {

constexpr std::int64_t kGrain = 8192;  // numbers that a thread takes at a time

}  // namespace

const float* Transformer::norm_before(const float* x, std::int64_t T, const NormAt& n, float* y, float* mean,
                                      float* rstd) const {
  if (n.weight < 0) return x;
  norm(x, T, norm_at(n), y, mean, rstd);
  return y;
}

void Transformer::norm_before_backward(const float* dy, const float* x, std::int64_t T, const NormAt& n,
                                       NormStats stats, float* dx, Gradients& g) const {
  if (n.weight >= 0) return norm_backward(dy, x, T, norm_at(n), stats, dx, norm_gradient(n, g));
  const ProfileScope scope(Part::kElementwise, 0, 12.0 * T * config_.width);
  parallel_ranges(T * config_.width, kGrain,
                  [&](std::int64_t begin, std::int64_t end) { kernels().add(dy + begin, dx + begin, end - begin); });
}

std::int64_t Transformer::sublayer_scratch(std::int64_t T) const {
  return T * config_.width * ((config_.residual_scale != 1 ? 1 : 0) + (config_.norm_after ? 1 : 0));
}

void Transformer::add_sublayer(const float* x, std::int64_t T, const Sublayer& s, const float* residual, float* to,
                               ProductScratch& scratch) const {
  const bool normed = config_.norm_after, scaled = config_.residual_scale != 1;
  if (!normed && !scaled) return product(x, T, s.last, to, scratch, {.residual = residual});
  product(x, T, s.last, normed ? s.kept.out.data() : to, scratch);
  if (normed) norm(s.kept.out.data(), T, norm_at(s.after), to, s.kept.mean.data(), s.kept.rstd.data());
  const ProfileScope scope(Part::kElementwise, 0, 12.0 * T * config_.width);
  parallel_ranges(T * config_.width, kGrain, [&](std::int64_t begin, std::int64_t end) {
    if (scaled) kernels().scale(static_cast<float>(config_.residual_scale), to + begin, end - begin);
    kernels().add(residual + begin, to + begin, end - begin);
  });
}

const float* Transformer::sublayer_backward(const float* dy, std::int64_t T, const Sublayer& s, float* scratch,
                                            Gradients& g) const {
  const std::int64_t size = T * config_.width;
  if (config_.residual_scale != 1) {
    const ProfileScope scope(Part::kElementwise, 0, 8.0 * size);
    parallel_ranges(size, kGrain, [&](std::int64_t begin, std::int64_t end) {
      std::memcpy(scratch + begin, dy + begin, static_cast<std::size_t>(end - begin) * sizeof(float));
      kernels().scale(static_cast<float>(config_.residual_scale), scratch + begin, end - begin);
    });
    dy = scratch;
    scratch += size;
  }
  if (!config_.norm_after) return dy;
  std::memset(scratch, 0, static_cast<std::size_t>(size) * sizeof(float));
  norm_backward(dy, s.kept.out.data(), T, norm_at(s.after), {s.kept.mean.data(), s.kept.rstd.data()}, scratch,
                norm_gradient(s.after, g));
  return scratch;
}

}  // namespace nudge
