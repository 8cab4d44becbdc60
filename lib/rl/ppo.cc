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

// What is summed over tokens with their shares, then divided as LossMean says.
constexpr double LossStatistics::*kTerms[] = {&LossStatistics::policy_loss, &LossStatistics::value_loss,
                                              &LossStatistics::entropy_loss, &LossStatistics::kl_loss,
                                              &LossStatistics::kl_old_loss};
// What is summed over tokens, then divided by their number.
constexpr double LossStatistics::*kMeans[] = {
    &LossStatistics::entropy, &LossStatistics::approxkl,     &LossStatistics::clipfrac, &LossStatistics::value_clipfrac,
    &LossStatistics::ratio,   &LossStatistics::ratio_square, &LossStatistics::kl};

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

Ppo::Ppo(Model& policy, Model* critic, Adam& adam, Adam* critic_adam, PpoOptions options, Transformer* reference)
    : policy_(policy), critic_(critic), adam_(adam), critic_adam_(critic_adam), options_(options),
      reference_(reference), parts_(options.groups), critic_parts_(options.groups),
      gradients_(policy.config(), policy.transformer.trained()), trace_(true, options.recompute) {
  if (options_.critic ? !own_critic() && !shared_critic() : options_.advantage == Advantage::kGae)
    throw Error(Exit::kInternal, "no critic for PPO");
  if (exact_reference() && reference_ == nullptr) throw Error(Exit::kInternal, "no reference for PPO");
  policy_.transformer.pack(false);
  if (exact_reference()) reference_->pack(false);
  if (critic_ != nullptr) {
    critic_->transformer.pack(false);
    critic_gradients_ = std::make_unique<Gradients>(critic_->config(), critic_->transformer.trained());
  }
  if (options_.objective == Objective::kKl && !options_.kl_estimate) {
    old_ = std::make_unique<Transformer>(policy_.transformer.copy());
    old_->pack(false);
  }
}

PpoBatch Ppo::prepare(std::span<const Trajectory> trajectories, double beta, bool off_policy) {
  PpoBatch batch = gather_recorded(trajectories, beta > 0 || (options_.kl_loss > 0 && !exact_reference()),
                                   options_.advantage == Advantage::kField);
  const Transformer* critic = shared_critic() ? &policy_.transformer : own_critic() ? &critic_->transformer : nullptr;
  evaluate(batch, policy_.transformer, critic, options_.micro_tokens, options_.bootstrap && critic != nullptr);
  compare_with_recorded(batch, off_policy);
  if (options_.correct.correction != Correction::kNone) add_importance_weights(batch, options_.correct);
  add_advantages(batch, beta, options_);
  if (options_.sequence_ratio) expect_one_advantage(batch);
  return batch;
}

