#include "lib/io/leftover_stream.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/io/chunks.h"
#include "lib/io/mark.h"

namespace nudge {
namespace {

constexpr std::size_t kFrameLimit = std::size_t{256} << 20;  // of text; ours hold 1 MiB and a line

// Whole lines at the start of `text`, each a record: adds them and returns their bytes.
std::size_t take_lines(std::string_view text, std::int64_t& records, Digest& lines) {
  std::size_t taken = 0;
  while (true) {
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

LeftoverStream read_frames(const std::string& path, const StreamMark& opening, Digest& lines) {
  LeftoverStream left;
  ChunkReader chunks(open_input(path), path, kFrameLimit);
  const std::string expected = encode_mark(opening);
  Chunk chunk = chunks.next();
  if (chunk.kind != Chunk::kMark || encode_mark(chunk.mark) != expected) return left;
  left.stored = chunks.offset();
  while ((chunk = chunks.next()).kind == Chunk::kText) {
    take_lines(chunk.text, left.records, lines);
    left.stored = chunks.offset();
  }
  return left;
}

}  // namespace

LeftoverStream read_leftover(const std::string& path, bool zstd, const StreamMark& opening, Digest& lines) {
  LeftoverStream left;
  if (zstd) left = read_frames(path, opening, lines);
  if (zstd && left.stored == 0) return left;
  const Descriptor fd = open_input(path);
  std::string rest;
  char buffer[65536];
  for (off_t at = left.stored;;) {
    const std::size_t n = read_some_at(fd.get(), buffer, sizeof buffer, at, path);
    if (n == 0) break;
    rest.append(buffer, n);
    at += static_cast<off_t>(n);
    // Lines are few bytes after whole frames and the file itself where it is plain: keep only what has no end yet.
    if (!zstd) {
      const std::size_t taken = take_lines(rest, left.records, lines);
      left.stored += static_cast<std::int64_t>(taken);
      rest.erase(0, taken);
      if (rest.find('\n') != std::string::npos) break;  // a line that is no record
    }
  }
  if (zstd) {
    rest.resize(take_lines(rest, left.records, lines));
    left.tail = std::move(rest);
  }
  return left;
}

}  // namespace nudge
