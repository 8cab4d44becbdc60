// The profile: what counts to which part, and what is printed of it.
#include "lib/base/profile.h"

#include <chrono>
#include <limits>
#include <string>
#include <thread>

#include "lib/base/parallel.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

void sleep_ms(int n) { std::this_thread::sleep_for(std::chrono::milliseconds(n)); }
const Profile::Share& part(const Profile& p, Part which) { return p.parts[static_cast<int>(which)]; }

double sum_of_parts(const Profile& p) {
  double sum = 0;
  for (const Profile::Share& s : p.parts) sum += s.seconds;
  return sum;
}

}  // namespace

// First in this file and before any start_profile(): nothing is counted until then.
TEST_CASE("without a profile scopes count nothing") {
  { const ProfileScope scope(Part::kProducts, 1e6, 1); }
  CHECK(part(profile_so_far(), Part::kProducts).seconds == 0);
  CHECK(part(profile_so_far(), Part::kProducts).flops == 0);
}

TEST_CASE("the parts add up to the whole, and what no scope holds is other") {
  start_profile();
  {
    const ProfileScope scope(Part::kReading);
    sleep_ms(4);
  }
  sleep_ms(3);
  for (int i = 0; i < 2; ++i) {
    const ProfileScope scope(Part::kOptimizer);
    sleep_ms(2);
  }
  const Profile p = profile_so_far();
  CHECK(p.seconds >= 0.011);
  CHECK(sum_of_parts(p) == doctest::Approx(p.seconds).epsilon(1e-12));
  CHECK(part(p, Part::kReading).seconds >= 0.004);
  CHECK(part(p, Part::kOptimizer).seconds >= 0.004);
  CHECK(part(p, Part::kOther).seconds >= 0.003);
  CHECK(part(p, Part::kSaving).seconds == 0);
  start_profile();
  CHECK(part(profile_so_far(), Part::kReading).seconds == 0);
}

TEST_CASE("a scope within another counts no time of its own and gives its work to the outer part") {
  start_profile();
  {
    const ProfileScope outer(Part::kHead, 100, 1);
    sleep_ms(2);
    {
      const ProfileScope inner(Part::kProducts, 1000, 2);
      sleep_ms(2);
      const ProfileScope innermost(Part::kHead, 5000, 1);
      sleep_ms(1);
    }
    outer.add(0, 7);
  }
  { const ProfileScope alone(Part::kProducts, 30, 1); }
  const Profile p = profile_so_far();
  CHECK(part(p, Part::kHead).seconds >= 0.005);
  CHECK(part(p, Part::kHead).flops == 6100);
  CHECK(part(p, Part::kHead).bytes == 7);
  CHECK(part(p, Part::kProducts).flops == 30);
  CHECK(part(p, Part::kProducts).seconds < part(p, Part::kHead).seconds);
  CHECK(sum_of_parts(p) == doctest::Approx(p.seconds).epsilon(1e-12));
}

TEST_CASE("a scope that an exception leaves is closed") {
  start_profile();
  try {
    const ProfileScope scope(Part::kLoading);
    throw 1;
  } catch (int) {
  }
  {
    const ProfileScope next(Part::kSaving);
    sleep_ms(1);
  }
  CHECK(part(profile_so_far(), Part::kSaving).seconds >= 0.001);
}

TEST_CASE("work is counted by what bounds it: little computing to a byte is memory's") {
  start_profile();
  { const ProfileScope scope(Part::kProducts, 2.0 * 512 * 768 * 768, 4.0 * (768 * 768 + 2 * 512 * 768)); }  // 512 rows
  { const ProfileScope scope(Part::kProducts, 2.0 * 768 * 768, 4.0 * (768 * 768 + 2 * 768)); }              // one row
  const Profile p = profile_so_far();
  CHECK(part(p, Part::kProducts).flops == 2.0 * 512 * 768 * 768);
  CHECK(part(p, Part::kProducts).bytes == 4.0 * (768 * 768 + 2 * 768));
}

TEST_CASE("scopes of other threads, in a parallel loop or beside it, count nothing") {
  start_profile();
  std::thread([] {
    const ProfileScope scope(Part::kWriting, 1000, 1);
    sleep_ms(1);
  }).join();
  {
    const ProfileScope scope(Part::kSampling);
    set_thread_count(3);
    parallel_for(6, [](std::int64_t) {
      const ProfileScope inside(Part::kAttention);
      sleep_ms(1);
    });
  }
  const Profile p = profile_so_far();
  CHECK(part(p, Part::kWriting).seconds == 0);
  CHECK(part(p, Part::kWriting).flops == 0);
  CHECK(part(p, Part::kOther).flops == 0);
  CHECK(part(p, Part::kAttention).seconds == 0);
  CHECK(part(p, Part::kSampling).seconds >= 0.002);
}

TEST_CASE("the lines give time, share, rate and the fraction of the limit of each part that took time") {
  Profile p;
  p.seconds = 8;
  p.parts[static_cast<int>(Part::kProducts)] = {4, 500e9, 20e9};  // 500/250 + 20/20 = 3 s at the least
  p.parts[static_cast<int>(Part::kOptimizer)] = {2, 0, 30e9};     // 1.5 s
  p.parts[static_cast<int>(Part::kLoading)] = {1.5, 0, 0};
  p.parts[static_cast<int>(Part::kOther)] = {0.5, 0, 0};
  using Lines = std::vector<std::string>;
  CHECK(profile_lines(p, {250e9, 20e9}) ==
        Lines{"profile of 8.000 s; limits now: reading memory 20.0 GB/s, FMA 250.0 GFLOP/s",
              "  products forward          4.000 s  50.0%    125.0 GFLOP/s   75% of the limit",
              "  optimizer                 2.000 s  25.0%     15.0 GB/s      75% of the limit",
              "  loading models            1.500 s  18.8%", "  other                     0.500 s   6.2%"});
  // Without kernels there is no limit of computing, and what is known is said.
  CHECK(profile_lines(p, {0, 20e9})[0] == "profile of 8.000 s; limits now: reading memory 20.0 GB/s");
  CHECK(profile_lines(p, {0, 20e9})[1] ==
        "  products forward          4.000 s  50.0%      5.0 GB/s      25% of the limit");
  CHECK(profile_lines(p, {0, 0})[2] == "  optimizer                 2.000 s  25.0%");
}

TEST_CASE("limits are measured, for the vectors of a level; what can't be had is 0") {
  set_thread_count(2);
#if defined(__aarch64__)
  const MachineLimits limits = measure_limits("neon", 1 << 20, 1);
#else
  const MachineLimits limits = measure_limits("v3", 1 << 20, 1);
#endif
  CHECK(limits.fma > 1e8);
  CHECK(limits.read > 1e7);
  CHECK(limits.bf16 == 0);
  CHECK(measure_limits("", 1 << 20, 1).fma == 0);
  if (!test::kMemoryCanBeLimited) return;  // sanitizers end a program for such a size
  CHECK(measure_limits("", std::numeric_limits<std::int64_t>::max() / 2, 1).read == 0);
}
