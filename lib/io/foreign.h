// What an input is that holds no records: told by its first bytes, with the command that makes records of it. Internal
// to lib/io.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace nudge {

constexpr std::size_t kForeignHead = std::size_t{64} << 10;  // bytes that are looked at, at most

struct Foreign {
  std::string what;    // "is gzip-compressed", to stand behind the input's name
  std::string advice;  // with a command for the shell, "VERB: COMMAND |", where there is one
};

// Where the bytes come from, as the command has to name it.
struct InputSource {
  std::string path;   // "" for stdin
  bool zstd = false;  // the bytes were compressed
};

// Nothing where the beginning could be that of records, damaged ones too: where it is of no known kind, or a line in it
// is a record.
std::optional<Foreign> find_foreign(std::string_view head, const InputSource& source);

// Whether more of the text could tell what `head`, which is not yet all of it, leaves open.
bool leaves_open(std::string_view head);

// Of valid UTF-8, behind a byte order mark. For find_foreign.
std::optional<Foreign> find_foreign_text(std::string_view text, const InputSource& source);

// "COMMAND |" for this input, which '@' in `command` stands for. One that `seeks` wants a file.
std::string pipe_from(std::string_view command, const InputSource& source, bool seeks = false);

// What to do with a file of a model that is given as one of records.
inline constexpr const char* kModelAdvice = "a model's folder goes to an option such as --policy; --help lists them";

}  // namespace nudge
