#include "lib/run/ppo_run.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/io/json.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/record_kind.h"
#include "lib/run/divergence.h"

namespace nudge {

namespace fs = std::filesystem;

namespace {

// The model folder beside `folder` that has this digest, or "". Weights are read for it, so many as take seconds.
std::string folder_beside(const std::string& folder, const std::string& digest, Bases& bases) {
  constexpr std::uintmax_t kMostBytes = std::uintmax_t{4} << 30;
  std::error_code error;
  const fs::path path = fs::path(folder).lexically_normal(), named = path.has_filename() ? path : path.parent_path();
  std::vector<fs::path> beside;
  for (const auto& entry : fs::directory_iterator(named.has_parent_path() ? named.parent_path() : ".", error))
    beside.push_back(entry.path().lexically_normal());
  std::sort(beside.begin(), beside.end());
  std::uintmax_t bytes = 0;
  for (const fs::path& candidate : beside) {
    const bool adapter = holds_adapter(candidate.string());
    const auto size = fs::file_size(candidate / (adapter ? "adapter_model.safetensors" : "model.safetensors"), error);
    if (error || head_of(candidate.string()) != HeadKind::kLanguage || (bytes += size) > kMostBytes) continue;
    try {
      const Model model = load_model(candidate.string(), HeadKind::kLanguage, Dtype::kF32, &bases);
      if (model_digest(model.transformer) == digest) return candidate.string();
    } catch (const Error&) {
      continue;
    }
  }
  return "";
}

}  // namespace

// Trajectories are of another policy: mostly the one before this, or the one behind it.
std::string PpoRun::advice_on_policy(const std::string& sampled_by) {
  const std::string accept = ", or accept it with --off-policy";
  if (sampled_by.empty()) return "sample with rollout, which names it" + accept;
  const std::string folder = folder_beside(options_.policy, sampled_by, bases_);
  if (!folder.empty()) return "that one is " + folder + ": give --policy " + folder + accept;
  return "give the policy that sampled it, or sample again with this one, rollout --policy " + options_.policy + accept;
}

std::vector<std::string> PpoRun::remarks() const {
  std::vector<std::string> all = policy_->remarks;
  if (critic_) all.insert(all.end(), critic_->remarks.begin(), critic_->remarks.end());
  return all;
}

// The iteration's rates, and who learns in it.
void PpoRun::take_place_in_run() {
  const std::int64_t n = options_.iterations.value_or(state_.iteration + 1);
  if (state_.iteration >= n)
    bad_input(options_.policy + ": its next iteration would be " + std::to_string(state_.iteration + 1) + " of " +
                  std::to_string(n) + ": the run is done",
              "give more --iterations, and the rates are those of the longer run");
  PpoOptions& p = options_.ppo;
  p.rate = options_.rate(p.rate, state_.iteration);
  p.critic_rate = options_.rate(p.critic_rate, state_.iteration);
  p.critic_only = state_.iteration < options_.critic_warmup;
}

// An adapted beta goes on from where the last iteration left it.
void PpoRun::take_over_controllers() {
  if (options_.reward_kl.kind != KlControl::kFixed && state_.reward_beta) options_.reward_kl.beta = *state_.reward_beta;
  options_.reward_kl.check();
  if (options_.ppo.objective != Objective::kKl) return;
  if (options_.objective_kl.kind != KlControl::kFixed && state_.objective_beta)
    options_.objective_kl.beta = *state_.objective_beta;
  options_.objective_kl.check();
}

// How many iterations old the policy is that sampled it, which the trainer's state knows.
void PpoRun::check_age(const Trajectory& t) const {
  if (!options_.max_age || t.policy == digest_) return;
  const auto known = std::ranges::find(state_.policies, t.policy);
  const std::int64_t age = known - state_.policies.begin() + 1;
  if (known != state_.policies.end() && age <= *options_.max_age) return;
  const std::string allowed = ", --max-age is " + std::to_string(*options_.max_age);
  bad_input(t.where + (known == state_.policies.end()
                           ? ": was sampled by a policy that is none of the last " +
                                 std::to_string(state_.policies.size()) + " before this one" + allowed
                           : ": was sampled by the policy of " + std::to_string(age) + " iterations ago" + allowed),
            "sample again with this one, rollout --policy " + options_.policy + ", or raise --max-age");
}

void PpoRun::add(const Record& record) {
  const ProfileScope scope(Part::kReading);
  check_tokenizer(
      record, policy_->tokenizer.digest(), "policy",
      "give --policy the folder that sampled them, or sample again with this one: rollout --policy " + options_.policy);
  Trajectory t =
      read_as(RecordKind::kTrajectory, "ppo-step", record, [&] { return read_trajectory(record, policy_->config()); });
  check_fits(t, policy_->config(), "policy", "give --policy the folder that sampled them, or drop such records");
  t.stopped = ended_by_itself(record, *policy_);
  if (options_.ppo.advantage == Advantage::kField) t.advantages = read_advantages(record, t.view().listed());
  std::string advice;
  const Dtype sampled_in = t.dtype == name_of(Dtype::kBf16) ? Dtype::kBf16 : Dtype::kF32;
  if (trajectories_.empty()) dtype_ = options_.dtype.value_or(sampled_in);
  if (!options_.dtype && sampled_in != dtype_)
    bad_input(t.where + ": was sampled in dtype " + t.dtype + ", the records before it in " + name_of(dtype_),
              "sample all in one dtype, or give --dtype with --off-policy");
  if (!options_.off_policy && t.policy != digest_) advice = advice_on_policy(t.policy);
  check_sampled_by(t, digest_, dtype_, options_.off_policy, options_.allow_truncated, advice);
  check_age(t);
  trajectories_.push_back(std::move(t));
  records_.push_back(record);
}

std::string PpoRun::input_digest() {
  BackgroundJobs beside;
  beside.start([this] { moments_.digest(*adam_); });
  std::vector<std::pair<std::string, std::string>> lines;
  for (std::size_t i = 0; i < records_.size(); ++i) lines.emplace_back(trajectories_[i].id, records_[i].line());
  std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return id_less(a.first, b.first); });
  Digest d;
  for (const auto& [id, line] : lines) d.text(line);
  d.text(critic_digest());
  const Transformer& policy = policy_->transformer;
  if (policy_->config().shared_value)  // the policy's digest is without the value head
    d.bytes(policy.trained_values() + policy.trained().score,
            static_cast<std::size_t>(policy_->config().width) * sizeof(float));
  beside.finish();
  d.text(moments_.digest(*adam_));
  if (critic_adam_ && !critic_) d.text(critic_moments_.digest(*critic_adam_));
  d.text(state_.json());
  return d.hex();
}

