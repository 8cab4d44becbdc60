// Evaluates responses under the policies that kl-report compares, and stores the results in records for later runs.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/adapter_folder.h"
#include "lib/rl/trajectory.h"

namespace nudge {

// Identifies an evaluation: the policies' digests and the arithmetic.
struct Evaluators {
  std::string old_policy;  // "" if the recorded log-probs are the old ones
  std::string new_policy;  // "" if nothing was evaluated
  std::string dtype;
  std::int64_t arithmetic = 0;

  bool operator==(const Evaluators&) const = default;
};

// The policies under which responses are evaluated: none, only the new one, `fresh` (the old log-probs are then the
// recorded ones), or both. Packed for the kernels.
class ReportPolicies {
 public:
  ReportPolicies() = default;
  // Errors: kUsage for an old policy alone; kBadInput if the vocabularies differ.
  ReportPolicies(std::optional<Model> old_policy, std::optional<Model> fresh);
  // From folders. Errors: also those of load_model.
  static ReportPolicies load(const std::optional<std::string>& old_folder, const std::optional<std::string>& new_folder,
                             Dtype dtype = Dtype::kF32, Bases* bases = nullptr);

  const Transformer* old_policy() const { return old_ ? &old_->transformer : nullptr; }
  const Transformer* fresh() const { return fresh_ ? &fresh_->transformer : nullptr; }
  const std::string& old_digest() const { return evaluators_.old_policy; }  // "" if there is none
  const std::string& fresh_digest() const { return evaluators_.new_policy; }
  const Evaluators& evaluators() const { return evaluators_; }
  // Error kBadInput if the record names another tokenizer than a policy's.
  void check_tokenizers(const Record& record) const;
  std::vector<std::string> remarks() const;  // Model::remarks of both
  // Whether a response ended by itself: according to the record, else to the new policy, if any.
  bool ended(const Record& record) const { return fresh_ ? ended_by_itself(record, *fresh_) : ended_by_itself(record); }
  bool tokenizers_differ() const;  // if so, the same ids may mean different texts
  // The vocabulary and context that bound records; unlimited without policies.
  ModelConfig limits() const;

 private:
  std::optional<Model> old_, fresh_;
  Evaluators evaluators_;
};

// One response under the policies: a value per listed token, 0 where it doesn't count.
struct Evaluation {
  std::vector<float> new_logprobs, new_entropies;
  // Empty without an old policy. KL(old || new) and KL(new || old) are exact over the vocabulary.
  std::vector<float> old_logprobs, old_entropies, kl_old_new, kl_new_old;
};

// Reads a response to be evaluated under the policies, if any. Errors, kBadInput naming the record: those of
// read_trajectory; another tokenizer than a policy's; with only a new policy, which is compared with the recorded
// log-probs, if these are missing or of another dtype.
Trajectory read_response(const Record& record, const ReportPolicies& policies, const ModelConfig& limits);

// Stores an evaluation in a record's fields (docs/formats.md), replacing or removing those of an earlier one. Error
// kBadInput naming the record for a non-finite number.
void write_evaluation(Record& record, const Evaluators& by, const Evaluation& found);
Evaluators read_evaluators(const Record& record);  // without a new policy if the record holds no evaluation
// Error kBadInput if a list is missing or does not have `tokens` numbers.
Evaluation read_evaluation(const Record& record, const Evaluators& by, std::int64_t tokens);

// Evaluates responses in batches of about `micro_tokens`. `policies` must outlive it and hold a new policy.
class WindowEvaluator {
 public:
  WindowEvaluator(const ReportPolicies& policies, std::int64_t micro_tokens)
      : policies_(policies), micro_tokens_(micro_tokens), evaluator_(micro_tokens) {}

  // Called in the order of the responses.
  using Take = std::function<void(const Trajectory&, const Evaluation&)>;
  void add(Trajectory t, const Take& take);
  void finish(const Take& take);

 private:
  const ReportPolicies& policies_;
  std::int64_t micro_tokens_, pending_tokens_ = 0;
  std::vector<Trajectory> pending_;
  ResponseEvaluator evaluator_;
};

// Adds evaluations to records, keeping their order. `policies` must outlive it.
class RecordEvaluator {
 public:
  using Put = std::function<void(const Record&)>;
  RecordEvaluator(const ReportPolicies& policies, Put put, std::int64_t micro_tokens = 1024);

  // `record` with the evaluation that an earlier run stored in `there`.
  Record remade(const Record& record, const Record& there) const;
  // Registers the id of a record that is not evaluated here. Error: kBadInput for a repeated id.
  void skip(const Record& record) { check_id(record.where(), record.name("id")); }
  // Errors: those of read_response and write_evaluation; kBadInput for a repeated id.
  void add(Record record);
  void finish();  // evaluates pending records; more may follow

 private:
  WindowEvaluator::Take take();
  // Adds the evaluation, and "finish" if absent, because a report without the policy can't determine it.
  void complete(Record& record, const Evaluation& found) const;
  void check_id(const std::string& where, const std::string& id);

  const ReportPolicies& policies_;
  ModelConfig limits_;
  WindowEvaluator window_;
  Put put_;
  std::vector<Record> waiting_;
  std::size_t written_ = 0;  // of those waiting
  std::unordered_set<std::string> ids_;
};

}  // namespace nudge