double Ppo::current_kl(const PpoBatch& batch) {
  const TokenStats now = ResponseEvaluator(options_.micro_tokens).stats(policy_.transformer, batch.views(), old_.get());
  double sum = 0;
  for (std::size_t k = 0; k < now.logprobs.size(); ++k)
    sum += old_ ? d(now.kl[k]) : k3_of_log_ratio(d(now.logprobs[k]) - d(batch.denominators()[k]));
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

double share_of_token(const PpoOptions& options, std::size_t tokens_of_sequence) {
  switch (options.loss_mean) {
    case LossMean::kTokens: break;
    case LossMean::kSequences: return 1 / static_cast<double>(tokens_of_sequence);
    case LossMean::kConstant: return 1 / static_cast<double>(options.loss_constant);
  }
  return 1;
}

// A sequence's ratio needs all of its log-probs, and the head trains in chunks of rows: so they are computed before.
PolicyLoss Ppo::loss_of_sequences(const MicroBatch& m, const HeadInput& input) {
  std::vector<RowStats> stats(m.shares.size());
  head_.evaluate({input.model, input.final, m.targets}, stats.data());
  std::vector<float> logprobs;
  for (const RowStats& row : stats) logprobs.push_back(row.logprob);
  return policy_loss(m.part.policy_tokens_of(m.begin, m.end, logprobs), options_, m.policy_beta);
}

// From a chunk of rows to the loss's derivatives by log-prob, entropy and exact KL of each.
LanguageHead::Loss Ppo::row_losses(const MicroBatch& m, const std::optional<PolicyLoss>& whole,
                                   const std::vector<float>& kl_ref, LossStatistics& sums) const {
  const LossWeights w = weights(m.policy_beta);
  return [=, this, &m, &whole, &kl_ref, &sums](std::int64_t begin, std::int64_t end, const RowStats* stats,
                                               const float* kl, RowGradient* gradient) {
    const auto first = static_cast<std::size_t>(begin);
    std::vector<float> logprobs(static_cast<std::size_t>(end - begin));
    for (std::size_t i = 0; i < logprobs.size(); ++i) logprobs[i] = stats[i].logprob;
    const PolicyTokens tokens = m.part.policy_tokens(m.first() + first, logprobs);
    const PolicyLoss chunk = whole ? PolicyLoss() : policy_loss(tokens, options_, m.policy_beta);
    const PolicyLoss& loss = whole ? *whole : chunk;
    for (std::size_t i = 0; i < logprobs.size(); ++i) {
      const std::size_t target = first + i, t = whole ? target : i;
      const double share = m.shares[target], scale = m.scale(target),
                   kl_old = kl != nullptr ? d(kl[i]) : loss.kl_old[t];
      gradient[i] = {static_cast<float>(scale) * loss.dlogprob[t], static_cast<float>(w.entropy * scale),
                     static_cast<float>(kl != nullptr ? w.kl_old * scale : 0),
                     static_cast<float>(kl_ref.empty() ? 0 : w.kl_ref * scale)};
      sums.policy_loss += share * d(loss.loss[t]);
      sums.entropy_loss += share * d(stats[i].entropy);
      sums.kl_old_loss += share * kl_old;
      if (!kl_ref.empty()) sums.kl_loss += share * d(kl_ref[target]);
      if (!loss.kl_ref.empty()) sums.kl_loss += share * loss.kl_ref[t];
      sums.clipfrac += d(loss.clipped[t]);
      sums.ratio += d(loss.ratio[t]);
      sums.ratio_square += d(loss.ratio[t]) * d(loss.ratio[t]);
      sums.approxkl += k2_of_log_ratio(d(logprobs[i]) - d(tokens.old_logprobs[i]));
      sums.kl += kl_old;
      sums.entropy += d(stats[i].entropy);
    }
  };
}

void Ppo::value_pass(const Transformer& model, const MicroBatch& m, const Trace& trace, Gradients& gradients,
                     LossStatistics& sums) {
  std::vector<float> values(m.targets.rows.size());
  model.scores(trace.final.data(), m.targets.rows, values.data());
  const auto of_tokens = [&](const std::vector<float>& all) { return PpoBatch::part(all, m.first(), values.size()); };
  ValueLoss loss = value_loss(values, of_tokens(m.part.values), of_tokens(m.part.returns), options_.value_clip);
  const double weight = weights(m.policy_beta).value;
  for (std::size_t i = 0; i < values.size(); ++i) {
    loss.dvalue[i] *= static_cast<float>(weight * m.scale(i));
    sums.value_loss += m.shares[i] * d(loss.loss[i]);
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
  std::vector<float> kl_ref;
  if (exact_reference()) {
    reference_->forward(m.packed, ref_trace_);
    kl_ref.resize(m.shares.size());
    input.reference = {reference_, ref_trace_.final.data(), kl_ref.data()};
  }
  std::optional<PolicyLoss> whole;
  if (options_.sequence_ratio) whole = loss_of_sequences(m, input);
  zero(dfinal_, m.packed.size() * policy_.config().width);
  head_.train(input, m.packed, row_losses(m, whole, kl_ref, sums), dfinal_.data(), gradients_);
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

Ppo::Minibatch Ppo::minibatch_of(const PpoBatch& batch, std::span<const std::int64_t> members,
                                 double policy_beta) const {
  Minibatch m{batch, members, policy_beta};
  for (const std::int64_t i : members) m.tokens += static_cast<std::int64_t>(batch.size(static_cast<std::size_t>(i)));
  m.divisor = static_cast<double>(options_.loss_mean == LossMean::kTokens ? m.tokens : std::ssize(members));
  return m;
}

LossStatistics Ppo::run_part(Pass pass, const Minibatch& minibatch, std::span<const std::int64_t> members) {
  LossStatistics sums;
  const PpoBatch part = minibatch.batch.select(members);
  const std::vector<ResponseView> views = part.views();
  for (const auto& [begin, end] : micro_batches(views, options_.micro_tokens)) {
    leave_if_stopped();
    MicroBatch m{part, static_cast<std::size_t>(begin), static_cast<std::size_t>(end), minibatch.divisor,
                 minibatch.policy_beta};
    for (std::size_t i = m.begin; i < m.end; ++i) {
      lay_out(views[i], m.packed, m.targets);
      m.shares.insert(m.shares.end(), part.size(i), share_of_token(options_, part.size(i)));
    }
    (this->*pass)(m, sums);
  }
  return sums;
}

void Ppo::run_pass(Pass pass, const Minibatch& m, Gradients& gradients, GradientParts& parts, LossStatistics& sums) {
  Gradients* const one = &gradients;
  std::vector<LossStatistics> of_parts;  // of this rank
  parts.run(std::ssize(m.members), {&one, 1}, [&](std::int64_t begin, std::int64_t end) {
    of_parts.push_back(
        run_part(pass, m, m.members.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin))));
  });
  for (const LossStatistics& part : comm().gather(of_parts)) {
    for (const auto term : kTerms) sums.*term += part.*term;
    for (const auto mean : kMeans) sums.*mean += part.*mean;
  }
}

LossStatistics Ppo::means(LossStatistics s, const Minibatch& m) const {
  s.tokens = m.tokens;
  for (const auto term : kTerms) s.*term /= m.divisor;
  for (const auto mean : kMeans) s.*mean /= static_cast<double>(m.tokens);
  const LossWeights w = weights(m.policy_beta);
  s.loss = s.policy_loss + w.value * s.value_loss + w.entropy * s.entropy_loss + w.kl_ref * s.kl_loss +
           w.kl_old * s.kl_old_loss;
  return s;
}

LossStatistics Ppo::accumulate(const PpoBatch& batch, std::span<const std::int64_t> minibatch, double policy_beta) {
  const Minibatch m = minibatch_of(batch, minibatch, policy_beta);
  LossStatistics sums;
  run_pass(&Ppo::policy_pass, m, gradients_, parts_, sums);
  if (own_critic()) run_pass(&Ppo::critic_pass, m, *critic_gradients_, critic_parts_, sums);
  return means(sums, m);
}

// Of the policy, with a value head that shares it.
double Ppo::policy_step() {
  const double norm = adam_.norm(gradients_.values());
  if (!std::isfinite(norm))
    bad_input("the gradient is not finite", "lower --lr, or look at the rewards' range with peek");
  adam_.step(policy_.transformer, gradients_.values(), static_cast<float>(options_.rate),
             clip_coefficient(norm, options_.max_norm));
  return norm;
}

// Of the critic, or while the policy stays, of the value head that shares it.
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

// The critic comes second, because the policy's pass may end the iteration. It computes its gradient in the memory of
// the policy's.
std::optional<std::pair<LossStatistics, GradientNorms>> Ppo::update(const Minibatch& m,
                                                                    const std::function<void()>& after_policy) {
  Progress& p = progress_;
  if (!p.policy_done) {
    p.sums = {};
    if (own_critic()) gradients_.take_memory(*critic_gradients_);
    run_pass(&Ppo::policy_pass, m, gradients_, parts_, p.sums);
    const double approxkl = p.sums.approxkl / static_cast<double>(m.tokens);
    p.approxkl.add(approxkl);
    p.stopped = options_.target_kl > 0 && approxkl > options_.target_kl;
    if (p.stopped) return std::nullopt;
    p.policy_norm = !options_.critic_only ? policy_step() : own_critic() ? 0 : critic_step();
  }
  GradientNorms norms{p.policy_norm, 0};
  if (own_critic()) {
    p.policy_done = true;
    if (after_policy) after_policy();
    critic_gradients_->take_memory(gradients_);
    run_pass(&Ppo::critic_pass, m, *critic_gradients_, critic_parts_, p.sums);
    norms.critic = critic_step();
    p.policy_done = false;
  }
  return std::pair(means(p.sums, m), norms);
}

std::int64_t Ppo::planned_updates(std::int64_t n) const {
  return options_.one_update ? 1 : options_.epochs * ((n + options_.minibatch - 1) / options_.minibatch);
}

void Ppo::Progress::add(const LossStatistics& s, const GradientNorms& norm) {
  policy_loss.add(s.policy_loss), value_loss.add(s.value_loss), loss.add(s.loss), entropy.add(s.entropy);
  clipfrac.add(s.clipfrac), value_clipfrac.add(s.value_clipfrac), ratio.add(s.ratio), kl.add(s.kl);
  ratio_variance.add(std::max(0.0, s.ratio_square - s.ratio * s.ratio));
  norms.add(norm.policy), critic_norms.add(norm.critic);
}

void Ppo::visit_progress(StateFields& fields) {
  Progress& p = progress_;
  fields("epoch", p.epoch), fields("begin", p.begin), fields("stopped", p.stopped);
  fields.optional("policy_done", p.policy_done);
  if (p.policy_done) {
    fields("policy_norm", p.policy_norm);
    for (std::size_t i = 0; i < std::size(kTerms); ++i) fields("term/" + std::to_string(i), p.sums.*kTerms[i]);
    for (std::size_t i = 0; i < std::size(kMeans); ++i) fields("mean/" + std::to_string(i), p.sums.*kMeans[i]);
  }
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
                                      {"norms", &p.norms},
                                      {"critic_norms", &p.critic_norms}})
    fields(name, *moments);
}

