#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/label/votes.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

// {"id": ID, "prompt": PROMPT, "chosen": ..., "rejected": ..., "labeler": JUDGE, MORE}
Record preference(const std::string& judge, const std::string& id, const std::string& chosen,
                  const std::string& rejected, const std::string& more = "", const std::string& prompt = "p") {
  return Record::parse("{\"schema\":\"preference/1\",\"id\":\"" + id + "\",\"prompt\":\"" + prompt +
                           "\",\"chosen\":\"" + chosen + "\",\"rejected\":\"" + rejected + "\",\"labeler\":\"" + judge +
                           "\"" + more + "}",
                       judge + ".jsonl: record " + id);
}
Record note(const std::string& judge, const std::string& id, const std::string& decision,
            const std::string& more = "") {
  const std::string labeler = judge.empty() ? "" : ",\"labeler\":\"" + judge + "\"";
  return Record::parse(
      "{\"schema\":\"label-note/1\",\"id\":\"" + id + "\",\"decision\":\"" + decision + "\"" + labeler + more + "}",
      "notes: record " + id);
}
Votes votes_of(const std::vector<Record>& records) {
  Votes votes;
  for (const Record& r : records) votes.add(r, "");
  return votes;
}
std::string merged(const Votes& votes, MergeCounts* counted = nullptr) {
  MergeCounts counts;
  std::string lines;
  for (const Record& r : merged_preferences(votes, counts)) lines += r.line() + "\n";
  if (counted != nullptr) *counted = counts;
  return lines;
}
Record answer(const std::string& id, const std::string& text, const std::string& more = "") {
  return Record::parse("{\"id\":\"" + id + "\",\"group\":\"" + id.substr(0, id.find('/')) +
                           "\",\"prompt\":\"p\",\"response\":\"" + text + "\"" + more + "}",
                       "in: record " + id);
}

}  // namespace

TEST_CASE("the answer with more votes than the other and than ties is chosen, whichever came first") {
  MergeCounts counts;
  const std::string lines = merged(
      votes_of({preference("lee", "g/0-1", "a", "b"), note("ann", "g/0-1", "tie"),
                preference("kim", "g/0-1", "a", "b", ",\"note\":\"clear\""), preference("kim", "g/2-3", "d", "c"),
                preference("lee", "g/2-3", "c", "d"), note("kim", "h/0-1", "tie"), note("lee", "h/0-1", "skip"),
                preference("kim", "h/0-10", "z", "y"), preference("kim", "h/0-2", "y", "x")}),
      &counts);
  CHECK(
      lines ==
      "{\"schema\":\"preference/1\",\"id\":\"g/0-1\",\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\","
      "\"labeler\":\"ann, kim, lee\",\"votes\":{\"chosen\":2,\"rejected\":0,\"tie\":1},\"notes\":{\"kim\":\"clear\"}}\n"
      "{\"schema\":\"preference/1\",\"id\":\"h/0-2\",\"prompt\":\"p\",\"chosen\":\"y\",\"rejected\":\"x\","
      "\"labeler\":\"kim\",\"votes\":{\"chosen\":1,\"rejected\":0,\"tie\":0}}\n"
      "{\"schema\":\"preference/1\",\"id\":\"h/0-10\",\"prompt\":\"p\",\"chosen\":\"z\",\"rejected\":\"y\","
      "\"labeler\":\"kim\",\"votes\":{\"chosen\":1,\"rejected\":0,\"tie\":0}}\n");
  CHECK(counts.pairs == 3);
  CHECK(counts.undecided == 2);  // one against one; only ties
  CHECK(counts.votes == 8);
  CHECK(counts.skips == 1);
}

TEST_CASE("as many ties as votes for an answer choose none") {
  MergeCounts counts;
  CHECK(merged(votes_of({preference("kim", "x", "a", "b"), note("lee", "x", "tie")}), &counts).empty());
  CHECK(counts.undecided == 1);
}

TEST_CASE("the same decision twice counts once, another one is an error that names both places") {
  const Votes votes = votes_of({preference("kim", "x", "a", "b"), preference("kim", "x", "a", "b")});
  CHECK(votes.repeated() == 1);
  MergeCounts counts;
  merged(votes, &counts);
  CHECK(counts.votes == 1);
  CHECK_THROWS_WITH_AS(votes_of({preference("kim", "x", "a", "b"), preference("kim", "x", "b", "a")}),
                       "kim.jsonl: record x: \"kim\" decided pair \"x\" otherwise than in kim.jsonl: record x", Error);
  CHECK_THROWS_AS(votes_of({preference("kim", "x", "a", "b"), note("kim", "x", "tie")}), Error);
}

TEST_CASE("other texts under the same id are an error that names both places") {
  CHECK_THROWS_WITH_AS(votes_of({preference("kim", "x", "a", "b"), preference("lee", "x", "a", "c")}),
                       "lee.jsonl: record x: pair \"x\" has other texts than in kim.jsonl: record x", Error);
  CHECK_THROWS_AS(votes_of({preference("kim", "x", "a", "b"), preference("lee", "x", "a", "b", "", "q")}), Error);
}

