#include "lib/report/report_json.h"

#include <cmath>

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

void put_file(JsonWriter& w, const FileReport& r, double clip) {
  w.begin_object().field("file", r.name).field("responses", r.responses).field("tokens", r.tokens);
  w.key("finish").begin_object().field("stop", r.stopped).field("length", r.responses - r.stopped).end_object();
  if (r.best_of > 1) {
    w.key("best_of").begin_object().field("n", r.best_of);
    put(w, "kl_bound", r.best_of_bound());
    w.end_object();
  }
  w.field("greedy", r.greedy).field("truncated", r.truncated).field("other_policy", r.foreign);
  w.key("reward").begin_object();
  put_count(w, "responses", r.rewards.size());
  put(w, "mean", r.reward().mean);
  put(w, "se", r.reward().standard_error);
  w.end_object();
  put(w, "length", r.length());
  put(w, "entropy_estimate", r.entropy_estimate());
  put_reference(w, r);
  put_change(w, r, clip);
  w.end_object();
}

void put_digest(JsonWriter& w, const char* key, const std::string& digest) {
  w.key(key);
  if (digest.empty()) w.null();
  else w.value(digest);
}

}  // namespace

std::string report_json(std::span<const FileReport> reports, double clip) {
  JsonWriter w(1);
  w.begin_object().field("schema", "kl-report/1").field("clip", clip);
  // Equal in all files that have responses (check_same_evaluators).
  Evaluators by;
  for (const FileReport& r : reports)
    if (by.new_policy.empty()) by = r.by;
  put_digest(w, "old", by.old_policy);
  put_digest(w, "new", by.new_policy);
  w.key("files").begin_array();
  for (const FileReport& r : reports) put_file(w, r, clip);
  w.end_array().end_object();
  return w.text() + "\n";
}

}  // namespace nudge
