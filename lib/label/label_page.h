// Pairs to be judged in a browser: one file, without a network.
#pragma once

#include <string>
#include <vector>

#include "lib/label/label_session.h"

namespace nudge {

// The page that asks these questions in their order, with the answers on the sides that they have there. It tells nothing
// else about an answer. What a judge saves are lines for Votes::add.
std::string label_page(const std::vector<Question>& questions);

}  // namespace nudge
