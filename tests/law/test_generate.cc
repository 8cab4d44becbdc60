// Every option of sampling and every way that a response ends.
#include "tests/law/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "lib/base/error.h"
#include "lib/base/rng.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// The logits behind prompt and response[0 .. n), by a whole forward.
Floats logits_after(const Model& model, const SampleRequest& r, const SampledResponse& s, std::size_t n) {
  std::vector<std::int32_t> tokens = r.prompt;
  tokens.insert(tokens.end(), s.ids.begin(), s.ids.begin() + static_cast<std::ptrdiff_t>(n));
  Batch batch;
  batch.add(tokens);
  Trace trace;
  model.transformer.forward(batch, trace);
  Floats logits(static_cast<std::size_t>(model.config().vocab));
  model.transformer.logits(trace.final.data() + (batch.size() - 1) * model.config().width, 1, logits.data());
  return logits;
}

// How many logits are greater than the chosen token's.
std::size_t rank_of(const Floats& logits, std::int32_t token) {
  const float own = logits[static_cast<std::size_t>(token)];
  return static_cast<std::size_t>(std::count_if(logits.begin(), logits.end(), [&](float l) { return l > own; }));
}

// The greatest rank of all sampled tokens, and the greatest probability of the tokens before one.
struct Extremes {
  std::size_t rank = 0;
  double before = 0;
};
Extremes extremes(const Model& model, const GenerateOptions& options) {
  KeepSettings keep;
  set_thread_count(1);
  Extremes e;
  const auto asked = requests();
  const auto sampled = Generator(model, options).run(asked);
  for (std::size_t i = 0; i < asked.size(); ++i)
    for (std::size_t k = 0; k < sampled[i].ids.size(); ++k) {
      const Floats logits = logits_after(model, asked[i], sampled[i], k);
      const float own = logits[static_cast<std::size_t>(sampled[i].ids[k])];
      double all = 0, greater = 0;
      for (float l : logits) {
        all += std::exp(double(l - own));
        if (l > own) greater += std::exp(double(l - own));
      }
      e.rank = std::max(e.rank, rank_of(logits, sampled[i].ids[k]));
      e.before = std::max(e.before, greater / all);
    }
  return e;
}

Exit status_of(const Model& model, std::int64_t prompt, std::size_t begun = 0) {
  SampleRequest r;
  r.prompt.assign(static_cast<std::size_t>(prompt), 65);
  r.begun.ids.assign(begun, 65);
  r.begun.logprobs.assign(begun, 0);
  try {
    Generator(model, options_with(1, 1, 8)).run({&r, 1});
  } catch (const Error& e) {
    return e.status();
  }
  return Exit::kDone;
}

}  // namespace

TEST_CASE("log-probs are those of softmax(logits / temperature) in double precision") {
  const Model model = sampler();
  const auto asked = requests();
  for (float temperature : {1.0f, 0.5f, 2.0f}) {
    const auto sampled = Generator(model, options_with(temperature, 4, 6)).run(asked);
    for (std::size_t i = 0; i < asked.size(); ++i)
      for (std::size_t k = 0; k < sampled[i].ids.size(); ++k) {
        const Floats logits = logits_after(model, asked[i], sampled[i], k);
        double sum = 0;
        for (float l : logits) sum += std::exp(double(l) / double(temperature));
        const double want =
            double(logits[static_cast<std::size_t>(sampled[i].ids[k])]) / double(temperature) - std::log(sum);
        CHECK(std::abs(double(sampled[i].logprobs[k]) - want) <= 1e-5 * std::max(1.0, std::abs(want)));
      }
  }
}

TEST_CASE("temperature 0 takes the most probable token and records its log-prob at temperature 1") {
  const Model model = sampler();
  const auto asked = requests();
  const auto sampled = Generator(model, options_with(0, 4)).run(asked);
  for (std::size_t i = 0; i < asked.size(); ++i)
    for (std::size_t k = 0; k < sampled[i].ids.size(); ++k) {
      const Floats logits = logits_after(model, asked[i], sampled[i], k);
      CHECK(rank_of(logits, sampled[i].ids[k]) == 0);
      double sum = 0;
      for (float l : logits) sum += std::exp(double(l));
      CHECK(double(sampled[i].logprobs[k]) ==
            doctest::Approx(double(logits[static_cast<std::size_t>(sampled[i].ids[k])]) - std::log(sum)).epsilon(1e-4));
    }
}

