// Files and folders: read within a size limit, written completely or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nudge {

// The content of a file. Errors: kNoInput (missing, a folder), kBadInput (over `limit` bytes), kIo.
std::string read_file(const std::string& path, std::size_t limit = std::size_t{1} << 30);
std::string read_stdin(std::size_t limit = std::size_t{1} << 30);  // kBadInput, kIo

// Whether something is there, readable or not: false only where nothing is.
bool file_exists(const std::string& path);

// For programs that open their output late: kCannotCreate if its parent folder is missing or read-only.
void check_folder_of(const std::string& output);

// Writes a new file and syncs it. Errors: kCannotCreate (exists, no such folder), kIo.
void write_file(const std::string& path, std::string_view text);

// The same, beside its final name first: the file at `path`, if there is one, is replaced at once and whole.
void replace_file(const std::string& path, std::string_view text);

// A folder published by one rename: files are written into path(), a hidden sibling of the final name, which publish()
// renames. Without publish() it is removed with its content. With `force` an existing folder is swapped out, then
// removed, so that the name refers to a complete folder at every moment. Leftovers of killed processes of this host for
// the same name are removed first.
class OutputFolder {
 public:
  // Errors: kCannotCreate (exists and no force, no such parent, read-only).
  OutputFolder(const std::string& path, bool force);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& path() const { return temporary_; }
  // Errors: kCannotCreate, kIo; the name is then unchanged. Exception: if only syncing the parent folder fails, the
  // folder is published and complete, but may not survive a power cut.
  void publish();

 private:
  std::string final_, temporary_;
  bool force_ = false;
};

}  // namespace nudge
