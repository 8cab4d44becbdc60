#include "lib/cli/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lib/base/comm.h"
#include "lib/base/error.h"

namespace nudge {

MetricsFile::~MetricsFile() {
  if (fd_ >= 0) ::close(fd_);
}

void MetricsFile::open(const std::string& path) {
  if (path.empty() || !comm().first()) return;
  path_ = path;
  fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) throw Error(Exit::kCannotCreate, path + ": " + std::strerror(errno));
}

void MetricsFile::write(std::string_view object) {
  if (fd_ < 0) return;
  const std::string line = std::string(object) + "\n";
  ssize_t n = -1;
  do {
    n = ::write(fd_, line.data(), line.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) throw Error(Exit::kIo, path_ + ": " + std::strerror(errno));
  if (static_cast<std::size_t>(n) != line.size()) throw Error(Exit::kIo, path_ + ": a line was written in part");
}

}  // namespace nudge
