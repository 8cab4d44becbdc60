// From trajectories to which another program added a text, such as a tool's answer, to longer ones: rollout --continue.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>

#include "lib/rl/trajectory.h"
#include "lib/run/rollout.h"

namespace nudge {

// Appends each trajectory's "continuation" to its response and samples on behind it, in the input's order. A trajectory
// without one is done and passes through.
//
// What was there is never tokenised again, and the text is tokenised alone, as a continuation. Its tokens have loss_mask
// 0 and log-prob 0, those that are sampled 1 and their log-prob. The random number of a position is the id's, so that
// none is used twice: with empty continuations the pieces are the response of one go.
class Continuation {
 public:
  // options.samples, chat and skip_long are not used.
  Continuation(Model& model, RolloutOptions options);

  // `trajectories`: as Rollout's prompts; the records' numbers are not used. Errors: kBadInput naming the record: no
  // trajectory, a duplicate id, one of another policy, tokenizer, dtype, arithmetic, seed or way of sampling, a mask
  // that isn't one, no room in the tokens in flight; those of sampling, naming policy and sample.
  void run(const Rollout::Prompts& trajectories, KeptRecords& kept, RecordWriter& out, const TokenProgress& progress);

  // tokens: sampled here; stopped, cut: of those continued; done: those that passed through.
  struct Counts {
    std::int64_t trajectories = 0, tokens = 0, stopped = 0, done = 0;
  };
  const Counts& counts() const { return counts_; }
  const std::string& policy_digest() const { return policy_digest_; }

 private:
  struct Work {
    Record record;               // with what needs no sampling
    SampleRequest request = {};  // only if it is sampled on
    bool sampled = false;
  };

  bool read(const Rollout::Prompts& trajectories, Work& work);
  void check_origin(const Record& record) const;
  Work begin(const Record& record, const Trajectory& t) const;
  Record continued(const Record& record, const std::vector<std::int32_t>& prompt,
                   const SampledResponse& response) const;
  bool is_kept(const Work& work, KeptRecords& kept);
  void enter(Work&& work, RecordWriter& out);
  void write_waiting(RecordWriter& out);
  void count(const SampleRequest& request, const SampledResponse& response);

  Model& model_;
  RolloutOptions options_;
  Generator generator_;
  std::string policy_digest_;
  std::deque<Work> waiting_;  // for those before them, in order; requests of these are the generator's
  std::optional<Work> next_;  // read, to be sampled, and not yet asked for
  bool ended_ = false;        // there are no more
  std::unordered_set<std::string> ids_;
  Counts counts_;
};

}  // namespace nudge
