#include "lib/run/scoring.h"

#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/rl/record_kind.h"

namespace nudge {
namespace {

constexpr const char* kReader = "score";
constexpr const char* kLeaveOut = "drop such records with --too-long skip";

Trajectory trajectory_of(const Record& record, const Model& model) {
  return read_as(RecordKind::kTrajectory, kReader, record, [&] { return read_trajectory(record, model.config()); });
}

std::int64_t tokens_of(const std::vector<ResponseView>& views) {
  std::int64_t n = 0;
  for (const ResponseView& v : views) n += std::ssize(v.prompt) + std::ssize(v.response);
  return n;
}

[[noreturn]] void refuse_kind(const Record& record) {
  const std::string line = line_to_record(record, RecordKind::kPreference, kReader);
  bad_input(record.where() + ": is neither a trajectory (\"response_ids\") nor a preference pair (\"chosen\")",
            line.empty() ? advice_on_record(record, RecordKind::kTrajectory, kReader) : line);
}

}  // namespace

Scorer::Scorer(const std::string& reward_model, const std::string& reference, ScoringOptions options)
    : options_(std::move(options)), evaluator_(options_.micro_tokens) {
  if (reward_model.empty() && reference.empty())
    usage_error("nothing to add", "give --reward-model FOLDER, --ref FOLDER or both");
  if (!reward_model.empty() && !reference.empty() && head_of(reward_model) == HeadKind::kLanguage &&
      head_of(reference) == HeadKind::kScore)
    bad_input(reward_model + " is a language model, not a reward model, and " + reference + " is one",
              "swap them: --reward-model " + reference + " --ref " + reward_model);
  if (!reward_model.empty())
    reward_model_ = std::make_unique<Model>(load_model(reward_model, HeadKind::kScore, options_.dtype));
  if (!reference.empty())
    reference_ = std::make_unique<Model>(load_model(reference, HeadKind::kLanguage, options_.dtype));
  for (auto* m : {&reward_model_, &reference_})
    if (*m) (*m)->transformer.pack();
  if (reward_model_) dialogues_.emplace(*reward_model_, options_.chat);
}

std::string Scorer::digest() const {
  Digest d;
  for (const auto* m : {&reward_model_, &reference_}) d.text(*m ? model_digest((*m)->transformer) : "");
  return d.hex();
}

std::vector<std::string> Scorer::remarks() const {
  std::vector<std::string> all;
  for (const auto* m : {&reward_model_, &reference_})
    if (*m) all.insert(all.end(), (*m)->remarks.begin(), (*m)->remarks.end());
  return all;
}

// Rewards are float32 in every program, so the quotient is rounded once.
float Scorer::reward_of(float score) const {
  const ModelConfig& c = reward_model_->config();
  return static_cast<float>((static_cast<double>(score) - c.reward_mean) / c.reward_std);
}

bool Scorer::of_other_tokenizer(const Record& record) const {
  const std::string own = reward_model_->tokenizer.digest();
  return record.find_text("tokenizer").value_or(own) != own;
}

// Matters for --missing-end and for trajectories that are encoded again; only the former needs certainty.
bool Scorer::ended(const Record& record) const {
  if (record.has("finish") || options_.missing_end == MissingEnd::kKeep) return ended_by_itself(record);
  const bool other = of_other_tokenizer(record);
  if (other || reward_model_->eos.empty())
    bad_input(record.where() + ": field \"finish\" is missing, and " +
                  (other ? "its last token is of another tokenizer than the reward model's"
                         : "the reward model's folder names no ending token") +
                  ", so it is unknown whether it was cut off",
              "add \"finish\", \"stop\" or \"length\", or leave --missing-end out");
  return ended_by_itself(record, *reward_model_);
}

// A response that ended by itself and is encoded again gets the reward model's own EOS token.
Trajectory Scorer::for_reward(const Record& record) {
  const Model& model = *reward_model_;
  if (!of_other_tokenizer(record)) {
    Trajectory own = trajectory_of(record, model);
    own.stopped = ended(record);
    return own;
  }
  Trajectory t;
  t.where = record.where();
  t.id = record.name("id");
  t.stopped = ended(record);
  const auto again =
      dialogues_->rendered_again(record).value_or(AnsweredPrompt{{record.text("prompt")}, record.text("response")});
  t.prompt_ids = encode_start(record, "prompt", again.prompt, model.tokenizer);
  t.response_ids = encode_answer(record, "response", again.answer, model);
  // A response that was cut off loses the EOS token that the template added.
  while (!t.stopped && !t.response_ids.empty() && model.ends(t.response_ids.back())) t.response_ids.pop_back();
  if (t.response_ids.empty()) record.fail("response", "has no token for the reward model");
  return t;
}

Trajectory Scorer::for_reference(const Record& record) const {
  check_tokenizer(record, reference_->tokenizer.digest(), "reference",
                  "log-probs belong to tokens: give --ref a model with the policy's tokenizer, mostly the one that the "
                  "policy was trained from; only --reward-model may have another");
  return trajectory_of(record, *reference_);
}

Ranking Scorer::pair_of(const Record& record, std::int64_t number) {
  return read_as(RecordKind::kPreference, kReader, record,
                 [&] { return read_ranking(record, number, *reward_model_, *dialogues_); });
}

bool Scorer::fits_models(const Record& record, std::int64_t number) {
  if (record.has("response_ids"))
    return (!reward_model_ || fits(for_reward(record), reward_model_->config())) &&
           (!reference_ || fits(for_reference(record), reference_->config()));
  return !record.has("chosen") || !reward_model_ ||  // which score() refuses
         pair_of(record, number).longest() <= reward_model_->config().context;
}

bool Scorer::skips(const Record& record, std::int64_t number) {
  if (!options_.skip_long || fits_models(record, number)) return false;
  check_id(record);
  ++skipped_;
  return true;
}

void Scorer::check_id(const Record& record) {
  if (const auto id = record.find_name("id"); id && !ids_.insert(*id).second)
    bad_input(record.where() + ": duplicate id \"" + *id + "\"");
}

// A token of text is about four bytes.
std::int64_t Scorer::size_of(const Record& record) {
  std::int64_t tokens = 0;
  if (record.has("response_ids")) {
    for (const char* key : {"prompt_ids", "response_ids"})
      if (record.has(key)) tokens += record.list_shape(key).size;
    return tokens;
  }
  for (const char* key : {"prompt", "prompt", "chosen", "rejected"})  // the prompt is read with each answer
    if (record.has(key)) tokens += std::ssize(record.raw(key)) / 4;
  return tokens;
}

bool Scorer::is_kept(const Record& record, std::int64_t number, KeptRecords& kept) {
  float reward = 0, rejected = 0;
  const bool pair = !record.has("response_ids");
  const bool is = kept.take([&](const Record& there) {
    Record made = record;
    const auto add = [&](const char* key) { made.set_raw(key, std::string(there.raw(key))); };
    if (reward_model_ && !pair) reward = there.real("reward"), add("reward");
    if (reference_ && !pair) add("ref_logprobs");
    if (!pair) return made;
    reward = there.real("chosen_reward"), add("chosen_reward");
    rejected = there.real("rejected_reward"), add("rejected_reward");
    return made;
  });
  if (!is) return false;
  check_id(record);
  if (pair) {
    count_pair(pair_of(record, number), reward, rejected);
    return true;
  }
  ++trajectories_;
  rewards_.add(static_cast<double>(reward));
  if (reward_model_ && of_other_tokenizer(record)) ++encoded_again_;
  return true;
}

void Scorer::score(std::span<Record> records, std::span<const std::int64_t> numbers) {
  std::vector<Record*> trajectories, pairs;
  std::vector<std::int64_t> pair_numbers;
  for (std::size_t i = 0; i < records.size(); ++i) {
    check_id(records[i]);
    if (records[i].has("response_ids")) {
      trajectories.push_back(&records[i]);
    } else if (records[i].has("chosen")) {
      pairs.push_back(&records[i]);
      pair_numbers.push_back(numbers[i]);
    } else {
      refuse_kind(records[i]);
    }
  }
  score_trajectories(trajectories);
  score_pairs(pairs, pair_numbers);
}

void Scorer::score_trajectories(std::span<Record* const> records) {
  if (records.empty()) return;
  std::vector<Trajectory> rewarded, compared;  // as each model reads them
  for (Record* r : records) {
    if (reward_model_) {
      rewarded.push_back(for_reward(*r));
      check_fits(rewarded.back(), reward_model_->config(), "reward model", kLeaveOut);
      encoded_again_ += of_other_tokenizer(*r);
    }
    if (!reference_) continue;
    compared.push_back(for_reference(*r));
    check_fits(compared.back(), reference_->config(), "reference", kLeaveOut);
    check_dtype(compared.back(), options_.dtype);
    if (compared.back().temperature == 0) compared.back().temperature = 1;  // as in rollout's log-probs
  }
  const auto views = [this](const std::vector<Trajectory>& trajectories) {
    std::vector<ResponseView> out;
    for (const Trajectory& t : trajectories) out.push_back(t.view());
    tokens_ += tokens_of(out);
    return out;
  };
  if (reward_model_) {
    const auto scores = evaluator_.end_scores(reward_model_->transformer, views(rewarded));
    for (std::size_t i = 0; i < records.size(); ++i) {
      float reward = reward_of(scores[i]);
      if (!rewarded[i].stopped && options_.missing_end == MissingEnd::kReplace) reward = options_.missing_end_value;
      if (!rewarded[i].stopped && options_.missing_end == MissingEnd::kSubtract) reward -= options_.missing_end_value;
      records[i]->set_real("reward", reward);
      rewards_.add(static_cast<double>(reward));
    }
  }
  if (reference_) {
    const TokenStats stats = evaluator_.stats(reference_->transformer, views(compared));
    std::span<const float> rest = stats.logprobs;
    for (std::size_t i = 0; i < records.size(); ++i) {
      const ResponseView view = compared[i].view();
      const auto n = static_cast<std::size_t>(view.predicted());
      records[i]->set_reals("ref_logprobs", spread(view, rest.first(n)));
      rest = rest.subspan(n);
    }
  }
  trajectories_ += static_cast<std::int64_t>(records.size());
}

void Scorer::count_pair(const Ranking& pair, float chosen, float rejected) {
  chosen_.push_back(chosen);
  rejected_.push_back(rejected);
  identical_.push_back(pair.answers[0] == pair.answers[1]);
}

void Scorer::score_pairs(std::span<Record* const> records, std::span<const std::int64_t> numbers) {
  if (records.empty()) return;
  if (!reward_model_) bad_input(records[0]->where() + ": is a preference pair, which needs --reward-model");
  std::vector<Ranking> rankings;
  for (std::size_t i = 0; i < records.size(); ++i) {
    rankings.push_back(pair_of(*records[i], numbers[i]));
    check_fits(rankings.back(), reward_model_->config(), kLeaveOut);
  }
  std::vector<ResponseView> views;
  for (const Ranking& r : rankings) views.push_back(r.view(0)), views.push_back(r.view(1));
  tokens_ += tokens_of(views);
  const auto scores = evaluator_.end_scores(reward_model_->transformer, views);
  for (std::size_t i = 0; i < records.size(); ++i) {
    count_pair(rankings[i], reward_of(scores[2 * i]), reward_of(scores[2 * i + 1]));
    records[i]->set_real("chosen_reward", chosen_.back());
    records[i]->set_real("rejected_reward", rejected_.back());
  }
}

}  // namespace nudge
