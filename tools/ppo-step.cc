// One iteration of PPO: scored trajectories and the policy that sampled them in, the next policy out.
#include <chrono>
#include <cstdio>

#include "lib/base/comm.h"
#include "lib/cli/signals.h"
#include "lib/kernels/kernels.h"
#include "lib/run/ppo_run.h"
#include "lib/run/streams.h"
#include "lib/run/training.h"

using namespace nudge;

namespace {

void objective_options(Tool& tool, PpoRunOptions& o) {
  PpoOptions& p = o.ppo;
  tool.group("Objective");
  tool.choice("--objective", p.objective,
              {{"clip", Objective::kClip},
               {"kl", Objective::kKl},
               {"is", Objective::kIs},
               {"reinforce", Objective::kReinforce}},
              "clipped surrogate, penalty on KL(old||new), plain importance sampling, or the policy gradient "
              "(no critic, one pass)");
  const Option& clip = tool.option("--clip", p.clip_low, "the ratio is clipped to 1 - this ...").at_least(0).below(1);
  const Option& clip_high = tool.option("--clip-high", p.clip_high, "... and 1 + this").at_least(0);
  const Option& c1 = tool.option("--c1", p.c1, "weight of the value loss mean (V - R)^2").at_least(0);
  tool.option("--c2", p.c2, "weight of the entropy bonus").at_least(0);
  const Option& value_clip =
      tool.option("--value-clip", p.value_clip, "values move at most this far from the old ones; negative: any way");
  tool.option("--kl-loss", p.kl_loss, "weight of the mean of k3(new, ref) in the loss").at_least(0);
  const Option& kl = tool.choice("--policy-kl", p.kl_estimate, {{"exact", false}, {"k3", true}},
                                 "KL(old||new) of --objective kl: over the vocabulary, or from the samples");
  const Option& beta =
      tool.option("--policy-beta", o.objective_kl.beta, "its weight, at the beginning where it adapts").at_least(0);
  const Option& control = tool.choice("--policy-kl-control", o.objective_kl.kind,
                                      {{"fixed", KlControl::kFixed}, {"halving", KlControl::kHalving}},
                                      "halving: half below target/1.5, double above 1.5 target");
  const Option& target =
      tool.option("--policy-kl-target", o.objective_kl.target, "its target, nats per token").above(0);
  const Option& baseline = tool.option("--baseline", p.baseline, "reinforce: subtract the mean return");
  tool.after_parsing([&] {
    const bool reinforce = p.objective == Objective::kReinforce;
    refuse_unread({&clip, &clip_high}, p.objective != Objective::kClip, "only --objective clip clips");
    refuse_unread({&kl, &beta, &control, &target}, p.objective != Objective::kKl, "is of --objective kl");
    refuse_unread({&target}, o.objective_kl.kind == KlControl::kFixed, "only --policy-kl-control halving has one");
    refuse_unread({&c1, &value_clip}, reinforce, "--objective reinforce has no critic");
    refuse_unread({&baseline}, !reinforce, "is of --objective reinforce");
  });
}

void reward_options(Tool& tool, PpoRunOptions& o) {
  PpoOptions& p = o.ppo;
  tool.group("Rewards and advantages");
  tool.option("--kl-beta", o.reward_kl.beta, "weight of the KL penalty in the reward, at the beginning where it adapts")
      .at_least(0);
  tool.choice("--kl-control", o.reward_kl.kind, {{"fixed", KlControl::kFixed}, {"adaptive", KlControl::kAdaptive}},
              "adaptive: beta (1 + clip(KL/target - 1, 0.2) n/horizon)");
  const Option& target =
      tool.option("--kl-target", o.reward_kl.target, "adaptive: its target, nats per sequence").above(0);
  const Option& horizon = tool.option("--kl-horizon", o.reward_kl.horizon, "adaptive: its horizon, sequences").above(0);
  tool.option("--gamma", p.gamma, "discount per token").at_least(0).at_most(1);
  const Option& lambda =
      tool.option("--lambda", p.lambda, "GAE's; 1 is the plain discounted return").at_least(0).at_most(1);
  const Option& no_whiten = tool.option("--no-whiten", p.whiten, "leave the advantages as they are");
  tool.option("--whiten-rewards", p.whiten_rewards, "scale the per-token rewards to unit variance");
  tool.after_parsing([&] {
    refuse_unread({&target, &horizon}, o.reward_kl.kind == KlControl::kFixed, "only --kl-control adaptive has one");
    refuse_unread({&lambda, &no_whiten}, p.objective == Objective::kReinforce,
                  "--objective reinforce weighs each token with the whole return as it is");
  });
}

void training_options(Tool& tool, PpoRunOptions& o) {
  PpoOptions& p = o.ppo;
  tool.group("Training");
  const Option& epochs = tool.option("--epochs", p.epochs,
                                     "passes over the trajectories; not for reinforce, which makes one update of all")
                             .at_least(1);
  const Option& minibatch =
      tool.option("--minibatch", p.minibatch, "sequences per update; not for reinforce, which takes all").at_least(1);
  tool.option("--lr", p.rate, "the policy's learning rate").at_least(0).at_most(1e3);
  const Option& critic_rate =
      tool.option("--critic-lr", p.critic_rate, "that of a critic of its own").at_least(0).at_most(1e3);
  tool.option("--beta1", o.adam.beta1, "AdamW").at_least(0).at_most(kMostBeta);
  tool.option("--beta2", o.adam.beta2, "AdamW").at_least(0).at_most(kMostBeta);
  tool.option("--eps", o.adam.eps, "AdamW").at_least(kLeastEps);
  tool.option("--weight-decay", o.adam.weight_decay, "AdamW").at_least(0);
  tool.option("--max-norm", p.max_norm, "norm that the gradient of policy and critic is clipped to; 0: not")
      .at_least(0);
  const Option& target_kl =
      tool.option("--target-kl", p.target_kl, "stop when a minibatch's approxkl exceeds this; 0: never").at_least(0);
  seed_option(tool, p.seed);
  groups_option(tool, p.groups);
  tool.after_parsing([&] {
    const bool reinforce = p.objective == Objective::kReinforce;
    refuse_unread({&epochs, &minibatch}, reinforce, "--objective reinforce makes one update of all trajectories");
    refuse_unread({&critic_rate}, reinforce, "--objective reinforce has no critic");
    refuse_unread({&critic_rate}, o.critic == CriticKind::kShared, "a shared critic learns at the policy's rate");
    // Of another policy's samples it may be anything.
    refuse_unread({&target_kl}, reinforce && !o.off_policy,
                  "before the one update of --objective reinforce approxkl is 0");
  });
}

}  // namespace

