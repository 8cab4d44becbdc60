#include "lib/io/descriptor.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "lib/io/files.h"

namespace nudge {

void system_error(Exit status, const std::string& subject, const std::string& what, int error) {
  throw Error(status, subject + ": " + what + ": " + std::strerror(error));
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int Descriptor::release() { return std::exchange(fd_, -1); }

void Descriptor::close(const std::string& name) {
  const int fd = release();
  // Linux closes the descriptor even if it reports EINTR: a second try could close someone else's.
  if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) system_error(Exit::kIo, name, "closing failed", errno);
}

bool is_readable(int fd) {
  pollfd one{fd, POLLIN, 0};  // poll ignores negative ones
  return ::poll(&one, 1, 0) == 1 && one.revents != 0;
}

namespace {

[[noreturn]] void reading_stopped(const std::string& name) {
  throw Error(Exit::kStopped, name + ": stopped while it was read");
}

}  // namespace

Descriptor open_input(const std::string& path, const Wakes& wakes) {
  Descriptor fd;
  do {
    if (is_readable(wakes.stop)) reading_stopped(path);
    fd = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  } while (!fd && errno == EINTR);
  if (!fd) system_error(Exit::kNoInput, path, "can't be opened", errno);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) system_error(Exit::kIo, path, "can't be examined", errno);
  if (S_ISDIR(info.st_mode)) throw Error(Exit::kNoInput, path + ": is a folder, not a file");
  return fd;
}

namespace {

// Whether to retry a call that failed. A descriptor that we inherited may be non-blocking, because another program that
// shares the pipe or terminal made it so; then waits until it is ready.
bool try_again(int fd, short event) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
  pollfd wanted{fd, event, 0};
  return ::poll(&wanted, 1, -1) >= 0 || errno == EINTR;
}

template <class F>
std::size_t read_with(F read_once, int fd, const std::string& name) {
  while (true) {
    const ssize_t n = read_once();
    if (n >= 0) return static_cast<std::size_t>(n);
    if (!try_again(fd, POLLIN)) system_error(Exit::kIo, name, "reading failed", errno);
  }
}

}  // namespace

std::size_t read_some(int fd, char* to, std::size_t size, const std::string& name, const Wakes& wakes) {
  const auto read_once = [&]() -> ssize_t {
    if (wakes.end < 0 && wakes.stop < 0) return ::read(fd, to, size);
    while (true) {
      pollfd any[] = {{fd, POLLIN, 0}, {wakes.end, POLLIN, 0}, {wakes.stop, POLLIN, 0}};
      if (::poll(any, 3, -1) < 0) return -1;
      if (any[1].revents != 0) return 0;
      if (any[2].revents != 0) reading_stopped(name);
      const ssize_t n = ::read(fd, to, size);
      if (n >= 0 || errno != EAGAIN) return n;  // another reader was faster: wait again
    }
  };
  return read_with(read_once, fd, name);
}

std::size_t read_some_at(int fd, char* to, std::size_t size, off_t at, const std::string& name) {
  return read_with([&] { return ::pread(fd, to, size, at); }, fd, name);
}

void read_exactly_at(int fd, char* to, std::size_t size, off_t at, const std::string& name) {
  while (size > 0) {
    const std::size_t n = read_some_at(fd, to, size, at, name);
    if (n == 0) throw Error(Exit::kBadInput, name + ": became shorter while it was read");
    to += n, at += static_cast<off_t>(n), size -= n;
  }
}

namespace {

// Ends the process by SIGPIPE even if that is ignored: quietly, and the shell sees 141.
[[noreturn]] void leave_by_sigpipe() {
  ::signal(SIGPIPE, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(SIGPIPE);
  ::_exit(128 + SIGPIPE);
}

template <class F>
void write_with(F write_once, int fd, std::string_view data, const std::string& name) {
  while (!data.empty()) {
    const ssize_t n = write_once(data);
    if (n < 0 && errno == EPIPE) leave_by_sigpipe();
    if (n < 0 && try_again(fd, POLLOUT)) continue;
    if (n <= 0) system_error(Exit::kIo, name, "writing failed", n < 0 ? errno : ENOSPC);
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

void write_all(int fd, std::string_view data, const std::string& name) {
  write_with([&](std::string_view rest) { return ::write(fd, rest.data(), rest.size()); }, fd, data, name);
}

void write_all_at(int fd, std::string_view data, off_t at, const std::string& name) {
  const char* start = data.data();
  write_with([&](std::string_view rest) { return ::pwrite(fd, rest.data(), rest.size(), at + (rest.data() - start)); },
             fd, data, name);
}

void begin_sync(int fd, off_t at, std::size_t size) {
  (void)::sync_file_range(fd, at, static_cast<off_t>(size), SYNC_FILE_RANGE_WRITE);
}

void sync_file(int fd, const std::string& name) {
  while (::fsync(fd) != 0) {
    if (errno == EINTR) continue;
    if (errno == EINVAL || errno == EROFS || errno == ENOTSUP) return;  // a pipe, a device, some file systems
    system_error(Exit::kIo, name, "syncing failed", errno);
  }
}

void sync_folder(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) sync_file(fd.get(), path);  // a folder may be writable and not readable
}

void sync_parent_folder(const std::string& path) { sync_folder(parent_of(path)); }

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string base_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

void check_creatable(const std::string& output, bool force, bool folder) {
  struct stat info;
  if (::lstat(output.c_str(), &info) == 0) {
    if (folder != S_ISDIR(info.st_mode)) {
      throw Error(Exit::kCannotCreate, output + (folder ? ": exists and is not a folder" : ": is a folder"));
    }
    if (!force) throw Error(Exit::kCannotCreate, output + ": exists already", "choose another name, or --force");
  } else if (errno != ENOENT) {
    system_error(Exit::kCannotCreate, output, "can't be created", errno);
  }
  check_folder_of(output);
}

int rename_new(const std::string& from, const std::string& to) {
  if (::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (::link(from.c_str(), to.c_str()) == 0) return ::unlink(from.c_str());
  if (errno == EEXIST) return -1;
  struct stat info;
  if (::lstat(to.c_str(), &info) == 0) {
    errno = EEXIST;
    return -1;
  }
  return ::rename(from.c_str(), to.c_str());
}

void ignore_file_size_signal() { ::signal(SIGXFSZ, SIG_IGN); }

}  // namespace nudge
