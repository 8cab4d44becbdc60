// Jobs beside the program's own work.
#include "lib/run/background_jobs.h"

#include <atomic>
#include <stdexcept>
#include <string>

#include "tests/harness/harness.h"

using namespace nudge;

TEST_CASE("jobs run in the order in which they were given, and finish() waits for them") {
  BackgroundJobs jobs;
  std::string order;
  for (int round = 0; round < 2; ++round) {  // they can be used again
    for (const char c : {'a', 'b', 'c'}) jobs.start([&order, c] { order += c; });
    jobs.finish();
  }
  CHECK(order == "abcabc");
  jobs.finish();  // of none
}

TEST_CASE("the first job that fails is told of, and those after it are dropped") {
  BackgroundJobs jobs;
  std::string order;
  jobs.start([&] { order += 'a'; });
  jobs.start([] { throw std::runtime_error("b"); });
  jobs.start([&] { order += 'c'; });
  CHECK_THROWS_WITH_AS(jobs.finish(), "b", std::runtime_error);
  CHECK(order == "a");
  jobs.start([&] { order += 'd'; });
  jobs.finish();
  CHECK(order == "ad");
}

TEST_CASE("who leaves without finish() waits for the job that has begun, and the others are dropped") {
  std::atomic<bool> begun = false, leaving = false;
  std::string order;
  {
    BackgroundJobs jobs;
    jobs.start([&] {
      begun = true;
      while (!leaving) std::this_thread::yield();
      order += 'a';
    });
    while (!begun) std::this_thread::yield();
    jobs.start([&] { order += 'b'; });
    leaving = true;
  }
  CHECK((order == "a" || order == "ab"));  // the second may have begun before the end
}
