// From several answers to a prompt to preference pairs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/io/record.h"

namespace nudge {

enum class Pairing { kBestWorst, kAll };

// The answers to one prompt, ordered by id (length, then bytes), so that nothing depends on the order in
// which they arrived.
struct AnswerGroup {
  std::string name;
  std::vector<Record> answers;
};

// Collects trajectories by their field "group", in any order; all are held in memory, without the fields that
// pairs do not need.
class AnswerGroups {
 public:
  // `figure`: the field that will be compared, kept with the record; may be empty. Errors: kBadInput where id,
  // group, prompt, response or the figure is missing, an id comes twice, or a group's prompts differ.
  void add(const Record& trajectory, std::string_view figure);

  // Puts the answers in order. The groups stand in the order of their first appearance.
  std::deque<AnswerGroup>& sorted();

  std::size_t size() const { return groups_.size(); }
  std::int64_t answers() const { return answers_; }

 private:
  std::deque<AnswerGroup> groups_;
  std::unordered_map<std::string, std::size_t> place_;
  std::unordered_map<std::string, std::string> where_;  // of each id
  std::int64_t answers_ = 0;
};

struct AnswerPair {
  std::size_t chosen = 0, rejected = 0;  // places in the group
  float margin = 0;                      // figure of the chosen less that of the rejected, > 0
};

// Pairs by a figure: the best against the worst (of equals the first), or all against all, in the order of
// their places. Equal figures give no pair.
std::vector<AnswerPair> pairs_by_figure(std::span<const double> figures, Pairing pairing);

// How many pairs there could be: 1 or n (n - 1) / 2, none of fewer than two.
std::int64_t possible_pairs(std::size_t answers, Pairing pairing);

// The id of the pair of two answers, whichever of them is chosen: "group/a-b", a before b in the group, each the
// rest of its id behind "group/" (or the whole id where it does not begin so).
std::string pair_id(const AnswerGroup& group, std::size_t a, std::size_t b);

bool same_response(const AnswerGroup& group, std::size_t a, std::size_t b);

// A preference/1 record: id, prompt (as it stands in the trajectory), chosen, rejected, labeler, and, where both
// answers have them and were made by the same tokenizer, prompt_ids, chosen_ids, rejected_ids, tokenizer.
Record preference_record(const AnswerGroup& group, std::size_t chosen, std::size_t rejected, std::string_view labeler);

struct FigureOptions {
  std::string figure;  // the field compared; also the labeler
  Pairing pairing = Pairing::kBestWorst;
  float least_margin = 0;  // smaller differences give no pair
};

struct LabelCounts {
  std::int64_t pairs = 0, ties = 0, single = 0, below_margin = 0;
};

// The preference records of one group by a figure, each with its margin and, where the figure's name ends in
// "reward", chosen_reward and rejected_reward. Two answers with the same text are a tie. Error kBadInput where
// an answer's figure is no number.
std::vector<Record> label_by_figure(const AnswerGroup& group, const FigureOptions& options, LabelCounts& counts);

}  // namespace nudge
