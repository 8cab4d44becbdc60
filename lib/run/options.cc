#include "lib/run/options.h"

#include <bit>
#include <memory>
#include <optional>

#include "lib/base/comm.h"
#include "lib/base/error.h"

namespace nudge {

void add_options(Tool& tool, AdamOptions& adam) {
  tool.option("--beta1", adam.beta1, "AdamW: decay of the mean gradient").at_least(0).at_most(kMostBeta);
  tool.option("--beta2", adam.beta2, "AdamW: decay of the mean square").at_least(0).at_most(kMostBeta);
  tool.option("--eps", adam.eps, "AdamW: added to the root of the mean square").at_least(kLeastEps);
  tool.option("--weight-decay", adam.weight_decay, "AdamW: decay of the weights, times the learning rate").at_least(0);
}

const Option& add_options(Tool& tool, Schedule& s) {
  const Option& rate = tool.option("--lr", s.peak, "peak learning rate").at_least(0).at_most(1e3);
  tool.choice("--schedule", s.decay,
              {{"constant", Decay::kConstant}, {"linear", Decay::kLinear}, {"cosine", Decay::kCosine}},
              "how the learning rate decays after the warm-up");
  tool.option("--warmup", s.warmup, "steps over which the learning rate rises").at_most(1e9);
  const Option& least =
      tool.option("--min-lr", s.min_fraction, "final learning rate, as a fraction of --lr").at_least(0).at_most(1);
  tool.after_parsing([&] {
    const bool falls = s.decay != Decay::kConstant;
    refuse_unread({&least}, !falls && s.min_fraction > 0, "--schedule constant doesn't decay");
  });
  return rate;
}

void add_options(Tool& tool, GenerateOptions& g) {
  tool.option("--temperature", g.sampling.temperature, "divides the logits; 0 takes the most probable token")
      .at_least(0)
      .at_most(100);
  tool.option("--top-k", g.sampling.top_k, "sample from the k most probable tokens; 0: from all").at_least(0);
  tool.option("--top-p", g.sampling.top_p, "sample from the most probable tokens whose probabilities add up to this")
      .above(0)
      .at_most(1);
  tool.option("--max-tokens", g.max_tokens, "longest response").at_least(1).at_most(1 << 20);
  tool.option("--stop", g.stop, "text that ends a response and stays in it").placeholder("TEXT");
  tool.after_parsing([&g] {
    if (const float t = g.sampling.temperature; t > 0 && t < kLeastTemperature)
      usage_error("--temperature: " + number_text(t) + " is below " + number_text(kLeastTemperature) + " and not 0",
                  "logits divided by it may overflow; 0 takes the most probable token");
    for (const std::string& text : g.stop)
      if (text.empty()) usage_error("--stop: the text is empty", "every response would end with its first token");
  });
}

void model_output_option(Tool& tool, std::string& folder) {
  tool.option("-o,--output", folder, "model folder to write; appears when complete")
      .required()
      .placeholder("FOLDER")
      .neutral();
}

void too_long_option(Tool& tool, bool& skip, const std::string& what) {
  tool.choice("--too-long", skip, {{"fail", false}, {"skip", true}}, "what to do about " + what);
}

void micro_batch_option(Tool& tool, std::int64_t& tokens, const std::string& what) {
  tool.option("--micro-batch-tokens", tokens, what + "; changes no bit")
      .at_least(1)
      .neutral()
      .formerly("--micro-batch");
}

void recompute_option(Tool& tool, bool& recompute) {
  tool.option(
          "--recompute", recompute,
          "keep only each block's input and recompute the block in the backward pass: less memory for up to a third "
          "more time; changes no bit")
      .neutral();
}

void groups_option(Tool& tool, std::int64_t& groups) {
  tool.option(
          "--groups", groups,
          "parts of a step's examples, a power of two; each has its own gradient, and a fixed tree adds them; at least "
          "--ranks; other numbers round differently")
      .at_least(1)
      .at_most(1024);
}

namespace {
bool power_of_two(std::int64_t n) { return std::has_single_bit(static_cast<std::uint64_t>(n)); }
}  // namespace

void ranks_option(Tool& tool, const std::int64_t& groups) {
  auto ranks = std::make_shared<std::optional<std::int64_t>>();
  tool.option("--ranks", *ranks,
              "processes that mpirun or srun started to share the work of this run; a power of two that divides "
              "--groups; changes no bit")
      .at_least(1)
      .at_most(1024)
      .neutral();
  tool.first_after_parsing([ranks, &groups] {
    if (!power_of_two(groups))
      usage_error("--groups " + std::to_string(groups) + " is not a power of two",
                  "gradient parts are summed by a binary tree");
    if (!*ranks) return;
    const std::string n = std::to_string(**ranks);
    if (!power_of_two(**ranks))
      usage_error("--ranks " + n + " is not a power of two", "ranks are summed by a binary tree");
    if (**ranks > groups)
      usage_error("--ranks " + n + " doesn't divide --groups " + std::to_string(groups),
                  "a rank takes whole gradient parts: give --groups " + n + " or more, which rounds differently");
    join_world(static_cast<int>(**ranks));
  });
}

}  // namespace nudge
