// Runs a program's main in a child process and keeps what it wrote.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lib/cli/tool.h"

namespace nudge::test {

struct Outcome {
  int status = -1;  // of exit, or 128 + signal
  std::string out, err;
};

// stdout and stderr of the child go to files of their own (stdout to `stdout_path` where given). With
// `terminal` stderr is a pseudo terminal and `err` what it showed.
Outcome in_child(const std::function<int()>& main, const std::string& stdout_path = {}, bool terminal = false);

// tool.run with the words given as the command line.
int run_words(
    Tool& tool, std::vector<std::string> words, const std::function<void()>& body = [] {});

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
int lines_of(const std::string& text);

}  // namespace nudge::test
