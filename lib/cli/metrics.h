// Metrics of a run, a JSON object per step, appended to a file: `--metrics FILE`.
#pragma once

#include <string>
#include <string_view>

namespace nudge {

class MetricsFile {
 public:
  MetricsFile() = default;  // writes nothing
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  // Opens for appending. "" leaves it closed, as does every rank but the first. Throws kCannotCreate.
  void open(const std::string& path);

  // Appends a line (a JSON object, without its newline) by a single write, so that programs can share a file. Throws
  // kIo.
  void write(std::string_view line);

  const std::string& path() const { return path_; }  // "" where it is closed

 private:
  int fd_ = -1;
  std::string path_;
};

}  // namespace nudge