TEST_CASE("a line's digest tells whether its texts are those that were judged") {
  const std::string digest = pair_digest(pair_group(preference("kim", "x", "a", "b"), "x"));
  CHECK(digest == pair_digest(pair_group(preference("kim", "x", "b", "a"), "x")));
  const std::string told = ",\"pair\":\"" + digest + "\"";
  CHECK(!merged(votes_of({preference("kim", "x", "a", "b", told)})).empty());
  CHECK_THROWS_WITH_AS(votes_of({preference("kim", "x", "a", "B", told)}), doctest::Contains("field \"pair\""), Error);
  CHECK_NOTHROW(votes_of({preference("kim", "x", "a", "b"), note("lee", "x", "tie", told)}));
  CHECK_THROWS_WITH_AS(votes_of({preference("kim", "x", "a", "c"), note("lee", "x", "tie", told)}),
                       "notes: record x: pair \"x\" has other texts than in kim.jsonl: record x", Error);
}

TEST_CASE("decisions need an id, a judge and a word that is known") {
  Record nameless = preference("kim", "x", "a", "b");
  nameless.erase("labeler");
  CHECK_THROWS_WITH_AS(votes_of({nameless}), doctest::Contains("\"labeler\""), Error);
  CHECK_THROWS_WITH_AS(votes_of({note("", "x", "tie")}), doctest::Contains("\"labeler\""), Error);
  Votes votes;
  votes.add(note("", "x", "tie"), "kim");  // of kim's journal
  CHECK(*votes.judges().begin() == "kim");
  CHECK_THROWS_WITH_AS(votes_of({note("kim", "x", "draw")}), doctest::Contains("\"decision\""), Error);
  Record unnamed = preference("kim", "x", "a", "b");
  unnamed.erase("id");
  CHECK_THROWS_WITH_AS(votes_of({unnamed}), doctest::Contains("\"id\""), Error);
  CHECK_THROWS_WITH_AS(votes_of({preference("kim", "x", "a", "a")}), doctest::Contains("is the same text"), Error);
}

TEST_CASE("the trajectories give token ids and refuse pairs that aren't theirs") {
  AnswerGroups groups;
  const std::string ids = ",\"prompt_ids\":[1],\"tokenizer\":\"t\",\"response_ids\":";
  groups.add(answer("g/0", "b", ids + "[2]"), "");
  groups.add(answer("g/1", "a", ids + "[3,4]"), "");
  Votes votes = votes_of({preference("kim", "g/0-1", "a", "b")});
  votes.match(groups.sorted());
  CHECK(merged(votes).find("\"prompt_ids\":[1],\"chosen_ids\":[3,4],\"rejected_ids\":[2],\"tokenizer\":\"t\"") !=
        std::string::npos);
  Votes others = votes_of({preference("kim", "g/0-1", "a", "c")});
  CHECK_THROWS_WITH_AS(others.match(groups.sorted()),
                       doctest::Contains("kim.jsonl: record g/0-1: pair \"g/0-1\" has other"), Error);
  Votes unknown = votes_of({preference("kim", "g/0-2", "a", "b")});
  CHECK_THROWS_WITH_AS(unknown.match(groups.sorted()), doctest::Contains("is none of the trajectories' pairs"), Error);
}

TEST_CASE("judges' kappa is taken over the answers in an order of their own") {
  // kim: first, first, first, second; lee: first, first, second, second. Observed 3/4, by chance 3/4*1/2 + 1/4*1/2 = 1/2.
  std::vector<Record> records;
  const char* judged[4][2] = {{"ab", "ab"}, {"ab", "ab"}, {"ab", "ba"}, {"ba", "ba"}};
  for (int i = 0; i < 4; ++i) {
    const std::string id = "x" + std::to_string(i);
    for (int j = 0; j < 2; ++j) {
      const std::string says = judged[i][j];
      records.push_back(preference(j == 0 ? "kim" : "lee", id, says.substr(0, 1), says.substr(1), "", id));
    }
  }
  const Agreement a = agreement_of(votes_of(records));
  CHECK(a.pairs == 4);
  CHECK(*a.observed == doctest::Approx(0.75));
  CHECK(*a.kappa == doctest::Approx(0.5));
  // Three judges: ann agrees with kim. Pairs' agreements 1, 1, 1/3, 1; first's share 8/12: chance 5/9.
  for (int i = 0; i < 4; ++i) {
    const std::string id = "x" + std::to_string(i), says = judged[i][0];
    records.push_back(preference("ann", id, says.substr(0, 1), says.substr(1), "", id));
  }
  CHECK(*agreement_of(votes_of(records)).kappa == doctest::Approx((10.0 / 12 - 5.0 / 9) / (4.0 / 9)));
}

TEST_CASE("wins are the candidate's, a vote each, by prompt") {
  AnswerGroups candidate, baseline;
  candidate.add(answer("g/0", "z"), "");
  candidate.add(answer("g/1", "a"), "");
  candidate.add(answer("h/0", "m"), "");
  baseline.add(answer("g/0", "b"), "");
  baseline.add(answer("h/0", "k"), "");
  const JoinedGroups joined = joined_groups(candidate, baseline);
  Votes votes =
      votes_of({preference("kim", "g/0~0", "z", "b"), preference("lee", "g/0~0", "b", "z"),
                preference("kim", "g/1~0", "a", "b"), note("kim", "h/0~0", "tie"), note("lee", "h/0~0", "skip")});
  votes.match(joined.groups);
  const std::vector<Wins> wins = wins_of(votes);
  REQUIRE(wins.size() == 2);
  CHECK(wins[0] == Wins{1, 0, 1});
  CHECK(wins[1] == Wins{0.5});
}
