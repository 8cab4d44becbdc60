// Micro-batches, the order of ids, and how a response is laid out for the model.
#include "lib/rl/minibatch.h"

#include <algorithm>

#include "lib/rl/responses.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {
using Runs = std::vector<std::pair<std::int64_t, std::int64_t>>;
Runs runs(std::vector<std::int64_t> sizes, std::int64_t limit) { return runs_within(sizes, limit); }
}  // namespace

TEST_CASE("runs hold as many items as fit") {
  CHECK(runs({3, 3, 3, 3}, 6) == Runs{{0, 2}, {2, 4}});
  CHECK(runs({3, 3, 3, 3}, 5) == Runs{{0, 1}, {1, 2}, {2, 3}, {3, 4}});
  CHECK(runs({1, 2, 3, 4}, 6) == Runs{{0, 3}, {3, 4}});
  CHECK(runs({1, 2, 3, 4}, 1000) == Runs{{0, 4}});
}
TEST_CASE("an item above the limit is a run of its own") {
  CHECK(runs({1, 9, 1, 1}, 4) == Runs{{0, 1}, {1, 2}, {2, 4}});
  CHECK(runs({9}, 4) == Runs{{0, 1}});
  CHECK(runs({9, 9}, 1) == Runs{{0, 1}, {1, 2}});
}
TEST_CASE("no items make no runs, and items of no size need no room") {
  CHECK(runs({}, 4).empty());
  CHECK(runs({0, 4, 0, 0}, 4) == Runs{{0, 4}});
}
TEST_CASE("ids are ordered by length, then by their bytes") {
  std::vector<std::string> ids{"10/1", "9/0", "10/0", "", "b", "a", "\xc3\xa9", "zz"};
  std::sort(ids.begin(), ids.end(), id_less);
  CHECK(ids == std::vector<std::string>{"", "a", "b", "zz", "\xc3\xa9", "9/0", "10/0", "10/1"});
  CHECK_FALSE(id_less("a", "a"));
}

TEST_CASE("a response's tokens are predicted by the rows before them, and its last token stays out") {
  const std::vector<std::int32_t> prompt{1, 2, 3}, response{4, 5};
  Batch batch;
  Targets targets;
  lay_out({prompt, response, 0.5f}, batch, targets);
  lay_out({prompt, response, 2}, batch, targets);
  CHECK(batch.tokens == std::vector<std::int32_t>{1, 2, 3, 4, 1, 2, 3, 4});
  CHECK(batch.begin == std::vector<std::int64_t>{0, 4, 8});
  CHECK(targets.rows == std::vector<std::int64_t>{2, 3, 6, 7});
  CHECK(targets.tokens == std::vector<std::int32_t>{4, 5, 4, 5});
  CHECK(targets.temperatures == std::vector<float>{0.5f, 0.5f, 2, 2});
}
TEST_CASE("without a prompt the response's first token has no prediction") {
  const std::vector<std::int32_t> response{4, 5, 6}, single{7};
  Batch batch;
  Targets targets;
  lay_out({{}, response, 1}, batch, targets);
  lay_out({{}, single, 1}, batch, targets);
  CHECK(batch.tokens == std::vector<std::int32_t>{4, 5, 7});
  CHECK(targets.rows == std::vector<std::int64_t>{0, 1});
  CHECK(targets.tokens == std::vector<std::int32_t>{5, 6});
}
TEST_CASE("a score is read at the last token that is no pad") {
  // The tokens that a classifier of transformers 5.12 reads at: (token_indices * (input_ids != pad)).argmax(-1).
  const std::vector<std::int32_t> prompt{1, 9, 3}, response{4, 9, 9}, pads{9, 9};
  Batch batch;
  CHECK(lay_out_scored({prompt, response}, -1, batch) == 5);  // no pad: the last
  CHECK(lay_out_scored({prompt, response}, 7, batch) == 11);
  CHECK(lay_out_scored({prompt, response}, 9, batch) == 15);
  CHECK(lay_out_scored({prompt, pads}, 9, batch) == 18);  // of the prompt
  CHECK(lay_out_scored({{}, pads}, 9, batch) == 19);      // of pads alone the first
  CHECK(batch.tokens == std::vector<std::int32_t>{1, 9, 3, 4, 9, 9, 1, 9, 3, 4, 9, 9, 1, 9, 3, 4, 1, 9, 3, 9});
  CHECK(batch.begin == std::vector<std::int64_t>{0, 6, 12, 16, 19, 20});
}
TEST_CASE("responses are dealt to micro-batches by all their tokens") {
  const std::vector<std::int32_t> prompt{1, 2, 3}, response{4, 5};
  const std::vector<ResponseView> views(5, {prompt, response, 1});
  CHECK(micro_batches(views, 10) == Runs{{0, 2}, {2, 4}, {4, 5}});
  CHECK(micro_batches(views, 9).size() == 5);
}
