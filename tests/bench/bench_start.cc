// How long the programs take with next to nothing to do: a model of 2 layers and one record. Beside it `true`, which is
// what the system itself takes to start a process, in turn in the same run.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

using Words = std::vector<std::string>;

// Milliseconds until the process ended, its stdout in the file `out`; ends this program where it failed.
double milliseconds(const Words& words, const char* out = "/dev/null") {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  const auto begin = std::chrono::steady_clock::now();
  pid_t child = 0;
  int status = -1;
  const bool ended = ::posix_spawnp(&child, argv[0], &files, nullptr, argv.data(), environ) == 0 &&
                     ::waitpid(child, &status, 0) == child;
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - begin;
  posix_spawn_file_actions_destroy(&files);
  if (!ended || status != 0) {
    std::printf("bench_start: %s failed\n", argv[0]);
    std::exit(1);
  }
  return elapsed.count();
}

void write_inputs() {
  std::ofstream texts("texts.jsonl");
  for (int i = 0; i < 64; ++i) texts << "{\"text\":\"film " << i << " was good, and the cast of it was warm.\"}\n";
  std::ofstream("prompts.jsonl") << "{\"id\":\"a\",\"prompt\":\"the film was\"}\n";
}

void run(const std::string& bin) {
  write_inputs();
  milliseconds({bin + "sft-train", "-q", "--init", "new", "--layers", "2", "--width", "32", "--heads", "2", "--context",
                "64", "--vocab", "300", "--epochs", "0", "texts.jsonl", "-o", "base"});
  const Words sample = {bin + "rollout", "-q", "--policy", "base", "--max-tokens", "1", "prompts.jsonl"};
  milliseconds(sample, "sampled.jsonl");
  const std::vector<Words> rows = {{"true"},
                                   {bin + "rollout", "--help"},
                                   {bin + "rollout", "--version"},
                                   sample,
                                   {bin + "score", "-q", "--ref", "base", "sampled.jsonl"},
                                   {bin + "kl-report", "-q", "--new", "base", "sampled.jsonl"},
                                   {bin + "peek", "-q", "sampled.jsonl"}};
  std::vector<double> fastest(rows.size(), 1e9);
  constexpr int kRounds = 21;
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < rows.size(); ++i) fastest[i] = std::min(fastest[i], milliseconds(rows[i]));
  }
  std::printf("start with a model of 2 layers and one record\n");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string name = std::filesystem::path(rows[i][0]).filename();
    if (rows[i].size() == 2) name += " " + rows[i][1];
    std::printf("  %-24s %8.1f ms  %5.1f times true\n", name.c_str(), fastest[i], fastest[i] / fastest[0]);
  }
}

}  // namespace

int main() {
  const std::string bin = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bin/";
  std::string folder = std::filesystem::temp_directory_path() / "nudge-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr || ::chdir(folder.c_str()) != 0) {
    std::perror("bench_start: a temporary folder");
    return 1;
  }
  run(bin);
  std::filesystem::remove_all(folder);
}
