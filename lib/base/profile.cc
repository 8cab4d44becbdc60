#include "lib/base/profile.h"

#include <chrono>
#include <cstdio>
#include <thread>

namespace nudge {
namespace {

using Clock = std::chrono::steady_clock;

// Operations per byte beyond which a processor is compute-bound: 7 with AVX2, 14 with AVX-512 on the machines at hand.
constexpr double kBalance = 10;

// clang-format off
constexpr const char* kNames[kPartCount] = {
    "products forward", "products backward", "attention forward", "attention backward", "norms and elementwise",
    "head and loss",    "optimizer",         "between ranks",     "sampling",           "reading records",
    "writing records",  "loading models",    "saving models",     "other"};
// clang-format on

struct State {
  std::thread::id owner;
  Clock::time_point begin, scope_begin;
  Part part = Part::kOther;  // of the open scope
  Profile counted;
};
State state;

Profile::Share& share(Part part) { return state.counted.parts[static_cast<int>(part)]; }
double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }
bool is_owner() { return std::this_thread::get_id() == state.owner; }

}  // namespace

bool detail::open_scope(Part part) {
  if (!is_owner() || state.part != Part::kOther) return false;
  state.part = part;
  state.scope_begin = Clock::now();
  return true;
}

void detail::close_scope() {
  share(state.part).seconds += seconds_since(state.scope_begin);
  state.part = Part::kOther;
}

void detail::add_work(double flops, double bytes) {
  if (!is_owner()) return;
  Profile::Share& s = share(state.part);
  (flops > kBalance * bytes ? s.flops : s.bytes) += flops > kBalance * bytes ? flops : bytes;
}

void start_profile() {
  state = State();
  state.owner = std::this_thread::get_id();
  state.begin = Clock::now();
  detail::profiling = true;
}

Profile profile_so_far() {
  Profile p = state.counted;
  p.seconds = seconds_since(state.begin);
  double scopes = 0;
  for (const Profile::Share& s : p.parts) scopes += s.seconds;
  p.parts[static_cast<int>(Part::kOther)].seconds = p.seconds - scopes;
  return p;
}

std::vector<std::string> profile_lines(const Profile& p, const MachineLimits& limits) {
  char line[160];
  int n = std::snprintf(line, sizeof line, "profile of %.3f s; limits now: reading memory %.1f GB/s", p.seconds,
                        limits.read / 1e9);
  if (limits.fma > 0)
    std::snprintf(line + n, sizeof line - static_cast<std::size_t>(n), ", FMA %.1f GFLOP/s", limits.fma / 1e9);
  std::vector<std::string> lines = {line};
  for (int i = 0; i < kPartCount; ++i) {
    const Profile::Share& s = p.parts[i];
    if (s.seconds <= 0) continue;
    n = std::snprintf(line, sizeof line, "  %-21s %9.3f s %5.1f%%", kNames[i], s.seconds, 100 * s.seconds / p.seconds);
    const double computing = limits.fma > 0 ? s.flops / limits.fma : 0;
    const double reading = limits.read > 0 ? s.bytes / limits.read : 0;
    if (computing + reading > 0) {
      const bool computes = computing > reading;
      std::snprintf(line + n, sizeof line - static_cast<std::size_t>(n), " %8.1f %-7s %4.0f%% of the limit",
                    (computes ? s.flops : s.bytes) / s.seconds / 1e9, computes ? "GFLOP/s" : "GB/s",
                    100 * (computing + reading) / s.seconds);
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace nudge
