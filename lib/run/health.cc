#include "lib/run/health.h"

#include <algorithm>
#include <cstdio>

#include "lib/report/estimate.h"

namespace nudge {
namespace {

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g%%", 100 * share);
  return text;
}

std::string exact(float x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(x));
  return text;
}

// Whether two iterations' entropies differ by more than the factor; one that is 0 by any.
bool far(double entropy, double last, double factor) {
  return factor > 0 && (entropy * factor < last || last * factor < entropy);
}

}  // namespace

std::vector<std::string> warnings_of(const SampleHealth& h, const HealthBounds& bounds) {
  std::vector<std::string> all;
  if (h.trajectories > 0 && h.cut == h.trajectories)
    all.push_back(
        "all answers were cut off by the length limit: raise rollout's --max-tokens, or see whether the policy "
        "still ends its answers");
  if (h.groups > 0 && static_cast<double>(h.equal_groups) > bounds.equal * static_cast<double>(h.groups))
    all.push_back("all answers to a prompt have the same reward in " + std::to_string(h.equal_groups) + " of " +
                  std::to_string(h.groups) + " groups, which teach no preference among them (--warn-equal " +
                  figure_text(bounds.equal) + ")");
  if (h.no_advantage) all.push_back("all advantages are 0: the policy has nothing to learn from these rewards");
  if (h.first_ratio_min != 1 || h.first_ratio_max != 1)
    all.push_back("the first ratio is not 1 but " + exact(h.first_ratio_min) + " to " + exact(h.first_ratio_max) +
                  ": the samples are not this policy's");
  if (h.entropy && h.last_entropy && far(*h.entropy, *h.last_entropy, bounds.entropy))
    all.push_back("the samples' entropy is " + figure_text(*h.entropy, 3) + " nats a token, the last iteration's was " +
                  figure_text(*h.last_entropy, 3) + " (--warn-entropy " + figure_text(bounds.entropy) +
                  "): the last step changed the policy much, or these are other prompts or another temperature");
  if (h.coldest != h.hottest)
    all.push_back("the records were sampled at different temperatures, " + exact(h.coldest) + " to " +
                  exact(h.hottest) + ": their log-probs are of different policies");
  if (h.end_is_pad)
    all.push_back(
        "the policy's folder names one token as end and as padding: software that masks padding never learns "
        "where an answer ends; give it a pad_token_id of its own");
  return all;
}

std::vector<std::string> warnings_of(const StepHealth& h, const HealthBounds& bounds) {
  std::vector<std::string> all;
  if (const double kl = std::max(h.kl, h.approxkl); bounds.kl > 0 && kl > bounds.kl)
    all.push_back((kl > h.kl ? "the updates' approxkl is " : "the step's KL is ") + figure_text(kl, 2) +
                  " nats a token (--warn-kl " + figure_text(bounds.kl) +
                  "): the policy is far from the one that sampled; lower --lr, or set --target-kl");
  if (h.clipfrac > bounds.clip)
    all.push_back("the ratio was clipped at " + percent(h.clipfrac) + " of the tokens (--warn-clip " +
                  figure_text(bounds.clip) + "), which then teach nothing; lower --lr, or make fewer updates");
  return all;
}

}  // namespace nudge
