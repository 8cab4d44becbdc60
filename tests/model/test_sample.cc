// Drawing a token: truncation and the draw itself, by hand, by statistics, and against the oracle.
#include "lib/model/sample.h"

#include <cmath>
#include <limits>

#include "lib/base/error.h"
#include "lib/base/rng.h"
#include "tests/model/golden.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Weights = std::vector<float>;

Weights truncated(Weights w, std::int64_t top_k, float top_p) {
  truncate_weights(w, {1, top_k, top_p});
  return w;
}

std::int32_t drawn(const Weights& logits, double u, SamplingOptions options = {}) {
  Buffer<float> scratch;
  return sample_token(logits.data(), static_cast<std::int64_t>(logits.size()), options, u, scratch);
}

constexpr double kAlmostOne = 1 - 0x1p-53;  // the greatest u there is
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Chi-square of `draws` draws against probabilities; cells that expect nothing must stay empty.
double chi_square(const Weights& logits, SamplingOptions options, const std::vector<double>& expected, int draws) {
  std::vector<int> seen(logits.size());
  Buffer<float> scratch;
  for (int i = 0; i < draws; ++i) {
    const double u = uniform(17, 5, static_cast<std::uint64_t>(i));
    ++seen[static_cast<std::size_t>(
        sample_token(logits.data(), static_cast<std::int64_t>(logits.size()), options, u, scratch))];
  }
  double sum = 0;
  for (std::size_t v = 0; v < seen.size(); ++v) {
    if (expected[v] == 0) CHECK(seen[v] == 0);
    else sum += (seen[v] - draws * expected[v]) * (seen[v] - draws * expected[v]) / (draws * expected[v]);
  }
  return sum;
}

// Every row of goldens/model/warp.safetensors in each of warp.json's cases. Of equal logits the count alone is told.
void check_warps(const std::string& goldens) {
  CAPTURE(goldens);
  const SafetensorsFile file(goldens + "/model/warp.safetensors");
  simdjson::dom::parser parser;
  const simdjson::dom::element json = parser.parse(simdjson::padded_string(read_file(goldens + "/model/warp.json")));
  const auto logits = Golden::read(file, "logits");
  const auto rows = static_cast<std::size_t>(file.at("logits").shape[0]), V = logits.size() / rows;
  std::vector<bool> ties(rows);
  for (auto row : json["ties_rows"]) ties[std::size_t(std::int64_t(row))] = true;
  std::size_t n = 0;
  for (auto c : json["cases"]) {
    const SamplingOptions options{static_cast<float>(double(c["temperature"])), std::int64_t(c["top_k"]),
                                  static_cast<float>(double(c["top_p"]))};
    const auto probabilities = Golden::read(file, "probs." + std::to_string(n++));
    for (std::size_t row = 0; row < rows; ++row) {
      Weights w(logits.begin() + static_cast<std::ptrdiff_t>(row * V),
                logits.begin() + static_cast<std::ptrdiff_t>(row * V + V));
      const float top = *std::max_element(w.begin(), w.end());
      for (float& x : w) x = static_cast<float>(std::exp(double(x - top) / double(options.temperature)));
      truncate_weights(w, options);
      double sum = 0;
      for (float x : w) sum += double(x);
      INFO("case " << n - 1 << ", row " << row);
      const auto kept = std::count_if(w.begin(), w.end(), [](float x) { return x > 0; });
      CHECK(kept == std::int64_t(c["kept"].at(row)));
      if (ties[row]) continue;
      double worst = 0;
      for (std::size_t v = 0; v < V; ++v)
        worst = std::max(worst, std::abs(double(w[v]) / sum - double(probabilities[row * V + v])));
      CHECK(worst <= 1e-6);
    }
  }
  CHECK(n == 14);
}

}  // namespace

