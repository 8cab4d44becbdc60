#include "lib/rl/responses.h"

#include <algorithm>

#include "lib/base/comm.h"
#include "lib/base/stop.h"
#include "lib/rl/minibatch.h"

namespace nudge {

namespace {

std::vector<std::int32_t> joined(const ResponseView& r) {
  std::vector<std::int32_t> tokens(r.prompt.begin(), r.prompt.end());
  tokens.insert(tokens.end(), r.response.begin(), r.response.end());
  return tokens;
}

}  // namespace

void lay_out(const ResponseView& r, Batch& batch, Targets& targets) {
  const std::int64_t begin = batch.size();
  std::vector<std::int32_t> tokens = joined(r);
  const auto prompt = static_cast<std::int64_t>(r.prompt.size());
  for (auto t = static_cast<std::size_t>(prompt == 0); t < r.response.size(); ++t)
    targets.add(begin + prompt + static_cast<std::int64_t>(t) - 1, r.response[t], r.temperature);
  if (tokens.size() > 1) tokens.pop_back();
  batch.add(tokens);
}

std::int64_t lay_out_scored(const ResponseView& r, std::int32_t pad, Batch& batch) {
  std::vector<std::int32_t> tokens = joined(r);
  const auto end = std::find_if(tokens.rbegin(), tokens.rend(), [pad](std::int32_t t) { return t != pad; }).base();
  tokens.resize(std::max<std::size_t>(1, static_cast<std::size_t>(end - tokens.begin())));
  batch.add(tokens);
  return batch.size() - 1;
}

std::vector<std::pair<std::int64_t, std::int64_t>> micro_batches(std::span<const ResponseView> responses,
                                                                 std::int64_t limit) {
  std::vector<std::int64_t> sizes;
  for (const ResponseView& r : responses) sizes.push_back(r.tokens());
  return runs_within(sizes, limit);
}

namespace {

// Deals the statistics of a micro-batch's rows to its responses.
void deal(std::span<const ResponseView> responses, const std::vector<RowStats>& rows, const std::vector<float>& kl,
          std::span<ResponseStats> to) {
  std::size_t row = 0;
  for (std::size_t i = 0; i < responses.size(); ++i)
    for (std::int64_t t = responses[i].predicted(); t > 0; --t, ++row) {
      to[i].logprobs.push_back(rows[row].logprob);
      to[i].entropies.push_back(rows[row].entropy);
      if (!kl.empty()) to[i].kl.push_back(kl[row]);
    }
}

std::pair<std::size_t, std::size_t> share_of(std::span<const ResponseView> responses) {
  std::vector<std::int64_t> sizes;
  for (const ResponseView& r : responses) sizes.push_back(r.tokens());
  return nudge::share_of(sizes);
}

// From numbers of this rank's share, one for each predicted token, to those of all responses.
void gather_numbers(std::span<const ResponseView> responses, std::vector<std::vector<float>*> all) {
  if (comm().size() == 1) return;
  std::vector<float> mine;
  for (const auto* numbers : all) mine.insert(mine.end(), numbers->begin(), numbers->end());
  const std::vector<float> gathered = comm().gather(mine);
  auto at = gathered.begin();
  for (std::size_t i = 0; i < responses.size(); ++i) {
    all[i]->assign(at, at + responses[i].predicted());
    at += responses[i].predicted();
  }
}

void gather(std::span<const ResponseView> responses, std::vector<ResponseStats>& all, bool kl) {
  using Numbers = std::vector<float> ResponseStats::*;
  for (const Numbers field : {&ResponseStats::logprobs, &ResponseStats::entropies, &ResponseStats::kl}) {
    if (field == &ResponseStats::kl && !kl) continue;
    std::vector<std::vector<float>*> numbers;
    for (ResponseStats& s : all) numbers.push_back(&(s.*field));
    gather_numbers(responses, numbers);
  }
}

}  // namespace

std::vector<ResponseStats> ResponseEvaluator::evaluate(const Transformer& model,
                                                       std::span<const ResponseView> responses, const Transformer* old,
                                                       std::vector<ResponseStats>* exchanged) {
  std::vector<ResponseStats> all(responses.size());
  if (exchanged != nullptr) exchanged->assign(responses.size(), {});
  const auto [mine, behind] = share_of(responses);
  for (const auto& [begin, end] : micro_batches(responses.subspan(mine, behind - mine), micro_tokens_)) {
    leave_if_stopped();
    const auto first = mine + static_cast<std::size_t>(begin), count = static_cast<std::size_t>(end - begin);
    const auto members = responses.subspan(first, count);
    Batch batch;
    Targets targets;
    for (const ResponseView& r : members) lay_out(r, batch, targets);
    model.forward(batch, trace_);
    const std::size_t n = targets.rows.size(), pairs = old != nullptr ? n : 0;
    std::vector<RowStats> rows(n), old_rows(pairs);
    std::vector<float> kl(pairs), reverse(pairs);
    OldPolicy before;
    Exchanged roles;
    if (old != nullptr) {
      old->forward(batch, old_trace_);
      before = {old, old_trace_.final.data()};
    }
    if (exchanged != nullptr) roles = {old_rows.data(), reverse.data()};
    head_.evaluate({model, trace_.final.data(), targets, before}, rows.data(), kl.data(), roles);
    deal(members, rows, kl, std::span(all).subspan(first, count));
    if (exchanged != nullptr) deal(members, old_rows, reverse, std::span(*exchanged).subspan(first, count));
  }
  gather(responses, all, old != nullptr);
  if (exchanged != nullptr) gather(responses, *exchanged, true);
  return all;
}

std::vector<float> ResponseEvaluator::end_scores(const Transformer& model, std::span<const ResponseView> responses) {
  const auto [first, behind] = share_of(responses);
  const auto mine = responses.subspan(first, behind - first);
  std::vector<float> scored(mine.size());
  for (const auto& [begin, end] : micro_batches(mine, micro_tokens_)) {
    leave_if_stopped();
    Batch batch;
    std::vector<std::int64_t> last;
    for (auto i = begin; i < end; ++i)
      last.push_back(lay_out_scored(mine[static_cast<std::size_t>(i)], model.config().pad, batch));
    model.forward(batch, trace_);
    model.scores(trace_.final.data(), last, scored.data() + begin);
  }
  return comm().gather(scored);
}

std::vector<std::vector<float>> ResponseEvaluator::token_scores(const Transformer& model,
                                                                std::span<const ResponseView> responses) {
  std::vector<std::vector<float>> all(responses.size());
  const auto [first, behind] = share_of(responses);
  const auto mine = responses.subspan(first, behind - first);
  for (const auto& [begin, end] : micro_batches(mine, micro_tokens_)) {
    leave_if_stopped();
    Batch batch;
    Targets targets;
    for (auto i = begin; i < end; ++i) lay_out(mine[static_cast<std::size_t>(i)], batch, targets);
    model.forward(batch, trace_);
    std::vector<float> values(targets.rows.size());
    model.scores(trace_.final.data(), targets.rows, values.data());
    auto at = values.begin();
    for (auto i = begin; i < end; ++i) {
      const std::int64_t n = mine[static_cast<std::size_t>(i)].predicted();
      all[first + static_cast<std::size_t>(i)].assign(at, at + n);
      at += n;
    }
  }
  std::vector<std::vector<float>*> numbers;
  for (auto& values : all) numbers.push_back(&values);
  gather_numbers(responses, std::move(numbers));
  return all;
}

}  // namespace nudge
