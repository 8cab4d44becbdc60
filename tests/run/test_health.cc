#include "lib/run/health.h"

#include "tests/harness/harness.h"

using namespace nudge;

namespace {

SampleHealth healthy() {
  SampleHealth h;
  h.trajectories = 8, h.cut = 7, h.groups = 4, h.equal_groups = 2;
  h.entropy = 2, h.last_entropy = 3.9;
  return h;
}

// The one warning of these figures.
template <class Health>
std::string only(const Health& h, const HealthBounds& bounds = {}) {
  const auto all = warnings_of(h, bounds);
  CHECK(all.size() == 1);
  return all.empty() ? "" : all[0];
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("figures within their bounds give no warning") {
  CHECK(warnings_of(healthy(), {}).empty());
  CHECK(warnings_of(StepHealth{.kl = 0.1, .approxkl = 0.1, .clipfrac = 0.5}, {}).empty());
  CHECK(warnings_of(SampleHealth{}, {}).empty());
}

TEST_CASE("each figure of the samples has its warning") {
  SampleHealth h = healthy();
  h.cut = 8;
  CHECK(has(only(h), "all answers were cut off by the length limit"));
  h = healthy(), h.equal_groups = 3;
  CHECK(has(only(h), "the same reward in 3 of 4 groups"));
  h = healthy(), h.no_advantage = true;
  CHECK(has(only(h), "all advantages are 0"));
  h = healthy(), h.first_ratio_min = 0.5f;
  CHECK(has(only(h), "the first ratio is not 1 but 0.5 to 1"));
  h = healthy(), h.first_ratio_max = 1.5f;
  CHECK(has(only(h), "the first ratio is not 1 but 1 to 1.5"));
  h = healthy(), h.hottest = 1.5f;
  CHECK(has(only(h), "different temperatures, 1 to 1.5"));
  h = healthy(), h.end_is_pad = true;
  CHECK(has(only(h), "one token as end and as padding"));
}

TEST_CASE("an entropy far from the last one warns in both directions, and 0 is far from all") {
  SampleHealth h = healthy();
  h.last_entropy = 4.1;
  CHECK(has(only(h), "entropy is 2 nats a token, the last iteration's was 4.1"));
  h.last_entropy = 0.9;
  only(h);
  h.last_entropy = 0;
  only(h);
  h.entropy = 0, h.last_entropy = 1;
  only(h);
  h.last_entropy = 0;
  CHECK(warnings_of(h, {}).empty());
  h.entropy = 2, h.last_entropy = std::nullopt;
  CHECK(warnings_of(h, {}).empty());
}

TEST_CASE("each figure of the step has its warning") {
  CHECK(has(only(StepHealth{.kl = 0.2}), "step's KL is 0.2 nats a token (--warn-kl 0.1)"));
  CHECK(has(only(StepHealth{.approxkl = 0.3}), "the updates' approxkl is 0.3 nats a token"));
  CHECK(has(only(StepHealth{.clipfrac = 0.75}), "clipped at 75% of the tokens"));
}

TEST_CASE("the bounds decide, and their ends switch warnings off") {
  SampleHealth h = healthy();
  CHECK(warnings_of(h, {.entropy = 1.9}).size() == 1);
  CHECK(warnings_of(h, {.equal = 0.4}).size() == 1);
  h.last_entropy = 1e9, h.equal_groups = 4;
  CHECK(warnings_of(h, {}).size() == 2);
  CHECK(warnings_of(h, {.entropy = 0, .equal = 1}).empty());
  const StepHealth s{.kl = 9, .approxkl = 9, .clipfrac = 1};
  CHECK(warnings_of(s, {}).size() == 2);
  CHECK(warnings_of(s, {.kl = 0, .clip = 1}).empty());
  CHECK(warnings_of(s, {.kl = 10, .clip = 1}).empty());
}
