#include "lib/report/policy_comparison.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "lib/base/error.h"
#include "lib/base/rng.h"
#include "lib/base/visible.h"
#include "lib/io/paint.h"
#include "lib/rl/trajectory.h"

namespace nudge {
namespace {

constexpr std::size_t kMostColumns = 16;                   // figures beyond these are left out
constexpr std::size_t kMostKept = std::size_t{256} << 20;  // bytes of answers to show

std::optional<std::string> group_if_any(const Record& record) {
  try {
    return group_of(record);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Of a record whose lists do not fit together there is none.
std::optional<double> kl_if_sound(const Record& record) {
  try {
    return response_kl(record);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<double> number_in(const Record::Field& field) {
  const char first = field.raw[0];
  return first == '-' || (first >= '0' && first <= '9') ? parse_double(field.raw) : std::nullopt;
}

}  // namespace

std::optional<double> response_kl(const Record& record) {
  const std::vector<float> kl = token_values(record, TokenValue::kKl);
  if (kl.empty()) return std::nullopt;
  const std::vector<float> mask = token_values(record, TokenValue::kMask);
  double sum = 0;
  for (std::size_t i = 0; i < kl.size(); ++i)
    if (mask.empty() || mask[i] != 0) sum += static_cast<double>(kl[i]);
  return sum;
}

std::optional<double> response_length(const Record& record) {
  if (record.is_array("response_ids")) return static_cast<double>(record.list_shape("response_ids").size);
  if (!record.is_text("response")) return std::nullopt;
  const std::string text = record.text("response");
  return static_cast<double>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_figure(std::string_view key) {
  constexpr std::array<std::string_view, 12> kOthers = {"seed",  "temperature", "top_k",   "top_p",
                                                        "arith", "eval_arith",  "best_of", "id",
                                                        "group", "kl",          "length",  "advantages"};
  return std::ranges::find(kOthers, key) == kOthers.end();
}

std::size_t PolicyComparison::policy_of(const std::string& digest, const std::string& file) {
  auto found = std::ranges::find(policies_, digest, &Policy::digest);
  if (found == policies_.end()) found = policies_.insert(found, Policy{.digest = digest, .name = {}, .files = {}});
  if (std::ranges::find(found->files, file) == found->files.end()) found->files.push_back(file);
  return static_cast<std::size_t>(found - policies_.begin());
}

std::optional<std::size_t> PolicyComparison::column(const std::string& key) {
  const auto found = std::ranges::find(columns_, key, &Column::name);
  if (found == columns_.end() && columns_.size() == kMostColumns) return std::nullopt;
  const auto place = static_cast<std::size_t>(found - columns_.begin());
  if (place == columns_.size()) columns_.push_back({key});
  return place;
}

namespace {

// The record's own numbers, then those made of its lists.
std::vector<std::pair<std::string, double>> figures_of(const Record& record) {
  std::vector<std::pair<std::string, double>> out;
  for (const Record::Field& field : record.fields()) {
    if (!is_figure(field.key)) continue;
    if (const auto x = number_in(field)) out.emplace_back(field.key, *x);
  }
  if (const auto kl = kl_if_sound(record)) out.emplace_back("kl", *kl);
  if (const auto length = response_length(record)) out.emplace_back("length", *length);
  return out;
}

}  // namespace

void PolicyComparison::add_figures(const Record& record, Side& side) {
  for (const auto& [key, x] : figures_of(record)) {
    const auto place = column(key);
    if (!place) continue;
    if (side.sums.size() <= *place) side.sums.resize(*place + 1);
    ++side.sums[*place].n, side.sums[*place].sum += x;
    columns_[*place].least = std::min(columns_[*place].least, x);
    columns_[*place].most = std::max(columns_[*place].most, x);
  }
}

void PolicyComparison::add(const Record& record, const std::string& file) {
  if (!record.is_text("policy") || (!record.is_text("response") && !record.is_array("response_ids"))) return;
  const auto group = group_if_any(record);
  if (!group) return;
  const std::size_t policy = policy_of(record.text("policy"), file);
  const auto [place, fresh] = groups_.try_emplace(*group);
  if (fresh) order_.push_back(*group);
  std::vector<Side>& sides = place->second;
  if (sides.size() <= policy) sides.resize(policy + 1);
  Side& side = sides[policy];
  ++side.answers;
  add_figures(record, side);
  if (side.first || kept_ > kMostKept) return;
  side.first = record;
  for (const Record::Field& field : record.fields()) kept_ += field.key.size() + field.raw.size() + sizeof field;
}

void PolicyComparison::name_policies() {
  for (Policy& p : policies_) {
    p.name = p.files[0];
    if (p.files.size() > 1) p.name += " and " + std::to_string(p.files.size() - 1) + " more";
  }
  std::vector<std::string> names;
  for (const Policy& p : policies_) names.push_back(p.name);
  for (Policy& p : policies_)
    if (std::ranges::count(names, p.name) > 1) p.name += ", policy " + p.digest.substr(0, 8);
}

std::optional<PolicyComparison::Figure> PolicyComparison::compare(std::size_t column) const {
  if (!(columns_[column].least < columns_[column].most)) return std::nullopt;
  std::vector<std::vector<double>> means(policies_.size());
  for (const std::string& group : shared_) {
    std::vector<double> of_prompt;
    for (const Side& side : groups_.at(group))
      if (column < side.sums.size() && side.sums[column].n > 0) of_prompt.push_back(side.sums[column].mean());
    if (of_prompt.size() < policies_.size()) continue;
    for (std::size_t p = 0; p < policies_.size(); ++p) means[p].push_back(of_prompt[p]);
  }
  if (means[0].empty()) return std::nullopt;
  Figure figure{columns_[column].name, static_cast<std::int64_t>(means[0].size()), {}, {}};
  for (const std::vector<double>& m : means) {
    figure.means.push_back(estimate(m));
    std::vector<double> difference(m.size());
    for (std::size_t i = 0; i < m.size(); ++i) difference[i] = m[i] - means[0][i];
    figure.differences.push_back(&m == &means[0] ? Estimate{} : estimate(difference));
  }
  return figure;
}

bool PolicyComparison::finish() {
  const bool several = std::ranges::any_of(policies_, [&](const Policy& p) { return p.files != policies_[0].files; });
  if (!several) return false;
  for (const std::string& group : order_) {
    const std::vector<Side>& sides = groups_.at(group);
    if (sides.size() < policies_.size() || std::ranges::any_of(sides, [](const Side& s) { return s.answers == 0; }))
      continue;
    shared_.push_back(group);
    for (std::size_t p = 0; p < sides.size(); ++p) policies_[p].answers += sides[p].answers;
  }
  if (shared_.empty()) return false;
  name_policies();
  // The reward first, KL and length last.
  std::vector<std::size_t> order{0};
  for (std::size_t c = 3; c < columns_.size(); ++c) order.push_back(c);
  for (const std::size_t c : {1, 2}) order.push_back(c);
  for (const std::size_t c : order)
    if (auto figure = compare(c)) figures_.push_back(std::move(*figure));
  return true;
}

PolicyComparison::Prompt PolicyComparison::prompt(const std::string& group) const {
  Prompt out{group, {}};
  for (const Side& side : groups_.at(group)) {
    out.answers.emplace_back();
    if (!side.first) continue;
    const auto own = figures_of(*side.first);
    Answer answer{*side.first, {}};
    for (const Figure& figure : figures_) {
      const auto found = std::ranges::find(own, figure.name, &std::pair<std::string, double>::first);
      answer.figures.push_back(found == own.end() ? std::nullopt : std::optional(found->second));
    }
    out.answers.back() = std::move(answer);
  }
  return out;
}

std::vector<std::string> PolicyComparison::first(std::int64_t n) const {
  const auto end = std::min<std::size_t>(static_cast<std::size_t>(n), shared_.size());
  return {shared_.begin(), shared_.begin() + static_cast<std::ptrdiff_t>(end)};
}

// Those with the smallest random numbers, one drawn for each prompt.
std::vector<std::string> PolicyComparison::drawn(std::int64_t n, std::uint64_t seed) const {
  constexpr std::uint64_t kStream = 0x70656572;  // "peer"
  std::vector<std::pair<double, std::size_t>> draws;
  for (std::size_t i = 0; i < shared_.size(); ++i) draws.emplace_back(uniform(seed, kStream, i), i);
  std::ranges::sort(draws);
  draws.resize(std::min<std::size_t>(static_cast<std::size_t>(n), draws.size()));
  std::ranges::sort(draws, {}, &std::pair<double, std::size_t>::second);
  std::vector<std::string> out;
  for (const auto& draw : draws) out.push_back(shared_[draw.second]);
  return out;
}

namespace {

std::string counted_words(std::int64_t n, const std::string& one) {
  return std::to_string(n) + ' ' + one + (n == 1 ? "" : "s");
}

std::string listed(const PolicyComparison& c, std::vector<Estimate> PolicyComparison::Figure::*of, std::size_t policy) {
  std::string out;
  for (const PolicyComparison::Figure& figure : c.figures())
    out += (out.empty() ? "" : ", ") + visible(figure.name) + ' ' + figure_text((figure.*of)[policy]);
  return out;
}

void estimate_json(JsonWriter& w, const Estimate& e) {
  w.begin_object();
  for (const auto& [key, x] : {std::pair("mean", e.mean), {"se", e.standard_error}}) {
    w.key(key);
    if (x && std::isfinite(*x)) w.value(*x);
    else w.null();
  }
  w.end_object();
}

}  // namespace

std::string comparison_text(const PolicyComparison& c) {
  const auto& policies = c.policies();
  std::string out = counted_words(c.prompts(), "prompt") + " answered by each of " + std::to_string(policies.size()) +
                    " policies" + '\n';
  for (std::size_t p = 0; p < policies.size(); ++p) {
    out += "  " + visible(policies[p].name) + ": " + counted_words(policies[p].answers, "answer");
    const std::string means = listed(c, &PolicyComparison::Figure::means, p);
    out += (means.empty() ? "" : ", " + means) + '\n';
    if (p > 0 && !means.empty())
      out +=
          "    minus " + visible(policies[0].name) + ": " + listed(c, &PolicyComparison::Figure::differences, p) + '\n';
  }
  return out;
}

void comparison_json(JsonWriter& w, const PolicyComparison& c) {
  w.begin_object().field("prompts", c.prompts()).key("policies").begin_array();
  for (std::size_t p = 0; p < c.policies().size(); ++p) {
    const PolicyComparison::Policy& policy = c.policies()[p];
    w.begin_object().field("policy", policy.digest).field("name", policy.name).key("files").begin_array();
    for (const std::string& file : policy.files) w.value(file);
    w.end_array().field("answers", policy.answers).key("means").begin_object();
    for (const PolicyComparison::Figure& figure : c.figures()) {
      w.key(figure.name);
      estimate_json(w, figure.means[p]);
    }
    w.end_object().key("differences").begin_object();
    for (const PolicyComparison::Figure& figure : c.figures()) {
      if (p == 0) continue;
      w.key(figure.name);
      estimate_json(w, figure.differences[p]);
    }
    w.end_object().end_object();
  }
  w.end_array().end_object();
}

}  // namespace nudge
