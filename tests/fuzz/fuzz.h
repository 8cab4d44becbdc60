// Fuzzers: functions of arbitrary bytes that throw if a promise of the library is broken. `make fuzz` lets libFuzzer
// search for such bytes; the corpus in seeds/NAME/ is replayed by every `make check` (test_corpus.cc).
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace nudge::fuzz {

struct Target {
  const char* name;  // and the folder of its seeds
  void (*run)(std::string_view input);
};
const std::vector<Target>& targets();

void stream(std::string_view input);       // a file of records, plain or zstd
void mark(std::string_view input);         // the JSON of a mark, its digest supplied
void record(std::string_view input);       // a line
void safetensors(std::string_view input);  // a file of weights
void tokenizer(std::string_view input);    // tokenizer.json
void config(std::string_view input);       // config.json
void text(std::string_view input);         // what is encoded and decoded
void templates(std::string_view input);    // a chat template

inline void promise(bool holds, const std::string& what) {
  if (!holds) throw std::logic_error("broken: " + what);
}

// Runs f; false where it refuses the input, with status 65 and a message that names where. Nothing else may be thrown.
template <class F>
bool accepts(const std::string& where, F&& f) {
  try {
    f();
    return true;
  } catch (const Error& e) {
    promise(e.status() == Exit::kBadInput, std::string("another status than 65: ") + e.what());
    promise(std::string_view(e.what()).substr(0, where.size()) == where, std::string("no place named: ") + e.what());
    return false;
  }
}

// The bytes as a file in memory, by its path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

}  // namespace nudge::fuzz
