#include "lib/run/rm_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "lib/base/error.h"
#include "lib/base/profile.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/record_kind.h"
#include "lib/rl/trajectory.h"
#include "lib/run/divergence.h"
#include "lib/run/epoch_plan.h"
#include "lib/run/streams.h"

namespace nudge {
namespace {

template <class T>
void sort_by_id(std::vector<T>& items) {
  std::stable_sort(items.begin(), items.end(), [](const T& a, const T& b) { return id_less(a.id, b.id); });
}

std::string shown(double x, const char* form = "%.4g") {
  char text[48];
  std::snprintf(text, sizeof text, form, x);
  return text;
}

std::string shown(const Estimate& e) { return figure_text(e); }

void set_group(Metrics& m, const std::string& name, const AccuracyGroup& g) {
  m.set(name + "/count", static_cast<double>(g.count));
  m.set(name + "/accuracy", g.accuracy.mean);
  m.set(name + "/accuracy_error", g.accuracy.standard_error);
}

void set_held_out(Metrics& m, const Calibration& c) {
  m.set("held_out/pairs", static_cast<double>(c.pairs));
  m.set("held_out/identical", static_cast<double>(c.identical));
  for (const auto& [name, estimate] :
       {std::pair{"accuracy", &c.accuracy}, {"margin", &c.margin}, {"loss", &c.log_loss}, {"brier", &c.brier}}) {
    m.set(std::string("held_out/") + name, estimate->mean);
    m.set(std::string("held_out/") + name + "_error", estimate->standard_error);
  }
  set_group(m, "held_out/chosen_longer", c.chosen_longer);
  set_group(m, "held_out/same_length", c.same_length);
  set_group(m, "held_out/chosen_shorter", c.chosen_shorter);
  for (std::size_t q = 0; q < c.by_margin.size(); ++q) {
    const std::string name = "held_out/margin_quarter/" + std::to_string(q + 1);
    set_group(m, name, c.by_margin[q]);
    m.set(name + "/greatest", c.by_margin[q].greatest);
  }
  m.set("held_out/length_correlation", c.length_correlation);
  m.set("held_out/calibration_error", c.expected_error);
  for (const CalibrationBin& b : c.bins) {
    const std::string name = "held_out/calibration/" + shown(b.low, "%.1f") + "/";
    m.set(name + "count", static_cast<double>(b.count));
    m.set(name + "predicted", b.predicted);
    m.set(name + "observed", b.observed);
  }
}

void set_step(Metrics& m, const RewardStatistics& f, std::int64_t tokens, float rate, double norm) {
  m.set("loss", f.loss);
  m.set("accuracy", f.accuracy);
  m.set("margin", f.margin);
  m.set("min_reward", f.min_reward);
  m.set("mean_reward", f.mean_reward);
  m.set("max_reward", f.max_reward);
  m.set("num_tokens", static_cast<double>(tokens));
  m.set("lr", static_cast<double>(rate));
  m.set("grad_norm", norm);
}

constexpr const char* kOfTokenizer =
    "sample them from a policy that has the tokenizer of --init, or leave --normalize-on out";

// Sets the mean and standard deviation to store: (0, 1) without normalisation.
void normalize(Transformer& model, const Moments& scores, bool by_deviation) {
  const double deviation = by_deviation ? std::sqrt(scores.variance().value()) : 1;
  if (!(deviation > 0))
    bad_input("all scores are equal, so their standard deviation can't be scaled to 1",
              "leave rewards as they are with --no-normalize");
  model.set_reward_scale(scores.mean().value(), deviation);
}

void count_pairs(const Ranking& r, RewardData& data) {
  for (std::size_t i = 0; i < r.answers.size(); ++i)
    for (std::size_t j = i + 1; j < r.answers.size(); ++j) {
      ++data.pairs;
      data.identical += r.answers[i] == r.answers[j];
    }
}

// Returns the error of the mean that it stores.
std::optional<double> store_normalization(Model& model, RewardTrainer& trainer, const RewardData& data,
                                          const std::vector<RewardSample>* samples, const RewardRunOptions& options) {
  if (!options.normalize) return std::nullopt;
  Moments moments;
  if (samples) {
    std::vector<ResponseView> views;
    for (const RewardSample& s : *samples) views.push_back({s.prompt, s.response, 1});
    for (float score : trainer.scores(std::span<const ResponseView>(views))) moments.add(static_cast<double>(score));
  } else {
    for (const auto& scores : trainer.scores(std::span<const Ranking>(data.rankings)))
      for (float score : scores) moments.add(static_cast<double>(score));
  }
  normalize(model.transformer, moments, samples != nullptr || options.normalize_std);
  return estimate(moments).standard_error;
}

}  // namespace

bool RewardData::margins() const {
  return std::any_of(rankings.begin(), rankings.end(), [](const Ranking& r) { return r.margin != 0; });
}

RewardData reward_data(const std::vector<Record>& records, const Model& model, Dialogues& dialogues, bool skip_long,
                       const std::string& what) {
  const ProfileScope scope(Part::kReading);
  RewardData data;
  const std::vector<std::string> ids = unique_ids(records);
  for (std::size_t i = 0; i < records.size(); ++i) {
    Ranking r = read_as(RecordKind::kPreference, "rm-train", records[i],
                        [&] { return read_ranking(records[i], static_cast<std::int64_t>(i), model, dialogues); });
    ++data.records;
    if (skip_long && r.longest() > model.config().context) {
      ++data.skipped;
      continue;
    }
    check_fits(r, model.config(), "drop such records with --too-long skip");
    count_pairs(r, data);
    data.rankings.push_back(std::move(r));
  }
  if (data.rankings.empty()) bad_input(what + ": none of its preferences fits the context");
  sort_by_id(data.rankings);
  return data;
}

std::vector<RewardSample> reward_samples(const std::vector<Record>& records, const Model& model, bool skip_long,
                                         const std::string& what) {
  std::vector<RewardSample> samples;
  const std::vector<std::string> ids = unique_ids(records);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Record& r = records[i];
    check_tokenizer(r, model.tokenizer.digest(), "reward model", kOfTokenizer);
    RewardSample s = read_as(RecordKind::kTrajectory, "rm-train --normalize-on", r, [&] {
      return RewardSample{ids[i], r.ids("prompt_ids"), r.ids("response_ids")};
    });
    if (s.response.empty()) r.fail("response_ids", "is empty");
    for (const auto& [key, tokens] : {std::pair{"prompt_ids", &s.prompt}, {"response_ids", &s.response}})
      for (std::int32_t t : *tokens)
        if (t >= model.config().vocab)
          r.fail(key, "contains token " + std::to_string(t) + ", beyond the vocabulary", kOfTokenizer);
    const auto n = static_cast<std::int64_t>(s.prompt.size() + s.response.size());
    if (n > model.config().context) {
      if (skip_long) continue;
      bad_input(r.where() + ": prompt and response have " + std::to_string(n) + " tokens, more than the context of " +
                    std::to_string(model.config().context),
                "drop such records with --too-long skip");
    }
    samples.push_back(std::move(s));
  }
  if (samples.empty()) bad_input(what + ": none of its trajectories fits the context");
  sort_by_id(samples);
  return samples;
}

