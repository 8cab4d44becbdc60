// Every file of the corpus, and what it becomes when it is cut or a byte changes, through its fuzzer.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/fuzz.h"
#include "tests/harness/harness.h"

using namespace nudge;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> corpus(const std::string& name) {
  std::vector<std::string> inputs;
  for (const auto& entry : fs::directory_iterator("tests/fuzz/seeds/" + name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

// What the fuzzer says of an input: nothing where all is well.
std::string said(const fuzz::Target& target, const std::string& input) {
  try {
    target.run(input);
    return "";
  } catch (const std::exception& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("the fuzzers' corpus holds the promises, whole, cut and changed") {
  constexpr std::size_t kPlaces = 24;  // of an input where it is cut and changed
  for (const fuzz::Target& target : fuzz::targets()) {
    CAPTURE(target.name);
    const std::vector<std::string> inputs = corpus(target.name);
    CHECK(inputs.size() >= 3);
    for (const std::string& input : inputs) {
      CAPTURE(input.substr(0, 200));
      CHECK(said(target, input) == "");
      for (std::size_t i = 0; i < kPlaces && !input.empty(); ++i) {
        const std::size_t at = input.size() * i / kPlaces;
        CHECK(said(target, input.substr(0, at)) == "");
        std::string changed = input;
        changed[at] = static_cast<char>(changed[at] ^ (1 << i % 8));
        CHECK(said(target, changed) == "");
      }
    }
  }
}

TEST_CASE("a fuzzer sees a broken promise and another error than that of bad input") {
  CHECK_THROWS_AS(fuzz::promise(false, "x"), std::logic_error);
  CHECK_THROWS_AS(fuzz::accepts("a", [] { throw Error(Exit::kIo, "a: b"); }), std::logic_error);
  CHECK_THROWS_AS(fuzz::accepts("a", [] { bad_input("b"); }), std::logic_error);
  CHECK_THROWS_AS(fuzz::accepts("a", [] { throw std::out_of_range("x"); }), std::out_of_range);
  CHECK(!fuzz::accepts("a", [] { bad_input("a: b"); }));
  CHECK(fuzz::accepts("a", [] {}));
}
