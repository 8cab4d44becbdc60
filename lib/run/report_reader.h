// Reads what kl-report reports of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/cli/tool.h"
#include "lib/report/run_report.h"
#include "lib/run/report_inputs.h"

namespace nudge {

// The number of response_ids; 0 where there are none.
std::int64_t response_tokens(const Record& record);

class ReportReader {
 public:
  struct Options {
    Collect collect;  // `answers`: of the files that are shown
    bool salvage = false;
  };
  struct Counts {
    std::int64_t responses = 0, tokens = 0, files = 0, golds = 0;
  };

  // `policies` must outlive it.
  ReportReader(Tool& tool, const ReportPolicies& policies, Options options, std::int64_t expected);

  // Errors: FileReporter's, RecordReader's, read_metrics', run_report's; kStopped after a stop signal; kBadInput for
  // records of another tokenizer than Collect::tokenizer.
  RunReport read(const RunInputs& inputs);
  const Counts& counts() const { return counts_; }

 private:
  FileReport read_file(const std::string& file, const ReportPolicies& policies, bool answers);

  Tool& tool_;
  const ReportPolicies& policies_;
  const ReportPolicies none_;  // the files of --samples are shown as they are
  Options options_;
  Progress progress_;
  Counts counts_;
};

}  // namespace nudge
