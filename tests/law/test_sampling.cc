// What is sampled depends on the weights, the prompt, the seed and the id alone, and the trainer's forward finds
// the log-probs that were recorded, bit for bit.
#include "tests/law/sampling.h"

#include "lib/rl/responses.h"
#include "tests/law/shapes.h"

using namespace nudge;
using namespace nudge::test;

namespace {

void check_same(const std::vector<SampledResponse>& a, const std::vector<SampledResponse>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("response " << i);
    CHECK(same_response(a[i], b[i]));
  }
}

std::vector<ResponseView> views(const std::vector<SampleRequest>& requests,
                                const std::vector<SampledResponse>& responses, float temperature) {
  std::vector<ResponseView> all;
  for (std::size_t i = 0; i < requests.size(); ++i) all.push_back({requests[i].prompt, responses[i].ids, temperature});
  return all;
}

void check_slots(float temperature) {
  const Model model = sampler();
  const auto asked = requests();
  const auto expected = Generator(model, options_with(temperature, 1)).run(asked);
  at_every_setting([&] {
    for (std::int64_t slots : {2, 7, 32})
      for (std::int64_t in_flight : {0, 96, 160}) {
        GenerateOptions o = options_with(temperature, slots);
        o.tokens_in_flight = in_flight;
        check_same(Generator(model, o).run(asked), expected);
      }
  });
  for (const SampledResponse& response : expected) {
    Floats numbers(response.ids.begin(), response.ids.end());
    numbers.insert(numbers.end(), response.logprobs.begin(), response.logprobs.end());
    same_on_every_machine(numbers);
  }
}

// Of numbers for each predicted token, back to back, those of each response.
std::vector<Floats> by_response(const Floats& numbers, const std::vector<ResponseView>& responses) {
  std::vector<Floats> all;
  auto at = numbers.begin();
  for (const ResponseView& r : responses) {
    all.emplace_back(at, at + r.predicted());
    at += r.predicted();
  }
  REQUIRE(at == numbers.end());
  return all;
}

void check_evaluated(float temperature) {
  const Model model = sampler();
  const auto asked = requests();
  const auto sampled = Generator(model, options_with(temperature, 4)).run(asked);
  const auto all = views(asked, sampled, temperature);
  at_every_setting([&] {
    for (std::int64_t limit : {1, 100}) {
      const auto logprobs = by_response(ResponseEvaluator(limit).stats(model.transformer, all).logprobs, all);
      for (std::size_t i = 0; i < all.size(); ++i) CHECK(same_bits(logprobs[i], sampled[i].logprobs));
    }
  });
}

}  // namespace

TEST_CASE(
    "responses and log-probs are the same bits for any slots, tokens in flight, threads and level, at temperature 1") {
  check_slots(1);
}
TEST_CASE(
    "responses and log-probs are the same bits for any slots, tokens in flight, threads and level, at temperature "
    "0.7") {
  check_slots(0.7f);
}
TEST_CASE("the most probable responses are the same bits for any slots, tokens in flight, threads and level") {
  check_slots(0);
}

TEST_CASE("the responses of these tests end in different ways and at different lengths") {
  const Model model = sampler();
  const auto sampled = Generator(model, options_with(1, 4)).run(requests());
  std::size_t stopped = 0, shortest = 99, longest = 0;
  for (const auto& s : sampled) {
    stopped += s.stopped;
    shortest = std::min(shortest, s.ids.size());
    longest = std::max(longest, s.ids.size());
    CHECK(s.ids.size() == s.logprobs.size());
  }
  CHECK(stopped > 2);
  CHECK(stopped < sampled.size());
  CHECK(shortest + 10 < longest);
}

TEST_CASE("a request's response is the same among any other requests, in any order") {
  const Model model = sampler();
  const auto asked = requests();
  const auto expected = Generator(model, options_with(1, 3)).run(asked);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto alone = Generator(model, options_with(1, 3)).run({&asked[i], 1});
    CHECK(same_response(alone[0], expected[i]));
  }
  std::vector<SampleRequest> turned(asked.rbegin(), asked.rend()), odd;
  auto backwards = Generator(model, options_with(1, 4)).run(turned);
  std::reverse(backwards.begin(), backwards.end());
  check_same(backwards, expected);
  for (std::size_t i = 1; i < asked.size(); i += 2) odd.push_back(asked[i]);
  const auto half = Generator(model, options_with(1, 2)).run(odd);
  for (std::size_t i = 0; i < half.size(); ++i) CHECK(same_response(half[i], expected[2 * i + 1]));
}

TEST_CASE("a generator that runs again, with longer prompts in between, samples the same") {
  const Model model = sampler();
  const auto asked = requests();
  Generator generator(model, options_with(1, 3));
  const auto first = generator.run({asked.data(), 3});
  generator.run(asked);
  check_same(generator.run({asked.data(), 3}), first);
}

