// Samples answers to prompts: trajectories with their tokens and log-probs.
#include "lib/run/rollout.h"
#include "lib/cli/signals.h"
#include "lib/kernels/kernels.h"
#include "lib/run/chat_flags.h"
#include "lib/run/run_folder.h"
#include "lib/run/streams.h"
#include "lib/run/training.h"

using namespace nudge;

int main(int argc, char** argv) {
  Dtype dtype = Dtype::kF32;
  RolloutOptions options;
  GenerateOptions& g = options.generate;
  StreamOptions streams;

  Tool tool({.name = "rollout",
             .summary = "sample answers to prompts",
             .description =
                 "Reads prompts ({\"prompt\"}, a text or a list of messages, optionally with \"id\") and writes a "
                 "trajectory for each sample: prompt and response as text and tokens, and the log-prob of each "
                 "response token over the whole vocabulary at the sampling temperature. A sample is a function of the "
                 "policy, the prompt, "
                 "the seed and its id alone: batch, threads and shard change nothing.\n\n"
                 "Stopped by a signal (75) or killed, with -o the same command goes on behind the records that "
                 "were saved.",
             .examples = {{"One iteration of PPO.",
                           "rollout -z --policy p0 -n 4 prompts.jsonl.zst | score -z --reward-model rm --ref base | "
                           "ppo-step --policy p0 --critic-init rm -o p1"}},
             .kernel_level = [] { return std::string(kernels().name); },
             .stops_saved = true});
  input_files(tool, streams.files);
  tool.group("Sampling");
  tool.option("--policy", options.policy, "model folder to sample from").required().placeholder("FOLDER").neutral();
  tool.option("-n,--samples", options.samples, "samples per prompt").at_least(1).at_most(1 << 20);
  tool.option("--temperature", g.sampling.temperature, "logits are divided by this; 0 takes the most probable token")
      .at_least(0)
      .at_most(100);
  tool.option("--top-k", g.sampling.top_k, "sample from the k most probable tokens; 0: from all").at_least(0);
  tool.option("--top-p", g.sampling.top_p, "sample from the most probable tokens that make up this probability")
      .above(0)
      .at_most(1);
  tool.option("--max-tokens", g.max_tokens, "longest response").at_least(1).at_most(1 << 20);
  tool.option("--stop", g.stop, "text that ends a response, which keeps it; may be given several times")
      .placeholder("TEXT");
  tool.after_parsing([&g] {
    if (const float t = g.sampling.temperature; t > 0 && t < kLeastTemperature)
      usage_error("--temperature: " + number_text(t) + " is below " + number_text(kLeastTemperature) + " and not 0",
                  "logits divided by it may overflow; 0 takes the most probable token");
    for (const std::string& text : g.stop)
      if (text.empty()) usage_error("--stop: the text is empty", "every response would end with its first token");
  });
  const ChatFlags chat(tool);
  too_long_option(tool, options.skip_long, "prompts that leave no room in the model's context");
  seed_option(tool, g.seed);
  shard_option(tool, streams.shard);
  output_options(tool, streams);
  tool.group("Running");
  tool.option("--slots", g.slots, "sequences sampled at a time; changes no bit").at_least(1).at_most(65536).neutral();
  tool.option("--max-tokens-in-flight", g.tokens_in_flight,
              "tokens of prompts and responses in progress whose keys and values are held in memory, in blocks of 32; "
              "0: all of those that --slots lets in; changes no bit")
      .at_least(0)
      .placeholder("N")
      .neutral();
  dtype_option(tool, dtype);
  threads_option(tool);

  return tool.run(argc, argv, [&] {
    leave_on_stops(tool.about().name);
    refuse_same_file(streams.files, streams.output);
    Model model = load_model(options.policy, HeadKind::kLanguage, dtype);
    tool.warn_all(model.remarks);
    options.chat = chat.options();
    Rollout rollout(model, options);
    if (g.sampling.temperature == 0 && (g.sampling.top_k > 0 || g.sampling.top_p < 1))
      tool.warn(
          "--top-k and --top-p do nothing at temperature 0, which takes the most probable token; leave them out, "
          "or raise --temperature");
    Provenance provenance(tool.provenance());
    provenance.input("policy", rollout.policy_digest()).input("chat", rollout.dialogues().chat().digest());
    catch_stops();
    const ReaderOptions reading{.salvage = streams.salvage, .whole_shards = true, .stop = stop_descriptor()};
    const auto origin = [&] { return read_for_origin(streams, reading, provenance, "prompts"); };
    if (made_already(tool, streams, provenance.digest(), origin)) return;
    RecordWriter out = open_output(tool, streams, provenance.digest(), Unfinished::kGoOn);
    KeptRecords kept(tool, out, streams.output);
    RecordReader in(streams.files, reading);
    std::int64_t next = 0;
    const auto next_prompt = [&](Record& prompt, std::int64_t& number) {
      if (!in.ready()) out.pass_on();
      while (in.next(prompt)) {
        heed_stop();
        number = next++;
        if (streams.shard.takes(number)) return true;
      }
      return false;
    };
    const Rollout::Prompts prompts{next_prompt, [&] { return in.ready(); }};
    Progress progress = tool.progress("tokens");
    const auto show = [&](std::int64_t tokens) {
      heed_stop();
      out.keep_up();
      progress.update(tokens);
    };
    save_on_stop(out, streams.output, [&] { rollout.run(prompts, kept, out, show); });
    warn_of_losses(tool, in);
    const auto& t = rollout.tally();
    warn_of_skipped(tool, t.skipped, t.prompts, "the input");
    finish_output(out, in, origin_of(in, streams, provenance, "prompts"), t.skipped);
    if (t.trajectories > 0) chat.warn_of_unused(tool, rollout.dialogues());
    tool.tally({{t.trajectories, "trajectory", "trajectories"}, {t.tokens, "token"}, {t.stopped, "stopped", "stopped"}},
               t.skipped == 0 ? "" : std::to_string(t.skipped) + " too long", true);
  });
}
