// The questions of label at a terminal: what is shown, and what its keys mean.
#pragma once

#include <cstddef>

#include "lib/cli/terminal.h"
#include "lib/label/label_session.h"

namespace nudge {

// Shows the prompt and both answers of a question, the `number`-th (from 0) of `total`, and waits for a decision.
Decision ask_at(Terminal& terminal, const Question& question, std::size_t number, std::size_t total);

// Says that all is decided. False where the last decision is to be taken back.
bool all_decided(Terminal& terminal, std::size_t total);

}  // namespace nudge