TEST_CASE("recorded log-probs are those of the trainer's forward, bit for bit, at temperature 1") {
  check_evaluated(1);
}
TEST_CASE("recorded log-probs are those of the trainer's forward, bit for bit, at temperature 0.7") {
  check_evaluated(0.7f);
}
TEST_CASE("recorded log-probs are those of the trainer's forward, bit for bit, at temperature 1.3") {
  check_evaluated(1.3f);
}

TEST_CASE("the first ratio of new to old is exactly 1") {
  const Model model = sampler();
  const auto asked = requests();
  const auto sampled = Generator(model, options_with(1.3f, 5)).run(asked);
  const auto all = views(asked, sampled, 1.3f);
  const auto logprobs = by_response(ResponseEvaluator(64).stats(model.transformer, all).logprobs, all);
  for (std::size_t i = 0; i < sampled.size(); ++i)
    for (std::size_t k = 0; k < sampled[i].logprobs.size(); ++k) {
      float ratio = logprobs[i][k] - sampled[i].logprobs[k];
      kernels().exp(&ratio, &ratio, 1);
      CHECK(ratio == 1.0f);
    }
}

TEST_CASE("the trainer's forward at another temperature or of other weights gives other log-probs") {
  const Model model = sampler(), other = sampler(2);
  const auto asked = requests();
  const auto sampled = Generator(model, options_with(1, 5)).run(asked);
  const auto all = views(asked, sampled, 1), warm = views(asked, sampled, 1.01f);
  const auto warmer = by_response(ResponseEvaluator(64).stats(model.transformer, warm).logprobs, warm);
  const auto different = by_response(ResponseEvaluator(64).stats(other.transformer, all).logprobs, all);
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    CHECK_FALSE(same_bits(warmer[i], sampled[i].logprobs));
    CHECK_FALSE(same_bits(different[i], sampled[i].logprobs));
  }
}

TEST_CASE("the exact KL of a policy with itself is exactly 0, at any temperature") {
  const Model model = sampler(), again = sampler();
  const auto asked = requests();
  for (float temperature : {1.0f, 0.7f, 1.3f}) {
    const auto sampled = Generator(model, options_with(temperature, 5)).run(asked);
    const auto all = views(asked, sampled, temperature);
    const TokenStats stats = ResponseEvaluator(70).stats(model.transformer, all, &again.transformer);
    const auto logprobs = by_response(stats.logprobs, all), kl = by_response(stats.kl, all);
    for (std::size_t i = 0; i < sampled.size(); ++i) {
      REQUIRE(kl[i].size() == sampled[i].ids.size());
      for (float x : kl[i]) CHECK(x == 0.0f);
      CHECK(same_bits(logprobs[i], sampled[i].logprobs));
    }
  }
}

TEST_CASE("the exact KL with a vocabulary of several blocks is 0 with itself and not with another policy") {
  const Subject& s = wide_subject();
  const Transformer other = random_transformer(s.model.config(), 5, 1.5);
  const std::vector<ResponseView> one{{part(s.tokens, 0, 40), part(s.tokens, 40, 60), 60}};
  const Floats same = ResponseEvaluator(1).stats(s.model, one, &s.model).kl;
  const Floats kl = ResponseEvaluator(1).stats(s.model, one, &other).kl;
  REQUIRE((same.size() == 60 && kl.size() == 60));
  for (float x : same) CHECK(x == 0.0f);
  for (float x : kl) CHECK(x > 0.01f);
}

TEST_CASE("log-probs, entropies, KL and scores are the same bits for any micro-batch, level and threads") {
  const Model model = sampler(), old = sampler(2);
  const auto asked = requests();
  const auto sampled = Generator(model, options_with(1, 5)).run(asked);
  const auto all = views(asked, sampled, 1);
  ModelConfig scored = model.config();
  scored.head = HeadKind::kScore;
  const Transformer critic = random_transformer(scored, 31, 1.5);
  std::size_t n = 0;
  same_everywhere([&] {
    const std::int64_t limits[] = {1, 7, 64, 100000};
    ResponseEvaluator evaluator(limits[n++ % 4]);
    Floats numbers;
    const TokenStats r = evaluator.stats(model.transformer, all, &old.transformer);
    const Floats values = evaluator.token_scores(critic, all), scores = evaluator.end_scores(critic, all);
    const auto logprobs = by_response(r.logprobs, all), entropies = by_response(r.entropies, all),
               kl = by_response(r.kl, all);
    const auto add = [&](const Floats& v) { numbers.insert(numbers.end(), v.begin(), v.end()); };
    for (std::size_t i = 0; i < all.size(); ++i) add(logprobs[i]), add(entropies[i]), add(kl[i]);
    add(values), add(scores);
    return numbers;
  });
}
