// From prompt records to trajectory records.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "lib/io/record.h"
#include "lib/io/stream.h"
#include "lib/model/folder.h"
#include "lib/model/generate.h"
#include "lib/train/dialogue.h"

namespace nudge {

struct RolloutOptions {
  GenerateOptions generate;
  std::int64_t samples = 1;  // a prompt
  std::string policy;        // its folder, for messages
  std::string chat_format;   // of prompts that are dialogues: a name, or "" for the model's own
};

using TokenProgress = std::function<void(std::int64_t tokens)>;

// Collects samples to be drawn and draws them in windows: large enough to keep the generator's slots busy, small
// enough to bound memory, also where a prompt has more samples than a window. Trajectories come in the prompts' order.
class Rollout {
 public:
  Rollout(Model& model, RolloutOptions options);

  // Takes a prompt record, {"prompt"} with a text or a dialogue, or {"messages"}. `number` is its number in the whole
  // input, its group where it has no id. Errors: kBadInput naming the record: no prompt, an empty one, one that
  // leaves no room in the context or among the tokens in flight, an id seen before. Writes the trajectories of each
  // window that it fills.
  void add(const Record& record, std::int64_t number, RecordWriter& out, const TokenProgress& progress);
  // Writes the trajectories of what is left. To be called at the input's end. Errors: the sampling's, naming policy
  // and sample.
  void finish(RecordWriter& out, const TokenProgress& progress);

  struct Tally {
    std::int64_t trajectories = 0, tokens = 0, stopped = 0;
  };
  const Tally& tally() const { return tally_; }
  const std::string& policy_digest() const { return policy_digest_; }

 private:
  bool window_full() const { return static_cast<std::int64_t>(requests_.size()) >= 8 * options_.generate.slots; }
  Record as_text(const Record& record) const;
  Record trajectory(const Record& prompt, const SampleRequest& request, const SampledResponse& response) const;

  Model& model_;
  RolloutOptions options_;
  Generator generator_;
  Dialogues dialogues_;
  std::string policy_digest_;
  std::vector<Record> prompts_;          // of the window
  std::vector<SampleRequest> requests_;
  std::vector<std::size_t> owners_;      // of each request, its place in prompts_
  std::unordered_set<std::string> groups_;
  Tally tally_;
};

}  // namespace nudge
