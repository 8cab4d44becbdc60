#include "lib/io/files.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "lib/io/descriptor.h"

namespace nudge {
namespace {

// Swaps two names atomically, so that the final one refers to a complete folder at every moment.
int swap_names(const std::string& a, const std::string& b) {
  return static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE));
}

constexpr const char* kReplaced = "old";  // the tag of a folder that is being replaced without an exchange

// Restores the old folder if a process was killed between the two renames that replace an exchange.
void restore_replaced(const std::string& output) {
  struct stat info;
  if (::lstat(output.c_str(), &info) == 0) return;
  for (const Leftover& left : find_leftovers(output))
    if (left.abandoned && left.tag == kReplaced && rename_new(left.path, output) == 0) return;
}

std::string without_trailing_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

namespace {

std::string read_all(int fd, const std::string& name, std::size_t limit) {
  std::string text;
  while (true) {
    const std::size_t had = text.size();
    text.resize(had + std::min<std::size_t>(std::max<std::size_t>(had, 65536), limit + 1 - had));
    const std::size_t n = read_some(fd, text.data() + had, text.size() - had, name);
    text.resize(had + n);
    if (n == 0) return text;
    if (text.size() > limit) bad_input(name + ": is larger than " + std::to_string(limit) + " bytes");
  }
}

}  // namespace

std::string read_file(const std::string& path, std::size_t limit) {
  const Descriptor fd = open_input(path);
  return read_all(fd.get(), path, limit);
}

std::string read_stdin(std::size_t limit) { return read_all(STDIN_FILENO, "stdin", limit); }

void check_folder_of(const std::string& output) {
  const std::string parent = parent_of(output);
  if (::access(parent.c_str(), W_OK | X_OK) != 0) {
    system_error(Exit::kCannotCreate, output, "can't be created in folder " + parent, errno);
  }
}

bool file_exists(const std::string& path) {
  std::error_code error;  // set if it can't be determined, such as for a loop of links
  return std::filesystem::exists(path, error) || error;
}

void write_file(const std::string& path, std::string_view text) {
  ignore_file_size_signal();
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd) system_error(Exit::kCannotCreate, path, "can't be created", errno);
  write_all(fd.get(), text, path);
  sync_file(fd.get(), path);
  fd.close(path);
}

void replace_file(const std::string& path, std::string_view text) {
  const std::string temporary = temporary_name(path, "0");
  (void)::unlink(temporary.c_str());  // left by this very process, if at all
  write_file(temporary, text);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    (void)::unlink(temporary.c_str());
    system_error(Exit::kCannotCreate, path, "can't be replaced", error);
  }
  sync_parent_folder(path);
}

OutputFolder::OutputFolder(const std::string& path, bool force) : final_(without_trailing_slash(path)), force_(force) {
  ignore_file_size_signal();
  restore_replaced(final_);
  check_creatable(final_, force, true);
  sweep_leftovers(final_);
  temporary_ = temporary_name(final_, "folder");
  if (::mkdir(temporary_.c_str(), 0777) != 0) {
    const int error = errno;
    system_error(Exit::kCannotCreate, std::exchange(temporary_, {}), "can't be created", error);
  }
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) std::filesystem::remove_all(temporary_, ignored);
}

// Two copies of a job may run at once if a scheduler lost track of the first. Both make the same folder, so it is no
// error for the second to find it.
void OutputFolder::publish() {
  sync_tree(temporary_);
  if (rename_new(temporary_, final_) == 0) {
    temporary_.clear();
  } else if (errno != EEXIST && errno != ENOTEMPTY) {
    system_error(Exit::kCannotCreate, final_, "can't be created", errno);
  } else if (!force_) {
    if (!same_tree(temporary_, final_)) {
      throw Error(Exit::kCannotCreate, final_ + ": was created meanwhile, with other content",
                  "choose another name, or --force");
    }
  } else if (swap_names(temporary_, final_) != 0) {  // no exchange on this file system: for a moment there is no folder
    const std::string old = temporary_name(final_, kReplaced);
    if (::rename(final_.c_str(), old.c_str()) != 0) system_error(Exit::kIo, final_, "can't be replaced", errno);
    if (::rename(temporary_.c_str(), final_.c_str()) != 0) {
      const int error = errno;
      (void)::rename(old.c_str(), final_.c_str());
      system_error(Exit::kIo, final_, "can't be replaced", error);
    }
    temporary_ = old;
  }
  sync_parent_folder(final_);
  std::error_code ignored;
  if (!temporary_.empty()) std::filesystem::remove_all(temporary_, ignored);  // the old folder, or a second one
  temporary_.clear();
}

}  // namespace nudge
