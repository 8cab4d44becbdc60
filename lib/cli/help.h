// Help and man page, written from a program's description and its table of options.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "lib/cli/option.h"

namespace nudge {

struct Example {
  std::string what;     // a sentence
  std::string command;  // a command line that works; may have several lines
};

struct Description {
  std::string name = {};         // rollout
  std::string summary = {};      // one line, no full stop: "sample answers from a policy"
  std::string description = {};  // paragraphs, an empty line between them
  std::vector<Example> examples = {};
  // The kernel level in use, for --version; empty for programs that compute nothing.
  std::function<std::string()> kernel_level = {};
  bool stops_saved = false;  // a stop signal ends it with status 75 and its work saved
};

std::string help_text(const Description& about, const std::deque<Option>& options);
std::string man_page(const Description& about, const std::deque<Option>& options);

// Parts of both: " (default 1; 1 <= N <= 1000)" or ""; the groups' titles in order; "rollout [options] [FILE...]".
std::string option_facts(const Option& option);
std::vector<std::string> option_groups(const std::deque<Option>& options);
std::string synopsis(const Description& about, const std::deque<Option>& options);

// `text` in lines of at most `width` columns (longer words stand alone), each after `indent` blanks but
// the first. Paragraphs stay apart.
std::string wrap_text(const std::string& text, std::size_t indent, std::size_t width);

// Text made safe for roff: backslashes, hyphens that are minus signs, and control characters at the
// beginning of a line.
std::string roff_text(const std::string& text);

}  // namespace nudge
