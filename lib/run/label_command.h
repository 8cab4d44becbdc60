// What label does between its command line and its tally.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/label/label.h"
#include "lib/run/command.h"
#include "lib/run/streams.h"

namespace nudge {

struct LabelCommand {
  std::optional<std::string> by, pairs;  // the field that decides, else a human; "best-worst", "all"
  float min_margin = 0;
  std::string labeler = "human";
  std::uint64_t seed = 0;
  StreamOptions streams;

  void add_to(Tool& tool);
  // Nothing where the output had been made already. Error kStopped where a human leaves pairs undecided.
  std::optional<Tally> run(Tool& tool);

 private:
  bool all_pairs() const { return pairs == "all"; }
  void check() const;
  AnswerGroups read_groups(Tool& tool, std::string& input_digest) const;
  std::optional<Tally> label_by_field(Tool& tool, AnswerGroups& groups, const std::string& input_digest) const;
  Tally label_at_terminal(Tool& tool, AnswerGroups& groups) const;
};

}  // namespace nudge
