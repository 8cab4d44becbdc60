#include "lib/io/leftover_stream.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/io/mark.h"

namespace nudge {
namespace {

constexpr std::size_t kFrameLimit = std::size_t{256} << 20;  // of text; RecordWriter's hold 1 MiB and a line

// Adds the complete lines at the start of `text`, each a record, up to `most` in all, and returns their bytes.
std::size_t take_lines(std::string_view text, std::int64_t most, std::int64_t& records, Digest& lines) {
  std::size_t taken = 0;
  while (true) {
    if (records == most) return taken;
    const std::size_t newline = text.find('\n', taken);
    if (newline == std::string_view::npos) return taken;
    const std::string_view line = text.substr(taken, newline - taken);
    try {
      Record::parse(line, "");
    } catch (const Error&) {
      return taken;
    }
    lines.text(line);
    ++records;
    taken = newline + 1;
  }
}

LeftoverStream read_frames(const std::string& path, const StreamMark& opening, Digest& lines, std::int64_t most) {
  LeftoverStream left;
  ChunkReader chunks(open_input(path), path, kFrameLimit);
  const std::string expected = encode_mark(opening);
  Chunk chunk = chunks.next();
  if (chunk.kind != Chunk::kMark || encode_mark(chunk.mark) != expected) return left;
  left.stored = chunks.offset();
  while (left.records < most && (chunk = chunks.next()).kind == Chunk::kText) {
    const std::size_t taken = take_lines(chunk.text, most, left.records, lines);
    if (taken < chunk.text.size()) {
      left.tail = chunk.text.substr(0, taken);
      left.in_place = false;
      break;
    }
    left.stored = chunks.offset();
  }
  return left;
}

}  // namespace

LeftoverStream read_leftover(const std::string& path, bool zstd, const StreamMark& opening, Digest& lines,
                             std::int64_t most) {
  LeftoverStream left;
  if (zstd) left = read_frames(path, opening, lines, most);
  if (zstd && (left.stored == 0 || !left.in_place || left.records == most)) return left;
  const Descriptor fd = open_input(path);
  std::string rest;
  char buffer[65536];
  for (off_t at = left.stored;;) {
    const std::size_t n = read_some_at(fd.get(), buffer, sizeof buffer, at, path);
    if (n == 0) break;
    rest.append(buffer, n);
    at += static_cast<off_t>(n);
    // After whole frames lines are few bytes, but a plain file is all lines: keep only the incomplete rest.
    if (!zstd) {
      const std::size_t taken = take_lines(rest, most, left.records, lines);
      left.stored += static_cast<std::int64_t>(taken);
      rest.erase(0, taken);
      if (rest.find('\n') != std::string::npos) break;  // a line that is no record, or one beyond `most`
    }
  }
  if (zstd) {
    rest.resize(take_lines(rest, most, left.records, lines));
    left.tail = std::move(rest);
  }
  return left;
}

LeftoverLines::LeftoverLines(const std::string& path, std::string tail)
    : chunks_(open_input(path), path, kFrameLimit), tail_(std::move(tail)) {}

bool LeftoverLines::next(std::string& line) {
  line.clear();
  while (true) {
    const std::size_t newline = text_.find('\n');
    line += text_.substr(0, newline);
    text_.remove_prefix(newline == std::string_view::npos ? text_.size() : newline + 1);
    if (newline != std::string_view::npos) return true;
    if (in_tail_) return false;
    chunk_ = chunks_.next(std::move(chunk_.text));
    if (chunk_.kind == Chunk::kMark) continue;
    in_tail_ = chunk_.kind != Chunk::kText;  // the tail is not in a frame, or the file ends
    text_ = in_tail_ ? tail_ : chunk_.text;
  }
}

}  // namespace nudge
