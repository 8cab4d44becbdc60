// What a file's report counts, compares and refuses.
#include "lib/report/kl_report.h"

#include <cmath>

#include "lib/base/error.h"
#include "tests/model/tiny_model.h"
#include "tests/report/records.h"

using namespace nudge;
using namespace nudge::test;

namespace {

const Ids kPrompt = {10, 20, 30};

std::string refusal(const std::vector<Record>& records, const ReportPolicies& policies = {}) {
  try {
    report_of(records, policies);
  } catch (const Error& e) {
    CHECK(e.status() == Exit::kBadInput);
    return e.what();
  }
  return "accepted";
}

// log softmax(l / temperature)[chosen] and the distribution, in double.
std::vector<double> log_softmax(const std::vector<float>& logits, double temperature) {
  double sum = 0;
  for (const float l : logits) sum += std::exp(double(l) / temperature);
  std::vector<double> out;
  for (const float l : logits) out.push_back(double(l) / temperature - std::log(sum));
  return out;
}

// The logits after `tokens`.
std::vector<float> next_logits(Model& model, const Ids& tokens) {
  model.transformer.pack();
  Batch batch;
  batch.add(tokens);
  Trace trace;
  model.transformer.forward(batch, trace);
  const std::int64_t V = model.config().vocab, C = model.config().width;
  std::vector<float> logits(static_cast<std::size_t>(V));
  model.transformer.logits(trace.final.data() + (batch.size() - 1) * C, 1, logits.data());
  return logits;
}

}  // namespace

TEST_CASE("KL to the reference comes from the recorded log-probs, in both units") {
  const FileReport r = report_of(
      {trajectory("a", kPrompt, {1, 2}, {-1, -2}, {-1.5, -4}), trajectory("b", kPrompt, {3}, {-0.5}, {-0.25})});
  CHECK(*r.to_ref.k1().per_token.mean == doctest::Approx((0.5 + 2 - 0.25) / 3));
  CHECK(*r.to_ref.k1().per_sequence.mean == doctest::Approx((2.5 - 0.25) / 2));
  CHECK(*r.to_ref.k2().per_token.mean == doctest::Approx((0.25 + 4 + 0.0625) / 6));
  const double k3 = (std::exp(-0.5) - 0.5) + (std::exp(-2.0) + 1) + (std::exp(0.25) - 1.25);
  CHECK(*r.to_ref.k3().per_token.mean == doctest::Approx(k3 / 3));
  CHECK(*r.distance() == doctest::Approx(std::sqrt(k3 / 2)));
  CHECK(r.to_ref.k1_by_position()[0].sequences == 2);
  CHECK(r.to_ref.k1_by_position()[1].value.mean == 2.0);
}

TEST_CASE("the entropy estimate is the mean of -log pi") {
  const FileReport r = report_of({trajectory("a", kPrompt, {1, 2}, {-1, -2}), trajectory("b", kPrompt, {3}, {-0.75})});
  CHECK(*r.entropy_estimate().per_token.mean == doctest::Approx(3.75 / 3));
  CHECK(*r.entropy_estimate().per_sequence.mean == doctest::Approx(3.75 / 2));
}

TEST_CASE("rewards, lengths, endings and ways of sampling are counted") {
  std::vector<Record> records;
  for (std::size_t n = 1; n <= 4; ++n)
    records.push_back(trajectory(std::to_string(n), kPrompt, Ids(n, 5), Numbers(n, -1)));
  records[0].set_text("finish", "length");
  records[1].set_real("reward", 2), records[2].set_real("reward", 5);
  records[1].set_real("temperature", 0), records[1].set_integer("top_k", 3);
  records[2].set_integer("top_k", 5), records[3].set_real("top_p", 0.9f);
  const FileReport r = report_of(records);
  CHECK(r.responses == 4);
  CHECK(r.tokens == 10);
  CHECK(r.stopped == 3);
  CHECK(r.greedy == 1);
  CHECK(r.truncated == 2);
  CHECK(r.length().mean == 2.5);
  CHECK(r.reward().mean == 3.5);
  CHECK(*r.reward().standard_error == doctest::Approx(1.5));  // sd sqrt(4.5), n 2
  CHECK(r.rewards.size() == 2);
}

TEST_CASE("the bound of best-of-n is there where all responses were chosen from the same number") {
  std::vector<Record> records;
  for (const char* id : {"a", "b", "c"}) records.push_back(trajectory(id, kPrompt, {1}, {-1}));
  const auto bound = [&](std::vector<int> of) {
    for (std::size_t i = 0; i < of.size(); ++i) {
      records[i].erase("best_of");
      if (of[i] > 0) records[i].set_integer("best_of", of[i]);
    }
    return report_of(records).best_of_bound();
  };
  CHECK(*bound({4, 4, 4}) == doctest::Approx(std::log(4.0) - 0.75).epsilon(1e-12));
  CHECK(report_of(records).chosen == 3);
  for (const std::vector<int>& of :
       std::vector<std::vector<int>>{{4, 4, 5}, {0, 4, 4}, {4, 0, 4}, {4, 4, 0}, {4, 5, 4}, {1, 1, 1}, {0, 0, 0}})
    CHECK_FALSE(bound(of).has_value());
  CHECK(report_of(records).chosen == 0);
  records[1].set_integer("best_of", 0);
  CHECK(refusal(records) == "made: record b: field \"best_of\" is below 1");
}

