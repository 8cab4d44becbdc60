#include "lib/model/generate.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/profile.h"
#include "lib/base/rng.h"
#include "lib/kernels/kernels.h"

namespace nudge {

namespace {
constexpr std::int64_t kLogitRows = 64;  // at a time: a row is 200 kB with a vocabulary of 50,000
}

Generator::Generator(const Model& model, GenerateOptions options)
    : model_(model), options_(std::move(options)),
      blocks_(options_.tokens_in_flight == 0 ? std::numeric_limits<std::int64_t>::max()
                                             : options_.tokens_in_flight / kKvBlock * model_.config().layers),
      cache_(model.config().layers, model.config(), 2 * options_.slots, model.config().dtype) {}

// The token that is drawn last isn't read.
std::int64_t Generator::most_tokens(std::int64_t prompt) const {
  return prompt + std::min(options_.max_tokens, model_.config().context - prompt) - 1;
}

bool Generator::meets_stop_text(const SampleRequest& request, const SampledResponse& response) const {
  if (options_.stop.empty()) return false;
  // Only the end can have become a stop text with the last token: as many tokens as hold the longest one's bytes
  // are decoded, and a few bytes more, which keep characters whole. Special tokens hold none.
  std::size_t longest = 0, tail = 0;
  for (const std::string& s : options_.stop) longest = std::max(longest, s.size());
  for (std::size_t bytes = 0; tail < response.ids.size() && bytes < longest + 4; ++tail) {
    const std::int32_t token = response.ids[response.ids.size() - 1 - tail];
    if (!model_.tokenizer.is_special(token)) bytes += model_.tokenizer.token_bytes(token).size();
  }
  constexpr std::size_t kBefore =
      16;  // tokens that keep the tail's first one amid others: alone it might lose its space
  const std::span ids(response.ids);
  const std::span before = tail < ids.size() ? ids.first(ids.size() - tail) : std::span(request.prompt);
  const auto decoded = [&](std::size_t n) {
    return model_.tokenizer.decode_continuation(before.last(std::min(kBefore, before.size())), ids.last(tail).first(n));
  };
  const std::string text = decoded(tail);
  // A stop text in what the response began with ended it before: it has to end in what was sampled since.
  const std::size_t sampled = ids.size() - request.begun.ids.size();
  const std::string begun = tail > sampled ? decoded(tail - sampled) : std::string();
  const auto old = static_cast<std::size_t>(std::ranges::mismatch(text, begun).in1 - text.begin());
  return std::any_of(options_.stop.begin(), options_.stop.end(), [&](const std::string& s) {
    return text.find(s, old < s.size() ? 0 : old - s.size() + 1) != std::string::npos;
  });
}

bool Generator::draw(const float* logits, const SampleRequest& request, SampledResponse& response) const {
  thread_local Buffer<float> weights;
  const std::int64_t V = model_.config().vocab;
  const double u = uniform(options_.seed, stream_of(request.id), response.ids.size());
  std::int32_t token = 0;
  float logprob = 0;
  try {
    token = sample_token(logits, V, options_.sampling, u, weights, &logprob);
  } catch (const Error& e) {
    const std::string where = options_.model.empty() ? "" : options_.model + ": ";
    throw Error(e.status(), where + "sample " + request.id + ": " + e.what(), e.advice());
  }
  response.ids.push_back(token);
  response.logprobs.push_back(logprob);
  response.stopped = model_.ends(token) || meets_stop_text(request, response);
  const auto length = static_cast<std::int64_t>(request.prompt.size() + response.ids.size());
  return response.stopped || static_cast<std::int64_t>(response.ids.size()) >= options_.max_tokens ||
         length >= model_.config().context;
}

std::int64_t Generator::blocks_wanted(const Running& r) const {
  const std::int64_t prompt = std::ssize(drawn(r.request).request.prompt);
  const std::int64_t tokens = std::min(tokens_of(r.request) + kKvBlock, most_tokens(prompt));
  if (r.waiting) return cache_.most_held(tokens, kPrefill, prompt - 1);
  return cache_.to_grow(r.sequence, tokens, std::min(kPrefill, tokens_of(r.request) - cache_.length(r.sequence)));
}

bool Generator::take_prompt(std::size_t i) {
  const Running& r = running_[i];
  const std::int64_t shared = std::ssize(drawn(r.request).request.prompt) - 1;
  bool reads = false;  // one before it will have read the prompt
  for (std::size_t j = i; j-- > 0 && running_[j].group == r.group;) {
    if (running_[j].waiting || cache_.length(running_[j].sequence) < shared) {
      reads = true;
    } else if (cache_.can_share(running_[j].sequence, shared)) {
      cache_.share(running_[j].sequence, r.sequence, shared);
      return true;
    }
  }
  return !reads;
}

// False where there is none, or none may be drawn yet.
bool Generator::draw_request(const Source& source, const Ready& ready) {
  if (exhausted_ || std::ssize(drawn_) >= std::max(kMostAhead, options_.slots)) return false;
  if (!running_.empty() && ready && !ready()) return false;
  Drawn fresh;
  exhausted_ = !source(fresh.request);
  if (exhausted_) return false;
  const auto prompt = std::ssize(fresh.request.prompt), begun = std::ssize(fresh.request.begun.ids);
  const std::int64_t room = std::min(options_.max_tokens, model_.config().context - prompt);
  if (prompt < 1 || begun >= room || !fits(prompt))
    throw Error(Exit::kInternal, "a prompt without tokens or without room for an answer reached the generator");
  fresh.response = fresh.request.begun;
  if (fresh.request.prompt != prompt_) {
    prompt_ = fresh.request.prompt;
    group_ = first_ + std::ssize(drawn_);
  }
  fresh.group = group_;
  drawn_.push_back(std::move(fresh));
  counts_.waiting = std::max<std::int64_t>(counts_.waiting, std::ssize(drawn_));
  return true;
}

void Generator::enter(const Source& source, const Ready& ready) {
  std::int64_t living = 0, wanted = 0;
  for (const Running& r : running_) {
    if (r.ended) continue;
    ++living;
    wanted += blocks_wanted(r);
  }
  for (; living < options_.slots && (next_ < first_ + std::ssize(drawn_) || draw_request(source, ready)); ++next_) {
    if (drawn(next_).ended) continue;
    running_.push_back({next_, drawn(next_).group, free_.back()});
    Running& r = running_.back();
    r.waiting = !take_prompt(running_.size() - 1);
    wanted += blocks_wanted(r);
    if (living > 0 && wanted > blocks_ - cache_.held()) {
      cache_.clear(r.sequence);
      running_.pop_back();
      return;
    }
    free_.pop_back();
    ++living;
  }
}

void Generator::preempt_last() {
  const Running& r = running_.back();
  cache_.clear(r.sequence);
  free_.push_back(r.sequence);
  next_ = r.request;
  running_.pop_back();
  ++counts_.preempted;
}

// Those that have ended leave, when others have taken over their prompt. Their responses are handed on before: the
// source may wait for input.
void Generator::leave(const Source& source, const Sink& sink, const Ready& ready) {
  for (std::size_t i = 0; i < running_.size(); ++i)
    if (running_[i].waiting) running_[i].waiting = !take_prompt(i);
  for (const Running& r : running_)
    if (r.ended) drawn(r.request).ended = true;
  hand_on(sink);
  enter(source, ready);
  std::erase_if(running_, [&](const Running& r) {
    if (!r.ended) return false;
    cache_.clear(r.sequence);
    free_.push_back(r.sequence);
    return true;
  });
  enter(source, ready);
}

void Generator::hand_on(const Sink& sink) {
  for (; !drawn_.empty() && drawn_.front().ended; ++first_) {
    sink(drawn_.front().request, std::move(drawn_.front().response));
    drawn_.pop_front();
  }
  next_ = std::max(next_, first_);  // it may have stood before one that was put off and has ended since
}

void Generator::step() {
  Batch batch;
  std::vector<std::int64_t> sequences;
  struct Last {
    std::size_t running;
    std::int64_t row;
  };
  std::vector<Last> ready;
  std::int64_t prefill = kPrefill;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    const Running r = running_[i];
    const std::int64_t begin = cache_.length(r.sequence), missing = tokens_of(r.request) - begin;
    const std::int64_t take = missing == 1 ? 1 : std::min(missing, prefill);
    if (r.waiting || take == 0) continue;
    while (i < running_.size() && cache_.to_take(r.sequence, begin + take) > blocks_ - cache_.held()) preempt_last();
    if (i == running_.size()) break;
    cache_.reserve(r.sequence, begin + take);
    const auto &prompt = drawn(r.request).request.prompt, &ids = drawn(r.request).response.ids;
    for (std::int64_t t = begin; t < begin + take; ++t) {
      const auto at = static_cast<std::size_t>(t);
      batch.tokens.push_back(at < prompt.size() ? prompt[at] : ids[at - prompt.size()]);
    }
    batch.begin.push_back(batch.size());
    sequences.push_back(r.sequence);
    if (missing > 1) prefill -= take;
    if (take == missing) ready.push_back({i, batch.size() - 1});
  }
  const std::int64_t layers = model_.config().layers;
  counts_.blocks = std::max(counts_.blocks, (cache_.held() + layers - 1) / layers);
  ++counts_.steps;
  counts_.rows += batch.size();
  model_.transformer.extend(batch, sequences, cache_, trace_);

