#include "lib/run/report_reader.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "lib/base/error.h"
#include "lib/cli/signals.h"
#include "lib/io/files.h"
#include "lib/io/stream.h"
#include "lib/run/filter.h"
#include "lib/run/streams.h"

namespace nudge {
namespace {

MetricsHistory read_metrics_file(const std::string& file) {
  if (file.empty()) return {};
  if (!file_exists(file)) throw Error(Exit::kNoInput, file + ": no such file");
  return read_metrics(file, read_file(file));
}

}  // namespace

std::int64_t response_tokens(const Record& record) {
  return record.has("response_ids") ? record.list_shape("response_ids").size : 0;
}

ReportReader::ReportReader(Tool& tool, const ReportPolicies& policies, Options options, std::int64_t expected)
    : tool_(tool), policies_(policies), options_(std::move(options)), progress_(tool.progress("responses", expected)) {}

FileReport ReportReader::read_file(const std::string& file, const ReportPolicies& policies, bool answers) {
  RecordReader in({file}, {.salvage = options_.salvage, .whole_shards = true, .stop = stop_descriptor()});
  Collect collect = options_.collect;
  collect.answers = collect.answers && answers;
  FileReporter reporter(file == "-" ? "stdin" : file, policies, 4096, collect);
  for (Record record; in.next(record); progress_.update(++counts_.responses)) {
    heed_stop();
    counts_.tokens += response_tokens(record);
    if (collect.tokenizer != nullptr)
      check_tokenizer(record, collect.tokenizer->digest(), "--tokenizer", "give the folder of the policy that sampled");
    reporter.add(record);
  }
  warn_of_losses(tool_, in);
  ++counts_.files;
  FileReport report = reporter.finish();
  counts_.golds += std::ssize(report.golds);
  return report;
}

RunReport ReportReader::read(const RunInputs& inputs) {
  MetricsHistory metrics = read_metrics_file(inputs.metrics);  // first: the records may take long
  std::vector<FileReport> files, samples;
  const std::vector<std::size_t> shown = shown_files(inputs.files.size());
  for (std::size_t i = 0; i < inputs.files.size(); ++i) {
    const bool answers = inputs.samples.empty() && std::ranges::find(shown, i) != shown.end();
    files.push_back(read_file(inputs.files[i], policies_, answers));
  }
  for (const std::string& file : inputs.samples) samples.push_back(read_file(file, none_, true));
  return run_report(inputs.name, std::move(files), std::move(metrics), samples);
}

}  // namespace nudge