TEST_CASE("no limits change no weight") {
  CHECK(truncated({3, 0, 1, 2}, 0, 1) == Weights{3, 0, 1, 2});
  CHECK(truncated({3, 0, 1, 2}, 4, 1) == Weights{3, 0, 1, 2});
  CHECK(truncated({3, 0, 1, 2}, 100, 1) == Weights{3, 0, 1, 2});
}
TEST_CASE("top-k keeps the k greatest") {
  CHECK(truncated({3, 0.5f, 1, 2}, 1, 1) == Weights{3, 0, 0, 0});
  CHECK(truncated({3, 0.5f, 1, 2}, 2, 1) == Weights{3, 0, 0, 2});
  CHECK(truncated({3, 0.5f, 1, 2}, 3, 1) == Weights{3, 0, 1, 2});
}
TEST_CASE("top-k keeps all that equal the k-th") {
  CHECK(truncated({1, 2, 1, 1, 0.5f}, 2, 1) == Weights{1, 2, 1, 1, 0});
  CHECK(truncated({1, 1, 1}, 1, 1) == Weights{1, 1, 1});
}
TEST_CASE("top-p keeps the smallest set that reaches p") {
  // Probabilities 0.5, 0.25, 0.125, 0.125: sums 0.5, 0.75, 0.875, 1.
  const Weights w{1, 4, 2, 1};
  CHECK(truncated(w, 0, 0.25f) == Weights{0, 4, 0, 0});
  CHECK(truncated(w, 0, 0.5f) == Weights{0, 4, 0, 0});  // reached, not exceeded
  CHECK(truncated(w, 0, 0.5001f) == Weights{0, 4, 2, 0});
  CHECK(truncated(w, 0, 0.75f) == Weights{0, 4, 2, 0});
  CHECK(truncated(w, 0, 0.876f) == w);
}
TEST_CASE("top-p keeps the lower token of equals at its edge") {
  CHECK(truncated({1, 4, 2, 1}, 0, 0.875f) == Weights{1, 4, 2, 0});
  CHECK(truncated({1, 1, 1, 1}, 0, 0.5f) == Weights{1, 1, 0, 0});
}
TEST_CASE("top-p keeps at least one token") {
  CHECK(truncated({1, 4, 2, 1}, 0, 0) == Weights{0, 4, 0, 0});
  CHECK(truncated({1, 4, 2, 1}, 0, 1e-30f) == Weights{0, 4, 0, 0});
}
TEST_CASE("top-p takes its share of what top-k has left") {
  // Of all, 4 is 4/10 and 4 + 3 are 7/10; of the two that top-k keeps, 4 is 4/7.
  CHECK(truncated({1, 4, 3, 2}, 2, 0.55f) == Weights{0, 4, 0, 0});
  CHECK(truncated({1, 4, 3, 2}, 0, 0.55f) == Weights{0, 4, 3, 0});
}

TEST_CASE("u walks through the tokens in their order, each as long as its probability") {
  const Weights logits{std::log(1.0f), std::log(2.0f), std::log(1.0f)};  // 1/4, 1/2, 1/4
  CHECK(drawn(logits, 0) == 0);
  CHECK(drawn(logits, 0.2499) == 0);
  CHECK(drawn(logits, 0.2501) == 1);
  CHECK(drawn(logits, 0.7499) == 1);
  CHECK(drawn(logits, 0.7501) == 2);
  CHECK(drawn(logits, kAlmostOne) == 2);
}
TEST_CASE("a token of probability 0 is drawn by no u, at either end") {
  const Weights logits{-kInfinity, 0, -kInfinity, 0, -kInfinity};
  for (double u : {0.0, 0.25, 0.499}) CHECK(drawn(logits, u) == 1);
  for (double u : {0.501, 0.75, kAlmostOne}) CHECK(drawn(logits, u) == 3);
}
TEST_CASE("the temperature divides the logits") {
  const Weights logits{0, std::log(3.0f)};
  for (float t : {0.5f, 1.0f, 2.0f}) {
    const double p = 1 / (1 + std::pow(3.0, 1 / double(t)));
    CHECK(drawn(logits, p - 1e-6, {t, 0, 1}) == 0);
    CHECK(drawn(logits, p + 1e-6, {t, 0, 1}) == 1);
  }
}
TEST_CASE("temperature 0 takes the most probable, the lowest of equals, whatever u") {
  for (double u : {0.0, 0.5, kAlmostOne}) {
    CHECK(drawn({1, 3, 2, 3}, u, {0, 0, 1}) == 1);
    CHECK(drawn({-kInfinity, -5, -kInfinity}, u, {0, 0, 1}) == 1);
  }
}
TEST_CASE("logits far apart or large neither overflow nor lose the draw") {
  CHECK(drawn({1e30f, -1e30f}, kAlmostOne) == 0);
  CHECK(drawn({-1e30f, 1e30f}, 0) == 1);
  CHECK(drawn({3e38f, 3e38f}, 0.75) == 1);
  CHECK(drawn({88, 89, 300}, 0.5, {0.01f, 0, 1}) == 2);
}
TEST_CASE("logits that are no numbers, infinite or all impossible are an error at any temperature") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (float t : {0.0f, 1.0f})
    for (const Weights& logits : {Weights{nan, 1, 2}, Weights{1, nan, 2}, Weights{1, 2, nan}, Weights{1, kInfinity, 2},
                                  Weights{-kInfinity, -kInfinity}})
      CHECK_THROWS_WITH_AS(drawn(logits, 0.5, {t, 0, 1}), "the logits are not finite", Error);
}

