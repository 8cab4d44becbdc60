#include <map>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/label/label.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

Record trajectory(const std::string& group, const std::string& id, const std::string& response,
                  const std::string& more = "") {
  return Record::parse("{\"schema\":\"trajectory/1\",\"id\":\"" + id + "\",\"group\":\"" + group + "\",\"prompt\":\"P" +
                           group + "\",\"response\":\"" + response + "\"" + more + "}",
                       "in: record " + id);
}

std::string reward(const char* text) { return std::string(",\"reward\":") + text; }

AnswerGroup group_of(const std::vector<const char*>& rewards) {
  AnswerGroups groups;
  int k = 0;
  for (const char* r : rewards) {
    const std::string number = std::to_string(k++);
    groups.add(trajectory("g", "g/" + number, "answer " + number, reward(r)), "reward");
  }
  return groups.sorted()[0];
}

// "chosen>rejected" of each pair, by the numbers of the answers.
std::string outcome(const std::vector<Record>& records) {
  std::string text;
  for (const Record& r : records) {
    text += (text.empty() ? "" : " ") + r.text("chosen").substr(7) + ">" + r.text("rejected").substr(7);
  }
  return text;
}

std::string labeled(const std::vector<const char*>& rewards, Pairing pairing, float least = 0) {
  LabelCounts counts;
  return outcome(preferences_by_value(group_of(rewards), {"reward", pairing, least}, counts));
}

}  // namespace

TEST_CASE("the best is paired with the worst, of equals the first") {
  CHECK(labeled({"0.5", "2", "-1", "1"}, Pairing::kBestWorst) == "1>2");
  CHECK(labeled({"-1", "2", "2", "-1"}, Pairing::kBestWorst) == "1>0");
  CHECK(labeled({"3", "3", "3"}, Pairing::kBestWorst) == "");
  CHECK(labeled({"3"}, Pairing::kBestWorst) == "");
}

TEST_CASE("all pairs are made in the order of their answers, equal values left out") {
  CHECK(labeled({"1", "2", "1", "3"}, Pairing::kAll) == "1>0 3>0 1>2 3>1 3>2");
  CHECK(labeled({"1", "1"}, Pairing::kAll) == "");
}

TEST_CASE("a margin at the bound makes a pair and one below it does not") {
  CHECK(labeled({"0.3", "0.2"}, Pairing::kBestWorst, 0.1f) == "0>1");
  CHECK(labeled({"0.3", "0.21"}, Pairing::kBestWorst, 0.1f) == "");
  CHECK(labeled({"0", "1", "3"}, Pairing::kAll, 2) == "2>0 2>1");
}

TEST_CASE("pairs, ties, small margins and single answers are counted") {
  LabelCounts counts;
  preferences_by_value(group_of({"1", "1", "2", "5"}), {"reward", Pairing::kAll, 2}, counts);
  CHECK(counts.pairs == 3);
  CHECK(counts.ties == 1);
  CHECK(counts.below_margin == 2);
  preferences_by_value(group_of({"1"}), {"reward", Pairing::kAll, 0}, counts);
  CHECK(counts.single == 1);
  CHECK(counts.pairs == 3);
}

TEST_CASE("the margin is the difference of the decimal texts, rounded once") {
  LabelCounts counts;
  const auto records = preferences_by_value(group_of({"0.7", "0.2"}), {"reward", Pairing::kBestWorst, 0}, counts);
  REQUIRE(records.size() == 1);
  CHECK(records[0].raw("margin") == "0.5");
  CHECK(records[0].raw("chosen_reward") == "0.7");
  CHECK(records[0].raw("rejected_reward") == "0.2");
  CHECK(records[0].text("labeler") == "reward");
}

TEST_CASE("differences that vanish in float are ties and those beyond it an error") {
  CHECK(labeled({"1e-50", "0"}, Pairing::kBestWorst) == "");
  LabelCounts counts;
  CHECK_THROWS_AS(preferences_by_value(group_of({"1e300", "0"}), {"reward", Pairing::kBestWorst, 0}, counts), Error);
}

TEST_CASE("rewards are written only for a field whose name ends in reward") {
  for (const auto& [name, written] : std::map<std::string, bool>{{"my_reward", true}, {"length", false}}) {
    AnswerGroups groups;
    groups.add(trajectory("g", "g/0", "a", ",\"" + name + "\":1"), name);
    groups.add(trajectory("g", "g/1", "b", ",\"" + name + "\":2"), name);
    LabelCounts counts;
    const auto records = preferences_by_value(groups.sorted()[0], {name, Pairing::kBestWorst, 0}, counts);
    REQUIRE(records.size() == 1);
    CHECK(records[0].has("chosen_reward") == written);
    CHECK(records[0].has("rejected_reward") == written);
    CHECK(records[0].text("labeler") == name);
  }
}

TEST_CASE("answers with the same text make no pair whatever their values") {
  AnswerGroups groups;
  groups.add(trajectory("g", "g/0", "same", reward("1")), "reward");
  groups.add(trajectory("g", "g/1", "same", reward("2")), "reward");
  LabelCounts counts;
  CHECK(preferences_by_value(groups.sorted()[0], {"reward", Pairing::kBestWorst, 0}, counts).empty());
  CHECK(counts.ties == 1);
}

