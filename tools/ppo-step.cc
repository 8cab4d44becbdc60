// One iteration of PPO: scored trajectories and the policy that sampled them in, the next policy out.
#include "lib/kernels/kernels.h"
#include "lib/run/ppo_step_command.h"

using namespace nudge;

namespace {

Description about() {
  return {.name = "ppo-step",
          .summary = "one iteration of PPO over scored trajectories",
          .description =
              "Reads trajectories with \"reward\" and \"ref_logprobs\" and the policy that sampled them, and writes "
              "the next policy's folder, with critic/ and trainer/ (optimizer, KL controllers, counters) in "
              "it. Recomputes the log-probs and finds the sampler's bits: the first ratio is exactly 1. The "
              "order of the records, --micro-batch-tokens and --threads change no byte of the output.\n\n"
              "After a stop signal (status 75) or a crash, the same command resumes from its last checkpoint.",
          .examples = {{"One iteration of PPO.",
                        "rollout -z --policy p0 -n 4 prompts.jsonl.zst | score -z --reward-model rm --ref base | "
                        "ppo-step --policy p0 --critic-init rm -o p1"}},
          .kernel_level = [] { return std::string(kernels().name); },
          .stops_saved = true};
}

}  // namespace

int main(int argc, char** argv) { return run_command<PpoStepCommand>(about(), argc, argv); }
