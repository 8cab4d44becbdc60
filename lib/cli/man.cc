#include <algorithm>

#include "lib/cli/exit_table.h"
#include "lib/cli/help.h"
#include "lib/cli/version.h"

namespace nudge {
namespace {

// All running text of a page: an empty line becomes the macro .PP.
std::string paragraphs(const std::string& text, const char* separator = ".PP\n") {
  std::string out;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find("\n\n", begin), text.size());
    std::string paragraph = text.substr(begin, end - begin);
    std::replace(paragraph.begin(), paragraph.end(), '\n', ' ');
    if (begin > 0) out += separator;
    // Folded, because mandoc complains about long source lines.
    const std::string folded = wrap_text(paragraph, 0, 60);
    std::size_t at = 0;
    while (at <= folded.size()) {
      const std::size_t stop = std::min(folded.find('\n', at), folded.size());
      out += roff_text(folded.substr(at, stop - at)) + "\n";
      at = stop + 1;
    }
    begin = end + 2;
  }
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

std::string option_entry(const Option& o) {
  const bool has_long = o.short_name() != "-" + o.key();
  std::string head;
  if (o.positional()) {
    head = "\\fI" + roff_text(o.key()) + "\\fR";
  } else {
    if (!o.short_name().empty()) head += "\\fB" + roff_text(o.short_name()) + "\\fR";
    if (has_long) head += (head.empty() ? "\\fB" : ", \\fB") + roff_text("--" + o.key()) + "\\fR";
    if (!o.flag()) head += " \\fI" + roff_text(o.value_name()) + "\\fR";
  }
  return ".TP\n" + head + "\n" + paragraphs(o.help() + option_facts(o), ".IP\n");
}

std::string options_section(const std::deque<Option>& options) {
  std::string text = ".SH OPTIONS\n";
  const auto is_argument = [](const Option& o) { return o.positional(); };
  if (std::any_of(options.begin(), options.end(), is_argument)) text += ".SS Arguments\n";
  for (const Option& o : options) {
    if (o.positional()) text += option_entry(o);
  }
  for (const std::string& group : option_groups(options)) {
    text += ".SS " + roff_text(group) + "\n";
    for (const Option& o : options) {
      if (!o.positional() && o.group() == group) text += option_entry(o);
    }
  }
  text += ".SS Information\n";
  text += ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nPrint a help text.\n";
  text += ".TP\n\\fB\\-\\-version\\fR\nPrint version, kernel level and threads.\n";
  text += ".TP\n\\fB\\-\\-man\\fR\nPrint this page.\n";
  text += ".TP\n\\fB\\-\\-completion\\fR \\fISHELL\\fR\nPrint completions for that shell: bash or zsh.\n";
  return text;
}

std::string exit_section(const Description& about) {
  std::string text = ".SH EXIT STATUS\n";
  for (const ExitMeaning& row : exit_table()) {
    if (row.status == Exit::kStopped && !about.stops_saved) continue;
    text += ".TP\n" + std::to_string(static_cast<int>(row.status)) + "\n" + roff_text(row.meaning) + "\n";
  }
  return text + ".PP\nIf the reader of standard output exits, SIGPIPE ends the program quietly.\n";
}

std::string environment_section(const Description& about) {
  const std::string text =
      ".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR, \\fBTERM\\fR\nNo colour where NO_COLOR is set and not empty;\n"
      "no colour, and nothing overwritten, where TERM is dumb or not set.\n.TP\n\\fBNUDGE_PROFILE\\fR\n"
      "If it is set, and not to 0, the time spent in each part is written to standard\n"
      "error at the end, as with \\fB\\-v \\-v\\fR.\n";
  if (!about.kernel_level) return text;
  return text +
         ".TP\n\\fBNUDGE_KERNELS\\fR\n"
         "The kernel level to use, instead of the best that the processor supports.\n"
         "The results do not depend on it.\n"
         ".TP\n\\fBOMP_NUM_THREADS\\fR\nThe number of threads if \\fB\\-\\-threads\\fR is 0.\n";
}

std::string examples_section(const Description& about) {
  std::string text = ".SH EXAMPLES\n";
  for (std::size_t i = 0; i < about.examples.size(); ++i) {
    if (i > 0) text += ".PP\n";
    text += paragraphs(about.examples[i].what) + ".PP\n.nf\n.RS\n";
    std::string line;
    for (const char c : about.examples[i].command + "\n") {
      if (c != '\n') {
        line += c;
        continue;
      }
      text += roff_text(line) + "\n";
      line.clear();
    }
    text += ".RE\n.fi\n";
  }
  return text;
}

std::string see_also_section(const std::string& name) {
  std::string text = ".SH SEE ALSO\n";
  const char* programs[] = {"jq",       "kl-report", "label", "peek",      "ppo-step",
                            "rm-train", "rollout",   "score", "sft-train", "zstd"};
  std::string entries;
  for (const std::string program : programs) {
    if (program == name) continue;
    entries += (entries.empty() ? ".BR " : " ,\n.BR ") + roff_text(program) + " (1)";
  }
  return text + entries + "\n";
}

}  // namespace

std::string roff_text(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool line_start = i == 0 || text[i - 1] == '\n';
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else {
      out += c;
    }
  }
  return out;
}

std::string man_page(const Description& about, const std::deque<Option>& options) {
  std::string text = ".TH " + roff_text(upper(about.name)) + " 1 " + kVersionDate;
  text += std::string(" \"nudge ") + kVersion + "\" nudge\n";
  text += ".SH NAME\n" + roff_text(about.name) + " \\- " + roff_text(about.summary) + "\n";
  text += ".SH SYNOPSIS\n\\fB" + roff_text(about.name) + "\\fR" +
          roff_text(synopsis(about, options).substr(about.name.size())) + "\n";
  text += ".SH DESCRIPTION\n" + paragraphs(about.description);
  text += options_section(options) + exit_section(about) + environment_section(about);
  return text + examples_section(about) + see_also_section(about.name);
}

}  // namespace nudge
