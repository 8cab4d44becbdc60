#include <set>
#include <string>

#include "lib/base/error.h"
#include "lib/label/label_session.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

void add(AnswerGroups& groups, const std::string& id, const std::string& text, const std::string& more = "",
         const std::string& field = "") {
  const std::string prompt = more.find("\"prompt\"") == std::string::npos ? ",\"prompt\":\"p\"" : "";
  groups.add(Record::parse("{\"id\":\"" + id + "\",\"group\":\"" + id.substr(0, id.find('/')) + "\",\"response\":\"" +
                               text + "\"" + prompt + more + "}",
                           "in: record " + id),
             field);
}

}  // namespace

TEST_CASE("two policies: pairs are one answer of each, in the groups that both have") {
  AnswerGroups candidate, baseline;
  for (const char* id : {"g/0", "g/1", "only/0"}) add(candidate, id, std::string("new ") + id);
  for (const char* id : {"g/0", "g/1", "g/2", "other/0", "third/0"}) add(baseline, id, std::string("old ") + id);
  const JoinedGroups joined = joined_groups(candidate, baseline);
  REQUIRE(joined.groups.size() == 1);
  CHECK(joined.candidate_only == 1);
  CHECK(joined.baseline_only == 2);
  LabelCounts counts;
  std::set<std::string> ids;
  for (const Question& q : make_questions(joined.groups, true, 5, counts)) {
    ids.insert(q.id);
    const auto& answers = q.group->answers;
    const std::string left = answers[q.left].text("response"), right = answers[q.right].text("response");
    CHECK(left.substr(0, 3) != right.substr(0, 3));
    const std::string& mine = left.starts_with("new") ? left : right;
    CHECK(q.id[2] == mine.back());  // the candidate's stands first in the id
  }
  CHECK(ids == std::set<std::string>{"g/0~0", "g/0~1", "g/0~2", "g/1~0", "g/1~1", "g/1~2"});
  CHECK(make_questions(joined.groups, false, 5, counts).size() == 1);
}

TEST_CASE("two policies: the prompts of a group must be the same, or the dialogues they were rendered from") {
  AnswerGroups candidate, same, other, rendered, again;
  add(candidate, "g/0", "a");
  add(other, "g/0", "b", ",\"prompt\":\"q\"");
  CHECK_THROWS_WITH_AS(joined_groups(candidate, other),
                       "in: record g/0: the prompt differs from that of in: record g/0, of the same group \"g\"",
                       Error);
  const std::string messages = ",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
  add(rendered, "g/0", "a", ",\"prompt\":\"<user>hi\"" + messages);
  add(again, "g/0", "b", ",\"prompt\":\"[INST] hi\"" + messages);
  CHECK(joined_groups(rendered, again).groups.size() == 1);
}

TEST_CASE("two policies: a field decides, equal values and those within the margin are half a win") {
  AnswerGroups candidate, baseline;
  const auto reward = [](const char* x) { return std::string(",\"reward\":") + x; };
  for (const auto& [id, x] : {std::pair("g/0", "2"), {"g/1", "1"}, {"g/2", "0"}, {"h/0", "1.25"}, {"i/0", "7"}})
    add(candidate, id, std::string("new ") + id, reward(x), "reward");
  add(baseline, "g/0", "old", reward("1"), "reward");
  add(baseline, "h/0", "old", reward("1"), "reward");
  add(baseline, "i/0", "new i/0", reward("1"), "reward");  // the same text
  const JoinedGroups joined = joined_groups(candidate, baseline);
  REQUIRE(joined.groups.size() == 3);
  const ComparedField field{"reward", Pairing::kAll, 0.5};
  LabelCounts counts;
  Wins wins;
  const auto records = preferences_by_value(joined.groups[0], field, 0, counts, wins);
  CHECK(wins == Wins{1, 0.5, 0});
  REQUIRE(records.size() == 2);
  CHECK(records[0].line() ==
        "{\"schema\":\"preference/1\",\"id\":\"g/0~0\",\"prompt\":\"p\",\"chosen\":\"new g/0\",\"rejected\":\"old\","
        "\"labeler\":\"reward\",\"margin\":1,\"chosen_reward\":2,\"rejected_reward\":1}");
  CHECK(records[1].text("chosen") == "old");
  CHECK(preferences_by_value(joined.groups[1], field, 0, counts, wins).empty());
  CHECK(preferences_by_value(joined.groups[2], field, 0, counts, wins).empty());
  CHECK(wins == Wins{1, 0.5, 0, 0.5});
  CHECK(counts.pairs == 2);
  CHECK(counts.ties == 1);
  CHECK(counts.below_margin == 1);
  CHECK(counts.equal == 1);
}

TEST_CASE("two policies: one pair of a group is drawn by the seed") {
  AnswerGroups candidate, baseline;
  for (int k = 0; k < 3; ++k) {
    add(candidate, "g/" + std::to_string(k), "new " + std::to_string(k), ",\"x\":1", "x");
    add(baseline, "g/" + std::to_string(k), "old " + std::to_string(k), ",\"x\":0", "x");
  }
  const JoinedGroups joined = joined_groups(candidate, baseline);
  std::set<std::string> ids;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    LabelCounts counts;
    Wins wins;
    const auto records = preferences_by_value(joined.groups[0], {"x", Pairing::kBestWorst, 0}, seed, counts, wins);
    REQUIRE(records.size() == 1);
    const auto asked = make_questions(joined.groups, false, seed, counts);
    CHECK(records[0].text("id") == asked[0].id);  // the same for a person
    ids.insert(records[0].text("id"));
  }
  CHECK(ids.size() == 9);
}

TEST_CASE("a preference is a pair to be judged again, without a trace of what was chosen") {
  for (const bool turned : {false, true}) {
    AnswerGroups groups;
    const std::string one = turned ? "b" : "a", two = turned ? "a" : "b";
    groups.add_pair(Record::parse("{\"id\":\"x\",\"prompt\":\"p\",\"chosen\":\"" + one + "\",\"rejected\":\"" + two +
                                      "\",\"chosen_ids\":[1],\"labeler\":\"gold\",\"margin\":2}",
                                  "in"));
    const AnswerGroup& group = groups.sorted()[0];
    CHECK(group.answers[0].text("response") == "a");
    CHECK(group.answers[1].text("response") == "b");
    for (const Record& answer : group.answers)
      for (const char* told : {"margin", "labeler", "chosen", "rejected", "id"}) CHECK(!answer.has(told));
    LabelCounts counts;
    CHECK(make_questions(groups.sorted(), false, 0, counts)[0].id == "x");
  }
  AnswerGroups groups;
  const Record pair = Record::parse("{\"chosen\":\"a\",\"rejected\":\"b\"}", "in");
  groups.add_pair(pair);
  groups.add_pair(pair);
  CHECK(groups.sorted()[1].pair == "1");  // its number
  CHECK(preference_record(groups.sorted()[1], 0, 1, "me").line() ==
        "{\"schema\":\"preference/1\",\"id\":\"1\",\"chosen\":\"a\",\"rejected\":\"b\",\"labeler\":\"me\"}");
  CHECK_THROWS_AS(groups.add_pair(Record::parse("{\"id\":\"1\",\"chosen\":\"a\",\"rejected\":\"b\"}", "in")), Error);
}
