// A model folder that a run makes: whole or absent, and not made twice. trainer/provenance.json in it says from
// which options and inputs it comes; the same run again finds it and has nothing to do.
#pragma once

#include <memory>
#include <string>

#include "lib/base/digest.h"
#include "lib/io/files.h"

namespace nudge {

// Of several ranks (lib/base/comm.h) the first one alone looks at the file system and writes; all call the functions.
class RunFolder {
 public:
  // Before any computing. Errors: kUsage without a path; kCannotCreate where something is at `path` that no run of
  // `program` made (without `force`), or its parent is missing or can't be written.
  RunFolder(std::string path, std::string program, bool force);

  // True where the folder was made by a run with the same provenance already; what that left is removed. Never with
  // `force`. Otherwise opens it for writing, and from here on catches stop signals: kCannotCreate where it was made from
  // something else (without `force`), kBadInput where ranks have another.
  bool made_already(const std::string& provenance);

  const std::string& path() const { return path_; }
  const std::string& provenance() const { return provenance_; }  // that made_already() was given
  bool is_written_here() const { return output_ != nullptr; }
  const std::string& temporary() const { return output_->path(); }  // write here
  const std::string& trainer();                                     // its folder trainer/, made on first use
  // Writes the provenance and lets the folder appear. No checkpoint of this output is needed then: all are removed.
  void publish();

 private:
  bool open();                              // what made_already does in the first rank
  std::string recorded_provenance() const;  // "" where no run of this program made the folder

  std::string path_, program_, provenance_, trainer_;
  bool force_;
  std::unique_ptr<OutputFolder> output_;
};

// The text that provenance consists of: the options (Tool::provenance) and a digest for each input.
class Provenance {
 public:
  explicit Provenance(std::string options) : text_(std::move(options)) {}
  Provenance& input(const std::string& name, const std::string& digest) {
    text_ += "input " + name + "=" + digest + "\n";
    return *this;
  }
  const std::string& text() const { return text_; }
  std::string digest() const { return Digest().text(text_).hex(); }

 private:
  std::string text_;
};

}  // namespace nudge
