// Reward-model training against float64 results of an independent implementation, and the loss of rankings against
// its formula in double precision.
#include "lib/rl/reward_model.h"

#include "tests/model/golden.h"
#include "tests/rl/tiny.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::vector<Ranking> golden_pairs(const Golden& golden) {
  std::vector<Ranking> pairs;
  for (auto sample : golden.json["samples"]) {
    Ranking r;
    r.prompt = ids(sample["prompt_ids"]);
    r.answers = {ids(sample["chosen_ids"]), ids(sample["rejected_ids"])};
    pairs.push_back(std::move(r));
  }
  return pairs;
}

std::vector<const Ranking*> all_of(const std::vector<Ranking>& rankings) {
  std::vector<const Ranking*> all;
  for (const Ranking& r : rankings) all.push_back(&r);
  return all;
}

// docs/mathematics.md, 3: the mean over rankings of the mean over their pairs, of scores.
double loss_of(const std::vector<std::vector<double>>& scores, const std::vector<float>& margins,
               const RewardLossOptions& options) {
  double total = 0;
  for (std::size_t n = 0; n < scores.size(); ++n) {
    double sum = 0;
    int pairs = 0;
    for (std::size_t i = 0; i < scores[n].size(); ++i)
      for (std::size_t j = i + 1; j < scores[n].size(); ++j, ++pairs) {
        const double delta = scores[n][i] - scores[n][j] - double(options.margin_weight) * double(margins[n]);
        const double both = scores[n][i] + scores[n][j];
        const double e = double(options.smoothing);
        sum += (1 - e) * std::log1p(std::exp(-delta)) + e * std::log1p(std::exp(delta)) +
               double(options.centering) * both * both;
      }
    total += sum / pairs;
  }
  return total / double(scores.size());
}

std::vector<std::vector<double>> in_double(const std::vector<std::vector<float>>& scores) {
  std::vector<std::vector<double>> all;
  for (const auto& s : scores) all.emplace_back(s.begin(), s.end());
  return all;
}

// With frozen states h, score = w . h, so the gradient by the score head is the sum of dloss/dscore h: central
// differences of the formula by the scores, times the states, have to give it.
void check_score_gradient(const std::vector<Ranking>& rankings, const RewardLossOptions& options) {
  Model model = tiny_model(HeadKind::kScore, 7);
  RewardTrainer trainer(model, options, {}, 64);
  auto scores = in_double(trainer.scores(std::span<const Ranking>(rankings)));
  std::vector<float> margins;
  for (const Ranking& r : rankings) margins.push_back(r.margin);
  const RewardStatistics f = trainer.accumulate(all_of(rankings));
  CHECK(f.loss == doctest::Approx(loss_of(scores, margins, options)).epsilon(1e-6));

  const auto C = static_cast<std::size_t>(model.config().width);
  std::vector<double> expected(C);
  for (std::size_t n = 0; n < rankings.size(); ++n)
    for (std::size_t a = 0; a < scores[n].size(); ++a) {
      const double kept = scores[n][a], h = 1e-5;
      scores[n][a] = kept + h;
      const double above = loss_of(scores, margins, options);
      scores[n][a] = kept - h;
      const double slope = (above - loss_of(scores, margins, options)) / (2 * h);
      scores[n][a] = kept;
      Batch batch;
      auto tokens = rankings[n].prompt;
      tokens.insert(tokens.end(), rankings[n].answers[a].begin(), rankings[n].answers[a].end());
      batch.add(tokens);
      Trace trace;
      model.transformer.forward(batch, trace);
      for (std::size_t c = 0; c < C; ++c)
        expected[c] += slope * double(trace.final.data()[(tokens.size() - 1) * C + c]);
    }
  const float* found = trainer.gradient().data() + model.transformer.layout().score;
  double greatest = 0;
  for (double x : expected) greatest = std::max(greatest, std::abs(x));
  for (std::size_t c = 0; c < C; ++c) CHECK(std::abs(double(found[c]) - expected[c]) <= 2e-6 * (1 + greatest));
}

}  // namespace

TEST_CASE("the Bradley-Terry loss, accuracy and scores of pairs are the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/rm", HeadKind::kScore);
    RewardTrainer trainer(model, {}, {}, 4096);
    const auto pairs = golden_pairs(golden);
    const simdjson::dom::element bt = golden.json["bt"];
    const double limit = golden.tolerance("logits_max_abs");
    const auto scores = trainer.scores(std::span<const Ranking>(pairs));
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      CHECK(std::abs(double(scores[i][0]) - double(bt["chosen"].at(i))) <= limit);
      CHECK(std::abs(double(scores[i][1]) - double(bt["rejected"].at(i))) <= limit);
    }
    const RewardStatistics f = trainer.accumulate(all_of(pairs));
    CHECK(std::abs(f.loss - double(bt["loss"])) <= limit);
    CHECK(f.accuracy.value() == doctest::Approx(double(bt["accuracy"])));
  });
}

