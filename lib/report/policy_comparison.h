// Answers of several policies to the same prompts: means, and differences paired by prompt.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/io/json.h"
#include "lib/io/record.h"
#include "lib/report/estimate.h"

namespace nudge {

// The sum over the response's tokens that count (loss_mask) of logprobs - ref_logprobs, in nats: k1 of
// docs/mathematics.md, 12. Nothing if the record lacks them. Error kBadInput as token_values (lib/io/paint.h).
std::optional<double> response_kl(const Record& record);

// Tokens of response_ids, or without ids characters of a response that is a text. Nothing for other records.
std::optional<double> response_length(const Record& record);

// Whether a field that holds a number is a figure of the response, such as its reward: not one of how it was made
// (seed, temperature, ...) or a name, nor `kl` and `length`, which are computed.
bool is_figure(std::string_view key);

class PolicyComparison {
 public:
  struct Answer {
    Record record;
    std::vector<std::optional<double>> figures;  // in the order of figures()
  };
  struct Prompt {
    std::string group;
    std::vector<std::optional<Answer>> answers;  // of each policy the first; none where memory did not suffice
  };
  struct Figure {
    std::string name;                   // reward, other fields that hold one number and vary, kl, length
    std::int64_t prompts = 0;           // for which each policy has it
    std::vector<Estimate> means;        // of each policy, over these prompts, each the mean of its answers
    std::vector<Estimate> differences;  // from the first policy's, paired by prompt; its own has no value
  };
  struct Policy {
    std::string digest, name;        // name: its files, told apart by the digest if need be
    std::vector<std::string> files;  // in their order
    std::int64_t answers = 0;        // to the shared prompts
  };

  // Takes trajectories; records without policy, or without id and group, are left out.
  void add(const Record& record, const std::string& file);
  // Call after the last record. Whether two policies or more have prompts in common, that is groups that each answered;
  // policies of one file do not count as several.
  bool finish();

  // After finish() returned true:
  const std::vector<Policy>& policies() const { return policies_; }
  std::int64_t prompts() const { return static_cast<std::int64_t>(shared_.size()); }
  const std::vector<Figure>& figures() const { return figures_; }
  // Groups of shared prompts: the first n as they appeared, or n drawn by the seed, in that order.
  std::vector<std::string> first(std::int64_t n) const;
  std::vector<std::string> drawn(std::int64_t n, std::uint64_t seed) const;
  Prompt prompt(const std::string& group) const;

 private:
  struct Sum {
    std::int64_t n = 0;
    double sum = 0;
    double mean() const { return sum / static_cast<double>(n); }
  };
  struct Side {  // a policy's answers to a prompt
    std::int64_t answers = 0;
    std::vector<Sum> sums;  // by column; shorter where later ones did not occur
    std::optional<Record> first;
  };
  struct Column {  // a figure and its range
    std::string name;
    double least = std::numeric_limits<double>::infinity(), most = -std::numeric_limits<double>::infinity();
  };

  std::size_t policy_of(const std::string& digest, const std::string& file);
  std::optional<std::size_t> column(const std::string& key);
  void add_figures(const Record& record, Side& side);
  void name_policies();
  std::optional<Figure> compare(std::size_t column) const;

  std::vector<Policy> policies_;
  std::vector<Column> columns_{{"reward"}, {"kl"}, {"length"}};
  std::map<std::string, std::vector<Side>> groups_;  // a side for each policy so far
  std::vector<std::string> order_;                   // of groups, as they appeared
  std::vector<std::string> shared_;                  // groups that all policies answered
  std::vector<Figure> figures_;
  std::size_t kept_ = 0;  // bytes of records
};

// One line for each policy, its means and its differences from the first.
std::string comparison_text(const PolicyComparison& comparison);
// The same as a JSON object, the value of "compared".
void comparison_json(JsonWriter& w, const PolicyComparison& comparison);

}  // namespace nudge