TEST_CASE("an answer without the field is an error that names record and field") {
  AnswerGroups groups;
  groups.add(trajectory("g", "g/0", "a", reward("1")), "reward");
  try {
    groups.add(trajectory("g", "g/1", "b"), "reward");
    FAIL("accepted");
  } catch (const Error& e) {
    CHECK(e.status() == Exit::kBadInput);
    CHECK(std::string(e.what()).find("in: record g/1: ") == 0);
    CHECK(std::string(e.what()).find("\"reward\"") != std::string::npos);
  }
}

TEST_CASE("a group that is neither text nor integer is refused, and so is an answer without one") {
  AnswerGroups groups;
  for (const std::string group : {"\"group\":[1],", "\"group\":1.5,", "\"group\":null,", ""}) {
    CAPTURE(group);
    const Record answer =
        Record::parse("{\"id\":\"g/0\"," + group + "\"prompt\":\"P\",\"response\":\"a\"}", "in: record 1");
    CHECK_THROWS_WITH_AS(groups.add(answer, ""), doctest::Contains("in: record 1: field \"group\" "), Error);
  }
  CHECK(groups.size() == 0);
}

TEST_CASE("groups are told apart wherever their answers stand, and answers are ordered by id") {
  AnswerGroups groups;
  for (const char* id : {"b/10", "b/9", "b/2"}) groups.add(trajectory("b", id, id), "");
  groups.add(trajectory("a", "a/0", "x"), "");
  groups.add(trajectory("b", "b/1", "b/1"), "");
  const auto& sorted = groups.sorted();
  REQUIRE(sorted.size() == 2);
  CHECK(sorted[0].name == "b");
  CHECK(sorted[1].name == "a");
  CHECK(groups.answers() == 5);
  std::string order;
  for (const Record& r : sorted[0].answers) order += r.text("id") + " ";
  CHECK(order == "b/1 b/2 b/9 b/10 ");
}

TEST_CASE("an id given twice and a group with two prompts are errors that name both records") {
  AnswerGroups groups;
  groups.add(trajectory("g", "g/0", "a"), "");
  try {
    groups.add(trajectory("g", "g/0", "b"), "");
    FAIL("accepted");
  } catch (const Error& e) {
    CHECK(std::string(e.what()) == "in: record g/0: duplicate id \"g/0\", also in in: record g/0");
  }
  Record other = trajectory("g", "g/1", "b");
  other.set_text("prompt", "another");
  try {
    groups.add(other, "");
    FAIL("accepted");
  } catch (const Error& e) {
    CHECK(std::string(e.what()) ==
          "in: record g/1: the prompt differs from that of in: record g/0, of the same group \"g\"");
  }
}

TEST_CASE("trajectories need id, group, prompt and response") {
  for (const char* key : {"id", "group", "prompt", "response"}) {
    CAPTURE(key);
    Record record = trajectory("g", "g/0", "a");
    record.erase(key);
    AnswerGroups groups;
    CHECK_THROWS_AS(groups.add(record, ""), Error);
  }
}

TEST_CASE("a pair's id names group and answers, whichever is chosen, and whole ids where they are foreign") {
  AnswerGroups groups;
  for (const char* id : {"g/0", "g/12", "x"}) groups.add(trajectory("g", id, id), "");
  const AnswerGroup& group = groups.sorted()[0];  // x, g/0, g/12
  CHECK(pair_id(group, 1, 2) == "g/0-12");
  CHECK(pair_id(group, 2, 1) == "g/0-12");
  CHECK(pair_id(group, 0, 1) == "g/x-0");
}

TEST_CASE("token ids and the tokenizer pass along where both answers agree on them") {
  const std::string ids = ",\"prompt_ids\":[1,2],\"response_ids\":[3],\"tokenizer\":\"abc\"";
  const auto pair = [&](const std::string& second) {
    AnswerGroups groups;
    groups.add(trajectory("g", "g/0", "a", ids), "");
    groups.add(trajectory("g", "g/1", "b", second), "");
    return preference_record(groups.sorted()[0], 1, 0, "human");
  };
  const Record whole = pair(",\"prompt_ids\":[1,2],\"response_ids\":[4,5],\"tokenizer\":\"abc\"");
  CHECK(whole.line() ==
        "{\"schema\":\"preference/1\",\"id\":\"g/0-1\",\"prompt\":\"Pg\",\"chosen\":\"b\",\"rejected\":"
        "\"a\",\"labeler\":\"human\",\"prompt_ids\":[1,2],\"chosen_ids\":[4,5],\"rejected_ids\":[3],"
        "\"tokenizer\":\"abc\"}");
  CHECK(!pair("").has("prompt_ids"));
  CHECK(!pair(",\"prompt_ids\":[1,2],\"response_ids\":[4],\"tokenizer\":\"other\"").has("chosen_ids"));
  CHECK(!pair(",\"prompt_ids\":[1,9],\"response_ids\":[4],\"tokenizer\":\"abc\"").has("tokenizer"));
}

TEST_CASE("a prompt of messages passes as it stands") {
  AnswerGroups groups;
  for (const char* id : {"g/0", "g/1"}) {
    Record record = trajectory("g", id, id);
    record.set_raw("prompt", "[{\"role\":\"user\",\"content\":\"hi\"}]");
    groups.add(record, "");
  }
  CHECK(preference_record(groups.sorted()[0], 0, 1, "x").raw("prompt") == "[{\"role\":\"user\",\"content\":\"hi\"}]");
}
