// What is in a file of records, whole or damaged.
#include "lib/run/peek_command.h"

using namespace nudge;

namespace {

Description about() {
  return {
      .name = "peek",
      .summary = "show what is in files of records, intact or damaged",
      .description =
          "Reports for each input whether it is plain or zstd, how many records and frames it holds, the marks that "
          "prove it complete with program and shard, and where it is damaged; then, over all inputs, the "
          "schemas, statistics of every field (numbers and lists of numbers: least, largest, mean, standard "
          "deviation; texts and lists: length), and samples.\n\n"
          "From damaged input it shows what is intact and exits with 65.\n\n"
          "--verify says nothing about an input that is complete and intact: every checksum and end mark holds, every "
          "shard of a work is present once, and no id appears twice. Otherwise it writes a line for each "
          "fault and exits with 65. Plain text has no marks that would prove it complete.\n\n"
          "On a terminal the tokens of a sample (response_ids) are coloured: by log-prob, the redder the less "
          "probable; by advantage, value or KL (logprobs - ref_logprobs), red below 0 and green above; by the ratio of "
          "two "
          "policies (new_logprobs to logprobs, or the field ratio), red below 1 and green above; by mask, red where it "
          "is 0.\n\n"
          "Files of several policies that answered the same prompts (records of one group) are compared prompt by "
          "prompt: the prompt, an answer of each, and of reward, KL, length and other numbers each policy's mean and "
          "its difference from the first one's, paired by prompt, with standard errors.\n\n"
          "--html writes the same as a page for a browser, one file that needs no network: all records, their "
          "tokens coloured, sorted and filtered by numbers and text.",
      .examples = {
          {"What a rollout wrote.", "peek trajectories.jsonl.zst"},
          {"Three random samples of a pipeline's records, tokens coloured by advantage.",
           "zstdcat scored.jsonl.zst | peek -n 3 --random --by advantages"},
          {"Two iterations' answers to the same prompts, in a browser.",
           "rollout --policy p0 -n 4 --max-tokens 8 prompts.jsonl -o by-p0.jsonl\n"
           "rollout --policy p1 -n 4 --max-tokens 8 prompts.jsonl -o by-p1.jsonl\n"
           "peek --html both.html --tokenizer p0 by-p0.jsonl by-p1.jsonl"},
          {"Are all shards present?", "peek --verify shard-*.jsonl.zst && cat shard-*.jsonl.zst > all.jsonl.zst"},
          {"The mean reward, for a script.", "peek --json scored.jsonl.zst | jq .fields.reward.values.mean"}}};
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool(about());
  PeekCommand command;
  command.add_to(tool);
  return tool.run(argc, argv, [&] { tool.note(command.run(tool)); });
}
