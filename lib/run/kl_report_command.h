// What kl-report does between its command line and its tally.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/report/run_report.h"
#include "lib/run/command.h"
#include "lib/run/report_reader.h"
#include "lib/run/streams.h"

namespace nudge {

struct KlReportCommand {
  std::optional<std::string> old_folder, new_folder, page;
  std::vector<std::string> runs, metrics, samples;
  std::string gold = "gold", tokenizer;
  Dtype dtype = Dtype::kF32;
  std::string base;
  StreamOptions streams;
  double clip = 0.2;
  bool json = false, plot = false, no_plot = false, ascii = false;

  void add_to(Tool& tool);
  bool writes_records() const { return output_->given(); }  // -o, in place of the report
  // Writes the report, or the records. Nothing where the records had been made already.
  std::optional<Tally> run(Tool& tool);

 private:
  void add_runs_to(Tool& tool);
  void add_output_to(Tool& tool);
  bool has_details() const { return json || page; }  // figures that the tables don't show
  std::vector<RunInputs> inputs() const;
  std::vector<RunReport> read(Tool& tool, const ReportPolicies& policies, ReportReader::Counts& read) const;
  std::optional<Tally> evaluate(Tool& tool, const ReportPolicies& policies);
  Tally report(Tool& tool, const ReportPolicies& policies, RecordWriter* page_out);

  const Option *clip_ = nullptr, *output_ = nullptr, *gold_ = nullptr;
};

}  // namespace nudge
