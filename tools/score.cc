// Adds rewards and reference log-probs to trajectories, both rewards to preference pairs.
#include "lib/kernels/kernels.h"
#include "lib/run/score_command.h"

using namespace nudge;

namespace {

Description about() {
  return {.name = "score",
          .summary = "add rewards and reference log-probs to records",
          .description =
              "Reads trajectories and writes them with \"reward\" (--reward-model) and \"ref_logprobs\" (--ref), or "
              "preference pairs with \"chosen_reward\" and \"rejected_reward\", ending with the accuracy "
              "and its standard error. All other fields pass through. An input that is a single shard gives the "
              "same shard.\n\n"
              "After a stop signal (status 75) or a crash, with -o the same command resumes after the records that "
              "were saved.",
          .examples = {{"One iteration of PPO.",
                        "rollout -z --policy p0 -n 4 prompts.jsonl.zst | score -z --reward-model rm --ref base | "
                        "ppo-step --policy p0 --critic-init rm -o p1"}},
          .kernel_level = [] { return std::string(kernels().name); },
          .stops_saved = true};
}

}  // namespace

int main(int argc, char** argv) { return run_command<ScoreCommand>(about(), argc, argv); }
