// Event files, as TensorBoard reads them: `--tensorboard DIR`. A file of records, each a length, data and checksums
// (TensorFlow: lib/io/record_writer.h); the data are Event messages (core/util/event.proto, core/framework/summary.proto).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/io/descriptor.h"

namespace nudge {

// CRC-32C (Castagnoli): RFC 3720, section 12.1 and B.4.
std::uint32_t crc32c(std::string_view bytes);

// The one event file of a folder, which every run that logs there goes on with. Its events are appended by a single
// write each. The first of a run is preceded by a mark (SessionLog START) by which TensorBoard drops what stands there
// already of the same step and of later ones: a run that was killed, resumed or repeated is shown once.
class EventFile {
 public:
  static constexpr std::string_view kName = "events.out.tfevents.0.nudge";

  // Makes the folder, with its parents, and the file, or opens it to append; an event that a killed program left cut off
  // is removed. "" leaves it closed: nothing is written. Errors: kCannotCreate, also where another program has the
  // file open or what stands there is no event file.
  void open(const std::string& folder);

  // Values become float32, as TensorBoard's. Those without one are left out. Error kIo.
  using Scalars = std::span<const std::pair<std::string, std::optional<double>>>;
  void scalars(std::int64_t step, Scalars values);

  // A table of plain texts, for the text plugin; of each at most kCellBytes are kept. Error kIo.
  static constexpr std::size_t kCellBytes = 4000;
  using Row = std::vector<std::string>;
  void table(std::int64_t step, std::string_view tag, const Row& header, const std::vector<Row>& rows);

  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  std::int64_t whole() const;  // bytes of whole events
  void begin(std::int64_t step);
  void append(std::string_view event);

  Descriptor fd_;
  std::string path_;
  bool begun_ = false;
};

// A text that markdown shows as it is, with its line breaks and blanks.
std::string as_markdown(std::string_view text);

}  // namespace nudge
