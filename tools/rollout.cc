// Samples answers to prompts: trajectories with their tokens and log-probs.
#include "lib/kernels/kernels.h"
#include "lib/run/rollout_command.h"

using namespace nudge;

namespace {

Description about() {
  return {.name = "rollout",
          .summary = "sample answers to prompts",
          .description =
              "Reads prompts ({\"prompt\"}, a text or a list of messages, optionally with \"id\") and writes a "
              "trajectory for each sample: prompt and response as text and tokens, and the log-prob of each "
              "response token over the whole vocabulary at the sampling temperature. A sample is a function of the "
              "policy, the prompt, the seed and its id alone: batch, threads and shard change nothing.\n\n"
              "--continue reads trajectories. Where another program has added \"continuation\", a tool's answer, "
              "it goes on behind this text as if in one go; the other records pass through.\n\n"
              "After a stop signal (status 75) or a crash, with -o the same command resumes after the records that "
              "were saved.",
          .examples = {{"One iteration of PPO.",
                        "rollout -z --policy p0 -n 4 prompts.jsonl.zst | score -z --reward-model rm --ref base | "
                        "ppo-step --policy p0 --critic-init rm -o p1"}},
          .kernel_level = [] { return std::string(kernels().name); },
          .stops_saved = true};
}

}  // namespace

int main(int argc, char** argv) { return run_command<RolloutCommand>(about(), argc, argv); }
