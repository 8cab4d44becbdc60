// How far policies are from each other and from the reference, from trajectories and the policies themselves.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "lib/cli/signals.h"
#include "lib/kernels/kernels.h"
#include "lib/report/kl_evaluation.h"
#include "lib/report/report_html.h"
#include "lib/report/report_json.h"
#include "lib/report/report_text.h"
#include "lib/run/streams.h"

using namespace nudge;

namespace {

FileReport read_report(Tool& tool, const std::string& file, const ReportPolicies& policies, bool salvage,
                       Progress& progress, std::int64_t& responses) {
  RecordReader in({file}, {.salvage = salvage, .whole_shards = true, .stop = stop_descriptor()});
  FileReporter reporter(file == "-" ? "stdin" : file, policies);
  for (Record record; in.next(record); progress.update(++responses)) {
    heed_stop();
    reporter.add(record);
  }
  warn_of_losses(tool, in);
  return reporter.finish();
}

void warn_of_bias(Tool& tool, const FileReport& r) {
  const auto warn = [&](std::int64_t n, const std::string& why) {
    if (n == 0) return;
    tool.warn(r.name + ": " + std::to_string(n) + " of " + std::to_string(r.responses) + " responses " + why);
  };
  warn(r.greedy, "were sampled at temperature 0, taken as 1 here: k1, k2, k3 and the entropy estimate are biased");
  warn(r.truncated, "were sampled with top-k or top-p: k1, k2, k3 and the entropy estimate are biased");
  warn(r.foreign, "were sampled by another policy than the old one: k1, k2, k3 are biased");
}

// All files, in their order.
std::vector<FileReport> read_reports(Tool& tool, const StreamOptions& streams, const ReportPolicies& policies,
                                     std::int64_t& responses) {
  std::vector<FileReport> reports;
  Progress progress = tool.progress("responses");
  try {
    for (const std::string& file : streams.files)
      reports.push_back(read_report(tool, file, policies, streams.salvage, progress, responses));
  } catch (const Error& e) {
    if (e.status() != Exit::kStopped) throw;
    throw Error(Exit::kStopped, "stopped after " + std::to_string(responses) + " responses: there is no report",
                "run the same command again; with -o FILE it goes on");
  }
  return reports;
}

// Writes the records back with what a report needs of them.
void evaluate(Tool& tool, const StreamOptions& streams, const ReportPolicies& policies) {
  Provenance provenance(tool.provenance());
  provenance.input("old", policies.old_digest()).input("new", policies.fresh_digest());
  const ReaderOptions reading{.salvage = streams.salvage,
                              .whole_shards = true,
                              .lone_shard = streams.shard.count == 1,
                              .stop = stop_descriptor()};
  const auto origin = [&] { return read_for_origin(streams, reading, provenance, "records"); };
  if (made_already(tool, streams, provenance.digest(), origin)) return;
  RecordWriter out = open_output(tool, streams, provenance.digest(), Unfinished::kGoOn);
  KeptRecords kept(tool, out, streams.output);
  RecordReader in(streams.files, reading);
  Progress progress = tool.progress("responses");
  RecordEvaluator evaluator(policies, [&](const Record& r) { out.write(r), progress.update(out.records()); });
  const auto is_kept = [&](const Record& record) {
    if (!kept.take([&](const Record& there) { return evaluator.remade(record, there); })) return false;
    evaluator.skip(record);
    return true;
  };
  save_on_stop(out, streams.output, [&] {
    const auto next = [&](Record& record) {
      if (!in.ready()) evaluator.finish(), out.pass_on();
      return in.next(record);
    };
    Record record;
    for (std::int64_t number = 0; next(record); ++number) {
      heed_stop();
      out.keep_up();
      if (!streams.shard.takes(number) || is_kept(record)) continue;
      evaluator.add(std::move(record));
    }
    kept.end();
    evaluator.finish();
  });
  warn_of_losses(tool, in);
  finish_output(out, in, origin_of(in, streams, provenance, "records"));
  tool.tally({{out.records(), "response"}}, {}, true);
}

void write_page(RecordWriter& out, const std::string& html) {
  for (std::size_t begin = 0; begin < html.size();) {
    const std::size_t end = html.find('\n', begin);
    out.write_line(std::string_view(html).substr(begin, end - begin));
    begin = end + 1;
  }
  out.finish();
}

}  // namespace

