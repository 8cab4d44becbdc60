#include "lib/train/kl_report.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/base/error.h"

namespace nudge {
namespace {

double as_is(double x) { return x; }

std::vector<float> log_ratios(std::span<const float> numerator, std::span<const float> denominator) {
  std::vector<float> out;
  for (std::size_t t = 0; t < numerator.size(); ++t) out.push_back(numerator[t] - denominator[t]);
  return out;
}

// KlStatistics doesn't know which record its numbers come from.
void add_named(const Trajectory& t, KlStatistics& kl, std::span<const float> ratios, std::span<const float> exact = {},
               std::span<const float> entropy = {}) {
  try {
    kl.add(ratios, exact, entropy);
  } catch (const Error& e) {
    throw Error(e.status(), t.where + ": " + e.what(), e.advice());
  }
}

}  // namespace

ReportPolicies::ReportPolicies(std::optional<Model> old_policy, std::optional<Model> fresh)
    : old_(std::move(old_policy)), fresh_(std::move(fresh)) {
  if (old_ && !fresh_)
    usage_error("an old policy alone has nothing to be compared with",
                "give the new one, too; a policy given as the new one alone is compared with the recorded log-probs");
  if (old_ && old_->config().vocab != fresh_->config().vocab)
    bad_input("the new policy has a vocabulary of " + std::to_string(fresh_->config().vocab) +
                  " tokens, the old one of " + std::to_string(old_->config().vocab),
              "KL compares policies over one vocabulary");
  for (auto [model, digest] : {std::pair{&old_, &old_digest_}, std::pair{&fresh_, &fresh_digest_}}) {
    if (!*model) continue;
    (*model)->transformer.pack();
    *digest = model_digest((*model)->transformer);
  }
}

ReportPolicies ReportPolicies::load(const std::optional<std::string>& old_folder,
                                    const std::optional<std::string>& new_folder, Dtype dtype) {
  const auto model = [dtype](const std::optional<std::string>& folder) {
    return folder ? load_model(*folder, HeadKind::kLanguage, dtype) : std::optional<Model>();
  };
  return {model(old_folder), model(new_folder)};
}

void ReportPolicies::check_tokenizers(const Record& record) const {
  if (old_) check_tokenizer(record, old_->tokenizer.digest(), "old policy");
  if (fresh_) check_tokenizer(record, fresh_->tokenizer.digest(), "new policy");
}

bool ReportPolicies::tokenizers_differ() const {
  return old_ && fresh_ && old_->tokenizer.digest() != fresh_->tokenizer.digest();
}

ModelConfig ReportPolicies::limits() const {
  ModelConfig limits;
  limits.vocab = limits.context = std::numeric_limits<std::int64_t>::max();
  for (const Transformer* model : {old_policy(), fresh()}) {
    if (model == nullptr) continue;
    limits.vocab = std::min(limits.vocab, model->config().vocab);
    limits.context = std::min(limits.context, model->config().context);
  }
  return limits;
}

TwoUnits FileReport::entropy_estimate() const { return estimate(logprobs, k1_of_log_ratio); }
TwoUnits FileReport::exact_reverse_kl() const {
  return exact_reverse.tokens() > 0 ? estimate(exact_reverse, as_is) : TwoUnits{};
}
TwoUnits FileReport::entropy_of_old() const {
  return old_entropy.tokens() > 0 ? estimate(old_entropy, as_is) : TwoUnits{};
}

std::optional<double> FileReport::distance() const {
  const std::optional<double> kl = to_ref.k3().per_sequence.mean;
  return kl ? std::optional<double>(std::sqrt(*kl)) : std::nullopt;
}

FileReporter::FileReporter(std::string name, const ReportPolicies& policies, std::int64_t micro_tokens)
    : policies_(policies), limits_(policies.limits()), micro_tokens_(micro_tokens), evaluator_(micro_tokens) {
  report_.name = std::move(name);
}

void FileReporter::add(const Record& record) {
  Trajectory t = read_trajectory(record, limits_);
  policies_.check_tokenizers(record);
  if (!ids_.insert(t.id).second) bad_input(t.where + ": the id \"" + t.id + "\" was there before");
  if (t.logprobs.empty() && policies_.old_policy() == nullptr) record.fail("logprobs", "is missing");
  if (t.temperature == 0) {
    ++report_.greedy;
    t.temperature = 1;  // that of their log-probs (lib/model/generate.h)
  } else {
    report_.truncated += t.truncated_sampling;
  }
  add_recorded(t);
  if (policies_.fresh() == nullptr) return;
  if (policies_.old_policy() == nullptr) check_dtype(t, policies_.fresh()->config().dtype);
  pending_tokens_ += t.view().tokens();
  pending_.push_back(std::move(t));
  if (pending_tokens_ >= micro_tokens_) evaluate();
}

void FileReporter::add_recorded(const Trajectory& t) {
  ++report_.responses;
  report_.tokens += t.view().predicted();
  report_.stopped += t.stopped;
  report_.foreign += policies_.old_policy() != nullptr && !t.policy.empty() && t.policy != policies_.old_digest();
  report_.lengths.push_back(static_cast<double>(t.response_ids.size()));
  if (t.reward) report_.rewards.push_back(static_cast<double>(*t.reward));
  if (t.logprobs.empty()) return;
  report_.logprobs.append(t.logprobs);
  if (!t.ref_logprobs.empty()) add_named(t, report_.to_ref, log_ratios(t.ref_logprobs, t.logprobs));
}

void FileReporter::evaluate() {
  std::vector<ResponseView> views;
  for (const Trajectory& t : pending_) views.push_back(t.view());
  const Transformer *before = policies_.old_policy(), *after = policies_.fresh();
  std::vector<ResponseStats> then;  // the roles exchanged
  const std::vector<ResponseStats> now =
      before != nullptr ? evaluator_.stats(*after, views, *before, then) : evaluator_.stats(*after, views);
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const Trajectory& t = pending_[i];
    const std::vector<float>& denominator = before != nullptr ? then[i].logprobs : t.logprobs;
    add_named(t, report_.old_new, log_ratios(now[i].logprobs, denominator), now[i].kl, now[i].entropies);
    if (before == nullptr) continue;
    report_.exact_reverse.append(then[i].kl);
    report_.old_entropy.append(then[i].entropies);
  }
  pending_.clear();
  pending_tokens_ = 0;
}

FileReport FileReporter::finish() {
  if (!pending_.empty()) evaluate();
  return std::move(report_);
}

}  // namespace nudge