TEST_CASE("without reference log-probs their statistics are absent") {
  const FileReport r = report_of({trajectory("a", kPrompt, {1}, {-1})});
  CHECK(r.to_ref.tokens() == 0);
  CHECK_FALSE(r.distance().has_value());
  CHECK_FALSE(r.exact_reverse_kl().per_token.mean.has_value());
  CHECK_FALSE(r.entropy_of_old().per_token.mean.has_value());
}

TEST_CASE("KL to the reference is over the responses that have both log-probs") {
  const FileReport r = report_of({trajectory("a", kPrompt, {1}, {-1}), trajectory("b", kPrompt, {1}, {-1}, {-3})});
  CHECK(r.to_ref.sequences() == 1);
  CHECK(r.to_ref.k1().per_sequence.mean == 2.0);
  CHECK(r.logprobs.sequences() == 2);
}

TEST_CASE("KL, exact both ways, ratio and entropies of one token are those of double precision, at its temperature") {
  Model a = tiny_model(1), b = tiny_model(2);
  const std::vector<float> old_logits = next_logits(a, kPrompt), new_logits = next_logits(b, kPrompt);
  const ReportPolicies policies(std::move(a), std::move(b));
  for (const float temperature : {1.0f, 0.5f, 2.0f}) {
    Record record = trajectory("a", kPrompt, {77});
    record.set_real("temperature", temperature);
    const FileReport r = report_of({record}, policies);
    const auto p = log_softmax(old_logits, double(temperature)), q = log_softmax(new_logits, double(temperature));
    double forward = 0, reverse = 0, old_entropy = 0, new_entropy = 0;
    for (std::size_t v = 0; v < p.size(); ++v) {
      forward += std::exp(p[v]) * (p[v] - q[v]), reverse += std::exp(q[v]) * (q[v] - p[v]);
      old_entropy -= std::exp(p[v]) * p[v], new_entropy -= std::exp(q[v]) * q[v];
    }
    CHECK(forward > 0.1);  // they are different policies
    CHECK(*r.old_new.exact().per_token.mean == doctest::Approx(forward).epsilon(1e-5));
    CHECK(*r.exact_reverse_kl().per_token.mean == doctest::Approx(reverse).epsilon(1e-5));
    CHECK(*r.entropy_of_old().per_token.mean == doctest::Approx(old_entropy).epsilon(1e-5));
    CHECK(*r.old_new.entropy().per_token.mean == doctest::Approx(new_entropy).epsilon(1e-5));
    CHECK(*r.old_new.k1().per_token.mean == doctest::Approx(p[77] - q[77]).epsilon(1e-4));
    CHECK(*r.old_new.ratio().mean == doctest::Approx(std::exp(q[77] - p[77])).epsilon(1e-4));
  }
}

TEST_CASE("a response sampled at temperature 0 is taken at temperature 1") {
  const ReportPolicies policies(tiny_model(1), tiny_model(2));
  Record greedy = trajectory("a", kPrompt, {1, 2, 3}), warm = greedy;
  greedy.set_real("temperature", 0), warm.set_real("temperature", 1);
  const FileReport a = report_of({greedy}, policies), b = report_of({warm}, policies);
  CHECK(a.old_new.exact().per_token.mean == b.old_new.exact().per_token.mean);
  CHECK(a.old_new.k1().per_token.mean == b.old_new.k1().per_token.mean);
  CHECK(a.greedy == 1);
}

TEST_CASE("without a prompt the response's first token is left out") {
  const ReportPolicies policies(tiny_model(1), tiny_model(2));
  const FileReport without = report_of({trajectory("a", {}, {9, 1, 2})}, policies);
  const FileReport with = report_of({trajectory("a", {9}, {1, 2})}, policies);
  CHECK(without.tokens == 2);
  CHECK(without.length().mean == 3.0);
  CHECK(without.old_new.k1().per_token.mean == with.old_new.k1().per_token.mean);
  CHECK(report_of({trajectory("a", {}, {9, 1, 2}, {-1, -2}, {-1, -4})}).to_ref.k1().per_sequence.mean == 2.0);
}

TEST_CASE("responses of another policy than the old one are counted where their policy is known") {
  const ReportPolicies policies(tiny_model(1), tiny_model(2));
  std::vector<Record> records;
  for (const char* id : {"a", "b", "c"}) records.push_back(trajectory(id, kPrompt, {1}));
  records[0].set_text("policy", policies.old_digest());
  records[1].set_text("policy", policies.fresh_digest());
  CHECK(policies.old_digest() != policies.fresh_digest());
  CHECK(report_of(records, policies).foreign == 1);
  CHECK(report_of({trajectory("a", kPrompt, {1}, {-1})}, ReportPolicies({}, tiny_model(1))).foreign == 0);
}

