#include "lib/base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace nudge {
namespace {

// Spins before a waiting thread sleeps: some 20 microseconds, the time between two loops of a model's step.
constexpr int kSpins = 400;

// hardware_concurrency() counts all processors, even if a job was given only some of them.
long available_processors() {
  cpu_set_t mine;
  if (::sched_getaffinity(0, sizeof mine, &mine) == 0) return CPU_COUNT(&mine);
  return std::thread::hardware_concurrency();
}

int default_thread_count() {
  const char* named = std::getenv("OMP_NUM_THREADS");
  long n = named == nullptr ? 0 : std::strtol(named, nullptr, 10);
  if (n < 1) n = available_processors();
  return static_cast<int>(std::clamp<long>(n, 1, kMaxThreads));
}

// One loop at a time. `epoch_` is odd while a loop is open. A worker announces itself in `inside_` and then looks
// whether the loop is still open; the owner closes it and then waits until nobody is inside. Sequential consistency
// of the two makes that safe: either the worker sees the loop closed or the owner sees the worker.
class Pool {
 public:
  std::atomic<int> threads = default_thread_count();  // relaxed: which workers take part changes no bit

  void run(std::int64_t n, detail::Item item, void* context) {
    start_workers();
    item_ = item;
    context_ = context;
    n_ = n;
    failure_ = nullptr;
    failed_item_ = n;
    next_.store(0, std::memory_order_relaxed);
    epoch_.fetch_add(1);
    epoch_.notify_all();
    work();
    epoch_.fetch_add(1);
    for (int spins = 0; inside_.load() != 0; ++spins) spins < kSpins ? arch::pause() : static_cast<void>(sched_yield());
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  // Serialises loops that several threads of a program begin.
  std::mutex owner;
  static thread_local bool busy;  // this thread is in a loop

 private:
  void start_workers() {
    const int wanted = threads.load(std::memory_order_relaxed) - 1;
    try {
      for (; started_ < wanted; ++started_) std::thread([this, index = started_] { serve(index); }).detach();
    } catch (const std::system_error&) {  // a limit of processes or memory: slower is better than not at all
      threads.store(started_ + 1, std::memory_order_relaxed);
    }
  }

  void serve(int index) {
    busy = true;
    FlushDenormals flush;
    std::uint32_t seen = 0;
    for (;;) {
      std::uint32_t now = epoch_.load();
      for (int spins = 0; now == seen && spins < kSpins; ++spins) {
        arch::pause();
        now = epoch_.load();
      }
      if (now == seen) {
        epoch_.wait(seen);
        continue;
      }
      seen = now;
      if (now % 2 == 0 || index >= threads.load(std::memory_order_relaxed) - 1) continue;
      inside_.fetch_add(1);
      if (epoch_.load() == now) work();
      inside_.fetch_sub(1);
    }
  }

  void work() {
    for (std::int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < n_;) {
      try {
        item_(context_, i);
      } catch (...) {
        // Items begin in order: those before this one have begun, and none before it can begin later.
        next_.store(n_, std::memory_order_relaxed);
        const std::lock_guard lock(failure_mutex_);
        if (i < failed_item_) {
          failed_item_ = i;
          failure_ = std::current_exception();
        }
      }
    }
  }

  std::atomic<std::uint32_t> epoch_{0};
  std::atomic<int> inside_{0};
  std::atomic<std::int64_t> next_{0};
  detail::Item item_ = nullptr;
  void* context_ = nullptr;
  std::int64_t n_ = 0;
  std::exception_ptr failure_;  // of the first item that failed, failed_item_
  std::int64_t failed_item_ = 0;
  std::mutex failure_mutex_;
  int started_ = 0;
};

thread_local bool Pool::busy = false;

// Never destroyed: its threads sleep until the process ends.
Pool& pool() {
  static Pool* const the = new Pool;
  return *the;
}

}  // namespace

int thread_count() { return pool().threads.load(std::memory_order_relaxed); }
void set_thread_count(int n) { pool().threads.store(std::max(1, n), std::memory_order_relaxed); }

void detail::run_items(std::int64_t n, Item item, void* context) {
  if (n <= 0) return;
  Pool& p = pool();
  if (n == 1 || thread_count() == 1 || Pool::busy) {
    FlushDenormals flush;
    for (std::int64_t i = 0; i < n; ++i) item(context, i);
    return;
  }
  const std::lock_guard lock(p.owner);
  Pool::busy = true;
  FlushDenormals flush;
  try {
    p.run(n, item, context);
  } catch (...) {
    Pool::busy = false;
    throw;
  }
  Pool::busy = false;
}

}  // namespace nudge