TEST_CASE("a high temperature draws less probable tokens than a low one") {
  KeepSettings keep;
  set_thread_count(1);
  const Model model = endless();
  const auto sum_of_ranks = [&](float temperature) {
    std::size_t sum = 0;
    const auto asked = requests();
    const auto sampled = Generator(model, options_with(temperature, 8)).run(asked);
    for (std::size_t i = 0; i < asked.size(); ++i)
      for (std::size_t k = 0; k < sampled[i].ids.size(); ++k)
        sum += rank_of(logits_after(model, asked[i], sampled[i], k), sampled[i].ids[k]);
    return sum;
  };
  CHECK(2 * sum_of_ranks(0.5f) < sum_of_ranks(2));
}

TEST_CASE("top-k draws from the k most probable tokens only") {
  const Model model = endless();
  GenerateOptions o = options_with(1.5f, 4);
  CHECK(extremes(model, o).rank > 10);
  o.sampling.top_k = 3;
  CHECK(extremes(model, o).rank == 2);
  o.sampling.top_k = 1;
  CHECK(extremes(model, o).rank == 0);
}

TEST_CASE("top-p draws from the smallest set whose probability reaches p only") {
  const Model model = endless();
  GenerateOptions o = options_with(1, 4);
  CHECK(extremes(model, o).before > 0.9);
  o.sampling.top_p = 0.4f;
  const Extremes e = extremes(model, o);
  CHECK(e.before < 0.4);
  CHECK(e.rank > 0);
}

TEST_CASE("log-probs of truncated samples are still over the whole vocabulary") {
  const Model model = endless();
  GenerateOptions o = options_with(1, 4);
  o.sampling.top_k = 1;
  const auto truncated = Generator(model, o).run(requests());
  const auto greedy = Generator(model, options_with(0, 4)).run(requests());
  for (std::size_t i = 0; i < greedy.size(); ++i) CHECK(same_response(truncated[i], greedy[i]));
}

TEST_CASE("a response has no more than max tokens, and isn't called stopped then") {
  const Model model = endless();
  for (std::int64_t n : {1, 2, 17})
    for (const auto& s : Generator(model, options_with(1, 4, n)).run(requests())) {
      CHECK(s.ids.size() == static_cast<std::size_t>(n));
      CHECK_FALSE(s.stopped);
    }
}

TEST_CASE("prompt and response end with the context") {
  const Model model = endless();
  const auto asked = requests();
  const auto sampled = Generator(model, options_with(1, 4, 1000)).run(asked);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    CHECK(asked[i].prompt.size() + sampled[i].ids.size() == static_cast<std::size_t>(model.config().context));
    CHECK_FALSE(sampled[i].stopped);
  }
}

TEST_CASE("a response ends with the first ending token, any of them, and keeps it") {
  const Model model = sampler();
  const auto sampled = Generator(model, options_with(1, 4)).run(requests());
  const auto on = Generator(endless(), options_with(1, 4)).run(requests());
  std::set<std::int32_t> endings;
  for (std::size_t i = 0; i < sampled.size(); ++i) {
    const auto& ids = sampled[i].ids;
    for (std::size_t k = 0; k < ids.size(); ++k)
      CHECK(model.ends(ids[k]) == (sampled[i].stopped && k + 1 == ids.size()));
    CHECK(std::equal(ids.begin(), ids.end(), on[i].ids.begin()));
    if (sampled[i].stopped) endings.insert(ids.back());
  }
  CHECK(endings.size() > 1);
}

TEST_CASE("a response ends with a stop text, which stays in it") {
  const Model model = endless();
  const auto on = Generator(model, options_with(1, 4)).run(requests());
  std::size_t met = 0;
  for (std::size_t i = 0; i < on.size(); ++i) {
    // Two letters that this response has beside each other.
    for (std::size_t k = 1; k < on[i].ids.size(); ++k) {
      const std::string two = model.tokenizer.decode(std::span(on[i].ids).subspan(k - 1, 2), true);
      if (two.size() != 2 || two[0] < 32 || two[1] < 32) continue;
      GenerateOptions o = options_with(1, 4);
      o.stop = {"never to be seen in it", two};
      const SampledResponse s = Generator(model, o).run({&requests()[i], 1})[0];
      const std::string text = model.tokenizer.decode(s.ids, true);
      CHECK(s.stopped);
      CHECK(s.ids.size() <= k + 1);
      CHECK(text.find(two) == text.size() - 2);
      CHECK(std::equal(s.ids.begin(), s.ids.end(), on[i].ids.begin()));
      ++met;
      break;
    }
  }
  CHECK(met > 3);
}