TEST_CASE("a minibatch's margin and its least, mean and greatest reward follow from the oracle's scores") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/rm", HeadKind::kScore);
    RewardTrainer trainer(model, {}, {}, 4096);
    const auto pairs = golden_pairs(golden);
    const RewardStatistics f = trainer.accumulate(all_of(pairs));
    double margin = 0, mean = 0, least = INFINITY, greatest = -INFINITY;
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const double c = double(golden.json["bt"]["chosen"].at(i)), r = double(golden.json["bt"]["rejected"].at(i));
      margin += (c - r) / double(pairs.size());
      mean += (c + r) / double(2 * pairs.size());
      least = std::min({least, c, r});
      greatest = std::max({greatest, c, r});
      for (const auto& a : pairs[i].answers) tokens += static_cast<std::int64_t>(pairs[i].prompt.size() + a.size());
    }
    const double limit = 2 * golden.tolerance("logits_max_abs");
    CHECK(std::abs(f.margin - margin) <= limit);
    CHECK(std::abs(f.mean_reward - mean) <= limit);
    CHECK(std::abs(f.min_reward - least) <= limit);
    CHECK(std::abs(f.max_reward - greatest) <= limit);
    CHECK(f.tokens == tokens);
  });
}

TEST_CASE("every gradient of the Bradley-Terry loss is the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    Model model = load_model(golden.folder + "/rm", HeadKind::kScore);
    RewardTrainer trainer(model, {}, {}, 4096);
    const auto pairs = golden_pairs(golden);
    trainer.accumulate(all_of(pairs));
    check_gradient(golden, model.transformer.layout(), trainer.gradient(), "grad.bt.safetensors");
    check_gradient_norms(golden, model.transformer.layout(), trainer.gradient(), golden.json["bt"]["grad"]);
  });
}

TEST_CASE("the loss of pairs and its gradient by the scores are the formula's") {
  check_score_gradient(tiny_rankings({2, 2, 2}), {});
}

TEST_CASE("a ranking counts by the mean of its pairs, whatever their number") {
  check_score_gradient(tiny_rankings({4, 2, 3}), {});
}

TEST_CASE("margins are weighted and subtracted inside the sigmoid") {
  auto rankings = tiny_rankings({2, 2, 2});
  rankings[0].margin = 1.5f;
  rankings[2].margin = -0.5f;
  RewardLossOptions options;
  options.margin_weight = 0.75f;
  check_score_gradient(rankings, options);
}

TEST_CASE("smoothed labels weigh the loss of the pairs turned round, inside the margin") {
  auto rankings = tiny_rankings({2, 3, 2});
  rankings[0].margin = 1.5f;
  for (const float smoothing : {0.1f, 0.45f}) {
    RewardLossOptions options;
    options.smoothing = smoothing;
    options.margin_weight = 0.75f;
    check_score_gradient(rankings, options);
  }
}

TEST_CASE("centering adds the mean square of the pairs' summed scores") {
  RewardLossOptions options;
  options.centering = 0.05f;
  check_score_gradient(tiny_rankings({2, 3, 5}), options);
}

TEST_CASE("answers with equal scores count as half right") {
  Model model = tiny_model(HeadKind::kScore, 7);
  Transformer& t = model.transformer;
  std::fill_n(t.change() + t.layout().score, t.config().width, 0.0f);
  RewardTrainer trainer(model, {}, {}, 64);
  const RewardStatistics f = trainer.accumulate(all_of(tiny_rankings({2})));
  CHECK(f.accuracy == 0.5);
  CHECK(f.margin == 0);
  CHECK(f.loss == doctest::Approx(std::log(2.0)).epsilon(1e-7));
}

TEST_CASE("the same answer twice counts in the loss, and in no accuracy") {
  Model model = tiny_model(HeadKind::kScore, 7);
  RewardTrainer trainer(model, {}, {}, 64);
  const auto different = tiny_rankings({2, 2});
  const double accuracy = trainer.accumulate(all_of(different)).accuracy.value();
  auto rankings = tiny_rankings({2, 2, 2, 2, 2});
  for (std::size_t i = 2; i < 5; ++i) rankings[i].answers[1] = rankings[i].answers[0];
  const RewardStatistics some = trainer.accumulate(all_of(rankings));
  CHECK(some.accuracy == accuracy);
  // A ranking of 3 answers, two of them the same: of its 3 pairs 2 are judged, both alike.
  auto three = tiny_rankings({3});
  three[0].answers[2] = three[0].answers[1];
  const double judged = trainer.accumulate(all_of(three)).accuracy.value();
  CHECK((judged == 0 || judged == 1));
  auto one = tiny_rankings({2});
  one[0].answers[1] = one[0].answers[0];
  const RewardStatistics none = trainer.accumulate(all_of(one));
  CHECK_FALSE(none.accuracy.has_value());
  CHECK(none.loss == doctest::Approx(std::log(2.0)).epsilon(1e-7));
}
