#include "lib/label/votes.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "lib/base/error.h"
#include "lib/io/json.h"
#include "lib/rl/minibatch.h"
#include "lib/rl/record_kind.h"

namespace nudge {
namespace {

constexpr std::string_view kNote = "label-note/1";

bool is_note(const Record& record) { return record.is_text("schema") && record.text("schema") == kNote; }

std::string judge_of(const Record& record, const std::string& journal_of) {
  if (record.has("labeler")) return record.text("labeler");
  if (is_note(record) && !journal_of.empty()) return journal_of;
  record.fail_absent("labeler", "say who judged: jq -c '.labeler = \"NAME\"' FILE");
}

Verdict verdict_of_note(const Record& note) {
  const std::string decision = note.text("decision");
  if (decision == "tie") return Verdict::kTie;
  if (decision == "skip") return Verdict::kSkip;
  note.fail("decision", "is neither \"tie\" nor \"skip\"");
}

struct Tally3 {  // votes of a pair
  std::int64_t first = 0, second = 0, tie = 0, skip = 0;
};

Tally3 count(const VotedPair& pair) {
  Tally3 n;
  for (const Vote& vote : pair.votes) {
    switch (vote.verdict) {
      case Verdict::kFirst: ++n.first; break;
      case Verdict::kSecond: ++n.second; break;
      case Verdict::kTie: ++n.tie; break;
      case Verdict::kSkip: ++n.skip; break;
    }
  }
  return n;
}

// The answer that has more votes than the other and than ties.
std::optional<std::size_t> winner(const Tally3& n) {
  if (n.first > n.second && n.first > n.tie) return 0;
  if (n.second > n.first && n.second > n.tie) return 1;
  return std::nullopt;
}

std::string joined_names(const VotedPair& pair) {
  std::string names;
  for (const Vote& vote : pair.votes)
    if (vote.verdict != Verdict::kSkip) names += (names.empty() ? "" : ", ") + vote.judge;
  return names;
}

Record merged_preference(const VotedPair& pair, const Tally3& n, std::size_t chosen) {
  Record record = preference_record(*pair.answers, chosen, 1 - chosen, joined_names(pair));
  JsonWriter votes, notes;
  votes.begin_object().field("chosen", chosen == 0 ? n.first : n.second);
  votes.field("rejected", chosen == 0 ? n.second : n.first).field("tie", n.tie).end_object();
  record.set_raw("votes", votes.text());
  notes.begin_object();
  for (const Vote& vote : pair.votes)
    if (!vote.note.empty()) notes.field(vote.judge, vote.note);
  notes.end_object();
  if (notes.text() != "{}") record.set_raw("notes", notes.text());
  return record;
}

// Prompts tell which pairs belong together; a pair of which only notes without texts are known is alone.
std::string cluster_of(const VotedPair& pair) {
  if (!pair.answers) return "id " + pair.id;
  const Record& answer = pair.answers->answers[0];
  return answer.has("prompt") ? "prompt " + words_of(answer, "prompt") : "id " + pair.id;
}

}  // namespace

bool is_preference(const Record& record) { return record.has("chosen") && record.has("rejected"); }
bool is_decision(const Record& record) { return is_note(record) || is_preference(record); }

VotedPair& Votes::pair_of(const Record& record, const std::string& digest, std::optional<AnswerGroup> answers) {
  const std::string id = record.name("id");
  VotedPair& pair = pairs_[id];
  pair.id = id;
  if (!digest.empty() && !pair.digest.empty() && digest != pair.digest)
    bad_input(record.where() + ": pair \"" + id + "\" has other texts than in " + pair.where,
              "merge decisions about the same pairs; give different pairs different ids");
  if (!digest.empty() && pair.digest.empty()) {
    pair.digest = digest;
    pair.where = record.where();
  }
  // Token ids are in some judges' lines only.
  const bool more = answers && answers->answers[0].has("response_ids");
  if (answers && (!pair.answers || (more && !pair.answers->answers[0].has("response_ids"))))
    pair.answers = std::move(answers);
  return pair;
}

void Votes::vote(VotedPair& pair, Vote vote) {
  judges_.insert(vote.judge);
  const auto at = std::lower_bound(pair.votes.begin(), pair.votes.end(), vote.judge,
                                   [](const Vote& v, const std::string& judge) { return v.judge < judge; });
  if (at == pair.votes.end() || at->judge != vote.judge) {
    pair.votes.insert(at, std::move(vote));
    return;
  }
  if (at->verdict != vote.verdict)
    bad_input(vote.where + ": \"" + vote.judge + "\" decided pair \"" + pair.id + "\" otherwise than in " + at->where,
              "keep one of the two lines; if two people share the name, rename one: jq -c '.labeler = \"NAME\"' FILE");
  ++repeated_;
  if (at->note.empty()) at->note = vote.note;
}

void Votes::add(const Record& record, const std::string& journal_of) {
  if (!record.has("id")) record.fail_absent("id", "pairs are joined by their ids");
  Vote v{.judge = judge_of(record, journal_of), .note = record.find_text("note").value_or(""), .where = record.where()};
  std::string digest = record.find_text("pair").value_or("");
  if (is_note(record)) {
    v.verdict = verdict_of_note(record);
    vote(pair_of(record, digest, std::nullopt), std::move(v));
    return;
  }
  AnswerGroup answers = pair_group(record, record.name("id"));
  const std::string first = words_of(answers.answers[0], "response"), second = words_of(answers.answers[1], "response");
  if (first == second) record.fail("chosen", "is the same text as \"rejected\"");
  const std::string told = pair_digest(answers);
  if (!digest.empty() && digest != told)
    record.fail("pair", "is not the digest of prompt and answers: they were changed after they were judged");
  v.verdict = words_of(record, "chosen") == first ? Verdict::kFirst : Verdict::kSecond;
  vote(pair_of(record, told, std::move(answers)), std::move(v));
}

void Votes::match(const std::deque<AnswerGroup>& groups) {
  std::set<std::string> found;
  for (const AnswerGroup& group : groups) {
    for (const auto& [a, b] : comparable_pairs(group)) {
      const auto at = pairs_.find(pair_id(group, a, b));
      if (at == pairs_.end()) continue;
      VotedPair& judged = at->second;
      AnswerGroup answers = pair_group(group, a, b);
      const std::string digest = pair_digest(answers);
      if (!judged.digest.empty() && judged.digest != digest)
        bad_input(judged.where + ": pair \"" + judged.id + "\" has other texts than the answers of " +
                      group.answers[a].where() + " and " + group.answers[b].where(),
                  "give the trajectories that were judged");
      if (group.candidates > 0)
        judged.candidate = words_of(answers.answers[0], "response") == words_of(group.answers[a], "response") ? 0 : 1;
      answers.name = group.name;
      judged.answers = std::move(answers);
      found.insert(judged.id);
    }
  }
  for (const auto& [id, pair] : pairs_)
    if (found.count(id) == 0)
      bad_input(pair.votes[0].where + ": pair \"" + id + "\" is none of the trajectories' pairs",
                "give the trajectories that were judged, those of --against too");
}

std::vector<const VotedPair*> Votes::pairs() const {
  std::vector<const VotedPair*> all;
  for (const auto& [id, pair] : pairs_) all.push_back(&pair);
  std::sort(all.begin(), all.end(), [](const VotedPair* a, const VotedPair* b) { return id_less(a->id, b->id); });
  return all;
}

std::vector<Record> merged_preferences(const Votes& votes, MergeCounts& counts) {
  std::vector<Record> records;
  for (const VotedPair* pair : votes.pairs()) {
    const Tally3 n = count(*pair);
    counts.votes += n.first + n.second + n.tie;
    counts.skips += n.skip;
    if (const auto chosen = winner(n)) {
      records.push_back(merged_preference(*pair, n, *chosen));
      ++counts.pairs;
    } else if (n.first + n.second + n.tie > 0) {
      ++counts.undecided;
    }
  }
  return records;
}

Agreement agreement_of(const Votes& votes) {
  std::vector<RatedPair> rated;
  for (const VotedPair* pair : votes.pairs()) {
    RatedPair& row = rated.emplace_back();
    row.cluster = cluster_of(*pair);
    row.verdicts.resize(votes.judges().size());
    for (const Vote& vote : pair->votes) {
      if (vote.verdict == Verdict::kSkip) continue;
      const auto judge = std::distance(votes.judges().begin(), votes.judges().find(vote.judge));
      row.verdicts[static_cast<std::size_t>(judge)][static_cast<std::size_t>(vote.verdict)] = 1;
    }
  }
  return votes.judges().size() == 2 ? cohens_kappa(rated) : fleiss_kappa(rated);
}

std::vector<Wins> wins_of(const Votes& votes) {
  std::vector<Wins> all;
  std::unordered_map<std::string, std::size_t> place;  // by group, in `all`
  for (const VotedPair* pair : votes.pairs()) {
    if (!pair->candidate) continue;
    const auto at = place.emplace(pair->answers->name, all.size());
    if (at.second) all.emplace_back();
    Wins& wins = all[at.first->second];
    const Verdict won = *pair->candidate == 0 ? Verdict::kFirst : Verdict::kSecond;
    for (const Vote& vote : pair->votes) {
      if (vote.verdict == Verdict::kSkip) continue;
      wins.push_back(vote.verdict == won ? 1.0f : vote.verdict == Verdict::kTie ? 0.5f : 0.0f);
    }
  }
  return all;
}

}  // namespace nudge
