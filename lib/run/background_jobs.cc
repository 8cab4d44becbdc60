#include "lib/run/background_jobs.h"

#include <utility>

#include "lib/io/background.h"

namespace nudge {

void BackgroundJobs::start(std::function<void()> job) {
  if (!thread_.joinable()) {
    closed_ = false;
    thread_ = background_thread([this] { work(); });
    if (!thread_.joinable()) return run(job);
  }
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  changed_.notify_one();
}

void BackgroundJobs::run(const std::function<void()>& job) {
  if (failure_) return;
  try {
    job();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void BackgroundJobs::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return closed_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    run(job);
    lock.lock();
  }
}

void BackgroundJobs::wait() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

void BackgroundJobs::finish() {
  wait();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

BackgroundJobs::~BackgroundJobs() {
  {
    const std::lock_guard lock(mutex_);
    jobs_.clear();
  }
  wait();
}

}  // namespace nudge
