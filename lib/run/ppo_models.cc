// ppo-step's models: the policy, its critic, the reference, and the moments of those that learn, from their folders.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/io/safetensors.h"
#include "lib/run/ppo_run.h"

namespace nudge {

namespace fs = std::filesystem;

namespace {

void add_file(Digest& d, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> piece(1 << 20);
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    d.bytes(piece.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (!file.eof()) throw Error(Exit::kIo, path + ": reading failed");
}

// Adapters learn at their own rate where none was given.
void settle_rate(const Model& model, const Option* given, double& rate) {
  if (model.transformer.adapter() != nullptr && (given == nullptr || !given->given()))
    rate *= AdapterOptions::kRateFactor;
}

// A reward model of another tokenizer scores texts; a critic reads the policy's tokens.
constexpr const char* kOtherCritic =
    "start it from a model with the policy's tokenizer and context: --critic-init with the policy itself or what it "
    "was trained from, or --critic shared; score can still use such a reward model";

}  // namespace

PpoRun::PpoRun(PpoRunOptions options)
    : options_(std::move(options)), bases_(options_.adapter.base), moments_(options_.policy, "optimizer"),
      critic_moments_(options_.policy, "critic-optimizer") {
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
  folder_digest_ = is_new_adapter() ? folder_digest(*policy_) : folder_digest(*policy_, digest_);
  state_ = TrainerState::read(options_.policy);
  take_place_in_run();
  take_over_controllers();
  if (uses_critic()) options_.critic == CriticKind::kShared ? load_shared_critic() : load_critic();
  load_trainer();
  load_reference();
  refuse_base_without_adapter(options_.adapter.base, bases_.has_adapters());
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
  adam_ = std::make_unique<Adam>(policy_->transformer.trained(), options_.adam);
  const bool fresh = is_new_adapter();  // its folder's moments are those of the whole model
  if (!fresh) moments_.load(*adam_, state_.steps);
  if (!critic_) {
    // While the policy stays, a shared value head has an optimizer of its own, so that the policy's stays as well.
    if (!uses_critic() || !options_.ppo.critic_only) return;
    critic_adam_ = std::make_unique<Adam>(policy_->transformer.trained(), options_.adam,
                                          *policy_->transformer.trained().score_tensor());
    if (stored_critic() && !fresh) critic_moments_.load(*critic_adam_, state_.critic_steps);
    return;
  }
  critic_adam_ = std::make_unique<Adam>(critic_->transformer.trained(), options_.adam);
  // Moments belong to the critic they were made with.
  if (stored_critic()) critic_moments_.load(*critic_adam_, state_.critic_steps);
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

// Of the critic with its moments: those that learn, or the stored files that an iteration without one hands on.
std::string PpoRun::critic_digest() {
  if (critic_) return folder_digest(*critic_) + critic_moments_.digest(*critic_adam_);
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

}  // namespace nudge
