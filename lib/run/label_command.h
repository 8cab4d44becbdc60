// What label does between its command line and its tally.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/label/label_session.h"
#include "lib/label/votes.h"
#include "lib/run/command.h"
#include "lib/run/streams.h"

namespace nudge {

struct LabelCommand {
  std::optional<std::string> by, pairs;  // the field that decides, else a human; "best-worst", "all"
  float min_margin = 0;
  std::string labeler = "human";
  std::uint64_t seed = 0;
  std::optional<std::string> page;   // the file of people's page
  bool merge = false;                // the inputs are decisions
  std::vector<std::string> against;  // the baseline's files, none: one policy
  std::string metrics_path;
  MetricsFile metrics;
  StreamOptions streams;

  void add_to(Tool& tool);
  // Nothing where the output had been made already. Error kStopped where a human leaves pairs undecided.
  std::optional<Tally> run(Tool& tool);

 private:
  // The answers to be compared, of one policy or joined of two.
  struct Input {
    AnswerGroups candidate, baseline;
    std::optional<JoinedGroups> joined;  // with --against
    std::string digest;                  // of all files' text

    std::deque<AnswerGroup>& groups() { return joined ? joined->groups : candidate.sorted(); }
  };

  bool all_pairs() const { return pairs == "all"; }
  void check() const;
  void check_output() const;
  std::string read(Tool& tool, const std::vector<std::string>& files,
                   const std::function<void(const Record&)>& use) const;  // returns the digest of the text
  Input read_answers(Tool& tool) const;
  void join_baseline(Tool& tool, Input& input) const;
  bool write(Tool& tool, const std::string& digest,
             const std::function<void(const std::function<void(const Record&)>&)>& make,
             const std::function<bool()>& succeeded) const;

  std::optional<Tally> label_by_field(Tool& tool, Input& input);
  Tally label_at_terminal(Tool& tool, Input& input);
  Tally label_in_browser(Input& input, RecordWriter& out) const;
  Tally merge_decisions(Tool& tool);
  void tell_journal(Tool& tool, Input& input, const LabelJournal& journal, Tally& tally);
  void tell(std::int64_t made, const Votes* votes, const std::vector<Wins>& wins, Tally& tally);
  void add_counts(const Input& input, const LabelCounts& counts, Tally& tally) const;

  const Option *seed_ = nullptr, *zstd_ = nullptr, *force_ = nullptr, *metrics_ = nullptr;
};

}  // namespace nudge