RewardReport run_rm(Model& model, const RewardData& data, const RewardData* held_out,
                    const std::vector<RewardSample>* samples, const RewardRunOptions& options,
                    const OnMetrics& on_metrics, TrainingCheckpoint& checkpoint) {
  EpochPlan plan(static_cast<std::int64_t>(data.rankings.size()), options.training, "rm");
  const Schedule schedule = plan.schedule();
  // A stored normalisation belongs to the scores of the training that made it.
  model.transformer.set_reward_scale(0, 1);
  RewardTrainer trainer(model, options.loss, options.training.adam, options.training.micro_tokens,
                        options.training.recompute, options.training.groups);
  RewardReport report;
  report.steps = plan.steps();
  Moments losses, accuracies;  // of the epoch's steps
  checkpoint.steps(plan.steps());
  checkpoint.learner("model", model.transformer, trainer.adam());
  checkpoint.fields([&](StateFields& f) {
    f("tokens", report.tokens), f("first_loss", report.first_loss), f("last_loss", report.last_loss);
    f("epoch_loss", losses), f("epoch_accuracy", accuracies);
  });
  const auto take_step = [&](std::int64_t s) {
    std::vector<const Ranking*> minibatch;
    for (std::int64_t i : plan.step(s)) minibatch.push_back(&data.rankings[static_cast<std::size_t>(i)]);
    const float rate = schedule.rate(static_cast<std::uint64_t>(s));
    const RewardStatistics done = trainer.accumulate(minibatch);
    const double norm = trainer.step(rate);
    report.tokens += done.tokens;
    if (s == 0) report.first_loss = done.loss;
    report.last_loss = done.loss;
    if (plan.begins_epoch(s)) losses = {}, accuracies = {};
    losses.add(done.loss, static_cast<double>(minibatch.size()));
    if (done.accuracy) accuracies.add(*done.accuracy, static_cast<double>(minibatch.size()));
    Metrics metrics;
    metrics.set("step", static_cast<double>(s + 1));
    metrics.set("epoch", plan.epochs_after(s));
    at_step(s + 1, [&] { set_step(metrics, done, report.tokens, rate, norm); });
    on_metrics(s + 1, plan.steps(), metrics);
    checkpoint.after(s + 1);
  };
  checkpoint.guarded([&] {
    checkpoint.resume();
    report.earlier_tokens = report.tokens;
    for (std::int64_t s = checkpoint.taken(); s < plan.steps(); ++s) take_step(s);
    check_finite(model.transformer);
    report.loss = estimate(losses), report.accuracy = estimate(accuracies);
    report.mean.standard_error = store_normalization(model, trainer, data, samples, options);
    report.mean.mean = model.config().reward_mean;
    report.std = model.config().reward_std;
    if (held_out) report.held_out = judge(trainer.scores(held_out->rankings), held_out->rankings);
  });
  if (report.held_out) {
    Metrics metrics;
    metrics.set("step", static_cast<double>(plan.steps()));
    set_held_out(metrics, *report.held_out);
    on_metrics(plan.steps(), plan.steps(), metrics);
  }
  return report;
}

