// tokenizer.json: what happens before and after the model.
#pragma once

#include <optional>

#include "lib/io/json_reader.h"
#include "lib/text/tokenizer_parts.h"

namespace nudge {

// Reads normalizer, pre_tokenizer, post_processor and decoder into `parts`, whose tokens are complete. Where
// `prefix_space` is told, it holds in place of the file's own word on a space in front of a text. Truncation and padding
// are not looked at: programs say for themselves how long a text may be.
void read_pipeline(const JsonReader& in, std::optional<bool> prefix_space, TokenizerParts& parts);

}  // namespace nudge
