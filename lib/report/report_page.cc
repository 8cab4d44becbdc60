#include "lib/report/report_page.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace nudge {
namespace {

using Cells = std::vector<std::string>;

std::string digits(double x, int n) {
  if (std::isnan(x)) return "?";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, x, std::chars_format::general, n).ptr);
}

std::string count(std::int64_t n) { return std::to_string(n); }
std::string count(std::size_t n) { return std::to_string(n); }

Estimate times(Estimate e, double factor) {
  for (std::optional<double>* x : {&e.mean, &e.standard_error})
    if (*x) *x = **x * factor;
  return e;
}

std::string percent(const Estimate& e) {
  const Estimate scaled = times(e, 100);
  return scaled.mean ? formatted(scaled) + " %" : "";
}

std::string with_note(const std::string& text, const std::string& note) { return text.empty() ? text : text + note; }

bool empty_row(const Cells& row) {
  return std::all_of(row.begin() + 1, row.end(), [](const std::string& cell) { return cell.empty(); });
}

void drop_empty_columns(ReportTable& table) {
  for (std::size_t c = table.header.size(); c-- > 1;) {
    if (std::any_of(table.rows.begin(), table.rows.end(), [&](const Cells& row) { return !row[c].empty(); })) continue;
    table.header.erase(table.header.begin() + static_cast<std::ptrdiff_t>(c));
    for (Cells& row : table.rows) row.erase(row.begin() + static_cast<std::ptrdiff_t>(c));
  }
}

void add(ReportSection& section, ReportTable table) {
  std::erase_if(table.rows, empty_row);
  if (!table.rows.empty()) section.tables.push_back(std::move(table));
}

void add(ReportSection& section, ReportPlot plot) {
  std::erase_if(plot.series, [](const Series& s) {
    return std::none_of(s.values.begin(), s.values.end(), [](double v) { return std::isfinite(v); });
  });
  if (!plot.series.empty()) section.plots.push_back(std::move(plot));
}

Cells units(const std::string& name, const TwoUnits& both) {
  return {name, formatted(both.per_token), formatted(both.per_sequence)};
}

const Cells kUnits = {"", "per token", "per response"};

std::string of_responses(std::size_t with, std::int64_t all) {
  return static_cast<std::int64_t>(with) == all ? "" : " (of " + count(with) + " responses)";
}

ReportTable summary(const FileReport& r) {
  ReportTable table;
  table.rows = {{"responses", count(r.responses)},
                {"tokens", count(r.tokens)},
                {"ended by themselves", count(r.stopped)},
                {"cut at a length", count(r.responses - r.stopped)},
                {"response length", formatted(r.length())},
                {"reward", with_note(formatted(r.reward()), of_responses(r.rewards.size(), r.responses))},
                {"gold reward", with_note(formatted(r.gold()), of_responses(r.golds.size(), r.responses))}};
  if (r.best_of > 1)
    table.rows.push_back({"bound on KL(best of " + count(r.best_of) + " ‖ policy)",
                          formatted(r.best_of_bound()) + " nats per response"});
  else if (r.chosen > 0) table.rows.push_back({"best of several", count(r.chosen)});
  if (r.greedy > 0) table.rows.push_back({"sampled at temperature 0", count(r.greedy)});
  if (r.truncated > 0) table.rows.push_back({"sampled with top-k or top-p", count(r.truncated)});
  if (r.foreign > 0) table.rows.push_back({"sampled by another policy", count(r.foreign)});
  return table;
}

ReportTable reference(const FileReport& r) {
  ReportTable table{.title = "KL(policy ‖ ref), nats" + of_responses(r.to_ref.sequences(), r.responses),
                    .header = kUnits,
                    .rows = {}};
  table.rows = {units("k1", r.to_ref.k1()),
                units("k2", r.to_ref.k2()),
                units("k3", r.to_ref.k3()),
                {"distance √KL (k3)", "", formatted(r.distance_estimate())}};
  return table;
}

ReportTable entropies(const FileReport& r) {
  ReportTable table{.title = "Entropy, nats", .header = kUnits, .rows = {}};
  table.rows = {units("estimate, mean of -log prob", r.entropy_estimate()),
                units("old policy, exact", r.entropy_of_old()), units("new policy, exact", r.old_new.entropy())};
  return table;
}

ReportTable change(const FileReport& r) {
  ReportTable table{.title = "KL(old ‖ new), nats", .header = kUnits, .rows = {}};
  table.rows = {units("exact", r.old_new.exact()), units("k1", r.old_new.k1()), units("k2", r.old_new.k2()),
                units("k3", r.old_new.k3()), units("KL(new ‖ old), exact", r.exact_reverse_kl())};
  return table;
}

ReportTable ratios(const FileReport& r, double clip) {
  ReportTable table{.title = "Ratio new/old by token", .header = {}, .rows = {}};
  if (r.old_new.tokens() == 0) return table;
  table.rows = {{"mean", formatted(r.old_new.ratio())}, {"variance", formatted(r.old_new.ratio_variance())}};
  static constexpr const char* kNames[] = {"least", "1 %", "5 %", "25 %", "median", "75 %", "95 %", "99 %", "greatest"};
  const std::vector<double> quantiles = r.old_new.ratio_quantiles(kRatioQuantiles);
  for (std::size_t k = 0; k < quantiles.size(); ++k) table.rows.push_back({kNames[k], formatted(quantiles[k])});
  table.rows.push_back({"outside 1 ± " + digits(clip, 5), percent(r.old_new.outside(clip, clip))});
  table.rows.push_back(
      {"effective tokens", formatted(r.old_new.effective_tokens()) + " of " + count(r.old_new.tokens())});
  table.rows.push_back(
      {"effective responses", formatted(r.old_new.effective_sequences()) + " of " + count(r.old_new.sequences())});
  return table;
}

