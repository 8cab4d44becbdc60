// The files of kl-report: of one run, or of several that --run names.
#pragma once

#include <string>
#include <vector>

namespace nudge {

struct RunInputs {
  std::string name;  // "" where there is one run
  std::vector<std::string> files;
  std::string metrics;               // "": none
  std::vector<std::string> samples;  // files whose answers are shown
};

// One run: its files ("-": stdin), at most one of --metrics, and --samples.
RunInputs one_run(std::vector<std::string> files, const std::vector<std::string>& metrics,
                  const std::vector<std::string>& samples);

// Several: of `words`, the values of --run, NAME=FILE begins a run (NAME without /), and the words after it are further
// files of it. `metrics` and `samples` are NAME=FILE. Patterns (*, ?, [...]) that are not files stand for the files that
// they match, shorter names first, so that step-2 comes before step-10. Errors: kUsage for a word without a run, a name
// twice, metrics or samples of no run, two metrics of one; kNoInput for a pattern without a match.
std::vector<RunInputs> named_runs(const std::vector<std::string>& words, const std::vector<std::string>& metrics,
                                  const std::vector<std::string>& samples);

}  // namespace nudge
