// The gradients of KL(new || ref)'s estimates against float64 results of an independent implementation. Training
// descends only k3 (test_ppo_oracle.cc); the derivatives of the others by the logits are written here, and the test
// covers their backward pass through head and backbone.
#include "lib/model/head.h"
#include "lib/rl/responses.h"
#include "tests/model/golden.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct KlBatch {
  KlBatch(const std::string& goldens, const std::string& family)
      : golden(goldens, family), policy(load_model(golden.folder + "/policy", HeadKind::kLanguage).transformer),
        reference(load_model(golden.folder + "/ref", HeadKind::kLanguage).transformer),
        gradients(policy.config(), policy.layout()), dfinal(0) {
    policy.pack();
    reference.pack();
    for (auto s : golden.json["ppo_samples"]) {
      const auto prompt = ids(s["prompt_ids"]), response = ids(s["response_ids"]);
      lay_out({prompt, response}, batch, targets);
      for (float x : numbers(s["ref_logprobs"])) ref_logprobs.push_back(x);
    }
    dfinal.reserve(batch.size() * policy.config().width);
    dfinal.zero();
    gradients.zero();
    policy.forward(batch, trace);
  }

  void check(const char* term) {
    policy.backward(batch, trace, dfinal.data(), gradients);
    gradients.finish();
    check_gradient_norms(golden, policy.layout(), gradients.values(), golden.json["ppo"]["grad"][term]);
  }

  Golden golden;
  Transformer policy, reference;
  Gradients gradients;
  Batch batch;
  Targets targets;
  std::vector<float> ref_logprobs;
  Trace trace{true};
  Buffer<float> dfinal;
};

// Descends the mean of k(lr) over the tokens, lr = log new - log ref, given its derivative by lr.
void check_sampled(const std::string& goldens, const std::string& family, const char* term, double (*slope)(double)) {
  KlBatch k(goldens, family);
  const double n = static_cast<double>(k.targets.size());
  const auto loss = [&](std::int64_t begin, std::int64_t end, const RowStats* stats, const float*, RowGradient* g) {
    for (std::int64_t i = begin; i < end; ++i) {
      const double lr = double(stats[i - begin].logprob) - double(k.ref_logprobs[static_cast<std::size_t>(i)]);
      g[i - begin] = {static_cast<float>(slope(lr) / n), 0, 0};
    }
  };
  LanguageHead().train({k.policy, k.trace.final.data(), k.targets}, k.batch, loss, k.dfinal.data(), k.gradients);
  k.check(term);
}

std::vector<double> log_softmax(const float* logits, std::int64_t V) {
  std::vector<double> out(logits, logits + V);
  const double top = *std::max_element(out.begin(), out.end());
  double sum = 0;
  for (double x : out) sum += std::exp(x - top);
  for (double& x : out) x -= top + std::log(sum);
  return out;
}

}  // namespace

TEST_CASE("the gradient of k1 against the reference is the oracle's") {
  for_each_family(
      [&](const std::string& g, const std::string& f) { check_sampled(g, f, "kl_k1", [](double) { return 1.0; }); });
}

TEST_CASE("the gradient of k2 against the reference is the oracle's") {
  for_each_family(
      [&](const std::string& g, const std::string& f) { check_sampled(g, f, "kl_k2", [](double lr) { return lr; }); });
}

TEST_CASE("the exact KL to the reference and its gradient are the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    KlBatch k(goldens, family);
    const std::int64_t n = k.targets.size(), C = k.policy.config().width, V = k.policy.config().vocab;
    Trace reference_trace;
    k.reference.forward(k.batch, reference_trace);
    Buffer<float> states(n * C), logits(n * V), reference_logits(n * V);
    gather_rows(reference_trace.final.data(), k.targets.rows.data(), n, C, states.data());
    k.reference.logits(states.data(), n, reference_logits.data());
    gather_rows(k.trace.final.data(), k.targets.rows.data(), n, C, states.data());
    k.policy.logits(states.data(), n, logits.data());

    const double cap = k.policy.config().logit_cap;
    double mean = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto p = log_softmax(logits.data() + i * V, V), q = log_softmax(reference_logits.data() + i * V, V);
      double kl = 0;
      for (std::size_t v = 0; v < p.size(); ++v) kl += std::exp(p[v]) * (p[v] - q[v]);
      mean += kl / static_cast<double>(n);
      for (std::size_t v = 0; v < p.size();
           ++v) {  // d KL / d z_v = p_v (log p_v - log q_v - KL), z = cap tanh(x / cap)
        float& z = logits.data()[i * V + static_cast<std::int64_t>(v)];
        const double t = cap > 0 ? static_cast<double>(z) / cap : 0;
        z = static_cast<float>((1 - t * t) * std::exp(p[v]) * (p[v] - q[v] - kl) / static_cast<double>(n));
      }
    }
    CHECK(std::abs(mean - double(k.golden.json["ppo"]["kl_new_ref"]["exact"])) <=
          k.golden.tolerance("loss_curve_max_abs"));
    Buffer<float> dstates(n * C);
    ProductScratch scratch;
    k.policy.logits_backward(logits.data(), states.data(), std::array{std::int64_t(0), n}, dstates.data(), k.gradients,
                             scratch);
    scatter_rows(dstates.data(), k.targets.rows.data(), n, C, k.dfinal.data());
    k.check("kl_exact");
  });
}
