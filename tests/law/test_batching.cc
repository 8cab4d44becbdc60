// Continuous batching: what shares a prompt, what is put off, when requests are drawn and responses handed on. None of it
// changes a response.
#include "tests/law/sampling.h"

#include "lib/base/error.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// Hands out the requests again and again, `n` in all, each with an id of its own; counts those drawn.
Generator::Source endless_source(const std::vector<SampleRequest>& asked, std::int64_t n, std::int64_t& drawn) {
  return [&asked, n, &drawn](SampleRequest& request) {
    if (drawn == n) return false;
    request = asked[static_cast<std::size_t>(drawn) % asked.size()];
    request.id = std::to_string(drawn++);
    return true;
  };
}

}  // namespace

TEST_CASE("samples of a prompt read it once") {
  const Model model = endless();
  std::vector<SampleRequest> asked(8, {"", std::vector<std::int32_t>(70, 65)});
  for (std::size_t k = 0; k < asked.size(); ++k) asked[k].id = std::to_string(k);
  for (std::int64_t slots : {1, 3, 8}) {
    Generator generator(model, options_with(1, slots, 5));
    generator.run(asked);
    // The first reads 70 tokens, the others the last of these; each reads four of the five that it draws.
    CHECK(generator.counts().rows == 70 + 7 + 8 * 4);
    CHECK(generator.counts().tokens == 8 * 5);
    // Two full blocks for all, and one that begins with the prompt's last tokens for each, also while it is handed on.
    CHECK(generator.counts().blocks == 2 + slots);
    CHECK(generator.counts().preempted == 0);
  }
}

TEST_CASE("several prompts are read in one step, a long one in chunks while others go on") {
  Model model = endless();
  std::vector<SampleRequest> asked;
  for (std::int64_t k = 0; k < 12; ++k)
    asked.push_back({std::to_string(k), std::vector<std::int32_t>(60, static_cast<std::int32_t>(65 + k))});
  Generator generator(model, options_with(1, 12, 3));
  std::vector<std::int64_t> drawn;
  generator.run(asked, [&](std::int64_t tokens) { drawn.push_back(tokens); });
  // 256 tokens a step are four prompts and 16 of the fifth, then its other 44, three more and 32 of the ninth, ...
  CHECK(drawn == std::vector<std::int64_t>{4, 12, 24, 32, 36});
}

TEST_CASE("the cache holds no more tokens than are allowed, and all that one sequence needs are enough") {
  const Model model = endless();
  const auto asked = requests();  // prompts of 1 to 40 tokens
  GenerateOptions o = options_with(1, 6, 40);
  Generator free(model, o);
  const auto expected = free.run(asked);
  CHECK(free.counts().blocks > 8);
  for (std::int64_t tokens : {96, 110, 128, 160, 200, 1000}) {
    o.tokens_in_flight = tokens;
    Generator bounded(model, o);
    const auto sampled = bounded.run(asked);
    CHECK(bounded.counts().blocks <= tokens / 32);
    if (tokens < 200) CHECK(bounded.counts().blocks == tokens / 32);
    for (std::size_t i = 0; i < asked.size(); ++i) CHECK(same_response(sampled[i], expected[i]));
  }
  o.tokens_in_flight = 95;  // the longest prompt's 40 and 39 of its response fill three blocks
  Generator small(model, o);
  CHECK(small.fits(25));
  CHECK_FALSE(small.fits(26));
  CHECK_THROWS_AS(small.run(asked), Error);
}

TEST_CASE("a sequence that is put off for want of blocks goes on with the same tokens and log-probs") {
  const Model model = endless();
  std::vector<SampleRequest> asked;
  for (std::int64_t k = 0; k < 9; ++k) asked.push_back({std::to_string(k), {65, 66, static_cast<std::int32_t>(k / 2)}});
  GenerateOptions o = options_with(1, 5, 80);
  Generator free(model, o);
  const auto expected = free.run(asked);
  CHECK(free.counts().preempted == 0);
  o.tokens_in_flight = 7 * 32;
  at_every_setting([&] {
    Generator bounded(model, o);
    const auto sampled = bounded.run(asked);
    CHECK(bounded.counts().preempted > 0);
    CHECK(bounded.counts().rows > free.counts().rows);
    CHECK(bounded.counts().blocks == 7);
    for (std::size_t i = 0; i < asked.size(); ++i) CHECK(same_response(sampled[i], expected[i]));
  });
}

