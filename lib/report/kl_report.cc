#include "lib/report/kl_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "lib/base/error.h"
#include "lib/rl/kl_estimators.h"
#include "lib/rl/minibatch.h"

namespace nudge {
namespace {

std::vector<float> log_ratios(std::span<const float> numerator, std::span<const float> denominator) {
  std::vector<float> out;
  for (std::size_t t = 0; t < numerator.size(); ++t) out.push_back(numerator[t] - denominator[t]);
  return out;
}

// Adds the record to errors, which KlStatistics doesn't know.
void add_named(const Trajectory& t, KlStatistics& kl, std::span<const float> ratios, std::span<const float> exact = {},
               std::span<const float> entropy = {}) {
  try {
    kl.add(ratios, exact, entropy);
  } catch (const Error& e) {
    throw Error(e.status(), t.where + ": " + e.what(), e.advice());
  }
}

std::string described(const Evaluators& by) {
  if (by.new_policy.empty()) return "none";
  return (by.old_policy.empty() ? "the recorded log-probs" : by.old_policy) + " and " + by.new_policy + " in " +
         by.dtype + ", arithmetic " + std::to_string(by.arithmetic);
}

[[noreturn]] void refuse_other(const std::string& where, const Evaluators& by, const std::string& other_where,
                               const Evaluators& other) {
  bad_input(where + ": was evaluated by other policies (" + described(by) + ") than " + other_where + " (" +
                described(other) + ")",
            "evaluate all of them with the same two policies: give --new, and --old");
}

// Indices into `members`, ascending by rank.
std::vector<std::size_t> order_of(const std::vector<std::size_t>& members, const std::vector<std::size_t>& rank) {
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return rank[members[a]] < rank[members[b]]; });
  return order;
}

std::optional<double> gold_of(const Record& record, const Collect& collect) {
  const std::string& field = collect.gold_field;
  if (!record.has(field)) return std::nullopt;
  const bool is_number = std::string_view("-0123456789").find(record.raw(field)[0]) != std::string_view::npos;
  return is_number || collect.gold_asked ? record.find_number(field) : std::nullopt;
}

template <class T>
void reorder(std::vector<T>& items, const std::vector<std::size_t>& order) {
  std::vector<T> sorted;
  for (const std::size_t i : order) sorted.push_back(std::move(items[i]));
  items = std::move(sorted);
}

}  // namespace

TwoUnits FileReport::entropy_estimate() const { return estimate(logprobs, k1_of_log_ratio); }
TwoUnits FileReport::exact_reverse_kl() const {
  return exact_reverse.tokens() > 0 ? estimate(exact_reverse, identity) : TwoUnits{};
}
TwoUnits FileReport::entropy_of_old() const {
  return old_entropy.tokens() > 0 ? estimate(old_entropy, identity) : TwoUnits{};
}

std::optional<double> FileReport::distance() const {
  const std::optional<double> kl = to_ref.k3().per_sequence.mean;
  return kl ? std::optional<double>(std::sqrt(*kl)) : std::nullopt;
}

Estimate FileReport::distance_estimate() const {
  Estimate d{distance(), std::nullopt};
  const std::optional<double> error = to_ref.k3().per_sequence.standard_error;
  if (d.mean && *d.mean > 0 && error) d.standard_error = *error / (2 * *d.mean);
  return d;
}

std::optional<double> FileReport::best_of_bound() const {
  return best_of > 1 ? std::optional<double>(best_of_kl_bound(best_of)) : std::nullopt;
}

void check_same_evaluators(std::span<const FileReport> reports) {
  const FileReport* first = nullptr;
  for (const FileReport& r : reports) {
    if (r.responses == 0) continue;
    if (first == nullptr) first = &r;
    if (r.by != first->by) refuse_other(r.name, r.by, first->name, first->by);
  }
}

Estimate FileReport::cut_share() const {
  std::vector<double> cut;
  for (const AnswerSums& a : answers) cut.push_back(a.cut ? 1 : 0);
  return estimate(std::span<const double>(cut));
}

FileReporter::FileReporter(std::string name, const ReportPolicies& policies, std::int64_t micro_tokens, Collect collect)
    : policies_(policies), limits_(policies.limits()), window_(policies, micro_tokens), collect_(std::move(collect)) {
  report_.name = std::move(name);
  report_.by = policies.evaluators();
}

void FileReporter::add(const Record& record) {
  Trajectory t = read_response(record, policies_, limits_);
  if (!ids_.emplace(t.id, ids_.size()).second) bad_input(t.where + ": duplicate id \"" + t.id + "\"");
  if (t.temperature == 0) {
    ++report_.greedy;
    t.temperature = 1;  // as for their log-probs (lib/model/generate.h)
  } else {
    report_.truncated += t.truncated_sampling;
  }
  const std::int64_t of = record.find_integer("best_of").value_or(0);
  if (record.has("best_of") && of < 1) record.fail("best_of", "is below 1");
  report_.chosen += of > 1;
  if (ids_.size() == 1) report_.best_of = of;
  else if (of != report_.best_of) report_.best_of = 0;
  if (policies_.fresh() == nullptr) {
    take_recorded(record, t);
  } else {
    count(record, t);
    window_.add(std::move(t), [this](const Trajectory& done, const Evaluation& found) { take(done, found); });
  }
}

