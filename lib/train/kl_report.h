// What kl-report knows of a file of trajectories: KL to the reference and reward from what the records say, and
// KL, ratios and entropies of two policies on the records' tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "lib/io/record.h"
#include "lib/model/folder.h"
#include "lib/train/kl_statistics.h"
#include "lib/train/trajectory.h"

namespace nudge {

// The policies under which responses are evaluated: none, `fresh` alone (the old log-probs are then the recorded
// ones), or both. Packed and ready.
class ReportPolicies {
 public:
  ReportPolicies() = default;
  // Errors: kUsage for an old policy alone; kBadInput where the vocabularies differ.
  ReportPolicies(std::optional<Model> old_policy, std::optional<Model> fresh);
  // From folders. Errors: those of load_model as well.
  static ReportPolicies load(const std::optional<std::string>& old_folder,
                             const std::optional<std::string>& new_folder, Dtype dtype = Dtype::kF32);

  const Transformer* old_policy() const { return old_ ? &old_->transformer : nullptr; }
  const Transformer* fresh() const { return fresh_ ? &fresh_->transformer : nullptr; }
  const std::string& old_digest() const { return old_digest_; }      // "" where there is none
  const std::string& fresh_digest() const { return fresh_digest_; }
  // Error kBadInput where the record names another tokenizer than a policy's.
  void check_tokenizers(const Record& record) const;
  bool tokenizers_differ() const;  // the same ids may then be other texts
  // The vocabulary and context that records have to keep to; without policies nothing is too large.
  ModelConfig limits() const;

 private:
  std::optional<Model> old_, fresh_;
  std::string old_digest_, fresh_digest_;
};

// The figures of one file. Tokens are predicted tokens: with an empty prompt the first one of a response is none.
struct FileReport {
  std::string name;
  std::int64_t responses = 0, tokens = 0, stopped = 0;
  std::int64_t greedy = 0;     // sampled at temperature 0; their log-probs are at temperature 1
  std::int64_t truncated = 0;  // sampled with top-k or top-p at a temperature above 0
  std::int64_t foreign = 0;    // sampled by another policy than the old one, as far as both are known
  std::vector<double> rewards, lengths;  // a number a response; lengths in tokens, the ending one included
  SequenceValues logprobs;               // as recorded
  KlStatistics to_ref;                   // KL(policy || ref), log-ratio ref/policy, of responses that have both
  // Under the policies; empty without. KL(old || new), with exact values where both policies are at hand, and the
  // new policy's entropy.
  KlStatistics old_new;
  SequenceValues exact_reverse, old_entropy;  // KL(new || old) at the same positions; empty without an old policy

  Estimate reward() const { return estimate(std::span<const double>(rewards)); }
  Estimate length() const { return estimate(std::span<const double>(lengths)); }
  TwoUnits entropy_estimate() const;  // the mean of -log pi: unbiased where the policy itself was sampled
  TwoUnits exact_reverse_kl() const;
  TwoUnits entropy_of_old() const;
  // sqrt(KL(policy || ref)) per response by k3, the distance of Gao et al. 2022 (docs/mathematics.md, 16).
  std::optional<double> distance() const;
};

// The places at which ratio quantiles are shown, the extremes included, and their names in JSON.
inline constexpr double kRatioQuantiles[] = {0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};
inline constexpr const char* kRatioNames[] = {"min", "q01", "q05", "q25", "q50", "q75", "q95", "q99", "max"};

// Collects a file's records; evaluates them in windows, so that what is kept of each token is its figures. `policies`
// must outlive it.
class FileReporter {
 public:
  FileReporter(std::string name, const ReportPolicies& policies, std::int64_t micro_tokens = 4096);

  // Errors, kBadInput naming the record: those of read_trajectory; an id that was there before; no log-probs where
  // they are needed (always but with two policies); a log-ratio that is not finite.
  void add(const Record& record);
  FileReport finish();

 private:
  void evaluate();
  void add_recorded(const Trajectory& t);

  const ReportPolicies& policies_;
  ModelConfig limits_;
  std::int64_t micro_tokens_, pending_tokens_ = 0;
  std::vector<Trajectory> pending_;
  std::unordered_set<std::string> ids_;
  ResponseEvaluator evaluator_;
  FileReport report_;
};

}  // namespace nudge