Calibration judge(const std::vector<std::vector<float>>& scores, std::span<const Ranking> rankings) {
  std::vector<JudgedPair> pairs;
  for (std::size_t r = 0; r < scores.size(); ++r)
    for (std::size_t i = 0; i < scores[r].size(); ++i)
      for (std::size_t j = i + 1; j < scores[r].size(); ++j) {
        pairs.push_back({.chosen = scores[r][i], .rejected = scores[r][j], .set = r});
        if (rankings.empty()) continue;
        const auto &better = rankings[r].answers[i], &worse = rankings[r].answers[j];
        pairs.back().chosen_tokens = std::ssize(better), pairs.back().rejected_tokens = std::ssize(worse);
        pairs.back().identical = better == worse;
      }
  return calibrate(pairs);
}

std::vector<std::string> report_lines(const Calibration& c) {
  std::vector<std::string> lines = {
      "held-out: " + std::to_string(c.pairs) + (c.pairs == 1 ? " pair" : " pairs") +
          (c.identical > 0 ? ", " + std::to_string(c.identical) + " of them identical" : "") + ", accuracy " +
          shown(c.accuracy) + ", margin " + shown(c.margin) + ", log loss " + shown(c.log_loss) + ", Brier score " +
          shown(c.brier),
      "expected calibration error " + shown(c.expected_error.value_or(0)) + "; by bins of the predicted probability:",
      "  bin         predicted  observed   count"};
  for (const CalibrationBin& b : c.bins) {
    const auto cell = [](const std::optional<double>& x) { return x ? shown(*x, "%9.3f") : std::string("        -"); };
    lines.push_back("  " + shown(b.low, "%.1f") + " to " + shown(b.high, "%.1f") + "  " + cell(b.predicted) + " " +
                    cell(b.observed) + shown(static_cast<double>(b.count), " %7.0f"));
  }
  for (const std::string& line : accuracy_table(c)) lines.push_back(line);
  return lines;
}

}  // namespace nudge
