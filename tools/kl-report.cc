// How far policies are from each other and from the reference, from trajectories and the policies themselves.
#include "lib/kernels/kernels.h"
#include "lib/run/kl_report_command.h"

using namespace nudge;

namespace {

Description about() {
  return {.name = "kl-report",
          .summary = "report KL, ratios, entropy and clipping",
          .description =
              "Reads trajectories and reports what they record: reward, length, and KL(policy || ref) by the "
              "estimators k1, k2 and k3. With --old and --new both policies are evaluated on the recorded tokens: KL "
              "is exact over the vocabulary, and the ratio new/old is reported. With --new alone the recorded "
              "log-probs are the old policy's. For the exact KL to a reference, give it as --new. Numbers after +- "
              "are standard errors over responses. Several files are iterations, a row each, and with four or more "
              "the reward is fitted as a curve over the root of the KL. With --run several runs are compared, and "
              "errors of "
              "differences are over prompts. docs/kl-report.md lists the keys of --json.\n\n"
              "With -o the records are written with all that the report needs, instead of the "
              "report: a report of these records needs no policies and is the same to the last digit, "
              "also over concatenated shards.  After a stop signal (status 75) or a crash, the same command resumes "
              "after the records that were saved.",
          .examples = {{"How far the last iteration moved.", "kl-report --old p0 --new p1 scored.jsonl.zst"},
                       {"The same in two jobs.",
                        "kl-report --old p0 --new p1 --shard 0/2 -o part-0.jsonl.zst scored.jsonl.zst\n"
                        "kl-report --old p0 --new p1 --shard 1/2 -o part-1.jsonl.zst scored.jsonl.zst\n"
                        "cat part-0.jsonl.zst part-1.jsonl.zst | kl-report"},
                       {"Reward and KL over a run.",
                        "kl-report --html run.html --metrics metrics.jsonl iteration-*.jsonl.zst"},
                       {"Two runs.",
                        "kl-report --run 'slow=slow/scored-*.jsonl.zst' --run 'fast=fast/scored-*.jsonl.zst'"}},
          .kernel_level = [] { return std::string(kernels().name); },
          .stops_saved = true};
}

}  // namespace

int main(int argc, char** argv) { return run_command<KlReportCommand>(about(), argc, argv); }
