#include "lib/run/stored_moments.h"

#include <filesystem>

#include "lib/base/error.h"
#include "lib/io/files.h"

namespace nudge {

StoredMoments::StoredMoments(const std::string& policy, const std::string& name)
    : file_(policy + "/trainer/" + name + ".safetensors"), mark_(policy + "/trainer/" + name + ".shed") {}

void StoredMoments::load(Adam& adam, std::int64_t steps) {
  if (steps == 0) return;
  if (!file_exists(file_)) {
    if (!file_exists(mark_)) return;
    digest_ = read_file(mark_, 100);
    digest_.erase(digest_.find_last_not_of('\n') + 1);
    are_shed_ = true;
    return;
  }
  try {
    adam.load(file_, steps);
    loaded_ = true;
  } catch (const Error& e) {
    throw Error(e.status(), e.what(), "remove that file to start with a fresh optimizer");
  }
}

const std::string& StoredMoments::digest(const Adam& adam) {
  if (digest_.empty()) digest_ = adam.digest();
  return digest_;
}

void StoredMoments::expect() const {
  if (are_shed_)
    bad_input(file_ + ": was removed by --shed-moments, when the step that read it was done",
              "go on from that step's folder, or remove " + mark_ + " to start with a fresh optimizer");
}

// The mark first: whenever the process is killed, the digest can be had from one of them.
void StoredMoments::shed() const {
  if (!loaded_ || digest_.empty()) return;
  replace_file(mark_, digest_ + "\n");
  std::error_code error;
  if (!std::filesystem::remove(file_, error) && error)
    throw Error(Exit::kCannotCreate, file_ + ": can't be removed: " + error.message());
}

}  // namespace nudge
