// kl-report's results against float64 results of an independent implementation.
#include "tests/model/golden.h"
#include "tests/report/records.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct EndToEnd {
  EndToEnd(const std::string& goldens, const std::string& family) : golden(goldens, family) {
    text = simdjson::padded_string(read_file(golden.folder + "/e2e.json"));
    root = parser.parse(text);
    limit = golden.tolerance("logits_max_abs");
  }
  // Calls f(record, expected) for both answers of every pair.
  template <class F>
  int each(F&& f) const {
    int n = 0;
    for (const auto pair : root["pairs"])
      for (const char* answer : {"chosen_out", "rejected_out"}) {
        const simdjson::dom::element e = pair[answer];
        CAPTURE(n);
        f(trajectory(std::to_string(n), ids(e["prompt_ids"]), ids(e["response_ids"])), e);
        ++n;
      }
    return n;
  }
  ReportPolicies policies(const char* old_policy, const char* fresh) const {
    return ReportPolicies::load(golden.folder + "/" + old_policy, golden.folder + "/" + fresh);
  }
  Golden golden;
  simdjson::padded_string text;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  double limit;  // of a logit, thus of a log-prob to within a factor of 2
};

double token_mean(const TwoUnits& both) { return *both.per_token.mean; }
double sequence_mean(const TwoUnits& both) { return *both.per_sequence.mean; }
bool near(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

}  // namespace

TEST_CASE("k1, k2, k3 and the exact KL in both directions of each answer are the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const EndToEnd e2e(goldens, family);
    const ReportPolicies policies = e2e.policies("old", "policy");
    const int n = e2e.each([&](const Record& record, simdjson::dom::element want) {
      const FileReport r = report_of({record}, policies);
      CHECK(near(token_mean(r.old_new.k1()), double(want["k1_mean"]), e2e.limit));
      CHECK(near(token_mean(r.old_new.k2()), double(want["k2_mean"]), e2e.limit));
      CHECK(near_ratio(token_mean(r.old_new.k3()), double(want["k3_mean"]), e2e.limit));
      CHECK(near(token_mean(r.old_new.exact()), double(want["kl_exact_old_new_mean"]), e2e.limit));
      CHECK(near(token_mean(r.exact_reverse_kl()), double(want["kl_exact_new_old_mean"]), e2e.limit));
    });
    CHECK(n == 2 * std::ssize(simdjson::dom::array(e2e.root["pairs"])));
  });
}

TEST_CASE("the difference of both policies' log-probs over a response is the oracle's, also to the reference") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const EndToEnd e2e(goldens, family);
    const ReportPolicies to_old = e2e.policies("old", "policy"), to_ref = e2e.policies("policy", "ref");
    e2e.each([&](const Record& record, simdjson::dom::element want) {
      const double policy = double(want["sum_logprob_policy"]), old = double(want["sum_logprob_old"]),
                   ref = double(want["sum_logprob_ref"]), tokens = double(record.ids("response_ids").size());
      CHECK(near(sequence_mean(report_of({record}, to_old).old_new.k1()), old - policy, e2e.limit * tokens));
      CHECK(near(sequence_mean(report_of({record}, to_ref).old_new.k1()), policy - ref, e2e.limit * tokens));
    });
  });
}

TEST_CASE("a file of all answers has the token-weighted means of the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const EndToEnd e2e(goldens, family);
    std::vector<Record> records;
    double tokens = 0, exact = 0, reverse = 0, k3 = 0;
    e2e.each([&](const Record& record, simdjson::dom::element want) {
      records.push_back(record);
      const double n = double(record.ids("response_ids").size() - record.ids("prompt_ids").empty());
      tokens += n, exact += n * double(want["kl_exact_old_new_mean"]), k3 += n * double(want["k3_mean"]);
      reverse += n * double(want["kl_exact_new_old_mean"]);
    });
    const FileReport r = report_of(records, e2e.policies("old", "policy"));
    CHECK(double(r.tokens) == tokens);
    CHECK(near(token_mean(r.old_new.exact()), exact / tokens, e2e.limit));
    CHECK(near(token_mean(r.exact_reverse_kl()), reverse / tokens, e2e.limit));
    CHECK(near_ratio(token_mean(r.old_new.k3()), k3 / tokens, e2e.limit));
    const auto answers = static_cast<double>(records.size());
    CHECK(near(sequence_mean(r.old_new.exact()), exact / answers, e2e.limit * tokens / answers));
  });
}

