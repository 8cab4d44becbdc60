// Below files, folders and streams: descriptors, temporary names, and what survives a crash. Internal to lib/io.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace nudge {

// `subject: what: the system's words for errno`.
[[noreturn]] void system_error(Exit status, const std::string& subject, const std::string& what, int error);

// Owns a descriptor. close() reports what closing has to say, the destructor can't.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  void close(const std::string& name);  // kIo

 private:
  int fd_ = -1;
};

// What ends the waiting for input: descriptors, -1 for none, that become readable.
struct Wakes {
  int end = -1;   // the input then ends
  int stop = -1;  // the reading is given up: Error kStopped
};

// Whether reading would not wait; so it is for files, at the end, and for errors.
bool is_readable(int fd);

// Opens for reading; kNoInput where it is missing, unreadable or a folder. A FIFO is waited for.
Descriptor open_input(const std::string& path, const Wakes& wakes = {});

// Read up to `size` bytes, 0 at the end alone; exactly `size`, or kBadInput; kIo.
std::size_t read_some(int fd, char* to, std::size_t size, const std::string& name, const Wakes& wakes = {});
std::size_t read_some_at(int fd, char* to, std::size_t size, off_t at, const std::string& name);
void read_exactly_at(int fd, char* to, std::size_t size, off_t at, const std::string& name);

// Writes all; kIo. Where the reader of a pipe left, the process ends by SIGPIPE, also where that is ignored.
void write_all(int fd, std::string_view data, const std::string& name);
void write_all_at(int fd, std::string_view data, off_t at, const std::string& name);

void sync_file(int fd, const std::string& name);   // kIo; descriptors that can't be synced are left alone
void sync_folder(const std::string& path);         // its entries; one that can't be opened goes unsynced; kIo
void sync_parent_folder(const std::string& path);  // so that a rename survives a power cut; kIo
void sync_tree(const std::string& folder);         // a folder with all that is in it; kIo

// Whether both are files, no links, that hold the same bytes.
bool same_bytes(const std::string& one, const std::string& other);
// Whether both folders hold files of the same names and bytes, and nothing else but folders.
bool same_tree(const std::string& one, const std::string& other);
// Of the names and bytes of a folder's files, but for the one called `except`. Errors: kBadInput for what is neither
// file nor folder, open_input's, kIo.
std::string tree_digest(const std::string& folder, const std::string& except);

std::string parent_of(const std::string& path);  // "." where there is none
std::string base_name(const std::string& path);

// rename(2) that replaces nothing: -1 with errno EEXIST where `to` exists. Where the file system knows neither
// RENAME_NOREPLACE nor links, it looks first, and a name that appears just then is replaced.
int rename_new(const std::string& from, const std::string& to);

// Temporary siblings of an output: ".NAME.TAG.HOST.PID.START.part", where TAG tells what the content belongs to
// (letters and digits, "0" for nothing). One whose process ended can be told, on its own host. One that
// was left on purpose has "-" for HOST and no process. A checkpoint is one of those, with its step for PID and a tag of
// its own kind (lib/io/checkpoint.h).
inline constexpr const char* kCheckpointTag = "checkpoint";  // and then letters and digits
struct Leftover {
  std::string path, tag;
  bool abandoned = false;        // left on purpose, or its process on this host is dead
  std::int64_t checkpoint = -1;  // the step of a checkpoint
};
std::string temporary_name(const std::string& output, const std::string& tag);
std::string abandoned_name(const std::string& output, const std::string& tag);
std::string checkpoint_name(const std::string& output, const std::string& tag, std::int64_t step);
std::vector<Leftover> find_leftovers(const std::string& output);
// Removes the abandoned ones, files and folders, but for checkpoints. Never fails.
void sweep_leftovers(const std::string& output);

// Refuses (kCannotCreate) an output that exists, unless `force`, a folder that is missing or read-only.
void check_creatable(const std::string& output, bool force, bool folder);

// A write beyond `ulimit -f` is then an error (EFBIG) instead of a signal that kills.
void ignore_file_size_signal();

}  // namespace nudge
