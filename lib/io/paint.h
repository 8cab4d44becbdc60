// Samples of records for a screen, with tokens coloured by a figure.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/io/record.h"

namespace nudge {

enum class TokenFigure { kLogProbs, kAdvantages, kKl };

// A figure per token of the response: logprobs, advantages, or logprobs - ref_logprobs (in nats). Behind an empty
// prompt (prompt_ids []) the first token has no prediction and 0 here. Empty where the record lacks a field it needs;
// Error kBadInput where the numbers are not as many as response_ids, or behind an empty prompt one fewer.
std::vector<float> token_figures(const Record& record, TokenFigure figure);

// `pieces` (ids or texts, one a token) in the colours of `values`, red below 0 and green above, the deeper the
// further, on a scale that ends at `scale` (> 0). Pieces are made visible.
std::string paint(std::span<const std::string> pieces, std::span<const float> values, float scale);

using TokenText = std::function<std::string(std::int32_t id)>;

// All fields of a record, a line each, values cut at `width` characters (0: not cut); then, with `colour`, the tokens
// of response_ids painted by the figure where the record has it: as `text` has them, or the ids where it is empty.
// Log-probs end the scale at -8 nats, the others at the record's largest.
std::string describe_record(const Record& record, std::size_t width, bool colour, TokenFigure figure,
                            const TokenText& text = {});

}  // namespace nudge