void FileReporter::take_recorded(const Record& record, const Trajectory& t) {
  const Evaluators by = read_evaluators(record);
  if (report_.responses == 0) report_.by = by;
  if (by != report_.by) refuse_other(t.where, by, "the records before it", report_.by);
  if (t.logprobs.empty() && by.old_policy.empty()) record.fail_absent("logprobs");
  count(record, t);
  if (!by.new_policy.empty()) take(t, read_evaluation(record, by, t.view().listed()));
}

void FileReporter::count(const Record& record, const Trajectory& t) {
  const std::size_t number = static_cast<std::size_t>(report_.responses);
  ++report_.responses;
  report_.tokens += t.view().predicted();
  report_.stopped += t.stopped;
  report_.foreign += !report_.by.old_policy.empty() && !t.policy.empty() && t.policy != report_.by.old_policy;
  facts_.add(record);
  AnswerSums answer;
  answer.group = t.group, answer.length = static_cast<double>(t.response_ids.size()), answer.cut = !t.stopped;
  report_.lengths.push_back(answer.length);
  if (t.reward) {
    answer.reward = static_cast<double>(*t.reward);
    with_reward_.push_back(number);
    report_.rewards.push_back(*answer.reward);
  }
  answer.gold = gold_of(record, collect_);
  if (answer.gold) {
    with_gold_.push_back(number);
    report_.golds.push_back(*answer.gold);
  }
  if (!t.logprobs.empty()) {
    with_logprobs_.push_back(number);
    compare_with_reference(record, t, answer);
  }
  if (collect_.answers) report_.shown.push_back(shown_answer(record, t, answer));
  report_.answers.push_back(std::move(answer));
}

void FileReporter::compare_with_reference(const Record& record, const Trajectory& t, AnswerSums& answer) {
  const std::vector<float> logprobs = counted(t.view(), t.logprobs);
  report_.logprobs.append(logprobs);
  answer.surprise = 0, answer.counted = static_cast<double>(logprobs.size());
  for (const float l : logprobs) *answer.surprise += k1_of_log_ratio(static_cast<double>(l));
  if (t.ref_logprobs.empty()) return;
  with_ref_.push_back(static_cast<std::size_t>(report_.responses) - 1);
  const std::vector<float> ratios = counted(t.view(), log_ratios(t.ref_logprobs, t.logprobs));
  add_named(t, report_.to_ref, ratios);
  answer.kl = 0;
  for (const float x : ratios) *answer.kl += k3_of_log_ratio(static_cast<double>(x));
  moved_.add(record, t, collect_.tokenizer);
}

void FileReporter::take(const Trajectory& t, const Evaluation& found) {
  const bool two = !report_.by.old_policy.empty();
  const auto some = [view = t.view()](const std::vector<float>& all) { return counted(view, all); };
  const std::vector<float>& denominator = two ? found.old_logprobs : t.logprobs;
  add_named(t, report_.old_new, some(log_ratios(found.new_logprobs, denominator)), some(found.kl_old_new),
            some(found.new_entropies));
  if (!two) return;
  report_.exact_reverse.append(some(found.kl_new_old));
  report_.old_entropy.append(some(found.old_entropies));
}

// By id, so that shards in any order give the unsharded result to the last digit.
void FileReporter::sort_by_id() {
  std::vector<std::pair<std::string, std::size_t>> ids(ids_.begin(), ids_.end());
  std::sort(ids.begin(), ids.end(), [](const auto& a, const auto& b) { return id_less(a.first, b.first); });
  std::vector<std::size_t> rank(ids.size()), all;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    rank[ids[i].second] = i;
    all.push_back(ids[i].second);
  }
  reorder(report_.lengths, all);
  reorder(report_.answers, all);
  if (collect_.answers) reorder(report_.shown, all);
  reorder(report_.rewards, order_of(with_reward_, rank));
  reorder(report_.golds, order_of(with_gold_, rank));
  report_.logprobs.reorder(order_of(with_logprobs_, rank));
  report_.to_ref.reorder(order_of(with_ref_, rank));
  if (report_.old_new.sequences() > 0) report_.old_new.reorder(all);
  if (report_.exact_reverse.sequences() > 0) report_.exact_reverse.reorder(all);
  if (report_.old_entropy.sequences() > 0) report_.old_entropy.reorder(all);
}

FileReport FileReporter::finish() {
  window_.finish([this](const Trajectory& done, const Evaluation& found) { take(done, found); });
  sort_by_id();
  std::set<std::string_view> prompts;
  for (const AnswerSums& a : report_.answers) prompts.insert(a.group);
  report_.prompts = std::ssize(prompts);
  report_.facts = facts_.facts();
  report_.tokens_moved = moved_.finish();
  return std::move(report_);
}

}  // namespace nudge
