// What a report shows of single records: facts, answers, and the tokens that moved most.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/io/record.h"
#include "lib/rl/trajectory.h"
#include "lib/text/tokenizer.h"

namespace nudge {

// What a file's records say of how they were made: a field and its different values, as text.
struct Fact {
  std::string field;                // "policy", "dtype", "temperature", ...
  std::vector<std::string> values;  // short ones first, then bytewise; at most kFactValues
  bool more = false;                // there are others
};
inline constexpr std::size_t kFactValues = 8;

// The sums of one response, by which files are compared.
struct AnswerSums {
  std::string group;  // the same for all answers to one prompt
  double length = 0;  // tokens, EOS included
  bool cut = false;
  std::optional<double> reward, gold;
  std::optional<double> kl;        // to the reference, k3, nats
  std::optional<double> surprise;  // -log pi of the response, nats
  double counted = 0;              // tokens that surprise is over
};

// A response to be shown. Texts may hold anything.
struct ShownAnswer {
  std::string id, group, prompt, response;
  std::optional<double> reward, gold, kl;  // kl: to the reference, k3, nats
  std::int64_t tokens = 0;
  bool cut = false;
};

// A token that moved far from the reference.
struct ShownToken {
  std::string id, group;
  std::int64_t position = 0, of = 0;  // index in the response from 0, and its number of tokens
  std::int32_t token_id = 0;
  double difference = 0;  // log pi - log ref, nats: its k1
  double logprob = 0;     // log pi
  // By the tokenizer; without one `text` and `before` are empty and `after` is the response.
  bool has_text = false;
  std::string before, text, after;  // some 40 characters of context
};
inline constexpr std::size_t kShownTokens = 20;

// The facts of many records. The order of records doesn't matter.
class FactTable {
 public:
  void add(const Record& record);
  std::vector<Fact> facts() const;

 private:
  struct Shorter {
    bool operator()(const std::string& a, const std::string& b) const;
  };
  std::map<std::string, std::set<std::string, Shorter>> values_;  // kFactValues + 1 at most
};

// Collects the tokens of many responses that moved most. The order of responses doesn't matter.
class MovedTokens {
 public:
  // `t` has log-probs of both. With a tokenizer texts are added.
  void add(const Record& record, const Trajectory& t, const Tokenizer* tokenizer);
  std::vector<ShownToken> finish() { return std::move(tokens_); }

 private:
  std::vector<ShownToken> tokens_;  // in order
};

// Texts as the record has them; a prompt of messages as lines "ROLE: CONTENT". `sums`: of the same record.
ShownAnswer shown_answer(const Record& record, const Trajectory& t, const AnswerSums& sums);

}  // namespace nudge
