// One of score's reward models: its name, how it reads records, and its scale.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/adapter_folder.h"
#include "lib/model/folder.h"
#include "lib/rl/dialogue.h"
#include "lib/rl/preference.h"
#include "lib/rl/trajectory.h"

namespace nudge {

inline constexpr const char* kScoreReader = "score";  // the program that reads the records, in messages

struct NamedFolder {
  std::string name;  // "" for a single model, whose reward is "reward"
  std::string folder;
};

// What --reward-model was given: FOLDER or NAME=FOLDER, where NAME has no "/". One of several without a name gets its
// place, from 1. Errors: kUsage for a name of a single model, an odd name, or a name given twice.
std::vector<NamedFolder> named_folders(const std::vector<std::string>& given);

class RewardScorer {
 public:
  RewardScorer(const NamedFolder& from, Dtype dtype, const ChatOptions& chat, Bases& bases);
  RewardScorer(const RewardScorer&) = delete;
  RewardScorer& operator=(const RewardScorer&) = delete;

  const Model& model() const { return model_; }
  const Dialogues& dialogues() const { return dialogues_; }
  const std::string& name() const { return name_; }
  std::string title() const { return name_.empty() ? "reward model" : "reward model " + name_; }  // for messages
  // "reward" or "reward_NAME", the field that holds this model's reward.
  std::string field() const { return name_.empty() ? "reward" : "reward_" + name_; }

  // Whether another tokenizer made the record's tokens.
  bool reads_again(const Record& record) const;
  // The trajectory as this model reads it; of another tokenizer, it is encoded again from its texts, and gets this
  // model's EOS token if it ended by itself. `must_know_end`: refuses one of which can't be told whether it did.
  Trajectory trajectory(const Record& record, bool must_know_end);
  Ranking pair(const Record& record, std::int64_t number);
  // On the scale of config.json. Rewards are float32 in every program, so the quotient is rounded once.
  float reward_of(float score) const;

 private:
  bool ended(const Record& record, bool must_know_end) const;

  std::string name_;
  Model model_;
  Dialogues dialogues_;
};

// The record read against a model's vocabulary. Errors: read_trajectory's, with advice.
Trajectory trajectory_of(const Record& record, const Model& model);

}  // namespace nudge
