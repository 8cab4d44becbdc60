// Completions for a shell, written from a program's description and its table of options: option names, the words of a
// choice, folders where the value is a FOLDER, else files.
#pragma once

#include <deque>
#include <string>

#include "lib/cli/help.h"

namespace nudge {

// A script for bash (4 or later) to source: share/bash-completion/completions/NAME.
std::string bash_completion(const Description& about, const std::deque<Option>& options);
// A function for zsh to autoload: share/zsh/site-functions/_NAME.
std::string zsh_completion(const Description& about, const std::deque<Option>& options);

}  // namespace nudge
