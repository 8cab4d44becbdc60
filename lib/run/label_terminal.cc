#include "lib/run/label_terminal.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/cli/pager.h"

namespace nudge {
namespace {

constexpr std::string_view kHelp =
    "l, r           the left or the right answer is better\n"
    "t              a tie: neither is better\n"
    "s              skip this pair\n"
    "u              undo the last decision\n"
    "q              quit: what is decided is saved, and the same command goes on from here\n"
    "space, b       a page on or back, where the answers are longer than the screen\n"
    "j, k, arrows   a line on or back\n"
    "?              these keys\n";

void add_lines(std::string_view text, std::vector<std::string>& lines) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
}

std::vector<std::string> question_lines(const Question& q, const std::string& title, std::size_t columns) {
  const auto& answers = q.group->answers;
  std::vector<std::string> lines = {title, ""};
  for (std::string& line : screen_lines(words_of(answers[q.left], "prompt"), columns)) lines.push_back(std::move(line));
  lines.push_back("");
  add_lines(side_by_side("left", words_of(answers[q.left], "response"), "right", words_of(answers[q.right], "response"),
                         columns),
            lines);
  return lines;
}

// Until its reader goes back to the pair.
bool show_help(Terminal& terminal) {
  PagedText help = {.lines = [](std::size_t columns) { return screen_lines(kHelp, columns); },
                    .keys = "[q] back to the pair",
                    .answers = "q?"};
  return paged_key(terminal, help) != Terminal::kEnd;
}

}  // namespace

Decision ask_at(Terminal& terminal, const Question& q, std::size_t number, std::size_t total) {
  const std::string title = "pair " + std::to_string(number + 1) + " of " + std::to_string(total);
  PagedText screen = {.lines = [&](std::size_t columns) { return question_lines(q, title, columns); },
                      .keys = "[l]eft  [r]ight  [t]ie  [s]kip  [u]ndo  [q]uit  [?] help",
                      .answers = "lrtsuq?"};
  for (;;) {
    switch (paged_key(terminal, screen)) {
      case 'l': return Decision::kLeft;
      case 'r': return Decision::kRight;
      case 't': return Decision::kTie;
      case 's': return Decision::kSkip;
      case 'u': return Decision::kUndo;
      case '?':
        if (!show_help(terminal)) return Decision::kQuit;
        break;
      default: return Decision::kQuit;
    }
  }
}

bool all_decided(Terminal& terminal, std::size_t total) {
  const std::string words = "all " + std::to_string(total) + " pairs are decided\n";
  PagedText screen = {.lines = [&](std::size_t columns) { return screen_lines(words, columns); },
                      .keys = "[u]ndo the last one  [q]uit",
                      .answers = "uq"};
  return paged_key(terminal, screen) != 'u';
}

}  // namespace nudge
