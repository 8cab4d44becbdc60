// kl-report's statistics of a file of trajectories: reward and KL to the reference from the records, and KL, ratios and
// entropies of two policies on the records' tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/io/record.h"
#include "lib/report/kl_evaluation.h"
#include "lib/report/kl_statistics.h"
#include "lib/report/shown.h"
#include "lib/rl/trajectory.h"

namespace nudge {

// The statistics of one file. Tokens are predicted tokens: with an empty prompt a response's first token is not one.
struct FileReport {
  std::string name;
  Evaluators by;  // that evaluated the responses, now or when the records were written
  std::int64_t responses = 0, tokens = 0, stopped = 0;
  std::int64_t greedy = 0;               // sampled at temperature 0; their log-probs are at temperature 1
  std::int64_t truncated = 0;            // sampled with top-k or top-p at a temperature above 0
  std::int64_t foreign = 0;              // sampled by another policy than the old one, where both are known
  std::int64_t chosen = 0;               // by score --best from several
  std::int64_t best_of = 0;              // the number of responses that each was chosen from; 0 where they differ
  std::vector<double> rewards, lengths;  // one per response; lengths in tokens, EOS included
  std::vector<double> golds;             // of the responses that have the gold field
  std::vector<AnswerSums> answers;       // one per response, by id
  std::vector<Fact> facts;               // of the records
  std::int64_t prompts = 0;              // different groups
  std::vector<ShownToken> tokens_moved;  // those with the largest |log pi - log ref|, the largest first
  std::vector<ShownAnswer> shown;        // all responses by id; empty unless asked for
  SequenceValues logprobs;               // as recorded
  KlStatistics to_ref;                   // KL(policy || ref), log-ratio ref/policy, of responses that have both
  // Under the policies; empty without them. KL(old || new), exact if both policies are loaded, and the new policy's
  // entropy.
  KlStatistics old_new;
  SequenceValues exact_reverse, old_entropy;  // KL(new || old) at the same positions; empty without an old policy

  Estimate reward() const { return estimate(std::span<const double>(rewards)); }
  Estimate gold() const { return estimate(std::span<const double>(golds)); }
  Estimate cut_share() const;
  Estimate length() const { return estimate(std::span<const double>(lengths)); }
  TwoUnits entropy_estimate() const;  // the mean of -log pi: unbiased where the policy itself was sampled
  TwoUnits exact_reverse_kl() const;
  TwoUnits entropy_of_old() const;
  // sqrt(KL(policy || ref)) per response by k3, the distance of Gao et al. 2022 (docs/mathematics.md, 16).
  std::optional<double> distance() const;
  Estimate distance_estimate() const;  // with the linearised error, se(KL)/(2 sqrt(KL)); none at KL 0
  // The bound on KL(best of n || policy), nats per response; only if all were chosen from the same number, above 1.
  std::optional<double> best_of_bound() const;
};

// The quantiles of the ratio that are reported, extremes included, and their names in JSON.
inline constexpr double kRatioQuantiles[] = {0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1};
inline constexpr const char* kRatioNames[] = {"min", "q01", "q05", "q25", "q50", "q75", "q95", "q99", "max"};

// Error kBadInput if the files were evaluated by different policies: one report compares two.
void check_same_evaluators(std::span<const FileReport> reports);

// What a FileReporter keeps besides numbers.
struct Collect {
  // Of records. Where it was not asked for by name, other values than numbers are left alone: "gold" may be a text.
  std::string gold_field = "gold";
  bool gold_asked = false;
  bool answers = false;                  // FileReport::shown
  const Tokenizer* tokenizer = nullptr;  // for the texts of FileReport::tokens_moved; outlives the reporter
};

// Collects a file's records and evaluates them in batches, keeping only a few numbers per token. Without policies it
// uses the evaluation stored in the records, if any. `policies` must outlive it.
class FileReporter {
 public:
  FileReporter(std::string name, const ReportPolicies& policies, std::int64_t micro_tokens = 4096,
               Collect collect = {});

  // Errors, kBadInput naming the record: those of read_response and read_evaluation; a repeated id; missing log-probs,
  // unless there are two policies; an evaluation by policies other than the earlier records'; a non-finite log-ratio.
  void add(const Record& record);
  // Sorts by id, so that no result depends on the order of arrival.
  FileReport finish();

 private:
  void take_recorded(const Record& record, const Trajectory& t);
  void take(const Trajectory& t, const Evaluation& found);
  void count(const Record& record, const Trajectory& t);
  void compare_with_reference(const Record& record, const Trajectory& t, AnswerSums& answer);
  void sort_by_id();

  const ReportPolicies& policies_;
  ModelConfig limits_;
  WindowEvaluator window_;
  std::unordered_map<std::string, std::size_t> ids_;  // with their index of arrival
  // Indices of arrival of the responses that have each field.
  std::vector<std::size_t> with_reward_, with_gold_, with_logprobs_, with_ref_;
  Collect collect_;
  MovedTokens moved_;
  FactTable facts_;
  FileReport report_;
};

}  // namespace nudge
