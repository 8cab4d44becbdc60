#include "lib/run/kl_report_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "lib/cli/signals.h"
#include "lib/report/kl_evaluation.h"
#include "lib/report/report_json.h"
#include "lib/report/report_text.h"
#include "lib/report/run_page.h"
#include "lib/report/run_sections.h"
#include "lib/run/adapter_options.h"
#include "lib/run/filter.h"
#include "lib/run/page_file.h"

namespace nudge {
namespace {

void warn_of_bias(Tool& tool, const FileReport& r) {
  const auto warn = [&](std::int64_t n, const std::string& why) {
    if (n == 0) return;
    tool.warn(r.name + ": " + std::to_string(n) + " of " + std::to_string(r.responses) + " responses " + why);
  };
  warn(r.greedy, "were sampled at temperature 0, treated as 1 here: k1, k2, k3 and the entropy estimate are biased");
  warn(r.truncated, "were sampled with top-k or top-p: k1, k2, k3 and the entropy estimate are biased");
  warn(r.chosen, "were chosen by score --best from several: k1, k2, k3 and the entropy estimate are biased");
  warn(r.foreign, "were sampled by another policy than the old one: k1, k2, k3 are biased");
}

}  // namespace

void KlReportCommand::add_to(Tool& tool) {
  input_files(tool, streams.files);
  tool.group("Policies");
  tool.option("--old", old_folder, "model folder of the policy that sampled")
      .placeholder("FOLDER")
      .needs("--new")
      .neutral();
  tool.option("--new", new_folder, "model folder of the policy to compare with it").placeholder("FOLDER").neutral();
  clip_ = &tool.option("--clip", clip, "count ratios outside 1 - EPS to 1 + EPS").placeholder("EPS").at_least(0);
  add_runs_to(tool);
  add_output_to(tool);
  tool.group("Running");
  dtype_option(tool, dtype).needs("--new");
  base_option(tool, base).needs("--new");
  threads_option(tool);
}

void KlReportCommand::add_runs_to(Tool& tool) {
  tool.group("Runs");
  tool.option("--run", runs, "compare runs, each with a name and its files, in place of FILE; patterns are expanded")
      .placeholder("NAME=FILES")
      .takes_words()
      .neutral();
  tool.option("--metrics", metrics, "a trainer's metrics for --html and --json; of a run of several, NAME=FILE")
      .placeholder("FILE")
      .neutral();
  tool.option("--samples", samples,
              "for --html and --json: trajectories of the same prompts by several iterations, shown side by side in "
              "place of those in FILE")
      .placeholder("FILE")
      .neutral();
  gold_ =
      &tool.option("--gold", gold, "field of the records with a gold reward, a number").placeholder("FIELD").neutral();
  tool.option("--tokenizer", tokenizer,
              "for --html and --json: model folder whose tokenizer shows single tokens as text")
      .placeholder("FOLDER")
      .neutral();
  tool.after_parsing([&] {
    for (const Option& o : tool.options())
      if (o.given() && !has_details() && (o.key() == "metrics" || o.key() == "samples" || o.key() == "tokenizer"))
        usage_error(o.shown_name() + " needs --html or --json", "the tables don't show what it tells");
    if (!runs.empty() && !streams.files.empty())
      usage_error("--run and " + streams.files[0] + " exclude each other", "give each file to a run: --run NAME=FILES");
  });
}

void KlReportCommand::add_output_to(Tool& tool) {
  tool.group("Output");
  tool.option("--json", json, "JSON on stdout instead of tables");
  tool.option("--html", page, "also write a page with tables and plots").placeholder("FILE").neutral();
  tool.option("--plot", plot, "plots below the tables; otherwise only on a terminal")
      .excludes("--no-plot")
      .excludes("--json");
  tool.option("--no-plot", no_plot, "no plots below the tables").excludes("--json");
  tool.option("--ascii", ascii, "tables and plots in ASCII, the default unless the locale is UTF-8").excludes("--json");
  Option& output = output_option(tool, streams.output);
  output.shown_default("none: the report").needs("--new");
  for (const char* of_report : {"--json", "--html", "--clip", "--plot", "--no-plot", "--ascii", "--run", "--metrics",
                                "--samples", "--gold", "--tokenizer"})
    output.excludes(of_report);
  output_ = &output;
  compress_option(tool, streams.zstd).needs("--output");
  shard_option(tool, streams.shard).needs("--output");
  force_option(tool, streams.force);
  salvage_option(tool, streams.salvage);
}

std::optional<Tally> KlReportCommand::run(Tool& tool) {
  if (writes_records()) refuse_same_file(streams.files, streams.output);
  std::optional<RecordWriter> page_out;
  if (page) page_out.emplace(open_page(tool, *page, streams.files, streams.force));
  leave_on_stops(tool.about().name);
  Bases bases(base);
  const ReportPolicies policies = ReportPolicies::load(old_folder, new_folder, dtype, &bases);
  refuse_base_without_adapter(base, bases.has_adapters());
  tool.warn_all(policies.remarks());
  if (policies.tokenizers_differ()) tool.warn(*old_folder + " and " + *new_folder + " have different tokenizers");
  if (writes_records()) return evaluate(tool, policies);
  return report(tool, policies, page_out ? &*page_out : nullptr);
}

// Writes the records back with what a report needs of them.
std::optional<Tally> KlReportCommand::evaluate(Tool& tool, const ReportPolicies& policies) {
  Provenance opening(tool.provenance());
  opening.input("old", policies.old_digest()).input("new", policies.fresh_digest());
  FilterInput in(streams, opening, "records", FilterInput::Yield::kOneForOne);
  Progress progress = tool.progress("responses", in.expected(tool));
  std::int64_t responses = 0, tokens = 0;
  const auto work = [&](RecordWriter& out, KeptRecords& kept) {
    RecordEvaluator evaluator(policies, [&](const Record& r) { out.write(r), progress.update(out.records()); });
    for (Record record; in.next(record, out, [&] { evaluator.finish(); });) {
      if (kept.take([&](const Record& there) { return evaluator.remade(record, there); })) evaluator.skip(record);
      else tokens += response_tokens(record), evaluator.add(std::move(record));
    }
    kept.end();
    evaluator.finish();
    responses = out.records();
    return 0;
  };
  if (!run_filter(tool, in, work)) return std::nullopt;
  return Tally{{{responses, "response"}}, {}, true, tokens};
}

std::vector<RunInputs> KlReportCommand::inputs() const {
  if (runs.empty()) return {one_run(streams.files, metrics, samples)};
  return named_runs(runs, metrics, samples);
}

std::vector<RunReport> KlReportCommand::read(Tool& tool, const ReportPolicies& policies,
                                             ReportReader::Counts& counts) const {
  const std::vector<RunInputs> all = inputs();
  std::vector<std::string> files;
  for (const RunInputs& run : all) {
    files.insert(files.end(), run.files.begin(), run.files.end());
    files.insert(files.end(), run.samples.begin(), run.samples.end());
  }
  if (page)
    for (const RunInputs& run : all)
      if (!run.metrics.empty()) refuse_same_file({run.metrics}, *page);
  if (page) refuse_same_file(files, *page);
  std::optional<Tokenizer> loaded;
  if (!tokenizer.empty()) loaded.emplace(Tokenizer::load(tokenizer));
  const Collect collect{.gold_field = gold,
                        .gold_asked = gold_->given(),
                        .answers = has_details(),
                        .tokenizer = loaded ? &*loaded : nullptr};
  const bool shown = tool.console().shows_progress();
  ReportReader reader(tool, policies, {collect, streams.salvage}, shown ? expected_records(files) : 0);
  std::vector<RunReport> reports;
  try {
    for (const RunInputs& run : all) reports.push_back(reader.read(run));
  } catch (const Error& e) {
    if (e.status() != Exit::kStopped) throw;
    throw Error(Exit::kStopped,
                "stopped after " + std::to_string(reader.counts().responses) + " responses: there is no report",
                "run the same command again; with -o FILE it resumes");
  }
  counts = reader.counts();
  if (gold_->given() && counts.golds == 0)
    bad_input("no record has a field \"" + gold + "\", which --gold names", "name the field of the gold reward");
  return reports;
}

Tally KlReportCommand::report(Tool& tool, const ReportPolicies& policies, RecordWriter* page_out) {
  catch_stops();
  ReportReader::Counts counts;
  const std::vector<RunReport> reports = read(tool, policies, counts);
  bool ratios = false;
  for (const RunReport& run : reports)
    for (const FileReport& r : run.files) {
      warn_of_bias(tool, r);
      ratios = ratios || r.old_new.tokens() > 0;
    }
  if (clip_->given() && !ratios)
    tool.warn(
        "--clip did nothing: no record was evaluated by a second policy, so there are no ratios; leave it out, or give "
        "--new");
  const std::vector<ReportSection> sections = run_sections(reports, clip);
  const bool unicode = !ascii && locale_is_utf8(std::getenv("LC_ALL"), std::getenv("LC_CTYPE"), std::getenv("LANG"));
  const bool plots = plot || (!no_plot && ::isatty(STDOUT_FILENO) == 1);
  print(json ? report_json(reports, clip) : report_text(sections[0], {.plots = plots, .unicode = unicode}));
  flush_stdout();
  if (page_out != nullptr) write_page(*page_out, run_page(reports, {.clip = clip}));
  return {{{counts.responses, "response"}, {counts.files, "file"}}, {}, false, counts.tokens};
}

}  // namespace nudge
