#include "lib/run/input_spool.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "lib/base/comm.h"
#include "lib/base/error.h"
#include "lib/io/files.h"
#include "lib/run/training_checkpoint.h"

namespace nudge {
namespace {

bool reads_stdin(const std::vector<std::string>& files) {
  return files.empty() || std::any_of(files.begin(), files.end(), [](const auto& f) { return f.empty() || f == "-"; });
}

// /dev/null, also where stdin was closed (prepare_process).
bool is_nothing(const struct stat& in) {
  struct stat null;
  return S_ISCHR(in.st_mode) && ::stat("/dev/null", &null) == 0 && in.st_rdev == null.st_rdev;
}

}  // namespace

InputSpool::InputSpool(Tool& tool, std::vector<std::string> files, std::string output, std::string options)
    : files_(std::move(files)), output_(std::move(output)), options_(std::move(options)) {
  struct stat in;
  if (!comm().first()) return;  // the first rank hands its records to the others
  if (!reads_stdin(files_) || ::fstat(STDIN_FILENO, &in) != 0 || S_ISREG(in.st_mode)) return;
  if (is_nothing(in)) take_kept(tool);
  if (is_nothing(in) && kept_tag_.empty()) return;
  folder_ = std::make_unique<TemporaryFolder>(output_, "input");
  WriterOptions to;
  to.path = folder_->path() + "/" + kSpoolFile;
  to.program = tool.about().name;
  copy_ = std::make_unique<RecordWriter>(to);
}

void InputSpool::take_kept(Tool& tool) {
  for (const CheckpointPlace& place : find_checkpoints(output_)) {
    const std::string file = place.path + "/" + kSpoolFile;
    if (place.tag == kept_tag_ || checkpoint_options(place) != options_ || !file_exists(file)) continue;
    if (!kept_tag_.empty())
      bad_input("stdin is empty, and two runs with these options have saved records for " + output_,
                "give the records again");
    kept_tag_ = place.tag;
    files_ = {file};
  }
  if (!kept_tag_.empty()) tool.note("stdin is empty: using the records saved for " + output_);
}

ReaderOptions InputSpool::reader_options(bool salvage) {
  ReaderOptions options{.salvage = salvage, .whole_shards = true};
  if (copy_) options.copy = [this](std::string_view line) { copy_->write_line(line); };
  return options;
}

void InputSpool::finish() {
  if (copy_) copy_->finish();
  copy_.reset();
}

}  // namespace nudge