  const std::int64_t V = model_.config().vocab, C = model_.config().width;
  states_.reserve(kLogitRows * C);
  logits_.reserve(kLogitRows * V);
  for (std::size_t first = 0; first < ready.size(); first += kLogitRows) {
    const auto n = std::min<std::int64_t>(kLogitRows, std::ssize(ready) - static_cast<std::int64_t>(first));
    const Last* rows = ready.data() + first;
    for (std::int64_t k = 0; k < n; ++k) std::copy_n(trace_.final.data() + rows[k].row * C, C, states_.data() + k * C);
    model_.transformer.logits(states_.data(), n, logits_.data());
    const ProfileScope scope(Part::kSampling, 0, 4.0 * n * V);
    parallel_for(n, [&](std::int64_t k) {
      Running& r = running_[rows[k].running];
      Drawn& d = drawn(r.request);
      r.ended = draw(logits_.data() + k * V, d.request, d.response);
    });
  }
  counts_.tokens += std::ssize(ready);
}

void Generator::begin() {
  drawn_.clear();
  first_ = next_ = group_ = 0;
  prompt_.clear();
  exhausted_ = false;
  counts_ = {};
  running_.clear();
  free_.clear();
  for (std::int64_t s = 0; s < cache_.sequences(); ++s) {
    cache_.clear(s);
    free_.push_back(s);
  }
}

void Generator::run(const Source& source, const Sink& sink, const TokenCount& progress, const Ready& ready) {
  begin();
  for (enter(source, ready); !running_.empty(); leave(source, sink, ready)) {
    step();
    if (progress) progress(counts_.tokens);
  }
}

std::vector<SampledResponse> Generator::run(std::span<const SampleRequest> requests, const TokenCount& progress) {
  std::vector<SampledResponse> responses;
  const auto source = [&, next = std::size_t{0}](SampleRequest& request) mutable {
    if (next == requests.size()) return false;
    request = requests[next++];
    return true;
  };
  run(
      source, [&](const SampleRequest&, SampledResponse&& response) { responses.push_back(std::move(response)); },
      progress);
  return responses;
}

}  // namespace nudge
