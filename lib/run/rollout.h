// From prompt records to trajectory records.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "lib/io/record.h"
#include "lib/io/stream.h"
#include "lib/model/folder.h"
#include "lib/model/generate.h"
#include "lib/rl/dialogue.h"
#include "lib/run/filter.h"

namespace nudge {

struct RolloutOptions {
  GenerateOptions generate;
  std::int64_t samples = 1;  // a prompt
  std::string policy;        // its folder, for messages
  ChatOptions chat;          // of prompts that are dialogues
  bool skip_long = false;    // leave out prompts that fill the context, instead of failing
};

// With the policy's folder as the model that messages of sampling name.
RolloutOptions named_model(RolloutOptions options);

// Whether the field describes one response, and so says nothing of another to the same prompt.
bool is_of_a_response(std::string_view key);

// Error kBadInput naming the record where a prompt of so many tokens may come to more than --max-tokens-in-flight.
void check_in_flight(const Generator& generator, const GenerateOptions& options, const Record& record,
                     std::int64_t prompt);

using TokenProgress = std::function<void(std::int64_t tokens)>;

// Samples responses to prompts as they are read and writes their trajectories in the prompts' order.
class Rollout {
 public:
  Rollout(Model& model, RolloutOptions options);

  // `next` gets the next prompt record, {"prompt"} with a text or a dialogue, or {"messages"}, and its number in the
  // whole input, which names its group if it has no id; false at the end. `ready` tells whether `next` would not wait;
  // if it would, sampling goes on meanwhile.
  struct Prompts {
    std::function<bool(Record& prompt, std::int64_t& number)> next;
    std::function<bool()> ready;
  };

  // Errors: kBadInput naming the record: a prompt that is missing, empty, or too long for the context (unless
  // `skip_long`) or for the tokens in flight, a duplicate id; those of sampling, naming policy and sample. Exceptions
  // of `prompts` and `progress` end it, with whole trajectories written.
  void run(const Prompts& prompts, KeptRecords& kept, RecordWriter& out, const TokenProgress& progress);

  struct Counts {
    std::int64_t trajectories = 0, tokens = 0, stopped = 0, skipped = 0, prompts = 0;  // skipped: of the prompts
    std::int64_t kept_tokens = 0;  // of `tokens`, those of an earlier run
  };
  const Counts& counts() const { return counts_; }
  const std::string& policy_digest() const { return policy_digest_; }
  const Dialogues& dialogues() const { return dialogues_; }

 private:
  Record as_text(const Record& record, PromptText& text);
  std::vector<std::int32_t> encode(const Record& prompt, const PromptText& text) const;
  bool needs_prompt() const { return !prompt_ || sample_ == options_.samples; }
  bool next_prompt(const Prompts& prompts);
  bool ready(const Prompts& prompts);
  bool next_request(const Prompts& prompts, SampleRequest& request);
  bool is_kept(const SampleRequest& request, KeptRecords& kept);
  Record trajectory(const SampleRequest& request, const SampledResponse& response) const;
  void count(const SampledResponse& response);

  Model& model_;
  RolloutOptions options_;
  Generator generator_;
  Dialogues dialogues_;
  std::string policy_digest_;
  std::shared_ptr<const Record> prompt_;  // the one that samples are drawn of, its tokens, group, and the next sample
  std::vector<std::int32_t> tokens_;
  std::string group_;
  std::int64_t sample_ = 0;
  bool ended_ = false;                                 // there are no more prompts
  std::deque<std::shared_ptr<const Record>> prompts_;  // of each request whose trajectory is not yet written
  std::unordered_set<std::string> groups_;
  Counts counts_;
};

}  // namespace nudge
