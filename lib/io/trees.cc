// Syncs, compares and digests whole files and folders.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <set>

#include "lib/base/digest.h"
#include "lib/io/descriptor.h"

namespace nudge {
namespace {

// Reads a piece of a file, shorter only at its end.
std::string_view piece_at(const Descriptor& fd, off_t at, std::string& space, const std::string& name) {
  std::size_t size = 0, n = 1;
  for (; size < space.size() && n > 0; size += n) {
    n = read_some_at(fd.get(), space.data() + size, space.size() - size, at + static_cast<off_t>(size), name);
  }
  return std::string_view(space).substr(0, size);
}

// The files in a folder and its subfolders, as paths relative to it. Nothing if it holds anything else.
std::optional<std::set<std::string>> files_below(const std::string& folder) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::filesystem::file_status status = entry.symlink_status();
    if (std::filesystem::is_directory(status)) continue;
    if (!std::filesystem::is_regular_file(status)) return std::nullopt;
    files.insert(entry.path().lexically_relative(folder).string());
  }
  return files;
}

}  // namespace

// Syncs files and folders, so that all content survives a power cut before the name changes.
void sync_tree(const std::string& folder) {
  try {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file() && !entry.is_directory()) continue;
      const Descriptor fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
      if (!fd) system_error(Exit::kIo, entry.path().string(), "can't be opened", errno);
      sync_file(fd.get(), entry.path().string());
    }
  } catch (const std::filesystem::filesystem_error& e) {
    system_error(Exit::kIo, folder, "can't be listed", e.code().value());
  }
  sync_folder(folder);
}

bool same_bytes(const std::string& one, const std::string& other) {
  struct stat info;
  if (::lstat(other.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  const Descriptor a = open_input(one), b = open_input(other);
  constexpr std::size_t kPiece = std::size_t{64} << 10;
  std::string left(kPiece, '\0'), right(kPiece, '\0');
  for (off_t at = 0;; at += static_cast<off_t>(kPiece)) {
    const std::string_view l = piece_at(a, at, left, one), r = piece_at(b, at, right, other);
    if (l != r) return false;
    if (l.size() < kPiece) return true;
  }
}

bool same_tree(const std::string& one, const std::string& other) {
  try {
    const auto files = files_below(one), others = files_below(other);
    if (!files || files != others) return false;
    for (const std::string& name : *files)
      if (!same_bytes(one + "/" + name, other + "/" + name)) return false;
    return true;
  } catch (const std::filesystem::filesystem_error&) {
    return false;  // one is no folder, or is changing
  }
}

std::string tree_digest(const std::string& folder, const std::string& except) {
  Digest digest;
  try {
    const auto files = files_below(folder);
    if (!files) throw Error(Exit::kBadInput, folder + ": holds something other than files and folders");
    std::string space(std::size_t{1} << 20, '\0');
    for (const std::string& name : *files) {
      if (name == except) continue;
      const std::string path = folder + "/" + name;
      const Descriptor fd = open_input(path);
      std::int64_t size = 0;
      digest.text(name);
      for (std::string_view piece; !(piece = piece_at(fd, size, space, path)).empty();
           size += static_cast<std::int64_t>(piece.size()))
        digest.bytes(piece.data(), piece.size());
      digest.number(size);
    }
  } catch (const std::filesystem::filesystem_error& e) {
    system_error(Exit::kIo, folder, "can't be listed", e.code().value());
  }
  return digest.hex();
}

}  // namespace nudge
