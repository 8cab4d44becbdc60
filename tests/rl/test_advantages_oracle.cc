// Rewards, advantages and returns against those of advantages.py, which has them by their definitions, and of
// advantages_peers.py, which has them from other trainers.
#include <simdjson.h>

#include "lib/rl/advantages.h"
#include "tests/harness/golden_batch.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Element = simdjson::dom::element;

template <class T>
std::vector<T> numbers(Element list) {
  std::vector<T> all;
  for (const Element x : simdjson::dom::array(list)) all.push_back(static_cast<T>(double(x)));
  return all;
}

std::string word(Element e) { return std::string(std::string_view(e)); }

// A critic's values beside the trajectory that they are of.
struct Known {
  Trajectory trajectory;
  std::vector<float> values;
  float after;
};

Known known(Element r, bool masked, std::size_t number) {
  Known k;
  Trajectory& t = k.trajectory;
  t.id = word(r["id"]), t.group = word(r["group"]), t.where = "record " + std::to_string(number);
  t.prompt_ids = {1};
  t.logprobs = numbers<float>(r["logprobs"]), t.ref_logprobs = numbers<float>(r["ref_logprobs"]);
  t.response_ids.assign(t.logprobs.size(), 2);
  if (masked) t.mask = numbers<std::uint8_t>(r["mask"]);
  t.token_rewards = numbers<float>(r["rewards"]), t.advantages = numbers<float>(r["advantages"]);
  t.reward = static_cast<float>(double(r["reward"]));
  t.stopped = bool(r["stopped"]);
  k.values = numbers<float>(r["values"]);
  k.after = static_cast<float>(double(r["after"]));
  return k;
}

AdvantageOptions options_of(Element o) {
  const std::pair<std::string, Advantage> names[] = {{"gae", Advantage::kGae},
                                                     {"return", Advantage::kReturn},
                                                     {"rloo", Advantage::kRloo},
                                                     {"group", Advantage::kGroup},
                                                     {"field", Advantage::kField}};
  AdvantageOptions a;
  const std::string wanted = word(o["advantage"]);
  for (const auto& [name, advantage] : names)
    if (name == wanted) a.advantage = advantage;
  a.gamma = double(o["gamma"]), a.lambda = double(o["lambda"]);
  a.baseline = bool(o["baseline"]), a.group_deviation = bool(o["std"]), a.drop_equal_groups = bool(o["drop"]);
  a.bootstrap = bool(o["bootstrap"]), a.score_clip = double(o["reward_clip"]);
  a.whiten = bool(o["whiten"]), a.whiten_rewards = bool(o["whiten_rewards"]);
  return a;
}

void check_lists(const PpoBatch& batch, const std::vector<float>& found, Element expected) {
  std::size_t i = 0;
  for (const Element one : simdjson::dom::array(expected)) {
    const std::vector<double> wanted = numbers<double>(one);
    const auto part = batch.part(found, i++);
    REQUIRE(part.size() == wanted.size());
    for (std::size_t t = 0; t < part.size(); ++t) CHECK(near(static_cast<double>(part[t]), wanted[t], 2e-6));
  }
  CHECK(i == batch.trajectories.size());
}

// The scale of the scores where some came before these; else 1.
double scale_of(Element earlier, const PpoBatch& batch) {
  Moments scores;
  for (const double x : numbers<double>(earlier)) scores.add(x);
  if (scores.count() == 0) return 1;
  for (const Trajectory* t : batch.trajectories) scores.add(static_cast<double>(*t->reward));
  return score_scale(scores);
}

