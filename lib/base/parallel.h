// Parallel loops. Threads take whole items, and an item owns its outputs, so that no bit depends on which thread takes
// it: law (a). Inside a loop denormals are flushed, law (f); outside they are not, because formatting numbers as text
// must see them.
//
// The thread pool is our own. OpenMP's loops end in a barrier of the whole team: with another process on the machine, a
// training run of 1.4 s on one thread took 36 s on two, waiting for a thread that had no processor. Here the calling
// thread takes items, too, and waits only for items that have begun.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "lib/base/arch.h"

namespace nudge {

// Flush-to-zero and denormals-are-zero for the lifetime of the object, for the calling thread.
class FlushDenormals {
 public:
  FlushDenormals() : saved_(arch::float_control()) { arch::set_float_control(saved_ | arch::kFlushDenormals); }
  ~FlushDenormals() { arch::set_float_control(saved_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  arch::FloatControl saved_;
};

constexpr int kMaxThreads = 1024;

// The number of threads of a loop: set_thread_count's, else OMP_NUM_THREADS (at most kMaxThreads), else the processors
// that this process may run on. If the system refuses a thread, loops run with those there are.
int thread_count();
void set_thread_count(int n);  // n >= 1

namespace detail {
using Item = void (*)(void* context, std::int64_t i);
void run_items(std::int64_t n, Item item, void* context);
}  // namespace detail

// Calls f(i) once for each i in [0, n). If items throw, rethrows the exception of the lowest i; later items may then be
// skipped. A nested loop runs on the thread that reaches it.
template <class F>
void parallel_for(std::int64_t n, F&& f) {
  using Function = std::remove_reference_t<F>;
  detail::run_items(
      n, [](void* context, std::int64_t i) { (*static_cast<Function*>(context))(i); },
      const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

// Splits [0, n) into ranges of `grain` (the last may be shorter) and calls f(begin, end) for each.
template <class F>
void parallel_ranges(std::int64_t n, std::int64_t grain, F&& f) {
  parallel_for((n + grain - 1) / grain, [&](std::int64_t i) {
    const std::int64_t begin = i * grain;
    f(begin, begin + grain < n ? begin + grain : n);
  });
}

}  // namespace nudge
