// What an unfinished run leaves beside its output, so that the same command goes on: folders named
// ".NAME.checkpointTAG.-.STEP.0.part" that appear by one rename, whole with a digest of their content.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nudge {

// A hidden folder beside an output, removed with its content unless it was committed. One that a killed process of
// this host left is swept by the next OutputFolder of that output.
class TemporaryFolder {
 public:
  // `what`: letters and digits. Error kCannotCreate.
  TemporaryFolder(const std::string& output, const std::string& what);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  void release() { path_.clear(); }  // it has another name now

 private:
  std::string path_;
};

struct CheckpointPlace {
  std::string path, tag;
  std::int64_t step = 0;
};

// Of one output, by runs of whatever tag, the furthest first. Not looked into.
std::vector<CheckpointPlace> find_checkpoints(const std::string& output);

// Removes what runs left beside an output that is complete now: all checkpoints, and what dead processes had begun.
// Never fails.
void clean_up_beside(const std::string& output);

// The checkpoints of one run. `tag`, letters and digits, names the run with all that its bytes depend on: another run
// for the same output finds none of them.
class CheckpointStore {
 public:
  CheckpointStore(std::string output, std::string tag) : output_(std::move(output)), tag_(std::move(tag)) {}

  const std::string& output() const { return output_; }
  const std::string& tag() const { return tag_; }

  // The furthest that is whole. Those that are damaged are removed, and `damaged` is told their paths.
  std::optional<CheckpointPlace> newest(const std::function<void(const std::string& path)>& damaged) const;

  // Makes a folder the checkpoint of `step`: synced, renamed, and then those of earlier steps removed, so that at every
  // moment one is whole. Where another process was as far before, its own stays: both hold the same.
  // Errors: kIo, kCannotCreate; the earlier ones are then left as they were.
  CheckpointPlace commit(TemporaryFolder& folder, std::int64_t step) const;

  void remove() const;  // all of this run. Never fails

 private:
  std::vector<CheckpointPlace> mine() const;

  std::string output_, tag_;
};

}  // namespace nudge
