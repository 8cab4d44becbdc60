// Trajectories, read from records with every field checked (docs/formats.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/config.h"
#include "lib/model/folder.h"
#include "lib/rl/responses.h"

namespace nudge {

// Version of the arithmetic. Raised when the order of a sum or a polynomial changes, for log-probs then differ.
inline constexpr int kArithmetic = 1;

struct Trajectory {
  std::string id, group, policy, where;  // group: the same for all answers to one prompt
  std::vector<std::int32_t> prompt_ids, response_ids;
  // Lists of a number for each response token that something predicts, as in the record, whether it counts or not.
  std::vector<std::uint8_t> mask;    // "loss_mask": which of them count; empty where the record has none
  std::vector<float> logprobs;       // nats
  std::vector<float> ref_logprobs;   // empty where the record has none
  std::vector<float> token_rewards;  // "rewards": added to the per-token rewards; empty where the record has none
  std::vector<float> advantages;     // as given by the record, for --advantage field alone (read_advantages)
  std::optional<float> reward;
  float temperature = 1;
  bool truncated_sampling = false;  // by top-k or top-p
  bool stopped = true;              // finish is "stop"
  std::string dtype;
  std::int64_t arithmetic = 0;
  std::vector<std::string> nulls;  // names of fields that are null, for messages

  ResponseView view() const { return {prompt_ids, response_ids, temperature, mask}; }
};

// Reads a record and checks it against a model's vocabulary. An absent group is the id up to its last "/". Errors:
// kBadInput naming the record for no response tokens, tokens beyond the vocabulary, lists of different lengths, a mask of
// other numbers than 0 and 1 or of zeros alone, or a temperature that is negative or between 0 and kLeastTemperature.
Trajectory read_trajectory(const Record& record, const ModelConfig& config);

// The group of a record: where it has none, the id up to its last "/". Error kBadInput for an absent id.
std::string group_of(const Record& record);

// Whether prompt and response fit the context of `what` ("reward model"). check_fits: Error kBadInput with `advice`
// where they don't.
bool fits(const Trajectory& t, const ModelConfig& config);
void check_fits(const Trajectory& t, const ModelConfig& config, const std::string& what, const std::string& advice);

// Throws MissingField: the field is missing, or null.
[[noreturn]] void refuse_absent(const Trajectory& t, const std::string& key, const std::string& why,
                                const std::string& advice);

// A list of n numbers; empty where the record has none. Error kBadInput for another length.
std::vector<float> per_token(const Record& record, const char* key, std::int64_t n);

// "advantages": a list of n numbers, or one number, n times. Empty where the record has none.
std::vector<float> read_advantages(const Record& record, std::int64_t n);

// Whether "finish" is "stop"; true where the record has none. Error kBadInput for a word but "stop" and "length".
bool ended_by_itself(const Record& record);
// The same, but where the record has none, whether the response's last token is an ending token of the model, whose
// tokenizer must have made the ids.
bool ended_by_itself(const Record& record, const Model& model);

// Error kBadInput with `advice` where the record names another tokenizer digest than that of `what` ("reward model").
void check_tokenizer(const Record& record, const std::string& digest, const std::string& what,
                     const std::string& advice);

// Error kBadInput with advice for what a trainer cannot use: another policy's samples (with `advice_on_policy`),
// another dtype or arithmetic, both unless `off_policy`; temperature 0; truncated sampling unless `allow_truncated`.
void check_sampled_by(const Trajectory& t, const std::string& policy_digest, Dtype dtype, bool off_policy,
                      bool allow_truncated, const std::string& advice_on_policy);

// Error kBadInput where the recorded log-probs are of another dtype than the run's: rounding alone would make them
// differ.
void check_dtype(const Trajectory& t, Dtype dtype);

}  // namespace nudge
