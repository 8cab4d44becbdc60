#include "lib/label/label.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/error.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/record_kind.h"

namespace nudge {
namespace {

// Keeps only what a pair may need: log-probs and the like would take most of the memory.
Record pared(const Record& trajectory, std::string_view field) {
  Record kept(trajectory.where());
  for (const std::string_view key : {"id", "prompt", "response", "prompt_ids", "response_ids", "tokenizer"}) {
    if (trajectory.has(key)) kept.set_raw(key, std::string(trajectory.raw(key)));
  }
  if (!field.empty() && !kept.has(field) && trajectory.has(field)) {
    kept.set_raw(field, std::string(trajectory.raw(field)));
  }
  return kept;
}

std::string id_in_group(const AnswerGroup& group, std::size_t place) {
  const std::string id = group.answers[place].name("id");
  const std::string prefix = group.name + "/";
  return id.rfind(prefix, 0) == 0 ? id.substr(prefix.size()) : id;
}

bool share_tokenizer(const Record& a, const Record& b) {
  for (const char* key : {"prompt_ids", "response_ids"}) {
    if (!a.has(key) || !b.has(key)) return false;
  }
  return a.find_text("tokenizer") == b.find_text("tokenizer") && a.ids("prompt_ids") == b.ids("prompt_ids");
}

// Id and group of an answer. Checks that it has a prompt and a text.
std::pair<std::string, std::string> checked_names(const Record& answer) {
  std::pair<std::string, std::string> names{answer.name("id"), answer.name("group")};
  if (!answer.has("prompt")) answer.fail_absent("prompt");
  answer.text("response");
  return names;
}

bool is_reward(const std::string& field) {
  const std::string_view word = "reward";
  return field.size() >= word.size() && field.compare(field.size() - word.size(), word.size(), word) == 0;
}

}  // namespace

void AnswerGroups::add(const Record& trajectory, std::string_view field) {
  const auto [id, name] =
      read_as(RecordKind::kTrajectory, "label", trajectory, [&] { return checked_names(trajectory); });
  if (!field.empty() && !trajectory.has(field))  // checked now, because the advice lists the other fields
    trajectory.fail_absent(field, advice_on_compared(trajectory, std::string(field)));
  const auto [seen, fresh] = where_.emplace(id, trajectory.where());
  if (!fresh) {
    bad_input(trajectory.where() + ": duplicate id \"" + id + "\", also in " + seen->second,
              "give each trajectory once");
  }
  const auto [place, is_new] = place_.emplace(name, groups_.size());
  if (is_new) groups_.push_back({name, {}});
  AnswerGroup& group = groups_[place->second];
  if (!group.answers.empty() && group.answers[0].raw("prompt") != trajectory.raw("prompt")) {
    bad_input(trajectory.where() + ": the prompt differs from that of " + group.answers[0].where() +
                  ", of the same group \"" + name + "\"",
              "give different prompts different ids");
  }
  group.answers.push_back(pared(trajectory, field));
  ++answers_;
}

std::deque<AnswerGroup>& AnswerGroups::sorted() {
  for (AnswerGroup& group : groups_) {
    std::sort(group.answers.begin(), group.answers.end(),
              [](const Record& a, const Record& b) { return id_less(a.name("id"), b.name("id")); });
  }
  return groups_;
}

std::vector<AnswerPair> pairs_by_value(std::span<const double> values, Pairing pairing) {
  std::vector<AnswerPair> pairs;
  const auto consider = [&](std::size_t a, std::size_t b) {
    // The difference of the decimal values, rounded once: 0.7 - 0.2 is 0.5, unlike in float32.
    const auto margin = static_cast<float>(values[a] - values[b]);
    if (margin > 0) pairs.push_back({a, b, margin});
  };
  if (values.size() < 2) return pairs;
  if (pairing == Pairing::kBestWorst) {
    const auto best = std::max_element(values.begin(), values.end());
    const auto worst = std::min_element(values.begin(), values.end());
    consider(static_cast<std::size_t>(best - values.begin()), static_cast<std::size_t>(worst - values.begin()));
    return pairs;
  }
  for (std::size_t a = 0; a < values.size(); ++a) {
    for (std::size_t b = a + 1; b < values.size(); ++b) {
      consider(a, b);
      consider(b, a);
    }
  }
  return pairs;
}

std::int64_t possible_pairs(std::size_t answers, Pairing pairing) {
  const auto n = static_cast<std::int64_t>(answers);
  if (n < 2) return 0;
  return pairing == Pairing::kBestWorst ? 1 : n * (n - 1) / 2;
}

std::string pair_id(const AnswerGroup& group, std::size_t a, std::size_t b) {
  return group.name + "/" + id_in_group(group, std::min(a, b)) + "-" + id_in_group(group, std::max(a, b));
}

bool same_response(const AnswerGroup& group, std::size_t a, std::size_t b) {
  return group.answers[a].text("response") == group.answers[b].text("response");
}

Record preference_record(const AnswerGroup& group, std::size_t chosen, std::size_t rejected, std::string_view labeler) {
  const Record &better = group.answers[chosen], &worse = group.answers[rejected];
  Record record(better.where());
  record.set_text("schema", "preference/1");
  record.set_text("id", pair_id(group, chosen, rejected));
  record.set_raw("prompt", std::string(better.raw("prompt")));
  record.set_raw("chosen", std::string(better.raw("response")));
  record.set_raw("rejected", std::string(worse.raw("response")));
  record.set_text("labeler", labeler);
  if (share_tokenizer(better, worse)) {
    record.set_raw("prompt_ids", std::string(better.raw("prompt_ids")));
    record.set_raw("chosen_ids", std::string(better.raw("response_ids")));
    record.set_raw("rejected_ids", std::string(worse.raw("response_ids")));
    if (better.has("tokenizer")) record.set_raw("tokenizer", std::string(better.raw("tokenizer")));
  }
  return record;
}

std::vector<Record> preferences_by_value(const AnswerGroup& group, const ComparedField& field, LabelCounts& counts) {
  std::vector<double> values;
  for (const Record& answer : group.answers) values.push_back(answer.number(field.name));
  std::vector<Record> records;
  if (values.size() < 2) {
    ++counts.single;
    return records;
  }
  std::int64_t below = 0;
  for (const AnswerPair& pair : pairs_by_value(values, field.pairing)) {
    if (same_response(group, pair.chosen, pair.rejected)) continue;
    if (!std::isfinite(pair.margin))
      group.answers[pair.chosen].fail(field.name, "differs from the rejected answer's by more than a float32 holds");
    if (pair.margin < field.least_margin) {
      ++below;
      continue;
    }
    Record record = preference_record(group, pair.chosen, pair.rejected, field.name);
    record.set_real("margin", pair.margin);
    if (is_reward(field.name)) {
      record.set_raw("chosen_reward", std::string(group.answers[pair.chosen].raw(field.name)));
      record.set_raw("rejected_reward", std::string(group.answers[pair.rejected].raw(field.name)));
    }
    records.push_back(std::move(record));
  }
  const auto made = static_cast<std::int64_t>(records.size());
  counts.pairs += made;
  counts.below_margin += below;
  counts.ties += possible_pairs(values.size(), field.pairing) - made - below;
  return records;
}

}  // namespace nudge