int main(int argc, char** argv) {
  std::optional<std::string> old_folder, new_folder, page;
  Dtype dtype = Dtype::kF32;
  StreamOptions streams;
  std::vector<std::string>& files = streams.files;
  double clip = 0.2;
  bool json = false, plot = false, no_plot = false, ascii = false;

  Tool tool({.name = "kl-report",
             .summary = "report KL, ratios, entropy and clipping",
             .description = "Reads trajectories. From what they hold: reward, length, and KL(policy || ref) by the "
                            "estimators k1, k2 and k3. With --old and --new: both policies are evaluated on the files' "
                            "tokens, KL is exact over the vocabulary, and the ratio new/old is described. With --new "
                            "alone the recorded log-probs are the old ones. For the exact KL to a reference, give it "
                            "as --new. Errors (after +-) are standard errors by responses. Several files are "
                            "iterations: a row each. docs/kl-report.md lists the keys of --json.\n\n"
                            "With -o the records are written back with what the report needs of them, in place of the "
                            "report: a report of such records needs no policies, and is the same to the last digit, "
                            "also of shards put together. Stopped by a signal (75) or killed, the same "
                            "command goes on behind the records that were saved.",
             .examples = {{"How far the last iteration went.", "kl-report --old p0 --new p1 scored.jsonl.zst"},
                          {"The same in two jobs.",
                           "kl-report --old p0 --new p1 --shard 0/2 -o part-0.jsonl.zst scored.jsonl.zst\n"
                           "kl-report --old p0 --new p1 --shard 1/2 -o part-1.jsonl.zst scored.jsonl.zst\n"
                           "cat part-0.jsonl.zst part-1.jsonl.zst | kl-report"},
                          {"Reward and KL over a run.", "kl-report --html run.html iteration-*.jsonl.zst"}},
             .kernel_level = [] { return std::string(kernels().name); },
             .stops_saved = true});
  input_files(tool, files);
  tool.group("Policies");
  tool.option("--old", old_folder, "model folder of the policy that sampled")
      .placeholder("FOLDER")
      .needs("--new")
      .neutral();
  tool.option("--new", new_folder, "model folder of the policy to compare with it").placeholder("FOLDER").neutral();
  const Option& clipped =
      tool.option("--clip", clip, "count ratios outside 1 - EPS to 1 + EPS").placeholder("EPS").at_least(0);
  tool.group("Output");
  tool.option("--json", json, "JSON on stdout in place of tables");
  tool.option("--html", page, "write a page with tables and plots as well").placeholder("FILE").neutral();
  tool.option("--plot", plot, "plots below the tables; without this only on a terminal")
      .excludes("--no-plot")
      .excludes("--json");
  tool.option("--no-plot", no_plot, "no plots below the tables").excludes("--json");
  tool.option("--ascii", ascii, "tables and plots in ASCII, as where the locale isn't UTF-8").excludes("--json");
  Option& output = output_option(tool, streams.output);
  output.shown_default("none: the report").needs("--new");
  for (const char* of_report : {"--json", "--html", "--clip", "--plot", "--no-plot", "--ascii"})
    output.excludes(of_report);
  compress_option(tool, streams.zstd).needs("--output");
  shard_option(tool, streams.shard).needs("--output");
  force_option(tool, streams.force);
  salvage_option(tool, streams.salvage);
  tool.group("Running");
  dtype_option(tool, dtype).needs("--new");
  threads_option(tool);

  return tool.run(argc, argv, [&] {
    if (page && (page->empty() || *page == "-")) usage_error("--html: stdout holds the table", "name a file");
    refuse_same_file(files, output.given() ? streams.output : page.value_or("-"));
    std::optional<RecordWriter> page_out;
    if (page)
      page_out.emplace(WriterOptions{.path = *page, .force = streams.force, .digest = {}, .program = "kl-report"});
    leave_on_stops(tool.about().name);
    const ReportPolicies policies = ReportPolicies::load(old_folder, new_folder, dtype);
    catch_stops();
    tool.warn_all(policies.remarks());
    if (policies.tokenizers_differ()) tool.warn(*old_folder + " and " + *new_folder + " have different tokenizers");
    if (output.given()) return evaluate(tool, streams, policies);
    if (files.empty()) files = {"-"};
    std::int64_t responses = 0;
    const std::vector<FileReport> reports = read_reports(tool, streams, policies, responses);
    check_same_evaluators(reports);
    for (const FileReport& r : reports) warn_of_bias(tool, r);
    const bool ratios = std::ranges::any_of(reports, [](const FileReport& r) { return r.old_new.tokens() > 0; });
    if (clipped.given() && !ratios)
      tool.warn(
          "--clip did nothing: no record tells of a second policy, so there are no ratios; leave it out, or give "
          "--new");
    const std::vector<ReportSection> sections = report_sections(reports, clip);
    const bool unicode = !ascii && locale_is_utf8(std::getenv("LC_ALL"), std::getenv("LC_CTYPE"), std::getenv("LANG"));
    const bool plots = plot || (!no_plot && ::isatty(STDOUT_FILENO) == 1);
    print(json ? report_json(reports, clip) : report_text(sections[0], {.plots = plots, .unicode = unicode}));
    flush_stdout();
    if (page_out) write_page(*page_out, report_html(sections));
    tool.tally({{responses, "response"}, {static_cast<std::int64_t>(files.size()), "file"}});
  });
}
