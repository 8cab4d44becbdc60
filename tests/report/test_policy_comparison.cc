#include "lib/report/policy_comparison.h"

#include "tests/harness/harness.h"

using namespace nudge;

namespace {

Record answer(const std::string& policy, const std::string& id, const std::string& more) {
  return Record::parse(R"({"policy":")" + policy + R"(","id":")" + id + R"(","response":"abc")" + more + "}",
                       "made: record 1");
}

// Rewards by hand: p0 has the means 2, 0 and p1 has 4, 1 on the prompts a and b; c and d are one policy's own.
PolicyComparison made() {
  PolicyComparison c;
  c.add(answer("p0", "a/0", R"(,"reward":1,"seed":1)"), "zero");
  c.add(answer("p0", "a/1", R"(,"reward":3,"seed":1)"), "zero");
  c.add(answer("p0", "b/0", R"(,"reward":0,"seed":1)"), "zero");
  c.add(answer("p0", "c/0", R"(,"reward":100,"seed":1)"), "zero");
  c.add(answer("p1", "d/0", R"(,"reward":-100,"seed":2)"), "one");
  c.add(answer("p1", "b/0", R"(,"reward":1.5,"seed":2)"), "one");
  c.add(answer("p1", "b/1", R"(,"reward":0.5,"seed":2)"), "one");
  c.add(answer("p1", "a/0", R"(,"reward":4,"seed":2)"), "one");
  return c;
}

}  // namespace

TEST_CASE("means over shared prompts, each the mean of its answers, and differences paired by prompt") {
  PolicyComparison c = made();
  REQUIRE(c.finish());
  CHECK(c.prompts() == 2);
  REQUIRE(c.policies().size() == 2);
  CHECK(c.policies()[0].answers == 3);
  CHECK(c.policies()[1].answers == 3);
  REQUIRE(c.figures().size() == 1);  // neither seeds nor lengths, which do not vary
  const PolicyComparison::Figure& reward = c.figures()[0];
  CHECK(reward.name == "reward");
  CHECK(*reward.means[0].mean == 1);  // of 2 and 0: sd sqrt(2), error 1
  CHECK(*reward.means[0].standard_error == doctest::Approx(1));
  CHECK(*reward.means[1].mean == 2.5);
  CHECK(*reward.means[1].standard_error == doctest::Approx(1.5));
  CHECK_FALSE(reward.differences[0].mean.has_value());
  CHECK(*reward.differences[1].mean == 1.5);  // of 2 and 1
  CHECK(*reward.differences[1].standard_error == doctest::Approx(0.5));
  CHECK(comparison_text(c) ==
        "2 prompts answered by each of 2 policies\n"
        "  zero: 3 answers, reward 1.0 +- 1.0\n"
        "  one: 3 answers, reward 2.5 +- 1.5\n"
        "    minus zero: reward 1.50 +- 0.50\n");
}

TEST_CASE("shared prompts come in the order of their answers, with each policy's first") {
  PolicyComparison c = made();
  REQUIRE(c.finish());
  CHECK(c.first(1) == std::vector<std::string>{"a"});
  CHECK(c.first(9) == std::vector<std::string>{"a", "b"});
  CHECK(c.drawn(9, 1) == c.first(9));
  const PolicyComparison::Prompt b = c.prompt("b");
  REQUIRE(b.answers.size() == 2);
  CHECK(b.answers[0]->record.text("id") == "b/0");
  CHECK(*b.answers[1]->figures[0] == 1.5);
  std::vector<std::string> drawn;
  for (std::uint64_t seed = 0; seed < 20; ++seed) drawn.push_back(c.drawn(1, seed)[0]);
  CHECK(std::ranges::count(drawn, "a") > 0);
  CHECK(std::ranges::count(drawn, "b") > 0);
}

TEST_CASE("one policy, one file, or no prompt in common: nothing to compare") {
  PolicyComparison shards;
  shards.add(answer("p0", "a/0", ""), "zero");
  shards.add(answer("p0", "a/1", ""), "one");
  CHECK_FALSE(shards.finish());
  PolicyComparison mixed;
  mixed.add(answer("p0", "a/0", ""), "zero");
  mixed.add(answer("p1", "a/0", ""), "zero");
  CHECK_FALSE(mixed.finish());
  PolicyComparison apart;
  apart.add(answer("p0", "a/0", ""), "zero");
  apart.add(answer("p1", "b/0", ""), "one");
  CHECK_FALSE(apart.finish());
  CHECK_FALSE(PolicyComparison().finish());
}

TEST_CASE("the shards of a policy are one side; files of one name are told apart by their policies") {
  PolicyComparison c;
  c.add(answer("p0", "a/0", ""), "x");
  c.add(answer("p0", "b/0", ""), "y");
  c.add(answer("p1", "a/0", ""), "z");
  REQUIRE(c.finish());
  CHECK(c.policies()[0].name == "x and 1 more");
  PolicyComparison same;
  same.add(answer("0123456789", "a/0", ""), "x");
  same.add(answer("9876543210", "a/0", ""), "x");
  same.add(answer("p2", "a/0", ""), "y");
  REQUIRE(same.finish());
  CHECK(same.policies()[0].name == "x, policy 01234567");
  CHECK(same.policies()[2].name == "y");
}

TEST_CASE("the KL of a response leaves out what its mask leaves out; lengths are of tokens, or of characters") {
  const Record r = Record::parse(
      R"({"response_ids":[1,2,3],"logprobs":[-1,-2,-3],"ref_logprobs":[-1.5,-1.75,9],"loss_mask":[1,1,0]})", "made");
  CHECK(*response_kl(r) == 0.25);
  CHECK(*response_length(r) == 3);
  CHECK(*response_length(Record::parse(R"({"response":"\u00e4b"})", "made")) == 2);
  CHECK_FALSE(response_length(Record::parse(R"({"prompt":"a"})", "made")).has_value());
  CHECK_FALSE(response_kl(Record::parse(R"({"response_ids":[1],"logprobs":[-1]})", "made")).has_value());
}

TEST_CASE("records that are damaged in their fields, or of no policy, stop no comparison") {
  PolicyComparison c = made();
  c.add(Record::parse(R"({"id":"a/0","response":"x","reward":9})", "made"), "one");
  c.add(Record::parse(R"({"policy":"p1","id":[1],"response":"x","reward":9})", "made"), "one");
  c.add(answer("p1", "z/0", R"(,"response_ids":[1,2],"logprobs":[1],"ref_logprobs":[2])"), "one");
  REQUIRE(c.finish());
  CHECK(c.policies()[1].answers == 3);
}
