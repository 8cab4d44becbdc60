#include "lib/base/rng.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/buffer.h"
#include "lib/base/digest.h"
#include "lib/base/parallel.h"
#include "lib/base/scalar_math.h"
#include "lib/base/visible.h"
#include "tests/harness/harness.h"

using namespace nudge;

// The known-answer vectors of Random123 (kat_vectors, philox4x32 with 10 rounds).
TEST_CASE("philox gives the published known answers") {
  CHECK(philox(0, 0, 0) == std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox(~0ull, ~0ull, ~0ull) == std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(0x299f31d0a4093822ull, 0x0370734413198a2eull, 0x85a308d3243f6a88ull) ==
        std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform and normal have the moments of their distributions") {
  const int n = 200000;
  double sum = 0, square = 0, nsum = 0, nsquare = 0, nfourth = 0;
  for (int i = 0; i < n; ++i) {
    const double u = uniform(7, 11, static_cast<std::uint64_t>(i)), z = normal(7, 12, static_cast<std::uint64_t>(i));
    CHECK((u >= 0 && u < 1));
    sum += u, square += u * u, nsum += z, nsquare += z * z, nfourth += z * z * z * z;
  }
  CHECK(std::abs(sum / n - 0.5) < 0.003);
  CHECK(std::abs(square / n - 1.0 / 3) < 0.003);
  CHECK(std::abs(nsum / n) < 0.01);
  CHECK(std::abs(nsquare / n - 1) < 0.015);
  CHECK(std::abs(nfourth / n - 3) < 0.12);
}

TEST_CASE("a permutation holds each number once and depends on seed and stream") {
  const auto p = permutation(1000, 1, 2);
  CHECK(std::set<std::int64_t>(p.begin(), p.end()).size() == 1000);
  CHECK(p != permutation(1000, 1, 3));
  CHECK(p != permutation(1000, 2, 2));
  CHECK(p == permutation(1000, 1, 2));
  CHECK(permutation(0, 1, 1).empty());
}

TEST_CASE("scalar functions agree with the C library to 1e-15 and are exact where they should be") {
  for (int i = -7000; i <= 7000; ++i) {
    const double x = i * 0.1 + 0.0123;
    CHECK(det_exp(x) == doctest::Approx(std::exp(x)).epsilon(2e-15));
  }
  for (int i = -300; i <= 300; ++i) {
    const double x = std::pow(10.0, i) * 1.2345;
    CHECK(det_log(x) == doctest::Approx(std::log(x)).epsilon(2e-15));
  }
  for (int i = 0; i <= 1000; ++i) {
    const double t = i / 1000.0;
    CHECK(std::abs(det_cos_turns(t) - std::cos(2 * M_PI * t)) < 1e-15);
    CHECK(std::abs(det_sin_turns(t) - std::sin(2 * M_PI * t)) < 2e-15);
  }
  CHECK(det_exp(0) == 1.0);
  CHECK(det_log(1) == 0.0);
  CHECK(det_cos_turns(0) == 1.0);
  CHECK(det_cos_turns(0.5) == -1.0);
  CHECK(det_exp(-1000) == 0.0);
  CHECK(std::isinf(det_exp(1000)));
  CHECK(det_powi(0.9, 3) == doctest::Approx(0.729).epsilon(1e-15));
  CHECK(det_powi(0.9, 0) == 1.0);
  CHECK(det_pow(0.8, 1.0 / 24) == doctest::Approx(std::pow(0.8, 1.0 / 24)).epsilon(1e-15));
}

TEST_CASE("a digest depends on content and on where texts end") {
  CHECK(Digest().hex() == "99aa06d3014798d86001c324468d497f");  // XXH3-128 of nothing, as published
  CHECK(Digest().text("ab").text("c").hex() != Digest().text("a").text("bc").hex());
  CHECK(Digest().bytes("abc", 3).hex() == Digest().bytes("a", 1).bytes("bc", 2).hex());
}

TEST_CASE("parallel loops visit each item once, flush denormals inside and restore them outside") {
  volatile double tiny = 1e-310;
  for (int threads : {1, 2, 3}) {
    set_thread_count(threads);
    std::vector<int> visits(1001);
    bool flushed = true;
    parallel_for(1001, [&](std::int64_t i) {
      ++visits[static_cast<std::size_t>(i)];
      if (tiny * 0.5 != 0) flushed = false;
    });
    CHECK(visits == std::vector<int>(1001, 1));
    CHECK(flushed);
    CHECK(tiny * 0.5 != 0);
  }
  std::vector<std::int64_t> lengths(4);
  parallel_ranges(
      10, 3, [&](std::int64_t begin, std::int64_t end) { lengths[static_cast<std::size_t>(begin / 3)] = end - begin; });
  CHECK(lengths == std::vector<std::int64_t>{3, 3, 3, 1});
  CHECK_THROWS_AS(parallel_for(5,
                               [](std::int64_t i) {
                                 if (i == 3) throw std::runtime_error("x");
                               }),
                  std::runtime_error);
}

TEST_CASE("of several items that fail the first by number is told, whatever the timing") {
  for (const int threads : {1, 3}) {
    set_thread_count(threads);
    for (const int late : {3, 4, 5}) {  // the one of the three that fails last
      CAPTURE(threads);
      CAPTURE(late);
      std::string told;
      try {
        parallel_for(100, [late](std::int64_t i) {
          if (i == late) std::this_thread::sleep_for(std::chrono::milliseconds(20));
          if (i >= 3 && i <= 5) throw std::runtime_error(std::to_string(i));
        });
      } catch (const std::runtime_error& e) {
        told = e.what();
      }
      CHECK(told == "3");
    }
    std::atomic<int> visits = 0;
    parallel_for(50, [&](std::int64_t) { ++visits; });  // the next loop is not the worse for it
    CHECK(visits == 50);
  }
}

TEST_CASE("loops within loops and loops of two threads visit each item once, and fail each on its own") {
  set_thread_count(3);
  std::atomic<int> visits = 0;
  parallel_for(20, [&](std::int64_t) { parallel_for(30, [&](std::int64_t) { ++visits; }); });
  CHECK(visits == 600);
  CHECK_THROWS_WITH_AS(parallel_for(20,
                                    [](std::int64_t i) {
                                      parallel_for(30, [i](std::int64_t j) {
                                        if (j >= 7 && i >= 2) throw std::runtime_error(std::to_string(100 * i + j));
                                      });
                                    }),
                       "207", std::runtime_error);
  std::vector<std::string> told(2);
  std::atomic<int> other_visits = 0;
  const auto loops = [&](int mine) {
    for (int round = 0; round < 200; ++round) {
      try {
        parallel_for(10, [&](std::int64_t i) {
          ++other_visits;
          if (i == 9 && round == 199) throw std::runtime_error(std::to_string(mine));
        });
      } catch (const std::runtime_error& e) {
        told[static_cast<std::size_t>(mine)] += e.what();
      }
    }
  };
  std::thread first(loops, 0), second(loops, 1);
  first.join();
  second.join();
  CHECK(other_visits == 2 * 200 * 10);
  CHECK(told == std::vector<std::string>{"0", "1"});
}

TEST_CASE("where the system refuses threads a loop goes on with those there are") {
  if (!test::kMemoryCanBeLimited) return test::skip("a sanitizer");
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit = {1, 1};  // no memory for stacks
    ::setrlimit(RLIMIT_AS, &limit);
    set_thread_count(64);
    std::atomic<int> visits = 0;
    try {
      parallel_for(1000, [&](std::int64_t) { ++visits; });
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(visits == 1000 && thread_count() < 64 ? 0 : 2);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("a buffer of no possible size is refused as memory is") {
  CHECK_THROWS_AS(Buffer<float>(-1), std::bad_alloc);
  CHECK_THROWS_AS(Buffer<float>(INT64_MAX), std::bad_alloc);
  CHECK_THROWS_AS(Buffer<float>(std::int64_t{1} << 62), std::bad_alloc);  // times 4 it would wrap around to 0
  CHECK_THROWS_AS(Buffer<double>((std::int64_t{1} << 61) + 8), std::bad_alloc);
}

TEST_CASE("what would drive a terminal, break a line or is no UTF-8 is made visible") {
  CHECK(visible("a\x1b[31m\n\x7f\t\r") == "a\\x1b[31m\\n\\x7f\\t\\x0d");
  CHECK(visible("a\n\tb", {.newline = "\n", .tab = "  "}) == "a\n  b");
  CHECK(visible(std::string_view("\0", 1)) == "\\x00");
  CHECK(visible("\xC2\x80\xC2\x9B\xC2\x9F") == "\\x80\\x9b\\x9f");  // C1: U+009B begins a command as ESC [ does
  for (const char* plain : {"\xC2\xA0", "ä", "€", "\xEF\xBF\xBF", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF", "~"}) {
    CHECK(visible(plain) == plain);
  }
  CHECK(visible("\x9b\x80\xff") == "\\x9b\\x80\\xff");
  CHECK(visible("\xC0\x8A") == "\\xc0\\x8a");  // overlong newline
  CHECK(visible("\xED\xA0\x80") == "\\xed\\xa0\\x80");
  CHECK(visible("\xF4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(visible("\xE2\x82") == "\\xe2\\x82");
  CHECK(visible("\xE2\x82z") == "\\xe2\\x82z");
}

TEST_CASE("sine, cosine and powers are as exact as their header says") {
  // What this compares to is long double's; double's own libm would do for the sine, not for its zeros.
  constexpr long double kTurn = 6.283185307179586476925286766559L;
  for (int i = 1; i <= 2000; ++i) {
    const double small = std::pow(10.0, -i / 100.0), t = i / 8001.0;
    for (const double x : {small / 8, t}) {
      const long double sine = std::sin(kTurn * static_cast<long double>(x));
      const long double cosine = std::cos(kTurn * static_cast<long double>(x));
      CHECK(std::fabs(static_cast<long double>(det_sin_turns(x)) / sine - 1) < 1e-15L);
      CHECK(std::fabs(static_cast<long double>(det_cos_turns(x)) / cosine - 1) < 1e-15L);
    }
    const double log_x = i / 200.0 - 5, y = (i % 97 - 48) * 1.37;
    const long double power = std::pow(static_cast<long double>(std::exp(log_x)), static_cast<long double>(y));
    CHECK(std::fabs(static_cast<long double>(det_pow(std::exp(log_x), y)) / power - 1) <
          3e-16L * (1 + std::fabs(static_cast<long double>(y * log_x))));
  }
  CHECK(det_sin_turns(0) == 0);
  CHECK(det_sin_turns(0.5) == 0);
  CHECK(det_sin_turns(0.25) == 1);
  CHECK(det_sin_turns(0.75) == -1);
  CHECK(std::isfinite(det_exp(709.78)));
  CHECK(det_exp(-745.0) > 0);
}

TEST_CASE("buffers are aligned, zeroed and copied on request") {
  for (std::int64_t n : {0, 1, 17, 100000, 524287, 524288, 600000}) {
    Buffer<float> b(n);
    CHECK(b.size() == n);
    CHECK(reinterpret_cast<std::uintptr_t>(b.data()) % 64 == 0);
    if (n >= 524288) CHECK(reinterpret_cast<std::uintptr_t>(b.data()) % 2097152 == 0);  // whole huge pages
    for (float x : b.span()) CHECK(x == 0);
    if (n > 0) b[n - 1] = 3;
    Buffer<float> c = b.copy();
    if (n > 0) CHECK(c[n - 1] == 3);
    b.zero();
    if (n > 0) CHECK((b[n - 1] == 0 && c[n - 1] == 3));
  }
}
