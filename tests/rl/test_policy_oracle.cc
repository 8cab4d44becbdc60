// The policy's losses and their derivatives against other trainers' own functions in double precision:
// policy_losses.json, which policy_losses.py writes.
#include <simdjson.h>

#include <cmath>
#include <string>

#include "lib/rl/ppo.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

using Json = simdjson::dom::element;

struct Oracle {
  simdjson::dom::parser parser;
  Json json = parser.load("tests/rl/policy_losses.json");

  std::vector<float> reals(const char* key) const {
    std::vector<float> out;
    for (double x : json[key].get_array()) out.push_back(static_cast<float>(x));
    return out;
  }
  std::vector<std::size_t> offsets() const {
    std::vector<std::size_t> out{0};
    for (std::int64_t n : json["lengths"].get_array()) out.push_back(out.back() + static_cast<std::size_t>(n));
    return out;
  }
};

std::string word(Json c, const char* key, const char* otherwise) {
  std::string_view found;
  return c[key].get(found) == simdjson::SUCCESS ? std::string(found) : otherwise;
}
double number(Json c, const char* key, double otherwise) {
  double found;
  return c[key].get(found) == simdjson::SUCCESS ? found : otherwise;
}

PpoOptions options_of(Json c) {
  PpoOptions o;
  o.objective = word(c, "objective", "clip") == "cispo" ? Objective::kCispo : Objective::kClip;
  o.clip_low = number(c, "clip", 0), o.clip_high = number(c, "clip_high", 0);
  o.dual_clip = number(c, "dual_clip", 0);
  o.sequence_ratio = word(c, "ratio", "token") == "sequence";
  const std::string mean = word(c, "mean", "tokens"), correct = word(c, "correct", "none");
  o.loss_mean = mean == "tokens" ? LossMean::kTokens : mean == "constant" ? LossMean::kConstant : LossMean::kSequences;
  o.loss_constant = static_cast<std::int64_t>(number(c, "constant", 0));
  o.correct.correction = correct == "none"   ? Correction::kNone
                         : correct == "mask" ? Correction::kMask
                                             : Correction::kTruncate;
  o.correct.by_sequence = word(c, "level", "token") == "sequence";
  o.correct.low = number(c, "low", 0), o.correct.high = number(c, "high", 0);
  o.kl_loss = number(c, "kl_loss", 0);
  o.kl_loss_kind = word(c, "kl_loss_kind", "k3") == "k2" ? KlLossKind::kK2 : KlLossKind::kK3;
  return o;
}

std::vector<double> log_ratios(const Oracle& oracle) {
  const auto now = oracle.reals("old_logprobs"), recorded = oracle.reals("recorded_logprobs");
  std::vector<double> out;
  for (std::size_t i = 0; i < now.size(); ++i) out.push_back(double(now[i]) - double(recorded[i]));
  return out;
}

}  // namespace

TEST_CASE("losses and derivatives are those of OpenRLHF, veRL and TRL") {
  const Oracle oracle;
  const auto now = oracle.reals("logprobs"), old = oracle.reals("old_logprobs"), ref = oracle.reals("ref_logprobs");
  const auto offsets = oracle.offsets();
  int cases = 0;
  for (Json c : oracle.json["cases"].get_array()) {
    const PpoOptions o = options_of(c);
    const std::string name = word(c, "name", "");
    INFO(name);
    const auto advantages = oracle.reals(word(c, "advantages", "") == "sequence" ? "by_sequence" : "by_token");
    std::vector<float> weights;
    if (o.correct.correction != Correction::kNone)
      weights = importance_weights(log_ratios(oracle), offsets, o.correct).weights;
    const PolicyLoss found = policy_loss({now, old, ref, advantages, weights, offsets}, o, 0);
    const bool tokens = o.loss_mean == LossMean::kTokens;
    const double divisor = static_cast<double>(tokens ? now.size() : offsets.size() - 1);
    double loss = 0;
    auto slope = c["slopes"].get_array().begin();
    for (std::size_t q = 0; q + 1 < offsets.size(); ++q)
      for (std::size_t i = offsets[q]; i < offsets[q + 1]; ++i, ++slope) {
        const double share = share_of_token(o, offsets[q + 1] - offsets[q]) / divisor;
        loss += share * (double(found.loss[i]) + (found.kl_ref.empty() ? 0 : o.kl_loss * found.kl_ref[i]));
        INFO("token ", i);
        CHECK(std::abs(share * double(found.dlogprob[i]) - double(*slope)) <= 1e-6);
      }
    CHECK(std::abs(loss - double(c["loss"])) <= 1e-6);
    ++cases;
  }
  CHECK(cases == 21);
}

TEST_CASE("the importance weights' figures are the definitions'") {
  const Oracle oracle;
  CorrectionOptions o;
  o.correction = Correction::kTruncate;
  const auto expected = [&](const char* key) { return doctest::Approx(double(oracle.json["importance"][key])); };
  const auto tokens = importance_weights(log_ratios(oracle), oracle.offsets(), o);
  CHECK(*tokens.figures.effective_tokens == expected("ess_tokens"));
  CHECK(*tokens.figures.effective_sequences == expected("ess_sequences"));
  CHECK(tokens.figures.largest == expected("largest_token"));
  o.by_sequence = true;
  CHECK(importance_weights(log_ratios(oracle), oracle.offsets(), o).figures.largest == expected("largest_sequence"));
}