double PpoRun::mean_kl() const {
  double sum = 0;
  for (std::size_t i = 0; i < batch_.ref_logprobs.size(); ++i)
    sum += static_cast<double>(batch_.old_logprobs[i]) - static_cast<double>(batch_.ref_logprobs[i]);
  return sum / static_cast<double>(batch_.trajectories.size());
}

// By the deviation of all scores so far, these included, in the order of ids.
void PpoRun::scale_scores() {
  const bool clips = options_.ppo.score_clip > 0;
  if ((options_.running_scale || clips) &&
      std::ranges::none_of(trajectories_, [](const auto& t) { return t.reward.has_value(); }))
    bad_input(std::string("no record has a \"reward\", which ") +
                  (options_.running_scale ? "--reward-scale scales" : "--reward-clip clips"),
              "leave that option out: numbers in \"rewards\" are taken as they are");
  if (!options_.running_scale) return;
  std::vector<const Trajectory*> ordered;
  for (const Trajectory& t : trajectories_) ordered.push_back(&t);
  std::ranges::sort(ordered, id_less, [](const Trajectory* t) { return std::string_view(t->id); });
  for (const Trajectory* t : ordered)
    if (t->reward) state_.scores.add(static_cast<double>(*t->reward));
  options_.ppo.score_scale = score_scale(state_.scores);
}

void PpoRun::describe_rewards(Metrics& metrics) const {
  const PpoOptions& o = options_.ppo;
  Moments score, entering, total;
  for (std::size_t i = 0; i < batch_.trajectories.size(); ++i) {
    score.add(static_cast<double>(batch_.trajectories[i]->reward.value_or(0.0f)));
    entering.add(batch_.scores[i]);
    total.add(batch_.totals[i]);
  }
  metrics.set("objective/scores", score.mean());
  if (options_.running_scale) metrics.set("objective/score_scale", o.score_scale);
  if (options_.running_scale || o.score_clip > 0 || o.bootstrap) metrics.set("objective/scores_used", entering.mean());
  metrics.set("objective/non_score_reward", *total.mean() - *entering.mean());
  metrics.set("objective/rlhf_reward", total.mean());
}
namespace {

void set_importance(const ImportanceFigures& figures, Metrics& metrics) {
  metrics.set("offpolicy/ess_tokens", figures.effective_tokens);
  metrics.set("offpolicy/ess_sequences", figures.effective_sequences);
  metrics.set("offpolicy/weight_max", figures.largest);
  metrics.set("offpolicy/cut_share", figures.cut_share);
}

}  // namespace

