// What every test file includes: doctest, and a way to skip.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <exception>
#include <string>

#include "lib/base/dtype.h"

namespace nudge::test {

// The arithmetic that random models of the tests compute in: NUDGE_TEST_DTYPE=bf16, else float32. The law's tests
// are run in both.
inline Dtype test_dtype() {
  const char* name = std::getenv("NUDGE_TEST_DTYPE");
  return name != nullptr && std::string(name) == name_of(Dtype::kBf16) ? Dtype::kBf16 : Dtype::kF32;
}

// Marks the running test case as skipped; the case then returns.
void skip(const std::string& why);

// The folder of independent numbers beside the checkout (NUDGE_ORACLE, or ../shared/oracle), or "" where
// it is absent.
std::string oracle_folder();

// What sanitizers rule out, as clang tells of them and as g++ does. Programs of the address and thread sanitizers end by
// a limit of the address space; the thread sanitizer keeps signals back while a file is opened.
#if defined(__has_feature)
constexpr bool kUnderThreadSanitizer = __has_feature(thread_sanitizer);
constexpr bool kMemoryCanBeLimited = !(__has_feature(address_sanitizer) || kUnderThreadSanitizer);
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kUnderThreadSanitizer = false;
constexpr bool kMemoryCanBeLimited = false;
#else
constexpr bool kUnderThreadSanitizer = false;
constexpr bool kMemoryCanBeLimited = true;
#endif

// The message of the error that f() throws, or "nothing thrown".
template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing thrown";
}

// A fresh folder for this test process, removed when it ends.
const std::string& scratch_folder();

}  // namespace nudge::test

// Ends a test case as skipped where the oracle is absent; otherwise defines `oracle`, its path.
#define NEED_ORACLE(oracle)                                  \
  const std::string oracle = ::nudge::test::oracle_folder(); \
  if (oracle.empty()) {                                      \
    ::nudge::test::skip("no oracle folder");                 \
    return;                                                  \
  }
