// The records of a training run that came through a pipe, kept beside the output from the moment they were read: they
// may be the work of hours, and the run goes on also where they can't be had again.
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
  // `options`: the provenance of the run without its records, by which a run whose stdin is nothing (/dev/null, or
  // closed) finds what was kept. An empty pipe is no such thing: the program before it failed. Error kBadInput: two
  // runs with these options were stopped.
  explicit InputSpool(std::vector<std::string> files) : files_(std::move(files)) {}  // keeps nothing
  InputSpool(Tool& tool, std::vector<std::string> files, std::string output, std::string options);

  const std::vector<std::string>& files() const { return files_; }  // to be read: those given, or what was kept
  ReaderOptions reader_options(bool salvage);                       // shards have to be there all
  void finish();                                                    // all was read

  const std::string& options() const { return options_; }
  const std::string& kept_tag() const { return kept_tag_; }  // of the run whose records are read, else ""
  // With the file in it, where there is something to keep: records that came from no file.
  TemporaryFolder* folder() { return folder_.get(); }

 private:
  void take_kept(Tool& tool);

  std::vector<std::string> files_;
  std::string output_, options_, kept_tag_;
  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<RecordWriter> copy_;
};

}  // namespace nudge
