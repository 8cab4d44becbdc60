// From prompt records to trajectory records.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "lib/io/record.h"
#include "lib/io/stream.h"
#include "lib/model/folder.h"
#include "lib/model/generate.h"

namespace nudge {

struct RolloutOptions {
  GenerateOptions generate;
  std::int64_t samples = 1;  // a prompt
};

// Collects prompts and samples them in windows: large enough to keep the generator's slots busy, small enough to
// bound memory. Trajectories come in the order of the prompts.
class Rollout {
 public:
  Rollout(Model& model, RolloutOptions options);

  // Takes a prompt record. `number` is its number in the whole input, its group where it has no id. Errors:
  // kBadInput naming the record: no prompt, an empty one, one that leaves no room in the context, an id seen before.
  void add(const Record& prompt, std::int64_t number);
  bool window_full() const { return static_cast<std::int64_t>(requests_.size()) >= 8 * options_.generate.slots; }
  // Samples what was added and writes the trajectories.
  void sample(RecordWriter& out, const std::function<void(std::int64_t tokens)>& progress);

  struct Tally {
    std::int64_t trajectories = 0, tokens = 0, stopped = 0;
  };
  const Tally& tally() const { return tally_; }
  const std::string& policy_digest() const { return policy_digest_; }

 private:
  Record trajectory(const Record& prompt, const SampleRequest& request, const SampledResponse& response) const;

  Model& model_;
  RolloutOptions options_;
  Generator generator_;
  std::string policy_digest_;
  std::vector<Record> prompts_;          // of the window; request i belongs to prompt i / samples
  std::vector<SampleRequest> requests_;
  std::unordered_set<std::string> groups_;
  Tally tally_;
};

}  // namespace nudge
