#include "lib/rl/optimizer.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/base/scalar_math.h"
#include "lib/io/safetensors.h"
#include "lib/kernels/kernels.h"

namespace nudge {
namespace {
constexpr std::int64_t kRun = 4096;
}

double gradient_norm(std::span<const Buffer<float>* const> gradients) {
  double sum = 0;
  const ProfileScope scope(Part::kOptimizer);
  for (const Buffer<float>* g : gradients) {
    scope.add(0, 4.0 * g->size());
    std::vector<float> runs(static_cast<std::size_t>((g->size() + kRun - 1) / kRun));
    parallel_ranges(g->size(), 64 * kRun, [&](std::int64_t begin, std::int64_t end) {
      for (; begin < end; begin += kRun)
        runs[static_cast<std::size_t>(begin / kRun)] =
            kernels().sum_squares(g->data() + begin, std::min(kRun, end - begin));
    });
    for (float r : runs) sum += static_cast<double>(r);
  }
  return std::sqrt(sum);
}

float clip_coefficient(double norm, double max_norm) {
  return max_norm > 0 ? static_cast<float>(std::min(1.0, max_norm / (norm + 1e-6))) : 1.0f;
}

Adam::Adam(const Layout& layout, AdamOptions options)
    : first_(layout.trained_begin), options_(options), m_(layout.trained_size()), v_(layout.trained_size()) {
  std::ranges::copy_if(layout.tensors, std::back_inserter(tensors_),
                       [&](const TensorInfo& t) { return layout.trains(t.offset); });
}

Adam::Adam(const Layout& layout, AdamOptions options, const TensorInfo& tensor)
    : tensors_{tensor}, first_(tensor.offset), in_gradient_(tensor.offset - layout.trained_begin), options_(options),
      m_(tensor.size), v_(tensor.size) {}

double Adam::norm(const Buffer<float>& gradient) const {
  const Buffer<float>* whole = &gradient;
  if (m_.size() == gradient.size()) return gradient_norm({&whole, 1});
  Buffer<float> part(m_.size());
  std::copy_n(gradient.data() + in_gradient_, part.size(), part.data());
  const Buffer<float>* moved = &part;
  return gradient_norm({&moved, 1});
}

void Adam::step(Transformer& model, const Buffer<float>& gradient, float rate, float gradient_scale) {
  const ProfileScope scope(Part::kOptimizer, 0, 28.0 * m_.size());  // 4 arrays read, 3 of them written
  ++steps_;
  AdamStep s;
  s.lr = rate;
  s.beta1 = static_cast<float>(options_.beta1);
  s.beta2 = static_cast<float>(options_.beta2);
  s.eps = static_cast<float>(options_.eps);
  s.weight_decay = static_cast<float>(options_.weight_decay);
  s.correction1 = static_cast<float>(1.0 - det_powi(static_cast<double>(s.beta1), static_cast<long>(steps_)));
  s.correction2 = static_cast<float>(1.0 - det_powi(static_cast<double>(s.beta2), static_cast<long>(steps_)));
  s.gradient_scale = gradient_scale;
  float* p = model.change() + first_;
  const float* g = gradient.data() + in_gradient_;
  // Whole pages of the moments, so that of a first step no two threads wait for the same page.
  constexpr std::int64_t kPage = Buffer<float>::kHugePage / sizeof(float);
  parallel_ranges(m_.size(), kPage, [&](std::int64_t begin, std::int64_t end) {
    kernels().adamw(p + begin, g + begin, m_.data() + begin, v_.data() + begin, end - begin, &s);
  });
  model.pack(false);
}

std::string Adam::digest() const {
  const ProfileScope scope(Part::kLoading, 0, 8.0 * m_.size());
  Digest d;
  for (const Buffer<float>* b : {&m_, &v_}) d.bytes(b->data(), static_cast<std::size_t>(b->size()) * sizeof(float));
  return d.number(steps_).hex();
}

void Adam::save(const std::string& path) const {
  const ProfileScope scope(Part::kSaving, 0, 8.0 * m_.size());
  std::vector<TensorView> views;
  for (const TensorInfo& t : tensors_) {
    views.push_back({"m." + t.name, t.shape, m_.data() + t.offset - first_});
    views.push_back({"v." + t.name, t.shape, v_.data() + t.offset - first_});
  }
  write_safetensors(path, views);
}

void Adam::load(const std::string& path, std::int64_t steps) {
  const ProfileScope scope(Part::kLoading, 0, 8.0 * m_.size());
  const SafetensorsFile file(path);
  for (const TensorInfo& t : tensors_) {
    for (const auto& [prefix, moments] : {std::pair{"m.", &m_}, std::pair{"v.", &v_}}) {
      // A value head that was not trained the last time (reinforce has no critic) begins anew.
      if (t.name.ends_with("score.weight") && file.find(prefix + t.name) == nullptr) continue;
      if (file.at(prefix + t.name).shape != t.shape)
        bad_input(path + ": tensor " + prefix + t.name + " differs in shape from the model's");
      file.read_f32(prefix + t.name, moments->data() + t.offset - first_);
    }
  }
  steps_ = steps;
}

}  // namespace nudge
