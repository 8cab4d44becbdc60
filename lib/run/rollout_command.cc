#include "lib/run/rollout_command.h"

#include "lib/cli/signals.h"
#include "lib/run/adapter_options.h"
#include "lib/run/continuation.h"
#include "lib/run/filter.h"
#include "lib/run/options.h"

namespace nudge {

void RolloutCommand::add_to(Tool& tool) {
  GenerateOptions& g = rollout.generate;
  input_files(tool, streams.files);
  tool.group("Sampling");
  tool.option("--policy", rollout.policy, "model folder to sample from").required().placeholder("FOLDER").neutral();
  tool.option("-n,--samples", rollout.samples, "samples per prompt").at_least(1).at_most(1 << 20);
  // Neutral, for without it the provenance is what it was; run() adds it.
  tool.option("--continue", continues,
              "read trajectories: append the text \"continuation\" that another program added, with loss_mask 0, and "
              "sample on behind it; --max-tokens counts the whole response")
      .neutral()
      .excludes("--samples")
      .excludes("--too-long")
      .excludes("--chat-format")
      .excludes("--chat-date")
      .excludes("--chat-kwargs");
  add_options(tool, g);
  chat.add_to(tool);
  too_long_option(tool, rollout.skip_long, "prompts that fill the model's context");
  seed_option(tool, g.seed);
  shard_option(tool, streams.shard);
  streams.add_to(tool);
  tool.group("Running");
  tool.option("--slots", g.slots, "sequences sampled at a time; changes no bit").at_least(1).at_most(65536).neutral();
  tool.option("--max-tokens-in-flight", g.tokens_in_flight,
              "tokens that the KV cache holds, in blocks of 32; 0: what --slots may need; changes no bit")
      .at_least(0)
      .placeholder("N")
      .neutral();
  dtype_option(tool, dtype);
  base_option(tool, base);
  threads_option(tool);
}

namespace {

// The records that a sampler reads, and the work on its tokens.
template <class Sampler>
void sample(Sampler& sampler, FilterInput& in, Progress& progress, RecordWriter& out, KeptRecords& kept) {
  const auto next = [&](Record& record, std::int64_t& number) {
    const bool more = in.next(record, out);
    number = in.number();
    return more;
  };
  sampler.run({next, [&] { return in.ready(); }}, kept, out, [&](std::int64_t tokens) {
    heed_stop();
    out.keep_up();
    progress.update(sampler.counts().trajectories, grouped_digits(tokens) + " tokens");
  });
}

}  // namespace

std::optional<Tally> RolloutCommand::run(Tool& tool) {
  refuse_same_file(streams.files, streams.output);
  leave_on_stops(tool.about().name);
  Bases bases(base);
  Model model = load_model(rollout.policy, HeadKind::kLanguage, dtype, &bases);
  refuse_base_without_adapter(base, bases.has_adapters());
  tool.warn_all(model.remarks);
  rollout.chat = chat.options();
  const SamplingOptions& sampling = rollout.generate.sampling;
  if (sampling.temperature == 0 && (sampling.top_k > 0 || sampling.top_p < 1))
    tool.warn(
        "--top-k and --top-p do nothing at temperature 0, which takes the most probable token; leave them out, "
        "or raise --temperature");
  return continues ? go_on(tool, model) : answer(tool, model);
}

std::optional<Tally> RolloutCommand::answer(Tool& tool, Model& model) {
  Rollout sampler(model, rollout);
  Provenance opening(tool.provenance());
  opening.input("policy", sampler.policy_digest()).input("chat", sampler.dialogues().chat().digest());
  FilterInput in(streams, opening, "prompts", FilterInput::Yield::kManyForOne);
  Progress progress = tool.progress("trajectories", in.expected(tool) * rollout.samples);
  const auto work = [&](RecordWriter& out, KeptRecords& kept) {
    sample(sampler, in, progress, out, kept);
    return sampler.counts().skipped;
  };
  if (!run_filter(tool, in, work)) return std::nullopt;
  const Rollout::Counts& n = sampler.counts();
  if (n.trajectories > 0) chat.warn_of_unused(tool, sampler.dialogues());
  return Tally{{{n.trajectories, "trajectory", "trajectories"}, {n.tokens, "token"}, {n.stopped, "stopped", "stopped"}},
               n.skipped == 0 ? "" : std::to_string(n.skipped) + " too long",
               true,
               n.tokens - n.kept_tokens};
}

std::optional<Tally> RolloutCommand::go_on(Tool& tool, Model& model) {
  Continuation sampler(model, rollout);
  Provenance opening(tool.provenance());
  opening.input("policy", sampler.policy_digest()).input("continue", "");
  FilterInput in(streams, opening, "trajectories", FilterInput::Yield::kOneForOne);
  Progress progress = tool.progress("trajectories", in.expected(tool));
  const auto work = [&](RecordWriter& out, KeptRecords& kept) {
    sample(sampler, in, progress, out, kept);
    return std::int64_t{0};
  };
  if (!run_filter(tool, in, work)) return std::nullopt;
  const Continuation::Counts& n = sampler.counts();
  return Tally{{{n.trajectories, "trajectory", "trajectories"}, {n.tokens, "token"}, {n.stopped, "stopped", "stopped"}},
               n.done == 0 ? "" : std::to_string(n.done) + " done before",
               true,
               n.tokens};
}

}  // namespace nudge
