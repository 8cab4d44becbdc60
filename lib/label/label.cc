#include "lib/label/label.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/rng.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/record_kind.h"

namespace nudge {
namespace {

// Keeps only what a pair may need: log-probs and the like would take most of the memory.
Record pared(const Record& trajectory, std::string_view field) {
  Record kept(trajectory.where());
  for (const std::string_view key :
       {"id", "prompt", "messages", "response", "prompt_ids", "response_ids", "tokenizer"}) {
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

// What of two trajectories must be the same: the dialogue, which each policy may render in its own way, or the prompt.
bool same_prompt(const Record& a, const Record& b) {
  const char* key = a.has("messages") && b.has("messages") ? "messages" : "prompt";
  return a.raw(key) == b.raw(key);
}

// The preference, with its margin and rewards, of answers that were compared by the field.
Record valued_preference(const AnswerGroup& group, const AnswerPair& pair, const ComparedField& field) {
  if (!std::isfinite(pair.margin))
    group.answers[pair.chosen].fail(field.name, "differs from the rejected answer's by more than a float32 holds");
  Record record = preference_record(group, pair.chosen, pair.rejected, field.name);
  record.set_real("margin", pair.margin);
  if (is_reward(field.name)) {
    record.set_raw("chosen_reward", std::string(group.answers[pair.chosen].raw(field.name)));
    record.set_raw("rejected_reward", std::string(group.answers[pair.rejected].raw(field.name)));
  }
  return record;
}

std::vector<double> values_of(const AnswerGroup& group, const std::string& field) {
  std::vector<double> values;
  for (const Record& answer : group.answers) values.push_back(answer.number(field));
  return values;
}

// An answer of a preference as a trajectory would have it.
Record answer_of(const Record& preference, const std::string& key) {
  Record answer(preference.where());
  if (!preference.has(key)) preference.fail_absent(key);
  for (const char* kept : {"prompt", "messages", "prompt_ids", "tokenizer"})
    if (preference.has(kept)) answer.set_raw(kept, std::string(preference.raw(kept)));
  answer.set_raw("response", std::string(preference.raw(key)));
  if (preference.has(key + "_ids")) answer.set_raw("response_ids", std::string(preference.raw(key + "_ids")));
  return answer;
}

}  // namespace

std::string words_of(const Record& record, std::string_view key) {
  if (!record.has(key)) return "";
  return record.is_text(key) ? record.text(key) : std::string(record.raw(key));
}

AnswerGroup pair_group(const Record& preference, const std::string& id) {
  AnswerGroup group{.name = id, .answers = {answer_of(preference, "chosen"), answer_of(preference, "rejected")}};
  group.pair = id;
  return pair_group(group, 0, 1);
}

AnswerGroup pair_group(const AnswerGroup& group, std::size_t a, std::size_t b) {
  if (words_of(group.answers[b], "response") < words_of(group.answers[a], "response")) std::swap(a, b);
  AnswerGroup pair{.name = group.name, .answers = {group.answers[a], group.answers[b]}};
  pair.pair = pair_id(group, a, b);
  return pair;
}

std::string pair_digest(const AnswerGroup& pair) {
  Digest digest;
  digest.text(words_of(pair.answers[0], "prompt"));
  for (const Record& answer : pair.answers) digest.text(words_of(answer, "response"));
  return digest.hex();
}

void AnswerGroups::claim(const std::string& id, const Record& record, const char* what) {
  const auto [seen, fresh] = where_.emplace(id, record.where());
  if (fresh) return;
  bad_input(record.where() + ": duplicate id \"" + id + "\", also in " + seen->second,
            std::string("give each ") + what + " once");
}

void AnswerGroups::add(const Record& trajectory, std::string_view field) {
  const auto [id, name] =
      read_as(RecordKind::kTrajectory, "label", trajectory, [&] { return checked_names(trajectory); });
  if (!field.empty() && !trajectory.has(field))  // checked now, because the advice lists the other fields
    trajectory.fail_absent(field, advice_on_compared(trajectory, std::string(field)));
  claim(id, trajectory, "trajectory");
  const auto [place, is_new] = place_.emplace(name, groups_.size());
  if (is_new) groups_.push_back({.name = name, .answers = {}});
  AnswerGroup& group = groups_[place->second];
  if (!group.answers.empty() && group.answers[0].raw("prompt") != trajectory.raw("prompt")) {
    bad_input(trajectory.where() + ": the prompt differs from that of " + group.answers[0].where() +
                  ", of the same group \"" + name + "\"",
              "give different prompts different ids");
  }
  group.answers.push_back(pared(trajectory, field));
  if (trajectory.has("policy") && trajectory.is_text("policy")) policies_.insert(trajectory.text("policy"));
  ++answers_;
}

void AnswerGroups::add_pair(const Record& preference) {
  const std::string id = preference.find_name("id").value_or(std::to_string(pairs_));
  claim(id, preference, "pair");
  groups_.push_back(pair_group(preference, id));
  ++pairs_;
  answers_ += 2;
}

std::deque<AnswerGroup>& AnswerGroups::sorted() {
  for (AnswerGroup& group : groups_) {
    if (!group.pair.empty()) continue;
    std::sort(group.answers.begin(), group.answers.end(),
              [](const Record& a, const Record& b) { return id_less(a.name("id"), b.name("id")); });
  }
  return groups_;
}

JoinedGroups joined_groups(AnswerGroups& candidate, AnswerGroups& baseline) {
  JoinedGroups joined;
  std::unordered_map<std::string, const AnswerGroup*> of_name;
  for (const AnswerGroup& group : baseline.sorted()) of_name.emplace(group.name, &group);
  for (const AnswerGroup& group : candidate.sorted()) {
    const auto found = of_name.find(group.name);
    if (found == of_name.end()) {
      ++joined.candidate_only;
      continue;
    }
    const std::vector<Record>& others = found->second->answers;
    if (!same_prompt(group.answers[0], others[0]))
      bad_input(group.answers[0].where() + ": the prompt differs from that of " + others[0].where() +
                    ", of the same group \"" + group.name + "\"",
                "sample both policies' answers to the same prompts, with the same ids");
    AnswerGroup both = group;
    both.candidates = group.answers.size();
    both.answers.insert(both.answers.end(), others.begin(), others.end());
    joined.groups.push_back(std::move(both));
  }
  joined.baseline_only = static_cast<std::int64_t>(of_name.size() - joined.groups.size());
  return joined;
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

std::vector<std::pair<std::size_t, std::size_t>> comparable_pairs(const AnswerGroup& group) {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  const std::size_t n = group.answers.size(), candidates = group.candidates;
  for (std::size_t a = 0; a < (candidates > 0 ? candidates : n); ++a)
    for (std::size_t b = candidates > 0 ? candidates : a + 1; b < n; ++b) pairs.emplace_back(a, b);
  return pairs;
}

std::vector<std::pair<std::size_t, std::size_t>> asked_pairs(const AnswerGroup& group, bool all, std::uint64_t seed) {
  auto pairs = comparable_pairs(group);
  std::erase_if(pairs, [&](const auto& pair) { return same_response(group, pair.first, pair.second); });
  if (all || pairs.size() < 2) return pairs;
  const double drawn = uniform(seed, stream_of(group.name), 0) * static_cast<double>(pairs.size());
  return {pairs[static_cast<std::size_t>(drawn)]};
}

std::string pair_id(const AnswerGroup& group, std::size_t a, std::size_t b) {
  if (!group.pair.empty()) return group.pair;
  const char* between = group.candidates > 0 ? "~" : "-";
  return group.name + "/" + id_in_group(group, std::min(a, b)) + between + id_in_group(group, std::max(a, b));
}

bool same_response(const AnswerGroup& group, std::size_t a, std::size_t b) {
  return words_of(group.answers[a], "response") == words_of(group.answers[b], "response");
}

Record preference_record(const AnswerGroup& group, std::size_t chosen, std::size_t rejected, std::string_view labeler) {
  const Record &better = group.answers[chosen], &worse = group.answers[rejected];
  Record record(better.where());
  record.set_text("schema", "preference/1");
  record.set_text("id", pair_id(group, chosen, rejected));
  if (better.has("prompt")) record.set_raw("prompt", std::string(better.raw("prompt")));
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
  const std::vector<double> values = values_of(group, field.name);
  std::vector<Record> records;
  if (values.size() < 2) {
    ++counts.single;
    return records;
  }
  std::int64_t below = 0;
  for (const AnswerPair& pair : pairs_by_value(values, field.pairing)) {
    if (same_response(group, pair.chosen, pair.rejected)) continue;
    if (pair.margin < field.least_margin) {
      ++below;
      continue;
    }
    records.push_back(valued_preference(group, pair, field));
  }
  const auto made = static_cast<std::int64_t>(records.size());
  counts.pairs += made;
  counts.below_margin += below;
  counts.ties += possible_pairs(values.size(), field.pairing) - made - below;
  return records;
}

std::vector<Record> preferences_by_value(const AnswerGroup& group, const ComparedField& field, std::uint64_t seed,
                                         LabelCounts& counts, Wins& wins) {
  const std::vector<double> values = values_of(group, field.name);
  const auto asked = asked_pairs(group, field.pairing == Pairing::kAll, seed);
  if (asked.empty()) ++counts.equal;
  std::vector<Record> records;
  for (const auto& [candidate, baseline] : asked) {
    const auto difference = static_cast<float>(values[candidate] - values[baseline]);
    const bool won = difference > 0, below = std::fabs(difference) < field.least_margin;
    wins.push_back(difference == 0 || below ? 0.5f : won ? 1.0f : 0.0f);
    if (difference == 0) {
      ++counts.ties;
    } else if (below) {
      ++counts.below_margin;
    } else {
      const std::size_t chosen = won ? candidate : baseline, rejected = won ? baseline : candidate;
      records.push_back(valued_preference(group, {chosen, rejected, std::fabs(difference)}, field));
      ++counts.pairs;
    }
  }
  return records;
}

}  // namespace nudge
