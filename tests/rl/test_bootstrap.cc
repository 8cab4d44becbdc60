// The critic's value behind a cut response, and values that are not finite.
#include <limits>

#include "lib/base/error.h"
#include "lib/rl/ppo_batch.h"
#include "tests/harness/harness.h"
#include "tests/model/random_model.h"
#include "tests/rl/tiny.h"

using namespace nudge;
using namespace nudge::test;

namespace {

Transformer model(HeadKind head, std::uint64_t seed) {
  ModelConfig config = shape_of(2, 3, 5, 17, kTinyVocab, 24);
  config.head = head;
  if (head == HeadKind::kScore) config.pad = 7;  // a token like others for values
  Transformer t = random_transformer(config, seed, 0.7);
  t.pack();
  return t;
}

std::vector<Trajectory> three() {
  std::vector<Trajectory> all(3);
  for (std::size_t i = 0; i < all.size(); ++i) {
    Trajectory& t = all[i];
    t.id = std::to_string(i), t.where = "record " + t.id;
    t.prompt_ids = tiny_tokens(3, 20 + i), t.response_ids = tiny_tokens(4 + static_cast<std::int64_t>(i), 30 + i);
    t.response_ids.back() = 7;
    t.logprobs.assign(t.response_ids.size(), -1), t.reward = 1.0f;
    t.stopped = i == 1;
  }
  all[2].mask.assign(all[2].response_ids.size(), 1), all[2].mask.back() = 0;
  return all;
}

}  // namespace

TEST_CASE("the value behind a cut response is that at which one more token would be predicted") {
  const Transformer policy = model(HeadKind::kLanguage, 1), critic = model(HeadKind::kScore, 2);
  const std::vector<Trajectory> all = three();
  PpoBatch batch = gather_recorded(all, false);
  evaluate(batch, policy, &critic, 8, true);
  REQUIRE(batch.after.size() == 3);
  CHECK(batch.after[1] == 0.0f);
  for (const std::size_t i : {0, 2}) {
    Trajectory longer = all[i];
    longer.response_ids.push_back(5), longer.mask.clear();
    const ResponseView view = longer.view();
    CHECK(batch.after[i] == ResponseEvaluator(8).token_scores(critic, {&view, 1}).back());
    CHECK(batch.after[i] != batch.part(std::as_const(batch.values), i).back());
  }
  PpoBatch without = gather_recorded(all, false);
  evaluate(without, policy, &critic, 8);
  CHECK((without.after.empty() && without.values == batch.values));
}

TEST_CASE("values that are not finite are refused by record and token") {
  const Transformer policy = model(HeadKind::kLanguage, 1);
  std::vector<Trajectory> all = three();
  all[0].mask = {0, 0, 1, 1};
  const auto refusal = [&](std::int64_t (*where)(const Layout&), bool bootstrap) {
    Transformer critic = model(HeadKind::kScore, 2);
    critic.change()[where(critic.layout())] = std::numeric_limits<float>::infinity();
    critic.pack();
    PpoBatch batch = gather_recorded(all, false);
    return message_of([&] { evaluate(batch, policy, &critic, 8, bootstrap); });
  };
  CHECK(refusal([](const Layout& l) { return l.score; }, false) == "record 0: value of token 2 is not finite");
  // The embedding of the last token, which is read for the value behind it alone.
  const auto last = [](const Layout& l) { return l.embedding + 7 * 15; };
  CHECK(refusal(last, false) == "nothing thrown");
  CHECK(refusal(last, true) == "record 0: the value after its last token is not finite");
}
