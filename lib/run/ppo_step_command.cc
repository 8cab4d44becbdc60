#include "lib/run/ppo_step_command.h"

#include <chrono>
#include <cstdio>

#include "lib/base/comm.h"
#include "lib/base/error.h"
#include "lib/cli/signals.h"
#include "lib/run/options.h"
#include "lib/run/step_report.h"

namespace nudge {
namespace {

std::string first_ratio_words(const PpoRun& run) {
  char text[64];
  std::snprintf(text, sizeof text, "first ratio min %.9g max %.9g", static_cast<double>(run.first_ratio_min()),
                static_cast<double>(run.first_ratio_max()));
  return text;
}

}  // namespace

void PpoStepCommand::add_to(Tool& tool) {
  input_files(tool, streams.files);
  ppo.add_to(tool);
  add_health_to(tool);
  add_output_to(tool);
  tool.group("Running");
  micro_batch_option(tool, ppo.ppo.micro_tokens);
  recompute_option(tool, ppo.ppo.recompute);
  dtype_option(tool, ppo.dtype).shown_default("the records'");
  threads_option(tool);
  ranks_option(tool, ppo.ppo.groups);
}

void PpoStepCommand::add_output_to(Tool& tool) {
  tool.group("Output");
  streams.output = std::string("-");  // stdout
  tool.option("-o,--output", streams.output, "model folder to write; with --dry-run the output file")
      .placeholder("FILE")
      .shown_default("none; stdout with --dry-run")
      .neutral();
  saving.add_to(tool, "updates").excludes("--dry-run");
  tool.option("--no-moments", ppo.no_moments,
              "leave Adam's moments out of the output, two thirds of it: a step from there begins with fresh ones")
      .excludes("--dry-run")
      .neutral();  // where it is off, so that provenance is what it was without it
  tool.option("--shed-moments", shed_moments,
              "when the output is whole, remove those that --policy's folder has for this step alone")
      .excludes("--dry-run")
      .neutral();
  force_option(tool, streams.force);
  compress_option(tool, streams.zstd).needs("--dry-run");
  tool.option("--dry-run", dry_run,
              "write the records back with values, advantages, returns, ratio and loss; train nothing");
  metrics.add_to(tool, streams.output);
  metrics.log_updates(each_update);
  const Option& every = tool.choice("--metrics-every", each_update, {{"iteration", false}, {"update", true}},
                                    "what has metrics: each iteration, or each update as well")
                            .excludes("--dry-run")
                            .neutral();
  tool.after_parsing(
      [this, &every] { refuse_unread({&every}, !metrics.asked(), "it needs --metrics or --tensorboard"); });
  salvage_option(tool, streams.salvage);
}

void PpoStepCommand::add_health_to(Tool& tool) {
  tool.group("Warnings");
  tool.option("--warn-kl", bounds.kl, "largest healthy KL of the step, in nats per token; 0: any")
      .at_least(0)
      .excludes("--dry-run")
      .neutral();
  const Option& clip =
      tool.option("--warn-clip", bounds.clip, "largest healthy share of tokens that are clipped; 1: any")
          .at_least(0)
          .at_most(1)
          .excludes("--dry-run")
          .neutral();
  tool.option("--warn-entropy", bounds.entropy,
              "largest healthy factor between the entropies of this iteration's samples and the last one's; 0: any")
      .at_least(0)
      .neutral();
  tool.option("--warn-equal", bounds.equal, "largest healthy share of groups whose rewards are all equal; 1: any")
      .at_least(0)
      .at_most(1)
      .neutral();
  tool.option("--strict", strict, "take these warnings for errors: end with 65 and write nothing").neutral();
  tool.after_parsing([&] {
    refuse_unread({&clip}, ppo.ppo.objective != Objective::kClip && ppo.ppo.objective != Objective::kCispo,
                  "only --objective clip and cispo clip");
    if (bounds.entropy > 0 && bounds.entropy < 1)
      usage_error("--warn-entropy " + number_text(bounds.entropy) + " is no factor of 1 or more",
                  "0 leaves that warning out");
  });
}

void PpoStepCommand::write_annotated(Tool& tool, PpoRun& run, const std::string& digest) const {
  if (!comm().first()) return;
  RecordWriter out = open_output(tool, streams, digest);
  for (const Record& r : run.annotated()) out.write(r);
  out.finish();
}

// The output is whole, so a folder that can't be changed is no failure.
void PpoStepCommand::shed(Tool& tool, const PpoRun& run) const {
  if (!shed_moments || !comm().first()) return;
  try {
    run.shed_moments();
  } catch (const Error& e) {
    tool.warn(e.what());
  }
}

void PpoStepCommand::heed(Tool& tool, const std::vector<std::string>& warnings) {
  tool.warn_all(warnings);
  warned_.insert(warned_.end(), warnings.begin(), warnings.end());
  if (!strict || warnings.empty()) return;
  const std::string n = std::to_string(warnings.size()) + (warnings.size() == 1 ? " warning" : " warnings");
  bad_input(n + ", and --strict was given: nothing is written",
            "mend what they tell of, set other bounds by --warn-kl and its like, or leave --strict out");
}

void PpoStepCommand::train(Tool& tool, PpoRun& run, Metrics& measured, TrainingCheckpoint& checkpoint,
                           RunFolder& folder) {
  // A run that was killed may have written lines of updates that its checkpoint doesn't know.
  const std::int64_t told = checkpoint.taken() > 0 ? last_update_told(metrics.file(), run.iteration()) : 0;
  const std::int64_t before = run.earlier_updates();
  Progress progress = tool.progress("updates", run.planned_updates());
  const auto on_update = [&](std::int64_t update, const Metrics& m) {
    if (each_update) metrics.write_update(m, before + update, update <= told);
    progress.update(update, "loss " + number_text(static_cast<float>(m.get("loss/total").value_or(0))));
  };
  run.train(measured, checkpoint, on_update, folder.is_written_here() ? &folder : nullptr);
  heed(tool, warnings_of(StepHealth{.kl = measured.get("policy/kl_step").value_or(0),
                                    .approxkl = measured.get("policy/approxkl_avg").value_or(0),
                                    .clipfrac = measured.get("policy/clipfrac_avg").value_or(0)},
                         bounds));
}

// Two digits of what has no error: the tokens of a batch tell no more.
std::string PpoStepCommand::summary(const PpoRun& run, const Metrics& measured) const {
  const SampleFigures f = run.figures();
  std::string words = "reward " + figure_text(f.reward);
  const auto add = [&](const char* name, const std::string& figure) { words += ", " + (name + (" " + figure)); };
  if (f.kl.mean) add("KL to the reference", figure_text(f.kl));
  add("entropy", figure_text(f.entropy));
  if (f.explained_variance) add("explained variance", figure_text(*f.explained_variance, 2));
  for (const auto& [name, metric] : {std::pair{"approxkl", "policy/approxkl_avg"},
                                     {"clip fraction", "policy/clipfrac_avg"},
                                     {"step's KL", "policy/kl_step"}})
    if (const auto x = measured.get(metric)) add(name, figure_text(*x, 2));
  return words + ", " + first_ratio_words(run);
}

std::optional<Tally> PpoStepCommand::run(Tool& tool) {
  const auto begin = std::chrono::steady_clock::now();
  refuse_metrics_in_input(metrics.file(), streams.files);
  std::unique_ptr<RunFolder> folder;
  if (dry_run) refuse_same_file(streams.files, streams.output);
  else folder = std::make_unique<RunFolder>(streams.output, "ppo-step", streams.force);
  leave_on_stops(tool.about().name);
  PpoRun run(ppo);
  tool.warn_all(run.remarks());
  Provenance provenance(tool.provenance() + (ppo.no_moments ? "no-moments=true\n" : ""));
  provenance.input("policy", run.policy_digest());
  InputSpool spool =
      folder ? InputSpool(tool, streams.files, folder->path(), provenance.text()) : InputSpool(streams.files);
  SampleAnswers samples;
  {
    Progress reading = tool.progress("trajectories", ppo.records.value_or(0));
    each_record(tool, spool, streams.salvage,
                [&](const Record& record) { run.add(record), samples.add(record), reading.update(run.size()); });
  }
  if (!run.reference_digest().empty()) provenance.input("ref", run.reference_digest());
  provenance.input("records", run.input_digest());
  if (folder && folder->made_already(provenance.text())) {
    tool.note(folder->path() + ": exists already, from the same inputs and options");
    warn_of_no_metrics(tool, metrics.names(), folder->path());
    shed(tool, run);
    return std::nullopt;
  }
  Metrics measured;
  TrainingCheckpoint checkpoint;
  if (folder) checkpoint = TrainingCheckpoint(tool, *folder, saving, spool, "update");
  checkpoint.guarded([&] {
    run.prepare(measured);
    heed(tool, warnings_of(run.sample_health(), bounds));
    if (folder) train(tool, run, measured, checkpoint, *folder);
  });
  if (!folder) {
    write_annotated(tool, run, provenance.digest());
  } else if (folder->is_written_here()) {
    run.save(*folder);
    folder->publish();
    shed(tool, run);
  }
  // Episodes per second stand in the metrics alone: no output holds a time.
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  measured.set("eps", static_cast<double>(run.size()) / elapsed.count());
  attach_facts(measured, warned_, tool);
  metrics.write_samples(measured, samples);
  metrics.write(measured);
  return Tally{{{run.size(), "trajectory", "trajectories"}, {run.tokens(), "token"}},
               summary(run, measured),
               false,
               run.tokens()};
}

}  // namespace nudge
