// The flat batch: order, offsets, what is copied and chosen, every refusal. No model.
#include "lib/rl/ppo_batch.h"

#include <cmath>
#include <limits>

#include "lib/base/error.h"
#include "tests/harness/harness.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Floats = std::vector<float>;

Trajectory trajectory(const std::string& id, std::int32_t first, Floats logprobs) {
  Trajectory t;
  t.id = id;
  t.where = "record " + id;
  t.prompt_ids = {first, 90};
  for (std::size_t k = 0; k < logprobs.size(); ++k) t.response_ids.push_back(first + 1 + static_cast<std::int32_t>(k));
  t.ref_logprobs = logprobs;
  for (float& x : t.ref_logprobs) x *= 2;
  t.logprobs = std::move(logprobs);
  t.reward = 1.0f;
  return t;
}

std::vector<Trajectory> three() {
  return {trajectory("10", 30, {-5}), trajectory("2", 20, {-3, -4}), trajectory("1", 10, {-1, -2, -2.5f})};
}

PpoBatch filled(const std::vector<Trajectory>& trajectories) {
  PpoBatch b = gather_recorded(trajectories, true);
  for (std::size_t i = 0; i < b.old_logprobs.size(); ++i) {
    const auto x = static_cast<float>(i);
    b.values.push_back(x), b.advantages.push_back(10 + x), b.returns.push_back(20 + x);
  }
  return b;
}

std::string refusal(const std::vector<Trajectory>& trajectories, bool needs_ref = true) {
  return message_of([&] { gather_recorded(trajectories, needs_ref); });
}

}  // namespace

TEST_CASE("a batch is in the order of ids, shorter ones first, with one offset a trajectory") {
  const auto trajectories = three();
  const PpoBatch b = gather_recorded(trajectories, true);
  CHECK(b.trajectories == std::vector<const Trajectory*>{&trajectories[2], &trajectories[1], &trajectories[0]});
  CHECK(b.begin == std::vector<std::size_t>{0, 3, 5, 6});
  CHECK(b.old_logprobs == Floats{-1, -2, -2.5f, -3, -4, -5});
  CHECK(b.ref_logprobs == Floats{-2, -4, -5, -6, -8, -10});
  CHECK((b.size(1) == 2 && b.part(b.old_logprobs, 1)[0] == -3.0f && b.part(b.values, 1).empty()));
  CHECK((b.views()[1].tokens() == 4 && b.views()[1].response[0] == 21));
}

TEST_CASE("without a prompt the first token is predicted by nothing, and has no place") {
  Trajectory t = trajectory("1", 10, {-1, -2});
  t.prompt_ids.clear(), t.response_ids.push_back(13);
  CHECK(gather_recorded({&t, 1}, true).begin == std::vector<std::size_t>{0, 2});
}

TEST_CASE("some trajectories are chosen in the order asked for, with what the losses read") {
  const auto trajectories = three();
  const std::vector<std::int64_t> members = {2, 0};
  const PpoBatch some = filled(trajectories).select(members);
  CHECK(some.trajectories == std::vector<const Trajectory*>{&trajectories[0], &trajectories[2]});
  CHECK(some.begin == std::vector<std::size_t>{0, 1, 4});
  CHECK(some.old_logprobs == Floats{-5, -1, -2, -2.5f});
  CHECK(some.ref_logprobs == Floats{-10, -2, -4, -5});
  CHECK((some.values == Floats{5, 0, 1, 2} && some.advantages == Floats{15, 10, 11, 12}));
  CHECK(some.returns == Floats{25, 20, 21, 22});
  Batch packed;
  Targets targets;
  for (const ResponseView& view : some.views()) lay_out(view, packed, targets);
  CHECK(targets.tokens == std::vector<std::int32_t>{31, 11, 12, 13});  // in the order of the arrays
  CHECK(targets.rows == std::vector<std::int64_t>{1, 3, 4, 5});
}

