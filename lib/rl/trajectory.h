// Trajectories as programs need them: read from records with every field checked (docs/formats.md).
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

// Raised whenever the order of a sum or a polynomial changes: log-probs of another arithmetic are other numbers.
inline constexpr int kArithmetic = 1;

struct Trajectory {
  std::string id, policy, where;
  std::vector<std::int32_t> prompt_ids, response_ids;
  std::vector<float> logprobs;       // a number for each predicted token
  std::vector<float> ref_logprobs;   // empty where the record has none
  std::vector<float> token_rewards;  // "rewards", added to the per-token reward; empty where there are none
  std::optional<float> reward;
  float temperature = 1;
  bool truncated_sampling = false;  // top-k or top-p
  bool stopped = true;              // finish is "stop"
  std::string dtype;
  std::int64_t arithmetic = 0;
  std::vector<std::string> nulls;  // names of fields that are null, for messages

  ResponseView view() const { return {prompt_ids, response_ids, temperature}; }
};

// Reads and checks a record against a model's vocabulary. Errors: kBadInput naming the record: no response tokens,
// tokens beyond the vocabulary, lists of different lengths, a temperature that is negative or below kLeastTemperature
// and not 0.
Trajectory read_trajectory(const Record& record, const ModelConfig& config);

// Whether prompt and response fit the context of `what` ("reward model"). Error kBadInput where they don't; `advice`
// says what to do about it there.
bool fits(const Trajectory& t, const ModelConfig& config);
void check_fits(const Trajectory& t, const ModelConfig& config, const std::string& what, const std::string& advice);

// A field is missing, or null.
[[noreturn]] void refuse_absent(const Trajectory& t, const std::string& key, const std::string& why,
                                const std::string& advice);

// A list of n numbers, one a token; empty where the record has none. Error kBadInput for another length.
std::vector<float> per_token(const Record& record, const char* key, std::int64_t n);

// By the record's "finish"; true where it has none. Error kBadInput for another word.
bool ended_by_itself(const Record& record);
// The same, but where it has none, whether the response's last token is an ending token of the model, whose tokenizer
// made its ids.
bool ended_by_itself(const Record& record, const Model& model);

// Error kBadInput where the record names a tokenizer of another digest than that of `what` ("reward model"); `advice`
// says what to do about it there.
void check_tokenizer(const Record& record, const std::string& digest, const std::string& what,
                     const std::string& advice);

// Refuses what a trainer cannot use, each with what to do: another policy's samples (unless `off_policy`), about which
// `advice_on_policy` says it, another dtype or arithmetic, temperature 0, truncated sampling (unless
// `allow_truncated`).
void check_sampled_by(const Trajectory& t, const std::string& policy_digest, Dtype dtype, bool off_policy,
                      bool allow_truncated, const std::string& advice_on_policy);

// Error kBadInput where the recorded log-probs are of another dtype than the program's: they would differ by its
// rounding alone.
void check_dtype(const Trajectory& t, Dtype dtype);

}  // namespace nudge
