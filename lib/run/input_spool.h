// Records that come to a training run through a pipe, copied beside the output as they are read: they may be the work
// of hours, and a stopped run must resume even where they can't be produced again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/cli/tool.h"
#include "lib/io/checkpoint.h"
#include "lib/io/stream.h"

namespace nudge {

inline constexpr const char* kSpoolFile = "input.jsonl.zst";  // in a checkpoint

class InputSpool {
 public:
  explicit InputSpool(std::vector<std::string> files) : files_(std::move(files)) {}  // keeps nothing
  // `options`: the run's provenance without its records. A run without stdin (/dev/null, or closed) finds the saved
  // records by it. An empty pipe does not count: the program before it failed. Error kBadInput: two stopped runs with
  // these options left records.
  InputSpool(Tool& tool, std::vector<std::string> files, std::string output, std::string options);

  const std::vector<std::string>& files() const { return files_; }  // to read: those given, or the saved copy
  ReaderOptions reader_options(bool salvage);                       // all shards must be present
  void finish();                                                    // call at the end of the input

  const std::string& options() const { return options_; }
  const std::string& kept_tag() const { return kept_tag_; }  // of the run whose saved records are read, else ""
  // The folder that holds the copy; null if there is none.
  TemporaryFolder* folder() { return folder_.get(); }

 private:
  void take_kept(Tool& tool);

  std::vector<std::string> files_;
  std::string output_, options_, kept_tag_;
  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<RecordWriter> copy_;
};

}  // namespace nudge
