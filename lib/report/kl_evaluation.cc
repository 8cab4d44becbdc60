#include "lib/report/kl_evaluation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/base/error.h"
#include "lib/rl/record_kind.h"

namespace nudge {
namespace {

// The fields of an evaluation, and whether they need an old policy.
struct Field {
  const char* key;
  std::vector<float> Evaluation::*numbers;
  bool of_old;
};

constexpr Field kFields[] = {
    {"new_logprobs", &Evaluation::new_logprobs, false}, {"new_entropies", &Evaluation::new_entropies, false},
    {"old_logprobs", &Evaluation::old_logprobs, true},  {"old_entropies", &Evaluation::old_entropies, true},
    {"kl_old_new", &Evaluation::kl_old_new, true},      {"kl_new_old", &Evaluation::kl_new_old, true},
};

}  // namespace

ReportPolicies::ReportPolicies(std::optional<Model> old_policy, std::optional<Model> fresh)
    : old_(std::move(old_policy)), fresh_(std::move(fresh)) {
  if (old_ && !fresh_)
    usage_error("an old policy alone has nothing to be compared with",
                "give the new one as well; a new policy alone is compared with the recorded log-probs");
  if (old_ && old_->config().vocab != fresh_->config().vocab)
    bad_input("the new policy has a vocabulary of " + std::to_string(fresh_->config().vocab) +
                  " tokens, the old one of " + std::to_string(old_->config().vocab),
              "KL compares policies over one vocabulary");
  Evaluators& by = evaluators_;
  for (auto [model, digest] : {std::pair{&old_, &by.old_policy}, std::pair{&fresh_, &by.new_policy}}) {
    if (!*model) continue;
    (*model)->transformer.pack();
    *digest = model_digest((*model)->transformer);
  }
  if (fresh_) by.dtype = name_of(fresh_->config().dtype), by.arithmetic = kArithmetic;
}

ReportPolicies ReportPolicies::load(const std::optional<std::string>& old_folder,
                                    const std::optional<std::string>& new_folder, Dtype dtype, Bases* bases) {
  Bases own;
  const auto model = [&](const std::optional<std::string>& folder) {
    return folder ? (bases != nullptr ? *bases : own).read_only(*folder, dtype) : std::optional<Model>();
  };
  // The new one first: the other is often its base.
  std::optional<Model> fresh = model(new_folder), old_policy = model(old_folder);
  return {std::move(old_policy), std::move(fresh)};
}

void ReportPolicies::check_tokenizers(const Record& record) const {
  const std::string advice =
      "KL compares policies over the same tokens: give --old and --new policies with the "
      "tokenizer of the one that sampled";
  if (old_) check_tokenizer(record, old_->tokenizer.digest(), "old policy", advice);
  if (fresh_) check_tokenizer(record, fresh_->tokenizer.digest(), "new policy", advice);
}

std::vector<std::string> ReportPolicies::remarks() const {
  std::vector<std::string> all;
  for (const auto* model : {&old_, &fresh_})
    if (*model) all.insert(all.end(), (*model)->remarks.begin(), (*model)->remarks.end());
  return all;
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

Trajectory read_response(const Record& record, const ReportPolicies& policies, const ModelConfig& limits) {
  policies.check_tokenizers(record);
  Trajectory t = read_as(RecordKind::kTrajectory, "kl-report", record, [&] { return read_trajectory(record, limits); });
  check_fits(t, limits, "model", "give policies with a longer context, or drop such records");
  t.stopped = policies.ended(record);
  if (policies.old_policy() == nullptr && policies.fresh() != nullptr) {
    if (t.logprobs.empty()) record.fail_absent("logprobs");
    check_dtype(t, policies.fresh()->config().dtype);
  }
  return t;
}

void write_evaluation(Record& record, const Evaluators& by, const Evaluation& found) {
  for (const Field& f : kFields) {
    const std::vector<float>& numbers = found.*f.numbers;
    if (f.of_old && by.old_policy.empty()) {
      record.erase(f.key);
      continue;
    }
    if (!std::all_of(numbers.begin(), numbers.end(), [](float x) { return std::isfinite(x); }))
      record.fail(f.key, "would hold a number that is not finite");
    record.set_reals(f.key, numbers);
  }
  if (by.old_policy.empty()) record.erase("old_policy");
  else record.set_text("old_policy", by.old_policy);
  record.set_text("new_policy", by.new_policy);
  record.set_text("eval_dtype", by.dtype);
  record.set_integer("eval_arith", by.arithmetic);
}

Evaluators read_evaluators(const Record& record) {
  Evaluators by;
  by.new_policy = record.find_text("new_policy").value_or("");
  if (by.new_policy.empty()) return by;
  by.old_policy = record.find_text("old_policy").value_or("");
  by.dtype = record.text("eval_dtype");
  by.arithmetic = record.integer("eval_arith");
  return by;
}

Evaluation read_evaluation(const Record& record, const Evaluators& by, std::int64_t tokens) {
  Evaluation found;
  for (const Field& f : kFields) {
    if (f.of_old && by.old_policy.empty()) continue;
    found.*f.numbers = per_token(record, f.key, tokens);
    if ((found.*f.numbers).empty()) record.fail_absent(f.key);
  }
  return found;
}

void WindowEvaluator::add(Trajectory t, const Take& take) {
  pending_tokens_ += t.view().tokens();
  pending_.push_back(std::move(t));
  if (pending_tokens_ >= micro_tokens_) finish(take);
}

void WindowEvaluator::finish(const Take& take) {
  if (pending_.empty()) return;
  std::vector<ResponseView> views;
  for (const Trajectory& t : pending_) views.push_back(t.view());
  const Transformer* before = policies_.old_policy();
  TokenStats then;  // with the roles exchanged
  const TokenStats now = evaluator_.stats(*policies_.fresh(), views, before, before != nullptr ? &then : nullptr);
  std::ptrdiff_t at = 0;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const std::ptrdiff_t n = views[i].predicted();
    const auto part = [&](const std::vector<float>& all) {
      return all.empty() ? all : spread(views[i], {all.begin() + at, all.begin() + at + n});
    };
    take(pending_[i], {part(now.logprobs), part(now.entropies), part(then.logprobs), part(then.entropies), part(now.kl),
                       part(then.kl)});
    at += n;
  }
  pending_.clear();
  pending_tokens_ = 0;
}

RecordEvaluator::RecordEvaluator(const ReportPolicies& policies, Put put, std::int64_t micro_tokens)
    : policies_(policies), limits_(policies.limits()), window_(policies, micro_tokens), put_(std::move(put)) {}

WindowEvaluator::Take RecordEvaluator::take() {
  return [this](const Trajectory&, const Evaluation& found) {
    Record& record = waiting_[written_++];
    complete(record, found);
    put_(record);
    if (written_ < waiting_.size()) return;
    waiting_.clear();
    written_ = 0;
  };
}

void RecordEvaluator::complete(Record& record, const Evaluation& found) const {
  if (!record.has("finish")) record.set_text("finish", policies_.ended(record) ? "stop" : "length");
  write_evaluation(record, policies_.evaluators(), found);
}

void RecordEvaluator::check_id(const std::string& where, const std::string& id) {
  if (!ids_.insert(id).second) bad_input(where + ": duplicate id \"" + id + "\"");
}

Record RecordEvaluator::remade(const Record& record, const Record& there) const {
  Record made = record;
  complete(made, read_evaluation(there, policies_.evaluators(), there.list_shape("response_ids").size));
  return made;
}

void RecordEvaluator::add(Record record) {
  Trajectory t = read_response(record, policies_, limits_);
  check_id(t.where, t.id);
  if (t.temperature == 0) t.temperature = 1;
  waiting_.push_back(std::move(record));
  window_.add(std::move(t), take());
}

void RecordEvaluator::finish() { window_.finish(take()); }

}  // namespace nudge
