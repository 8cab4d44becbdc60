#include "lib/run/report_inputs.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "lib/base/error.h"
#include "lib/rl/minibatch.h"

namespace nudge {
namespace {

// NAME=FILE; nothing where there is no name.
std::optional<std::pair<std::string, std::string>> named_file(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0 || word.find('/') < equals) return std::nullopt;
  return std::pair(word.substr(0, equals), word.substr(equals + 1));
}

// A shell expands no pattern that stands behind NAME=.
std::vector<std::string> expanded(const std::string& word) {
  std::error_code error;
  if (word.find_first_of("*?[") == std::string::npos || std::filesystem::exists(word, error)) return {word};
  glob_t found{};
  const int status = ::glob(word.c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<std::string> files(found.gl_pathv, found.gl_pathv + (status == 0 ? found.gl_pathc : 0));
  ::globfree(&found);
  if (files.empty()) throw Error(Exit::kNoInput, word + ": no file matches this pattern");
  std::sort(files.begin(), files.end(), id_less);
  return files;
}

// The run that an option's NAME=FILE belongs to, and its file.
std::pair<RunInputs*, std::string> run_of(const std::string& option, const std::string& word,
                                          std::vector<RunInputs>& runs) {
  const auto named = named_file(word);
  if (!named) usage_error(option + " " + word + ": which run is it of?", "with --run give " + option + " NAME=FILE");
  const auto run = std::ranges::find(runs, named->first, &RunInputs::name);
  if (run == runs.end())
    usage_error(option + " " + word + ": there is no run " + named->first,
                "give it with --run " + named->first + "=FILES");
  if (named->second.empty()) usage_error(option + " " + word + ": the file is missing", "give NAME=FILE");
  return {&*run, named->second};
}

void set_metrics(RunInputs& run, const std::string& file, const std::string& given) {
  if (!run.metrics.empty())
    usage_error("--metrics " + given + ": " + run.metrics + " are this run's metrics",
                "join the two files of one run: cat " + run.metrics + " " + file);
  run.metrics = file;
}

}  // namespace

RunInputs one_run(std::vector<std::string> files, const std::vector<std::string>& metrics,
                  const std::vector<std::string>& samples) {
  RunInputs run{.name = "", .files = std::move(files), .metrics = "", .samples = samples};
  if (run.files.empty()) run.files = {"-"};
  for (const std::string& file : metrics) set_metrics(run, file, file);
  return run;
}

std::vector<RunInputs> named_runs(const std::vector<std::string>& words, const std::vector<std::string>& metrics,
                                  const std::vector<std::string>& samples) {
  std::vector<RunInputs> runs;
  for (const std::string& word : words) {
    const auto named = named_file(word);
    if (named) {
      if (std::ranges::find(runs, named->first, &RunInputs::name) != runs.end())
        usage_error("--run " + word + ": the name " + named->first + " was given before",
                    "give each run a name of its own, and all its files behind it: --run NAME=FILE FILE");
      runs.push_back({.name = named->first, .files = {}, .metrics = "", .samples = {}});
    }
    if (runs.empty()) usage_error("--run " + word + ": the run has no name", "give --run NAME=FILES");
    const std::string file = named ? named->second : word;
    if (file.empty()) usage_error("--run " + word + ": the file is missing", "give --run NAME=FILES");
    for (const std::string& f : expanded(file)) runs.back().files.push_back(f);
  }
  for (const std::string& word : metrics) {
    const auto [run, file] = run_of("--metrics", word, runs);
    set_metrics(*run, file, word);
  }
  for (const std::string& word : samples) {
    const auto [run, file] = run_of("--samples", word, runs);
    for (const std::string& f : expanded(file)) run->samples.push_back(f);
  }
  return runs;
}

}  // namespace nudge
