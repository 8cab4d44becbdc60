#include "lib/train/scoring.h"

#include "lib/base/digest.h"
#include "lib/base/error.h"

namespace nudge {

Scorer::Scorer(const std::string& reward_model, const std::string& reference, ScoringOptions options)
    : options_(options), evaluator_(options.micro_tokens) {
  if (reward_model.empty() && reference.empty())
    usage_error("nothing to add", "give --reward-model FOLDER, --ref FOLDER or both");
  if (!reward_model.empty()) reward_model_ = std::make_unique<Model>(load_model(reward_model, HeadKind::kScore));
  if (!reference.empty()) reference_ = std::make_unique<Model>(load_model(reference, HeadKind::kLanguage));
  for (auto* m : {&reward_model_, &reference_})
    if (*m) (*m)->transformer.pack(false);
  if (reward_model_) dialogues_.emplace(reward_model_->tokenizer, options_.chat_format);
}

std::string Scorer::digest() const {
  Digest d;
  for (const auto* m : {&reward_model_, &reference_}) d.text(*m ? model_digest((*m)->transformer) : "");
  return d.hex();
}

// The field is float32 as other programs' rewards are, so the quotient is rounded to it once.
float Scorer::reward_of(float score) const {
  const ModelConfig& c = reward_model_->config();
  return static_cast<float>((static_cast<double>(score) - c.reward_mean) / c.reward_std);
}

void Scorer::score(std::span<Record> records, std::span<const std::int64_t> numbers) {
  std::vector<Record*> trajectories, pairs;
  std::vector<std::int64_t> pair_numbers;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (const auto id = records[i].find_text("id"); id && !ids_.insert(*id).second)
      bad_input(records[i].where() + ": the id \"" + *id + "\" was there before");
    if (records[i].has("response_ids")) {
      trajectories.push_back(&records[i]);
    } else if (records[i].has("chosen")) {
      pairs.push_back(&records[i]);
      pair_numbers.push_back(numbers[i]);
    } else {
      bad_input(records[i].where() + ": is neither a trajectory (\"response_ids\") nor a preference pair (\"chosen\")");
    }
  }
  score_trajectories(trajectories);
  score_pairs(pairs, pair_numbers);
}

void Scorer::score_trajectories(std::span<Record* const> records) {
  if (records.empty()) return;
  std::vector<Trajectory> all;
  for (Record* r : records) {
    if (reward_model_) check_tokenizer(*r, reward_model_->tokenizer.digest(), "reward model");
    if (reference_) check_tokenizer(*r, reference_->tokenizer.digest(), "reference");
    all.push_back(read_trajectory(*r, (reward_model_ ? *reward_model_ : *reference_).config()));
    if (reward_model_ && reference_) read_trajectory(*r, reference_->config());
    if (all.back().temperature == 0) all.back().temperature = 1;  // as rollout's log-probs are
  }
  std::vector<ResponseView> views;
  for (const Trajectory& t : all) views.push_back(t.view());
  if (reward_model_) {
    const auto scores = evaluator_.end_scores(reward_model_->transformer, views);
    for (std::size_t i = 0; i < all.size(); ++i) {
      float reward = reward_of(scores[i]);
      if (!all[i].stopped && options_.missing_end == MissingEnd::kReplace) reward = options_.missing_end_value;
      if (!all[i].stopped && options_.missing_end == MissingEnd::kSubtract) reward -= options_.missing_end_value;
      records[i]->set_real("reward", reward);
      reward_sum_ += static_cast<double>(reward);
    }
  }
  if (reference_) {
    const auto stats = evaluator_.stats(reference_->transformer, views);
    for (std::size_t i = 0; i < all.size(); ++i) records[i]->set_reals("ref_logprobs", stats[i].logprobs);
  }
  trajectories_ += static_cast<std::int64_t>(all.size());
}

void Scorer::score_pairs(std::span<Record* const> records, std::span<const std::int64_t> numbers) {
  if (records.empty()) return;
  if (!reward_model_) bad_input(records[0]->where() + ": is a preference pair, which needs --reward-model");
  std::vector<Ranking> rankings;
  for (std::size_t i = 0; i < records.size(); ++i) {
    rankings.push_back(read_ranking(*records[i], numbers[i], *reward_model_, *dialogues_));
    check_fits(rankings.back(), reward_model_->config(), "shorten it, or leave it out of the input");
  }
  std::vector<ResponseView> views;
  for (const Ranking& r : rankings) views.push_back(r.view(0)), views.push_back(r.view(1));
  const auto scores = evaluator_.end_scores(reward_model_->transformer, views);
  for (std::size_t i = 0; i < records.size(); ++i) {
    chosen_.push_back(reward_of(scores[2 * i]));
    rejected_.push_back(reward_of(scores[2 * i + 1]));
    records[i]->set_real("chosen_reward", chosen_.back());
    records[i]->set_real("rejected_reward", rejected_.back());
  }
}

}  // namespace nudge
