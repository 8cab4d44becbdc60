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

std::vector<float> counted(const ResponseView& r, std::span<const float> listed) {
  std::vector<float> some;
  for (std::size_t i = 0; i < listed.size(); ++i)
    if (r.counts(i)) some.push_back(listed[i]);
  return some;
}

std::vector<float> spread(const ResponseView& r, std::span<const float> counted) {
  std::vector<float> all;
  if (counted.empty()) return all;
  auto next = counted.begin();
  for (std::size_t i = 0; next != counted.end() || i < r.mask.size(); ++i) all.push_back(r.counts(i) ? *next++ : 0.0f);
  return all;
}

std::size_t place_of(const ResponseView& r, std::size_t k) {
  std::size_t i = 0;
  while (!r.counts(i) || k-- > 0) ++i;
  return i;
}

void lay_out(const ResponseView& r, Batch& batch, Targets& targets) {
  const std::int64_t begin = batch.size();
  std::vector<std::int32_t> tokens = joined(r);
  const auto prompt = static_cast<std::int64_t>(r.prompt.size());
  const auto first = static_cast<std::size_t>(prompt == 0);
  for (std::size_t t = first; t < r.response.size(); ++t)
    if (r.counts(t - first))
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

void append(const std::vector<RowStats>& rows, const std::vector<float>& kl, TokenStats& to) {
  for (const RowStats& row : rows) {
    to.logprobs.push_back(row.logprob);
    to.entropies.push_back(row.entropy);
  }
  to.kl.insert(to.kl.end(), kl.begin(), kl.end());
}

// From this rank's tokens to those of all ranks.
void gather(TokenStats& stats) {
  for (std::vector<float>* numbers : {&stats.logprobs, &stats.entropies, &stats.kl}) *numbers = comm().gather(*numbers);
}

}  // namespace

template <class LayOut, class Use>
void ResponseEvaluator::forward_share(const Transformer& model, std::span<const ResponseView> responses, LayOut lay_out,
                                      Use use) {
  std::vector<std::int64_t> sizes;
  for (const ResponseView& r : responses) sizes.push_back(r.tokens());
  const auto [first, behind] = share_of(sizes);
  const auto mine = responses.subspan(first, behind - first);
  for (const auto& [begin, end] : micro_batches(mine, micro_tokens_)) {
    leave_if_stopped();
    Batch batch;
    for (auto i = begin; i < end; ++i) lay_out(mine[static_cast<std::size_t>(i)], batch);
    model.forward(batch, trace_);
    use(batch);
  }
}

// Takes the rows.
void ResponseEvaluator::append_scores(const Transformer& model, std::vector<std::int64_t>& rows,
                                      std::vector<float>& to) const {
  const std::size_t n = to.size();
  to.resize(n + rows.size());
  model.scores(trace_.final.data(), rows, to.data() + n);
  rows.clear();
}

TokenStats ResponseEvaluator::stats(const Transformer& model, std::span<const ResponseView> responses,
                                    const Transformer* old, TokenStats* exchanged) {
  TokenStats all;
  if (exchanged != nullptr) *exchanged = {};
  Targets targets;
  const auto lay = [&](const ResponseView& r, Batch& batch) { lay_out(r, batch, targets); };
  forward_share(model, responses, lay, [&](const Batch& batch) {
    HeadInput input{model, trace_.final.data(), targets};
    const std::size_t n = targets.rows.size(), pairs = old != nullptr ? n : 0;
    std::vector<RowStats> rows(n), old_rows(pairs);
    std::vector<float> kl(pairs), reverse(pairs);
    Exchanged roles;
    if (old != nullptr) {
      old->forward(batch, old_trace_);
      input.old = {old, old_trace_.final.data()};
    }
    if (exchanged != nullptr) roles = {old_rows.data(), reverse.data()};
    head_.evaluate(input, rows.data(), kl.data(), roles);
    append(rows, kl, all);
    if (exchanged != nullptr) append(old_rows, reverse, *exchanged);
    targets = {};
  });
  gather(all);
  if (exchanged != nullptr) gather(*exchanged);
  return all;
}

std::vector<float> ResponseEvaluator::scores_before(std::int32_t pad, const Transformer& model,
                                                    std::span<const ResponseView> responses) {
  std::vector<float> all;
  std::vector<std::int64_t> last;
  const auto lay = [&](const ResponseView& r, Batch& batch) { last.push_back(lay_out_scored(r, pad, batch)); };
  forward_share(model, responses, lay, [&](const Batch&) { append_scores(model, last, all); });
  return comm().gather(all);
}

std::vector<float> ResponseEvaluator::token_scores(const Transformer& model, std::span<const ResponseView> responses) {
  std::vector<float> all;
  Targets targets;
  const auto lay = [&](const ResponseView& r, Batch& batch) { lay_out(r, batch, targets); };
  forward_share(model, responses, lay, [&](const Batch&) { append_scores(model, targets.rows, all); });
  return comm().gather(all);
}

}  // namespace nudge
