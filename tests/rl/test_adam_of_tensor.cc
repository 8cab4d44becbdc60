// An optimizer of one tensor of a model, as of a shared value head while the policy stays.
#include <algorithm>
#include <cmath>
#include <vector>

#include "lib/rl/optimizer.h"
#include "tests/harness/harness.h"
#include "tests/rl/tiny.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("Adam of one tensor steps as that of the model does, and leaves the others") {
  const AdamOptions options{.weight_decay = 0.1};
  Model whole = tiny_model(HeadKind::kLanguage, 1), part = tiny_model(HeadKind::kLanguage, 1);
  const Layout& layout = whole.transformer.layout();
  const std::int64_t n = layout.size;
  Adam of_whole(layout, options), of_part(layout, options, layout.tensors.back());
  const TensorInfo& moved = layout.tensors.back();
  Buffer<float> gradient(n);
  std::vector<float> before(part.transformer.values(), part.transformer.values() + n);
  for (std::uint64_t step = 0; step < 3; ++step) {
    for (std::int64_t i = 0; i < n; ++i)
      gradient.data()[i] = static_cast<float>(uniform(7, step, static_cast<std::uint64_t>(i)) - 0.5);
    of_whole.step(whole.transformer, gradient, 1e-2f, 0.5f);
    of_part.step(part.transformer, gradient, 1e-2f, 0.5f);
  }
  const float *by_whole = whole.transformer.values(), *by_part = part.transformer.values();
  int different = 0, changed = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const bool inside = i >= moved.offset && i < moved.offset + moved.size;
    different += inside ? by_part[i] != by_whole[i] : by_part[i] != before[static_cast<std::size_t>(i)];
    changed += inside && by_part[i] != before[static_cast<std::size_t>(i)];
  }
  CHECK(different == 0);
  CHECK(changed > 0);
  CHECK(of_part.steps() == 3);
}

TEST_CASE("its norm is that of its part of the gradient") {
  Model model = tiny_model(HeadKind::kLanguage, 1);
  const Layout& layout = model.transformer.layout();
  const TensorInfo& moved = layout.tensors[1];
  Buffer<float> gradient(layout.size);
  double squares = 0;
  for (std::int64_t i = 0; i < layout.size; ++i) {
    const bool inside = i >= moved.offset && i < moved.offset + moved.size;
    const double g = uniform(8, 1, static_cast<std::uint64_t>(i)) - 0.5;
    gradient.data()[i] = static_cast<float>(g);
    if (inside) squares += g * g;
  }
  CHECK(std::abs(Adam(layout, {}, moved).norm(gradient) / std::sqrt(squares) - 1) < 1e-5);
  const Buffer<float>* all = &gradient;
  CHECK(Adam(layout, {}).norm(gradient) == gradient_norm({&all, 1}));
}