void Ppo::train(const PpoBatch& batch, std::int64_t iteration, double policy_beta, Metrics& metrics,
                const AfterUpdate& after, const std::function<void()>& policy_is_final) {
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
      const bool last = p.epoch + 1 == epochs && p.begin + size >= n;
      const auto updated =
          update(minibatch_of(batch, members, policy_beta), last ? policy_is_final : std::function<void()>());
      if (!updated) break;
      const auto& [s, norms] = *updated;
      p.add(s, norms);
      p.begin += size;
      if (after) after(static_cast<std::int64_t>(p.norms.count()), s, norms);
    }
  }
  if (p.norms.count() == 0)
    bad_input("approxkl is beyond --target-kl before the first update: the policy would not change",
              "sample with this policy, or raise --target-kl");
  set_means(metrics);
  finished_ = true;
  release_memory();
}

// Of the updates, before evaluations that have their own.
void Ppo::release_memory() {
  gradients_.release();
  if (critic_gradients_) critic_gradients_->release();
  for (Trace* t : {&trace_, &old_trace_, &ref_trace_}) *t = Trace(t->keep, t->recompute);
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
  if (own_critic()) metrics.set("critic/grad_norm", p.critic_norms.mean());
  metrics.set("ppo/updates", static_cast<double>(p.norms.count()));
  metrics.set("ppo/stopped_early", p.stopped ? 1.0 : 0.0);
}

}  // namespace nudge
