// tokenizer.json: what happens before and after the model.
#pragma once

#include "lib/model/json_reader.h"
#include "lib/model/tokenizer_parts.h"

namespace nudge {

// Reads normalizer, pre_tokenizer and decoder of `in` and the post_processor of `file` into `parts`, whose tokens are
// complete. Truncation and padding are not looked at: programs say for themselves how long a text may be.
void read_pipeline(const JsonReader& in, const JsonReader& file, TokenizerParts& parts);

// Whether tokenizer.json's own pre_tokenizer writes bytes as characters.
bool is_byte_level(const JsonReader& in);

}  // namespace nudge
