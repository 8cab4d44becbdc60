#include "lib/io/foreign.h"

#include <simdjson.h>

#include <algorithm>

#include "lib/io/json_parse.h"
#include "lib/io/json_sketch.h"

namespace nudge {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t at;
  std::string_view bytes;
  const char* what;
  const char* advice;   // what to do, or what the command does
  const char* command;  // null: none
  bool seeks;
};

constexpr const char* kUnpack = "unpack it";
constexpr const char* kMakeLines = "convert it to JSON Lines";
constexpr const char* kMakeUtf8 = "convert it to UTF-8";
constexpr const char* kAskWriter = "write it as JSON Lines with the program that made it";
constexpr const char* kWrongFile = "such a file holds no records: name another";
constexpr const char* kParquetLine =
    "python3 -c 'import json,sys,pyarrow.parquet as p; [print(json.dumps(r,default=str)) for b in "
    "p.ParquetFile(sys.argv[1]).iter_batches() for r in b.to_pylist()]' @";
constexpr const char* kArrowLine =
    "python3 -c 'import json,sys,pyarrow as a; f=a.ipc.open_file(a.OSFile(sys.argv[1])); "
    "[print(json.dumps(r,default=str)) for i in range(f.num_record_batches) for r in f.get_batch(i).to_pylist()]' @";
constexpr const char* kArrowStreamLine =
    "python3 -c 'import json,sys,pyarrow as a; [print(json.dumps(r,default=str)) for b in "
    "a.ipc.open_stream(a.OSFile(sys.argv[1])) for r in b.to_pylist()]' @";

constexpr Magic kMagics[] = {
    {0, "\x1F\x8B"sv, "is gzip-compressed", kUnpack, "zcat @", false},
    {0, "\x1F\x9D"sv, "is compressed by compress (.Z)", kUnpack, "zcat @", false},
    {0,
     "\xFD"
     "7zXZ\0"sv,
     "is xz-compressed", kUnpack, "xzcat @", false},
    {0, "\x5D\0\0"sv, "is lzma-compressed", kUnpack, "xzcat @", false},
    {4, "1AY&SY"sv, "is bzip2-compressed", kUnpack, "bzcat @", false},
    {4, "\x17\x72\x45\x38\x50\x90"sv, "is bzip2-compressed", kUnpack, "bzcat @", false},
    {0, "\x04\x22\x4D\x18"sv, "is lz4-compressed", kUnpack, "lz4cat @", false},
    {0, "\x02\x21\x4C\x18"sv, "is lz4-compressed", kUnpack, "lz4cat @", false},
    {0, "LZIP"sv, "is lzip-compressed", kUnpack, "lzip -dc @", false},
    {0, "\x89LZO\0"sv, "is lzop-compressed", kUnpack, "lzop -dc @", false},
    {0, "\xFF\x06\0\0sNaPpY"sv, "is snappy-compressed", "unpack it to a file first", nullptr, false},
    {0, "7z\xBC\xAF\x27\x1C"sv, "is a 7z archive", kUnpack, "7z x -so @", true},
    {0, "Rar!\x1A\x07"sv, "is a rar archive", kUnpack, "unrar p -inul @", true},
    {257, "ustar"sv, "is a tar archive", kUnpack, "tar -xOf - < @", false},
    {0, "PK\x05\x06"sv, "is an empty zip archive", kWrongFile, nullptr, false},
    {0, "PAR1"sv, "is Parquet", "docs/data.md shows how to read it with duckdb; with pyarrow", kParquetLine, true},
    {0, "PARE"sv, "is encrypted Parquet", kAskWriter, nullptr, false},
    {0, "ARROW1"sv, "is an Arrow (Feather) file", kMakeLines, kArrowLine, true},
    {0, "FEA1"sv, "is a Feather file of version 1", kAskWriter, nullptr, false},
    {0, "ORC"sv, "is ORC", kAskWriter, nullptr, false},
    {0, "Obj\x01"sv, "is Avro", kAskWriter, nullptr, false},
    {0, "SQLite format 3\0"sv, "is a SQLite database",
     "print its table with sqlite3 -json, and split that into lines with jq -c '.[]'", nullptr, false},
    {0, "\x89HDF\r\n\x1A\n"sv, "is HDF5", kAskWriter, nullptr, false},
    {0, "\x93NUMPY"sv, "is a NumPy array", kAskWriter, nullptr, false},
    {0, "GGUF"sv, "holds a model's weights (GGUF)", kModelAdvice, nullptr, false},
    {0, "%PDF-"sv, "is a PDF", kWrongFile, nullptr, false},
    {0, "\x89PNG\r\n\x1A\n"sv, "is a picture (PNG)", kWrongFile, nullptr, false},
    {0, "\xFF\xD8\xFF"sv, "is a picture (JPEG)", kWrongFile, nullptr, false},
    {0,
     "\x7F"
     "ELF"sv,
     "is a compiled program (ELF)", kWrongFile, nullptr, false},
};

