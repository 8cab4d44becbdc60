// A step of training is the same bits for any number of threads, any micro-batch, any level and any order of the
// records: sft-train's and rm-train's.
#include "tests/law/sampling.h"

#include <algorithm>
#include <numeric>

#include "lib/rl/reward_model.h"
#include "lib/rl/sft.h"
#include "tests/law/shapes.h"
#include "tests/law/world.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// f(micro-batch limit) at every setting, with limits that change from one to the next.
template <class F>
void check_law(const F& f) {
  const std::int64_t limits[] = {1, 7, 64, 1 << 20};
  const Floats expected = f(limits[3]);
  std::size_t n = 0;
  at_every_setting([&] {
    const std::int64_t limit = limits[n++ % 4];
    INFO("at most " << limit << " tokens");
    CHECK(same_bits(f(limit), expected));
  });
  CHECK(same_bits(f(64), expected));
  same_on_every_machine(expected);
}

std::vector<SftExample> examples(std::int64_t vocab) {
  std::vector<SftExample> all;
  for (std::int64_t n : {2, 17, 3, 60, 2, 31, 5, 49, 11}) {
    SftExample e;
    e.id = std::to_string(all.size());
    e.tokens = random_tokens(n, vocab, 200 + static_cast<std::uint64_t>(n));
    e.learnt = {{1 + static_cast<std::int64_t>(all.size()) % 2 * (n / 3), std::ssize(e.tokens)}};
    all.push_back(e);
  }
  return all;
}

std::vector<Ranking> rankings(std::int64_t vocab) {
  std::vector<Ranking> all;
  for (std::int64_t n : {1, 12, 33, 5, 20}) {
    Ranking r;
    const auto seed = static_cast<std::uint64_t>(300 + n);
    r.prompt = random_tokens(n % 12, vocab, seed);
    for (std::int64_t a = 0; a < 2 + n % 3; ++a)
      r.answers.push_back(random_tokens(n + 3 * a + 1, vocab, seed + 1 + static_cast<std::uint64_t>(a)));
    r.margin = 0.25f * static_cast<float>(n % 4);
    all.push_back(r);
  }
  return all;
}

template <class T>
std::vector<const T*> pointers(const std::vector<T>& items) {
  std::vector<const T*> all;
  for (const T& item : items) all.push_back(&item);
  return all;
}

Floats floats(const Buffer<float>& b) { return Floats(b.data(), b.data() + b.size()); }
Floats weights(const Model& m) {
  return Floats(m.transformer.trained_values(), m.transformer.trained_values() + m.transformer.trained().size);
}

// What is trained, and how.
struct Learner {
  std::int64_t groups = 1;
  bool reversed = false, adapted = false;
};

// The model, or an adapter on it.
Model learner(Model model, const Learner& how, HeadKind head) {
  if (!how.adapted) return model;
  AdapterConfig adapter = adapter_of(5, 7, {"c_attn", "c_proj"}, head);
  model.transformer = random_adapted(model.transformer, model.config(), std::move(adapter), 43, 0.8);
  return model;
}

Model score_model() {
  Model language = sampler(3);
  ModelConfig config = language.config();
  config.head = HeadKind::kScore;
  return Model{random_transformer(config, 41, 1.2), std::move(language.tokenizer), "", {}};
}

// The gradient, the metrics and, after two steps, the weights.
Floats sft(std::int64_t limit, const Learner& how = {}) {
  Model model = learner(sampler(3), how, HeadKind::kLanguage);
  SftTrainer trainer(model, AdamOptions{}, limit, false, how.groups);
  const auto all = examples(model.config().vocab);
  auto minibatch = pointers(all);
  if (how.reversed) std::reverse(minibatch.begin(), minibatch.end());
  const double loss = trainer.accumulate(minibatch).loss;
  Floats numbers = floats(trainer.gradient());
  numbers.push_back(static_cast<float>(loss));
  for (int step = 0; step < 2; ++step) {
    trainer.accumulate(minibatch);
    numbers.push_back(static_cast<float>(trainer.step(1e-3f)));
  }
  numbers.push_back(static_cast<float>(trainer.evaluate(all).loss));
  const Floats w = weights(model);
  numbers.insert(numbers.end(), w.begin(), w.end());
  return numbers;
}