TEST_CASE("a stop text of one character of several bytes is seen when its last byte is drawn") {
  Model model = endless();
  const auto on = Generator(model, options_with(1, 4, 80)).run(requests());
  for (std::size_t i = 0; i < on.size(); ++i)
    for (std::size_t k = 1; k < on[i].ids.size(); ++k) {
      const std::string character = model.tokenizer.decode(std::span(on[i].ids).subspan(k - 1, 2), true);
      if (character.size() != 2 || static_cast<unsigned char>(character[0]) < 0xc0) continue;
      GenerateOptions o = options_with(1, 4, 80);
      o.stop = {character};
      const SampledResponse s = Generator(model, o).run({&requests()[i], 1})[0];
      CHECK(s.stopped);
      CHECK(s.ids.size() <= k + 1);
      return;
    }
  FAIL("no response holds a character of two bytes");
}

TEST_CASE("a stop text is met across tokens that have no text") {
  // The last token is special; drawn often enough, it stands between the letters of a stop text.
  Model model = tiny_model(1, 8, {1, 32, 2, 90});
  model.eos.clear();
  model.transformer.pack();
  GenerateOptions o = options_with(0, 1, 12);
  SampleRequest r{"0", {65, 66}};
  // Greedy, with a head whose rows are chosen so that one letter comes first and then only the special token.
  float* values = model.transformer.change();
  const Layout& layout = model.transformer.layout();
  const std::int64_t C = model.config().width;
  const std::int32_t special = model.config().eos, a = 64, b = 65;
  REQUIRE(model.tokenizer.is_special(special));
  for (std::int64_t i = 0; i < layout.size; ++i) values[i] = 0;
  // No blocks: the final norm of embedding + position. Position p is the p-th unit vector; tokens want positions.
  const std::vector<std::int32_t> answer{a, special, special, special, special, special, special, special, special, b};
  for (std::int64_t c = 0; c < C; ++c) values[layout.final_norm.weight + c] = 1;
  for (std::size_t k = 0; k < answer.size(); ++k) {
    const auto p = static_cast<std::int64_t>(k) + 1;
    values[layout.positions + p * C + p] = 100;
    values[layout.embedding + answer[k] * C + p] = 1;
  }
  model.transformer.pack();
  const std::string stop = model.tokenizer.token_bytes(a) + model.tokenizer.token_bytes(b);
  REQUIRE(Generator(model, o).run({&r, 1})[0].ids.size() == 12);
  o.stop = {stop};
  const SampledResponse s = Generator(model, o).run({&r, 1})[0];
  CHECK(s.ids == answer);
  CHECK(s.stopped);
  CHECK(model.tokenizer.decode(s.ids, true) == stop);
}

TEST_CASE("another seed and another id draw other responses, the same ones the same") {
  const Model model = endless();
  auto asked = requests();
  GenerateOptions o = options_with(1, 4);
  const auto first = Generator(model, o).run(asked);
  CHECK_FALSE(first[0].ids == first[1].ids);  // one prompt, two ids
  asked[1].id = asked[0].id;
  CHECK(same_response(Generator(model, o).run(asked)[1], first[0]));
  o.seed = 4;
  CHECK_FALSE(Generator(model, o).run(asked)[0].ids == first[0].ids);
}

TEST_CASE("a response that is begun goes on to what one go gives, whatever it shares the steps with") {
  const Model model = sampler();
  const auto whole = Generator(model, options_with(1, 4)).run(requests());
  for (std::size_t held : {1, 2, 5, 13}) {
    auto asked = requests();
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (i % 3 == 2 || whole[i].ids.size() <= held) continue;  // some begin at the prompt
      const auto n = static_cast<std::ptrdiff_t>(held);
      asked[i].begun.ids.assign(whole[i].ids.begin(), whole[i].ids.begin() + n);
      asked[i].begun.logprobs.assign(whole[i].logprobs.begin(), whole[i].logprobs.begin() + n);
    }
    for (std::int64_t slots : {1, 3, 20})
      for (std::int64_t in_flight : {0, 96}) {
        GenerateOptions o = options_with(1, slots);
        o.tokens_in_flight = in_flight;
        const auto sampled = Generator(model, o).run(asked);
        for (std::size_t i = 0; i < asked.size(); ++i) CHECK(same_response(sampled[i], whole[i]));
      }
  }
}

