// Samples answers to prompts with continuous batching over a KV cache: when a sequence finishes, the next enters at once.
// A sample depends on the weights, the prompt, the seed and the sample's id alone.
//
// A sequence is its prompt and response so far, of which the cache holds a prefix. A step forwards missing tokens (the
// last one of a decoding sequence, a chunk of a new one) and samples for each sequence that misses none, so prompts are
// prefilled beside decoding. Sequences with the same prompt share it: the first prefills it, the others take over all
// but its last token, unless windows of attention have left it by then. When the cache runs out of blocks, the sequence
// that entered last is preempted and enters again later: by the law recomputing its tokens gives the same bits, so only
// time is lost.
//
// Requests are read when there is a slot for them and responses delivered in order, so an endless input needs no more
// memory than a short one: a finished response waits for those before it, and no request enters that is kMostAhead or
// more behind the first unfinished one.
#pragma once

#include <cstdint>
#include <deque>
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
  std::int64_t max_tokens = 64;  // of a response
  std::uint64_t seed = 0;
  std::vector<std::string> stop;  // texts that end a response; they stay in it
  std::int64_t slots = 32;        // sequences at a time
  // With keys and values in the cache, in whole blocks; 0: what the slots need. In layers that give back what their
  // window has left, more tokens share the same memory.
  std::int64_t tokens_in_flight = 0;
  std::string model;  // its folder, for messages
};

struct SampledResponse {
  std::vector<std::int32_t> ids;  // the ending token included
  std::vector<float> logprobs;    // over the whole vocabulary at the temperature (at 1 for temperature 0)
  bool stopped = false;           // by an ending token or a stop text, not by a length
};

struct SampleRequest {
  std::string id;                    // the random numbers' stream
  std::vector<std::int32_t> prompt;  // 1 .. context - 1 tokens
  SampledResponse begun = {};        // what the response begins with, with a log-prob for each token; sampling goes on
                                     // with the random number of the next position
};

class Generator {
 public:
  // Tokens per step, in all, of sequences that miss more than their last one: enough rows for fast products, few enough
  // that decoding sequences don't wait long.
  static constexpr std::int64_t kPrefill = 256;
  // How far apart requests in progress may be: enough to keep slots busy beside the longest response.
  static constexpr std::int64_t kMostAhead = 4096;

  using Source = std::function<bool(SampleRequest&)>;  // the next request; false where there are no more
  using Ready = std::function<bool()>;                 // whether the source has one without waiting
  using Sink = std::function<void(const SampleRequest&, SampledResponse&&)>;
  using TokenCount = std::function<void(std::int64_t tokens)>;

  Generator(const Model& model, GenerateOptions options);

  // The most tokens that a sequence with a prompt of so many can come to; and whether tokens_in_flight allows what the
  // cache then holds of them.
  std::int64_t most_tokens(std::int64_t prompt) const;
  bool fits(std::int64_t prompt) const { return cache_.most_held(most_tokens(prompt), kPrefill) <= blocks_; }

  // Passes one response per request of `source` to `sink`, in order. Consecutive requests with the same prompt share it.
  // While the source isn't `ready`, running sequences go on; the run waits for it only when none is left. Calls
  // `progress` with the number of tokens after each step. An exception from any of these functions ends the run and
  // loses the responses in progress. Errors: sample_token's, naming the request; kInternal for a prompt that is empty,
  // fills the context or doesn't fit, and for a response that is begun and has no room for a token more.
  void run(const Source& source, const Sink& sink, const TokenCount& progress = {}, const Ready& ready = {});
  std::vector<SampledResponse> run(std::span<const SampleRequest> requests, const TokenCount& progress = {});

  // Counts of the last run: rows are tokens forwarded; blocks the most in the cache at a time, of all layers; waiting the most requests
  // read whose responses were not yet delivered.
  struct Counts {
    std::int64_t steps = 0, rows = 0, tokens = 0, blocks = 0, preempted = 0, waiting = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  struct Drawn {
    SampleRequest request;
    SampledResponse response;
    std::int64_t group = 0;  // the number of the first of those in a row that have its prompt
    bool ended = false;
  };
  // Ordered by request: those that wait come behind all that run.
  struct Running {
    std::int64_t request;  // its number
    std::int64_t group;
    std::int64_t sequence;  // of the cache
    bool waiting = false;   // for one before it that reads their prompt
    bool ended = false;
  };

  Drawn& drawn(std::int64_t request) { return drawn_[static_cast<std::size_t>(request - first_)]; }
  const Drawn& drawn(std::int64_t request) const { return drawn_[static_cast<std::size_t>(request - first_)]; }
  std::int64_t tokens_of(std::int64_t request) const {
    return std::ssize(drawn(request).request.prompt) + std::ssize(drawn(request).response.ids);
  }
  // Blocks of a layer that a sequence still takes for its tokens and a block more.
  std::int64_t blocks_wanted(const Running& r) const;
  // Lets sequence i of the running have the prompt from one before it. False where one before it has still to read it.
  bool take_prompt(std::size_t i);
  void begin();
  bool draw_request(const Source& source, const Ready& ready);
  void enter(const Source& source, const Ready& ready);
  void preempt_last();
  void leave(const Source& source, const Sink& sink, const Ready& ready);
  void hand_on(const Sink& sink);
  void step();
  // Draws from a row of logits for a request. True when the response has ended.
  bool draw(const float* logits, const SampleRequest& request, SampledResponse& response) const;
  bool meets_stop_text(const SampleRequest& request, const SampledResponse& response) const;

  const Model& model_;
  GenerateOptions options_;
  std::int64_t blocks_;  // of one layer, that the cache may hold
  KvCache cache_;
  Trace trace_;
  Buffer<float> states_, logits_;
  Counts counts_;
  // Of the run in progress.
  std::deque<Drawn> drawn_;           // and not yet handed on
  std::int64_t first_ = 0;            // number of the first of these, in the run
  std::int64_t next_ = 0;             // all before it run or have ended
  std::vector<std::int32_t> prompt_;  // of the one drawn last, and its group
  std::int64_t group_ = 0;
  bool exhausted_ = false;  // the source has no more
  std::vector<Running> running_;
  std::vector<std::int64_t> free_;  // sequences of the cache
};

}  // namespace nudge
