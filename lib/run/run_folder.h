// A run's output folder: whole or absent, and never computed twice. Its trainer/provenance.json names the options and
// inputs; the same command finds it and has nothing to do.
#pragma once

#include <memory>
#include <string>

#include "lib/base/digest.h"
#include "lib/io/files.h"
#include "lib/model/folder.h"

namespace nudge {

// With several ranks (lib/base/comm.h) all call these functions; only the first touches the file system.
class RunFolder {
 public:
  // Construct before any computing. Errors: kUsage without a path; kCannotCreate if `path` exists and no run of
  // `program` made it (without `force`), or if its parent is missing or not writable.
  RunFolder(std::string path, std::string program, bool force);

  // True if a run with the same provenance made the folder already; never with `force`. Removes what that run left
  // beside it. Otherwise opens the folder for writing and catches stop signals from here on. Errors: kCannotCreate if
  // the folder has another provenance (without `force`); kBadInput if ranks disagree on it.
  bool made_already(const std::string& provenance);

  const std::string& path() const { return path_; }
  const std::string& provenance() const { return provenance_; }  // as given to made_already()
  bool is_written_here() const { return output_ != nullptr; }
  const std::string& temporary() const { return output_->path(); }  // write here
  const std::string& trainer();                                     // its folder trainer/, made on first use
  // Writes the provenance, publishes the folder and removes all checkpoints of this output.
  void publish();

 private:
  bool open();                              // made_already in the first rank
  std::string recorded_provenance() const;  // "" if no run of this program made the folder

  std::string path_, program_, provenance_, trainer_;
  bool force_;
  std::unique_ptr<OutputFolder> output_;
};

// Digest of all that an output inherits from a model: its weights and config, and the texts of its other files.
std::string folder_digest(const Model& model);
// The same where the digest of the weights, model_digest(), is known.
std::string folder_digest(const Model& model, const std::string& weights);

// Provenance as text: the options (Tool::provenance) and a digest for each input.
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
