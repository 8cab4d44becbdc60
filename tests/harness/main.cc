// Runs the test cases of one folder and closes with "N passed, N failed, N skipped", counting cases.
#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/harness/harness.h"

#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <stdexcept>

namespace nudge::test {
namespace {
std::set<std::string> skipped;
std::string running;
std::string scratch;
}  // namespace

void skip(const std::string& why) {
  if (skipped.insert(running).second) std::printf("skipped: %s (%s)\n", running.c_str(), why.c_str());
}

std::string oracle_folder() {
  const char* named = std::getenv("NUDGE_ORACLE");
  const std::string folder = named != nullptr ? named : "../shared/oracle";
  return std::filesystem::is_directory(folder) ? folder : "";
}

const std::string& scratch_folder() {
  if (scratch.empty()) {
    std::string name = (std::filesystem::temp_directory_path() / "nudge-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no scratch folder");
    scratch = name;
  }
  return scratch;
}

namespace {
struct Counter : doctest::IReporter {
  int failed = 0, ran = 0;
  explicit Counter(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {
    const int skips = static_cast<int>(skipped.size());
    std::printf("%d passed, %d failed, %d skipped\n", ran - failed - skips, failed, skips);
  }
  void test_case_start(const doctest::TestCaseData& data) override { running = data.m_name; }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    ++ran;
    if (!stats.testCaseSuccess) {
      ++failed;
      skipped.erase(running);
    }
  }
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_LISTENER("counter", 1, Counter);
}  // namespace
}  // namespace nudge::test

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  context.setOption("no-intro", true);
  const int status = context.run();
  std::error_code ignored;
  if (!nudge::test::scratch.empty()) std::filesystem::remove_all(nudge::test::scratch, ignored);
  return status;
}
