#include "lib/run/ppo_run.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/io/json.h"
#include "lib/io/safetensors.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/record_kind.h"
#include "lib/run/divergence.h"

namespace nudge {

namespace fs = std::filesystem;

namespace {

// Moments without the count of their steps, which is in trainer/state.json, can't be corrected: they begin anew.
void load_moments(Adam& adam, const std::string& file, std::int64_t steps) {
  if (steps == 0 || !file_exists(file)) return;
  try {
    adam.load(file, steps);
  } catch (const Error& e) {
    throw Error(e.status(), e.what(), "remove that file to start with a fresh optimizer");
  }
}

void add_file(Digest& d, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> piece(1 << 20);
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    d.bytes(piece.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (!file.eof()) throw Error(Exit::kIo, path + ": reading failed");
}

}  // namespace

namespace {

// Adapters learn at their own rate where none was given.
void settle_rate(const Model& model, const Option* given, double& rate) {
  if (model.transformer.adapter() != nullptr && (given == nullptr || !given->given()))
    rate *= AdapterOptions::kRateFactor;
}

}  // namespace

PpoRun::PpoRun(PpoRunOptions options) : options_(std::move(options)), bases_(options_.adapter.base) {
  const std::string& critic = options_.critic_init;
  if (!critic.empty() && head_of(options_.policy) == HeadKind::kScore && head_of(critic) == HeadKind::kLanguage)
    bad_input(options_.policy + " is a reward model, not a language model, and " + critic + " is one",
              "swap them: --policy " + critic + " --critic-init " + options_.policy);
  policy_ = std::make_unique<Model>(
      options_.adapter.load(options_.policy, HeadKind::kLanguage, options_.ppo.seed, Dtype::kF32, bases_));
  if (options_.ppo.advantage == Advantage::kField) options_.reward_kl.beta = 0;  // no reward is read
  settle_rate(*policy_, options_.rate_option, options_.ppo.rate);
  // A new adapter computes what its base does, which has sampled.
  digest_ = is_new_adapter() ? policy_->transformer.adapter()->base_digest : model_digest(policy_->transformer);
  folder_digest_ = folder_digest(*policy_);
  state_ = TrainerState::read(options_.policy);
  take_place_in_run();
  take_over_controllers();
  if (uses_critic()) options_.critic == CriticKind::kShared ? load_shared_critic() : load_critic();
  load_trainer();
  load_reference();
  refuse_base_without_adapter(options_.adapter.base, bases_.has_adapters());
}

namespace {

// A reward model of another tokenizer scores texts; a critic reads the policy's tokens.
constexpr const char* kOtherCritic =
    "start it from a model with the policy's tokenizer and context: --critic-init with the policy itself or what it "
    "was trained from, or --critic shared; score can still use such a reward model";

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

bool PpoRun::is_new_adapter() const {
  return policy_->transformer.adapter() != nullptr && !holds_adapter(options_.policy);
}

bool PpoRun::stored_critic() const { return file_exists(options_.policy + "/critic"); }

void PpoRun::load_critic() {
  const std::string own = options_.policy + "/critic";
  if (file_exists(own + "/shared.safetensors"))
    bad_input(own + ": the policy has a shared critic", "continue with --critic shared, or remove that folder");
  if (stored_critic()) {
    critic_ = std::make_unique<Model>(load_model(own, HeadKind::kScore, Dtype::kF32, &bases_));
  } else if (!options_.critic_init.empty()) {
    critic_ = std::make_unique<Model>(new_critic());
    // The critic predicts rewards, so it starts at the reward's scale; its head has no bias to take the mean.
    const ModelConfig& c = critic_->config();
    float* head = critic_->transformer.change() + critic_->transformer.trained().score;
    for (std::int64_t i = 0; i < c.width; ++i)
      head[i] = static_cast<float>(static_cast<double>(head[i]) / c.reward_std);
    critic_->transformer.set_reward_scale(0, 1);
  } else {
    bad_input(options_.policy + ": the policy has no critic yet",
              "give it one with --critic-init FOLDER (the reward model), or use --critic shared");
  }
  if (critic_->transformer.adapter() == nullptr) options_.adapter.freeze(*critic_);
  const AdapterConfig *its = critic_->transformer.adapter(), *policys = policy_->transformer.adapter();
  if (its != nullptr && policys != nullptr && its->base_digest == policys->base_digest && !policys->base.empty())
    critic_->transformer.set_base_name(policys->base);  // from --base-name, too
  settle_rate(*critic_, options_.critic_rate_option, options_.ppo.critic_rate);
  if (critic_->tokenizer.digest() != policy_->tokenizer.digest())
    bad_input((stored_critic() ? own : options_.critic_init) + ": the critic has another tokenizer than the policy",
              kOtherCritic);
  if (critic_->config().context < policy_->config().context)
    bad_input((stored_critic() ? own : options_.critic_init) + ": the critic's context is shorter than the policy's",
              kOtherCritic);
}

// Beside a policy that is an adapter, the critic of a language model is an adapter as well, of the same kind, and shares
// the base if that is the policy's.
Model PpoRun::new_critic() {
  const std::string& init = options_.critic_init;
  const AdapterConfig* adapter = policy_->transformer.adapter();
  if (adapter == nullptr || holds_adapter(init) || head_of(init) != HeadKind::kLanguage)
    return load_as_score_model(init, options_.ppo.seed, Dtype::kF32, &bases_);
  const Bases::Base& base = bases_.at(init, Dtype::kF32);
  AdapterConfig config = *adapter;
  config.head = HeadKind::kScore;
  config.base = init;  // or the policy's name for it
  Model critic = with_files(new_adapter(base, std::move(config), options_.ppo.seed), init);
  set_pad(critic);
  return critic;
}

void PpoRun::load_shared_critic() {
  const std::string folder = options_.policy + "/critic", file = folder + "/shared.safetensors";
  if (stored_critic() && !file_exists(file))
    bad_input(folder + ": the policy has a separate critic", "continue without --critic shared, or remove that folder");
  // The policy again, in a layout that has a place for the value head.
  ModelConfig config = policy_->config();
  config.shared_value = true;
  const Transformer& policy = policy_->transformer;
  const AdapterConfig* adapter = policy.adapter();
  const Layout layout = adapter != nullptr ? Layout(config, *adapter) : Layout(config);
  Buffer<float> values(layout.size);
  for (const TensorInfo& t : policy.trained().tensors)
    std::copy_n(policy.trained_values() + t.offset, t.size, values.data() + layout.find(t.name)->offset);
  if (file_exists(file)) {
    const SafetensorsFile stored(file);
    if (stored.at("score.weight").shape != layout.score_tensor()->shape)
      bad_input(file + ": tensor score.weight differs in shape from the model's");
    stored.read_f32("score.weight", values.data() + layout.score);
  } else {
    initialise_score(config, layout, options_.ppo.seed, values.data());
  }
  policy_->transformer = adapter != nullptr ? Transformer(policy, std::move(config), *adapter, std::move(values))
                                            : Transformer(std::move(config), std::move(values));
}

void PpoRun::load_trainer() {
  const std::string trainer = options_.policy + "/trainer/";
  adam_ = std::make_unique<Adam>(policy_->transformer.trained(), options_.adam);
  const bool fresh = is_new_adapter();  // its folder's moments are those of the whole model
  if (!fresh) load_moments(*adam_, trainer + "optimizer.safetensors", state_.steps);
  if (!critic_) {
    // While the policy stays, a shared value head has an optimizer of its own, so that the policy's stays as well.
    if (!uses_critic() || !options_.ppo.critic_only) return;
    critic_adam_ = std::make_unique<Adam>(policy_->transformer.trained(), options_.adam,
                                          *policy_->transformer.trained().score_tensor());
    if (stored_critic() && !fresh)
      load_moments(*critic_adam_, trainer + "critic-optimizer.safetensors", state_.critic_steps);
    return;
  }
  critic_adam_ = std::make_unique<Adam>(critic_->transformer.trained(), options_.adam);
  // Moments belong to the critic they were made with.
  if (stored_critic()) load_moments(*critic_adam_, trainer + "critic-optimizer.safetensors", state_.critic_steps);
}

void PpoRun::load_reference() {
  const std::string& folder = options_.reference;
  if (folder.empty()) return;
  reference_ = std::make_unique<Model>(bases_.read_only(folder, Dtype::kF32));
  const ModelConfig &ours = policy_->config(), &its = reference_->config();
  if (reference_->tokenizer.digest() != policy_->tokenizer.digest() || its.vocab != ours.vocab)
    bad_input(folder + ": the reference has another tokenizer or vocabulary than the policy",
              "give the model that the policy was trained from");
  if (its.context < ours.context)
    bad_input(folder + ": the reference's context is shorter than the policy's",
              "give the model that the policy was trained from");
}

std::string PpoRun::reference_digest() const { return reference_ ? folder_digest(*reference_) : ""; }

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

// Of the critic with its moments: those that learn, or the stored files that an iteration without one hands on.
std::string PpoRun::critic_digest() const {
  if (critic_) return folder_digest(*critic_) + critic_adam_->digest();
  if (uses_critic() || !stored_critic()) return "";
  std::vector<std::string> files = {options_.policy + "/trainer/critic-optimizer.safetensors"};
  for (const auto& entry : fs::recursive_directory_iterator(options_.policy + "/critic"))
    files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  Digest d;
  for (const std::string& path : files) {
    if (!fs::is_regular_file(path)) continue;
    d.text(fs::relative(path, options_.policy).string());
    add_file(d, path);
  }
  return d.hex();
}

std::string PpoRun::input_digest() const {
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
  d.text(adam_->digest());
  if (critic_adam_ && !critic_) d.text(critic_adam_->digest());
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
void PpoRun::train(Metrics& metrics, TrainingCheckpoint& checkpoint, const OnUpdate& on_update) {
  checkpoint.steps(planned_updates());
  checkpoint.learner("policy", policy_->transformer, *adam_);
  if (critic_adam_) checkpoint.learner("critic", (critic_ ? critic_ : policy_)->transformer, *critic_adam_);
  checkpoint.fields([this](StateFields& fields) { ppo_->visit_progress(fields); });
  checkpoint.resume();
  const auto after = [&](std::int64_t updates, const LossStatistics& s, const GradientNorms& norms) {
    on_update(updates, update_metrics(state_.iteration, updates, s, norms));
    checkpoint.after(updates);
  };
  ppo_->train(batch_.select(batch_.learnt), state_.iteration, options_.objective_kl.beta, metrics, after);
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

void PpoRun::save(RunFolder& folder) const {
  save_model(*policy_, folder.temporary());
  adam_->save(folder.trainer() + "/optimizer.safetensors");
  write_file(folder.trainer() + "/state.json", state_.json());
  const std::string critic = folder.temporary() + "/critic";
  if (critic_) {
    fs::create_directory(critic);
    save_model(*critic_, critic);
    critic_adam_->save(folder.trainer() + "/critic-optimizer.safetensors");
  } else if (policy_->config().shared_value) {
    if (critic_adam_) critic_adam_->save(folder.trainer() + "/critic-optimizer.safetensors");
    fs::create_directory(critic);
    const TensorInfo& t = *policy_->transformer.trained().score_tensor();
    const TensorView head{"score.weight", t.shape, policy_->transformer.trained_values() + t.offset};
    write_safetensors(critic + "/shared.safetensors", {&head, 1});
  } else if (file_exists(options_.policy + "/critic")) {
    // An iteration that needs no critic hands on the one that is there.
    fs::copy(options_.policy + "/critic", critic, fs::copy_options::recursive);
    const std::string moments = options_.policy + "/trainer/critic-optimizer.safetensors";
    if (file_exists(moments)) fs::copy_file(moments, folder.trainer() + "/critic-optimizer.safetensors");
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
