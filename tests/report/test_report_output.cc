// Tables, plots and JSON, from hand-made numbers.
#include <simdjson.h>

#include <algorithm>
#include <cmath>

#include "lib/report/report_json.h"
#include "lib/report/report_text.h"
#include "tests/report/records.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// Two responses, 0.5 + 2 and -0.25 nats from the reference.
FileReport simple(const std::string& name = "made") {
  std::vector<Record> records = {trajectory("a", {1}, {1, 2}, {-1, -2}, {-1.5, -4}),
                                 trajectory("b", {1}, {3}, {-0.5}, {-0.25})};
  records[0].set_real("reward", 1), records[1].set_real("reward", 3);
  return report_of(records, {}, 4096, name);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 128; });
}

}  // namespace

TEST_CASE("numbers have five digits and two for the error") {
  CHECK(formatted(Estimate{1.0 / 3, 0.0123456}) == "0.333 ± 0.012");
  CHECK(formatted(Estimate{2.5, {}}) == "2.5");
  CHECK(formatted(Estimate{}) == "");
  CHECK(formatted(std::optional<double>(INFINITY)) == "inf");
  CHECK(formatted(std::optional<double>(0.0)) == "0");
}

TEST_CASE("a file's table names its numbers and leaves absent ones out") {
  const std::string text = report_text(file_section(simple(), 0.2), {.plots = false});
  CHECK(has(text, "made\n"));
  CHECK(has(text, "  responses             2\n"));
  CHECK(has(text, "  reward                2.0 ± 1.0\n"));
  CHECK(has(text, "KL(policy ‖ ref), nats\n"));
  CHECK(has(text, "  k1                  0.75 ± 0.67   1.1 ± 1.4\n"));
  CHECK_FALSE(has(text, "old"));
  CHECK_FALSE(has(text, "temperature 0"));
}

TEST_CASE("plots stand below the tables unless they are unwanted") {
  const ReportSection section = file_section(simple(), 0.2);
  const std::string with = report_text(section, {.plots = true}), without = report_text(section, {.plots = false});
  CHECK(with.rfind(without, 0) == 0);
  CHECK(has(with, "KL(policy ‖ ref) by position, nats\n"));
  CHECK(has(with, "position in the response\n"));
  CHECK_FALSE(has(without, "by position"));
}

TEST_CASE("in ASCII no other byte is written") {
  const ReportSection section = file_section(simple(), 0.2);
  const std::string text = report_text(section, {.plots = true, .unicode = false});
  CHECK(is_ascii(text));
  CHECK(has(text, "KL(policy || ref), nats"));
  CHECK(has(text, "2.0 +- 1.0"));
  CHECK_FALSE(is_ascii(report_text(section, {.plots = false, .unicode = true})));
}

TEST_CASE("a name can't drive the terminal") {
  const ReportSection section = file_section(simple("a\x1b[2J<b>&\"c"), 0.2);
  CHECK(has(report_text(section, {}), "a\\x1b[2J<b>&\"c\n"));
}

TEST_CASE("several files have a row each, without columns that are empty, and curves by file") {
  const std::vector<FileReport> reports = {simple("p0.jsonl"), simple("p1.jsonl")};
  const ReportSection all = overview(reports, 0.2);
  REQUIRE(all.tables.size() == 1);
  CHECK(all.tables[0].rows.size() == 2);
  CHECK(all.tables[0].rows[1][0] == "p1.jsonl");
  CHECK(all.tables[0].header == std::vector<std::string>{"file", "responses", "cut", "length", "reward",
                                                         "KL(policy ‖ ref) k1", "k3", "√KL", "entropy est."});
  CHECK(all.plots[0].title == "Reward");
  CHECK(all.plots[0].series[0].values == std::vector<double>{2, 2});
  CHECK(all.plots[1].series[0].values == std::vector<double>{1.125, 1.125});
  CHECK(report_sections(reports, 0.2).size() == 3);
  CHECK(report_sections({reports.data(), 1}, 0.2).size() == 1);
}

TEST_CASE("a file without a value is a gap in the curve") {
  const std::vector<FileReport> reports = {simple(), report_of({trajectory("a", {1}, {1}, {-1})})};
  const ReportSection all = overview(reports, 0.2);
  CHECK(std::isnan(all.plots[0].series[0].values[1]));
  CHECK(all.tables[0].rows[1][4] == "");
  CHECK(has(report_text(all, {.plots = false}), "   -"));
}

TEST_CASE("the JSON holds the numbers in both units, null where there is none") {
  const FileReport r = simple();
  simdjson::dom::parser parser;
  const std::string text = json_of(r, 0.3);
  CHECK(text.back() == '\n');
  const simdjson::dom::element e = parser.parse(text);
  CHECK(std::string_view(e["schema"]) == "kl-report/1");
  CHECK(double(e["clip"]) == 0.3);
  CHECK(e["old"].is_null());
  const simdjson::dom::element file = simdjson::dom::array(e["files"]).at(0);
  CHECK(std::string_view(file["file"]) == "made");
  CHECK(std::int64_t(file["tokens"]) == 3);
  CHECK(std::int64_t(file["finish"]["stop"]) == 2);
  CHECK(double(file["reward"]["mean"]) == 2);
  CHECK(double(file["reward"]["se"]) == 1);
  CHECK(double(file["policy_ref"]["k1"]["per_token"]["mean"]) == 0.75);
  CHECK(double(file["policy_ref"]["k1"]["per_sequence"]["mean"]) == 1.125);
  CHECK(file["old_new"].is_null());
  const simdjson::dom::element last = file["policy_ref"]["by_position"].at(1);
  CHECK(std::int64_t(last["position"]) == 1);
  CHECK(std::int64_t(last["responses"]) == 1);
  CHECK(double(last["k1"]["mean"]) == 2);
  CHECK(last["k1"]["se"].is_null());
}

TEST_CASE("numbers beyond those of JSON are null") {
  const FileReport r = report_of({trajectory("a", {1}, {1}, {-2000}, {-1})});  // k3: e^1999
  simdjson::dom::parser parser;
  const simdjson::dom::element e = parser.parse(json_of(r));
  CHECK(e["files"].at(0)["policy_ref"]["k3"]["per_token"]["mean"].is_null());
  CHECK(double(e["files"].at(0)["policy_ref"]["k1"]["per_token"]["mean"]) == -1999);
  CHECK(has(report_text(file_section(r, 0.2), {}), "inf"));
}

TEST_CASE("the locale's charset is that of the first variable that is set") {
  CHECK(locale_is_utf8(nullptr, nullptr, "en_GB.UTF-8"));
  CHECK(locale_is_utf8("C.utf8", "C", "C"));
  CHECK_FALSE(locale_is_utf8("C", nullptr, "en_GB.UTF-8"));
  CHECK_FALSE(locale_is_utf8("", "POSIX", "en_GB.UTF-8"));
  CHECK(locale_is_utf8("", "", "en_GB.UTF-8"));
  CHECK_FALSE(locale_is_utf8(nullptr, nullptr, nullptr));
}
