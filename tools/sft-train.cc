// Supervised fine-tuning of a language model, or the training of a new one; without an epoch, a model written anew.
#include "lib/kernels/kernels.h"
#include "lib/run/sft_train_command.h"

using namespace nudge;

namespace {

Description about() {
  return {.name = "sft-train",
          .summary = "fine-tune a language model on text, or train a new one",
          .description =
              "Reads {\"text\"}, {\"prompt\",\"completion\"} or {\"messages\"} records and writes "
              "a model folder that has learnt to predict their tokens, after a prompt only those of the "
              "completion. With --init new it makes the model and learns a tokenizer from the texts "
              "first. With --epochs 0 a model of --init needs no records: its folder is written again.\n\n"
              "After a stop signal (status 75) or a crash, the same command resumes from its last checkpoint.",
          .examples = {{"A new model from text, then one that answers.",
                        "sft-train --init new --lr 1e-3 --epochs 3 text.jsonl -o base && "
                        "sft-train --init base answers.jsonl -o p0"},
                       {"The same model in BF16, in files of 2 GB.",
                        "sft-train --init p0 --epochs 0 --store bf16 --shard-size 2000 -o p0-bf16"}},
          .kernel_level = [] { return std::string(kernels().name); },
          .stops_saved = true};
}

}  // namespace

int main(int argc, char** argv) { return run_command<SftTrainCommand>(about(), argc, argv); }
