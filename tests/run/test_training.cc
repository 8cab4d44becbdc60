// What the trainers share: which examples make a step, ids, digests.
#include "lib/run/epoch_plan.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"
#include "lib/run/divergence.h"
#include "lib/run/run_folder.h"
#include "lib/run/streams.h"
#include "lib/run/training_checkpoint.h"
#include "tests/harness/harness.h"
#include "tests/rl/tiny.h"

using namespace nudge;
using namespace nudge::test;

namespace {

TrainingOptions plan_of(double epochs, std::int64_t batch, std::uint64_t seed = 0) {
  TrainingOptions o;
  o.epochs = epochs;
  o.batch = batch;
  o.seed = seed;
  return o;
}

std::vector<std::int64_t> taken(EpochPlan& plan, std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> all;
  for (std::int64_t s = begin; s < end; ++s) {
    const auto& step = plan.step(s);
    all.insert(all.end(), step.begin(), step.end());
  }
  return all;
}

std::vector<Record> records(const std::vector<std::string>& lines) {
  std::vector<Record> all;
  for (const std::string& line : lines)
    all.push_back(Record::parse(line, "in: record " + std::to_string(all.size() + 1)));
  return all;
}

}  // namespace

TEST_CASE("an epoch takes every example once, its last step what is left") {
  EpochPlan plan(10, plan_of(2, 4), "t");
  REQUIRE(plan.steps() == 6);
  for (std::int64_t epoch : {0, 1}) {
    CHECK(plan.step(3 * epoch).size() == 4);
    CHECK(plan.step(3 * epoch + 2).size() == 2);
    auto all = taken(plan, 3 * epoch, 3 * epoch + 3);
    std::sort(all.begin(), all.end());
    for (std::int64_t i = 0; i < 10; ++i) CHECK(all[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("each epoch, seed and stream has an order of its own") {
  EpochPlan a(50, plan_of(2, 50), "t"), b(50, plan_of(1, 50, 1), "t"), c(50, plan_of(1, 50), "u"),
      again(50, plan_of(1, 50), "t");
  const auto first = a.step(0);
  CHECK(first == again.step(0));
  CHECK(first != a.step(1));
  CHECK(first != b.step(0));
  CHECK(first != c.step(0));
}

TEST_CASE("a fraction of an epoch takes that share of the examples") {
  EpochPlan half(10, plan_of(0.5, 4), "t"), more(10, plan_of(1.2, 4), "t"), whole(10, plan_of(1, 4), "t");
  CHECK(half.steps() == 2);
  CHECK(taken(half, 0, 2).size() == 5);
  CHECK(more.steps() == 4);
  CHECK(taken(more, 0, 4).size() == 12);
  CHECK(taken(more, 0, 3) == taken(whole, 0, 3));
  CHECK(more.epochs_after(0) == doctest::Approx(0.4));
  CHECK(more.epochs_after(2) == 1);
  CHECK(more.epochs_after(3) == doctest::Approx(1.2));
}

TEST_CASE("epochs of 0 make no step, and the smallest fraction makes one") {
  CHECK(EpochPlan(10, plan_of(0, 4), "t").steps() == 0);
  EpochPlan least(10, plan_of(1e-9, 4), "t");
  CHECK(least.steps() == 1);
  CHECK(least.step(0).size() == 1);
}

TEST_CASE("a batch larger than the input is the whole input") {
  EpochPlan plan(3, plan_of(2, 1000), "t");
  CHECK(plan.steps() == 2);
  CHECK(plan.step(1).size() == 3);
}

TEST_CASE("the schedule spans the steps planned, and a longer warm-up is misuse") {
  TrainingOptions o = plan_of(2, 4);
  o.schedule.decay = Decay::kLinear;
  o.schedule.peak = 1;
  CHECK(EpochPlan(10, o, "t").schedule().rate(3) == 0.5f);
  o.schedule.warmup = 7;
  CHECK_THROWS_AS(EpochPlan(10, o, "t").schedule(), Error);
}

TEST_CASE("records without an id are named by their number, from 0") {
  CHECK(unique_ids(records({R"({"a":1})", R"({"id":"x"})", R"({"a":2})"})) == std::vector<std::string>{"0", "x", "2"});
}

TEST_CASE("an id that appears twice is refused with the second record's number") {
  CHECK_THROWS_WITH(unique_ids(records({R"({"id":"x"})", R"({"id":"y"})", R"({"id":"x"})"})),
                    "in: record 3: duplicate id \"x\"");
  CHECK_NOTHROW(unique_ids(records({R"({"a":1})", R"({"id":"0"})"})));
}

TEST_CASE("an id that is neither text nor integer is refused, an integer is the text of it, null is none") {
  CHECK_THROWS_AS(unique_ids(records({R"({"id":7.5})"})), Error);
  CHECK_THROWS_AS(unique_ids(records({R"({"id":7})", R"({"id":"7"})"})), Error);
  CHECK(unique_ids(records({R"({"id":7})", R"({"id":null})", R"({"id":"x"})"})) ==
        std::vector<std::string>{"7", "1", "x"});
}

TEST_CASE("a folder's digest depends on weights, ending token and generation settings") {
  const std::string before = folder_digest(tiny_model(HeadKind::kLanguage, 1));
  CHECK(before == folder_digest(tiny_model(HeadKind::kLanguage, 1)));
  CHECK(before != folder_digest(tiny_model(HeadKind::kLanguage, 2)));
  Model other = tiny_model(HeadKind::kLanguage, 1);
  ModelConfig config = other.config();
  config.eos = 5;
  other.transformer = std::move(other.transformer).with(config);
  CHECK(before != folder_digest(other));
  Model third = tiny_model(HeadKind::kLanguage, 1);
  third.generation_config = "{}";
  CHECK(before != folder_digest(third));
}

TEST_CASE("a weight that is not finite is refused by its tensor's name") {
  Model model = tiny_model(HeadKind::kLanguage, 1);
  CHECK_NOTHROW(check_finite(model.transformer));
  const TensorInfo& t = *model.transformer.layout().find("transformer.ln_f.bias");
  model.transformer.change()[t.offset + 3] = INFINITY;
  CHECK_THROWS_WITH(check_finite(model.transformer), "training has diverged: transformer.ln_f.bias is not finite");
}

TEST_CASE("metrics that are not finite are refused with the step") {
  CHECK_THROWS_WITH(at_step(4, [] { Metrics().set("loss", NAN); }),
                    "step 4: training has diverged: metric loss is not finite");
}

TEST_CASE("a checkpoint that keeps nothing lets no stop interrupt a loop, and leaves no request behind") {
  let_stops_interrupt([] { return true; });
  CHECK_THROWS_AS(leave_if_stopped(), StopRequested);
  CHECK_NOTHROW(TrainingCheckpoint().guarded([] { leave_if_stopped(); }));
  CHECK_NOTHROW(leave_if_stopped());
}
