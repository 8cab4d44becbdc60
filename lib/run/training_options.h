// What training on examples is asked for, of the programs that take epochs of them.
#pragma once

#include <cstdint>
#include <string>

#include "lib/cli/tool.h"
#include "lib/model/folder.h"
#include "lib/rl/optimizer.h"
#include "lib/rl/schedule.h"

namespace nudge {

struct TrainingOptions {
  double epochs = 1;                 // passes over the examples; 0 trains nothing
  std::int64_t batch = 32;           // examples a step
  std::int64_t micro_tokens = 4096;  // through the model at a time; changes no bit
  bool recompute = false;            // blocks again in the backward; changes no bit
  std::int64_t groups = 1;           // of a step's gradient: GradientParts
  Schedule schedule;                 // its `steps` follow from the examples
  AdamOptions adam;
  std::uint64_t seed = 0;
  bool skip_long = false;  // leave out what does not fit the context, instead of failing

  const Option* rate = nullptr;  // --lr
  // The rate that suits what is trained, where none was given.
  void settle_rate(const Model& model);

  // Registers all of them under "Training"; `examples` names the examples in the help: "sequences", "rankings".
  void add_to(Tool& tool, const std::string& examples);
};

}  // namespace nudge
