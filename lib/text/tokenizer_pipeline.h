// tokenizer.json: the steps before and after the model.
#pragma once

#include <optional>

#include "lib/io/json_reader.h"
#include "lib/text/tokenizer_parts.h"

namespace nudge {

// Reads normalizer, pre_tokenizer, post_processor and decoder into `parts`, whose tokens must be complete. If given,
// `prefix_space` overrides whether the file prepends a space to a text. Truncation and padding are ignored: programs
// decide for themselves how long a text may be.
void read_pipeline(const JsonReader& in, std::optional<bool> prefix_space, TokenizerParts& parts);

}  // namespace nudge