TEST_CASE("behind other tokens the log-probs are those of a whole forward, and the random numbers the positions'") {
  const Model model = endless();
  auto asked = requests();
  for (SampleRequest& r : asked) r.begun = {{70, 71, 256, 72}, {0, 0, 0, 0}, true};
  const auto sampled = Generator(model, options_with(1, 3, 12)).run(asked);
  Buffer<float> weights;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    REQUIRE(sampled[i].ids.size() == 12);
    CHECK_FALSE(sampled[i].stopped);
    for (std::size_t k = 0; k < 4; ++k) CHECK(sampled[i].ids[k] == asked[i].begun.ids[k]);
    for (std::size_t k = 4; k < 12; ++k) {
      const Floats logits = logits_after(model, asked[i], sampled[i], k);
      float logprob = 0;
      CHECK(sample_token(logits.data(), model.config().vocab, {}, uniform(3, stream_of(asked[i].id), k), weights,
                         &logprob) == sampled[i].ids[k]);
      CHECK(logprob == sampled[i].logprobs[k]);
    }
  }
}

TEST_CASE("a stop text counts where its end is sampled, not within what the response began with") {
  const Model model = endless();
  const auto on = Generator(model, options_with(1, 4)).run(requests());
  std::size_t met = 0;
  for (std::size_t i = 0; i < on.size(); ++i)
    for (std::size_t k = 1; k + 1 < on[i].ids.size(); ++k) {
      const std::string two = model.tokenizer.decode(std::span(on[i].ids).subspan(k - 1, 2), true);
      if (two.size() != 2 || two[0] < 32 || two[1] < 32) continue;
      GenerateOptions o = options_with(1, 4);
      o.stop = {two};
      const auto from = [&](std::size_t held) {
        SampleRequest r = requests()[i];
        const auto n = static_cast<std::ptrdiff_t>(held);
        r.begun.ids.assign(on[i].ids.begin(), on[i].ids.begin() + n);
        r.begun.logprobs.assign(on[i].logprobs.begin(), on[i].logprobs.begin() + n);
        return Generator(model, o).run({&r, 1})[0];
      };
      CHECK(from(k).ids.size() == k + 1);     // its first letter was there
      CHECK(from(k + 1).ids.size() > k + 2);  // all of it was
      ++met;
      break;
    }
  CHECK(met > 3);
}

TEST_CASE("progress counts the tokens so far") {
  const Model model = endless();
  std::int64_t last = 0, calls = 0;
  Generator(model, options_with(1, 3, 5)).run(requests(), [&](std::int64_t tokens) {
    CHECK(tokens > last);
    last = tokens;
    ++calls;
  });
  CHECK(last == 50);
  CHECK(calls == 20);  // ten requests in three slots: four turns of five steps
}

TEST_CASE("no requests give no responses") { CHECK(Generator(sampler(), options_with(1, 3)).run({}).empty()); }

TEST_CASE("a prompt without tokens or without room for an answer is the caller's fault") {
  const Model model = sampler();
  CHECK(status_of(model, 0) == Exit::kInternal);
  CHECK(status_of(model, model.config().context) == Exit::kInternal);
  CHECK(status_of(model, model.config().context - 1) == Exit::kDone);
  CHECK(status_of(model, 3, 7) == Exit::kDone);
  CHECK(status_of(model, 3, 8) == Exit::kInternal);
  CHECK(status_of(model, model.config().context - 2, 1) == Exit::kDone);
  CHECK(status_of(model, model.config().context - 2, 2) == Exit::kInternal);
}

TEST_CASE("a response may be as long as the context allows, whatever max_tokens is") {
  const Model model = endless();
  SampleRequest r;
  r.prompt = {65, 66};
  const auto longest = Generator(model, options_with(1, 1, std::numeric_limits<std::int64_t>::max())).run({&r, 1});
  CHECK(std::ssize(longest[0].ids) == model.config().context - 2);
}
