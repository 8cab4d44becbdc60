// Hand-made trajectory records.
#pragma once

#include <string>
#include <vector>

#include "lib/io/record.h"
#include "lib/report/kl_report.h"
#include "lib/report/report_json.h"
#include "tests/harness/harness.h"

namespace nudge::test {

using Ids = std::vector<std::int32_t>;
using Numbers = std::vector<float>;

inline Record trajectory(const std::string& id, const Ids& prompt, const Ids& response, const Numbers& logprobs = {},
                         const Numbers& ref_logprobs = {}) {
  Record r("made: record " + id);
  r.set_text("id", id);
  r.set_ids("prompt_ids", prompt);
  r.set_ids("response_ids", response);
  if (!logprobs.empty()) r.set_reals("logprobs", logprobs);
  if (!ref_logprobs.empty()) r.set_reals("ref_logprobs", ref_logprobs);
  return r;
}

inline FileReport report_of(const std::vector<Record>& records, const ReportPolicies& policies = {},
                            std::int64_t micro_tokens = 4096, const std::string& name = "made") {
  FileReporter reporter(name, policies, micro_tokens);
  for (const Record& r : records) reporter.add(r);
  return reporter.finish();
}

inline std::string json_of(const FileReport& report, double clip = 0.2) {
  const RunReport run = run_report("", {report});
  return report_json({&run, 1}, clip);
}

}  // namespace nudge::test
