#include "lib/rl/advantages.h"

#include <cmath>
#include <deque>
#include <string>

#include "tests/harness/golden_batch.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// A batch made by hand.
struct Made {
  std::deque<Trajectory> trajectories;
  PpoBatch batch;
  Made() { batch.begin.push_back(0); }
  void add(const std::vector<float>& logprobs, const std::vector<float>& ref, const std::vector<float>& values,
           double score, const std::vector<float>& token_rewards = {}) {
    Trajectory& t = trajectories.emplace_back();
    t.reward = static_cast<float>(score);
    t.token_rewards = token_rewards;
    batch.trajectories.push_back(&t);
    batch.begin.push_back(batch.begin.back() + logprobs.size());
    const auto append = [](std::vector<float>& to, const std::vector<float>& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(batch.old_logprobs, logprobs), append(batch.ref_logprobs, ref), append(batch.values, values);
  }
  const PpoBatch& with(double kl_beta, const AdvantageOptions& options) {
    batch.totals.clear();
    add_advantages(batch, kl_beta, options);
    return batch;
  }
};

Made golden(const GoldenBatch& g) {
  Made made;
  for (const GoldenSample& s : g.samples) made.add(s.old_logprobs, s.ref_logprobs, s.old_values, s.score);
  return made;
}

void check_all_near(std::span<const float> got, std::span<const double> expected, double tolerance) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t t = 0; t < got.size(); ++t) CHECK(near(static_cast<double>(got[t]), expected[t], tolerance));
}

const std::vector<float> kRewards = {1, 0, 2}, kValues = {0.5f, 1, -1};

struct Gae {
  std::vector<float> advantages = std::vector<float>(3), returns = std::vector<float>(3);
  Gae(double gamma, double lambda) { gae(kRewards, kValues, gamma, lambda, advantages, returns); }
};

}  // namespace

TEST_CASE("rewards, advantages and returns are the oracle's, for every family") {
  for (const std::string& folder : golden_family_folders()) {
    CAPTURE(folder);
    const GoldenBatch g = read_golden_batch(folder);
    Made made = golden(g);
    const PpoBatch& b = made.with(g.kl_beta, {.gamma = g.gamma, .lambda = g.lambda, .whiten = false});
    for (std::size_t i = 0; i < g.samples.size(); ++i) {
      check_all_near(b.part(b.rewards, i), g.samples[i].rewards, 1e-5);
      check_all_near(b.part(b.advantages, i), g.samples[i].advantages, 1e-5);
      check_all_near(b.part(b.returns, i), g.samples[i].returns, 1e-5);
    }
  }
}

TEST_CASE("whitened advantages are the oracle's with the biased variance, and returns stay as they were") {
  for (const std::string& folder : golden_family_folders()) {
    CAPTURE(folder);
    const GoldenBatch g = read_golden_batch(folder);
    Made made = golden(g);
    const PpoBatch& b = made.with(g.kl_beta, {.gamma = g.gamma, .lambda = g.lambda});
    for (std::size_t i = 0; i < g.samples.size(); ++i) {
      check_all_near(b.part(b.advantages, i), g.samples[i].advantages_whitened, 1e-5);
      check_all_near(b.part(b.returns, i), g.samples[i].returns, 1e-5);
    }
  }
}

TEST_CASE("a token's reward is the KL penalty, and the last one has the score besides") {
  const std::vector<float> logprobs = {-1, -2, -3}, ref = {-1.5f, -2, -1};
  std::vector<float> out(3);
  token_rewards(logprobs, ref, 0.5, 10, out);
  CHECK(out == std::vector<float>{-0.25f, 0, 11});
  token_rewards(logprobs, ref, 0.25, -4, out);
  CHECK(out == std::vector<float>{-0.125f, 0, -3.5f});
}

TEST_CASE("a KL coefficient of 0 needs no reference") {
  const std::vector<float> logprobs = {-1, -2};
  std::vector<float> out(2);
  token_rewards(logprobs, {}, 0, 3, out);
  CHECK(out == std::vector<float>{0, 3});
  CHECK_FALSE(std::signbit(out[0]));
}

TEST_CASE("equal policies are rewarded with a positive zero") {
  const std::vector<float> logprobs = {-1, -2};
  std::vector<float> out(2);
  token_rewards(logprobs, logprobs, 0.1, 0, out);
  CHECK_FALSE(std::signbit(out[0]));
  CHECK_FALSE(std::signbit(out[1]));
}

TEST_CASE("a response of one token gets penalty and score together") {
  const std::vector<float> logprobs = {-1}, ref = {-3};
  std::vector<float> out(1);
  token_rewards(logprobs, ref, 0.5, 2, out);
  CHECK(out[0] == 1.0f);
}

TEST_CASE("lambda 1 and gamma 1: the return is the plain sum of the rewards to come") {
  const Gae g(1, 1);
  CHECK(g.returns == std::vector<float>{3, 2, 2});
  CHECK(g.advantages == std::vector<float>{2.5f, 1, 3});
}

TEST_CASE("lambda 1 with a discount: the discounted return, whatever the values") {
  const Gae g(0.5, 1);  // 1 + 0/2 + 2/4, 0 + 2/2, 2
  CHECK(g.returns == std::vector<float>{1.5f, 1, 2});
}

TEST_CASE("lambda 0: the advantage is the temporal difference") {
  const Gae g(0.5, 0);  // 1 + 1/2 - 0.5, 0 - 1/2 - 1, 2 - (-1)
  CHECK(g.advantages == std::vector<float>{1, -1.5f, 3});
  CHECK(g.returns == std::vector<float>{1.5f, -0.5f, 2});
}