void check_case(Element records, Element solved) {
  const Element o = solved["options"];
  AdvantageOptions options = options_of(o);
  CAPTURE(simdjson::minify(o));
  std::vector<Trajectory> trajectories;
  std::vector<std::vector<float>> values;
  std::vector<float> after;
  for (const Element r : simdjson::dom::array(records)) {
    Known k = known(r, bool(o["mask"]), trajectories.size());
    trajectories.push_back(std::move(k.trajectory)), values.push_back(std::move(k.values)), after.push_back(k.after);
  }
  PpoBatch batch = gather_recorded(trajectories, true, options.advantage == Advantage::kField);
  for (const Trajectory* t : batch.trajectories) {
    const auto i = static_cast<std::size_t>(t - trajectories.data());
    const auto of_tokens = counted(t->view(), values[i]);
    if (options.bootstrap) batch.after.push_back(t->stopped ? 0 : after[i]);
    batch.values.insert(batch.values.end(), of_tokens.begin(), of_tokens.end());
  }
  options.score_scale = scale_of(o["earlier"], batch);
  if (double scale = 0; solved["scale"].get(scale) == simdjson::SUCCESS) CHECK(near(options.score_scale, scale, 1e-6));
  add_advantages(batch, double(o["kl_beta"]), options);
  check_lists(batch, batch.advantages, solved["advantages"]);
  check_lists(batch, batch.returns, solved["returns"]);
  if (Element rewards; solved["rewards"].get(rewards) == simdjson::SUCCESS) check_lists(batch, batch.rewards, rewards);
  if (Element learnt; solved["learnt"].get(learnt) == simdjson::SUCCESS)
    CHECK(batch.learnt == numbers<std::int64_t>(learnt));
  Element sums;
  if (solved["totals"].get(sums) != simdjson::SUCCESS) return;
  const std::vector<double> totals = numbers<double>(sums);
  REQUIRE(totals.size() == batch.totals.size());
  for (std::size_t i = 0; i < totals.size(); ++i) CHECK(near(batch.totals[i], totals[i], 2e-6));
}

}  // namespace

TEST_CASE("rewards, advantages and returns are those of their definitions, for every choice") {
  simdjson::dom::parser parser;
  const Element root = parser.load("tests/rl/advantages.json");
  for (const Element solved : simdjson::dom::array(root["cases"])) check_case(root["records"], solved);
}

TEST_CASE("advantages are those of OpenRLHF and TRL where these have them") {
  simdjson::dom::parser parser;
  const Element root = parser.load("tests/rl/advantages_peers.json");
  for (const Element solved : simdjson::dom::array(root["cases"])) check_case(root["records"], solved);
}

TEST_CASE("equal returns weigh exactly nothing, also where their mean is not exact") {
  const std::vector<double> same = {0.1, 0.1, 0.1};
  for (const Advantage advantage : {Advantage::kRloo, Advantage::kGroup})
    for (const bool deviation : {false, true})
      CHECK(group_weights(same, advantage, deviation) == std::vector<float>{0, 0, 0});
}

TEST_CASE("scores that are one or equal have no scale") {
  Moments scores;
  CHECK(score_scale(scores) == 1.0);
  scores.add(5);
  CHECK(score_scale(scores) == 1.0);
  scores.add(5);
  CHECK(score_scale(scores) == 1.0);
  scores.add(8);
  CHECK(near(score_scale(scores), std::sqrt(3.0), 1e-15));
}

TEST_CASE("a group of one, and nothing left to learn from, are refused by name") {
  std::vector<Trajectory> two(2);
  for (std::size_t i = 0; i < two.size(); ++i) {
    Trajectory& t = two[i];
    t.id = "7/" + std::to_string(i), t.group = "7", t.where = "file: record " + std::to_string(i + 1);
    t.prompt_ids = {1}, t.response_ids = {2}, t.logprobs = {-1}, t.reward = 2.0f;
  }
  const auto add = [&](const AdvantageOptions& options) {
    PpoBatch batch = gather_recorded(two, false);
    return message_of([&] { add_advantages(batch, 0, options); });
  };
  CHECK(add({.advantage = Advantage::kRloo}) == "nothing thrown");
  CHECK(add({.advantage = Advantage::kGroup, .drop_equal_groups = true}) ==
        "the returns of every group are equal: --drop-equal-groups leaves nothing to learn from");
  two[1].group = "8";
  CHECK(add({.advantage = Advantage::kRloo}) ==
        "file: record 1: is the only answer of its group \"7\", and there is none to compare its return with");
  CHECK(add({.advantage = Advantage::kReturn}) == "nothing thrown");
}
