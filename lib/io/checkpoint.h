// Checkpoints: what an unfinished run leaves beside its output for the same command to resume from. They are folders
// named ".NAME.checkpointTAG.-.STEP.0.part", published by one rename, with a digest of their content.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nudge {

// A hidden folder beside an output, removed with its content unless it is committed. If the process is killed, the next
// OutputFolder of that output on the same host removes it.
class TemporaryFolder {
 public:
  // `what`: letters and digits. Error kCannotCreate.
  TemporaryFolder(const std::string& output, const std::string& what);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  void release() { path_.clear(); }  // it was renamed

 private:
  std::string path_;
};

struct CheckpointPlace {
  std::string path, tag;
  std::int64_t step = 0;
};

// All checkpoints of an output, of every tag, latest step first. Their content is not checked.
std::vector<CheckpointPlace> find_checkpoints(const std::string& output);

// Removes what runs left beside an output that is now complete: all checkpoints, and temporaries of dead processes.
// Never fails.
void clean_up_beside(const std::string& output);

// The checkpoints of one run. `tag` (letters and digits) identifies everything that the run's bytes depend on, so that
// a different run for the same output finds none of them.
class CheckpointStore {
 public:
  CheckpointStore(std::string output, std::string tag) : output_(std::move(output)), tag_(std::move(tag)) {}

  const std::string& output() const { return output_; }
  const std::string& tag() const { return tag_; }

  // The latest intact checkpoint. Damaged ones are removed after calling `damaged` with their paths.
  std::optional<CheckpointPlace> newest(const std::function<void(const std::string& path)>& damaged) const;

  // Publishes a folder as the checkpoint of `step`: syncs it, renames it, then removes those of earlier steps, so that
  // one is intact at every moment. If another process has published that step already, its copy stays: both are equal.
  // Errors: kIo, kCannotCreate; earlier checkpoints are then untouched.
  CheckpointPlace commit(TemporaryFolder& folder, std::int64_t step) const;

  void remove() const;  // all checkpoints of this run. Never fails

 private:
  std::vector<CheckpointPlace> mine() const;

  std::string output_, tag_;
};

}  // namespace nudge
