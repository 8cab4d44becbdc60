#include "lib/run/sft_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/base/scalar_math.h"
#include "lib/report/estimate.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/record_kind.h"
#include "lib/run/divergence.h"
#include "lib/run/epoch_plan.h"
#include "lib/run/streams.h"

namespace nudge {

SftData sft_data(const std::vector<Record>& records, const Model& model, Dialogues& dialogues,
                 const SftRunOptions& options, const std::string& what) {
  const ProfileScope scope(Part::kReading);
  SftData data;
  const std::vector<std::string> ids = unique_ids(records);
  for (std::size_t i = 0; i < records.size(); ++i) {
    auto examples = read_as(RecordKind::kExample, "sft-train", records[i],
                            [&] { return sft_examples(records[i], ids[i], model, dialogues, options.learn); });
    ++data.records;
    data.prompts |= !records[i].has("text");
    data.dialogues |= is_dialogue(records[i]);
    if (!examples.empty() && !fits(examples.front(), model.config())) {
      if (!options.training.skip_long)
        bad_input(records[i].where() + ": prompt and completion have " +
                      std::to_string(examples.front().tokens.size()) + " tokens, more than the context of " +
                      std::to_string(model.config().context) + " can predict",
                  "drop such records with --too-long skip, or give them as \"text\", which is cut into pieces");
      ++data.skipped;
      continue;
    }
    for (SftExample& e : examples) data.examples.push_back(std::move(e));
  }
  if (data.examples.empty()) bad_input(what + ": holds no token to predict");
  std::stable_sort(data.examples.begin(), data.examples.end(),
                   [](const SftExample& a, const SftExample& b) { return id_less(a.id, b.id); });
  return data;
}

namespace {

double held_out_loss(SftTrainer& trainer, const SftData& held_out, std::int64_t step, std::int64_t steps,
                     const OnMetrics& on_metrics) {
  const double loss = trainer.evaluate(held_out.examples).loss;
  Metrics metrics;
  metrics.set("step", static_cast<double>(step));
  at_step(step, [&] { metrics.set("held_out/loss", loss); });
  const double perplexity = det_exp(loss);
  metrics.set("held_out/perplexity", std::isfinite(perplexity) ? std::optional(perplexity) : std::nullopt);
  on_metrics(step, steps, metrics);
  return loss;
}

std::string digest_of(const SftData& data) {
  Digest d;
  for (const SftExample& e : data.examples) {
    for (const auto& [first, second] : e.learnt) d.number(first).number(second);
    d.text({reinterpret_cast<const char*>(e.tokens.data()), e.tokens.size() * sizeof e.tokens[0]});
  }
  return d.hex();
}

}  // namespace

SftReport run_sft(Model& model, const SftData& data, const SftData* held_out, const SftRunOptions& options,
                  const OnMetrics& on_metrics, TrainingCheckpoint& checkpoint) {
  EpochPlan plan(static_cast<std::int64_t>(data.examples.size()), options.training, "sft");
  const Schedule schedule = plan.schedule();
  SftTrainer trainer(model, options.training.adam, options.training.micro_tokens, options.training.recompute,
                     options.training.groups);
  SftReport report;
  report.steps = plan.steps();
  std::string measured = held_out ? digest_of(*held_out) : "";
  checkpoint.steps(plan.steps());
  checkpoint.learner("model", model.transformer, trainer.adam());
  checkpoint.fields([&](StateFields& f) {
    f("tokens", report.tokens), f("first_loss", report.first_loss), f("last_loss", report.last_loss);
    f("held_out", measured), f("held_out_before", report.held_out_before);
  });
  const auto measure = [&](std::int64_t step) {
    return held_out ? std::optional(held_out_loss(trainer, *held_out, step, plan.steps(), on_metrics)) : std::nullopt;
  };
  const auto take_step = [&](std::int64_t s) {
    std::vector<const SftExample*> minibatch;
    for (std::int64_t i : plan.step(s)) minibatch.push_back(&data.examples[static_cast<std::size_t>(i)]);
    const float rate = schedule.rate(static_cast<std::uint64_t>(s));
    const SftStatistics done = trainer.accumulate(minibatch);
    const double norm = trainer.step(rate);
    Metrics metrics;
    at_step(s + 1, [&] {
      metrics.set("step", static_cast<double>(s + 1));
      metrics.set("epoch", plan.epochs_after(s));
      metrics.set("loss/train", done.loss);
      metrics.set("lr", static_cast<double>(rate));
      metrics.set("grad_norm", norm);
      metrics.set("tokens", static_cast<double>(done.tokens));
    });
    report.tokens += done.tokens;
    if (s == 0) report.first_loss = done.loss;
    report.last_loss = done.loss;
    on_metrics(s + 1, plan.steps(), metrics);
    checkpoint.after(s + 1);
  };
  checkpoint.guarded([&] {
    // Held-out records don't identify a run: if they differ from the checkpoint's, they are measured now.
    const bool known = measured == checkpoint.earlier("held_out");
    const auto before = known ? std::nullopt : measure(0);
    const std::string now = measured;
    checkpoint.resume();
    report.earlier_tokens = report.tokens;
    if (!known) measured = now, report.held_out_before = before;
    for (std::int64_t s = checkpoint.taken(); s < plan.steps(); ++s) take_step(s);
    check_finite(model.transformer);
    if (plan.steps() > 0) report.held_out_after = measure(plan.steps());
  });
  return report;
}

std::string summary(const SftReport& r) {
  const auto formatted = [](double x) { return figure_text(x); };
  const auto change = [&](const std::string& name, std::optional<double> from, std::optional<double> to) {
    if (!from) return std::string();
    return name + " " + formatted(*from) + (to ? " to " + formatted(*to) : "");
  };
  std::string text = change("loss", r.first_loss, r.last_loss);
  if (!r.held_out_before) return text;
  text += (text.empty() ? "" : ", ") + change("held-out loss", r.held_out_before, r.held_out_after);
  return text + " (perplexity " + formatted(det_exp(r.held_out_after.value_or(*r.held_out_before))) + ")";
}

}  // namespace nudge
