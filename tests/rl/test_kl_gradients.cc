// What the gradient of each KL to the reference is (docs/mathematics.md, 12), over all sequences of two tokens: a policy
// that is a table of logits, whose expectations are sums. What each kind leaves out is shown beside it.
#include <array>
#include <cmath>
#include <functional>

#include "lib/base/rng.h"
#include "lib/kernels/kernels.h"
#include "lib/rl/advantages.h"
#include "lib/rl/policy_loss.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

constexpr int kV = 4;  // tokens
using Doubles = std::vector<double>;

// Logits of the first token, then of the second after each first.
constexpr std::size_t kSize = kV + kV * kV;
std::size_t row_of(int first) { return static_cast<std::size_t>(first < 0 ? 0 : kV + first * kV); }

struct Policy {
  std::vector<float> logits;
  explicit Policy(std::uint64_t stream) {
    for (std::uint64_t i = 0; i < kSize; ++i) logits.push_back(static_cast<float>(normal(31, stream, i)));
  }
  Doubles doubles() const { return {logits.begin(), logits.end()}; }
};

double logprob(const Doubles& logits, int first, int token) {
  double sum = 0;
  for (int v = 0; v < kV; ++v) sum += std::exp(logits[row_of(first) + std::size_t(v)]);
  return logits[row_of(first) + std::size_t(token)] - std::log(sum);
}

double kl(const Doubles& p, const Doubles& q, int first) {
  double sum = 0;
  for (int v = 0; v < kV; ++v) sum += std::exp(logprob(p, first, v)) * (logprob(p, first, v) - logprob(q, first, v));
  return sum;
}

// How often each prefix is met: the empty one, then each first token.
Doubles prefixes(const Doubles& policy) {
  Doubles d{1};
  for (int a = 0; a < kV; ++a) d.push_back(std::exp(logprob(policy, -1, a)));
  return d;
}

double over_prefixes(const Doubles& d, const std::function<double(int first)>& of_prefix) {
  double sum = 0;
  for (int first = -1; first < kV; ++first) sum += d[std::size_t(first + 1)] * of_prefix(first);
  return sum;
}

Doubles slopes(const std::function<double(const Doubles&)>& f, const Policy& at) {
  Doubles x = at.doubles(), out;
  for (double& number : x) {
    const double kept = number, h = 1e-5;
    number = kept + h;
    const double up = f(x);
    number = kept - h;
    out.push_back((up - f(x)) / (2 * h));
    number = kept;
  }
  return out;
}

