// Options of several programs, and of structs of lower layers, which know of no options.
#pragma once

#include <cstdint>
#include <string>

#include "lib/cli/tool.h"
#include "lib/model/generate.h"
#include "lib/rl/optimizer.h"
#include "lib/rl/schedule.h"

namespace nudge {

void add_options(Tool& tool, AdamOptions& adam);  // --beta1, --beta2, --eps and --weight-decay
const Option& add_options(Tool& tool,
                          Schedule& schedule);            // --lr, which is returned, --schedule, --warmup and --min-lr
void add_options(Tool& tool, GenerateOptions& generate);  // --temperature, --top-k, --top-p, --max-tokens and --stop

// --too-long; `what` names the records in the help.
void too_long_option(Tool& tool, bool& skip, const std::string& what);

// --micro-batch-tokens, formerly --micro-batch; `what`: its help, to which "; changes no bit" is added.
void micro_batch_option(Tool& tool, std::int64_t& tokens, const std::string& what = "tokens per micro-batch");

// --recompute, of all programs that train.
void recompute_option(Tool& tool, bool& recompute);

// -o of the programs that write a model folder for each run.
void model_output_option(Tool& tool, std::string& folder);

// --groups, of all programs that train: a power of two.
void groups_option(Tool& tool, std::int64_t& groups);
// --ranks: the process joins a world of that size (lib/base/comm.h) before anything else happens after parsing. The
// number must divide `groups`.
void ranks_option(Tool& tool, const std::int64_t& groups);

}  // namespace nudge
