// A profile of a program's time by part, which `-v -v` and NUDGE_PROFILE=1 print at the end. A function whose work
// belongs to a part opens a scope around its parallel loops:
//
//   const ProfileScope scope(Part::kProducts, 2.0 * M * K * N, 4.0 * (M * K + K * N + M * N));
//
// Only outermost scopes of the thread that started the profile count time, so that the parts add up to the wall time.
// A nested scope adds its work to the outer one's part. Scopes of other threads count nothing: their time is within a
// loop that the first thread waits for, or overlaps with it. Without a profile a scope costs a branch on a bool.
#pragma once

#include <string>
#include <vector>

#include "lib/base/limits.h"

namespace nudge {

enum class Part {
  kProducts,  // matrix products, forward
  kProductsBackward,
  kAttention,
  kAttentionBackward,
  kElementwise,  // norms, activations, residuals, RoPE, embeddings
  kHead,         // language head and loss, score heads
  kOptimizer,
  kExchange,  // between ranks: messages and waiting
  kSampling,
  kReading,  // records
  kWriting,
  kLoading,  // models
  kSaving,
  kOther,
};
inline constexpr int kPartCount = static_cast<int>(Part::kOther) + 1;

namespace detail {
inline bool profiling = false;  // set before other threads work
bool open_scope(Part part);     // false if nested or on another thread
void close_scope();
void add_work(double flops, double bytes);
}  // namespace detail

class ProfileScope {
 public:
  // The work that the algorithm requires, however it is implemented: floating-point operations, and bytes read and
  // written if each array is transferred once.
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

  // Adds work that is known only later.
  void add(double flops, double bytes) const {
    if (detail::profiling) detail::add_work(flops, bytes);
  }

 private:
  bool outermost_ = false;
};

struct Profile {
  struct Share {
    double seconds = 0;
    // Operations of compute-bound scopes and bytes of memory-bound ones; the other number of each is left out.
    double flops = 0, bytes = 0;
  };
  double seconds = 0;       // since start_profile
  Share parts[kPartCount];  // their seconds add up to `seconds`
};

// From now on the calling thread's scopes are counted.
void start_profile();
// The profile so far. Call outside of scopes, on the thread that started it.
Profile profile_so_far();

// A headline, then a line for each part that took time: seconds, share of the total, rate of its work, and the fraction
// of these limits that it reached.
std::vector<std::string> profile_lines(const Profile& profile, const MachineLimits& limits);

}  // namespace nudge
