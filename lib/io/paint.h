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

enum class TokenValue { kLogProbs, kAdvantages, kValues, kKl, kRatio, kMask };

inline constexpr float kDeepestLogProb = 8;  // nats, 1 in 3000: where the scale of log-probs ends

// One value per response token: logprobs; advantages and values; logprobs - ref_logprobs (nats); the ratio of two
// policies, that of the record or exp(new_logprobs - old_logprobs), with logprobs where there is no old_logprobs;
// loss_mask. A field that is one number is every token's. After an empty prompt (prompt_ids []) nothing predicts the
// first token, which gets the neutral value. Empty if the record lacks a field. Error kBadInput unless there are as
// many numbers as response_ids, or one fewer after an empty prompt.
std::vector<float> token_values(const Record& record, TokenValue which);

// What has no colour: 1 of a ratio or a mask, else 0.
float neutral_value(TokenValue which);

// Whether nothing predicts the first token of the record's response_ids: the prompt is empty.
bool first_unpredicted(const Record& record);

// `pieces` (ids or texts, one per token) coloured by `values`: red below 0, green above, deepest at `scale` (> 0) and
// beyond. Pieces pass through visible().
std::string paint(std::span<const std::string> pieces, std::span<const float> values, float scale);

using TokenText = std::function<std::string(std::int32_t id)>;

// The tokens of response_ids coloured by that value; "" if the record lacks it. They are what `text` gives, or ids if
// `text` is empty. The scale ends at -8 nats for log-probs, else at the record's largest distance from the neutral
// value. Error: token_values'.
std::string painted_tokens(const Record& record, TokenValue which, const TokenText& text);

// All fields of a record, one per line, values truncated to `width` characters (0: not truncated); then, with `colour`,
// its painted tokens.
std::string describe_record(const Record& record, std::size_t width, bool colour, TokenValue which,
                            const TokenText& text = {});

}  // namespace nudge
