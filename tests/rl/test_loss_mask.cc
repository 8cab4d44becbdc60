// loss_mask: what is read and refused, which rows and numbers are left, and what the gradient is of.
#include "lib/base/error.h"
#include "lib/rl/ppo.h"
#include "tests/harness/harness.h"
#include "tests/model/random_model.h"
#include "tests/rl/tiny.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Floats = std::vector<float>;
using Mask = std::vector<std::uint8_t>;

Trajectory read(const std::string& prompt, const std::string& mask) {
  ModelConfig config;
  config.vocab = 100;
  return read_trajectory(Record::parse("{\"id\":\"7/0\",\"prompt_ids\":" + prompt +
                                           ",\"response_ids\":[4,5,6,7],\"loss_mask\":" + mask + "}",
                                       "file: record 3"),
                         config);
}

std::string refusal(const std::string& mask) {
  return message_of([&] { read("[1]", mask); });
}

Trajectory masked(Mask mask) {
  Trajectory t;
  t.id = "1", t.where = "record 1", t.prompt_ids = {1, 2}, t.response_ids = {4, 5, 6, 7};
  t.mask = std::move(mask), t.reward = 1.0f;
  t.logprobs = {-1, -2, -3, -4}, t.ref_logprobs = {-5, -6, -7, -8};
  return t;
}

}  // namespace

TEST_CASE("a mask has a number for each token that something predicts") {
  CHECK(read("[1]", "[0,1,1,0]").mask == Mask{0, 1, 1, 0});
  CHECK(read("[1]", "null").mask.empty());
  CHECK(read("[]", "[1,0,1]").mask == Mask{1, 0, 1});
  CHECK(read("[1]", "[0,1,1,0]").view().predicted() == 2);
  CHECK(read("[1]", "[0,1,1,0]").view().listed() == 4);
  CHECK(refusal("[1,0,1]") == "file: record 3: field \"loss_mask\" has 3 numbers for 4 tokens");
  CHECK(refusal("[1,0,2,1]") == "file: record 3: field \"loss_mask\" contains 2, which is neither 0 nor 1");
  CHECK(refusal("[0,0,0,0]") ==
        "file: record 3: field \"loss_mask\" is 0 for every token: there is none to learn from");
  for (const char* other : {"[1,0,-1,1]", "[1,0,0.5,1]", "[true,true,true,true]", "1"})
    CHECK(refusal(other).starts_with("file: record 3: field \"loss_mask\" "));
}

TEST_CASE("numbers of the tokens that count, and back to all with zeros between") {
  const Trajectory t = masked({0, 1, 0, 1});
  CHECK(counted(t.view(), t.logprobs) == Floats{-2, -4});
  CHECK(spread(t.view(), Floats{8, 9}) == Floats{0, 8, 0, 9});
  CHECK(spread(masked({1, 0, 0, 0}).view(), Floats{8}) == Floats{8, 0, 0, 0});
  CHECK((place_of(t.view(), 0) == 1 && place_of(t.view(), 1) == 3));
  const Trajectory all = masked({});
  CHECK((counted(all.view(), t.logprobs) == t.logprobs && spread(all.view(), t.logprobs) == t.logprobs));
  CHECK((place_of(all.view(), 0) == 0 && place_of(all.view(), 3) == 3));
}

TEST_CASE("all tokens are read, rows are those of tokens that count") {
  const Trajectory t = masked({0, 1, 0, 1});
  Batch batch;
  Targets targets;
  lay_out(t.view(), batch, targets);
  CHECK(batch.size() == 5);  // all but the last
  CHECK(targets.rows == std::vector<std::int64_t>{2, 4});
  CHECK(targets.tokens == std::vector<std::int32_t>{5, 7});
  Trajectory bare = masked({1, 0, 1});
  bare.prompt_ids.clear();
  Batch of_bare;
  Targets predicted;
  lay_out(bare.view(), of_bare, predicted);
  CHECK(predicted.rows == std::vector<std::int64_t>{0, 2});
  CHECK(predicted.tokens == std::vector<std::int32_t>{5, 7});
}

TEST_CASE("a batch has the recorded numbers of tokens that count, and names tokens by their place in the response") {
  const Trajectory t = masked({0, 1, 0, 1});
  PpoBatch b = gather_recorded({&t, 1}, true);
  CHECK(b.begin == std::vector<std::size_t>{0, 2});
  CHECK((b.old_logprobs == Floats{-2, -4} && b.ref_logprobs == Floats{-6, -8}));
  b.new_logprobs = {-2, -4.5f};
  CHECK(message_of([&] { compare_with_recorded(b, false); }) ==
        "record 1: the log-prob of response token 3 is not the one that this policy gives");
  b.new_logprobs = b.old_logprobs;
  CHECK(message_of([&] { compare_with_recorded(b, false); }) == "nothing thrown");
}

// Masked tokens weigh nothing: a mean over those that count is that over all with advantage 0 for the others, but for
// the number it is divided by.
TEST_CASE("the policy's gradient is that of the tokens that count alone") {
  ModelConfig config = shape_of(2, 3, 5, 17, kTinyVocab, 24);
  Model policy{random_transformer(config, 1, 0.7), tiny_tokenizer(), "", {}};
  const Mask mask = {1, 0, 0, 1, 1};
  Trajectory t;
  t.id = "1", t.where = "record 1", t.prompt_ids = tiny_tokens(4, 1), t.response_ids = tiny_tokens(5, 2);
  t.logprobs = Floats(5, -5), t.reward = 0.0f;
  PpoOptions options;
  options.objective = Objective::kIs, options.advantage = Advantage::kField, options.whiten = false;
  options.critic = false;
  Adam adam(policy.transformer.layout(), {});
  const std::vector<std::int64_t> first = {0};
  const auto gradient = [&](const Mask& m, Floats advantages) {
    t.mask = m, t.advantages = std::move(advantages);
    Ppo ppo(policy, nullptr, adam, nullptr, options);
    const PpoBatch batch = ppo.prepare({&t, 1}, 0, true);
    CHECK(ppo.accumulate(batch, first, 0).tokens == (m.empty() ? 5 : 3));
    const auto all = ppo.policy_gradient().span();
    return Floats(all.begin(), all.end());
  };
  const Floats some = gradient(mask, {1, 99, -99, 0.5f, -2}), all = gradient({}, {1, 0, 0, 0.5f, -2});
  double size = 0, error = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    size = std::max(size, std::abs(double(all[i])));
    error = std::max(error, std::abs(double(some[i]) * 3 / 5 - double(all[i])));
  }
  CHECK((size > 1e-3 && error < 1e-5 * size));
}
