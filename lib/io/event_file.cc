#include "lib/io/event_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "lib/base/error.h"

namespace nudge {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);  // the polynomial, reflected
    table[byte] = crc;
  }
  return table;
}

// TensorFlow stores checksums masked, because those of data that hold checksums are weak (core/lib/hash/crc32c.h).
std::uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

template <class T>
std::string bytes_of_number(T x) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof x; ++i) bytes += static_cast<char>(x >> (8 * i) & 0xff);
  return bytes;
}

template <class T>
T number_of_bytes(std::string_view bytes) {
  T x = 0;
  for (std::size_t i = 0; i < sizeof x; ++i) x |= static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return x;
}

// A length, its checksum, the data, their checksum.
constexpr std::size_t kHead = 12, kTail = 4;

std::string framed(std::string_view data) {
  const std::string length = bytes_of_number<std::uint64_t>(data.size());
  return length + bytes_of_number(masked_crc(length)) + std::string(data) + bytes_of_number(masked_crc(data));
}

// Fields of protocol buffers by their numbers in TensorFlow's definitions.
std::string varint(std::uint64_t x) {
  std::string bytes;
  for (; x >= 0x80; x >>= 7) bytes += static_cast<char>(x | 0x80);
  return bytes + static_cast<char>(x);
}
std::string integer_field(std::uint32_t number, std::int64_t x) {
  return varint(number << 3) + varint(static_cast<std::uint64_t>(x));
}
std::string bytes_field(std::uint32_t number, std::string_view bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + std::string(bytes);
}
std::string double_field(std::uint32_t number, double x) {
  return varint(number << 3 | 1) + bytes_of_number(std::bit_cast<std::uint64_t>(x));
}
std::string float_field(std::uint32_t number, float x) {
  return varint(number << 3 | 5) + bytes_of_number(std::bit_cast<std::uint32_t>(x));
}

// Event {wall_time, step, what}
std::string event(std::int64_t step, std::string_view what) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  return double_field(1, now.count()) + integer_field(2, step) + std::string(what);
}

std::string first_event() { return event(0, bytes_field(3, "brain.Event:2")); }
std::string start_event(std::int64_t step) { return event(step, bytes_field(7, integer_field(1, 1))); }
std::string summary_event(std::int64_t step, std::string_view values) { return event(step, bytes_field(5, values)); }

// Summary.Value {tag, simple_value}
std::string scalar(std::string_view tag, double x) {
  return bytes_field(1, bytes_field(1, tag) + float_field(2, static_cast<float>(x)));
}

// Summary.Value {tag, tensor: TensorProto of strings in rows and columns, metadata: the text plugin's, a tensor}
std::string text_table(std::string_view tag, std::size_t rows, std::size_t columns, const std::string& cells) {
  constexpr int kString = 7, kTensor = 2;
  const auto dimension = [](std::size_t n) { return bytes_field(2, integer_field(1, static_cast<std::int64_t>(n))); };
  const std::string shape = dimension(rows) + dimension(columns);
  const std::string tensor = integer_field(1, kString) + bytes_field(2, shape) + cells;
  const std::string metadata = bytes_field(1, bytes_field(1, "text")) + integer_field(4, kTensor);
  return bytes_field(1, bytes_field(1, tag) + bytes_field(8, tensor) + bytes_field(9, metadata));
}

