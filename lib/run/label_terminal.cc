#include "lib/run/label_terminal.h"

#include <string>
#include <vector>

namespace nudge {
namespace {

// A prompt is text or a list of messages; the latter is shown as the JSON it is.
std::string prompt_words(const Record& answer) {
  return answer.is_text("prompt") ? answer.text("prompt") : std::string(answer.raw("prompt"));
}

}  // namespace

Decision ask_at(Terminal& terminal, const Question& q, std::size_t number, std::size_t total) {
  const auto& answers = q.group->answers;
  const std::size_t width = terminal.width();
  std::string screen = "pair " + std::to_string(number + 1) + " of " + std::to_string(total) + "\n\n";
  for (const std::string& line : screen_lines(prompt_words(answers[q.left]), width)) screen += line + "\n";
  screen +=
      "\n" + side_by_side("left", answers[q.left].text("response"), "right", answers[q.right].text("response"), width);
  terminal.show(screen + "[l]eft  [r]ight  [t]ie  [s]kip  [u]ndo  [q]uit ");
  for (;;) {
    switch (terminal.key()) {
      case 'l': return Decision::kLeft;
      case 'r': return Decision::kRight;
      case 't': return Decision::kTie;
      case 's': return Decision::kSkip;
      case 'u': return Decision::kUndo;
      case 'q':
      case Terminal::kEnd: return Decision::kQuit;
    }
  }
}

bool all_decided(Terminal& terminal, std::size_t total) {
  terminal.show("all " + std::to_string(total) + " pairs are decided\n\n[u]ndo the last one  [q]uit ");
  for (;;) {
    const int key = terminal.key();
    if (key == 'u') return false;
    if (key == 'q' || key == Terminal::kEnd) return true;
  }
}

}  // namespace nudge