TEST_CASE("the loss reads a run of the arrays, and a reference where there is one") {
  const auto trajectories = three();
  PpoBatch b = filled(trajectories);
  const Floats now = {-7, -8};
  const PolicyTokens t = b.policy_tokens(2, now);
  CHECK((t.logprobs.data() == now.data() && t.old_logprobs.size() == 2 && t.old_logprobs[0] == -2.5f));
  CHECK((t.ref_logprobs[1] == -6.0f && t.advantages[0] == 12.0f && t.advantages[1] == 13.0f));
  b.ref_logprobs.clear();
  CHECK(b.policy_tokens(2, now).ref_logprobs.empty());
}

TEST_CASE("a reference that some record lacks is left out, or missed where it is needed") {
  auto trajectories = three();
  trajectories[1].ref_logprobs.clear();
  CHECK(gather_recorded(trajectories, false).ref_logprobs.empty());
  CHECK(refusal(trajectories) == "record 2: field \"ref_logprobs\" is missing, which the KL penalty needs");
  CHECK_FALSE(gather_recorded(three(), false).ref_logprobs.empty());
}

TEST_CASE("what a record lacks is named") {
  auto trajectories = three();
  trajectories[0].id = "2";
  CHECK(refusal(trajectories) == "record 2: duplicate id \"2\", also in record 10");
  trajectories = three();
  trajectories[1].logprobs.clear();
  CHECK(refusal(trajectories) == "record 2: field \"logprobs\" is missing");
  trajectories = three();
  trajectories[1].reward.reset();
  CHECK(refusal(trajectories) == "record 2: field \"reward\" is missing");
  trajectories[1].token_rewards = {0, 1};
  CHECK(refusal(trajectories) == "nothing thrown");
}

TEST_CASE("lists of another length than the response are refused") {
  auto trajectories = three();
  trajectories[1].logprobs.pop_back();
  CHECK(refusal(trajectories) == "record 2: 1 log-probs for 2 response tokens");
  trajectories = three();
  trajectories[1].ref_logprobs.push_back(0);
  CHECK(refusal(trajectories) == "record 2: 3 reference log-probs for 2 response tokens");
  trajectories = three();
  trajectories[1].token_rewards = {1};
  CHECK(refusal(trajectories) == "record 2: 1 rewards for 2 response tokens");
}

TEST_CASE("numbers that are not finite are refused") {
  const float inf = std::numeric_limits<float>::infinity();
  auto trajectories = three();
  trajectories[1].logprobs[1] = inf;
  CHECK(refusal(trajectories) == "record 2: log-prob of token 1 is not finite");
  trajectories = three();
  trajectories[1].ref_logprobs[0] = -inf;
  CHECK(refusal(trajectories) == "record 2: reference log-prob of token 0 is not finite");
  trajectories = three();
  trajectories[1].token_rewards = {0, inf};
  CHECK(refusal(trajectories) == "record 2: reward of token 1 is not finite");
  trajectories = three();
  trajectories[1].reward = inf;
  CHECK(refusal(trajectories) == "record 2: the score is not finite");
}

TEST_CASE("new log-probs are compared with the recorded ones, bit by bit or by their ratio") {
  const auto trajectories = three();
  PpoBatch b = gather_recorded(trajectories, true);
  b.new_logprobs = b.old_logprobs;
  compare_with_recorded(b, false);
  CHECK((b.first_ratio_min == 1.0f && b.first_ratio_max == 1.0f));
  b.new_logprobs[4] = -3.75f;
  b.new_logprobs[0] = -1.5f;
  compare_with_recorded(b, true);
  CHECK(std::abs(double(b.first_ratio_max) - std::exp(0.25)) < 1e-6);
  CHECK(std::abs(double(b.first_ratio_min) - std::exp(-0.5)) < 1e-6);
  b.new_logprobs[0] = b.old_logprobs[0];
  CHECK(message_of([&] { compare_with_recorded(b, false); }) ==
        "record 2: the log-prob of response token 1 is not the one that this policy gives");
  b.new_logprobs[4] = 96;
  CHECK(message_of([&] { compare_with_recorded(b, true); }) ==
        "record 2: the log-prob of response token 1 is so far from this policy's that their ratio is beyond float32");
}
