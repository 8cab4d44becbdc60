// Temporary names: which process made them, whether it is alive, and removing those of dead ones.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lib/base/digest.h"
#include "lib/io/descriptor.h"

namespace nudge {
namespace {

constexpr const char* kSuffix = ".part";

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "unknown";
  std::string host = name;
  std::replace(host.begin(), host.end(), '.', '_');
  std::replace(host.begin(), host.end(), '/', '_');
  return host.substr(0, 64);
}

// When the process started, in clock ticks since boot (field 22 of /proc/PID/stat), "" where that can't be read. The
// pid alone would mistake a stranger that got the same number for the writer. A zombie, whose parent doesn't ask for
// its end, started never: it writes no more.
std::string start_time(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string all((std::istreambuf_iterator<char>(file)), {});
  const std::size_t after_name = all.rfind(')');  // the name may hold spaces and parentheses
  if (after_name == std::string::npos) return {};
  std::istringstream fields(all.substr(after_name + 1));
  std::string field;
  std::string state;
  fields >> state;  // field 3
  for (int i = 4; i <= 22; ++i) fields >> field;
  return state == "Z" || state == "X" ? "dead" : field;
}

// File names are limited to 255 bytes: a long one is shortened, with its digest to keep it distinct.
std::string stem_of(const std::string& output) {
  const std::string name = base_name(output);
  constexpr std::size_t kLongest = 80;
  return "." + (name.size() <= kLongest ? name : name.substr(0, 40) + "~" + Digest().text(name).hex()) + ".";
}

std::string sibling(const std::string& output, const std::string& name) {
  return (std::filesystem::path(output).parent_path() / name).string();
}

bool process_is_gone(const std::string& pid, const std::string& start) {
  int number = 0;
  if (std::from_chars(pid.data(), pid.data() + pid.size(), number).ec != std::errc{} || number <= 0) return false;
  if (::kill(number, 0) != 0 && errno == ESRCH) return true;
  const std::string now = start_time(pid);
  return !now.empty() && now != start;
}

// The step of a checkpoint, or -1. `parts`: tag, "-", step, "0".
std::int64_t step_of(const std::vector<std::string>& parts) {
  std::int64_t step = -1;
  const std::string& text = parts[2];
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), step);
  const bool whole = bad == std::errc{} && end == text.data() + text.size() && step >= 0;
  return whole && parts[0].starts_with(kCheckpointTag) ? step : -1;
}

}  // namespace

std::string temporary_name(const std::string& output, const std::string& tag) {
  const std::string pid = std::to_string(::getpid());
  return sibling(output, stem_of(output) + (tag.empty() ? "0" : tag) + "." + host_name() + "." + pid + "." +
                             start_time(pid) + kSuffix);
}

std::string abandoned_name(const std::string& output, const std::string& tag) {
  return sibling(output, stem_of(output) + (tag.empty() ? "0" : tag) + ".-.0.0" + kSuffix);
}

std::string checkpoint_name(const std::string& output, const std::string& tag, std::int64_t step) {
  return sibling(output, stem_of(output) + kCheckpointTag + tag + ".-." + std::to_string(step) + ".0" + kSuffix);
}

std::vector<Leftover> find_leftovers(const std::string& output) {
  std::vector<Leftover> found;
  const std::string stem = stem_of(output), host = host_name();
  std::error_code error;
  for (std::filesystem::directory_iterator entry(parent_of(output), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.rfind(stem, 0) != 0 || !name.ends_with(kSuffix)) continue;
    std::istringstream rest(name.substr(stem.size(), name.size() - stem.size() - 5));
    std::vector<std::string> parts;  // tag, host, pid, start
    for (std::string part; std::getline(rest, part, '.');) parts.push_back(part);
    if (parts.size() != 4) continue;
    const bool on_purpose = parts[1] == "-", dead = parts[1] == host && process_is_gone(parts[2], parts[3]);
    const bool elsewhere = !on_purpose && parts[1] != host;
    found.push_back({sibling(output, name), parts[0], on_purpose || dead, elsewhere, on_purpose ? step_of(parts) : -1});
  }
  std::sort(found.begin(), found.end(), [](const Leftover& a, const Leftover& b) { return a.path < b.path; });
  return found;
}

void sweep_leftovers(const std::string& output) {
  for (const Leftover& leftover : find_leftovers(output)) {
    std::error_code ignored;
    if (leftover.abandoned && leftover.checkpoint < 0) std::filesystem::remove_all(leftover.path, ignored);
  }
}

}  // namespace nudge
