// What label --merge and --against do with the decisions of judges.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/label/votes.h"
#include "lib/rl/step_metrics.h"
#include "lib/run/command.h"

namespace nudge {

// `files` with the ties and skips of each, FILE.notes, behind it where they exist; without empty ones of such two.
std::vector<std::string> with_notes(const std::vector<std::string>& files);

// Reads decisions record by record; a note without a labeler belongs to whom the preferences of its journal name.
class VoteReader {
 public:
  explicit VoteReader(Votes& votes) : votes_(votes) {}
  void add(const Record& record);

 private:
  std::string journal_of(const Record& note) const;

  Votes& votes_;
  std::map<std::string, std::set<std::string>> judges_;  // by file
};

// Figures of the judges, for --metrics and for the tally: "Cohen's kappa 0.61 +- 0.08 of 45 pairs, agreement 0.78"; "" for
// a single judge.
std::string tell_agreement(const Votes& votes, Metrics& metrics);

// "wins 0.62 +- 0.03 of 200 judgements against p0.jsonl", the error clustered by prompt (docs/mathematics.md, 19).
std::string tell_wins(const std::vector<Wins>& wins, const std::vector<std::string>& against, Metrics& metrics);

}  // namespace nudge
