// Makes preference pairs from several answers to a prompt.
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

// The answers to one prompt, ordered by id (length, then bytes), so that nothing depends on the order of arrival.
struct AnswerGroup {
  std::string name;
  std::vector<Record> answers;
};

// Collects trajectories by their field "group", in any order. Holds all in memory, without fields that pairs don't
// need.
class AnswerGroups {
 public:
  // `field`: the field to be compared, kept with the record; may be empty. Errors: kBadInput if id, group, prompt,
  // response or that field is missing, an id is repeated, or the prompts of a group differ.
  void add(const Record& trajectory, std::string_view field);

  // Sorts the answers of each group. Groups are in order of first appearance.
  std::deque<AnswerGroup>& sorted();

  std::size_t size() const { return groups_.size(); }
  std::int64_t answers() const { return answers_; }

 private:
  std::deque<AnswerGroup> groups_;
  std::unordered_map<std::string, std::size_t> place_;  // by name, in groups_
  std::unordered_map<std::string, std::string> where_;  // by id: file and record
  std::int64_t answers_ = 0;
};

struct AnswerPair {
  std::size_t chosen = 0, rejected = 0;  // indices in the group
  float margin = 0;                      // value of the chosen answer minus that of the rejected one, > 0
};

// Pairs by the compared values: best against worst (the first of equal ones), or all against all, in index order. Equal
// values give no pair.
std::vector<AnswerPair> pairs_by_value(std::span<const double> values, Pairing pairing);

// The most pairs there can be: 1 or n (n - 1) / 2; 0 for fewer than two answers.
std::int64_t possible_pairs(std::size_t answers, Pairing pairing);

// The id of a pair, whichever answer is chosen: "group/a-b", a before b in the group. a and b are the answers' ids
// without the prefix "group/", or the whole ids if they don't have it.
std::string pair_id(const AnswerGroup& group, std::size_t a, std::size_t b);

bool same_response(const AnswerGroup& group, std::size_t a, std::size_t b);

// A preference/1 record: id, prompt (as in the trajectory), chosen, rejected, labeler; and prompt_ids, chosen_ids,
// rejected_ids, tokenizer if both answers have them from the same tokenizer.
Record preference_record(const AnswerGroup& group, std::size_t chosen, std::size_t rejected, std::string_view labeler);

struct ComparedField {
  std::string name;  // also the labeler
  Pairing pairing = Pairing::kBestWorst;
  float least_margin = 0;  // smaller differences give no pair
};

struct LabelCounts {
  std::int64_t pairs = 0, ties = 0, single = 0, below_margin = 0;
};

// The preference records of one group by the compared field, each with its margin and, if the field's name ends in
// "reward", chosen_reward and rejected_reward. Two answers with the same text are a tie. Error kBadInput if an answer's
// field is not a number.
std::vector<Record> preferences_by_value(const AnswerGroup& group, const ComparedField& field, LabelCounts& counts);

}  // namespace nudge
