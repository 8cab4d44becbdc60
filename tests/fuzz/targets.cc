#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

namespace nudge::fuzz {

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
      {"stream", stream},       {"mark", mark},     {"record", record}, {"safetensors", safetensors},
      {"tokenizer", tokenizer}, {"config", config}, {"text", text},     {"templates", templates}};
  return all;
}

MemoryFile::MemoryFile(std::string_view bytes)
    : fd_(::memfd_create("fuzz", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(fd_)) {
  const ssize_t size = static_cast<ssize_t>(bytes.size());
  if (fd_ < 0 || ::write(fd_, bytes.data(), bytes.size()) != size) throw std::runtime_error("no file in memory");
}

MemoryFile::~MemoryFile() { ::close(fd_); }

}  // namespace nudge::fuzz