TEST_CASE("k1, k2, k3, exact KL and entropy of each token of a PPO batch are the oracle's") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    const ReportPolicies policies = ReportPolicies::load(golden.folder + "/old", golden.folder + "/policy");
    const double limit = 2 * golden.tolerance("logits_max_abs");
    int n = 0;
    for (const auto sample : golden.json["ppo_samples"]) {
      const Record record = trajectory(std::to_string(n++), ids(sample["prompt_ids"]), ids(sample["response_ids"]));
      const FileReport r = report_of({record}, policies);
      const auto want = [&](const char* key) { return numbers(sample["expect"][key]); };
      const auto k1 = want("k1_old_new"), k2 = want("k2_old_new"), k3 = want("k3_old_new"),
                 exact = want("kl_exact_old_new"), entropy = want("entropy");
      REQUIRE(r.old_new.tokens() == k1.size());
      for (std::size_t t = 0; t < k1.size(); ++t) {
        CHECK(near(*r.old_new.k1_by_position()[t].value.mean, double(k1[t]), limit));
        CHECK(near(k2_of_log_ratio(double(r.old_new.log_ratios()[0][t])), double(k2[t]), limit));
        CHECK(near_ratio(*r.old_new.k3_by_position()[t].value.mean, double(k3[t]), limit));
        CHECK(near(*r.old_new.exact_by_position()[t].value.mean, double(exact[t]), limit));
        CHECK(near(*r.old_new.entropy_by_position()[t].value.mean, double(entropy[t]), limit));
      }
    }
    CHECK(n > 0);
  });
}

TEST_CASE("with a new policy alone the recorded log-probs are the old ones") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    const ReportPolicies policies = ReportPolicies::load({}, golden.folder + "/policy");
    const double limit = 2 * golden.tolerance("logits_max_abs");
    for (const auto sample : golden.json["ppo_samples"]) {
      const FileReport r = report_of({trajectory("a", ids(sample["prompt_ids"]), ids(sample["response_ids"]),
                                                 numbers(sample["old_logprobs"]), numbers(sample["ref_logprobs"]))},
                                     policies);
      const auto k1 = numbers(sample["expect"]["k1_old_new"]);
      for (std::size_t t = 0; t < k1.size(); ++t)
        CHECK(near(*r.old_new.k1_by_position()[t].value.mean, double(k1[t]), limit));
      CHECK_FALSE(r.old_new.exact().per_token.mean.has_value());
      CHECK(r.old_new.entropy().per_token.mean.has_value());
    }
  });
}

TEST_CASE("KL to the reference from the recorded log-probs is that of the oracle's numbers") {
  for_each_family([&](const std::string& goldens, const std::string& family) {
    const Golden golden(goldens, family);
    double k1 = 0, tokens = 0;
    std::vector<Record> records;
    for (const auto sample : golden.json["ppo_samples"]) {
      const auto policy = numbers(sample["old_logprobs"]), ref = numbers(sample["ref_logprobs"]);
      for (std::size_t t = 0; t < policy.size(); ++t) k1 += double(policy[t]) - double(ref[t]), tokens += 1;
      records.push_back(trajectory(std::to_string(records.size()), ids(sample["prompt_ids"]),
                                   ids(sample["response_ids"]), policy, ref));
    }
    const FileReport r = report_of(records);
    CHECK(near(token_mean(r.to_ref.k1()), k1 / tokens, 1e-6));
    CHECK(near(sequence_mean(r.to_ref.k1()), k1 / double(records.size()), 1e-5));
    CHECK(r.old_new.tokens() == 0);
  });
}
