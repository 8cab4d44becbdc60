#include "lib/report/report_json.h"

#include <cmath>
#include <type_traits>

#include "lib/io/json.h"

namespace nudge {
namespace {

void put(JsonWriter& w, const char* key, std::optional<double> x) {
  w.key(key);
  if (x && std::isfinite(*x)) w.value(*x);
  else w.null();
}

void put_count(JsonWriter& w, const char* key, std::size_t n) { w.field(key, static_cast<std::int64_t>(n)); }

void put(JsonWriter& w, const char* key, const Estimate& e) {
  w.key(key).begin_object();
  put(w, "mean", e.mean);
  put(w, "se", e.standard_error);
  w.end_object();
}

void put(JsonWriter& w, const char* key, const TwoUnits& both) {
  w.key(key).begin_object();
  put(w, "per_token", both.per_token);
  put(w, "per_sequence", both.per_sequence);
  w.end_object();
}

void put_estimators(JsonWriter& w, const KlStatistics& kl) {
  put_count(w, "responses", kl.sequences());
  put_count(w, "tokens", kl.tokens());
  put(w, "k1", kl.k1());
  put(w, "k2", kl.k2());
  put(w, "k3", kl.k3());
}

void put_positions(JsonWriter& w, const KlStatistics& kl) {
  const auto k1 = kl.k1_by_position(), k3 = kl.k3_by_position(), exact = kl.exact_by_position(),
             entropy = kl.entropy_by_position();
  w.key("by_position").begin_array();
  for (std::size_t t = 0; t < k1.size(); ++t) {
    w.begin_object();
    put_count(w, "position", t);
    put_count(w, "responses", k1[t].sequences);
    put(w, "k1", k1[t].value);
    put(w, "k3", k3[t].value);
    if (!exact.empty()) put(w, "exact", exact[t].value);
    if (!entropy.empty()) put(w, "entropy_new", entropy[t].value);
    w.end_object();
  }
  w.end_array();
}

void put_reference(JsonWriter& w, const FileReport& r) {
  w.key("policy_ref");
  if (r.to_ref.tokens() == 0) {
    w.null();
    return;
  }
  w.begin_object();
  put_estimators(w, r.to_ref);
  put(w, "distance", r.distance());
  put_positions(w, r.to_ref);
  w.end_object();
}

void put_ratio(JsonWriter& w, const KlStatistics& kl) {
  w.key("ratio").begin_object();
  put(w, "mean", kl.ratio().mean);
  put(w, "se", kl.ratio().standard_error);
  put(w, "variance", kl.ratio_variance());
  const std::vector<double> quantiles = kl.ratio_quantiles(kRatioQuantiles);
  for (std::size_t k = 0; k < quantiles.size(); ++k) put(w, kRatioNames[k], quantiles[k]);
  w.end_object();
}

void put_change(JsonWriter& w, const FileReport& r, double clip) {
  w.key("old_new");
  if (r.old_new.tokens() == 0) {
    w.null();
    return;
  }
  w.begin_object();
  put_estimators(w, r.old_new);
  put(w, "exact", r.old_new.exact());
  put(w, "exact_reverse", r.exact_reverse_kl());
  put(w, "entropy_old", r.entropy_of_old());
  put(w, "entropy_new", r.old_new.entropy());
  put_ratio(w, r.old_new);
  put(w, "clip_fraction", r.old_new.outside(clip, clip));
  put(w, "effective_tokens", r.old_new.effective_tokens());
  put(w, "effective_sequences", r.old_new.effective_sequences());
  put_positions(w, r.old_new);
  w.end_object();
}

void put_samples(JsonWriter& w, const char* key, const std::vector<double>& samples, const Estimate& mean) {
  w.key(key).begin_object();
  put_count(w, "responses", samples.size());
  put(w, "mean", mean.mean);
  put(w, "se", mean.standard_error);
  w.end_object();
}

// A list on one line.
template <class T>
void put_list(JsonWriter& w, const char* key, const std::vector<T>& items) {
  JsonWriter list;
  list.begin_array();
  for (const T& x : items) {
    if constexpr (std::is_same_v<T, double>) std::isfinite(x) ? list.value(x) : list.null();
    else list.value(x);
  }
  w.key(key).raw(list.end_array().text());
}

void put_facts(JsonWriter& w, const std::vector<Fact>& facts) {
  w.key("facts").begin_object();
  for (const Fact& f : facts) {
    w.key(f.field).begin_object();
    put_list(w, "values", f.values);
    w.field("more", f.more).end_object();
  }
  w.end_object();
}

void put_moved(JsonWriter& w, const std::vector<ShownToken>& tokens) {
  w.key("moved_tokens").begin_array();
  for (const ShownToken& t : tokens) {
    w.begin_object().field("id", t.id).field("position", t.position).field("of", t.of);
    w.field("token_id", static_cast<std::int64_t>(t.token_id)).field("difference", t.difference);
    w.field("logprob", t.logprob);
    if (t.has_text) w.field("before", t.before).field("text", t.text).field("after", t.after);
    else w.field("response", t.after);
    w.end_object();
  }
  w.end_array();
}

void put_file(JsonWriter& w, const FileReport& r, double clip) {
  w.begin_object().field("file", r.name).field("responses", r.responses).field("tokens", r.tokens);
  w.field("prompts", r.prompts);
  w.key("finish").begin_object().field("stop", r.stopped).field("length", r.responses - r.stopped).end_object();
  if (r.best_of > 1) {
    w.key("best_of").begin_object().field("n", r.best_of);
    put(w, "kl_bound", r.best_of_bound());
    w.end_object();
  }
  w.field("greedy", r.greedy).field("truncated", r.truncated).field("other_policy", r.foreign);
  put_samples(w, "reward", r.rewards, r.reward());
  put_samples(w, "gold", r.golds, r.gold());
  put(w, "length", r.length());
  put(w, "cut", r.cut_share());
  put(w, "entropy_estimate", r.entropy_estimate());
  put_reference(w, r);
  put_change(w, r, clip);
  put_facts(w, r.facts);
  put_moved(w, r.tokens_moved);
  w.end_object();
}

void put_digest(JsonWriter& w, const char* key, const std::string& digest) {
  w.key(key);
  if (digest.empty()) w.null();
  else w.value(digest);
}

void put_series(JsonWriter& w, const char* key, const std::vector<MetricSeries>& all) {
  w.key(key).begin_array();
  for (const MetricSeries& s : all) {
    w.begin_object().field("key", s.key);
    put_list(w, "x", s.x);
    put_list(w, "values", s.values);
    w.end_object();
  }
  w.end_array();
}

void put_metrics(JsonWriter& w, const MetricsHistory& log) {
  w.key("metrics");
  if (log.file.empty()) {
    w.null();
    return;
  }
  w.begin_object().field("file", log.file).field("x_name", log.x_name);
  if (!log.first_time.empty()) w.field("first_time", log.first_time).field("last_time", log.last_time);
  put_series(w, "series", log.series);
  put_series(w, "updates", log.updates);
  w.key("warnings").begin_array();
  for (const MetricsWarning& warning : log.warnings)
    w.begin_object().field("x", warning.x).field("text", warning.text).end_object();
  w.end_array().key("config").begin_object();
  for (const ConfigOption& option : log.config) {
    w.key(option.key).begin_array();
    for (const auto& [x, value] : option.values) w.begin_object().field("x", x).field("value", value).end_object();
    w.end_array();
  }
  w.end_object().end_object();
}

void put_fit(JsonWriter& w, const FittedCurve& f) {
  w.begin_object();
  w.field("form", f.form == FittedCurve::Form::kReinforcement ? "d(alpha - beta ln d)" : "d(alpha - beta d)");
  put(w, "start", f.start);
  put(w, "alpha", f.alpha);
  put(w, "beta", f.beta);
  w.key("top");
  if (f.top) {
    w.begin_object();
    put(w, "distance", f.top->distance);
    put(w, "kl", f.top->kl);
    put(w, "reward", f.top->reward);
    w.field("beyond", f.top_is_beyond).end_object();
  } else {
    w.null();
  }
  put_count(w, "points", f.points);
  put(w, "chi_squared", f.chi_squared);
  put_count(w, "freedom", f.freedom);
  w.end_object();
}

void put_curves(JsonWriter& w, const std::vector<RewardCurves>& all) {
  w.key("curves").begin_array();
  for (const RewardCurves& c : all) {
    w.begin_object().field("of", c.gold ? "gold" : "reward").key("points").begin_array();
    for (std::size_t i = 0; i < c.points.size(); ++i) {
      w.begin_object().field("file", c.files[i]);
      put(w, "distance", c.points[i].distance);
      put(w, "reward", c.points[i].reward);
      w.end_object();
    }
    w.end_array().key("fits").begin_array();
    for (const FittedCurve& f : c.fits) put_fit(w, f);
    w.end_array().end_object();
  }
  w.end_array();
}

void put_histogram(JsonWriter& w, const char* key, const Histogram& h) {
  w.key(key);
  if (h.edges.empty()) {
    w.null();
    return;
  }
  w.begin_object();
  put_list(w, "edges", h.edges);
  w.key("counts").begin_array();
  for (const auto& counts : h.counts) {
    JsonWriter list;
    list.begin_array();
    for (const std::int64_t n : counts) list.value(n);
    w.raw(list.end_array().text());
  }
  w.end_array();
  put_list(w, "below", h.below);
  put_list(w, "above", h.above);
  w.end_object();
}

void put_answer(JsonWriter& w, const ShownAnswer& a) {
  w.begin_object().field("id", a.id).field("group", a.group).field("prompt", a.prompt).field("response", a.response);
  put(w, "reward", a.reward);
  put(w, "gold", a.gold);
  put(w, "kl", a.kl);
  w.field("tokens", a.tokens).field("cut", a.cut).end_object();
}

void put_answers(JsonWriter& w, const AnswersShown& answers) {
  w.key("answers").begin_object();
  put_list(w, "files", answers.files);
  w.field("same_prompts", answers.same_prompts).key("rows").begin_array();
  for (const auto& row : answers.rows) {
    w.begin_array();
    for (const ShownAnswer& a : row) put_answer(w, a);
    w.end_array();
  }
  w.end_array().end_object();
}

void put_run(JsonWriter& w, const RunReport& run, double clip) {
  // Equal in all files that have responses (check_same_evaluators).
  Evaluators by;
  for (const FileReport& r : run.files)
    if (by.new_policy.empty()) by = r.by;
  put_digest(w, "old", by.old_policy);
  put_digest(w, "new", by.new_policy);
  w.key("files").begin_array();
  for (const FileReport& r : run.files) put_file(w, r, clip);
  w.end_array();
  put_curves(w, run.curves);
  w.key("histograms").begin_object();
  put_histogram(w, "reward", run.rewards);
  put_histogram(w, "gold", run.golds);
  put_histogram(w, "length", run.lengths);
  put_histogram(w, "ratio", run.ratios);
  w.end_object();
  put_metrics(w, run.metrics);
  put_answers(w, run.answers);
}

void put_estimates(JsonWriter& w, const char* key, const std::vector<Estimate>& all) {
  w.key(key).begin_array();
  for (const Estimate& e : all) {
    w.begin_object();
    put(w, "mean", e.mean);
    put(w, "se", e.standard_error);
    w.end_object();
  }
  w.end_array();
}

void put_differences(JsonWriter& w, std::span<const RunReport> runs) {
  std::vector<std::span<const FileReport>> files;
  for (const RunReport& run : runs) files.emplace_back(run.files);
  const RunDifferences d = run_differences(files);
  w.key("differences").begin_object();
  put_list(w, "shared_prompts", d.shared_prompts);
  w.key("figures").begin_array();
  for (const RunFigure& f : d.figures) {
    w.begin_object().field("key", f.key).field("unit", f.unit);
    put_estimates(w, "last", f.last);
    put_estimates(w, "last_difference", f.last_difference);
    put_estimates(w, "mean", f.mean);
    put_estimates(w, "mean_difference", f.mean_difference);
    w.end_object();
  }
  w.end_array().end_object();
}

}  // namespace

std::string report_json(std::span<const RunReport> runs, double clip) {
  JsonWriter w(1);
  w.begin_object().field("schema", "kl-report/1").field("clip", clip);
  if (runs.size() == 1 && runs[0].name.empty()) {
    put_run(w, runs[0], clip);
  } else {
    w.key("runs").begin_array();
    for (const RunReport& run : runs) {
      w.begin_object().field("name", run.name);
      put_run(w, run, clip);
      w.end_object();
    }
    w.end_array();
    put_differences(w, runs);
  }
  return w.end_object().text() + "\n";
}

}  // namespace nudge