TEST_CASE("two policies need no recorded log-probs, one or none does") {
  const std::vector<Record> records = {trajectory("a", kPrompt, {1})};
  CHECK(refusal(records, ReportPolicies(tiny_model(1), tiny_model(2))) == "accepted");
  CHECK(refusal(records, ReportPolicies({}, tiny_model(2))) == "made: record a: field \"logprobs\" is missing");
  CHECK(refusal(records) == "made: record a: field \"logprobs\" is missing");
}

TEST_CASE("a duplicate id is refused") {
  const Record first = trajectory("a", kPrompt, {1}, {-1}), second = trajectory("b", kPrompt, {1}, {-1});
  CHECK(refusal({first, second}) == "accepted");
  CHECK(refusal({first, second, trajectory("a", kPrompt, {2}, {-1})}) == "made: record a: duplicate id \"a\"");
}

TEST_CASE("lists of other lengths are refused") {
  CHECK(refusal({trajectory("a", kPrompt, {1, 2}, {-1})}) ==
        "made: record a: field \"logprobs\" has 1 numbers for 2 tokens");
  CHECK(refusal({trajectory("a", kPrompt, {1}, {-1}, {-1, -2})}) ==
        "made: record a: field \"ref_logprobs\" has 2 numbers for 1 tokens");
}

TEST_CASE("a log-ratio beyond float names the record") {
  CHECK(refusal({trajectory("a", kPrompt, {1}, {3e38f}, {-3e38f})}) ==
        "made: record a: the log-ratio of token 0 is not finite");
}

TEST_CASE("tokens beyond the vocabulary and responses beyond the context are refused where a policy reads them") {
  const ReportPolicies policies({}, tiny_model(1));
  const Record beyond = trajectory("a", kPrompt, {257}, {-1});
  CHECK(refusal({beyond}, policies).find("contains token 257") != std::string::npos);
  CHECK(refusal({beyond}) == "accepted");
  const Record longer = trajectory("a", kPrompt, Ids(46, 1), Numbers(46, -1));
  CHECK(refusal({longer}, policies).find("more than the model's context of 48") != std::string::npos);
  CHECK(refusal({longer}) == "accepted");
  CHECK(refusal({trajectory("a", kPrompt, Ids(45, 1), Numbers(45, -1))}, policies) == "accepted");
  const ReportPolicies shorter(tiny_model(1), tiny_model(2, 10, {.context = 40}));
  CHECK(refusal({trajectory("a", kPrompt, Ids(45, 1))}, shorter).find("context of 40") != std::string::npos);
}

TEST_CASE("policies over other vocabularies, and an old one alone, are refused") {
  Model odd = tiny_model(2);
  ModelConfig config = odd.config();
  config.vocab = 300;
  const Layout layout(config);
  odd.transformer = Transformer(config, initial_parameters(config, layout, 1));
  CHECK_THROWS_WITH_AS(ReportPolicies(tiny_model(1), std::move(odd)),
                       "the new policy has a vocabulary of 300 tokens, the old one of 257", Error);
  CHECK_THROWS_WITH_AS(ReportPolicies(tiny_model(1), {}), "an old policy alone has nothing to be compared with", Error);
}

TEST_CASE("other tokenizers over one vocabulary are noticed") {
  CHECK_FALSE(ReportPolicies(tiny_model(1), tiny_model(2)).tokenizers_differ());
  CHECK_FALSE(ReportPolicies({}, tiny_model(2)).tokenizers_differ());
  Model other = tiny_model(2);
  std::string json = other.tokenizer.json();
  json.replace(json.find("<|endoftext|>"), 13, "<|endofwords>");
  for (std::size_t at; (at = json.find("<|endoftext|>")) != std::string::npos;) json.replace(at, 13, "<|endofwords>");
  other.tokenizer = Tokenizer::from_json(json, "", "other");
  CHECK(ReportPolicies(tiny_model(1), std::move(other)).tokenizers_differ());
}

TEST_CASE("folders are loaded, and missing ones are no input") {
  const std::string folder = tiny_folder(scratch_folder() + "/kl-policy", 3);
  const ReportPolicies policies = ReportPolicies::load({}, folder);
  Model same = tiny_model(3);
  CHECK(policies.fresh_digest() == model_digest(same.transformer));
  CHECK(policies.old_policy() == nullptr);
  CHECK(ReportPolicies::load({}, {}).fresh() == nullptr);
  try {
    ReportPolicies::load(folder, folder + "-missing");
    FAIL("loaded");
  } catch (const Error& e) {
    CHECK(e.status() == Exit::kNoInput);
  }
}
