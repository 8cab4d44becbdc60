// Trains a reward model on preferences.
#include "lib/kernels/kernels.h"
#include "lib/run/rm_train_command.h"

using namespace nudge;

namespace {

Description about() {
  return {.name = "rm-train",
          .summary = "train a reward model on preferences",
          .description =
              "Reads {\"prompt\",\"chosen\",\"rejected\"} pairs or {\"prompt\",\"responses\"} rankings, "
              "best first, texts or lists of messages, and writes a reward model: a model folder whose "
              "head gives one number for an answer (Bradley and Terry's model). A language model gets a "
              "fresh head.\n\n"
              "After a stop signal (status 75) or a crash, the same command resumes from its last checkpoint.",
          .examples = {{"Train on most pairs, measure on the rest.",
                        "rm-train --init base --held-out test.jsonl.zst train.jsonl.zst -o rm"}},
          .kernel_level = [] { return std::string(kernels().name); },
          .stops_saved = true};
}

}  // namespace

int main(int argc, char** argv) { return run_command<RmTrainCommand>(about(), argc, argv); }
