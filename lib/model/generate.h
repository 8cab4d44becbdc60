// Sampling answers to prompts, many at a time over a KV cache: a finished sequence leaves its slot and the
// next enters at once. What is drawn depends on the weights, the prompt, the seed and the sample's id alone.
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
  Generator(const Model& model, GenerateOptions options);

  // One response for each request, in their order. Consecutive requests with the same prompt share its prefill.
  // `progress` is called with the number of tokens after each step. Errors: sample_token's, naming the request.
  std::vector<SampledResponse> run(std::span<const SampleRequest> requests,
                                   const std::function<void(std::int64_t tokens)>& progress = {});

 private:
  struct Slot {
    std::int64_t request = -1;  // -1: free
    std::int32_t next = 0;      // the token drawn last, not yet in the cache
  };

  void prefill(const std::vector<std::int32_t>& prompt);
  void step(std::span<const SampleRequest> requests, std::vector<SampledResponse>& responses);
  // Draws from a row of logits for a request. True when the response has ended.
  bool draw(const float* logits, const SampleRequest& request, SampledResponse& response) const;
  bool meets_stop_text(const SampledResponse& response) const;

  const Model& model_;
  GenerateOptions options_;
  KvCache cache_;  // slot `slots` holds the prompt prefilled last
  Trace trace_;
  std::vector<Slot> slots_;
  std::vector<std::int32_t> prefilled_;
  Buffer<float> prompt_logits_, logits_;
};

}  // namespace nudge
