// Preference pairs from several answers to each prompt, by a number in the records or by people.
#include "lib/run/label_command.h"

using namespace nudge;

namespace {

Description about() {
  return {.name = "label",
          .summary = "make preference pairs from several answers to each prompt",
          .description =
              "Reads trajectories, several to a prompt (records with the same group), and writes preference/1 "
              "records: id, prompt, chosen, rejected, labeler, margin, and the token ids where the trajectories "
              "have them. A pair's id is GROUP/A-B for the answers GROUP/A and GROUP/B, whichever is chosen. "
              "The answers of a group may stand anywhere in the input, so all of it is held in memory.\n\n"
              "With --by the answer with the larger number is chosen; equal numbers, equal texts and groups of "
              "one answer give no pair. Where the field's name ends in reward, chosen_reward and "
              "rejected_reward are written too. --shard i/n takes the groups k = i modulo n, in the order of their "
              "first answers in the input.\n\n"
              "Without --by it asks at the terminal: l or r takes the left or the right answer, t says that they "
              "are equally good, s skips the pair, u undoes the last decision, q quits, ? tells the keys; space "
              "and b page through answers longer than the screen. Every decision is "
              "saved at once, in the output file or, ties and skips, in FILE.notes beside it; the same command "
              "resumes where it stopped, and exits with 75 until all pairs are decided. Preference pairs are asked "
              "about in the same way, without telling what was chosen.\n\n"
              "With --html it writes the same questions as a page for a browser, which keeps a judge's decisions "
              "and saves them as a file. --merge reads such files and those of the terminal, of one judge or "
              "several, and writes the pairs of which one answer has more votes than the other and than ties; it "
              "tells Cohen's kappa of two judges, Fleiss' of more. Trajectories among its inputs are checked to "
              "have these pairs, and give their token ids.\n\n"
              "With --against FILE pairs are made of one answer of the inputs and one of FILE, another policy's, to "
              "the same prompt (of the same group), drawn with the seed, or of all with --pairs all. Whoever "
              "judges doesn't see which is which. The win rate of the inputs, ties counting half, is told with its "
              "standard error by prompts.",
          .examples = {{"Four answers to a prompt, the best against the worst by their reward.",
                        "rollout -z --policy p0 -n 4 prompts.jsonl | score -z --reward-model rm |\n"
                        "  label --by reward -o pairs.jsonl.zst"},
                       {"A human decides.", "label -o pairs.jsonl trajectories.jsonl.zst"},
                       {"People judge in a browser.", "label --html judge.html trajectories.jsonl.zst"}},
          .stops_saved = true};
}

}  // namespace

int main(int argc, char** argv) { return run_command<LabelCommand>(about(), argc, argv); }
