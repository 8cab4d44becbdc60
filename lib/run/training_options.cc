#include "lib/run/training_options.h"

#include "lib/cli/common_options.h"
#include "lib/run/adapter_options.h"
#include "lib/run/options.h"

namespace nudge {

void TrainingOptions::add_to(Tool& tool, const std::string& examples) {
  tool.group("Training");
  tool.option("--epochs", epochs, "passes over the input; 0 trains nothing").at_least(0).at_most(1e6);
  tool.option("--batch", batch, examples + " per step").at_least(1).at_most(1e9);
  rate = &add_options(tool, schedule);
  add_options(tool, adam);
  tool.option("--max-norm", adam.max_norm, "norm to which gradients are clipped; 0: not clipped").at_least(0);
  too_long_option(tool, skip_long, examples + " longer than the model's context");
  micro_batch_option(tool, micro_tokens);
  recompute_option(tool, recompute);
  groups_option(tool, groups);
  seed_option(tool, seed);
}

void TrainingOptions::settle_rate(const Model& model) {
  if (model.transformer.adapter() != nullptr && !rate->given()) schedule.peak *= AdapterOptions::kRateFactor;
}

}  // namespace nudge
