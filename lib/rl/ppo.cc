#include "lib/rl/ppo.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/comm.h"
#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/rng.h"
#include "lib/base/stop.h"
#include "lib/kernels/kernels.h"
#include "lib/rl/kl_estimators.h"
#include "lib/rl/minibatch.h"

namespace nudge {
namespace {

constexpr float kUnclipped = 1e30f;  // 1 - and 1 + this bound nothing

double d(float x) { return static_cast<double>(x); }

// Kernels over whole arrays of a minibatch's tokens run on one thread, with denormals flushed as everywhere.
template <class F>
void on_one_thread(F&& f) {
  parallel_for(1, [&](std::int64_t) { f(); });
}

std::vector<ResponseView> views_of(std::span<const Trajectory* const> trajectories) {
  std::vector<ResponseView> views;
  for (const Trajectory* t : trajectories) views.push_back(t->view());
  return views;
}

void order_by_id(std::span<const Trajectory> trajectories, PpoBatch& batch) {
  for (const Trajectory& t : trajectories) batch.trajectories.push_back(&t);
  std::stable_sort(batch.trajectories.begin(), batch.trajectories.end(),
                   [](const Trajectory* a, const Trajectory* b) { return id_less(a->id, b->id); });
  batch.begin.push_back(0);
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i) {
    const Trajectory& t = *batch.trajectories[i];
    if (i > 0 && batch.trajectories[i - 1]->id == t.id)
      bad_input(t.where + ": has the id \"" + t.id + "\" of another record (" + batch.trajectories[i - 1]->where + ")");
    batch.begin.push_back(batch.begin.back() + static_cast<std::size_t>(t.view().predicted()));
  }
}

void gather_recorded(PpoBatch& batch, bool needs_ref) {
  const bool all_have = std::all_of(batch.trajectories.begin(), batch.trajectories.end(),
                                    [](const Trajectory* t) { return !t->ref_logprobs.empty(); });
  for (const Trajectory* t : batch.trajectories) {
    if (t->logprobs.empty()) refuse_absent(*t, "logprobs", "", "rollout writes it");
    if (!t->reward && t->token_rewards.empty())
      refuse_absent(*t, "reward", "", "add it with score --reward-model or a program of yours");
    batch.old_logprobs.insert(batch.old_logprobs.end(), t->logprobs.begin(), t->logprobs.end());
    if (!needs_ref && !all_have) continue;
    if (t->ref_logprobs.empty())
      refuse_absent(*t, "ref_logprobs", ", which the KL penalty needs",
                    "add it with score --ref, or set --kl-beta 0 and no --kl-loss");
    batch.ref_logprobs.insert(batch.ref_logprobs.end(), t->ref_logprobs.begin(), t->ref_logprobs.end());
  }
}

void compare_with_recorded(PpoBatch& batch, bool off_policy) {
  const std::size_t n = batch.old_logprobs.size();
  std::vector<float> ratio(n);
  for (std::size_t i = 0; i < n; ++i) ratio[i] = batch.new_logprobs[i] - batch.old_logprobs[i];
  on_one_thread([&] { kernels().exp(ratio.data(), ratio.data(), static_cast<std::int64_t>(n)); });
  batch.first_ratio_min = *std::min_element(ratio.begin(), ratio.end());
  batch.first_ratio_max = *std::max_element(ratio.begin(), ratio.end());
  const auto refuse = [&](std::size_t i, std::size_t k, const char* why, const char* advice) {
    bad_input(batch.trajectories[i]->where + ": the log-prob of response token " + std::to_string(k - batch.begin[i]) +
                  " is " + why,
              advice);
  };
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i)
    for (std::size_t k = batch.begin[i]; k < batch.begin[i + 1]; ++k) {
      if (!off_policy && batch.new_logprobs[k] != batch.old_logprobs[k])
        refuse(i, k, "not the one that this policy gives",
               "the record was changed after it was sampled; --off-policy takes it as it is");
      if (!std::isfinite(ratio[k]))
        refuse(i, k, "so far from this policy's that their ratio is beyond float32", "leave such records out");
    }
}

}  // namespace

