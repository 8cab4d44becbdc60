// What the tests of lib/io share.
#pragma once

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/io/stream.h"
#include "tests/harness/harness.h"

namespace nudge::test {

struct Outcome {
  int status = 0;  // 0: no error
  std::string message, advice;
};

template <class F>
Outcome outcome_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return {static_cast<int>(e.status()), e.what(), e.advice()};
  }
  return {};
}

inline std::string scratch(const std::string& name) { return scratch_folder() + "/" + name; }

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string make_file(const std::string& name, const std::string& bytes) {
  std::ofstream(scratch(name), std::ios::binary) << bytes;
  return scratch(name);
}

// A file in memory, for tests that make thousands; the next call replaces it.
inline std::string memory_file(const std::string& bytes) {
  static const int fd = ::memfd_create("test", MFD_CLOEXEC);
  REQUIRE(::ftruncate(fd, 0) == 0);
  REQUIRE(::pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return "/proc/self/fd/" + std::to_string(fd);
}

struct Reading {
  std::vector<std::string> lines;
  Outcome outcome;
  std::string digest, report;
  std::vector<StreamInfo> streams;
};

inline Reading read_all(const std::vector<std::string>& paths, ReaderOptions options = {}) {
  Reading result;
  result.outcome = outcome_of([&] {
    RecordReader reader(paths, options);
    const Outcome inner = outcome_of([&] {
      for (Record record; reader.next(record);) result.lines.push_back(record.line());
    });
    result.digest = reader.digest();
    result.report = reader.salvage_report();
    result.streams = reader.streams();
    if (inner.status != 0) throw Error(static_cast<Exit>(inner.status), inner.message, inner.advice);
  });
  return result;
}

inline std::vector<std::string> sample_lines(int n) {
  std::vector<std::string> lines;
  for (int i = 0; i < n; ++i) {
    lines.push_back("{\"id\":\"r" + std::to_string(i) + "\",\"x\":" + std::to_string(i * 37 % 101) + ".5}");
  }
  return lines;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

inline void write_lines(WriterOptions options, const std::vector<std::string>& lines) {
  RecordWriter writer(std::move(options));
  for (const std::string& line : lines) writer.write_line(line);
  writer.finish();
}

inline WriterOptions to_file(const std::string& path) {
  WriterOptions options;
  options.path = path;
  options.program = "test";
  options.digest = "d1";
  return options;
}

// A frame as other software writes it.
inline std::string foreign_frame(const std::string& text, bool checksum = true) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return out;
}

// What zstdcat prints.
inline std::string decompressed(const std::string& bytes) {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::string out, piece(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  while (true) {
    ZSTD_outBuffer to{piece.data(), piece.size(), 0};
    const std::size_t left = ZSTD_decompressStream(context, &to, &in);
    if (ZSTD_isError(left)) return "error";
    out.append(piece, 0, to.pos);
    if (in.pos == in.size && to.pos < to.size) break;
  }
  ZSTD_freeDCtx(context);
  return out;
}

// Runs `f` in a child and returns what waitpid tells. The child leaves by _exit with f's value.
template <class F>
int in_child(F f) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(f());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

// Bytes that this process has mapped: what RLIMIT_AS bounds.
inline std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace nudge::test