bool stands_at(std::string_view head, std::size_t at, std::string_view bytes) {
  return head.size() >= at && head.substr(at).starts_with(bytes);
}

Foreign with_command(const char* what, const std::string& verb, std::string_view command, const InputSource& source,
                     bool seeks = false) {
  return {what, verb + ": " + pipe_from(command, source, seeks)};
}

unsigned byte_at(std::string_view head, std::size_t i) { return static_cast<unsigned char>(head[i]); }

std::optional<Foreign> find_magic(std::string_view head, const InputSource& source) {
  for (const Magic& m : kMagics) {
    if (!stands_at(head, m.at, m.bytes) || (m.at == 4 && !head.starts_with("BZh"))) continue;
    if (m.command == nullptr) return Foreign{m.what, m.advice};
    return with_command(m.what, m.advice, m.command, source, m.seeks);
  }
  return {};
}

// The name of its first file tells what kind a zip archive is.
std::optional<Foreign> find_zip(std::string_view head, const InputSource& source) {
  constexpr std::size_t kName = 30;
  if (!head.starts_with("PK\x03\x04") || head.size() < kName) return {};
  const std::string_view name = head.substr(kName, byte_at(head, 26) | byte_at(head, 27) << 8);
  if (name.ends_with("data.pkl")) return Foreign{"is a PyTorch file", kModelAdvice};
  if (name.ends_with(".npy")) return Foreign{"is an archive of NumPy arrays", kAskWriter};
  if (name == "[Content_Types].xml" || name.starts_with("_rels/") || name.starts_with("xl/")) {
    return Foreign{"is an office document (xlsx, docx)", "save its table as CSV first"};
  }
  return with_command("is a zip archive", kUnpack, "unzip -p @", source, true);
}

// Arrow stream: four bytes of 255, then the size of the first message.
std::optional<Foreign> find_arrow_stream(std::string_view head, const InputSource& source) {
  if (head.size() < 8 || !head.starts_with("\xFF\xFF\xFF\xFF") || head[7] != 0) return {};
  return with_command("is an Arrow stream, as datasets saves it", kMakeLines, kArrowStreamLine, source, true);
}

// A pickle begins with its version. It is a program and must not be run.
std::optional<Foreign> find_pickle(std::string_view head) {
  if (head.size() < 4 || byte_at(head, 0) != 0x80 || byte_at(head, 1) < 2 || byte_at(head, 1) > 5) return {};
  return Foreign{"is a Python pickle", kAskWriter};
}

// safetensors: the header's size in eight bytes, little endian, then the header, which is JSON.
std::optional<Foreign> find_safetensors(std::string_view head) {
  constexpr std::string_view kNone = "\0\0\0\0\0"sv;
  if (head.size() < 10 || head.substr(8, 2) != "{\"" || head.starts_with(kNone)) return {};
  if (head[6] != 0 || head[7] != 0) return {};
  return Foreign{"holds a model's weights (safetensors)", kModelAdvice};
}

// Characters below 128, with which JSON begins, have one byte that is not 0, at position `at`.
bool is_wide(std::string_view head, std::size_t width, std::size_t at) {
  constexpr std::size_t kCharacters = 4;
  if (head.size() < width * kCharacters) return false;
  for (std::size_t i = 0; i < width * kCharacters; ++i) {
    if ((head[i] == 0) == (i % width == at)) return false;
  }
  return true;
}

