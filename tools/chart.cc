// A table of numbers as a picture.
#include "lib/run/chart_command.h"

using namespace nudge;

namespace {

Description about() {
  return {.name = "chart",
          .summary = "draw a table of numbers as SVG",
          .description =
              "Reads lines of SERIES, X, Y and perhaps the standard error of Y, with tabs between them, and writes a "
              "picture in the style of kl-report's pages: a line for each series, with a band of its errors, a legend, "
              "and each point's numbers where a mouse rests on it. It follows light and dark. A line without Y is a "
              "gap. Empty lines and those that begin with # are left out.\n\n"
              "The table comes from records and metrics by jq, or from a report's --json.",
          .examples = {{"Reward and KL over a run.",
                        "jq -r '[\"reward\", .iteration, .\"objective/scores\"], [\"KL\", .iteration, "
                        ".\"objective/kl\"] | @tsv' metrics.jsonl |\n"
                        "  chart --title 'A run' --x iteration > run.svg"},
                       {"Reward by length, a marker for each answer.",
                        "zstdcat scored.jsonl.zst | jq -r '[\"answer\", (.response | length), .reward] | @tsv' |\n"
                        "  chart --points answer --x characters --y reward > lengths.svg"}}};
}

}  // namespace

int main(int argc, char** argv) {
  Tool tool(about());
  ChartCommand command;
  command.add_to(tool);
  return tool.run(argc, argv, [&] { tool.note(command.run(tool)); });
}
