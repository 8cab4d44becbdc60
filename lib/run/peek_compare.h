// Answers of several policies to the same prompts, for a terminal.
#pragma once

#include <string>
#include <vector>

#include "lib/io/paint.h"
#include "lib/report/policy_comparison.h"

namespace nudge {

struct ComparedView {
  std::size_t width = 80;  // columns; where they suffice two answers stand side by side
  bool escapes = false;    // may drive a terminal
  bool painted = false;    // with `escapes`: answers as coloured tokens, one above the other
  TokenValue by = TokenValue::kLogProbs;
  TokenText text = {};
};

// The prompt once, then of each policy the first answer and its figures.
std::string compared_prompt_text(const PolicyComparison& comparison, const PolicyComparison::Prompt& prompt,
                                 const ComparedView& view);

// Whether policies may differ between these files: the first records of those that can be read twice name several, or
// a file is a pipe. Files of one policy, such as the shards of a work, need no memory for a comparison.
bool may_differ_in_policy(const std::vector<std::string>& files);

}  // namespace nudge