Floats reward(std::int64_t limit, const Learner& how = {}) {
  Model model = how.adapted ? learner(sampler(3), how, HeadKind::kScore) : score_model();
  RewardTrainer trainer(model, {0.5f, 0.01f}, AdamOptions{}, limit, false, how.groups);
  const auto all = rankings(model.config().vocab);
  auto minibatch = pointers(all);
  if (how.reversed) std::reverse(minibatch.begin(), minibatch.end());
  const RewardStatistics f = trainer.accumulate(minibatch);
  Floats numbers = floats(trainer.gradient());
  for (double x : {f.loss, f.accuracy.value(), f.margin, f.min_reward, f.mean_reward, f.max_reward})
    numbers.push_back(static_cast<float>(x));
  for (int step = 0; step < 2; ++step) {
    trainer.accumulate(minibatch);
    numbers.push_back(static_cast<float>(trainer.step(1e-3f)));
  }
  for (const Floats& s : trainer.scores(all)) numbers.insert(numbers.end(), s.begin(), s.end());
  const Floats w = weights(model);
  numbers.insert(numbers.end(), w.begin(), w.end());
  return numbers;
}

}  // namespace

TEST_CASE("fine-tuning's gradient, norm and weights are the same bits for any micro-batch, level and threads") {
  check_law([](std::int64_t limit) { return sft(limit); });
}

TEST_CASE("a reward model's gradient, norm and weights are the same bits for any micro-batch, level and threads") {
  check_law([](std::int64_t limit) { return reward(limit); });
}

TEST_CASE("an adapter's gradient, norm and weights are the same bits for any micro-batch, level and threads") {
  check_law([](std::int64_t limit) { return sft(limit, {1, false, true}); });
}

TEST_CASE("an adapter's with a score head, too") {
  check_law([](std::int64_t limit) { return reward(limit, {1, false, true}); });
}

namespace {

// In groups: the same for any micro-batch, threads and ranks; f(limit, groups).
template <class F>
void check_groups(const F& f) {
  KeepSettings keep;
  const std::int64_t limits[] = {1, 7, 64, 1 << 20};
  for (std::int64_t groups : {2, 4, 8}) {
    CAPTURE(groups);
    set_thread_count(1);
    const Floats expected = f(64, groups);
    CHECK_FALSE(same_bits(expected, f(64, groups / 2)));
    for (int ranks = 1; ranks <= groups; ranks *= 2) {
      CAPTURE(ranks);
      set_thread_count(1 + ranks % 3);
      const std::int64_t limit = limits[(ranks + groups) % 4];
      for (const Floats& found : in_world(ranks, [&] { return f(limit, groups); })) CHECK(same_bits(found, expected));
    }
  }
}

}  // namespace

TEST_CASE("fine-tuning in groups is the same bits for any ranks, micro-batch and threads; their number counts") {
  check_groups([](std::int64_t limit, std::int64_t groups) { return sft(limit, {groups}); });
}

TEST_CASE("a reward model in groups is the same bits for any ranks, micro-batch and threads; their number counts") {
  check_groups([](std::int64_t limit, std::int64_t groups) { return reward(limit, {groups}); });
}

TEST_CASE("an adapter in groups is the same bits for any ranks, micro-batch and threads; their number counts") {
  check_groups([](std::int64_t limit, std::int64_t groups) { return sft(limit, {groups, false, true}); });
}

TEST_CASE("more ranks than gradient parts are a fault") {
  CHECK_THROWS_AS(in_world(4, [] { return sft(64, {2}); }), Error);
}

TEST_CASE("a gradient summed in another order of the minibatch has other bits") {
  CHECK_FALSE(same_bits(sft(1 << 20, {1, true}), sft(1 << 20)));
  CHECK_FALSE(same_bits(reward(1 << 20, {1, true}), reward(1 << 20)));
}

