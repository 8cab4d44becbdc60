#include "tests/law/digests.h"

#include <fstream>
#include <map>

#include "lib/base/digest.h"
#include "tests/harness/harness.h"

namespace nudge::test {
namespace {

// By "dtype, number of the call within its case or for its subject, name of the case and of the subject", separated by
// tabs.
std::map<std::string, std::string> known_digests() {
  std::map<std::string, std::string> all;
  std::ifstream file("tests/law/digests.tsv");
  for (std::string line; std::getline(file, line);)
    if (const auto tab = line.find('\t'); tab != std::string::npos) all[line.substr(tab + 1)] = line.substr(0, tab);
  return all;
}

}  // namespace

void same_on_every_machine(const std::vector<float>& numbers, const std::string& subject) {
  static const std::map<std::string, std::string> known = known_digests();
  static std::map<std::string, int> calls;
  const std::string name = doctest::getContextOptions()->currentTest->m_name + (subject.empty() ? "" : ": " + subject);
  const std::string key = name_of(test_dtype()) + std::string("\t") + std::to_string(++calls[name]) + "\t" + name;
  const std::string digest = Digest().bytes(numbers.data(), numbers.size() * sizeof(float)).hex();
  if (const char* path = std::getenv("NUDGE_TEST_DIGESTS")) {
    std::ofstream(path, std::ios::app) << digest << '\t' << key << '\n';
    return;
  }
  const auto found = known.find(key);
  INFO(key << ": other machines found other bits, or tests/law/digests.tsv lacks it");
  CHECK(found != known.end());
  if (found != known.end()) CHECK(digest == found->second);
}

}  // namespace nudge::test
