// Running one computation at every level and number of threads, and comparing bits.
#pragma once

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/parallel.h"
#include "lib/kernels/kernels.h"
#include "tests/harness/harness.h"
#include "tests/harness/levels.h"
#include "tests/law/digests.h"

namespace nudge::test {

using Floats = std::vector<float>;

inline bool same_bits(const float* a, const float* b, std::size_t n) {
  return n == 0 || std::memcmp(a, b, n * sizeof(float)) == 0;
}
inline bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() && same_bits(a.data(), b.data(), a.size());
}

// Puts the level and the number of threads back.
class KeepSettings {
 public:
  KeepSettings() : kernels_(kernels()), threads_(thread_count()) {}
  ~KeepSettings() {
    use_kernels(kernels_);
    set_thread_count(threads_);
  }
  KeepSettings(const KeepSettings&) = delete;
  KeepSettings& operator=(const KeepSettings&) = delete;

 private:
  const Kernels& kernels_;
  int threads_;
};

// f() once for each level that the processor has and 1, 2 and 3 threads, the first with the least level and one thread. Where
// NUDGE_TEST_ONE_SETTING is set, only with what the program would choose: an emulated processor is a hundred times slower.
template <class F>
void at_every_setting(const F& f) {
  if (std::getenv("NUDGE_TEST_ONE_SETTING") != nullptr) return f();
  KeepSettings keep;
  for (const Kernels* level : levels()) {
    for (int threads : {1, 2, 3}) {
      use_kernels(*level);
      set_thread_count(threads);
      INFO(level->name << ", " << threads << " threads");
      f();
    }
  }
}

// Asserts that f() gives the same numbers at every setting, and on every machine; returns them.
template <class F>
Floats same_everywhere(const F& f, const std::string& subject = "") {
  Floats first;
  at_every_setting([&] {
    const Floats result = f();
    if (first.empty()) first = result;
    CHECK(same_bits(result, first));
  });
  REQUIRE(!first.empty());
  same_on_every_machine(first, subject);
  return first;
}

}  // namespace nudge::test
