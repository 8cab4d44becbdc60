// The user's terminal, for programs that ask: single keys, a fresh screen for each question.
#pragma once

#include <termios.h>

#include <string>
#include <string_view>
#include <vector>

namespace nudge {

// /dev/tty, with keys read one by one and not echoed. The earlier mode is restored on destruction. Control-C still
// sends SIGINT.
class Terminal {
 public:
  static constexpr int kEnd = -1;

  Terminal();  // Error kUsage where the process has no terminal
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Waits for a key and returns its byte, or kEnd if the terminal is gone, control-D was typed, or a signal came.
  int key();
  void show(std::string_view text);  // on a cleared screen
  void add(std::string_view text);
  std::size_t width() const;  // columns

 private:
  void write(std::string_view text);
  int fd_ = -1;
  termios before_ = {};
};

// Text of unknown origin for a screen: lines of at most `width` columns, broken at blanks where possible. Tabs become
// blanks; other control characters, which could drive the terminal, are shown as \x1b.
std::vector<std::string> screen_lines(std::string_view text, std::size_t width);

// The columns that a line without control characters takes (East Asian characters take two).
std::size_t column_count(std::string_view line);

// Two texts under their titles: side by side in `width` columns if that leaves 40 to each, else one above the other.
std::string side_by_side(std::string_view left_title, std::string_view left, std::string_view right_title,
                         std::string_view right, std::size_t width);

}  // namespace nudge
