#include "lib/report/run_sections.h"

#include <limits>

namespace nudge {
namespace {

std::string start_name(const RewardCurves& curves) { return curves.gold ? "gold reward" : "reward"; }

std::string top_text(const FittedCurve& f) {
  if (!f.top) return "none";
  return formatted(f.top->kl) + (f.top_is_beyond ? ", beyond the data" : "");
}

ReportTable curve_table(const RunReport& run) {
  ReportTable table{.title = "Fitted curves over d = √KL",
                    .header = {"", "R0", "α", "β", "top at KL, nats", "chi-squared"},
                    .rows = {}};
  for (const RewardCurves& curves : run.curves)
    for (const FittedCurve& f : curves.fits) {
      const bool rl = f.form == FittedCurve::Form::kReinforcement;
      table.rows.push_back({start_name(curves) + " = R0 + " + (rl ? "d(α - β ln d)" : "d(α - β d)"), formatted(f.start),
                            formatted(f.alpha), formatted(f.beta), top_text(f),
                            figure_text(f.chi_squared, 3) + " of " + std::to_string(f.freedom)});
    }
  return table;
}

void add_curve_table(const RunReport& run, ReportSection& section) {
  if (ReportTable table = curve_table(run); !table.rows.empty()) section.tables.push_back(std::move(table));
}

std::string with_unit(const RunFigure& f) { return f.unit.empty() ? f.name : f.name + ", " + f.unit; }

ReportTable comparison(std::span<const RunReport> runs, const RunDifferences& d, bool last) {
  ReportTable table;
  table.title = last ? "Last file of each run" : "Mean over the files of each run";
  table.header = {""};
  for (const RunReport& run : runs) table.header.push_back(run.name);
  for (const RunReport& run : runs.subspan(1)) table.header.push_back(run.name + " - " + runs[0].name);
  for (const RunFigure& f : d.figures) {
    std::vector<std::string> row = {with_unit(f)};
    for (const Estimate& e : last ? f.last : f.mean) row.push_back(formatted(e));
    const std::span<const Estimate> differences = last ? f.last_difference : f.mean_difference;
    for (const Estimate& e : differences.subspan(1)) row.push_back(formatted(e));
    table.rows.push_back(std::move(row));
  }
  return table;
}

ReportTable shared_prompts(std::span<const RunReport> runs, const RunDifferences& d) {
  ReportTable table{
      .title = "Prompts of the last files", .header = {"", "prompts", "shared with " + runs[0].name}, .rows = {}};
  for (std::size_t i = 0; i < runs.size(); ++i)
    table.rows.push_back({runs[i].name, std::to_string(runs[i].files.back().prompts),
                          i == 0 ? "" : std::to_string(d.shared_prompts[i])});
  return table;
}

template <class F>
void add_overlay(std::span<const RunReport> runs, const std::string& title, F value_of, ReportSection& section) {
  ReportPlot plot{.title = title, .x_label = "file", .series = {}};
  bool known = false;
  for (const RunReport& run : runs) {
    Series s{.label = run.name, .values = {}};
    for (const FileReport& f : run.files) {
      const std::optional<double> value = value_of(f);
      known = known || value;
      s.values.push_back(value.value_or(std::numeric_limits<double>::quiet_NaN()));
    }
    plot.series.push_back(std::move(s));
  }
  if (known) section.plots.push_back(std::move(plot));
}

// Plots have room for six curves.
void add_overlays(std::span<const RunReport> runs, ReportSection& section) {
  if (runs.size() > 6) return;
  add_overlay(
      runs, "Reward", [](const FileReport& f) { return f.reward().mean; }, section);
  add_overlay(
      runs, "Gold reward", [](const FileReport& f) { return f.gold().mean; }, section);
  add_overlay(
      runs, "KL(policy ‖ ref) per response, k3, nats",
      [](const FileReport& f) { return f.to_ref.k3().per_sequence.mean; }, section);
}

ReportSection compared(std::span<const RunReport> runs) {
  ReportSection section{.title = std::to_string(runs.size()) + " runs", .tables = {}, .plots = {}};
  std::vector<std::span<const FileReport>> files;
  for (const RunReport& run : runs) files.emplace_back(run.files);
  const RunDifferences d = run_differences(files);
  section.tables = {comparison(runs, d, true), comparison(runs, d, false), shared_prompts(runs, d)};
  add_overlays(runs, section);
  return section;
}

}  // namespace

std::vector<ReportSection> run_sections(std::span<const RunReport> runs, double clip) {
  std::vector<ReportSection> sections;
  if (runs.size() == 1 && runs[0].name.empty()) {
    sections = report_sections(runs[0].files, clip);
    add_curve_table(runs[0], sections.front());
    return sections;
  }
  if (runs.size() > 1) sections.push_back(compared(runs));
  for (const RunReport& run : runs) {
    ReportSection section = overview(run.files, clip);
    section.title = run.name + ": " + section.title;
    add_curve_table(run, section);
    sections.push_back(std::move(section));
  }
  return sections;
}

}  // namespace nudge
