#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/io/mark.h"
#include "lib/io/stream.h"

namespace nudge {
namespace {

// The records that the mark at the very end of a compressed file counts.
std::optional<std::int64_t> marked(std::ifstream& file, std::uintmax_t size) {
  std::string tail(static_cast<std::size_t>(std::min<std::uintmax_t>(size, kLongestMark + 8)), '\0');
  file.seekg(static_cast<std::streamoff>(size - tail.size()));
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  for (std::size_t at = 0; file && at + 8 <= tail.size(); ++at) {
    if (little_endian(tail.data() + at) != kMarkMagic) continue;
    const std::string_view payload = std::string_view(tail).substr(at + 8);
    if (little_endian(tail.data() + at + 4) != payload.size()) continue;
    if (const auto mark = decode_mark(payload); mark && mark->closing) return mark->records;
  }
  return std::nullopt;
}

std::int64_t lines(std::ifstream& file) {
  std::int64_t n = 0;
  std::vector<char> piece(1 << 20);
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    n += std::count(piece.data(), piece.data() + file.gcount(), '\n');
  }
  return n;
}

}  // namespace

std::int64_t expected_records(const std::vector<std::string>& paths) {
  std::int64_t all = 0;
  for (const std::string& path : paths) {
    std::error_code error;
    if (path == "-" || !std::filesystem::is_regular_file(path, error)) return 0;
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    std::ifstream file(path, std::ios::binary);
    char head[4] = {};
    if (error || !file.read(head, sizeof head)) return 0;
    const std::uint32_t magic = little_endian(head);
    if (magic != kFrameMagic && magic != kMarkMagic) {
      file.seekg(0);
      all += lines(file);
    } else if (const auto n = marked(file, size)) {
      all += *n;
    } else {
      return 0;
    }
  }
  return all;
}

}  // namespace nudge