std::optional<Foreign> find_wide(std::string_view head, const InputSource& source) {
  struct Encoding {
    std::string_view mark;
    std::size_t width, at;
    const char *what, *command;
  };
  // iconv reads the byte order from a mark and drops it. UTF-32's mark begins like UTF-16's.
  constexpr Encoding kEncodings[] = {
      {"\xFF\xFE\0\0"sv, 4, 0, "is UTF-32", "iconv -f UTF-32LE -t UTF-8 @"},
      {"\0\0\xFE\xFF"sv, 4, 3, "is UTF-32", "iconv -f UTF-32BE -t UTF-8 @"},
      {"\xFF\xFE"sv, 2, 0, "is UTF-16", "iconv -f UTF-16LE -t UTF-8 @"},
      {"\xFE\xFF"sv, 2, 1, "is UTF-16", "iconv -f UTF-16BE -t UTF-8 @"},
  };
  for (const Encoding& e : kEncodings) {
    if (head.starts_with(e.mark)) {
      const char* const by_mark = e.width == 4 ? "iconv -f UTF-32 -t UTF-8 @" : "iconv -f UTF-16 -t UTF-8 @";
      return with_command(e.what, kMakeUtf8, by_mark, source);
    }
    if (is_wide(head, e.width, e.at)) return with_command(e.what, kMakeUtf8, e.command, source);
  }
  return {};
}

bool is_text_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= ' ' ? byte != 0x7F : c == '\n' || c == '\r' || c == '\t' || c == '\f';
}

// The last character may be truncated.
bool is_utf8(std::string_view head) {
  for (std::size_t cut = 0; cut < 4 && cut <= head.size(); ++cut) {
    if (simdjson::validate_utf8(head.data(), head.size() - cut)) return true;
  }
  return false;
}

// Text with one byte per character, mostly letters common to all such encodings. A line that begins like a record may
// be a damaged one.
std::optional<Foreign> find_latin(std::string_view head, const InputSource& source) {
  constexpr std::size_t kMostForeign = 4;  // one in four
  const auto high = std::count_if(head.begin(), head.end(), [](char c) { return static_cast<signed char>(c) < 0; });
  if (static_cast<std::size_t>(high) * kMostForeign > head.size() || head.starts_with('{')) return {};
  return with_command("is text, but not in UTF-8", "convert it to UTF-8, here from Latin-1",
                      "iconv -f latin1 -t UTF-8 @", source);
}

std::string shell_quoted(const std::string& path) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./,:=@%+-";
  const std::string name = path.starts_with('-') ? "./" + path : path;  // no option
  if (name.find_first_not_of(kPlain) == std::string::npos) return name;
  std::string out = "'";
  for (const char c : name) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

// The command with '@' replaced by the file's name; without a name it reads stdin.
std::string put_in(std::string_view command, const std::string& file) {
  const std::size_t at = command.rfind('@');
  std::string before(command.substr(0, at));
  if (!file.empty()) return before + file + std::string(command.substr(at + 1));
  if (before.ends_with(" < ")) before.resize(before.size() - 2);
  before.pop_back();
  return before + std::string(command.substr(at + 1));
}

}  // namespace

std::string pipe_from(std::string_view command, const InputSource& source, bool seeks) {
  const std::string file = source.path.empty() ? "" : shell_quoted(source.path);
  const std::string unpacked = "zstdcat" + (file.empty() ? "" : ' ' + file);
  if (seeks && (source.zstd || file.empty())) {
    return (source.zstd ? unpacked : "cat") + " > FILE && " + put_in(command, "FILE") + " |";
  }
  return source.zstd ? unpacked + " | " + put_in(command, "") + " |" : put_in(command, file) + " |";
}

std::optional<Foreign> find_foreign(std::string_view head, const InputSource& source) {
  const bool text = std::all_of(head.begin(), head.end(), is_text_byte);
  if (!text || !is_utf8(head)) {
    for (const auto& found : {find_magic(head, source), find_zip(head, source), find_wide(head, source),
                              find_arrow_stream(head, source), find_pickle(head), find_safetensors(head)}) {
      if (found) return found;
    }
    return text ? find_latin(head, source) : std::nullopt;
  }
  const bool marked = head.starts_with(kByteOrderMark);
  const auto found = find_foreign_text(head.substr(marked ? kByteOrderMark.size() : 0), source);
  if (found || !marked) return found;
  return with_command("begins with a byte order mark (EF BB BF), which is not JSON", "leave it out", "tail -c +4 @",
                      source);
}

bool leaves_open(std::string_view head) {
  const JsonSketch sketch = sketch_json(head);
  return sketch.good && !sketch.whole && !sketch.lines && sketch.element == 0;
}

}  // namespace nudge
