#include "lib/report/run_difference.h"

#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace nudge {
namespace {

// A figure is a ratio of two sums over responses: S/T.
struct Term {
  double sum = 0, size = 0;
};
using TermOf = std::optional<Term> (*)(const AnswerSums&);

struct Definition {
  const char *key, *name, *unit;
  TermOf term;
};

std::optional<Term> whole(std::optional<double> x) { return x ? std::optional<Term>({*x, 1}) : std::nullopt; }

constexpr Definition kFigures[] = {
    {"reward", "reward", "", [](const AnswerSums& a) { return whole(a.reward); }},
    {"gold", "gold reward", "", [](const AnswerSums& a) { return whole(a.gold); }},
    {"kl", "KL(policy ‖ ref), k3", "nats per response", [](const AnswerSums& a) { return whole(a.kl); }},
    {"length", "response length", "tokens", [](const AnswerSums& a) { return whole(a.length); }},
    {"entropy", "entropy estimate", "nats per token",
     [](const AnswerSums& a) {
       return a.surprise ? std::optional<Term>({*a.surprise, a.counted}) : std::nullopt;
     }},
    {"cut", "share of cut responses", "", [](const AnswerSums& a) { return whole(a.cut ? 1.0 : 0.0); }},
};

// A figure of a run with what each prompt adds to its error: (S_g - m T_g)/T, times sqrt(G/(G - 1)).
struct Clustered {
  std::optional<double> value;
  std::map<std::string, double> influence;  // by prompt

  Estimate estimate() const {
    Estimate e{value, std::nullopt};
    if (influence.size() < 2) return e;
    double squares = 0;
    for (const auto& [group, u] : influence) squares += u * u;
    e.standard_error = std::sqrt(squares);
    return e;
  }
};

// Without the factor of the number of prompts.
Clustered figure_of(const FileReport& file, TermOf term_of) {
  std::map<std::string, Term> prompts;
  Term all;
  for (const AnswerSums& a : file.answers) {
    const std::optional<Term> term = term_of(a);
    if (!term) continue;
    Term& prompt = prompts[a.group];
    prompt.sum += term->sum, prompt.size += term->size;
    all.sum += term->sum, all.size += term->size;
  }
  Clustered out;
  if (!(all.size > 0)) return out;
  out.value = all.sum / all.size;
  for (const auto& [group, t] : prompts) out.influence[group] = (t.sum - *out.value * t.size) / all.size;
  return out;
}

// The mean over those files that have the figure.
Clustered mean_over(std::span<const FileReport> files, TermOf term_of) {
  Clustered out;
  double sum = 0, n = 0;
  for (const FileReport& f : files) {
    const Clustered one = figure_of(f, term_of);
    if (!one.value) continue;
    sum += *one.value, ++n;
    for (const auto& [group, u] : one.influence) out.influence[group] += u;
  }
  if (n == 0) return out;
  out.value = sum / n;
  const double prompts = static_cast<double>(out.influence.size());
  const double factor = prompts > 1 ? std::sqrt(prompts / (prompts - 1)) / n : 0;
  for (auto& [group, u] : out.influence) u *= factor;
  return out;
}

// run - first. The influences of a prompt that both answered are subtracted before they are squared.
Estimate difference(const Clustered& run, const Clustered& first) {
  if (!run.value || !first.value) return {};
  Clustered d{*run.value - *first.value, run.influence};
  for (const auto& [group, u] : first.influence) d.influence[group] -= u;
  Estimate e = d.estimate();
  if (run.influence.size() < 2 || first.influence.size() < 2) e.standard_error.reset();
  return e;
}

std::int64_t shared(const FileReport& a, const FileReport& b) {
  std::set<std::string> first, both;
  for (const AnswerSums& x : a.answers) first.insert(x.group);
  for (const AnswerSums& x : b.answers)
    if (first.contains(x.group)) both.insert(x.group);
  return std::ssize(both);
}

void compare(const std::vector<Clustered>& runs, std::vector<Estimate>& values, std::vector<Estimate>& differences) {
  for (const Clustered& run : runs) {
    values.push_back(run.estimate());
    differences.push_back(&run == &runs.front() ? Estimate{} : difference(run, runs.front()));
  }
}

}  // namespace

RunDifferences run_differences(std::span<const std::span<const FileReport>> runs) {
  RunDifferences out;
  for (const Definition& d : kFigures) {
    std::vector<Clustered> last, mean;
    bool known = false;
    for (const auto& files : runs) {
      last.push_back(files.empty() ? Clustered{} : mean_over(files.last(1), d.term));
      mean.push_back(mean_over(files, d.term));
      known = known || mean.back().value;
    }
    if (!known) continue;
    RunFigure figure{.key = d.key,
                     .name = d.name,
                     .unit = d.unit,
                     .last = {},
                     .mean = {},
                     .last_difference = {},
                     .mean_difference = {}};
    compare(last, figure.last, figure.last_difference);
    compare(mean, figure.mean, figure.mean_difference);
    out.figures.push_back(std::move(figure));
  }
  for (const auto& files : runs)
    out.shared_prompts.push_back(files.empty() || runs[0].empty() ? 0 : shared(runs[0].back(), files.back()));
  return out;
}

}  // namespace nudge
