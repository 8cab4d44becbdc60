// Several runs side by side, and how they differ from the first.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/report/kl_report.h"

namespace nudge {

// One figure of all runs. [0] is the first run, whose differences are absent. Errors count prompts, and a prompt that
// two runs answered is paired (docs/mathematics.md, 18), so they may be smaller than those of the runs say.
struct RunFigure {
  std::string key;                   // "reward", "gold", "kl", "length", "entropy", "cut"
  std::string name, unit;            // "KL(policy ‖ ref), k3", "nats per response"; unit may be ""
  std::vector<Estimate> last, mean;  // [run]: of its last file; the mean over its files
  std::vector<Estimate> last_difference, mean_difference;  // [run]: run less the first
};

struct RunDifferences {
  std::vector<RunFigure> figures;            // those that some run has
  std::vector<std::int64_t> shared_prompts;  // [run]: of the last files: prompts that the first run answered as well
};

// `runs`: the files of each run. Needs FileReport::answers.
RunDifferences run_differences(std::span<const std::span<const FileReport>> runs);

}  // namespace nudge
