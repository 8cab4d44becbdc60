// Work beside the program's own: writing what is final of an output, digests.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace nudge {

// Jobs run one after the other in a thread of their own; on the calling thread where the system refuses one.
class BackgroundJobs {
 public:
  BackgroundJobs() = default;
  BackgroundJobs(const BackgroundJobs&) = delete;
  BackgroundJobs& operator=(const BackgroundJobs&) = delete;
  ~BackgroundJobs();  // waits for the job that has begun; drops the others

  // What the job reads must neither change nor end before finish() or the destructor returns.
  void start(std::function<void()> job);
  // Waits for all jobs. Throws what the first one that failed threw; those after it are dropped.
  void finish();

 private:
  void work();
  void run(const std::function<void()>& job);
  void wait();

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool closed_ = false;
  std::exception_ptr failure_;
};

}  // namespace nudge
