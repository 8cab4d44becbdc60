// score --best: of each prompt's answers, those with the highest rewards.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "lib/cli/progress.h"
#include "lib/run/filter.h"
#include "lib/run/scoring.h"

namespace nudge {

// Numbers the groups of trajectories that stand together, in their order from 0.
class GroupNumbers {
 public:
  // The number of the record's group. Error kBadInput naming the record where its group has ended before.
  std::int64_t of(const Record& record);

 private:
  std::string current_;
  std::unordered_set<std::string> groups_;
};

// Reads trajectories whose groups stand together (GroupNumbers), and writes of each group the `keep` with the highest rewards (equal
// ones: the lesser ids) in input order. They get "best_of", the number of answers they were chosen from (1 where all of
// the group are kept), and "best_among", the digest of these answers, by which a resumed run knows that the choice
// stands. Holds one group and a micro-batch in memory.
class BestOf {
 public:
  BestOf(Scorer& scorer, RecordWriter& out, KeptRecords& kept, Progress& progress, std::int64_t keep)
      : scorer_(scorer), out_(out), kept_(kept), progress_(progress), keep_(static_cast<std::size_t>(keep)) {}

  // Errors: kBadInput naming the record where it is no trajectory or was chosen by --best before; Scorer's.
  void add(Record record);
  void flush();   // writes what is chosen of the groups that have ended
  void finish();  // the input has ended

  std::string words() const;  // for the tally: what was chosen of what, and the bound on the KL

 private:
  struct Group {
    std::string name, digest;
    std::vector<Record> answers;  // digest: of them as read
    std::size_t written = 0;      // of the chosen ones, by an earlier run
  };

  void end_group();
  std::size_t wanted(const Group& g) const { return std::min(keep_, g.answers.size()); }
  void take_kept(Group& g);
  std::vector<Record*> chosen(Group& g) const;
  void mark(Record& record, const Group& g) const;

  Scorer& scorer_;
  RecordWriter& out_;
  KeptRecords& kept_;
  Progress& progress_;
  std::size_t keep_;
  Group current_;
  std::vector<Group> waiting_;
  std::int64_t waiting_tokens_ = 0;
  std::size_t groups_ = 0, least_ = 0, most_ = 0;  // least, most: answers of a group
};

}  // namespace nudge
