#include "lib/run/rollout_command.h"

#include "lib/cli/signals.h"
#include "lib/run/filter.h"
#include "lib/run/training.h"

namespace nudge {

void RolloutCommand::add_sampling_to(Tool& tool) {
  GenerateOptions& g = rollout.generate;
  tool.option("--temperature", g.sampling.temperature, "divides the logits; 0 takes the most probable token")
      .at_least(0)
      .at_most(100);
  tool.option("--top-k", g.sampling.top_k, "sample from the k most probable tokens; 0: from all").at_least(0);
  tool.option("--top-p", g.sampling.top_p, "sample from the most probable tokens whose probabilities add up to this")
      .above(0)
      .at_most(1);
  tool.option("--max-tokens", g.max_tokens, "longest response").at_least(1).at_most(1 << 20);
  tool.option("--stop", g.stop, "text that ends a response, which keeps it").placeholder("TEXT");
  tool.after_parsing([&g] {
    if (const float t = g.sampling.temperature; t > 0 && t < kLeastTemperature)
      usage_error("--temperature: " + number_text(t) + " is below " + number_text(kLeastTemperature) + " and not 0",
                  "logits divided by it may overflow; 0 takes the most probable token");
    for (const std::string& text : g.stop)
      if (text.empty()) usage_error("--stop: the text is empty", "every response would end with its first token");
  });
}

void RolloutCommand::add_to(Tool& tool) {
  GenerateOptions& g = rollout.generate;
  input_files(tool, streams.files);
  tool.group("Sampling");
  tool.option("--policy", rollout.policy, "model folder to sample from").required().placeholder("FOLDER").neutral();
  tool.option("-n,--samples", rollout.samples, "samples per prompt").at_least(1).at_most(1 << 20);
  add_sampling_to(tool);
  chat.add_to(tool);
  too_long_option(tool, rollout.skip_long, "prompts that fill the model's context");
  seed_option(tool, g.seed);
  shard_option(tool, streams.shard);
  output_options(tool, streams);
  tool.group("Running");
  tool.option("--slots", g.slots, "sequences sampled at a time; changes no bit").at_least(1).at_most(65536).neutral();
  tool.option("--max-tokens-in-flight", g.tokens_in_flight,
              "tokens that the KV cache holds, in blocks of 32; 0: what --slots may need; changes no bit")
      .at_least(0)
      .placeholder("N")
      .neutral();
  dtype_option(tool, dtype);
  threads_option(tool);
}

std::optional<Rollout::Tally> RolloutCommand::run(Tool& tool) {
  leave_on_stops(tool.about().name);
  refuse_same_file(streams.files, streams.output);
  Model model = load_model(rollout.policy, HeadKind::kLanguage, dtype);
  tool.warn_all(model.remarks);
  rollout.chat = chat.options();
  Rollout sampler(model, rollout);
  const SamplingOptions& sampling = rollout.generate.sampling;
  if (sampling.temperature == 0 && (sampling.top_k > 0 || sampling.top_p < 1))
    tool.warn(
        "--top-k and --top-p do nothing at temperature 0, which takes the most probable token; leave them out, "
        "or raise --temperature");
  Provenance opening(tool.provenance());
  opening.input("policy", sampler.policy_digest()).input("chat", sampler.dialogues().chat().digest());
  catch_stops();
  FilterInput in(streams, opening, "prompts", FilterInput::Yield::kManyForOne);
  Progress progress = tool.progress("tokens");
  const auto work = [&](RecordWriter& out, KeptRecords& kept) {
    const auto next = [&](Record& prompt, std::int64_t& number) {
      const bool more = in.next(prompt, out);
      number = in.number();
      return more;
    };
    sampler.run({next, [&] { return in.ready(); }}, kept, out, [&](std::int64_t tokens) {
      heed_stop();
      out.keep_up();
      progress.update(tokens);
    });
  };
  const Rollout::Tally& tally = sampler.tally();
  const auto finish = [&](RecordWriter& out) { in.finish(tool, out, tally.skipped); };
  if (!run_filter(tool, streams, {in.opening(), [&] { return in.origin(); }, work, finish})) return std::nullopt;
  if (tally.trajectories > 0) chat.warn_of_unused(tool, sampler.dialogues());
  return tally;
}

}  // namespace nudge
