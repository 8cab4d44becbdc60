// tokenizer.json: what happens before and after the model.
#pragma once

#include "lib/model/json_reader.h"
#include "lib/model/tokenizer_parts.h"

namespace nudge {

// Reads normalizer, pre_tokenizer, post_processor and decoder into `parts`, whose tokens are complete.
// Truncation and padding are not looked at: programs say for themselves how long a text may be.
void read_pipeline(const JsonReader& in, TokenizerParts& parts);

}  // namespace nudge
