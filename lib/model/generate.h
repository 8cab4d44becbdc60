// Sampling answers to prompts, many at a time over a KV cache: a finished sequence leaves and the next enters at once.
// What is drawn depends on the weights, the prompt, the seed and the sample's id alone.
//
// A sequence has tokens, prompt and response so far, and some of them in the cache; a step forwards what is missing, of
// a running one its last token, of one that has entered a chunk, and draws for each that misses nothing. So prompts are
// read beside decoding. Sequences of one prompt share it: the first one reads it, the others take over all of it but
// the last token. Where the cache's blocks run out, the sequence that entered last leaves it and enters again later:
// by the law reading its tokens again gives the same bits, so nothing is lost but time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lib/model/folder.h"
#include "lib/model/kv_cache.h"
#include "lib/model/sample.h"

namespace nudge {

struct GenerateOptions {
  SamplingOptions sampling;
  std::int64_t max_tokens = 64;     // of a response
  std::uint64_t seed = 0;
  std::vector<std::string> stop;    // texts that end a response; they stay in it
  std::int64_t slots = 32;          // sequences at a time
  std::int64_t tokens_in_flight = 0;  // with keys and values in the cache, in whole blocks; 0: what the slots need
};

struct SampleRequest {
  std::string id;                     // the random numbers' stream
  std::vector<std::int32_t> prompt;   // 1 .. context - 1 tokens
};

struct SampledResponse {
  std::vector<std::int32_t> ids;   // the ending token included
  std::vector<float> logprobs;     // over the whole vocabulary at the temperature (at 1 for temperature 0)
  bool stopped = false;            // by an ending token or a stop text, not by a length
};

class Generator {
 public:
  // How many tokens a step reads of sequences that miss more than their last one, in all: rows enough for the products
  // to be fast, few enough for the others not to wait long.
  static constexpr std::int64_t kPrefill = 256;

  Generator(const Model& model, GenerateOptions options);

  // The most tokens that a sequence comes to have in the cache, with a prompt of so many; and whether tokens_in_flight
  // allows them.
  std::int64_t most_tokens(std::int64_t prompt) const;
  bool fits(std::int64_t prompt) const { return KvCache::blocks_for(most_tokens(prompt)) <= blocks_; }

  // One response for each request, in their order. Consecutive requests with the same prompt share it.
  // `progress` is called with the number of tokens after each step. Errors: sample_token's, naming the request;
  // kInternal for a prompt that is empty, leaves no room in the context or doesn't fit.
  std::vector<SampledResponse> run(std::span<const SampleRequest> requests,
                                   const std::function<void(std::int64_t tokens)>& progress = {});

  // What the last run took: rows are tokens forwarded, blocks the most that the cache held at a time.
  struct Counts {
    std::int64_t steps = 0, rows = 0, tokens = 0, blocks = 0, preempted = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  // Ordered by request: those that wait come behind all that run.
  struct Running {
    std::size_t request;
    std::int64_t sequence;   // of the cache
    bool waiting = false;    // for one before it that reads their prompt
    bool ended = false;
  };

  std::int64_t tokens_of(std::size_t request) const {
    return std::ssize(requests_[request].prompt) + std::ssize(responses_[request].ids);
  }
  // Blocks that a sequence still takes for its tokens and a block more.
  std::int64_t blocks_wanted(const Running& r) const;
  // Lets sequence i of the running have the prompt from one before it. False where none before it has read it yet.
  bool take_prompt(std::size_t i);
  void enter();
  void preempt_last();
  void leave();
  void step();
  // Draws from a row of logits for a request. True when the response has ended.
  bool draw(const float* logits, const SampleRequest& request, SampledResponse& response) const;
  bool meets_stop_text(const SampledResponse& response) const;

  const Model& model_;
  GenerateOptions options_;
  std::int64_t blocks_;  // that the cache may hold
  KvCache cache_;
  Trace trace_;
  Buffer<float> states_, logits_;
  Counts counts_;
  // Of the run in progress.
  std::span<const SampleRequest> requests_;
  std::vector<SampledResponse> responses_;
  std::vector<std::size_t> groups_;   // of each request, the first of those in a row that have its prompt
  std::vector<char> ended_;           // of each request
  std::size_t next_ = 0;              // all before it run or have ended
  std::vector<Running> running_;
  std::vector<std::int64_t> free_;    // sequences of the cache
};

}  // namespace nudge
