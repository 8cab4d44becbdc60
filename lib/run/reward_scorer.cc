#include "lib/run/reward_scorer.h"

#include <set>
#include <utility>

#include "lib/base/error.h"
#include "lib/rl/record_kind.h"

namespace nudge {
namespace {

Model packed(const std::string& folder, Dtype dtype, Bases& bases) {
  Model model = load_model(folder, HeadKind::kScore, dtype, &bases);
  model.transformer.pack();
  return model;
}

void check_name(const NamedFolder& f) {
  const bool odd =
      f.name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != std::string::npos;
  if (f.name.empty() || odd)
    usage_error("--reward-model " + f.name + "=" + f.folder + ": a name has letters, digits, _ and - only",
                "give NAME=FOLDER; a folder with = in its own name as ./FOLDER");
  if (f.folder.empty()) usage_error("--reward-model " + f.name + "=: the folder is missing", "give NAME=FOLDER");
}

}  // namespace

std::vector<NamedFolder> named_folders(const std::vector<std::string>& given) {
  std::vector<NamedFolder> all;
  std::set<std::string> names;
  for (const std::string& text : given) {
    const std::size_t equals = text.find('=');
    const bool named = equals != std::string::npos && text.find('/') > equals;
    NamedFolder f{named ? text.substr(0, equals) : "", named ? text.substr(equals + 1) : text};
    if (named) check_name(f);
    if (named && given.size() == 1)
      usage_error("--reward-model " + text + ": a name is for one of several reward models",
                  "leave it out; a folder with = in its own name is ./" + text);
    if (!named && given.size() > 1) f.name = std::to_string(all.size() + 1);
    if (!names.insert(f.name).second)
      usage_error("--reward-model " + text + ": the name " + f.name + " was given before",
                  "give each reward model a name of its own");
    all.push_back(std::move(f));
  }
  return all;
}

Trajectory trajectory_of(const Record& record, const Model& model) {
  return read_as(RecordKind::kTrajectory, kScoreReader, record,
                 [&] { return read_trajectory(record, model.config()); });
}

RewardScorer::RewardScorer(const NamedFolder& from, Dtype dtype, const ChatOptions& chat, Bases& bases)
    : name_(from.name), model_(packed(from.folder, dtype, bases)), dialogues_(model_, chat) {}

float RewardScorer::reward_of(float score) const {
  const ModelConfig& c = model_.config();
  return static_cast<float>((static_cast<double>(score) - c.reward_mean) / c.reward_std);
}

bool RewardScorer::reads_again(const Record& record) const {
  const std::string own = model_.tokenizer.digest();
  return record.find_text("tokenizer").value_or(own) != own;
}

// Matters for --missing-end and for trajectories that are encoded again; only the former needs certainty.
bool RewardScorer::ended(const Record& record, bool must_know_end) const {
  if (record.has("finish") || !must_know_end) return ended_by_itself(record);
  const bool other = reads_again(record);
  if (other || model_.eos.empty())
    bad_input(record.where() + ": field \"finish\" is missing, and " +
                  (other ? "its last token is of another tokenizer than the reward model's"
                         : "the reward model's folder names no ending token") +
                  ", so it is unknown whether it was cut off",
              "add \"finish\", \"stop\" or \"length\", or leave --missing-end out");
  return ended_by_itself(record, model_);
}

Trajectory RewardScorer::trajectory(const Record& record, bool must_know_end) {
  if (!reads_again(record)) {
    Trajectory own = trajectory_of(record, model_);
    own.stopped = ended(record, must_know_end);
    return own;
  }
  Trajectory t;
  t.where = record.where();
  t.id = record.name("id");
  t.stopped = ended(record, must_know_end);
  const auto again =
      dialogues_.rendered_again(record).value_or(AnsweredPrompt{{record.text("prompt")}, record.text("response")});
  t.prompt_ids = encode_start(record, "prompt", again.prompt, model_.tokenizer);
  t.response_ids = encode_answer(record, "response", again.answer, model_);
  // A response that was cut off loses the EOS token that the template added.
  while (!t.stopped && !t.response_ids.empty() && model_.ends(t.response_ids.back())) t.response_ids.pop_back();
  if (t.response_ids.empty()) record.fail("response", "has no token for the reward model");
  return t;
}

Ranking RewardScorer::pair(const Record& record, std::int64_t number) {
  return read_as(RecordKind::kPreference, kScoreReader, record,
                 [&] { return read_ranking(record, number, model_, dialogues_); });
}

}  // namespace nudge
