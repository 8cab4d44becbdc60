// One arithmetic: gradients and weights are the same bits for every number of threads, micro-batch and kernel level.
#include <cstring>

#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"
#include "lib/rl/reward_model.h"
#include "tests/harness/harness.h"
#include "tests/harness/levels.h"
#include "tests/rl/tiny.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// What a training leaves: the last gradient, then the weights, then the metrics.
using Outcome = std::vector<float>;

void append(Outcome& out, const float* values, std::int64_t n) { out.insert(out.end(), values, values + n); }

Outcome train_sft(std::int64_t micro_tokens) {
  Model model = tiny_model(HeadKind::kLanguage, 5);
  AdamOptions adam;
  adam.weight_decay = 0.1;
  SftTrainer trainer(model, adam, micro_tokens);
  const auto examples = tiny_examples(13);
  Outcome out;
  for (std::size_t step = 0; step < 2; ++step) {
    std::vector<const SftExample*> minibatch;
    for (std::size_t i = step; i < examples.size(); i += step + 1) minibatch.push_back(&examples[i]);
    const SftStatistics f = trainer.accumulate(minibatch);
    const double norm = trainer.step(0.01f);
    append(out, trainer.gradient().data(), trainer.gradient().size());
    for (double x : {f.loss, norm, trainer.evaluate(examples).loss}) {
      float bits[2];
      std::memcpy(bits, &x, sizeof bits);
      append(out, bits, 2);
    }
  }
  append(out, model.transformer.values(), model.transformer.layout().size);
  return out;
}

Outcome train_rm(std::int64_t micro_tokens) {
  Model model = tiny_model(HeadKind::kScore, 6);
  RewardLossOptions loss;
  loss.centering = 0.01f;
  loss.smoothing = 0.1f;
  RewardTrainer trainer(model, loss, {}, micro_tokens);
  const auto rankings = tiny_rankings({2, 3, 2, 5, 2, 4});
  std::vector<const Ranking*> minibatch;
  for (const Ranking& r : rankings) minibatch.push_back(&r);
  Outcome out;
  for (int step = 0; step < 2; ++step) {
    const RewardStatistics f = trainer.accumulate(minibatch);
    const double norm = trainer.step(0.01f);
    append(out, trainer.gradient().data(), trainer.gradient().size());
    for (double x : {f.loss, f.accuracy.value(), f.margin, f.mean_reward, norm}) {
      float bits[2];
      std::memcpy(bits, &x, sizeof bits);
      append(out, bits, 2);
    }
  }
  for (const auto& scores : trainer.scores(std::span<const Ranking>(rankings)))
    append(out, scores.data(), static_cast<std::int64_t>(scores.size()));
  append(out, model.transformer.values(), model.transformer.layout().size);
  return out;
}

bool same_bits(const Outcome& a, const Outcome& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct RestoreThreads {
  int before = thread_count();
  ~RestoreThreads() { set_thread_count(before); }
};

template <class Train>
void check_threads(Train train) {
  RestoreThreads restore;
  set_thread_count(1);
  const Outcome one = train(64);
  for (int n : {2, 3}) {
    set_thread_count(n);
    CHECK(same_bits(one, train(64)));
  }
}

template <class Train>
void check_micro_batches(Train train) {
  const Outcome whole = train(100000);
  for (std::int64_t tokens : {1, 17, 64, 150}) CHECK(same_bits(whole, train(tokens)));
}

template <class Train>
void check_levels(Train train) {
  if (levels().size() < 2) return skip("the processor has but one level");
  const Kernels& before = kernels();
  use_kernels(*levels()[0]);
  const Outcome narrow = train(64);
  use_kernels(*levels()[1]);
  const Outcome wide = train(64);
  use_kernels(before);
  CHECK(same_bits(narrow, wide));
}

}  // namespace

TEST_CASE("supervised fine-tuning gives the same bits for any number of threads") { check_threads(train_sft); }
TEST_CASE("supervised fine-tuning gives the same bits for any micro-batch") { check_micro_batches(train_sft); }
TEST_CASE("supervised fine-tuning gives the same bits at every kernel level") { check_levels(train_sft); }
TEST_CASE("reward-model training gives the same bits for any number of threads") { check_threads(train_rm); }
TEST_CASE("reward-model training gives the same bits for any micro-batch") { check_micro_batches(train_rm); }
TEST_CASE("reward-model training gives the same bits at every kernel level") { check_levels(train_rm); }
