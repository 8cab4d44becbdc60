#include "lib/run/scoring.h"
#include "lib/run/adapter_options.h"

#include <algorithm>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/rl/record_kind.h"

namespace nudge {
namespace {

constexpr const char* kLeaveOut = "drop such records with --too-long skip";

[[noreturn]] void refuse_kind(const Record& record) {
  const std::string line = line_to_record(record, RecordKind::kPreference, kScoreReader);
  bad_input(record.where() + ": is neither a trajectory (\"response_ids\") nor a preference pair (\"chosen\")",
            line.empty() ? advice_on_record(record, RecordKind::kTrajectory, kScoreReader) : line);
}

}  // namespace

Scorer::Scorer(const std::vector<NamedFolder>& reward_models, const std::string& reference, ScoringOptions options)
    : options_(std::move(options)), evaluator_(options_.micro_tokens) {
  if (reward_models.empty() && reference.empty())
    usage_error("nothing to add", "give --reward-model FOLDER, --ref FOLDER or both");
  if (reward_models.size() == 1 && !reference.empty() && head_of(reward_models[0].folder) == HeadKind::kLanguage &&
      head_of(reference) == HeadKind::kScore)
    bad_input(reward_models[0].folder + " is a language model, not a reward model, and " + reference + " is one",
              "swap them: --reward-model " + reference + " --ref " + reward_models[0].folder);
  Bases bases(options_.base);
  for (const NamedFolder& f : reward_models)
    reward_models_.push_back(std::make_unique<RewardScorer>(f, options_.dtype, options_.chat, bases));
  if (!reference.empty()) {
    reference_ = std::make_unique<Model>(bases.read_only(reference, options_.dtype));
    reference_->transformer.pack();
    reference_digest_ = model_digest(reference_->transformer);
  }
  refuse_base_without_adapter(options_.base, bases.has_adapters());
}

std::string Scorer::digest() const {
  Digest d;
  for (const auto& m : reward_models_) {
    if (!m->name().empty()) d.text(m->name());
    d.text(model_digest(m->model().transformer));
  }
  if (reward_models_.empty()) d.text("");
  d.text(reference_digest_);
  return d.hex();
}

std::vector<std::string> Scorer::remarks() const {
  std::vector<std::string> all;
  for (const auto& m : reward_models_) all.insert(all.end(), m->model().remarks.begin(), m->model().remarks.end());
  if (reference_) all.insert(all.end(), reference_->remarks.begin(), reference_->remarks.end());
  return all;
}

Trajectory Scorer::for_reference(const Record& record) const {
  check_tokenizer(record, reference_->tokenizer.digest(), "reference",
                  "log-probs belong to tokens: give --ref a model with the policy's tokenizer, mostly the one that the "
                  "policy was trained from; only --reward-model may have another");
  return trajectory_of(record, *reference_);
}

// Only --missing-end needs to know for certain whether a response was cut; the first model tells.
Trajectory Scorer::for_reward(const Record& record, RewardScorer& model) const {
  return model.trajectory(record, options_.missing_end != MissingEnd::kKeep && &model == reward_models_[0].get());
}

bool Scorer::fits_models(const Record& record, std::int64_t number) {
  if (record.has("response_ids"))
    return std::ranges::all_of(reward_models_,
                               [&](auto& m) { return fits(for_reward(record, *m), m->model().config()); }) &&
           (!reference_ || fits(for_reference(record), reference_->config()));
  return !record.has("chosen") ||  // which score() refuses
         std::ranges::all_of(reward_models_,
                             [&](auto& m) { return m->pair(record, number).longest() <= m->model().config().context; });
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

void Scorer::enter(const Record& record) {
  check_id(record);
  if (!record.has("response_ids")) return;
  encoded_again_ += std::ranges::any_of(reward_models_, [&](auto& m) { return m->reads_again(record); });
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

std::vector<std::string> Scorer::reward_fields(bool pair) const {
  std::vector<std::string> fields;
  const auto add = [&](const std::string& field) {
    for (const char* of : pair ? std::vector<const char*>{"chosen_", "rejected_"} : std::vector<const char*>{""})
      fields.push_back(of + field);
  };
  if (!reward_models_.empty()) add("reward");
  if (reward_models_.size() > 1)
    for (const auto& m : reward_models_) add(m->field());
  return fields;
}

Record Scorer::remade(const Record& record, const Record& there) const {
  Record made = record;
  const bool pair = !record.has("response_ids");
  for (const std::string& key : reward_fields(pair)) {
    static_cast<void>(there.real(key));
    made.set_raw(key, std::string(there.raw(key)));
  }
  if (reference_ && !pair) {
    made.set_raw("ref_logprobs", std::string(there.raw("ref_logprobs")));
    made.set_text("ref_policy", reference_digest_);
  }
  return made;
}

bool Scorer::is_kept(const Record& record, std::int64_t number, KeptRecords& kept) {
  Record made;
  if (!kept.take([&](const Record& there) { return made = remade(record, there); })) return false;
  enter(record);
  if (made.has("response_ids")) count(made);
  else count(reward_models_[0]->pair(record, number), made.real("chosen_reward"), made.real("rejected_reward"));
  return true;
}

void Scorer::count(const Record& scored) {
  ++trajectories_;
  if (!reward_models_.empty()) rewards_.add(static_cast<double>(scored.real("reward")));
}

void Scorer::count(const Ranking& pair, float chosen, float rejected) {
  pairs_.push_back({.chosen = chosen,
                    .rejected = rejected,
                    .chosen_tokens = std::ssize(pair.answers[0]),
                    .rejected_tokens = std::ssize(pair.answers[1]),
                    .identical = pair.answers[0] == pair.answers[1],
                    .set = pairs_.size()});
}

void Scorer::score(std::span<Record> records, std::span<const std::int64_t> numbers) {
  std::vector<Record*> trajectories, pairs;
  std::vector<std::int64_t> pair_numbers;
  for (std::size_t i = 0; i < records.size(); ++i) {
    enter(records[i]);
    if (records[i].has("response_ids")) {
      trajectories.push_back(&records[i]);
    } else if (records[i].has("chosen")) {
      pairs.push_back(&records[i]);
      pair_numbers.push_back(numbers[i]);
    } else {
      refuse_kind(records[i]);
    }
  }
  add_rewards(trajectories);
  add_references(trajectories);
  for (const Record* r : trajectories) count(*r);
  score_pairs(pairs, pair_numbers);
}

// Of trajectories, whose tokens are counted as read.
std::vector<ResponseView> Scorer::views(const std::vector<Trajectory>& trajectories) {
  std::vector<ResponseView> out;
  for (const Trajectory& t : trajectories) out.push_back(t.view()), tokens_ += out.back().tokens();
  return out;
}

float Scorer::with_end(float reward, bool stopped) const {
  if (stopped || options_.missing_end == MissingEnd::kKeep) return reward;
  return options_.missing_end == MissingEnd::kReplace ? options_.missing_end_value
                                                      : reward - options_.missing_end_value;
}

void Scorer::add_rewards(std::span<Record* const> records) {
  if (records.empty() || reward_models_.empty()) return;
  std::vector<std::vector<float>> rewards(records.size());  // of each record, by model
  std::vector<bool> stopped;
  for (const auto& m : reward_models_) {
    std::vector<Trajectory> read;
    for (const Record* r : records) {
      read.push_back(for_reward(*r, *m));
      check_fits(read.back(), m->model().config(), m->title(), kLeaveOut);
      if (stopped.size() < records.size()) stopped.push_back(read.back().stopped);
    }
    const auto scores = evaluator_.end_scores(m->model().transformer, views(read));
    for (std::size_t i = 0; i < records.size(); ++i) rewards[i].push_back(m->reward_of(scores[i]));
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i]->set_real("reward", with_end(combined_reward(rewards[i], options_.combine), stopped[i]));
    for (std::size_t m = 0; rewards[i].size() > 1 && m < rewards[i].size(); ++m)
      records[i]->set_real(reward_models_[m]->field(), rewards[i][m]);
  }
}

void Scorer::add_references(std::span<Record* const> records) {
  if (records.empty() || !reference_) return;
  std::vector<Trajectory> compared;
  for (const Record* r : records) {
    compared.push_back(for_reference(*r));
    check_fits(compared.back(), reference_->config(), "reference", kLeaveOut);
    check_dtype(compared.back(), options_.dtype);
    if (compared.back().temperature == 0) compared.back().temperature = 1;  // as in rollout's log-probs
  }
  const TokenStats stats = evaluator_.stats(reference_->transformer, views(compared));
  std::span<const float> rest = stats.logprobs;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const ResponseView view = compared[i].view();
    const auto n = static_cast<std::size_t>(view.predicted());
    records[i]->set_reals("ref_logprobs", spread(view, rest.first(n)));
    records[i]->set_text("ref_policy", reference_digest_);
    rest = rest.subspan(n);
  }
}

void Scorer::score_pairs(std::span<Record* const> records, std::span<const std::int64_t> numbers) {
  if (records.empty()) return;
  if (reward_models_.empty()) bad_input(records[0]->where() + ": is a preference pair, which needs --reward-model");
  std::vector<Ranking> as_first;                                                     // as the first model reads them
  std::vector<std::vector<float>> chosen(records.size()), rejected(records.size());  // of each record, by model
  for (const auto& m : reward_models_) {
    std::vector<Ranking> read;
    for (std::size_t i = 0; i < records.size(); ++i) {
      read.push_back(m->pair(*records[i], numbers[i]));
      check_fits(read.back(), m->model().config(), kLeaveOut);
    }
    std::vector<ResponseView> answers;
    for (const Ranking& r : read) answers.push_back(r.view(0)), answers.push_back(r.view(1));
    for (const ResponseView& view : answers) tokens_ += view.tokens();
    const auto scores = evaluator_.end_scores(m->model().transformer, answers);
    for (std::size_t i = 0; i < records.size(); ++i) {
      chosen[i].push_back(m->reward_of(scores[2 * i]));
      rejected[i].push_back(m->reward_of(scores[2 * i + 1]));
    }
    if (as_first.empty()) as_first = std::move(read);
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    const float better = combined_reward(chosen[i], options_.combine);
    const float worse = combined_reward(rejected[i], options_.combine);
    count(as_first[i], better, worse);
    records[i]->set_real("chosen_reward", better);
    records[i]->set_real("rejected_reward", worse);
    for (std::size_t m = 0; chosen[i].size() > 1 && m < chosen[i].size(); ++m) {
      records[i]->set_real("chosen_" + reward_models_[m]->field(), chosen[i][m]);
      records[i]->set_real("rejected_" + reward_models_[m]->field(), rejected[i][m]);
    }
  }
}

}  // namespace nudge
