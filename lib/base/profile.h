// Where a program's time goes, by part: `-v -v` and NUDGE_PROFILE=1 print it at the end. A function whose work
// belongs to a part opens a scope around its parallel loops:
//
//   const ProfileScope scope(Part::kProducts, 2.0 * M * K * N, 4.0 * (M * K + K * N + M * N));
//
// Scopes of the thread that started the profile count, from the outermost's begin to its end. One within another
// gives its work to the outer one's part and counts no time of its own; other threads' count nothing, for their time
// is the loop's that the first thread waits for, or overlaps what it does. So the parts add up to the wall time.
// Without a profile a scope is a branch on a bool.
#pragma once

#include <string>
#include <vector>

#include "lib/base/limits.h"

namespace nudge {

enum class Part {
  kProducts,  // of matrices, forward
  kProductsBackward,
  kAttention,
  kAttentionBackward,
  kElementwise,  // norms, activations, residuals, rotary positions, embeddings
  kHead,         // the language head with its loss, score heads
  kOptimizer,
  kExchange,  // of ranks: messages, waiting for each other
  kSampling,
  kReading,  // records
  kWriting,
  kLoading,  // models
  kSaving,
  kOther,
};
inline constexpr int kPartCount = static_cast<int>(Part::kOther) + 1;

namespace detail {
inline bool profiling = false;  // set before there is work on other threads
bool open_scope(Part part);     // false within another scope, and on another thread
void close_scope();
void add_work(double flops, double bytes);
}  // namespace detail

class ProfileScope {
 public:
  // The work that the algorithm has to do, however it is done: floating-point operations, and bytes from and to
  // memory if each array goes there once.
  explicit ProfileScope(Part part, double flops = 0, double bytes = 0) {
    if (!detail::profiling) return;
    outermost_ = detail::open_scope(part);
    detail::add_work(flops, bytes);
  }
  ~ProfileScope() {
    if (outermost_) detail::close_scope();
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

  // Work that is known only later.
  void add(double flops, double bytes) const {
    if (detail::profiling) detail::add_work(flops, bytes);
  }

 private:
  bool outermost_ = false;
};

struct Profile {
  struct Share {
    double seconds = 0;
    // Of scopes that computing bounds, and of those that memory bounds; the other figure of each is left out.
    double flops = 0, bytes = 0;
  };
  double seconds = 0;       // from start_profile on
  Share parts[kPartCount];  // their seconds add up to it
};

// The calling thread's scopes count from here on.
void start_profile();
// What has been counted so far; to be called outside of scopes, by the thread that started it.
Profile profile_so_far();

// A headline and a line for each part that took time: seconds, share of the whole, rate of its work, and the fraction
// that the least time for this work at these limits is of the time it took.
std::vector<std::string> profile_lines(const Profile& profile, const MachineLimits& limits);

}  // namespace nudge