TEST_CASE("requests are drawn as slots come free, and responses handed on in order before more is waited for") {
  const Model model = sampler();
  const auto asked = requests();
  const auto expected = Generator(model, options_with(1, 4)).run(asked);
  for (std::int64_t slots : {1, 3, 20})
    for (std::int64_t in_flight : {0, 96}) {
      GenerateOptions o = options_with(1, slots);
      o.tokens_in_flight = in_flight;
      Generator generator(model, o);
      std::size_t drawn = 0, written = 0;
      const auto source = [&](SampleRequest& request) {
        // All but what the slots hold has ended; with one slot all that was drawn is written.
        if (slots == 1) CHECK(written == drawn);
        if (drawn == asked.size()) return false;
        request = asked[drawn++];
        return true;
      };
      const auto sink = [&](const SampleRequest& request, SampledResponse&& response) {
        CHECK(request.id == asked[written].id);
        CHECK(same_response(response, expected[written]));
        ++written;
      };
      generator.run(source, sink);
      CHECK(drawn == asked.size());
      CHECK(written == asked.size());
    }
}

TEST_CASE("a slot is never empty while there are requests") {
  const Model model = endless();
  const auto asked = requests();
  std::int64_t drawn = 0, written = 0;
  Generator generator(model, options_with(1, 4, 5));
  generator.run(endless_source(asked, 400, drawn), [&](const SampleRequest&, SampledResponse&&) { ++written; });
  CHECK(written == 400);
  // Five tokens each, four at a time; the first of a prompt that others wait for costs them a step at times.
  CHECK(generator.counts().tokens == 2000);
  CHECK(generator.counts().steps >= 500);
  CHECK(generator.counts().steps < 600);
  CHECK(generator.counts().waiting <= 8);
}

TEST_CASE("a long response holds back no more than are allowed behind it, and all come in order") {
  const Model model = endless();
  const std::vector<std::int32_t> nearly_full(static_cast<std::size_t>(model.config().context) - 1, 65);  // one token
  std::int64_t drawn = 0, written = 0;
  Generator generator(model, options_with(1, 200, 1000));
  const auto source = [&](SampleRequest& request) {
    if (drawn == 6000) return false;
    request.prompt = drawn == 0 ? std::vector<std::int32_t>{65, 66} : nearly_full;
    request.id = std::to_string(drawn++);
    return true;
  };
  generator.run(source, [&](const SampleRequest& request, SampledResponse&& response) {
    CHECK(std::ssize(response.ids) == (written == 0 ? model.config().context - 2 : 1));
    CHECK(request.id == std::to_string(written++));
  });
  CHECK(written == 6000);
  CHECK(generator.counts().waiting == Generator::kMostAhead);
}

TEST_CASE("a source that is not ready is waited for only where nothing runs, and changes no bit") {
  const Model model = sampler();
  const auto asked = requests();
  const auto expected = Generator(model, options_with(1, 4)).run(asked);
  for (int every : {1, 3, 1000000}) {  // how often it is ready
    std::size_t drawn = 0, written = 0;
    int asked_for = 0, waited = 0;
    bool was_ready = true;
    const auto ready = [&] { return was_ready = ++asked_for % every == 0; };
    const auto source = [&](SampleRequest& request) {
      if (!was_ready) {
        CHECK(written == drawn);
        ++waited;
      }
      was_ready = false;  // as where nothing runs, and it isn't asked
      if (drawn == asked.size()) return false;
      request = asked[drawn++];
      return true;
    };
    const auto sink = [&](const SampleRequest&, SampledResponse&& response) {
      CHECK(same_response(response, expected[written++]));
    };
    Generator generator(model, options_with(1, 4));
    generator.run(source, sink, {}, ready);
    CHECK(written == asked.size());
    CHECK((waited > 8) == (every == 1000000));
  }
}

TEST_CASE("what source, sink and progress throw ends the run, and the next one begins anew") {
  const Model model = sampler();
  const auto asked = requests();
  Generator generator(model, options_with(1, 3));
  const auto expected = generator.run(asked);
  std::int64_t drawn = 0;
  const auto fails = [&](int where) {
    drawn = 0;
    int calls = 0;
    const auto fail_at = [&](int here) {
      if (here == where && ++calls == 4) throw Error(Exit::kStopped, "stopped");
    };
    const auto source = endless_source(asked, 10, drawn);
    try {
      generator.run([&](SampleRequest& r) { return fail_at(0), source(r); },
                    [&](const SampleRequest&, SampledResponse&&) { fail_at(1); }, [&](std::int64_t) { fail_at(2); });
    } catch (const Error& e) {
      CHECK(std::string(e.what()) == "stopped");
      const auto again = generator.run(asked);
      REQUIRE(again.size() == expected.size());
      for (std::size_t i = 0; i < again.size(); ++i) CHECK(same_response(again[i], expected[i]));
      return true;
    }
    return false;
  };
  CHECK(fails(0));
  CHECK(fails(1));
  CHECK(fails(2));
}
