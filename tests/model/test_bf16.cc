// Models in bf16: near float32, and the same outputs from the same roundings done by hand.
#include "lib/model/head.h"
#include "tests/kernels/bf16_tools.h"
#include "tests/model/random_model.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// The same weights in both arithmetics.
Transformer with_dtype(ModelConfig config, Dtype dtype, Buffer<float> values) {
  config.dtype = dtype;
  Transformer t(config, std::move(values));
  t.pack();
  return t;
}

struct Outputs {
  std::vector<float> logits, gradient;
};

// Logits and the gradient of the summed log-probs of two sequences.
Outputs outputs_of(const Transformer& model) {
  Batch batch;
  Targets targets;
  for (std::int64_t n : {45, 70}) {
    const auto tokens = random_tokens(n, model.config().vocab, static_cast<std::uint64_t>(n));
    for (std::int64_t t = 0; t + 1 < n; ++t) targets.add(batch.size() + t, tokens[static_cast<std::size_t>(t + 1)]);
    batch.add(tokens);
  }
  Trace trace{true};
  model.forward(batch, trace);
  Outputs f;
  f.logits.resize(static_cast<std::size_t>(batch.size() * model.config().vocab));
  model.logits(trace.final.data(), batch.size(), f.logits.data());
  Gradients g(model.config(), model.layout());
  Buffer<float> d(batch.size() * model.config().width);
  LanguageHead().train(
      {model, trace.final.data(), targets}, batch,
      [](std::int64_t begin, std::int64_t end, const RowStats*, const float*, RowGradient* to) {
        for (std::int64_t i = 0; i < end - begin; ++i) to[i] = {1, 0, 0};
      },
      d.data(), g);
  model.backward(batch, trace, d.data(), g);
  g.finish();
  f.gradient.assign(g.values().data(), g.values().data() + g.values().size());
  return f;
}

double distance(const std::vector<float>& x, const std::vector<float>& y) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    difference += std::pow(double(x[i]) - double(y[i]), 2);
    size += std::pow(double(y[i]), 2);
  }
  return std::sqrt(difference / size);
}

}  // namespace

TEST_CASE("a model in bf16 is as far from float32 as the rounding of its factors lets expect, and not nearer") {
  for (const char* family : {"gpt2", "llama", "qwen3", "gpt_neox"}) {
    const ModelConfig sizes = shape_of(2, 4, 18, 150, 211, 80);
    const ModelConfig config = std::string(family) == "gpt2" ? sizes : family_shape(family, sizes, 4, 18, 18);
    const Layout layout(config);
    const Outputs exact = outputs_of(with_dtype(config, Dtype::kF32, random_values(layout, 5, 1)));
    const Outputs rounded = outputs_of(with_dtype(config, Dtype::kBf16, random_values(layout, 5, 1)));
    // Each factor is off by up to 2^-9 of itself; two layers of four products and their nonlinear parts add up.
    INFO(family, ": logits ", distance(rounded.logits, exact.logits), ", gradient ",
         distance(rounded.gradient, exact.gradient));
    CHECK(distance(rounded.logits, exact.logits) < 0.03);
    CHECK(distance(rounded.logits, exact.logits) > 0x1p-11);
    CHECK(distance(rounded.gradient, exact.gradient) < 0.06);
    CHECK(distance(rounded.gradient, exact.gradient) > 0x1p-11);
  }
}

TEST_CASE("weights are rounded for products alone: a model of rounded matrices gives the same bits") {
  const ModelConfig config = shape_of(2, 4, 18, 150, 211, 80);
  const Layout layout(config);
  Buffer<float> values = random_values(layout, 6, 1), matrices = values.copy(), all = values.copy();
  for (const TensorInfo& t : layout.tensors) {
    for (std::int64_t i = t.offset; i < t.offset + t.size; ++i) {
      all[i] = nearest_bf16(values[i]);
      if (t.shape.size() == 2 && t.name.find(".c_") != std::string::npos) matrices[i] = all[i];
    }
  }
  const Outputs masters = outputs_of(with_dtype(config, Dtype::kBf16, std::move(values)));
  CHECK(outputs_of(with_dtype(config, Dtype::kBf16, std::move(matrices))).logits == masters.logits);
  CHECK(outputs_of(with_dtype(config, Dtype::kBf16, std::move(all))).logits != masters.logits);
}
