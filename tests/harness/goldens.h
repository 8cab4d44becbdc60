// Where the goldens are: numbers of independent implementations that tests compare with.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/harness/harness.h"

namespace nudge::test {

// Folders of one layout (tests/goldens/README.md): the tree's own, then the oracle's where it is present.
inline std::vector<std::string> golden_folders() {
  std::vector<std::string> folders = {"tests/goldens"};
  if (const std::string oracle = oracle_folder(); !oracle.empty()) folders.push_back(oracle);
  return folders;
}

// The families that a folder of goldens has numbers of, in the order of their names.
inline std::vector<std::string> golden_families(const std::string& goldens) {
  std::vector<std::string> families;
  for (const auto& entry : std::filesystem::directory_iterator(goldens + "/model/dev"))
    families.push_back(entry.path().filename().string());
  std::sort(families.begin(), families.end());
  REQUIRE(families.size() > 5);
  return families;
}

// The trained model of each of golden_folders(), a Llama with a vocabulary of characters, and its golden.json.
inline std::vector<std::string> story_folders() {
  std::vector<std::string> folders;
  for (const std::string& goldens : golden_folders())
    folders.push_back(goldens + "/model/" + (folders.empty() ? "tales" : "stories260K"));
  return folders;
}

}  // namespace nudge::test
