#include "lib/model/generate.h"

#include <algorithm>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/rng.h"
#include "lib/kernels/kernels.h"

namespace nudge {

Generator::Generator(const Model& model, GenerateOptions options) : model_(model), options_(std::move(options)) {
  slots_.resize(static_cast<std::size_t>(options_.slots));
  prompt_logits_.reserve(model.config().vocab);
}

void Generator::prefill(const std::vector<std::int32_t>& prompt) {
  if (prompt == prefilled_) return;
  Batch batch;
  batch.add(prompt);
  const std::int64_t slot = options_.slots;
  cache_.clear(slot);
  model_.transformer.extend(batch, {&slot, 1}, cache_, trace_);
  const std::int64_t last = (batch.size() - 1) * model_.config().width;
  model_.transformer.logits(trace_.final.data() + last, 1, prompt_logits_.data());
  prefilled_ = prompt;
}

bool Generator::meets_stop_text(const SampledResponse& response) const {
  if (options_.stop.empty()) return false;
  // Only the end can have become a stop text with the last token: as many tokens as hold the longest one's bytes
  // are decoded, and a few bytes more, which keep characters whole. Special tokens hold none.
  std::size_t longest = 0, tail = 0;
  for (const std::string& s : options_.stop) longest = std::max(longest, s.size());
  for (std::size_t bytes = 0; tail < response.ids.size() && bytes < longest + 4; ++tail) {
    const std::int32_t token = response.ids[response.ids.size() - 1 - tail];
    if (!model_.tokenizer.is_special(token)) bytes += model_.tokenizer.token_bytes(token).size();
  }
  if (!model_.tokenizer.decodes_bytes_alone()) tail = response.ids.size();  // a tail's first token loses its space
  const std::string text = model_.tokenizer.decode(std::span(response.ids).last(tail), true);
  return std::any_of(options_.stop.begin(), options_.stop.end(),
                     [&](const std::string& s) { return text.find(s) != std::string::npos; });
}

bool Generator::draw(const float* logits, const SampleRequest& request, SampledResponse& response) const {
  thread_local Buffer<float> weights;
  const std::int64_t V = model_.config().vocab;
  const double u = uniform(options_.seed, stream_of(request.id), response.ids.size());
  std::int32_t token = 0;
  try {
    token = sample_token(logits, V, options_.sampling, u, weights);
  } catch (const Error& e) {
    throw Error(e.status(), "sample " + request.id + ": " + e.what(), e.advice());
  }
  const float temperature = options_.sampling.temperature == 0 ? 1.0f : options_.sampling.temperature;
  RowStats stats;
  kernels().row_stats(logits, V, temperature, token, &stats);
  response.ids.push_back(token);
  response.logprobs.push_back(stats.logprob);
  response.stopped = model_.ends(token) || meets_stop_text(response);
  const auto length = static_cast<std::int64_t>(request.prompt.size() + response.ids.size());
  return response.stopped || static_cast<std::int64_t>(response.ids.size()) >= options_.max_tokens ||
         length >= model_.config().context;
}

void Generator::step(std::span<const SampleRequest> requests, std::vector<SampledResponse>& responses) {
  const std::int64_t V = model_.config().vocab;
  Batch batch;
  std::vector<std::int64_t> active;
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    if (slots_[s].request < 0) continue;
    batch.add({&slots_[s].next, 1});
    active.push_back(static_cast<std::int64_t>(s));
  }
  const auto n = static_cast<std::int64_t>(active.size());
  model_.transformer.extend(batch, active, cache_, trace_);
  logits_.reserve(n * V);
  // The final states stand in the order of the runs, one row each.
  model_.transformer.logits(trace_.final.data(), n, logits_.data());
  parallel_for(n, [&](std::int64_t i) {
    Slot& slot = slots_[static_cast<std::size_t>(active[static_cast<std::size_t>(i)])];
    const auto r = static_cast<std::size_t>(slot.request);
    if (draw(logits_.data() + i * V, requests[r], responses[r])) slot.request = -1;
    slot.next = responses[r].ids.back();
  });
  for (std::int64_t s : active)
    if (slots_[static_cast<std::size_t>(s)].request < 0) cache_.clear(s);
}

std::vector<SampledResponse> Generator::run(std::span<const SampleRequest> requests,
                                            const std::function<void(std::int64_t)>& progress) {
  for (const SampleRequest& r : requests) {
    const auto prompt = static_cast<std::int64_t>(r.prompt.size());
    if (prompt < 1 || prompt >= model_.config().context)
      throw Error(Exit::kInternal, "a prompt without tokens or without room for an answer reached the generator");
  }
  if (!cache_.serves(model_.config()))
    cache_ = KvCache(model_.config().layers, model_.config(), options_.slots + 1, Dtype::kF32);
  std::vector<SampledResponse> responses(requests.size());
  std::size_t entered = 0;
  std::int64_t tokens = 0;
  for (;;) {
    bool busy = false;
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      Slot& slot = slots_[s];
      while (slot.request < 0 && entered < requests.size()) {
        const std::size_t r = entered++;
        prefill(requests[r].prompt);
        bool ended = false;
        parallel_for(1, [&](std::int64_t) { ended = draw(prompt_logits_.data(), requests[r], responses[r]); });
        ++tokens;
        if (ended) continue;
        cache_.share(options_.slots, static_cast<std::int64_t>(s), cache_.length(options_.slots));
        slot = {static_cast<std::int64_t>(r), responses[r].ids.back()};
      }
      busy = busy || slot.request >= 0;
    }
    if (!busy) break;
    for (const Slot& slot : slots_) tokens += slot.request >= 0;
    step(requests, responses);
    if (progress) progress(tokens);
  }
  return responses;
}

}  // namespace nudge