TEST_CASE("lambda between weighs the temporal differences geometrically") {
  const Gae g(0.5, 0.5);  // deltas 1, -1.5, 3; weight 1/4
  CHECK(g.advantages == std::vector<float>{0.8125f, -0.75f, 3});
}

TEST_CASE("a sequence of no tokens is no error") {
  std::vector<float> none;
  gae(none, none, 1, 0.95, none, none);
  token_rewards(none, none, 0.1, 5, none);
  whiten(none, true);
  CHECK(none.empty());
}

TEST_CASE("whitening gives mean 0 and biased variance 1") {
  std::vector<float> x = {1, 2, 3, 6};  // mean 3, biased variance 14/4
  whiten(x, true);
  const double sd = std::sqrt(3.5 + 1e-8);
  check_all_near(x, std::vector<double>{-2 / sd, -1 / sd, 0, 3 / sd}, 1e-7);
}

TEST_CASE("whitening without the shift keeps the mean") {
  std::vector<float> x = {1, 2, 3, 6};
  whiten(x, false);
  const double sd = std::sqrt(3.5 + 1e-8);
  check_all_near(x, std::vector<double>{3 - 2 / sd, 3 - 1 / sd, 3, 3 + 3 / sd}, 1e-6);
}

TEST_CASE("whitening equal numbers gives zeros, and 1e-8 under the root decides for tiny spreads") {
  std::vector<float> same = {2, 2, 2}, tiny = {1e-4f, -1e-4f};
  whiten(same, true);
  CHECK(same == std::vector<float>{0, 0, 0});
  whiten(tiny, true);  // 1e-4/sqrt(1e-8 + 1e-8)
  CHECK(near(static_cast<double>(tiny[0]), std::sqrt(0.5), 1e-6));
}

TEST_CASE("whitened rewards keep their mean, and returns and advantages follow them") {
  const std::vector<float> zeros(2), values(2);
  Made made;
  made.add(zeros, zeros, values, 4), made.add(zeros, zeros, values, 0);
  CHECK(made.with(0.05, {.lambda = 1, .whiten = false}).rewards == std::vector<float>{0, 4, 0, 0});
  const PpoBatch& white = made.with(0.05, {.lambda = 1, .whiten = false, .whiten_rewards = true});
  const double sd = std::sqrt(3.0 + 1e-8);  // mean 1, biased variance (9 + 3)/4
  check_all_near(white.rewards, std::vector<double>{1 - 1 / sd, 1 + 3 / sd, 1 - 1 / sd, 1 - 1 / sd}, 1e-6);
  CHECK(near(static_cast<double>(white.returns[0]), 2 + 2 / sd, 1e-6));
  CHECK(near(static_cast<double>(white.advantages[3]), 1 - 1 / sd, 1e-6));
  CHECK(white.totals == std::vector<double>{4, 0});
}

TEST_CASE("the batch is laid out back to back, sequences without tokens included") {
  const std::vector<float> two = {-1, -1}, none, one = {-2};
  Made made;
  made.add(two, two, two, 1), made.add(none, none, none, 7), made.add(one, one, one, 2);
  const PpoBatch& b = made.with(0.05, {.whiten = false});
  CHECK(b.rewards == std::vector<float>{0, 1, 2});
  CHECK(b.part(b.rewards, 1).empty());
  CHECK(b.part(b.returns, 2)[0] == 2.0f);
  CHECK(b.part(b.advantages, 2)[0] == 4.0f);
}

TEST_CASE("rewards of single tokens are added to penalty and score") {
  const std::vector<float> logprobs = {-1, -2}, ref = {-2, -2}, values = {0, 0};
  Made made;
  made.add(logprobs, ref, values, 1, {0.25f, 0.5f});
  const PpoBatch& b = made.with(0.5, {.whiten = false});
  CHECK(b.rewards == std::vector<float>{-0.25f, 1.5f});  // -0.5 + 0.25, 0 + 1 + 0.5
  CHECK(b.totals == std::vector<double>{1.25});
}

TEST_CASE("with the return as advantage each token has its trajectory's, and needs no values") {
  const std::vector<float> zeros = {0, 0};
  Made made;
  made.add(zeros, {}, {}, 4, {1, 0}), made.add(zeros, {}, {}, -2);
  const AdvantageOptions options{.advantage = Advantage::kReturn, .gamma = 0.5, .whiten = false};
  const PpoBatch& b = made.with(0, options);  // 1 + 4/2, 0 - 2/2
  CHECK(b.advantages == std::vector<float>{3, 3, -1, -1});
  CHECK(b.returns == b.advantages);
  AdvantageOptions less_mean = options;
  less_mean.baseline = true;
  CHECK(made.with(0, less_mean).advantages == std::vector<float>{2, 2, -2, -2});
  AdvantageOptions whitened = options;
  whitened.whiten = true;
  const PpoBatch& w = made.with(0, whitened);  // mean 1, variance 4
  check_all_near(w.advantages, std::vector<double>{1, 1, -1, -1}, 1e-6);
  CHECK(w.returns == std::vector<float>{3, 3, -1, -1});
}

TEST_CASE("the return of a trajectory is the discounted sum of its rewards") {
  const std::vector<float> rewards = {1, 2, 4};
  CHECK(trajectory_return(rewards, 1) == 7.0);
  CHECK(trajectory_return(rewards, 0.5) == 3.0);
  CHECK(trajectory_return({}, 1) == 0.0);
}

TEST_CASE("a return's weight is the return itself, or what it is above the batch's mean") {
  const std::vector<double> returns = {1, 2, 6};
  CHECK(return_weights(returns, false) == std::vector<float>{1, 2, 6});
  CHECK(return_weights(returns, true) == std::vector<float>{-2, -1, 3});
  CHECK(return_weights({}, true).empty());
}
