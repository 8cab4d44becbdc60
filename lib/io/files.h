// Whole files and folders: read within bounds, written so that they are whole or absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nudge {

// The content of a file. Errors: kNoInput (missing, a folder), kBadInput (over `limit` bytes), kIo.
std::string read_file(const std::string& path, std::size_t limit = std::size_t{1} << 30);

// Whether something is there, be it a file that can't be read: false is for absent alone.
bool file_exists(const std::string& path);

// For programs that open their output late: kCannotCreate where the folder that it is to stand in is missing or
// read-only.
void check_folder_of(const std::string& output);

// Writes a new file and syncs it. Errors: kCannotCreate (exists, no such folder), kIo.
void write_file(const std::string& path, std::string_view text);

// A folder that appears by one rename: files are written into path(), a hidden sibling of the final name, which
// publish() renames. Without publish() it is removed with its content. With `force` an existing folder is
// swapped away and then removed, so that the name always stands for a whole one. What a killed process of this
// host left behind for the same name is removed first.
class OutputFolder {
 public:
  // Errors: kCannotCreate (exists and no force, no such parent, read-only).
  OutputFolder(const std::string& path, bool force);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& path() const { return temporary_; }
  // Errors: kCannotCreate, kIo; the name then stands for what it stood for. Only where the parent folder can't be
  // synced after the rename is it published all the same: whole, but perhaps not for good before a power cut.
  void publish();

 private:
  std::string final_, temporary_;
  bool force_ = false;
};

}  // namespace nudge