double distance(const Doubles& a, const Doubles& b) {
  double most = 0;
  for (std::size_t i = 0; i < kSize; ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}
constexpr double kSame = 2e-6, kOther = 1e-2;

struct Sequence {
  std::array<int, 2> tokens;
  std::array<float, 2> now, old, ref;  // log-probs
  double probability;                  // of the policy that samples
};

const Policy policy(1), reference(2), another(3);

// The expectation over samples of `sampler` of the gradient whose derivatives by a sequence's log-probs are `of`.
Doubles expected_gradient(const Policy& sampler, const std::function<std::array<double, 2>(const Sequence&)>& of) {
  Doubles gradient(kSize, 0.0);
  for (int a = 0; a < kV; ++a)
    for (int b = 0; b < kV; ++b) {
      Sequence s{{a, b}, {}, {}, {}, 0};
      for (int t = 0; t < 2; ++t) {
        const int first = t == 0 ? -1 : a, token = t == 0 ? a : b;
        const auto u = std::size_t(t);
        s.now[u] = static_cast<float>(logprob(policy.doubles(), first, token));
        s.old[u] = static_cast<float>(logprob(sampler.doubles(), first, token));
        s.ref[u] = static_cast<float>(logprob(reference.doubles(), first, token));
      }
      s.probability = std::exp(double(s.old[0]) + double(s.old[1]));
      const auto slope = of(s);
      for (int t = 0; t < 2; ++t) {
        const std::size_t row = row_of(t == 0 ? -1 : a);
        RowStats stats;
        std::array<float, kV> d;
        kernels().row_stats(policy.logits.data() + row, kV, 1, s.tokens[std::size_t(t)], &stats);
        kernels().row_backward(policy.logits.data() + row, kV, 1, &stats, s.tokens[std::size_t(t)],
                               {static_cast<float>(slope[std::size_t(t)]), 0, 0}, {}, {}, d.data());
        for (std::size_t v = 0; v < kV; ++v) gradient[row + v] += s.probability * double(d[v]);
      }
    }
  return gradient;
}

// With the KL of this kind in the loss, weight 1 and no advantage; or its derivatives times the ratio.
Doubles estimated(KlLossKind kind, const Policy& sampler, bool times_ratio = false) {
  return expected_gradient(sampler, [&](const Sequence& s) {
    PolicyLossOptions o;
    o.objective = Objective::kIs, o.kl_loss = 1, o.kl_loss_kind = kind;
    const std::array<float, 2> none = {0, 0};
    const PolicyLoss loss = policy_loss({s.now, s.old, s.ref, none}, o, 0);
    std::array<double, 2> slope;
    for (std::size_t t = 0; t < 2; ++t) slope[t] = double(loss.dlogprob[t]) * (times_ratio ? double(loss.ratio[t]) : 1);
    return slope;
  });
}

// The exact KL's gradient by the head's kernel, at the prefixes that `sampler` meets.
Doubles exact(const Policy& sampler) {
  Doubles gradient(kSize, 0.0);
  const Doubles d = prefixes(sampler.doubles());
  for (int first = -1; first < kV; ++first) {
    const float *p = policy.logits.data() + row_of(first), *q = reference.logits.data() + row_of(first);
    RowStats ours, its;
    kernels().row_stats(p, kV, 1, -1, &ours);
    kernels().row_stats(q, kV, 1, -1, &its);
    std::array<float, kV> row;
    kernels().row_backward(p, kV, 1, &ours, -1, {0, 0, 0, 1}, {}, {q, &its, kernels().row_kl(p, &ours, q, &its, kV, 1)},
                           row.data());
    for (std::size_t v = 0; v < kV; ++v) gradient[row_of(first) + v] += d[std::size_t(first + 1)] * double(row[v]);
  }
  return gradient;
}

// The gradients of definitions, by central differences.
Doubles at_fixed_prefixes(const Policy& sampler, bool other_way = false) {
  const Doubles d = prefixes(sampler.doubles()), ref = reference.doubles();
  return slopes(
      [&](const Doubles& x) {
        return over_prefixes(d, [&](int first) { return other_way ? kl(ref, x, first) : kl(x, ref, first); });
      },
      policy);
}
Doubles of_sequences() {  // KL(pi || ref) of whole sequences
  return slopes(
      [&](const Doubles& x) {
        return over_prefixes(prefixes(x), [&](int first) { return kl(x, reference.doubles(), first); });
      },
      policy);
}
Doubles of_prefixes() {  // how pi changes the prefixes, at fixed KLs
  return slopes(
      [&](const Doubles& x) {
        return over_prefixes(prefixes(x), [&](int first) { return kl(policy.doubles(), reference.doubles(), first); });
      },
      policy);
}

}  // namespace

TEST_CASE("exact has the gradient of the KL at fixed prefixes, without how the policy changes the prefixes") {
  CHECK(distance(exact(policy), at_fixed_prefixes(policy)) < kSame);
  CHECK(distance(exact(another), at_fixed_prefixes(another)) < kSame);
  Doubles both = exact(policy);
  const Doubles missing = of_prefixes();
  for (std::size_t i = 0; i < kSize; ++i) both[i] += missing[i];
  CHECK(distance(both, of_sequences()) < kSame);
  CHECK(distance(exact(policy), of_sequences()) > kOther);
}

TEST_CASE("k2 has exact's gradient in expectation at ratio 1; elsewhere it lacks the ratio") {
  CHECK(distance(estimated(KlLossKind::kK2, policy), exact(policy)) < kSame);
  CHECK(distance(estimated(KlLossKind::kK2, another), exact(another)) > kOther);
  CHECK(distance(estimated(KlLossKind::kK2, another, true), exact(another)) < kSame);
}

TEST_CASE("k3 has the other KL's gradient in expectation at ratio 1; elsewhere it lacks the ratio") {
  CHECK(distance(estimated(KlLossKind::kK3, policy), at_fixed_prefixes(policy, true)) < kSame);
  CHECK(distance(estimated(KlLossKind::kK3, policy), exact(policy)) > kOther);
  CHECK(distance(estimated(KlLossKind::kK3, another), at_fixed_prefixes(another, true)) > kOther);
  CHECK(distance(estimated(KlLossKind::kK3, another, true), at_fixed_prefixes(another, true)) < kSame);
}

TEST_CASE("the penalty in the reward has the whole gradient, of the prefixes, too") {
  const Doubles found = expected_gradient(policy, [](const Sequence& s) {
    std::array<float, 2> rewards;
    token_rewards(s.now, s.ref, 1, 0, rewards);
    const std::array<float, 2> to_go = {rewards[0] + rewards[1], rewards[1]};
    PolicyLossOptions o;
    o.objective = Objective::kReinforce;
    const PolicyLoss loss = policy_loss({s.now, s.old, s.ref, to_go}, o, 0);
    return std::array<double, 2>{double(loss.dlogprob[0]), double(loss.dlogprob[1])};
  });
  CHECK(distance(found, of_sequences()) < kSame);
}
