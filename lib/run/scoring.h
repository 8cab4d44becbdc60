// Adds rewards and reference log-probs to records.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/report/calibration.h"
#include "lib/report/estimate.h"
#include "lib/rl/responses.h"
#include "lib/rl/reward_ensemble.h"
#include "lib/run/filter.h"
#include "lib/run/reward_scorer.h"

namespace nudge {

// The score of a response that did not end by itself (docs/mathematics.md, 16), as told by its "finish", else by its
// last token.
enum class MissingEnd { kKeep, kReplace, kSubtract };

struct ScoringOptions {
  MissingEnd missing_end = MissingEnd::kKeep;
  float missing_end_value = -1;      // kReplace: the score; kSubtract: the penalty, 0 or more
  std::int64_t micro_tokens = 1024;  // changes no bit
  CombineOptions combine;            // of several reward models
  Dtype dtype = Dtype::kF32;         // of all models; the reference refuses trajectories of another
  ChatOptions chat;                  // of pairs that are dialogues
  std::string base;                  // of adapters, in place of the folder that they name
  bool skip_long = false;            // leave out what is longer than a model's context, instead of failing
};

class Scorer {
 public:
  // One of them may be empty.
  Scorer(const std::vector<NamedFolder>& reward_models, const std::string& reference, ScoringOptions options);

  // Adds fields in place: trajectories get "reward" and "ref_logprobs", preference pairs "chosen_reward" and
  // "rejected_reward"; with several reward models also each one's, "reward_NAME". A trajectory of another tokenizer than
  // a reward model's is encoded again from its texts; log-probs are per token, so the reference must have the
  // trajectory's tokenizer. `numbers`: the records' numbers in the whole input. Errors: kBadInput naming the record,
  // also for a duplicate id, as in a shard given twice.
  void score(std::span<Record> records, std::span<const std::int64_t> numbers);

  // About how many tokens a model reads of a record; callers score a micro-batch's worth at a time.
  std::int64_t micro_tokens() const { return options_.micro_tokens; }
  static std::int64_t size_of(const Record& record);
  // Whether `skip_long` leaves the record out; then it is counted, and its id is taken. Ask first. Errors: as score().
  bool skips(const Record& record, std::int64_t number);
  // Whether an earlier run scored the record; its scores then count as if they were new. Errors: as score() for a
  // duplicate id. `number`: as there.
  bool is_kept(const Record& record, std::int64_t number, KeptRecords& kept);

  // The parts of score(), for callers that write only some of the trajectories they score (BestOf): notes the id, adds
  // the fields, counts the reward.
  void enter(const Record& record);
  void add_rewards(std::span<Record* const> trajectories);
  void add_references(std::span<Record* const> trajectories);
  void count(const Record& scored);
  // `record` with the scores that an earlier run stored in `there`. Error: kBadInput where they are missing.
  Record remade(const Record& record, const Record& there) const;

  const std::vector<JudgedPair>& pairs() const { return pairs_; }  // so far; tokens are the first reward model's
  std::span<const std::unique_ptr<RewardScorer>> reward_models() const { return reward_models_; }
  std::int64_t trajectories() const { return trajectories_; }
  std::int64_t skipped() const { return skipped_; }
  std::int64_t encoded_again() const { return encoded_again_; }  // trajectories of another tokenizer, for the reward
  Estimate mean_reward() const { return estimate(rewards_); }
  std::int64_t tokens() const { return tokens_; }  // that the models read, those of kept records left out
  std::string digest() const;                      // of all models
  std::vector<std::string> remarks() const;        // Model's, of all

 private:
  void check_id(const Record& record);
  void score_pairs(std::span<Record* const> records, std::span<const std::int64_t> numbers);
  bool fits_models(const Record& record, std::int64_t number);
  Trajectory for_reward(const Record& record, RewardScorer& model) const;
  Trajectory for_reference(const Record& record) const;
  std::vector<ResponseView> views(const std::vector<Trajectory>& trajectories);
  float with_end(float reward, bool stopped) const;
  void count(const Ranking& pair, float chosen, float rejected);
  std::vector<std::string> reward_fields(bool pair) const;

  std::vector<std::unique_ptr<RewardScorer>> reward_models_;
  std::unique_ptr<Model> reference_;
  std::string reference_digest_;  // "" without one
  ScoringOptions options_;
  ResponseEvaluator evaluator_;
  std::unordered_set<std::string> ids_;
  std::vector<JudgedPair> pairs_;
  std::int64_t trajectories_ = 0, encoded_again_ = 0, skipped_ = 0;
  std::int64_t tokens_ = 0;
  Moments rewards_;
};

}  // namespace nudge
