#include "lib/rl/ppo.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/comm.h"
#include "lib/base/error.h"
#include "lib/base/rng.h"
#include "lib/base/stop.h"
#include "lib/rl/kl_estimators.h"
#include "lib/rl/responses.h"
#include "lib/rl/value_loss.h"

namespace nudge {
namespace {

double d(float x) { return static_cast<double>(x); }

// What is summed over tokens, then divided by their number.
constexpr double LossStatistics::*kMeans[] = {&LossStatistics::policy_loss, &LossStatistics::value_loss,
                                              &LossStatistics::entropy,     &LossStatistics::approxkl,
                                              &LossStatistics::clipfrac,    &LossStatistics::value_clipfrac,
                                              &LossStatistics::ratio,       &LossStatistics::ratio_square,
                                              &LossStatistics::kl_loss,     &LossStatistics::kl};

void zero(Buffer<float>& buffer, std::int64_t n) {
  buffer.reserve(n);
  std::fill_n(buffer.data(), n, 0.0f);
}

}  // namespace

PpoOptions textbook_reinforce(PpoOptions options) {
  options.objective = Objective::kReinforce;
  options.advantage = Advantage::kReturn;
  options.whiten = false;
  options.critic = false;
  options.one_update = true;
  return options;
}

Ppo::Ppo(Model& policy, Model* critic, Adam& adam, Adam* critic_adam, PpoOptions options)
    : policy_(policy), critic_(critic), adam_(adam), critic_adam_(critic_adam), options_(options),
      parts_(options.groups), gradients_(policy.config(), policy.transformer.layout()),
      trace_(true, options.recompute) {
  if (options_.critic ? !own_critic() && !shared_critic() : options_.advantage == Advantage::kGae)
    throw Error(Exit::kInternal, "no critic for PPO");
  policy_.transformer.pack(false);
  if (critic_ != nullptr) {
    critic_->transformer.pack(false);
    critic_gradients_ = std::make_unique<Gradients>(critic_->config(), critic_->transformer.layout());
  }
  if (options_.objective == Objective::kKl && !options_.kl_estimate) {
    Buffer<float> copy(policy_.transformer.layout().size);
    std::copy_n(policy_.transformer.values(), copy.size(), copy.data());
    old_ = std::make_unique<Transformer>(policy_.config(), std::move(copy));
    old_->pack(false);
  }
}

PpoBatch Ppo::prepare(std::span<const Trajectory> trajectories, double beta, bool off_policy) {
  PpoBatch batch =
      gather_recorded(trajectories, beta > 0 || options_.kl_loss > 0, options_.advantage == Advantage::kField);
  const Transformer* critic = shared_critic() ? &policy_.transformer : own_critic() ? &critic_->transformer : nullptr;
  evaluate(batch, policy_.transformer, critic, options_.micro_tokens, options_.bootstrap && critic != nullptr);
  compare_with_recorded(batch, off_policy);
  add_advantages(batch, beta, options_);
  return batch;
}

double Ppo::current_kl(const PpoBatch& batch) {
  const TokenStats now = ResponseEvaluator(options_.micro_tokens).stats(policy_.transformer, batch.views(), old_.get());
  double sum = 0;
  for (std::size_t k = 0; k < now.logprobs.size(); ++k)
    sum += old_ ? d(now.kl[k]) : k3_of_log_ratio(d(now.logprobs[k]) - d(batch.old_logprobs[k]));
  return sum / static_cast<double>(now.logprobs.size());
}

double Ppo::moved(const PpoBatch& batch) const {
  const TokenStats now = ResponseEvaluator(options_.micro_tokens).stats(policy_.transformer, batch.views());
  double sum = 0;
  for (std::size_t k = 0; k < now.logprobs.size(); ++k)
    sum += k3_of_log_ratio(d(now.logprobs[k]) - d(batch.new_logprobs[k]));
  return sum / static_cast<double>(now.logprobs.size());
}

Ppo::LossWeights Ppo::weights(double policy_beta) const {
  return {.value = options_.c1,
          .entropy = -options_.c2,
          .kl_ref = options_.kl_loss,
          .kl_old = options_.objective == Objective::kKl ? policy_beta : 0};
}

// From a chunk of rows to the loss's derivatives by log-prob, entropy and exact KL of each.
LanguageHead::Loss Ppo::row_losses(const MicroBatch& m, LossStatistics& sums) const {
  const LossWeights w = weights(m.policy_beta);
  const auto scale = static_cast<float>(m.scale), entropy = static_cast<float>(w.entropy * m.scale),
             exact_kl = static_cast<float>(old_ ? w.kl_old * m.scale : 0);
  return [=, this, &m, &sums](std::int64_t begin, std::int64_t end, const RowStats* stats, const float* kl,
                              RowGradient* gradient) {
    std::vector<float> logprobs(static_cast<std::size_t>(end - begin));
    for (std::size_t i = 0; i < logprobs.size(); ++i) logprobs[i] = stats[i].logprob;
    const PolicyTokens tokens = m.part.policy_tokens(m.first + static_cast<std::size_t>(begin), logprobs);
    const PolicyLoss loss = policy_loss(tokens, options_, m.policy_beta);
    for (std::size_t i = 0; i < logprobs.size(); ++i) {
      gradient[i] = {scale * loss.dlogprob[i], entropy, exact_kl};
      sums.policy_loss += d(loss.loss[i]);
      sums.clipfrac += d(loss.clipped[i]);
      sums.ratio += d(loss.ratio[i]);
      sums.ratio_square += d(loss.ratio[i]) * d(loss.ratio[i]);
      sums.approxkl += k2_of_log_ratio(d(logprobs[i]) - d(tokens.old_logprobs[i]));
      sums.kl += kl != nullptr ? d(kl[i]) : loss.kl_old[i];
      if (!loss.kl_ref.empty()) sums.kl_loss += loss.kl_ref[i];
      sums.entropy += d(stats[i].entropy);
    }
  };
}

void Ppo::value_pass(const Transformer& model, const MicroBatch& m, const Trace& trace, Gradients& gradients,
                     LossStatistics& sums) {
  std::vector<float> values(m.targets.rows.size());
  model.scores(trace.final.data(), m.targets.rows, values.data());
  const auto of_tokens = [&](const std::vector<float>& all) { return PpoBatch::part(all, m.first, values.size()); };
  ValueLoss loss = value_loss(values, of_tokens(m.part.values), of_tokens(m.part.returns), options_.value_clip);
  const auto scale = static_cast<float>(weights(m.policy_beta).value * m.scale);
  for (std::size_t i = 0; i < values.size(); ++i) {
    loss.dvalue[i] *= scale;
    sums.value_loss += d(loss.loss[i]);
    sums.value_clipfrac += d(loss.clipped[i]);
  }
  model.scores_backward(loss.dvalue.data(), trace.final.data(), m.targets.rows, dfinal_.data(), gradients);
}

void Ppo::policy_pass(const MicroBatch& m, LossStatistics& sums) {
  const Transformer& model = policy_.transformer;
  model.forward(m.packed, trace_);
  HeadInput input{model, trace_.final.data(), m.targets};
  if (old_) {
    old_->forward(m.packed, old_trace_);
    input.old = {old_.get(), old_trace_.final.data()};
  }
  zero(dfinal_, m.packed.size() * policy_.config().width);
  head_.train(input, m.packed, row_losses(m, sums), dfinal_.data(), gradients_);
  if (shared_critic()) value_pass(model, m, trace_, gradients_, sums);
  if (options_.critic_only) return;  // only the statistics are wanted, and the gradient of a shared value head
  model.backward(m.packed, trace_, dfinal_.data(), gradients_);
}

void Ppo::critic_pass(const MicroBatch& m, LossStatistics& sums) {
  const Transformer& model = critic_->transformer;
  model.forward(m.packed, trace_);
  zero(dfinal_, m.packed.size() * critic_->config().width);
  value_pass(model, m, trace_, *critic_gradients_, sums);
  model.backward(m.packed, trace_, dfinal_.data(), *critic_gradients_);
}

LossStatistics Ppo::accumulate_part(const PpoBatch& batch, std::span<const std::int64_t> members, double scale,
                                    double policy_beta) {
  LossStatistics sums;
  const PpoBatch part = batch.select(members);
  const std::vector<ResponseView> views = part.views();
  for (const auto& [begin, end] : micro_batches(views, options_.micro_tokens)) {
    leave_if_stopped();
    MicroBatch m{part, part.begin[static_cast<std::size_t>(begin)], {}, {}, scale, policy_beta};
    for (auto i = begin; i < end; ++i) lay_out(views[static_cast<std::size_t>(i)], m.packed, m.targets);
    policy_pass(m, sums);
    if (own_critic()) critic_pass(m, sums);
  }
  return sums;
}

LossStatistics Ppo::accumulate(const PpoBatch& batch, std::span<const std::int64_t> minibatch, double policy_beta) {
  LossStatistics s;
  for (std::int64_t m : minibatch) s.tokens += static_cast<std::int64_t>(batch.size(static_cast<std::size_t>(m)));
  const auto n = static_cast<double>(s.tokens);
  std::vector<Gradients*> gradients{&gradients_};
  if (own_critic()) gradients.push_back(critic_gradients_.get());
  std::vector<LossStatistics> parts;  // of this rank
  parts_.run(std::ssize(minibatch), gradients, [&](std::int64_t begin, std::int64_t end) {
    const auto members = minibatch.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    parts.push_back(accumulate_part(batch, members, 1 / n, policy_beta));
  });
  for (const LossStatistics& part : comm().gather(parts))
    for (const auto mean : kMeans) s.*mean += part.*mean;
  for (const auto mean : kMeans) s.*mean /= n;
  const LossWeights w = weights(policy_beta);
  s.loss = s.policy_loss + w.value * s.value_loss + w.entropy * s.entropy + w.kl_ref * s.kl_loss + w.kl_old * s.kl;
  return s;
}

double Ppo::step() {
  std::vector<const Buffer<float>*> all{&gradients_.values()};
  if (own_critic()) all.push_back(&critic_gradients_->values());
  const double norm = gradient_norm(all);
  if (!std::isfinite(norm))
    bad_input("the gradient is not finite", "lower --lr, or look at the rewards' range with peek");
  const float scale = clip_coefficient(norm, options_.max_norm);
  adam_.step(policy_.transformer, gradients_.values(), static_cast<float>(options_.rate), scale);
  if (own_critic())
    critic_adam_->step(critic_->transformer, critic_gradients_->values(), static_cast<float>(options_.critic_rate),
                       scale);
  return norm;
}

// The step of an iteration in which the policy stays.
double Ppo::critic_step() {
  Transformer& model = own_critic() ? critic_->transformer : policy_.transformer;
  const Buffer<float>& gradient = own_critic() ? critic_gradients_->values() : gradients_.values();
  const double norm = critic_adam_->norm(gradient);
  if (!std::isfinite(norm))
    bad_input("the critic's gradient is not finite", "lower its rate, or look at the rewards' range with peek");
  const double rate = own_critic() ? options_.critic_rate : options_.rate;
  critic_adam_->step(model, gradient, static_cast<float>(rate), clip_coefficient(norm, options_.max_norm));
  return norm;
}

std::int64_t Ppo::planned_updates(std::int64_t n) const {
  return options_.one_update ? 1 : options_.epochs * ((n + options_.minibatch - 1) / options_.minibatch);
}

void Ppo::Progress::add(const LossStatistics& s, double norm) {
  policy_loss.add(s.policy_loss), value_loss.add(s.value_loss), loss.add(s.loss), entropy.add(s.entropy);
  clipfrac.add(s.clipfrac), value_clipfrac.add(s.value_clipfrac), ratio.add(s.ratio), kl.add(s.kl);
  ratio_variance.add(std::max(0.0, s.ratio_square - s.ratio * s.ratio));
  norms.add(norm);
}

void Ppo::visit_progress(StateFields& fields) {
  Progress& p = progress_;
  fields("epoch", p.epoch), fields("begin", p.begin), fields("stopped", p.stopped);
  for (const auto& [name, moments] : {std::pair{"policy_loss", &p.policy_loss},
                                      {"value_loss", &p.value_loss},
                                      {"loss", &p.loss},
                                      {"entropy", &p.entropy},
                                      {"approxkl", &p.approxkl},
                                      {"clipfrac", &p.clipfrac},
                                      {"value_clipfrac", &p.value_clipfrac},
                                      {"ratio", &p.ratio},
                                      {"ratio_variance", &p.ratio_variance},
                                      {"kl", &p.kl},
                                      {"norms", &p.norms}})
    fields(name, *moments);
}

void Ppo::train(const PpoBatch& batch, std::int64_t iteration, double policy_beta, Metrics& metrics,
                const AfterUpdate& after) {
  const auto n = static_cast<std::int64_t>(batch.trajectories.size());
  const bool once = options_.one_update;
  const std::int64_t epochs = once ? 1 : options_.epochs, size = once ? n : options_.minibatch;
  Progress& p = progress_;
  if (std::exchange(finished_, false)) p = {};
  for (; p.epoch < epochs && !p.stopped; ++p.epoch, p.begin = 0) {
    const auto order =
        permutation(n, options_.seed, stream_of("ppo/" + std::to_string(iteration) + "/" + std::to_string(p.epoch)));
    while (p.begin < n && !p.stopped) {
      const auto members = std::span(order).subspan(static_cast<std::size_t>(p.begin),
                                                    static_cast<std::size_t>(std::min(size, n - p.begin)));
      const LossStatistics s = accumulate(batch, members, policy_beta);
      p.approxkl.add(s.approxkl);
      p.stopped = options_.target_kl > 0 && s.approxkl > options_.target_kl;
      if (p.stopped) break;
      const double norm = options_.critic_only ? critic_step() : step();
      p.add(s, norm);
      p.begin += size;
      if (after) after(static_cast<std::int64_t>(p.norms.count()), s, norm);
    }
  }
  if (p.norms.count() == 0)
    bad_input("approxkl is beyond --target-kl before the first update: the policy would not change",
              "sample with this policy, or raise --target-kl");
  set_means(metrics);
  finished_ = true;
}

void Ppo::set_means(Metrics& metrics) const {
  const Progress& p = progress_;
  metrics.set("policy/approxkl_avg", p.approxkl.mean());
  metrics.set("policy/clipfrac_avg", p.clipfrac.mean());
  metrics.set("policy/entropy_avg", p.entropy.mean());
  metrics.set("policy/kl_old_new_avg", p.kl.mean());
  metrics.set("loss/policy_avg", p.policy_loss.mean());
  metrics.set("loss/value_avg", p.value_loss.mean());
  metrics.set("loss/total_avg", p.loss.mean());
  metrics.set("val/clipfrac_avg", p.value_clipfrac.mean());
  metrics.set("val/ratio", p.ratio.mean());
  metrics.set("val/ratio_var", p.ratio_variance.mean());
  metrics.set("actor/grad_norm", p.norms.mean());
  metrics.set("ppo/updates", static_cast<double>(p.norms.count()));
  metrics.set("ppo/stopped_early", p.stopped ? 1.0 : 0.0);
}

}  // namespace nudge