void PpoRun::prepare(Metrics& metrics) {
  if (options_.records && *options_.records != size())
    bad_input("the input has " + std::to_string(size()) + " records, not the " + std::to_string(*options_.records) +
                  " of --records",
              "check the programs before this one in the pipeline");
  if (trajectories_.empty()) bad_input("the input has no trajectories");
  for (Model* m : {policy_.get(), critic_.get(), reference_.get()}) {
    if (m == nullptr || m->config().dtype == dtype_) continue;
    ModelConfig config = m->config();
    config.dtype = dtype_;
    m->transformer = std::move(m->transformer).with(std::move(config));
  }
  scale_scores();
  ppo_ = std::make_unique<Ppo>(*policy_, critic_.get(), *adam_, critic_adam_.get(), options_.ppo,
                               reference_ ? &reference_->transformer : nullptr);
  batch_ = ppo_->prepare(trajectories_, options_.reward_kl.beta, options_.off_policy);
  // What the controller refuses, it refuses before any training.
  if (!batch_.ref_logprobs.empty())
    KlController(options_.reward_kl).update(mean_kl(), static_cast<std::uint64_t>(size()));

  Moments length, entropy, cut;
  double ended = 0;
  for (std::size_t i = 0; i < batch_.trajectories.size(); ++i) {
    const Trajectory& t = *batch_.trajectories[i];
    length.add(static_cast<double>(batch_.size(i)));
    cut.add(t.stopped ? 0 : 1);
    ended += t.stopped;
    double h = 0;
    for (const float token : batch_.part(std::as_const(batch_.entropies), i)) h += static_cast<double>(token);
    entropy.add(h);
  }
  metrics.set("iteration", static_cast<double>(state_.iteration));
  metrics.set("episode", static_cast<double>(state_.episodes + size()));
  if (!batch_.ref_logprobs.empty()) metrics.set("objective/kl", mean_kl());
  metrics.set("objective/kl_beta", options_.reward_kl.beta);
  metrics.set("objective/entropy", entropy.mean());
  describe_rewards(metrics);
  metrics.set("val/first_ratio_min", static_cast<double>(batch_.first_ratio_min));
  metrics.set("val/first_ratio_max", static_cast<double>(batch_.first_ratio_max));
  if (!batch_.weights.empty()) set_importance(batch_.importance, metrics);
  metrics.set("val/num_eos_tokens", ended);
  metrics.set("response_length/mean", length.mean());
  metrics.set("response_length/clip_ratio", cut.mean());
  if (uses_critic()) metrics.set("critic/vf_explained_var", explained_variance(batch_.values, batch_.returns));
  if (!of_group(options_.ppo.advantage)) return;
  metrics.set("groups/number", static_cast<double>(batch_.groups));
  metrics.set("groups/equal", static_cast<double>(batch_.equal_groups));
  metrics.set("groups/left_out", static_cast<double>(size() - std::ssize(batch_.learnt)));
}

namespace {

Metrics update_metrics(std::int64_t iteration, std::int64_t update, const LossStatistics& s,
                       const GradientNorms& norms) {
  Metrics m;
  at_step(update, [&] {
    m.set("iteration", static_cast<double>(iteration));
    m.set("update", static_cast<double>(update));
    m.set("loss/total", s.loss);
    m.set("loss/policy", s.policy_loss);
    m.set("loss/value", s.value_loss);
    m.set("policy/approxkl", s.approxkl);
    m.set("policy/clipfrac", s.clipfrac);
    m.set("policy/entropy", s.entropy);
    m.set("val/clipfrac", s.value_clipfrac);
    m.set("val/ratio", s.ratio);
    m.set("actor/grad_norm", norms.policy);
    m.set("critic/grad_norm", norms.critic);
  });
  return m;
}

}  // namespace

// What prepare() made is a function of the policy as it was, whose weights are still in place: only now they become
// those of the checkpoint. Controllers take their step after the last update, so that none is to be kept.
void PpoRun::train(Metrics& metrics, TrainingCheckpoint& checkpoint, const OnUpdate& on_update, RunFolder* folder) {
  for (const StoredMoments* m : {&moments_, &critic_moments_}) m->expect();
  checkpoint.steps(planned_updates());
  checkpoint.learner("policy", policy_->transformer, *adam_);
  if (critic_adam_) checkpoint.learner("critic", (critic_ ? critic_ : policy_)->transformer, *critic_adam_);
  checkpoint.fields([this](StateFields& fields) { ppo_->visit_progress(fields); });
  checkpoint.resume();
  const auto after = [&](std::int64_t updates, const LossStatistics& s, const GradientNorms& norms) {
    on_update(updates, update_metrics(state_.iteration, updates, s, norms));
    checkpoint.after(updates);
  };
  bool begun = folder == nullptr;  // writing the policy
  const auto save_ahead = [&] {
    if (std::exchange(begun, true)) return;
    ahead_.start([this, to = folder->temporary(), trainer = folder->trainer()] { save_policy(to, trainer); });
  };
  ppo_->train(batch_.select(batch_.learnt), state_.iteration, options_.objective_kl.beta, metrics, after, save_ahead);
  save_ahead();
  if (folder != nullptr)
    ahead_.start([this, to = folder->temporary(), trainer = folder->trainer()] { save_critic(to, trainer); });
  check_finite(policy_->transformer);
  if (critic_) check_finite(critic_->transformer);
  finish_iteration(metrics);
}