// At most `limit` bytes, of whole characters, with an ellipsis where something is left out.
std::string shortened(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc_table();
  std::uint32_t crc = 0xffffffffu;
  for (const char c : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

std::string as_markdown(std::string_view text) {
  std::string out;
  char last = '\n';
  for (const char c : text) {
    const bool dropped = last == '\n' || last == ' ' || last == '\t';  // what markdown does with a blank after these
    if (c == '\n') out += last == '\n' ? "&nbsp;  \n" : "  \n";        // an empty line would begin a paragraph
    else if (c == ' ' && dropped) out += "&nbsp;";
    else if (c == '\t') out += "&nbsp;&nbsp;&nbsp;&nbsp;";
    else if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '~') out += "&#126;";
    else if (c != '\0' && std::strchr("\\`*_{}[]()#+-.!|", c) != nullptr) (out += '\\') += c;
    else out += c;
    last = c;
  }
  return out;
}

void EventFile::open(const std::string& folder) {
  if (folder.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw Error(Exit::kCannotCreate, folder + ": " + error.message());
  path_ = folder + "/" + std::string(kName);
  fd_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!fd_) system_error(Exit::kCannotCreate, path_, "can't be opened", errno);
  // File systems without locks are taken at their word.
  if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw Error(Exit::kCannotCreate, path_ + ": another program is writing to it", "give each run a folder of its own");
  const std::int64_t size = whole();
  if (::ftruncate(fd_.get(), size) != 0) system_error(Exit::kIo, path_, "can't be cut", errno);
  if (size == 0) append(first_event());
}

std::int64_t EventFile::whole() const {
  struct stat status = {};
  if (::fstat(fd_.get(), &status) != 0) system_error(Exit::kIo, path_, "can't be read", errno);
  const auto damaged = [&](std::int64_t at) {
    throw Error(Exit::kCannotCreate, path_ + ": is no event file, or damaged at byte " + std::to_string(at),
                "remove it, or log to another folder");
  };
  if (!S_ISREG(status.st_mode)) damaged(0);
  constexpr auto kFrame = static_cast<std::int64_t>(kHead + kTail);
  std::string record;
  for (std::int64_t at = 0;;) {
    const std::int64_t left = status.st_size - at;
    if (at == 0 && left > 0 && left < kFrame) damaged(0);
    if (left < kFrame) return at;
    record.resize(kHead);
    read_exactly_at(fd_.get(), record.data(), kHead, at, path_);
    const auto length = number_of_bytes<std::uint64_t>(record);
    if (number_of_bytes<std::uint32_t>(record.substr(8)) != masked_crc(record.substr(0, 8))) damaged(at);
    if (length > static_cast<std::uint64_t>(left - kFrame)) return at;
    record.resize(length + kTail);
    read_exactly_at(fd_.get(), record.data(), record.size(), at + static_cast<std::int64_t>(kHead), path_);
    const std::string_view data = std::string_view(record).substr(0, length);
    if (number_of_bytes<std::uint32_t>(record.substr(length)) != masked_crc(data)) damaged(at);
    at += static_cast<std::int64_t>(length) + kFrame;
  }
}

void EventFile::append(std::string_view data) {
  const std::string record = framed(data);
  ssize_t n = -1;
  do {
    n = ::write(fd_.get(), record.data(), record.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) throw Error(Exit::kIo, path_ + ": " + std::strerror(errno));
  if (static_cast<std::size_t>(n) != record.size()) throw Error(Exit::kIo, path_ + ": an event was written in part");
}

void EventFile::begin(std::int64_t step) {
  if (!begun_) append(start_event(step));
  begun_ = true;
}

void EventFile::scalars(std::int64_t step, Scalars values) {
  if (!fd_) return;
  std::string summary;
  for (const auto& [tag, x] : values)
    if (x) summary += scalar(tag, *x);
  begin(step);
  append(summary_event(step, summary));
}

void EventFile::table(std::int64_t step, std::string_view tag, const Row& header, const std::vector<Row>& rows) {
  if (!fd_) return;
  std::string cells;
  for (const std::string& title : header) cells += bytes_field(8, "**" + as_markdown(title) + "**");
  for (const Row& row : rows) {
    if (row.size() != header.size()) throw Error(Exit::kInternal, "a row of another length than its header");
    for (const std::string& cell : row) cells += bytes_field(8, as_markdown(shortened(cell, kCellBytes)));
  }
  begin(step);
  append(summary_event(step, text_table(tag, rows.size() + 1, header.size(), cells)));
}

}  // namespace nudge
