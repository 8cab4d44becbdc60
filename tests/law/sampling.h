// Requests to a tiny model and what it answers.
#pragma once

#include "lib/model/generate.h"
#include "tests/law/law.h"
#include "tests/model/tiny_model.h"

namespace nudge::test {

// A model of 257 tokens of which every 40th ends a response, so that responses differ in length.
inline Model sampler(std::uint64_t seed = 1) {
  Model model = tiny_model(seed, 8, {2, 36, 3, 90});
  model.eos.clear();
  for (std::int32_t t = 256; t >= 0; t -= 40) model.eos.push_back(t);
  model.transformer.pack();
  return model;
}

// Without ending tokens, so that only what a test asks for ends a response.
inline Model endless() {
  Model model = sampler();
  model.eos.clear();
  return model;
}

// Prompts of 1 to 40 tokens; the first three and two more have one prompt.
inline std::vector<SampleRequest> requests() {
  std::vector<SampleRequest> all;
  const std::vector<std::string> prompts{"same",
                                         "same",
                                         "same",
                                         "a",
                                         "a much longer prompt than the others are",
                                         "xyz",
                                         "b",
                                         "b",
                                         "and the last of them, 33 bytes...",
                                         "!?"};
  for (const std::string& p : prompts) {
    SampleRequest r;
    r.id = std::to_string(all.size() / 2) + "/" + std::to_string(all.size());
    for (char c : p) r.prompt.push_back(static_cast<unsigned char>(c) % 250);
    all.push_back(r);
  }
  return all;
}

inline GenerateOptions options_with(float temperature, std::int64_t slots, std::int64_t max_tokens = 30) {
  GenerateOptions o;
  o.sampling.temperature = temperature;
  o.slots = slots;
  o.max_tokens = max_tokens;
  o.seed = 3;
  return o;
}

inline bool same_response(const SampledResponse& a, const SampledResponse& b) {
  return a.ids == b.ids && a.stopped == b.stopped && same_bits(a.logprobs, b.logprobs);
}

}  // namespace nudge::test
