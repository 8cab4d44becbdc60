#include "lib/rl/reward_model.h"

#include <algorithm>
#include <limits>

#include "lib/base/comm.h"
#include "lib/base/stop.h"
#include "lib/rl/pair_loss.h"

namespace nudge {
namespace {

std::int64_t tokens_of(const Ranking& r) {
  std::int64_t n = 0;
  for (std::size_t a = 0; a < r.answers.size(); ++a) n += r.view(a).tokens();
  return n;
}

}  // namespace

RewardTrainer::Sums::Sums() : min_reward(std::numeric_limits<double>::infinity()), max_reward(-min_reward) {}

void RewardTrainer::Sums::add(const Sums& other) {
  loss += other.loss, accuracy += other.accuracy, margin += other.margin, reward += other.reward;
  pairs += other.pairs, judged += other.judged, answers += other.answers;
  min_reward = std::min(min_reward, other.min_reward);
  max_reward = std::max(max_reward, other.max_reward);
}

RewardTrainer::RewardTrainer(Model& model, RewardLossOptions loss, AdamOptions adam, std::int64_t micro_tokens,
                             bool recompute, std::int64_t parts)
    : model_(model), loss_(loss), adam_(model.transformer.trained(), adam), micro_tokens_(micro_tokens), parts_(parts),
      gradients_(model.config(), model.transformer.trained()), trace_(true, recompute), evaluator_(micro_tokens) {
  model_.transformer.pack(false);
}

void RewardTrainer::ranking_loss(const Ranking& r, std::span<const float> score, float weight, std::span<float> dscore,
                                 Sums& sums) const {
  PairLosses pairs(loss_.smoothing);
  std::vector<std::pair<std::size_t, std::size_t>> who;
  for (std::size_t i = 0; i < score.size(); ++i)
    for (std::size_t j = i + 1; j < score.size(); ++j) {
      pairs.add(score[i], score[j], loss_.margin_weight * r.margin);
      who.emplace_back(i, j);
    }
  pairs.evaluate();
  const std::size_t n = who.size();
  const float each = weight / static_cast<float>(n);
  double sum = 0;
  for (std::size_t p = 0; p < n; ++p) {
    const float both = pairs.better()[p] + pairs.worse()[p], pull = 2 * loss_.centering * both;
    sum +=
        pairs.loss()[p] + static_cast<double>(loss_.centering) * static_cast<double>(both) * static_cast<double>(both);
    dscore[who[p].first] += each * (pairs.slope()[p] + pull);
    dscore[who[p].second] += each * (pull - pairs.slope()[p]);
    const float difference = pairs.better()[p] - pairs.worse()[p];
    if (r.answers[who[p].first] != r.answers[who[p].second]) {
      sums.accuracy += difference > 0 ? 1.0 : difference == 0 ? 0.5 : 0.0;
      ++sums.judged;
    }
    sums.margin += static_cast<double>(difference);
  }
  sums.loss += sum / static_cast<double>(n);
  sums.pairs += static_cast<std::int64_t>(n);
}

RewardTrainer::Sums RewardTrainer::accumulate_part(std::span<const Ranking* const> members, float weight) {
  Sums sums;
  std::vector<std::int64_t> sizes;
  for (const Ranking* r : members) sizes.push_back(tokens_of(*r));
  for (const auto& [begin, end] : runs_within(sizes, micro_tokens_)) {
    leave_if_stopped();
    Batch batch;
    std::vector<std::int64_t> last;
    for (auto i = begin; i < end; ++i)
      for (std::size_t a = 0; a < members[static_cast<std::size_t>(i)]->answers.size(); ++a)
        last.push_back(lay_out_scored(members[static_cast<std::size_t>(i)]->view(a), model_.config().pad, batch));
    model_.transformer.forward(batch, trace_);
    std::vector<float> score(last.size()), dscore(last.size());
    model_.transformer.scores(trace_.final.data(), last, score.data());
    std::size_t at = 0;
    for (auto i = begin; i < end; ++i) {
      const Ranking& r = *members[static_cast<std::size_t>(i)];
      ranking_loss(r, std::span(score).subspan(at, r.answers.size()), weight,
                   std::span(dscore).subspan(at, r.answers.size()), sums);
      at += r.answers.size();
    }
    for (float s : score) {
      sums.reward += static_cast<double>(s);
      sums.min_reward = std::min(sums.min_reward, static_cast<double>(s));
      sums.max_reward = std::max(sums.max_reward, static_cast<double>(s));
    }
    sums.answers += static_cast<std::int64_t>(score.size());
    dfinal_.reserve(batch.size() * model_.config().width);
    std::fill_n(dfinal_.data(), batch.size() * model_.config().width, 0.0f);
    model_.transformer.scores_backward(dscore.data(), trace_.final.data(), last, dfinal_.data(), gradients_);
    model_.transformer.backward(batch, trace_, dfinal_.data(), gradients_);
  }
  return sums;
}

RewardStatistics RewardTrainer::accumulate(std::span<const Ranking* const> minibatch) {
  const float weight = 1.0f / static_cast<float>(minibatch.size());
  std::vector<Sums> parts;  // of this rank
  Gradients* const gradients = &gradients_;
  parts_.run(std::ssize(minibatch), {&gradients, 1}, [&](std::int64_t begin, std::int64_t end) {
    parts.push_back(accumulate_part(
        minibatch.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)), weight));
  });
  Sums all;
  for (const Sums& part : comm().gather(parts)) all.add(part);
  RewardStatistics f;
  for (const Ranking* r : minibatch) f.tokens += tokens_of(*r);
  f.loss = all.loss / static_cast<double>(minibatch.size());
  if (all.judged > 0) f.accuracy = all.accuracy / static_cast<double>(all.judged);
  f.margin = all.margin / static_cast<double>(all.pairs);
  f.mean_reward = all.reward / static_cast<double>(all.answers);
  f.min_reward = all.min_reward;
  f.max_reward = all.max_reward;
  return f;
}

double RewardTrainer::step(float rate) {
  const Buffer<float>* gradient = &gradients_.values();
  const double norm = gradient_norm({&gradient, 1});
  adam_.step(model_.transformer, *gradient, rate, clip_coefficient(norm, adam_.options().max_norm));
  return norm;
}

std::vector<std::vector<float>> RewardTrainer::scores(std::span<const Ranking> rankings) {
  std::vector<ResponseView> views;
  for (const Ranking& r : rankings)
    for (std::size_t a = 0; a < r.answers.size(); ++a) views.push_back(r.view(a));
  const std::vector<float> flat = scores(std::span<const ResponseView>(views));
  std::vector<std::vector<float>> all;
  auto at = flat.begin();
  for (const Ranking& r : rankings) {
    const auto n = static_cast<std::ptrdiff_t>(r.answers.size());
    all.emplace_back(at, at + n);
    at += n;
  }
  return all;
}

}  // namespace nudge