TEST_CASE("a gradient whose micro-batches start from 0 and are added has other bits") {
  Model model = sampler(3);
  const auto all = examples(model.config().vocab);
  Batch whole, halves[2];
  for (std::size_t i = 0; i < all.size(); ++i) {
    whole.add(all[i].tokens);
    halves[i >= all.size() / 2].add(all[i].tokens);
  }
  const auto gradient = [&](std::vector<const Batch*> batches, bool paused) {
    Gradients chain(model.config(), model.transformer.layout());
    Floats sum(static_cast<std::size_t>(model.transformer.layout().size));
    for (const Batch* b : batches) {
      Trace trace{true};
      model.transformer.forward(*b, trace);
      Buffer<float> d(b->size() * model.config().width);
      for (std::int64_t i = 0; i < d.size(); ++i) d[i] = trace.final[i];
      if (!paused) chain.zero();
      model.transformer.backward(*b, trace, d.data(), chain);
      for (std::size_t i = 0; i < sum.size(); ++i) {
        const float g = chain.values()[static_cast<std::int64_t>(i)];
        sum[i] = paused ? g : sum[i] + g;
      }
    }
    return sum;
  };
  const Floats expected = gradient({&whole}, true);
  CHECK(same_bits(gradient({&halves[0], &halves[1]}, true), expected));
  CHECK_FALSE(same_bits(gradient({&halves[0], &halves[1]}, false), expected));
}

TEST_CASE("a wide model's gradient is the same bits for any micro-batch, level and threads") {
  ModelConfig config = wide_subject().model.config();
  config.tied = false;
  const Transformer model = random_transformer(config, 61, 0.7);
  std::vector<std::vector<std::int32_t>> sequences;
  for (std::int64_t n : {97, 1, 50, 64})
    sequences.push_back(random_tokens(n, config.vocab, static_cast<std::uint64_t>(n)));
  const auto gradient = [&](std::size_t together) {
    Gradients g(config, model.layout());
    for (std::size_t i = 0; i < sequences.size(); i += together) {
      Batch batch;
      Targets targets;
      for (std::size_t k = i; k < std::min(i + together, sequences.size()); ++k) {
        for (std::size_t t = 0; t < sequences[k].size(); ++t)
          targets.add(batch.size() + static_cast<std::int64_t>(t), sequences[k][(t + 1) % sequences[k].size()], 3);
        batch.add(sequences[k]);
      }
      Trace trace{true};
      model.forward(batch, trace);
      Buffer<float> d(batch.size() * config.width);
      LanguageHead().train(
          {model, trace.final.data(), targets}, batch,
          [&](std::int64_t b, std::int64_t e, const RowStats* s, const float*, RowGradient* to) {
            for (std::int64_t r = 0; r < e - b; ++r) to[r] = {s[r].logprob, 0.1f, 0};
          },
          d.data(), g);
      model.backward(batch, trace, d.data(), g);
    }
    g.finish();
    return floats(g.values());
  };
  const Floats expected = same_everywhere([&] { return gradient(4); });
  CHECK(same_bits(gradient(1), expected));
  CHECK(same_bits(gradient(2), expected));
  CHECK(same_bits(gradient(3), expected));
}

TEST_CASE("a long sequence's gradient is the same bits at every level and number of threads") {
  const ModelConfig config = long_subject().model.config();
  const Transformer model = random_transformer(config, 62, 0.7);
  same_everywhere([&] {
    Gradients g(config, model.layout());
    Batch batch;
    batch.add(long_subject().tokens);
    batch.add(random_tokens(19, config.vocab, 6));
    Trace trace{true};
    model.forward(batch, trace);
    Buffer<float> d(batch.size() * config.width);
    for (std::int64_t i = 0; i < d.size(); ++i) d[i] = trace.final[d.size() - 1 - i];
    model.backward(batch, trace, d.data(), g);
    g.finish();
    return floats(g.values());
  });
}

TEST_CASE("a step of Adam and a gradient's norm are the same bits at every level and number of threads") {
  const ModelConfig config = shape_of(2, 2, 35, 151, 1031, 50);  // more than 65,536 numbers, what a thread takes
  const Layout layout(config);
  REQUIRE(layout.size > 2 * 65536);
  same_everywhere([&] {
    Transformer model(config, random_values(layout, 7, 1));
    AdamOptions options;
    options.weight_decay = 0.1;
    Adam adam(layout, options);
    Floats numbers;
    for (std::uint64_t step = 0; step < 3; ++step) {
      const Buffer<float> g = random_values(layout, 70 + step, 1);
      const Buffer<float>* one = &g;
      numbers.push_back(static_cast<float>(gradient_norm({&one, 1})));
      adam.step(model, g, 1e-2f, clip_coefficient(gradient_norm({&one, 1}), 1));
    }
    numbers.insert(numbers.end(), model.values(), model.values() + layout.size);
    return numbers;
  });
}
