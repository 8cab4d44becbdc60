// The user's terminal: what may be sent to it, and, for programs that ask, single keys and a fresh screen for each
// question.
#pragma once

#include <signal.h>
#include <termios.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

// Whether the terminal knows control sequences: TERM is set, and not to "dumb". Where it does not, lines are only
// added, and never overwritten.
bool moves_cursor();

// Whether what is written to `descriptor` is coloured unless the user decides otherwise: it is a terminal, TERM knows
// control sequences, and NO_COLOR is unset or empty (https://no-color.org).
bool shows_colour(int descriptor);

// /dev/tty, with keys read one by one and not echoed. The earlier mode is restored on destruction. Control-C still
// sends SIGINT.
class Terminal {
 public:
  // Keys that are no byte. kEnd: the terminal is gone, control-D was typed, or a stop signal came. kResize: the window's
  // size has changed. kOther: a key of no meaning here.
  enum Key { kEnd = -1, kResize = -2, kUp = -3, kDown = -4, kPageUp = -5, kPageDown = -6, kOther = -7 };
  struct Size {
    std::size_t columns, rows;
  };

  Terminal();  // Error kUsage where the process has no terminal
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  int key();                         // waits for one; its byte or a Key
  void show(std::string_view text);  // on a cleared screen; below what was there where the cursor does not move
  void add(std::string_view text);
  Size size() const;  // 80 by 24 where the terminal does not know

 private:
  void write(std::string_view text);
  int byte(int milliseconds);  // -1: waits for as long as it takes; kOther where none came in time
  int escape_sequence();
  int fd_ = -1;
  bool clears_ = moves_cursor();
  termios before_ = {};
  struct sigaction resize_before_ = {};
};

// Text of unknown origin for a screen: lines of at most `width` columns, broken at blanks where possible. Tabs become
// blanks; other control characters, which could drive the terminal, are shown as \x1b.
std::vector<std::string> screen_lines(std::string_view text, std::size_t width);

// The columns that a line without control characters takes (East Asian characters take two).
std::size_t column_count(std::string_view line);

// Two texts under their titles: side by side in `width` columns if that leaves 40 to each, else one above the other.
// Titles are bold where the terminal knows control sequences.
std::string side_by_side(std::string_view left_title, std::string_view left, std::string_view right_title,
                         std::string_view right, std::size_t width);

}  // namespace nudge