// 99.9% of a chi-square with n degrees lies below n + 3.1 sqrt(2 n) + 6 (n >= 5).
TEST_CASE("tokens are drawn as often as they are probable") {
  Weights logits;
  std::vector<double> p;
  double sum = 0;
  for (int v = 0; v < 21; ++v) {
    logits.push_back(static_cast<float>(std::sin(v * 1.7) * 1.5));
    p.push_back(std::exp(double(logits.back()) / 0.8));
    sum += p.back();
  }
  for (double& x : p) x /= sum;
  CHECK(chi_square(logits, {0.8f, 0, 1}, p, 40000) < 20 + 3.1 * std::sqrt(40) + 6);
  for (double& x : p) x = 1.0 / 21;
  CHECK(chi_square(logits, {0.8f, 0, 1}, p, 40000) > 1000);
}
TEST_CASE("truncated tokens are never drawn and the others keep their proportions") {
  const Weights logits{0, 1, 2, 3, 2.5f, -1, 0.5f, 1.5f};
  std::vector<double> p(8);
  double sum = 0;
  for (std::size_t v : {2, 3, 4, 7, 1, 6}) sum += p[v] = std::exp(double(logits[v]));
  for (double& x : p) x /= sum;
  CHECK(chi_square(logits, {1, 6, 1}, p, 30000) < 5 + 3.1 * std::sqrt(10) + 6);
}

TEST_CASE("kept tokens and probabilities are the oracle's for temperature, top-k and top-p") {
  for (const std::string& goldens : golden_folders()) check_warps(goldens);
}

TEST_CASE("each token of a long row is drawn by the numbers in its share of the whole, with its log-prob") {
  // 2,600 tokens: three blocks of sums, the second of them without any token that is possible but one.
  Weights logits(2600);
  for (std::size_t v = 0; v < logits.size(); ++v)
    logits[v] = v / 1024 == 1 && v != 1500 ? -kInfinity : static_cast<float>(2 * normal(17, 6, v));
  for (float temperature : {1.0f, 0.7f}) {
    std::vector<double> until;  // of each token, the sum of the weights up to it
    double sum = 0;
    for (float l : logits) until.push_back(sum += std::exp(static_cast<double>(l) / static_cast<double>(temperature)));
    for (std::size_t v : {0, 1, 1023, 1500, 2047, 2048, 2049, 2599}) {
      const double from = v == 0 ? 0 : until[v - 1], share = until[v] - from;
      if (share == 0) continue;
      for (double part : {0.1, 0.5, 0.9}) {
        Buffer<float> scratch;
        float logprob = 1;
        const auto V = static_cast<std::int64_t>(logits.size());
        const SamplingOptions options = {temperature, 0, 1};
        CHECK(sample_token(logits.data(), V, options, (from + part * share) / sum, scratch, &logprob) == int(v));
        CHECK(static_cast<double>(logprob) == doctest::Approx(std::log(share / sum)).epsilon(1e-5));
      }
    }
  }
}
