#include "lib/io/checkpoint.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>

#include "lib/base/error.h"
#include "lib/io/descriptor.h"
#include "lib/io/files.h"

namespace nudge {
namespace {

constexpr const char* kDigest = "digest";  // the file in a checkpoint

void remove_folder(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

bool is_whole(const std::string& folder) {
  try {
    return read_file(folder + "/" + kDigest, 100) == tree_digest(folder, kDigest) + "\n";
  } catch (const Error&) {
    return false;  // a file that is missing or can't be read
  }
}

}  // namespace

TemporaryFolder::TemporaryFolder(const std::string& output, const std::string& what)
    : path_(temporary_name(output, what)) {
  remove_folder(path_);  // left by this very process, if at all
  if (::mkdir(path_.c_str(), 0777) != 0) {
    const int error = errno;
    system_error(Exit::kCannotCreate, std::exchange(path_, {}), "can't be created", error);
  }
}

TemporaryFolder::~TemporaryFolder() {
  if (!path_.empty()) remove_folder(path_);
}

std::vector<CheckpointPlace> find_checkpoints(const std::string& output) {
  std::vector<CheckpointPlace> found;
  for (const Leftover& left : find_leftovers(output))
    if (left.checkpoint >= 0)
      found.push_back({left.path, left.tag.substr(std::strlen(kCheckpointTag)), left.checkpoint});
  std::stable_sort(found.begin(), found.end(),
                   [](const CheckpointPlace& a, const CheckpointPlace& b) { return a.step > b.step; });
  return found;
}

void clean_up_beside(const std::string& output) {
  sweep_leftovers(output);
  for (const CheckpointPlace& place : find_checkpoints(output)) remove_folder(place.path);
}

std::vector<CheckpointPlace> CheckpointStore::mine() const {
  std::vector<CheckpointPlace> found = find_checkpoints(output_);
  std::erase_if(found, [&](const CheckpointPlace& place) { return place.tag != tag_; });
  return found;
}

std::optional<CheckpointPlace> CheckpointStore::newest(
    const std::function<void(const std::string& path)>& damaged) const {
  std::set<std::string> passed_over;
  const auto furthest = [&]() -> std::optional<CheckpointPlace> {
    for (const CheckpointPlace& place : mine())
      if (!passed_over.contains(place.path)) return place;
    return std::nullopt;
  };
  while (const auto place = furthest()) {
    if (is_whole(place->path)) return place;
    // Another process may be further ahead and removing this one, which is no damage.
    if (const auto now = furthest(); !now || now->path != place->path) continue;
    passed_over.insert(place->path);
    damaged(place->path);
    remove_folder(place->path);
  }
  return std::nullopt;
}

CheckpointPlace CheckpointStore::commit(TemporaryFolder& folder, std::int64_t step) const {
  write_file(folder.path() + "/" + kDigest, tree_digest(folder.path(), kDigest) + "\n");
  sync_tree(folder.path());
  const CheckpointPlace place{checkpoint_name(output_, tag_, step), tag_, step};
  if (rename_new(folder.path(), place.path) == 0) {
    folder.release();
  } else if (errno != EEXIST && errno != ENOTEMPTY) {
    system_error(Exit::kCannotCreate, place.path, "can't be created", errno);
  }
  sync_parent_folder(output_);
  for (const CheckpointPlace& earlier : mine())
    if (earlier.step < step) remove_folder(earlier.path);
  return place;
}

void CheckpointStore::remove() const {
  for (const CheckpointPlace& place : mine()) remove_folder(place.path);
}

}  // namespace nudge
