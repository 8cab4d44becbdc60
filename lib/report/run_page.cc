#include "lib/report/run_page.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/page/assets.h"
#include "lib/page/axis.h"
#include "lib/page/html.h"
#include "lib/report/report_page.h"
#include "lib/report/run_charts.h"
#include "lib/report/run_examples.h"

namespace nudge {
namespace {

struct PageSection {
  std::string id, title, html;
};

std::string tag(const std::string& name, const std::string& text) {
  return "<" + name + ">" + escaped(text) + "</" + name + ">";
}

std::string folded(const std::string& summary, const std::string& html) {
  return html.empty()
             ? ""
             : "<details class=\"file\">\n<summary>" + escaped(summary) + "</summary>\n" + html + "</details>\n";
}

std::string charts(const std::string& figures) {
  return figures.empty() ? "" : "<div class=\"charts\">\n" + figures + "</div>\n";
}

std::string table_of(const ReportTable& table) {
  std::string html = "<div class=\"scroll\"><table class=\"numbers\">\n";
  if (!table.title.empty()) html += tag("caption", table.title) + "\n";
  const auto row = [&](const std::vector<std::string>& cells, const char* name) {
    html += "<tr>";
    for (const std::string& cell : cells) html += tag(name, cell);
    html += "</tr>\n";
  };
  if (!table.header.empty()) row(table.header, "th");
  for (const auto& cells : table.rows) row(cells, "td");
  return html + "</table></div>\n";
}

// "+0.56 ± 0.05".
std::string change_text(const Estimate& e) { return (e.mean && *e.mean >= 0 ? "+" : "") + formatted(e); }

std::string title_of(const RunReport& run) {
  if (!run.name.empty()) return run.name;
  if (run.files.empty()) return "no files";
  if (run.files.size() == 1) return run.files[0].name;
  return run.files.front().name + " … " + run.files.back().name;
}

std::string title_of(std::span<const RunReport> runs) {
  std::string title;
  for (const RunReport& run : runs) title += (title.empty() ? "" : ", ") + title_of(run);
  return title;
}

// A digest by its first eight digits, the whole on hover.
std::string value_html(const std::string& value) {
  const bool digest = value.size() == 32 && value.find_first_not_of("0123456789abcdef") == std::string::npos;
  return digest ? "<abbr title=\"" + value + "\">" + value.substr(0, 8) + "</abbr>" : escaped(value);
}

// The values of a field over the files, each once, in their order.
std::string values_html(const RunReport& run, const std::string& field) {
  constexpr std::size_t kMost = 8;
  std::vector<std::string> seen;
  bool more = false;
  for (const FileReport& file : run.files)
    for (const Fact& fact : file.facts) {
      if (fact.field != field) continue;
      more = more || fact.more;
      for (const std::string& value : fact.values)
        if (std::ranges::find(seen, value) == seen.end()) seen.push_back(value);
    }
  std::string html;
  for (std::size_t i = 0; i < std::min(seen.size(), kMost); ++i) html += (i == 0 ? "" : ", ") + value_html(seen[i]);
  return seen.size() > kMost || more ? html + ", …" : html;
}

std::string fact_html(const std::string& name, const std::string& html) {
  return html.empty() ? "" : "<div><dt>" + escaped(name) + "</dt><dd>" + html + "</dd></div>\n";
}

// "2026-11-30 17:05 to 18:20 UTC", from the times of the metrics.
std::string dates_of(const MetricsHistory& metrics) {
  const auto part = [](const std::string& time, std::size_t at, std::size_t n) {
    return time.size() >= at + n ? time.substr(at, n) : time;
  };
  const std::string &first = metrics.first_time, &last = metrics.last_time;
  if (first.empty()) return "";
  const std::string day = part(first, 0, 10), last_day = part(last, 0, 10);
  std::string text = day + " " + part(first, 11, 5);
  if (last != first) text += " to " + (last_day == day ? "" : last_day + " ") + part(last, 11, 5);
  return text + " UTC";
}

std::string facts_html(const RunReport& run) {
  std::vector<std::string> fields;
  for (const FileReport& file : run.files)
    for (const Fact& fact : file.facts)
      if (std::ranges::find(fields, fact.field) == fields.end()) fields.push_back(fact.field);
  std::string html;
  for (const std::string& field : fields) html += fact_html(field, values_html(run, field));
  if (!run.files.empty()) {
    const Evaluators& by = run.files[0].by;
    html += fact_html("old policy", value_html(by.old_policy)) + fact_html("new policy", value_html(by.new_policy));
  }
  if (!run.metrics.file.empty()) html += fact_html("metrics", escaped(run.metrics.file));
  html += fact_html("trained", escaped(dates_of(run.metrics)));
  return html.empty() ? "" : "<dl class=\"facts\">\n" + html + "</dl>\n";
}

std::string config_html(const RunReport& run) {
  if (run.metrics.config.empty()) return "";
  std::string html = "<dl class=\"facts\">\n";
  for (const ConfigOption& option : run.metrics.config) {
    std::string values;
    for (const auto& [x, value] : option.values)
      values += (values.empty() ? "" : ", then ") + value +
                (option.values.size() > 1 ? " from " + run.metrics.x_name + " " + plain_number(x) : "");
    html += fact_html(option.key, escaped(values));
  }
  return folded("Options of the trainer", html + "</dl>\n");
}

// The error smaller than what it is of.
std::string figure_item(const std::string& name, const std::string& value, const std::vector<std::string>& notes) {
  const std::size_t error = std::min(value.find(" ±"), value.size());
  std::string html = "<li>" + escaped(name) + "<b>" + escaped(value.substr(0, error));
  if (error < value.size()) html += "<i>" + escaped(value.substr(error)) + "</i>";
  html += "</b>";
  for (const std::string& note : notes)
    if (!note.empty()) html += tag("small", note);
  return html + "</li>\n";
}

// What one asks first of a run: its last iteration, and how it differs from the first.
std::string figures_html(const RunReport& run) {
  if (run.files.empty()) return "";
  std::string html;
  const std::span<const FileReport> files = run.files;
  const std::vector<std::span<const FileReport>> ends = {files.first(1), files.last(1)};
  for (const RunFigure& f : run_differences(ends).figures) {
    std::vector<std::string> notes = {f.unit};
    if (files.size() > 1)
      notes.insert(notes.end(), {"first: " + formatted(f.last[0]), "change: " + change_text(f.last_difference[1])});
    html += figure_item(f.name, formatted(f.last[1]), notes);
  }
  std::int64_t responses = 0, tokens = 0;
  for (const FileReport& f : files) responses += f.responses, tokens += f.tokens;
  html += figure_item("iterations", std::to_string(files.size()),
                      {plain_number(static_cast<double>(responses), 12) + " responses",
                       plain_number(static_cast<double>(tokens), 12) + " tokens"});
  return "<ul class=\"figures\">\n" + html + "</ul>\n";
}

std::string warnings_html(std::span<const RunReport> runs) {
  std::string items;
  std::size_t n = 0;
  for (const RunReport& run : runs)
    for (const MetricsWarning& w : run.metrics.warnings) {
      const std::string place = (runs.size() > 1 ? run.name + ", " : "") + run.metrics.x_name + " " + plain_number(w.x);
      items += "<li><a href=\"#outcome\">" + escaped(place) + "</a>: <span class=\"text\" dir=\"auto\">" +
               escaped(w.text) + "</span></li>\n";
      ++n;
    }
  if (n == 0) return "";
  const std::string title = n == 1 ? "1 warning" : std::to_string(n) + " warnings";
  const std::string list = "<ul>\n" + items + "</ul>\n";
  return "<section class=\"warnings\" id=\"warnings\">\n" + tag("h2", title) + "\n" +
         (n > 8 ? folded("Show them", list) : list) + "</section>\n";
}

// One row a run, and a row of its difference to the first.
std::string differences_table(const RunDifferences& all, std::span<const RunReport> runs, bool last) {
  ReportTable table{.title = last ? "Last iteration" : "Mean over the iterations", .header = {"run"}, .rows = {}};
  for (const RunFigure& f : all.figures) table.header.push_back(f.unit.empty() ? f.name : f.name + ", " + f.unit);
  for (std::size_t r = 0; r < runs.size(); ++r) {
    std::vector<std::string> values = {runs[r].name}, changes = {"less " + runs[0].name};
    for (const RunFigure& f : all.figures) {
      values.push_back(formatted((last ? f.last : f.mean)[r]));
      changes.push_back(change_text((last ? f.last_difference : f.mean_difference)[r]));
    }
    table.rows.push_back(std::move(values));
    if (r > 0) table.rows.push_back(std::move(changes));
  }
  return table_of(table);
}

std::string differences_html(std::span<const RunReport> runs) {
  std::vector<std::span<const FileReport>> files;
  for (const RunReport& run : runs) files.emplace_back(run.files);
  const RunDifferences all = run_differences(files);
  return differences_table(all, runs, true) + differences_table(all, runs, false) +
         "<p class=\"muted\">Differences are to the first run. Their errors count prompts, and pair those that both "
         "runs answered.</p>\n";
}

std::string fit_text(const Estimate& e) { return e.mean ? formatted(e) : "–"; }

// Coefficients and tops of the fitted curves of all runs.
std::string fits_html(std::span<const RunReport> runs) {
  ReportTable table{.title = "",
                    .header = {"curve", "R₀", "α", "β", "top at √KL", "KL there", "reward there", "χ² / freedom"},
                    .rows = {}};
  bool beyond = false;
  for (const RunReport& run : runs)
    for (const RewardCurves& curves : run.curves)
      for (const FittedCurve& f : curves.fits) {
        const std::string form =
            f.form == FittedCurve::Form::kReinforcement ? "R₀ + d (α − β ln d)" : "R₀ + d (α − β d)";
        const CurveTop top = f.top.value_or(CurveTop{});
        const std::string mark = f.top && f.top_is_beyond ? " *" : "";
        beyond = beyond || !mark.empty();
        table.rows.push_back(
            {(runs.size() > 1 ? run.name + ", " : "") + (curves.gold ? "gold reward: " : "reward: ") + form,
             fit_text(f.start), fit_text(f.alpha), fit_text(f.beta), fit_text(top.distance) + mark, fit_text(top.kl),
             fit_text(top.reward), plain_number(f.chi_squared, 3) + " / " + std::to_string(f.freedom)});
      }
  if (table.rows.empty()) return "";
  std::string html = table_of(table) +
                     "<p class=\"muted\">d = √KL; the first form is that of reinforcement learning, the second that of "
                     "best of n (Gao et al. 2022). "
                     "Where χ² exceeds the degrees of freedom, the points scatter more than their errors say, and the "
                     "errors here are larger by √(χ² / freedom).";
  if (beyond) html += " * The top lies beyond all points: extrapolated.";
  return html + "</p>\n";
}

// Tables of one run: an overview, and each file's folded.
std::string tables_html(const RunReport& run, double clip) {
  std::string html;
  if (run.files.size() > 1)
    for (const ReportTable& table : overview(run.files, clip).tables) html += table_of(table);
  for (const FileReport& file : run.files) {
    std::string tables;
    for (const ReportTable& table : file_section(file, clip).tables) tables += table_of(table);
    html += run.files.size() > 1 ? folded(file.name, tables) : tables;
  }
  return html;
}

std::string last_tokens(const RunReport& run) { return run.files.empty() ? "" : tokens_html(run.files.back()); }

std::vector<PageSection> sections_of_one(const RunReport& run, double clip) {
  return {{"distributions", "Distributions", charts(distribution_charts(run))},
          {"positions", "KL by position", charts(position_charts(run))},
          {"tokens", "Tokens with most KL", last_tokens(run)},
          {"answers", "Responses side by side", answers_html(run)},
          {"tables", "Tables", tables_html(run, clip)}};
}

std::vector<PageSection> page_sections(std::span<const RunReport> runs, double clip) {
  std::vector<PageSection> all = {
      {"outcome", "Reward and KL", charts(outcome_charts(runs))},
      {"trade-off", "Reward over distance", charts(trade_off_charts(runs)) + fits_html(runs)},
      {"samples", "Samples", charts(sample_charts(runs))},
      {"training", "Training",
       charts(training_charts(runs)) + folded("All other metrics", charts(other_metrics_charts(runs)))}};
  if (runs.size() > 1) all.insert(all.begin(), {"differences", "Differences", differences_html(runs)});
  if (runs.size() == 1) {
    for (PageSection& s : sections_of_one(runs[0], clip)) all.push_back(std::move(s));
  } else {
    std::string html;
    for (const RunReport& run : runs) {
      std::string inside = facts_html(run) + config_html(run) + figures_html(run);
      for (const PageSection& s : sections_of_one(run, clip))
        if (!s.html.empty()) inside += tag("h3", s.title) + "\n" + s.html;
      html += folded(run.name, inside);
    }
    all.push_back({"runs", "Each run", html});
  }
  std::erase_if(all, [](const PageSection& s) { return s.html.empty(); });
  return all;
}

std::string body_of(std::span<const RunReport> runs, double clip) {
  const std::vector<PageSection> all = page_sections(runs, clip);
  std::string html = "<header>\n<h1 dir=\"auto\">" + escaped(title_of(runs)) + "</h1>\n";
  if (runs.size() == 1) html += facts_html(runs[0]) + config_html(runs[0]);
  html += "</header>\n<nav class=\"contents\">\n";
  for (const PageSection& s : all) html += "<a href=\"#" + s.id + "\">" + escaped(s.title) + "</a>\n";
  html += "</nav>\n<main>\n" + warnings_html(runs);
  if (runs.size() == 1) html += figures_html(runs[0]);
  for (const PageSection& s : all)
    html += "<section id=\"" + s.id + "\">\n" + tag("h2", s.title) + "\n" + s.html + "</section>\n";
  return html + "</main>\n";
}

}  // namespace

std::string run_page(std::span<const RunReport> runs, const PageOptions& options) {
  const std::string style = std::string(assets::chart_css) + std::string(assets::report_css);
  return page_html({.title = title_of(runs),
                    .body = body_of(runs, options.clip),
                    .data = "",
                    .style = style,
                    .script = assets::report_js});
}

}  // namespace nudge
