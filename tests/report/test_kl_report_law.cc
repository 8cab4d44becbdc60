// A policy against itself gives 0, and no result depends on threads, kernels or micro-batches.
#include <algorithm>

#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"
#include "lib/report/report_json.h"
#include "tests/harness/levels.h"
#include "tests/model/tiny_model.h"
#include "tests/report/records.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// Twenty responses of 1 to 20 tokens at several temperatures, one of them without a prompt.
std::vector<Record> various() {
  std::vector<Record> records;
  std::uint32_t state = 7;
  const auto token = [&] { return static_cast<std::int32_t>((state = state * 1664525u + 1013904223u) >> 24); };
  for (int i = 0; i < 20; ++i) {
    Ids prompt, response;
    for (int t = 0; t < i; ++t) prompt.push_back(token());
    for (int t = 0; t <= i + (i == 0); ++t) response.push_back(token());
    records.push_back(trajectory(std::to_string(i), prompt, response));
    records.back().set_real("temperature", i % 3 == 0 ? 1.0f : i % 3 == 1 ? 0.7f : 1.9f);
  }
  return records;
}

// Restores what a case changes.
struct Settings {
  const Kernels* kernels_before = &kernels();
  int threads_before = thread_count();
  ~Settings() { use_kernels(*kernels_before), set_thread_count(threads_before); }
};

template <class F>
void at_every_setting(F&& f) {
  const Settings settings;
  for (const Kernels* level : levels()) {
    use_kernels(*level);
    for (int threads = 1; threads <= 3; ++threads) {
      CAPTURE(level->name);
      CAPTURE(threads);
      set_thread_count(threads);
      f();
    }
  }
}

void check_zero(const TwoUnits& both) {
  CHECK(both.per_token.mean == 0.0);
  CHECK(both.per_token.standard_error == 0.0);
  CHECK(both.per_sequence.mean == 0.0);
  CHECK(both.per_sequence.standard_error == 0.0);
}

}  // namespace

TEST_CASE("a policy with itself is exactly 0 and each ratio exactly 1, at every level and 1, 2, 3 threads") {
  at_every_setting([] {
    const ReportPolicies policies(tiny_model(1), tiny_model(1));
    const FileReport r = report_of(various(), policies);
    CHECK(r.old_new.sequences() == 20);
    for (const TwoUnits& both :
         {r.old_new.exact(), r.exact_reverse_kl(), r.old_new.k1(), r.old_new.k2(), r.old_new.k3()})
      check_zero(both);
    for (const double q : r.old_new.ratio_quantiles(kRatioQuantiles)) CHECK(q == 1.0);
    for (const float x : r.exact_reverse.all()) CHECK(x == 0.0f);
    CHECK(r.old_new.outside(0, 0).mean == 0.0);
    CHECK(r.old_new.effective_tokens() == double(r.tokens));
    CHECK(r.old_new.effective_sequences() == 20.0);
  });
}

TEST_CASE("the log-probs that a policy recorded are those it finds again, in any micro-batch") {
  std::vector<Record> records = various();
  Model model = tiny_model(1);
  model.transformer.pack();
  ResponseEvaluator evaluator(1000);
  for (Record& record : records) {
    const Trajectory t = read_trajectory(record, model.config());
    const ResponseView view = t.view();
    record.set_reals("logprobs", evaluator.stats(model.transformer, {&view, 1}).logprobs);
  }
  const ReportPolicies policies({}, tiny_model(1));
  for (const std::int64_t micro_tokens : {1, 37, 4096}) {
    const FileReport r = report_of(records, policies, micro_tokens);
    CHECK(r.old_new.tokens() > 200);
    for (const float x : r.old_new.log_ratios().all()) CHECK(x == 0.0f);
  }
}

TEST_CASE("no statistic depends on the order of the records") {
  std::vector<Record> records = various();
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::size_t tokens = i == 0 ? 1 : i + 1;  // the first has no prompt, so its first token no prediction
    Numbers logprobs, ref;
    for (std::size_t t = 0; t < tokens; ++t)
      logprobs.push_back(-0.1f * static_cast<float>(t * 7 % 11 + i)), ref.push_back(-0.3f * static_cast<float>(t + 1));
    if (i % 4 != 1) records[i].set_reals("logprobs", logprobs);
    if (i % 4 >= 2) records[i].set_reals("ref_logprobs", ref);
    if (i % 3 != 0) records[i].set_real("reward", 0.1f * static_cast<float>(i * i));
  }
  const ReportPolicies policies(tiny_model(1), tiny_model(2));
  const auto text = [&] {
    const FileReport r = report_of(records, policies, 100);
    return json_of(r);
  };
  const std::string expected = text();
  for (int round = 0; round < 3; ++round) {
    std::rotate(records.begin(), records.begin() + 7, records.end());
    std::swap(records[3], records[11]);
    CHECK(text() == expected);
  }
}

TEST_CASE("records that hold their evaluation give the report of the policies, in any window") {
  const std::vector<Record> records = various();
  const ReportPolicies policies(tiny_model(1), tiny_model(2));
  const FileReport direct = report_of(records, policies);
  for (const std::int64_t micro_tokens : {1, 50, 4096}) {
    std::vector<Record> evaluated;
    RecordEvaluator evaluator(
        policies, [&](const Record& r) { evaluated.push_back(Record::parse(r.line(), r.where())); }, micro_tokens);
    for (const Record& r : records) evaluator.add(r);
    evaluator.finish();
    REQUIRE(evaluated.size() == records.size());
    for (std::size_t i = 0; i < records.size(); ++i) CHECK(evaluated[i].text("id") == records[i].text("id"));
    const FileReport recorded = report_of(evaluated);
    CHECK(recorded.by == direct.by);
    CHECK(json_of(recorded) == json_of(direct));
  }
}

TEST_CASE("two policies' statistics are the same bits for any threads, level and micro-batch") {
  const auto text = [](std::int64_t micro_tokens) {
    const ReportPolicies policies(tiny_model(1), tiny_model(2));
    const FileReport r = report_of(various(), policies, micro_tokens);
    return json_of(r);
  };
  const std::string expected = text(4096);
  CHECK(expected.find("\"exact\"") != std::string::npos);
  at_every_setting([&] { CHECK(text(100) == expected); });
}
