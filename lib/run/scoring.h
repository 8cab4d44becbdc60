// Adds rewards and reference log-probs to records.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/report/estimate.h"
#include "lib/rl/preference.h"
#include "lib/rl/trajectory.h"
#include "lib/run/filter.h"

namespace nudge {

// The score of a response that did not end by itself (docs/mathematics.md, 16), as told by its "finish", else by its
// last token.
enum class MissingEnd { kKeep, kReplace, kSubtract };

struct ScoringOptions {
  MissingEnd missing_end = MissingEnd::kKeep;
  float missing_end_value = -1;      // kReplace: the score; kSubtract: the penalty, 0 or more
  std::int64_t micro_tokens = 1024;  // changes no bit
  Dtype dtype = Dtype::kF32;         // of both models; the reference refuses trajectories of another
  ChatOptions chat;                  // of pairs that are dialogues
  bool skip_long = false;            // leave out what is longer than a model's context, instead of failing
};

class Scorer {
 public:
  // One of the folders may be "".
  Scorer(const std::string& reward_model, const std::string& reference, ScoringOptions options);

  // Adds fields in place: trajectories get "reward" and "ref_logprobs", preference pairs "chosen_reward" and
  // "rejected_reward". A trajectory of another tokenizer than the reward model's is encoded again from its texts;
  // log-probs are per token, so the reference must have the trajectory's tokenizer. `numbers`: the records' numbers in
  // the whole input. Errors: kBadInput naming the record, also for a duplicate id, as in a shard given twice.
  void score(std::span<Record> records, std::span<const std::int64_t> numbers);

  // About how many tokens a model reads of a record; callers score a micro-batch's worth at a time.
  std::int64_t micro_tokens() const { return options_.micro_tokens; }
  static std::int64_t size_of(const Record& record);
  // Whether `skip_long` leaves the record out; then it is counted, and its id is taken. Ask first. Errors: as score().
  bool skips(const Record& record, std::int64_t number);
  // Whether an earlier run scored the record; its scores then count as if they were new. Errors: as score() for a
  // duplicate id. `number`: as there.
  bool is_kept(const Record& record, std::int64_t number, KeptRecords& kept);

  // Scores of all pairs so far.
  const std::vector<float>& chosen() const { return chosen_; }
  const std::vector<float>& rejected() const { return rejected_; }
  const std::vector<bool>& identical() const { return identical_; }  // whether its two answers are the same tokens
  const Dialogues* dialogues() const { return dialogues_ ? &*dialogues_ : nullptr; }  // of the reward model
  std::int64_t trajectories() const { return trajectories_; }
  std::int64_t skipped() const { return skipped_; }
  std::int64_t encoded_again() const { return encoded_again_; }  // trajectories of another tokenizer, for the reward
  Estimate mean_reward() const { return estimate(rewards_); }
  std::int64_t tokens() const { return tokens_; }  // that the models read, those of kept records left out
  std::string digest() const;                      // of both models
  std::vector<std::string> remarks() const;        // Model's, of both

 private:
  void check_id(const Record& record);
  bool of_other_tokenizer(const Record& record) const;
  void score_trajectories(std::span<Record* const> records);
  void score_pairs(std::span<Record* const> records, std::span<const std::int64_t> numbers);
  float reward_of(float score) const;
  bool fits_models(const Record& record, std::int64_t number);
  Trajectory for_reward(const Record& record);
  Trajectory for_reference(const Record& record) const;
  Ranking pair_of(const Record& record, std::int64_t number);
  bool ended(const Record& record) const;
  void count_pair(const Ranking& pair, float chosen, float rejected);

  std::unique_ptr<Model> reward_model_, reference_;
  ScoringOptions options_;
  std::optional<Dialogues> dialogues_;  // by the reward model's tokenizer
  ResponseEvaluator evaluator_;
  std::unordered_set<std::string> ids_;
  std::vector<float> chosen_, rejected_;
  std::vector<bool> identical_;
  std::int64_t trajectories_ = 0, encoded_again_ = 0, skipped_ = 0;
  std::int64_t tokens_ = 0;
  Moments rewards_;
};

}  // namespace nudge