Ppo::Ppo(Model& policy, Model* critic, Adam& adam, Adam* critic_adam, PpoOptions options)
    : policy_(policy), critic_(critic), adam_(adam), critic_adam_(critic_adam), options_(std::move(options)),
      parts_(options_.groups), gradients_(policy.config(), policy.transformer.layout()),
      trace_(true, options_.recompute) {
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

void Ppo::evaluate_values(PpoBatch& batch, std::span<const ResponseView> views) {
  const Transformer& model = shared() ? policy_.transformer : critic_->transformer;
  for (const auto& values : ResponseEvaluator(options_.micro_tokens).token_scores(model, views))
    batch.values.insert(batch.values.end(), values.begin(), values.end());
}

PpoBatch Ppo::prepare(std::span<const Trajectory> trajectories, double beta, bool off_policy) {
  PpoBatch batch;
  order_by_id(trajectories, batch);
  gather_recorded(batch, beta > 0 || options_.kl_loss > 0);
  const auto views = views_of(batch.trajectories);
  for (const ResponseStats& s : ResponseEvaluator(options_.micro_tokens).stats(policy_.transformer, views)) {
    batch.new_logprobs.insert(batch.new_logprobs.end(), s.logprobs.begin(), s.logprobs.end());
    batch.entropies.insert(batch.entropies.end(), s.entropies.begin(), s.entropies.end());
  }
  compare_with_recorded(batch, off_policy);
  if (has_values()) evaluate_values(batch, views);

  std::vector<TrajectoryView> sequences;
  for (std::size_t i = 0; i < batch.trajectories.size(); ++i) {
    const Trajectory& t = *batch.trajectories[i];
    const auto part = [&](const std::vector<float>& v) {
      return v.empty() ? std::span<const float>() : std::span(v).subspan(batch.begin[i], batch.size(i));
    };
    sequences.push_back({part(batch.old_logprobs), part(batch.ref_logprobs), part(batch.values),
                         d(t.reward.value_or(0.0f)), t.token_rewards, t.where});
  }
  TokenSignals signals = token_signals(sequences, {.kl_beta = beta,
                                                   .gamma = options_.gamma,
                                                   .lambda = options_.lambda,
                                                   .whiten_rewards = options_.whiten_rewards,
                                                   .whiten_advantages = options_.whiten,
                                                   .reinforce = !has_values(),
                                                   .baseline = options_.baseline});
  batch.totals = std::move(signals.totals);
  batch.rewards = std::move(signals.rewards);
  batch.advantages = std::move(signals.advantages);
  batch.returns = std::move(signals.returns);
  return batch;
}

void Ppo::policy_terms(const PpoBatch& batch, std::span<const std::size_t> tokens, std::span<const float> logprobs,
                       double policy_beta, PolicyTerms& t) const {
  const std::size_t n = tokens.size();
  std::vector<float> old(n), advantage(n);
  for (std::size_t i = 0; i < n; ++i) {
    old[i] = batch.old_logprobs[tokens[i]];
    advantage[i] = batch.advantages[tokens[i]];
  }
  for (auto* v : {&t.ratio, &t.loss, &t.dlogprob, &t.clipped}) v->resize(n);
  const bool clip = options_.objective == Objective::kClip;
  on_one_thread([&] {
    kernels().policy_clip(logprobs.data(), old.data(), advantage.data(), static_cast<std::int64_t>(n),
                          clip ? static_cast<float>(options_.clip_low) : kUnclipped,
                          clip ? static_cast<float>(options_.clip_high) : kUnclipped, t.ratio.data(), t.loss.data(),
                          t.dlogprob.data(), t.clipped.data());
  });
  if (options_.objective == Objective::kReinforce) {
    for (std::size_t i = 0; i < n; ++i) {
      t.loss[i] = -advantage[i] * logprobs[i];
      t.dlogprob[i] = -advantage[i];
    }
  }
  if (options_.objective == Objective::kKl && options_.kl_estimate) {
    // k3 of KL(old || new) with r = new/old: the derivative of r - 1 - log r by log r is r - 1.
    const auto beta = static_cast<float>(policy_beta);
    for (std::size_t i = 0; i < n; ++i) t.dlogprob[i] += beta * (t.ratio[i] - 1);
  }
}

double Ppo::current_kl(const PpoBatch& batch) {
  const auto views = views_of(batch.trajectories);
  double sum = 0;
  std::size_t token = 0;
  for (const ResponseStats& s : ResponseEvaluator(options_.micro_tokens).stats(policy_.transformer, views, old_.get()))
    for (std::size_t k = 0; k < s.logprobs.size(); ++k, ++token)
      sum += old_ ? d(s.kl[k]) : k3_of_log_ratio(d(s.logprobs[k]) - d(batch.old_logprobs[token]));
  return sum / static_cast<double>(token);
}

PolicyTerms Ppo::terms(const PpoBatch& batch, std::span<const float> logprobs, double policy_beta) const {
  std::vector<std::size_t> all(batch.old_logprobs.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  PolicyTerms t;
  policy_terms(batch, all, logprobs, policy_beta, t);
  return t;
}

void Ppo::value_terms(const PpoBatch& batch, std::span<const std::size_t> tokens, std::span<const float> values,
                      double weight, std::span<float> dvalue, Figures& figures) const {
  const std::size_t n = tokens.size();
  std::vector<float> old(n), target(n), loss(n), clipped(n);
  for (std::size_t i = 0; i < n; ++i) {
    old[i] = batch.values[tokens[i]];
    target[i] = batch.returns[tokens[i]];
  }
  on_one_thread([&] {
    kernels().value_clip(values.data(), old.data(), target.data(), static_cast<std::int64_t>(n),
                         static_cast<float>(options_.value_clip), loss.data(), dvalue.data(), clipped.data());
  });
  const auto scale = static_cast<float>(options_.c1 * weight);
  for (std::size_t i = 0; i < n; ++i) {
    dvalue[i] *= scale;
    figures.value_loss += d(loss[i]);
    figures.value_clipfrac += d(clipped[i]);
  }
}

namespace {

// The tokens of some members of a minibatch, in their order, as places in the batch's arrays.
std::vector<std::size_t> tokens_of(const PpoBatch& batch, std::span<const std::int64_t> members) {
  std::vector<std::size_t> tokens;
  for (std::int64_t m : members)
    for (std::size_t k = batch.begin[static_cast<std::size_t>(m)]; k < batch.begin[static_cast<std::size_t>(m) + 1];
         ++k)
      tokens.push_back(k);
  return tokens;
}

void lay_out_members(const PpoBatch& batch, std::span<const std::int64_t> members, Batch& out, Targets& targets) {
  for (std::int64_t m : members) lay_out(batch.trajectories[static_cast<std::size_t>(m)]->view(), out, targets);
}

}  // namespace

void Ppo::policy_pass(const PpoBatch& batch, std::span<const std::int64_t> members, double weight, double policy_beta,
                      Figures& f) {
  const Transformer& model = policy_.transformer;
  Batch packed;
  Targets targets;
  lay_out_members(batch, members, packed, targets);
  const auto tokens = tokens_of(batch, members);
  model.forward(packed, trace_);
  OldPolicy old;
  if (old_) {
    old_->forward(packed, old_trace_);
    old = {old_.get(), old_trace_.final.data()};
  }
  dfinal_.reserve(packed.size() * policy_.config().width);
  std::fill_n(dfinal_.data(), packed.size() * policy_.config().width, 0.0f);
  const auto w = static_cast<float>(weight);
  const RowGradient common{0, static_cast<float>(-options_.c2 * weight),
                           static_cast<float>(old_ ? policy_beta * weight : 0)};
  const auto loss = [&](std::int64_t begin, std::int64_t end, const RowStats* stats, const float* kl, RowGradient* g) {
    const auto n = static_cast<std::size_t>(end - begin);
    const auto chunk = std::span(tokens).subspan(static_cast<std::size_t>(begin), n);
    std::vector<float> logprobs(n), reverse(n);
    for (std::size_t i = 0; i < n; ++i) logprobs[i] = stats[i].logprob;
    PolicyTerms t;
    policy_terms(batch, chunk, logprobs, policy_beta, t);
    if (options_.kl_loss > 0) {  // k3 of KL(new || ref) = exp(ref - new) - 1 - (ref - new)
      for (std::size_t i = 0; i < n; ++i) reverse[i] = batch.ref_logprobs[chunk[i]] - logprobs[i];
      on_one_thread([&] { kernels().exp(reverse.data(), reverse.data(), static_cast<std::int64_t>(n)); });
    }
    for (std::size_t i = 0; i < n; ++i) {
      float dlogprob = t.dlogprob[i];
      if (options_.kl_loss > 0) {
        f.kl_loss += k3_of_log_ratio(d(batch.ref_logprobs[chunk[i]]) - d(logprobs[i]));
        dlogprob += static_cast<float>(options_.kl_loss) * (1 - reverse[i]);
      }
      g[i] = common;
      g[i].logprob = w * dlogprob;
      const double difference = d(logprobs[i]) - d(batch.old_logprobs[chunk[i]]);
      f.policy_loss += d(t.loss[i]);
      f.clipfrac += d(t.clipped[i]);
      f.ratio += d(t.ratio[i]);
      f.ratio_square += d(t.ratio[i]) * d(t.ratio[i]);
      f.approxkl += 0.5 * difference * difference;
      f.kl += kl != nullptr ? d(kl[i]) : k3_of_log_ratio(difference);
      f.entropy += d(stats[i].entropy);
    }
  };
  head_.train(model, packed, trace_.final.data(), targets, loss, dfinal_.data(), gradients_, old);
  if (shared() && has_values()) {
    std::vector<float> values(tokens.size()), dvalue(tokens.size());
    model.scores(trace_.final.data(), targets.rows, values.data());
    value_terms(batch, tokens, values, weight, dvalue, f);
    model.scores_backward(dvalue.data(), trace_.final.data(), targets.rows, dfinal_.data(), gradients_);
  }
  model.backward(packed, trace_, dfinal_.data(), gradients_);
}

void Ppo::critic_pass(const PpoBatch& batch, std::span<const std::int64_t> members, double weight, Figures& f) {
  const Transformer& model = critic_->transformer;
  Batch packed;
  Targets targets;
  lay_out_members(batch, members, packed, targets);
  const auto tokens = tokens_of(batch, members);
  model.forward(packed, trace_);
  std::vector<float> values(tokens.size()), dvalue(tokens.size());
  model.scores(trace_.final.data(), targets.rows, values.data());
  value_terms(batch, tokens, values, weight, dvalue, f);
  dfinal_.reserve(packed.size() * critic_->config().width);
  std::fill_n(dfinal_.data(), packed.size() * critic_->config().width, 0.0f);
  model.scores_backward(dvalue.data(), trace_.final.data(), targets.rows, dfinal_.data(), *critic_gradients_);
  model.backward(packed, trace_, dfinal_.data(), *critic_gradients_);
}

void Ppo::Figures::add(const Figures& o) {
  policy_loss += o.policy_loss, value_loss += o.value_loss, entropy += o.entropy, approxkl += o.approxkl;
  clipfrac += o.clipfrac, value_clipfrac += o.value_clipfrac, ratio += o.ratio, ratio_square += o.ratio_square;
  kl_loss += o.kl_loss, kl += o.kl;
}

Ppo::Figures Ppo::accumulate_part(const PpoBatch& batch, std::span<const std::int64_t> group, double weight,
                                  double policy_beta) {
  Figures f;
  std::vector<std::int64_t> sizes;
  for (std::int64_t m : group) sizes.push_back(batch.trajectories[static_cast<std::size_t>(m)]->view().tokens());
  for (const auto& [begin, end] : runs_within(sizes, options_.micro_tokens)) {
    leave_if_stopped();
    const auto members = group.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    policy_pass(batch, members, weight, policy_beta, f);
    if (critic_ != nullptr && has_values()) critic_pass(batch, members, weight, f);
  }
  return f;
}

Ppo::Figures Ppo::accumulate(const PpoBatch& batch, std::span<const std::int64_t> minibatch, double policy_beta) {
  Figures f;
  for (std::int64_t m : minibatch) f.tokens += static_cast<std::int64_t>(batch.size(static_cast<std::size_t>(m)));
  const auto n = static_cast<double>(f.tokens);
  std::vector<Gradients*> gradients{&gradients_};
  if (critic_ != nullptr && has_values()) gradients.push_back(critic_gradients_.get());
  std::vector<Figures> groups;  // of this rank
  parts_.run(std::ssize(minibatch), gradients, [&](std::int64_t begin, std::int64_t end) {
    const auto members = minibatch.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    groups.push_back(accumulate_part(batch, members, 1 / n, policy_beta));
  });
  for (const Figures& group : comm().gather(groups)) f.add(group);
  for (double* x : {&f.policy_loss, &f.value_loss, &f.entropy, &f.approxkl, &f.clipfrac, &f.value_clipfrac, &f.ratio,
                    &f.ratio_square, &f.kl_loss, &f.kl})
    *x /= n;
  f.loss = f.policy_loss + options_.c1 * f.value_loss - options_.c2 * f.entropy + options_.kl_loss * f.kl_loss +
           (options_.objective == Objective::kKl ? policy_beta * f.kl : 0);
  return f;
}

double Ppo::step() {
  const bool own_critic = critic_ != nullptr && has_values();
  std::vector<const Buffer<float>*> all{&gradients_.values()};
  if (own_critic) all.push_back(&critic_gradients_->values());
  const double norm = gradient_norm(all);
  if (!std::isfinite(norm))
    bad_input("the gradient is not finite", "lower --lr, or look at the rewards' range with peek");
  const float scale = clip_coefficient(norm, options_.max_norm);
  adam_.step(policy_.transformer, gradients_.values(), static_cast<float>(options_.rate), scale);
  if (own_critic)
    critic_adam_->step(critic_->transformer, critic_gradients_->values(), static_cast<float>(options_.critic_rate),
                       scale);
  return norm;
}

std::int64_t Ppo::planned_updates(std::int64_t n) const {
  return once() ? 1 : options_.epochs * ((n + options_.minibatch - 1) / options_.minibatch);
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
                const std::function<void(std::int64_t updates)>& after) {
  const auto n = static_cast<std::int64_t>(batch.trajectories.size());
  const std::int64_t epochs = once() ? 1 : options_.epochs, size = once() ? n : options_.minibatch;
  Progress& p = progress_;
  if (std::exchange(finished_, false)) p = {};
  for (; p.epoch < epochs && !p.stopped; ++p.epoch, p.begin = 0) {
    const auto order =
        permutation(n, options_.seed, stream_of("ppo/" + std::to_string(iteration) + "/" + std::to_string(p.epoch)));
    while (p.begin < n && !p.stopped) {
      const auto members = std::span(order).subspan(static_cast<std::size_t>(p.begin),
                                                    static_cast<std::size_t>(std::min(size, n - p.begin)));
      const Figures f = accumulate(batch, members, policy_beta);
      p.approxkl.add(f.approxkl);
      p.stopped = options_.target_kl > 0 && f.approxkl > options_.target_kl;
      if (p.stopped) break;
      p.norms.add(step());
      p.policy_loss.add(f.policy_loss), p.value_loss.add(f.value_loss), p.loss.add(f.loss), p.entropy.add(f.entropy);
      p.clipfrac.add(f.clipfrac), p.value_clipfrac.add(f.value_clipfrac), p.ratio.add(f.ratio), p.kl.add(f.kl);
      p.ratio_variance.add(std::max(0.0, f.ratio_square - f.ratio * f.ratio));
      p.begin += size;
      if (after) after(static_cast<std::int64_t>(p.norms.count()));
    }
  }
  if (p.norms.count() == 0)
    bad_input("approxkl is beyond --target-kl before the first update: the policy would stay as it is",
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