int main(int argc, char** argv) {
  PpoRunOptions options;
  StreamOptions streams;
  bool dry_run = false;
  MetricsFile metrics_file;
  SaveOptions saving;

  Tool tool({.name = "ppo-step",
             .summary = "one iteration of PPO over scored trajectories",
             .description =
                 "Reads trajectories with \"reward\" and \"ref_logprobs\" and the policy that sampled them, and writes "
                 "the next policy's folder, with critic/ and trainer/ (optimizer, KL controllers, counters) in "
                 "it. Recomputes the log-probs and finds the sampler's bits: the first ratio is exactly 1. The "
                 "order of the records, --micro-batch and --threads change no byte of the output.\n\n"
                 "Stopped by a signal (75) or killed, the same command goes on from its last checkpoint.",
             .examples = {{"One iteration of PPO.",
                           "rollout -z --policy p0 -n 4 prompts.jsonl.zst | score -z --reward-model rm --ref base | "
                           "ppo-step --policy p0 --critic-init rm -o p1"}},
             .kernel_level = [] { return std::string(kernels().name); },
             .stops_saved = true});
  input_files(tool, streams.files);
  tool.group("Models");
  tool.option("--policy", options.policy, "folder of the policy that sampled the trajectories")
      .required()
      .placeholder("FOLDER")
      .neutral();
  const Option& critic_init = tool.option("--critic-init", options.critic_init,
                                          "what the critic starts from where the policy has none yet: the reward model")
                                  .placeholder("FOLDER")
                                  .neutral();
  const Option& critic =
      tool.choice("--critic", options.critic, {{"own", CriticKind::kOwn}, {"shared", CriticKind::kShared}},
                  "a network of its own, or a value head on the policy's trunk");
  tool.after_parsing([&] {
    refuse_unread({&critic, &critic_init}, options.ppo.objective == Objective::kReinforce,
                  "--objective reinforce has no critic");
    refuse_unread({&critic_init}, options.critic == CriticKind::kShared, "a shared critic starts from the policy");
  });
  tool.option("--off-policy", options.off_policy,
              "accept another policy's trajectories; the recorded log-probs are the ratio's denominator");
  tool.option("--allow-truncated", options.allow_truncated, "accept top-k and top-p samples");
  tool.option("--records", options.records, "number of records that the input has to have").at_least(1).neutral();
  objective_options(tool, options);
  reward_options(tool, options);
  training_options(tool, options);
  tool.group("Output");
  output_option(tool, streams.output).shown_default("none; stdout with --dry-run");
  save_option(tool, saving, "updates").excludes("--dry-run");
  force_option(tool, streams.force);
  compress_option(tool, streams.zstd).needs("--dry-run");
  tool.option("--dry-run", dry_run,
              "write the records back with values, advantages, returns, ratio and loss; train nothing");
  metrics_option(tool, metrics_file);
  salvage_option(tool, streams.salvage);
  tool.group("Running");
  tool.option("--micro-batch", options.ppo.micro_tokens, "tokens that go through the model together; changes no bit")
      .at_least(1)
      .neutral();
  recompute_option(tool, options.ppo.recompute);
  dtype_option(tool, options.dtype).shown_default("the records'");
  threads_option(tool);
  ranks_option(tool, options.ppo.groups);

  return tool.run(argc, argv, [&] {
    const auto begin = std::chrono::steady_clock::now();
    refuse_metrics_in_input(metrics_file, streams.files);
    std::unique_ptr<RunFolder> folder;
    if (dry_run) refuse_same_file(streams.files, streams.output);
    else folder = std::make_unique<RunFolder>(streams.output, "ppo-step", streams.force);
    leave_on_stops(tool.about().name);
    PpoRun run(options);
    tool.warn_all(run.remarks());
    Provenance provenance = Provenance(tool.provenance()).input("policy", run.policy_digest());
    InputSpool spool =
        dry_run ? InputSpool(streams.files) : InputSpool(tool, streams.files, folder->path(), provenance.text());
    each_record(tool, spool, streams.salvage, [&](const Record& record) { run.add(record); });
    Metrics metrics;
    provenance.input("records", run.input_digest());
    if (folder && folder->made_already(provenance.text())) {
      tool.note(folder->path() + ": is there already, from the same records and options");
      return warn_of_no_metrics(tool, metrics_file, folder->path());
    }
    TrainingCheckpoint checkpoint;
    if (folder) checkpoint = TrainingCheckpoint(tool, *folder, saving, spool, "update");
    checkpoint.guarded([&] {
      run.prepare(metrics);
      if (folder) run.train(metrics, checkpoint);
    });
    char ratio[64];
    std::snprintf(ratio, sizeof ratio, "first ratio min %.9g max %.9g", static_cast<double>(run.first_ratio_min()),
                  static_cast<double>(run.first_ratio_max()));
    if (!dry_run) {
      if (folder->is_written_here()) {
        run.save(*folder);
        folder->publish();
      }
    } else if (comm().first()) {
      RecordWriter out = open_output(tool, streams, provenance.digest());
      for (const Record& r : run.annotated()) out.write(r);
      out.finish();
    }
    // Episodes per second stand in the metrics alone: no output holds a time.
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    metrics.set("eps", static_cast<double>(run.size()) / elapsed.count());
    metrics_file.write(metrics.json());
    tool.tally({{run.size(), "trajectory", "trajectories"}}, ratio);
  });
}