Series series(const std::string& label, const std::vector<PositionMean>& means) {
  Series s{.label = label, .values = {}};
  for (const PositionMean& m : means) s.values.push_back(*m.value.mean);
  return s;
}

// A curve over the files; a file without the value leaves a gap.
template <class F>
Series over(std::span<const FileReport> reports, const std::string& label, F value_of) {
  Series s{.label = label, .values = {}};
  for (const FileReport& r : reports) {
    const std::optional<double> value = value_of(r);
    s.values.push_back(value.value_or(std::numeric_limits<double>::quiet_NaN()));
  }
  return s;
}

}  // namespace

std::string formatted(std::optional<double> x) { return x ? digits(*x, 5) : ""; }

std::string formatted(const Estimate& e) {
  if (!e.mean) return "";
  const bool known = e.standard_error && *e.standard_error > 0 && std::isfinite(*e.standard_error);
  if (!known || !std::isfinite(*e.mean))
    return digits(*e.mean, 5) + (e.standard_error ? " ± " + digits(*e.standard_error, 2) : "");
  std::string text = figure_text(e);
  text.replace(text.find("+-"), 2, "±");
  return text;
}

ReportSection file_section(const FileReport& r, double clip) {
  ReportSection section{.title = r.name, .tables = {}, .plots = {}};
  add(section, summary(r));
  add(section, reference(r));
  add(section, change(r));
  add(section, ratios(r, clip));
  add(section, entropies(r));
  const std::string position = "position in the response";
  add(section, ReportPlot{"KL(policy ‖ ref) by position, nats",
                          position,
                          {series("k1", r.to_ref.k1_by_position()), series("k3", r.to_ref.k3_by_position())}});
  add(section, ReportPlot{"KL(old ‖ new) by position, nats",
                          position,
                          {series("exact", r.old_new.exact_by_position()),  // k1's noise would flatten both
                           series("k3", r.old_new.k3_by_position())}});
  return section;
}

ReportSection overview(std::span<const FileReport> reports, double clip) {
  ReportSection section{
      .title = count(reports.size()) + (reports.size() == 1 ? " file" : " files"), .tables = {}, .plots = {}};
  ReportTable table;
  table.header = {"file",         "responses",           "cut", "length",  "reward",
                  "gold",         "KL(policy ‖ ref) k1", "k3",  "√KL",     "best-of-n bound",
                  "entropy est.", "KL(old ‖ new) exact", "k3",  "clipped", "eff. tokens"};
  for (const FileReport& r : reports)
    table.rows.push_back({r.name, count(r.responses), percent(r.cut_share()), formatted(r.length()),
                          formatted(r.reward()), formatted(r.gold()), formatted(r.to_ref.k1().per_sequence),
                          formatted(r.to_ref.k3().per_sequence), formatted(r.distance_estimate()),
                          formatted(r.best_of_bound()), formatted(r.entropy_estimate().per_token),
                          formatted(r.old_new.exact().per_sequence), formatted(r.old_new.k3().per_sequence),
                          percent(r.old_new.outside(clip, clip)), formatted(r.old_new.effective_tokens())});
  drop_empty_columns(table);
  section.tables.push_back(std::move(table));
  const std::string x = "file";
  add(section, ReportPlot{"Reward", x, {over(reports, "", [](auto& r) { return r.reward().mean; })}});
  add(section, ReportPlot{"Gold reward", x, {over(reports, "", [](auto& r) { return r.gold().mean; })}});
  add(section, ReportPlot{"KL(policy ‖ ref) per response, nats",
                          x,
                          {over(reports, "k1", [](auto& r) { return r.to_ref.k1().per_sequence.mean; }),
                           over(reports, "k3", [](auto& r) { return r.to_ref.k3().per_sequence.mean; })}});
  add(section, ReportPlot{"Entropy estimate per token, nats", x, {over(reports, "", [](auto& r) {
                            return r.entropy_estimate().per_token.mean;
                          })}});
  add(section, ReportPlot{"Response length, tokens", x, {over(reports, "", [](auto& r) { return r.length().mean; })}});
  add(section, ReportPlot{"KL(old ‖ new) per response, nats",
                          x,
                          {over(reports, "exact", [](auto& r) { return r.old_new.exact().per_sequence.mean; }),
                           over(reports, "k3", [](auto& r) { return r.old_new.k3().per_sequence.mean; })}});
  return section;
}

std::vector<ReportSection> report_sections(std::span<const FileReport> reports, double clip) {
  std::vector<ReportSection> sections;
  if (reports.size() > 1) sections.push_back(overview(reports, clip));
  for (const FileReport& r : reports) sections.push_back(file_section(r, clip));
  return sections;
}

}  // namespace nudge
