// Recognises, by its first bytes, an input that holds no records, and names the command that converts it. Internal to
// lib/io.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace nudge {

constexpr std::size_t kForeignHead = std::size_t{64} << 10;  // bytes examined at most

struct Foreign {
  std::string what;    // follows the input's name: "is gzip-compressed"
  std::string advice;  // "VERB: COMMAND |" where a shell command converts it
};

// Where the bytes come from, for the command.
struct InputSource {
  std::string path;   // "" for stdin
  bool zstd = false;  // the input is compressed
};

// Nothing if the input may hold records, damaged ones included: it is of no known kind, or one of its lines is a
// record.
std::optional<Foreign> find_foreign(std::string_view head, const InputSource& source);

// Whether more text than `head`, an incomplete beginning, could change the answer.
bool leaves_open(std::string_view head);

// The same for valid UTF-8 without its byte order mark. For find_foreign.
std::optional<Foreign> find_foreign_text(std::string_view text, const InputSource& source);

// "COMMAND |" for this input, with '@' in `command` replaced by it. A command that `seeks` needs a file, not a pipe.
std::string pipe_from(std::string_view command, const InputSource& source, bool seeks = false);

// Advice for a model's file that is given as records.
inline constexpr const char* kModelAdvice = "a model's folder goes to an option such as --policy; --help lists them";

}  // namespace nudge
