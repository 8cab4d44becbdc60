// A thread that reads ahead of the calling thread or writes behind it, and the short queue between them.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace nudge {

// Runs `work`, which must not throw, in a thread with all signals blocked. If the system refuses a thread, `work` is
// not run and the thread returned is not joinable.
std::thread background_thread(std::function<void()> work);

// A bounded queue from one thread to one other. Items are swapped with the slots, so that their memory is reused.
template <class T>
class Handover {
 public:
  static constexpr std::size_t kMost = 2;  // items given and not yet taken

  // Waits for a free slot. False, and nothing is given, if the queue is closed.
  bool give(T& item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || given_ - taken_ < kMost; });
    if (closed_) return false;
    std::swap(slots_[given_++ % kMost], item);
    changed_.notify_one();  // only one of the two can be waiting
    return true;
  }

  // Waits for an item. False once the queue is closed and empty.
  bool take(T& item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || given_ > taken_; });
    if (given_ == taken_) return false;
    std::swap(slots_[taken_++ % kMost], item);
    changed_.notify_one();
    return true;
  }

  // Whether take() would not wait.
  bool ready() {
    const std::lock_guard lock(mutex_);
    return closed_ || given_ > taken_;
  }

  void close() { set_closed(true); }
  void reopen() { set_closed(false); }

 private:
  void set_closed(bool closed) {
    const std::lock_guard lock(mutex_);
    closed_ = closed;
    changed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<T, kMost> slots_;
  std::size_t given_ = 0, taken_ = 0;
  bool closed_ = false;
};

}  // namespace nudge
