// Responses under the policies that kl-report compares, and as records carry what came out from one run to another.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/rl/trajectory.h"

namespace nudge {

// What tells one evaluation from another: the policies' digests and the arithmetic.
struct Evaluators {
  std::string old_policy;  // "" where the old log-probs are the recorded ones
  std::string new_policy;  // "" where there was no evaluation
  std::string dtype;
  std::int64_t arithmetic = 0;

  bool operator==(const Evaluators&) const = default;
};

// The policies under which responses are evaluated: none, `fresh` alone (the old log-probs are then the recorded
// ones), or both. Packed and ready.
class ReportPolicies {
 public:
  ReportPolicies() = default;
  // Errors: kUsage for an old policy alone; kBadInput where the vocabularies differ.
  ReportPolicies(std::optional<Model> old_policy, std::optional<Model> fresh);
  // From folders. Errors: those of load_model as well.
  static ReportPolicies load(const std::optional<std::string>& old_folder, const std::optional<std::string>& new_folder,
                             Dtype dtype = Dtype::kF32);

  const Transformer* old_policy() const { return old_ ? &old_->transformer : nullptr; }
  const Transformer* fresh() const { return fresh_ ? &fresh_->transformer : nullptr; }
  const std::string& old_digest() const { return evaluators_.old_policy; }  // "" where there is none
  const std::string& fresh_digest() const { return evaluators_.new_policy; }
  const Evaluators& evaluators() const { return evaluators_; }
  // Error kBadInput where the record names another tokenizer than a policy's.
  void check_tokenizers(const Record& record) const;
  std::vector<std::string> remarks() const;  // Model's, of both
  // Whether a response ended by itself: by the record, else the new policy, if there is one.
  bool ended(const Record& record) const { return fresh_ ? ended_by_itself(record, *fresh_) : ended_by_itself(record); }
  bool tokenizers_differ() const;  // the same ids may then be other texts
  // The vocabulary and context that records have to keep to; without policies nothing is too large.
  ModelConfig limits() const;

 private:
  std::optional<Model> old_, fresh_;
  Evaluators evaluators_;
};

// One response under the policies: a number for each predicted token.
struct Evaluation {
  std::vector<float> new_logprobs, new_entropies;
  // Empty without an old policy. KL(old || new) and KL(new || old), exactly over the vocabulary.
  std::vector<float> old_logprobs, old_entropies, kl_old_new, kl_new_old;
};

// Reads a response that is to be evaluated under the policies, if there are any. Errors, kBadInput naming the record:
// those of read_trajectory; another tokenizer than a policy's; with a new policy alone, which is compared with what was
// recorded, no log-probs or those of another dtype.
Trajectory read_response(const Record& record, const ReportPolicies& policies, const ModelConfig& limits);

// As fields of a record (docs/formats.md). Those of an earlier evaluation are replaced or removed. Error kBadInput
// naming the record for a number that is not finite.
void write_evaluation(Record& record, const Evaluators& by, const Evaluation& found);
Evaluators read_evaluators(const Record& record);  // without a new policy where the record holds no evaluation
// Errors kBadInput where a list is missing or has not `tokens` numbers.
Evaluation read_evaluation(const Record& record, const Evaluators& by, std::int64_t tokens);

// Evaluates responses in windows of some `micro_tokens`. `policies` must outlive it, and hold a new one.
class WindowEvaluator {
 public:
  WindowEvaluator(const ReportPolicies& policies, std::int64_t micro_tokens)
      : policies_(policies), micro_tokens_(micro_tokens), evaluator_(micro_tokens) {}

  // Called in the order in which the responses came.
  using Take = std::function<void(const Trajectory&, const Evaluation&)>;
  void add(Trajectory t, const Take& take);
  void finish(const Take& take);

 private:
  const ReportPolicies& policies_;
  std::int64_t micro_tokens_, pending_tokens_ = 0;
  std::vector<Trajectory> pending_;
  ResponseEvaluator evaluator_;
};

// Records with their evaluations, in the order in which they came. `policies` must outlive it.
class RecordEvaluator {
 public:
  using Put = std::function<void(const Record&)>;
  RecordEvaluator(const ReportPolicies& policies, Put put, std::int64_t micro_tokens = 1024);

  // `record` with the evaluation that an earlier run wrote into `there`.
  Record remade(const Record& record, const Record& there) const;
  // Takes the id of a record that is not evaluated here. Errors: kBadInput for an id that was there before.
  void skip(const Record& record) { check_id(record.where(), record.name("id")); }
  // Errors: those of read_response, write_evaluation; kBadInput for an id that was there before.
  void add(Record record);
  void finish();  // evaluates what waits; more may be added then

 private:
  WindowEvaluator::Take take();
  // Adds the evaluation, and "finish" where the record has none, for a report without the policy can't tell.
  void complete(Record& record, const Evaluation& found) const;
  void check_id(const std::string& where, const std::string& id);

  const ReportPolicies& policies_;
  ModelConfig limits_;
  WindowEvaluator window_;
  Put put_;
  std::vector<Record> waiting_;
  std::size_t written_ = 0;  // of those that wait
  std::unordered_set<std::string> ids_;
};

}  // namespace nudge
