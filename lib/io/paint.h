// Records for a terminal, with tokens coloured by a value such as their log-prob.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/io/record.h"

namespace nudge {

enum class TokenValue { kLogProbs, kAdvantages, kKl };

// One value per response token: logprobs, advantages, or logprobs - ref_logprobs (nats). After an empty prompt
// (prompt_ids []) nothing predicts the first token, and its value is 0. Empty if the record lacks a field. Error
// kBadInput unless there are as many numbers as response_ids, or one fewer after an empty prompt.
std::vector<float> token_values(const Record& record, TokenValue which);

// `pieces` (ids or texts, one per token) coloured by `values`: red below 0, green above, deepest at `scale` (> 0) and
// beyond. Pieces pass through visible().
std::string paint(std::span<const std::string> pieces, std::span<const float> values, float scale);

using TokenText = std::function<std::string(std::int32_t id)>;

// All fields of a record, one per line, values truncated to `width` characters (0: not truncated); then, with `colour`,
// the tokens of response_ids coloured by that value if the record has it: as `text` gives them, or ids if `text` is
// empty. The scale ends at -8 nats for log-probs, else at the record's largest magnitude.
std::string describe_record(const Record& record, std::size_t width, bool colour, TokenValue which,
                            const TokenText& text = {});

}  // namespace nudge
