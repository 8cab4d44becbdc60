// The gradient in groups against its definition: a chain from zero for each run of the minibatch's sequences, made here
// one by one, and their sum by the tree, written down.
#include "lib/base/parallel.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/reward_model.h"
#include "tests/harness/harness.h"
#include "tests/law/law.h"
#include "tests/model/random_model.h"
#include "tests/rl/tiny.h"

using namespace nudge;
using namespace nudge::test;

namespace {

Model language_model(bool tied) {
  Model model = tiny_model(HeadKind::kLanguage, 5);
  if (tied == model.config().tied) return model;
  ModelConfig config = model.config();
  config.tied = tied;
  Buffer<float> values = initial_parameters(config, Layout(config), 5);
  model.transformer = Transformer(config, std::move(values));
  return model;
}

// The gradient of examples [begin, end) of a minibatch of so many tokens, from zero.
Floats gradient_of(const Model& model, const std::vector<SftExample>& examples, std::size_t begin, std::size_t end,
                   std::int64_t tokens) {
  Gradients g(model.config(), model.transformer.layout());
  g.zero();
  if (begin < end) {
    Batch batch;
    Targets targets;
    for (std::size_t i = begin; i < end; ++i) {
      const SftExample& e = examples[i];
      for (auto t = static_cast<std::size_t>(e.learnt[0].first); t < e.tokens.size(); ++t)
        targets.add(batch.size() + static_cast<std::int64_t>(t) - 1, e.tokens[t]);
      batch.add(std::span(e.tokens).first(e.tokens.size() - 1));
    }
    Trace trace(true);
    model.transformer.forward(batch, trace);
    Buffer<float> d(batch.size() * model.config().width);
    LanguageHead().train(
        {model.transformer, trace.final.data(), targets}, batch,
        [&](std::int64_t b, std::int64_t e, const RowStats*, const float*, RowGradient* to) {
          for (std::int64_t i = 0; i < e - b; ++i) to[i] = {-1.0f / static_cast<float>(tokens), 0, 0};
        },
        d.data(), g);
    model.transformer.backward(batch, trace, d.data(), g);
  }
  g.finish();
  return Floats(g.values().data(), g.values().data() + g.values().size());
}

Floats operator+(Floats a, const Floats& b) {
  const FlushDenormals flush;
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

Floats floats(const Buffer<float>& b) { return Floats(b.data(), b.data() + b.size()); }

}  // namespace

TEST_CASE("the gradient in four groups is the tree's sum of the groups' own") {
  for (bool tied : {true, false}) {
    CAPTURE(tied);
    Model model = language_model(tied);
    SftTrainer trainer(model, {}, 30, false, 4);
    const auto all = tiny_examples(17);
    // 10 in runs of 2, 3, 2, 3; then 3 in runs of 0, 1, 1, 1, after tokens that these don't have.
    struct Case {
      std::size_t from, size;
      std::vector<std::size_t> begin;  // of the groups
    };
    for (const Case& c : {Case{0, 10, {0, 2, 5, 7, 10}}, Case{12, 3, {0, 0, 1, 2, 3}}}) {
      const auto& [from, size, begin] = c;
      CAPTURE(c.size);
      const std::vector<SftExample> examples(all.begin() + static_cast<std::ptrdiff_t>(from),
                                             all.begin() + static_cast<std::ptrdiff_t>(from + size));
      std::vector<const SftExample*> minibatch;
      std::int64_t tokens = 0;
      for (const SftExample& e : examples) {
        minibatch.push_back(&e);
        tokens += e.targets();
      }
      std::vector<Floats> g;
      for (std::size_t i = 0; i < 4; ++i) g.push_back(gradient_of(model, examples, begin[i], begin[i + 1], tokens));
      trainer.accumulate(minibatch);
      CHECK(same_bits(floats(trainer.gradient()), (g[0] + g[1]) + (g[2] + g[3])));
      if (size == 10) CHECK_FALSE(same_bits(floats(trainer.gradient()), ((g[0] + g[1]) + g[2]) + g[3]));
      if (size == 10) CHECK_FALSE(same_bits(floats(trainer.gradient()), gradient_of(model, examples, 0, size, tokens)));
    }
  }
}

TEST_CASE("the loss in groups is that of one group but for rounding, and so is a reward model's") {
  Model model = language_model(true);
  const auto all = tiny_examples(10);
  std::vector<const SftExample*> minibatch;
  for (const SftExample& e : all) minibatch.push_back(&e);
  const double one = SftTrainer(model, {}, 4096).accumulate(minibatch).loss;
  const double eight = SftTrainer(model, {}, 4096, false, 8).accumulate(minibatch).loss;
  CHECK(eight == doctest::Approx(one).epsilon(1e-12));
  CHECK(one > 1);

  Model scorer = tiny_model(HeadKind::kScore, 6);
  const auto rankings = tiny_rankings({2, 3, 2, 5, 2});
  std::vector<const Ranking*> some;
  for (const Ranking& r : rankings) some.push_back(&r);
  const RewardStatistics a = RewardTrainer(scorer, {}, {}, 4096).accumulate(some);
  const RewardStatistics b = RewardTrainer(scorer, {}, {}, 4096, false, 8).accumulate(some);
  CHECK(a.tokens == b.tokens);
  CHECK(a.accuracy == b.accuracy);  // quarters, exactly
  CHECK(a.min_reward == b.min_reward);
  CHECK(a.max_reward == b.max_reward);
  CHECK(a.loss == doctest::Approx(b.loss).epsilon(1e-12));
  CHECK(a.margin == doctest::Approx(b.margin).epsilon(1e-9));
  CHECK(a.mean_reward == doctest::Approx(b.mean_reward).epsilon(1e-9));
}

TEST_CASE("groups of one rank keep log2 of their number of gradients, one group none") {
  const Model model = language_model(true);
  Gradients gradient(model.config(), model.transformer.layout());
  Gradients* const g = &gradient;
  const auto kept = [&](std::int64_t groups) {
    GradientParts sum(groups);
    for (int minibatch = 0; minibatch < 2; ++minibatch) sum.run(5, {&g, 1}, [](std::int64_t, std::int64_t) {});
    return sum.kept();
  };
  CHECK(kept(1) == 0);
  CHECK(kept(2) == 1);
  CHECK(kept(8) == 3);
  CHECK(kept(64) == 6);
}

TEST_CASE("groups are contiguous runs whose sizes differ by one at most") {
  for (std::int64_t n : {0, 1, 3, 4, 10, 1000}) {
    for (std::int64_t groups : {1, 4, 1024}) {
      CHECK(run_begin(n, groups, 0) == 0);
      CHECK(run_begin(n, groups, groups) == n);
      for (std::int64_t g = 0; g < groups; ++g) {
        const std::int64_t size = run_begin(n, groups, g + 1) - run_begin(n, groups, g);
        CHECK(size >= n / groups);
        CHECK(size <= (n + groups - 1) / groups);
      }
    }
  }
}
