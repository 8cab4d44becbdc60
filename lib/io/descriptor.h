// What files, folders and streams stand on: descriptors, temporary names, durability. Internal to lib/io.
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

// `subject: what: strerror(error)`.
[[noreturn]] void system_error(Exit status, const std::string& subject, const std::string& what, int error);

// Owns a descriptor. close() reports errors of closing; the destructor cannot.
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

// What interrupts a wait for input: a descriptor (-1: none) that becomes readable.
struct Wakes {
  int end = -1;   // the input ends
  int stop = -1;  // reading throws kStopped
};

// Whether a read would return at once; true for files, at the end of input, and for errors.
bool is_readable(int fd);

// Opens for reading; kNoInput for a missing or unreadable file and for a folder. Waits for a FIFO's writer.
Descriptor open_input(const std::string& path, const Wakes& wakes = {});

// Read up to `size` bytes, 0 only at the end of input; read_exactly_at reads exactly `size` or throws kBadInput. kIo.
std::size_t read_some(int fd, char* to, std::size_t size, const std::string& name, const Wakes& wakes = {});
std::size_t read_some_at(int fd, char* to, std::size_t size, off_t at, const std::string& name);
void read_exactly_at(int fd, char* to, std::size_t size, off_t at, const std::string& name);

// Writes all; kIo. If the reader of a pipe is gone, the process ends by SIGPIPE, even where that is ignored.
void write_all(int fd, std::string_view data, const std::string& name);
void write_all_at(int fd, std::string_view data, off_t at, const std::string& name);

// Tells the system to begin moving bytes at .. at + size to the disk, without waiting: a later sync_file then has less
// to wait for. Where the system can't, it does nothing; errors of the disk are sync_file's to report.
void begin_sync(int fd, off_t at, std::size_t size);

void sync_file(int fd, const std::string& name);   // kIo; does nothing for descriptors that can't be synced
void sync_folder(const std::string& path);         // its entries; skips a folder that can't be opened; kIo
void sync_parent_folder(const std::string& path);  // so that a rename survives a power cut; kIo
void sync_tree(const std::string& folder);         // a folder and all its content; kIo

// Whether both are regular files (not links) with the same bytes.
bool same_bytes(const std::string& one, const std::string& other);
// Whether both folders hold files of the same names and bytes, and besides only folders.
bool same_tree(const std::string& one, const std::string& other);
// The digest of the names and bytes of a folder's files, except the one named `except`. Errors: kBadInput for what is
// neither file nor folder, open_input's, kIo.
std::string tree_digest(const std::string& folder, const std::string& except);

std::string parent_of(const std::string& path);  // "." where there is none
std::string base_name(const std::string& path);

// rename(2) that never replaces: -1 with errno EEXIST if `to` exists. On file systems with neither RENAME_NOREPLACE nor
// links it checks first, and a name that appears in between is replaced.
int rename_new(const std::string& from, const std::string& to);

// Temporary siblings of an output: ".NAME.TAG.HOST.PID.START.part", where TAG (letters and digits, "0" for none) tells
// what the content belongs to. HOST, PID and START identify the process, so that on the same host a dead one is
// recognised. A sibling left on purpose has "-" for HOST. So has a checkpoint, with its step for PID and a tag that
// begins with kCheckpointTag (lib/io/checkpoint.h).
inline constexpr const char* kCheckpointTag = "checkpoint";
struct Leftover {
  std::string path, tag;
  bool abandoned = false;        // left on purpose, or by a dead process of this host
  bool elsewhere = false;        // of another host, where its process may live
  std::int64_t checkpoint = -1;  // the step of a checkpoint
};
std::string temporary_name(const std::string& output, const std::string& tag);
std::string abandoned_name(const std::string& output, const std::string& tag);
std::string checkpoint_name(const std::string& output, const std::string& tag, std::int64_t step);
std::vector<Leftover> find_leftovers(const std::string& output);
// Removes abandoned files and folders, except checkpoints. Never fails.
void sweep_leftovers(const std::string& output);

// Error kCannotCreate if the output exists (without `force`) or its parent folder is missing or read-only.
void check_creatable(const std::string& output, bool force, bool folder);

// Makes a write beyond `ulimit -f` an error (EFBIG) instead of a fatal signal.
void ignore_file_size_signal();

}  // namespace nudge
