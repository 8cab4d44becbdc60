#include "lib/run/ppo_options.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/cli/common_options.h"
#include "lib/run/options.h"

namespace nudge {

namespace {

constexpr const char* kNoCritic =
    "only --advantage gae has a critic, and --objective reinforce takes return by default";

}  // namespace

Advantage PpoRunOptions::chosen_advantage() const {
  return advantage.value_or(ppo.objective == Objective::kReinforce ? Advantage::kReturn : Advantage::kGae);
}

void PpoRunOptions::add_models_to(Tool& tool) {
  tool.group("Models");
  tool.option("--policy", policy, "folder of the policy that sampled the trajectories")
      .required()
      .placeholder("FOLDER")
      .neutral();
  const Option& init =
      tool.option("--critic-init", critic_init, "reward model that the critic starts from if the policy has none yet")
          .placeholder("FOLDER")
          .neutral();
  const Option& critic_option =
      tool.choice("--critic", critic, {{"own", CriticKind::kOwn}, {"shared", CriticKind::kShared}},
                  "a separate network, or a value head on the policy's backbone");
  tool.option("--off-policy", off_policy,
              "accept another policy's trajectories; the recorded log-probs are the ratio's denominator");
  tool.option("--allow-truncated", allow_truncated, "accept top-k and top-p samples");
  tool.option("--records", records, "number of records that the input must have").at_least(1).neutral();
  tool.after_parsing([this, &init, &critic_option] {
    refuse_unread({&critic_option, &init}, chosen_advantage() != Advantage::kGae, kNoCritic);
    refuse_unread({&init}, critic == CriticKind::kShared, "a shared critic starts from the policy");
  });
}

namespace {

// The penalty of --objective kl and its control.
std::vector<const Option*> policy_kl_options(Tool& tool, PpoRunOptions& o) {
  const Option& kl = tool.choice("--policy-kl", o.ppo.kl_estimate, {{"exact", false}, {"k3", true}},
                                 "KL(old||new) of --objective kl: over the vocabulary, or from the samples");
  const Option& beta = tool.option("--policy-beta", o.objective_kl.beta,
                                   "weight of KL(old||new) for --objective kl; the initial weight with halving")
                           .at_least(0);
  const Option& control = tool.choice("--policy-kl-control", o.objective_kl.kind,
                                      {{"fixed", KlControl::kFixed}, {"halving", KlControl::kHalving}},
                                      "halving: half below target/1.5, double above 1.5 target");
  const Option& target = tool.option("--policy-kl-target", o.objective_kl.target,
                                     "target of --policy-kl-control halving, in nats per token")
                             .above(0);
  return {&kl, &beta, &control, &target};
}

}  // namespace

void PpoRunOptions::add_objective_to(Tool& tool) {
  PpoOptions& p = ppo;
  tool.group("Objective");
  tool.choice(
      "--objective", p.objective,
      {{"clip", Objective::kClip},
       {"kl", Objective::kKl},
       {"is", Objective::kIs},
       {"reinforce", Objective::kReinforce},
       {"cispo", Objective::kCispo}},
      "clipped surrogate, penalty on KL(old||new), plain importance sampling, the policy gradient (REINFORCE: one "
      "update, and --advantage return by default), or its gradient weighed by the clipped ratio as a constant");
  const Option& clip = tool.option("--clip", p.clip_low, "lower clip bound of the ratio: 1 - X").at_least(0).below(1);
  const Option& clip_high = tool.option("--clip-high", p.clip_high, "upper clip bound of the ratio: 1 + X").at_least(0);
  const Option& dual_clip =
      tool.option("--dual-clip", p.dual_clip, "where the advantage is negative, bound the loss at -A times this")
          .above(1)
          .shown_default("none");
  const Option& ratio =
      tool.choice("--ratio", p.sequence_ratio, {{"token", false}, {"sequence", true}},
                  "the ratio of each token, or for all tokens of a sequence the geometric mean of theirs (GSPO)");
  const Option& c1 = tool.option("--c1", p.c1, "weight of the value loss mean (V - R)^2").at_least(0);
  tool.option("--c2", p.c2, "weight of the entropy bonus").at_least(0);
  const Option& value_clip =
      tool.option("--value-clip", p.value_clip, "clip range of a value around its old value; negative: no clipping");
  const std::vector<const Option*> kl = policy_kl_options(tool, *this);
  tool.after_parsing([&, kl] {
    const bool reinforce = p.objective == Objective::kReinforce;
    refuse_unread({&clip, &clip_high}, p.objective != Objective::kClip && p.objective != Objective::kCispo,
                  "only --objective clip and cispo clip");
    refuse_unread({&dual_clip}, p.objective != Objective::kClip, "only --objective clip uses it");
    refuse_unread({&ratio}, reinforce, "--objective reinforce has no ratio");
    if (p.sequence_ratio && chosen_advantage() == Advantage::kGae)
      usage_error("--ratio sequence: wants one advantage a sequence, and GAE gives one a token",
                  "give another --advantage, or leave --ratio out");
    refuse_unread(kl, p.objective != Objective::kKl, "only --objective kl uses it");
    refuse_unread({kl.back()}, objective_kl.kind == KlControl::kFixed, "only --policy-kl-control halving uses it");
    refuse_unread({&c1, &value_clip}, chosen_advantage() != Advantage::kGae, kNoCritic);
  });
}

// What stands beside the objective's term in any loss, and how the terms are averaged.
void PpoRunOptions::add_loss_to(Tool& tool) {
  PpoOptions& p = ppo;
  tool.choice("--loss-mean", p.loss_mean,
              {{"tokens", LossMean::kTokens}, {"sequences", LossMean::kSequences}, {"constant", LossMean::kConstant}},
              "the loss is a mean over the minibatch's tokens; over each sequence's, then over sequences; or over "
              "sequences, each divided by a constant number of tokens");
  const Option& constant = tool.option("--loss-constant", p.loss_constant,
                                       "--loss-mean constant: tokens by which each sequence's sum is divided")
                               .at_least(1)
                               .shown_default("none");
  tool.option("--kl-loss", p.kl_loss, "weight of KL(new||ref) in the loss").at_least(0);
  const Option& kind = tool.choice("--kl-loss-kind", p.kl_loss_kind,
                                   {{"k2", KlLossKind::kK2}, {"k3", KlLossKind::kK3}, {"exact", KlLossKind::kExact}},
                                   "estimated from the samples by k2 or k3, or over the vocabulary from --ref");
  const Option& ref =
      tool.option("--ref", reference, "reference of --kl-loss-kind exact").placeholder("FOLDER").neutral();
  tool.after_parsing([&] {
    refuse_unread({&constant}, p.loss_mean != LossMean::kConstant, "only --loss-mean constant uses it");
    if (p.loss_mean == LossMean::kConstant && !constant.given())
      usage_error("--loss-mean constant: how many tokens a sequence's sum is divided by is missing",
                  "give --loss-constant N, such as rollout's --max-tokens");
    refuse_unread({&kind, &ref}, p.kl_loss == 0, "only --kl-loss uses it");
    refuse_unread({&ref}, p.kl_loss_kind != KlLossKind::kExact, "only --kl-loss-kind exact reads it");
    if (p.kl_loss_kind == KlLossKind::kExact && reference.empty())
      usage_error("--kl-loss-kind exact: the reference is missing", "give its model folder with --ref");
  });
}

namespace {

// One number or two: "2" or "0.5,2".
Binding numbers_binding(std::vector<double>& numbers) {
  Binding b;
  b.placeholder = "X[,X]";
  b.set = [&numbers](const std::string& text) {
    numbers.clear();
    double number = 0;
    const Binding one = bind_option(number);
    for (std::size_t begin = 0, comma = 0; comma != std::string::npos; begin = comma + 1) {
      comma = text.find(',', begin);
      one.set(text.substr(begin, comma == std::string::npos ? comma : comma - begin));
      numbers.push_back(number);
    }
    return 0.0;
  };
  b.value = [&numbers] {
    std::optional<std::string> text;
    for (const double x : numbers) text = (text ? *text + "," : "") + number_text(x);
    return text;
  };
  return b;
}

void set_bounds(CorrectionOptions& o, const std::vector<double>& given) {
  const bool mask = o.correction == Correction::kMask;
  if (given.empty()) return;
  if (given.size() != (mask ? 2 : 1))
    usage_error(mask ? "--correct-bound: --correct mask takes two numbers, LOW,HIGH"
                     : "--correct-bound: --correct truncate takes one number",
                mask ? "give both, such as 0.5,2" : "give the largest weight, such as 2");
  if (mask) o.low = given.front();
  o.high = given.back();
  if (!(o.high > 0) || (mask && !(o.low >= 0 && o.low < o.high)))
    usage_error("--correct-bound: no weight is within it", "give numbers above 0, the smaller first");
}

}  // namespace

void PpoRunOptions::add_off_policy_to(Tool& tool) {
  CorrectionOptions& c = ppo.correct;
  const auto bounds = std::make_shared<std::vector<double>>();
  tool.group("Off-policy");
  const Option& correct = tool.choice(
      "--correct", c.correction,
      {{"none", Correction::kNone}, {"truncate", Correction::kTruncate}, {"mask", Correction::kMask}},
      "another policy's samples: leave the recorded log-probs in the ratio; or put this policy's there, and weigh the "
      "objective by this over that, truncated, or 0 beyond bounds");
  const Option& bound = tool.add("--correct-bound", "largest weight; with mask the least and the largest, LOW,HIGH",
                                 numbers_binding(*bounds))
                            .shown_default("2; with mask 0.5,2");
  const Option& level = tool.choice("--correct-level", c.by_sequence, {{"token", false}, {"sequence", true}},
                                    "weights of tokens, or the product over the sequence for each of its tokens");
  const Option& age = tool.option("--max-age", max_age,
                                  "refuse records whose policy is more than so many iterations older than this one, or "
                                  "none of the last 100")
                          .at_least(0)
                          .at_most(static_cast<double>(kKnownPolicies));
  tool.after_parsing([this, &c, bounds, &correct, &bound, &level, &age] {
    refuse_unread({&correct, &age}, !off_policy, "only --off-policy accepts samples of another policy");
    refuse_unread({&bound, &level}, c.correction == Correction::kNone, "--correct none weighs nothing");
    if (ppo.sequence_ratio && c.correction != Correction::kNone && !c.by_sequence)
      usage_error("--correct-level token: --ratio sequence wants one weight a sequence",
                  "give --correct-level sequence");
    set_bounds(c, *bounds);
  });
}

void PpoRunOptions::add_rewards_to(Tool& tool) {
  tool.group("Rewards and advantages");
  const Option& beta = tool.option("--kl-beta", reward_kl.beta,
                                   "weight of the KL penalty in the reward, or its initial weight if it adapts")
                           .at_least(0);
  const Option& control =
      tool.choice("--kl-control", reward_kl.kind, {{"fixed", KlControl::kFixed}, {"adaptive", KlControl::kAdaptive}},
                  "adaptive: beta (1 + clip(KL/target - 1, 0.2) n/horizon)");
  const Option& target =
      tool.option("--kl-target", reward_kl.target, "adaptive: target of the KL, nats per sequence").above(0);
  const Option& horizon = tool.option("--kl-horizon", reward_kl.horizon, "adaptive: horizon, in sequences").above(0);
  const Option& scale = tool.choice("--reward-scale", running_scale, {{"none", false}, {"running", true}},
                                    "running: divide scores by the deviation of all scores so far");
  const Option& clip = tool.option("--reward-clip", ppo.score_clip, "clip scores, after the scale, to -X .. X")
                           .above(0)
                           .shown_default("not clipped");
  const Option& cut = tool.choice("--cut", ppo.bootstrap, {{"end", false}, {"bootstrap", true}},
                                  "a cut response: is over, or goes on with the critic's value in place of its score");
  const Option& whiten =
      tool.option("--whiten-rewards", ppo.whiten_rewards, "scale the per-token rewards to unit variance");
  tool.after_parsing([&] {
    refuse_unread({&cut}, chosen_advantage() != Advantage::kGae, kNoCritic);
    refuse_unread({&beta, &control, &scale, &clip, &whiten}, chosen_advantage() == Advantage::kField,
                  "--advantage field reads no rewards");
    refuse_unread({&target, &horizon}, reward_kl.kind == KlControl::kFixed, "only --kl-control adaptive uses it");
  });
}

void PpoRunOptions::add_advantages_to(Tool& tool) {
  PpoOptions& p = ppo;
  // Apart from p.whiten, whose default depends on --advantage: the provenance says what was given.
  const auto whiten = std::make_shared<bool>(false), no_whiten = std::make_shared<bool>(false);
  tool.choice("--advantage", advantage,
              {{"gae", Advantage::kGae},
               {"return", Advantage::kReturn},
               {"rloo", Advantage::kRloo},
               {"group", Advantage::kGroup},
               {"field", Advantage::kField}},
              "from a critic (GAE), the whole return, the return less the mean of the prompt's other answers or of all "
              "of them, or the record's advantages")
      .shown_default("gae; return with --objective reinforce");
  const Option& scale = tool.choice("--advantage-scale", p.group_deviation, {{"none", false}, {"std", true}},
                                    "rloo, group: divide by the deviation of the prompt's returns");
  const Option& drop = tool.option("--drop-equal-groups", p.drop_equal_groups,
                                   "rloo, group: learn nothing from prompts whose returns are all equal");
  const Option& baseline = tool.option("--baseline", p.baseline, "return: subtract the mean return of the batch");
  const Option& gamma = tool.option("--gamma", p.gamma, "discount per token").at_least(0).at_most(1);
  const Option& lambda =
      tool.option("--lambda", p.lambda, "GAE's lambda; 1 is the plain discounted return").at_least(0).at_most(1);
  const Option& whitened = tool.option("--whiten", *whiten, "whiten the advantages; the default for gae");
  const Option& unwhitened = tool.option("--no-whiten", *no_whiten, "do not whiten the advantages of gae");
  tool.after_parsing([&, whiten, no_whiten] {
    const Advantage chosen = chosen_advantage();
    const bool is_gae = chosen == Advantage::kGae;
    refuse_unread({&scale, &drop}, !of_group(chosen), "only --advantage rloo and group compare groups");
    refuse_unread({&baseline}, chosen != Advantage::kReturn, "only --advantage return uses it");
    refuse_unread({&gamma}, chosen == Advantage::kField, "--advantage field reads no rewards");
    refuse_unread({&lambda}, !is_gae, "only --advantage gae uses it");
    refuse_unread({&whitened}, is_gae, "the advantages of gae are whitened by default");
    refuse_unread({&unwhitened}, !is_gae, "only the advantages of gae are whitened by default");
    p.whiten = is_gae ? !*no_whiten : *whiten;
  });
}

double PpoRunOptions::rate(double peak, std::int64_t iteration) const {
  if (decay == Decay::kConstant && warmup == 0) return peak;
  const Schedule schedule{
      .decay = decay, .peak = peak, .steps = static_cast<std::uint64_t>(iterations.value_or(1)), .warmup = warmup};
  return static_cast<double>(schedule.rate(static_cast<std::uint64_t>(iteration)));
}

// The place in the run is the iteration that the policy's folder names, so that each call is the same command.
void PpoRunOptions::add_schedule_to(Tool& tool) {
  tool.choice("--schedule", decay,
              {{"constant", Decay::kConstant}, {"linear", Decay::kLinear}, {"cosine", Decay::kCosine}},
              "how the learning rates decay over the run's iterations, to 0 after the last");
  const Option& n = tool.option("--iterations", iterations, "iterations of the whole run, for --schedule and --warmup")
                        .at_least(1)
                        .at_most(1e9);
  tool.option("--warmup", warmup, "iterations over which the learning rates rise").at_most(1e9);
  const Option& of_critic =
      tool.option("--critic-warmup", critic_warmup, "first iterations, in which only the critic learns")
          .at_least(0)
          .at_most(1e9);
  tool.after_parsing([&] {
    const bool constant = decay == Decay::kConstant;
    refuse_unread({&n}, constant && warmup == 0, "without --warmup a constant rate has no place in the run");
    refuse_unread({&of_critic}, chosen_advantage() != Advantage::kGae, kNoCritic);
    if (!constant && !iterations)
      usage_error("--schedule needs --iterations",
                  "the rates decay over the whole run: say how many iterations it has");
    if (iterations && warmup > static_cast<std::uint64_t>(*iterations))
      usage_error("--warmup " + std::to_string(warmup) + " is longer than --iterations " + std::to_string(*iterations));
  });
}

void PpoRunOptions::add_updates_to(Tool& tool) {
  PpoOptions& p = ppo;
  tool.group("Training");
  const Option& epochs = tool.option("--epochs", p.epochs,
                                     "passes over the trajectories; not for reinforce, which makes one update of all")
                             .at_least(1);
  const Option& minibatch =
      tool.option("--minibatch", p.minibatch, "sequences per update; not for reinforce, which takes all").at_least(1);
  rate_option = &tool.option("--lr", p.rate, "the policy's learning rate; without it 10 times that for an adapter")
                     .at_least(0)
                     .at_most(1e3);
  const Option& critic_rate =
      tool.option("--critic-lr", p.critic_rate, "a separate critic's learning rate, likewise").at_least(0).at_most(1e3);
  critic_rate_option = &critic_rate;
  add_schedule_to(tool);
  add_options(tool, adam);
  tool.option("--max-norm", p.max_norm, "norm to which the gradient of policy and critic is clipped; 0: not clipped")
      .at_least(0);
  const Option& target_kl =
      tool.option("--target-kl", p.target_kl, "stop when a minibatch's approxkl exceeds this; 0: never").at_least(0);
  seed_option(tool, p.seed);
  groups_option(tool, p.groups);
  tool.after_parsing([&] {
    const bool reinforce = p.objective == Objective::kReinforce;
    refuse_unread({&epochs, &minibatch}, reinforce, "--objective reinforce makes one update of all trajectories");
    refuse_unread({&critic_rate}, chosen_advantage() != Advantage::kGae, kNoCritic);
    refuse_unread({&critic_rate}, critic == CriticKind::kShared, "a shared critic learns at the policy's rate");
    // Another policy's samples may have any approxkl.
    refuse_unread({&target_kl}, reinforce && (!off_policy || ppo.correct.correction != Correction::kNone),
                  "before the one update of --objective reinforce approxkl is 0");
  });
}

void PpoRunOptions::add_to(Tool& tool) {
  add_models_to(tool);
  adapter.add_to(tool);
  add_objective_to(tool);
  add_loss_to(tool);
  add_off_policy_to(tool);
  add_rewards_to(tool);
  add_advantages_to(tool);
  add_updates_to(tool);
  tool.after_parsing([this] {
    ppo.one_update = ppo.objective == Objective::kReinforce;
    ppo.advantage = chosen_advantage();
    ppo.critic = ppo.advantage == Advantage::kGae;
  });
}

}  // namespace nudge