// A policy that stays is no answer to a controller, which stays then as well.
void PpoRun::finish_iteration(Metrics& metrics) {
  const bool stays = options_.ppo.critic_only;
  if (!batch_.ref_logprobs.empty() && !stays) options_.reward_kl.update(mean_kl(), static_cast<std::uint64_t>(size()));
  std::optional<double> kl;
  if (options_.ppo.objective == Objective::kKl) {
    metrics.set("policy/kl_beta", options_.objective_kl.beta);
    kl = ppo_->current_kl(batch_);
    metrics.set("policy/kl_old_new", *kl);
    if (!stays) options_.objective_kl.update(*kl, static_cast<std::uint64_t>(size()));
    if (options_.objective_kl.kind != KlControl::kFixed) state_.objective_beta = options_.objective_kl.beta;
  }
  if (options_.reward_kl.kind != KlControl::kFixed) state_.reward_beta = options_.reward_kl.beta;
  metrics.set("policy/kl_step", stays ? 0 : kl ? *kl : ppo_->moved(batch_));
  metrics.set("lr", options_.ppo.rate);
  if (critic_) metrics.set("critic/lr", options_.ppo.critic_rate);
  state_.entropy = figures().entropy.mean;
  ++state_.iteration;
  state_.policies.insert(state_.policies.begin(), digest_);
  if (std::ssize(state_.policies) > kKnownPolicies) state_.policies.resize(static_cast<std::size_t>(kKnownPolicies));
  state_.episodes += size();
  state_.steps = adam_->steps();
  if (uses_critic()) state_.critic_steps = critic_adam_ ? critic_adam_->steps() : 0;
}

void PpoRun::save(RunFolder& folder) {
  write_file(folder.trainer() + "/state.json", state_.json());
  const ProfileScope scope(Part::kSaving);
  ahead_.finish();
}

void PpoRun::shed_moments() const {
  for (const StoredMoments* m : {&moments_, &critic_moments_}) m->shed();
}

void PpoRun::save_policy(const std::string& folder, const std::string& trainer) const {
  save_model(*policy_, folder);
  if (!options_.no_moments) adam_->save(trainer + "/optimizer.safetensors");
}

void PpoRun::save_critic(const std::string& folder, const std::string& trainer) const {
  const std::string critic = folder + "/critic", moments = trainer + "/critic-optimizer.safetensors";
  if (critic_) {
    fs::create_directory(critic);
    save_model(*critic_, critic);
    if (!options_.no_moments) critic_adam_->save(moments);
  } else if (policy_->config().shared_value) {
    if (critic_adam_ && !options_.no_moments) critic_adam_->save(moments);
    fs::create_directory(critic);
    const TensorInfo& t = *policy_->transformer.trained().score_tensor();
    const TensorView head{"score.weight", t.shape, policy_->transformer.trained_values() + t.offset};
    write_safetensors(critic + "/shared.safetensors", {&head, 1});
  } else if (file_exists(options_.policy + "/critic")) {
    // An iteration that needs no critic hands on the one that is there.
    fs::copy(options_.policy + "/critic", critic, fs::copy_options::recursive);
    const std::string earlier = options_.policy + "/trainer/critic-optimizer.safetensors";
    if (!options_.no_moments && file_exists(earlier)) fs::copy_file(earlier, moments);
  }
}

std::vector<Record> PpoRun::annotated() {
  const PolicyLoss policy = policy_loss(batch_.policy_tokens_of(0, batch_.trajectories.size(), batch_.new_logprobs),
                                        options_.ppo, options_.objective_kl.beta);
  std::vector<Record> records = records_;
  for (std::size_t i = 0; i < batch_.trajectories.size(); ++i) {
    Record& r = records[static_cast<std::size_t>(batch_.trajectories[i] - trajectories_.data())];
    const ResponseView view = batch_.trajectories[i]->view();
    const auto part = [&](const std::vector<float>& all) { return spread(view, batch_.part(all, i)); };
    if (!batch_.values.empty()) r.set_reals("values", part(batch_.values));
    r.set_reals("token_rewards", part(batch_.rewards));
    r.set_reals("advantages", part(batch_.advantages));
    r.set_reals("returns", part(batch_.returns));
    r.set_reals("ratio", part(policy.ratio));
    r.set_reals("policy_loss", part(policy.loss));
  }
  return records;
}

}  // namespace nudge
