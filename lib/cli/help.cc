#include "lib/cli/help.h"

#include <algorithm>

namespace nudge {
namespace {

constexpr std::size_t kWidth = 80, kColumn = 28;

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

std::string option_facts(const Option& o) {
  std::string facts;
  const auto add = [&](const std::string& fact) { facts += (facts.empty() ? "" : "; ") + fact; };
  if (o.is_required()) add("required");
  if (!o.choices().empty() && o.value_name().find('|') == std::string::npos) add("one of " + listed(o.choices()));
  if (!o.default_words().empty() && !o.flag()) add("default " + o.default_words());
  if (!o.bounds().empty()) add(o.bounds());
  if (o.takes_several_words()) add("takes all words up to the next option; may be repeated");
  else if (o.repeatable() && !o.positional()) add("may be repeated");
  if (!o.former_name().empty()) add("formerly " + o.former_name());
  return facts.empty() ? "" : " (" + facts + ")";
}

std::vector<std::string> option_groups(const std::deque<Option>& options) {
  std::vector<std::string> groups;
  for (const Option& o : options) {
    if (!o.positional() && std::find(groups.begin(), groups.end(), o.group()) == groups.end()) {
      groups.push_back(o.group());
    }
  }
  return groups;
}

std::string synopsis(const Description& about, const std::deque<Option>& options) {
  std::string text = about.name + " [options]";
  for (const Option& o : options) {
    if (!o.positional()) continue;
    const std::string name = o.key() + (o.repeatable() ? "..." : "");
    text += o.is_required() ? " " + name : " [" + name + "]";
  }
  return text;
}

std::string wrap_text(const std::string& text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = indent, i = 0;
  bool fresh = true;  // nothing on this line yet
  const auto new_line = [&](std::size_t times) {
    out.append(times, '\n');
    column = indent, fresh = true;
  };
  while (i < text.size()) {
    if (text.compare(i, 2, "\n\n") == 0) {
      new_line(2);
      out.append(indent, ' ');
      i += 2;
      continue;
    }
    if (text[i] == ' ' || text[i] == '\n') {
      ++i;
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(" \n", i), text.size());
    const std::size_t size = end - i;
    if (!fresh && column + 1 + size > width) {
      new_line(1);
      out.append(indent, ' ');
    }
    if (!fresh) out += ' ', ++column;
    out.append(text, i, size);
    column += size, fresh = false, i = end;
  }
  return out;
}

namespace {

std::string help_row(const std::string& names, const std::string& words) {
  std::string row = "  " + names;
  if (row.size() + 2 > kColumn) {
    row += "\n" + std::string(kColumn, ' ');
  } else {
    row.resize(kColumn, ' ');
  }
  return row + wrap_text(words, kColumn, kWidth) + "\n";
}

std::string help_names(const Option& o) {
  const bool has_long = o.short_name() != "-" + o.key();
  std::string names = o.short_name().empty() ? "    " : o.short_name() + (has_long ? ", " : "");
  if (has_long) names += "--" + o.key();
  if (!o.flag()) names += " " + o.value_name();
  return names;
}

}  // namespace

std::string help_text(const Description& about, const std::deque<Option>& options) {
  std::string text = "usage: " + synopsis(about, options) + "\n\n";
  text += wrap_text(about.name + ": " + about.summary + ".", 0, kWidth) + "\n\n";
  text += wrap_text(about.description, 0, kWidth) + "\n";
  std::string arguments;
  for (const Option& o : options) {
    if (o.positional()) arguments += help_row(o.key(), o.help() + option_facts(o));
  }
  if (!arguments.empty()) text += "\nArguments:\n" + arguments;
  for (const std::string& group : option_groups(options)) {
    text += "\n" + group + ":\n";
    for (const Option& o : options) {
      if (!o.positional() && o.group() == group) text += help_row(help_names(o), o.help() + option_facts(o));
    }
  }
  text += "\nInformation:\n";
  text += help_row("-h, --help", "print this help");
  text += help_row("    --version", "print version, kernel level and threads");
  text += help_row("    --man", "print the man page, for man -l -");
  text += help_row("    --completion SHELL", "print completions for that shell: bash or zsh");
  for (const Example& example : about.examples) {
    text += "\n" + wrap_text("Example: " + example.what, 0, kWidth) + "\n\n  ";
    for (const char c : example.command) text += c == '\n' ? std::string("\n  ") : std::string(1, c);
    text += "\n";
  }
  return text;
}

}  // namespace nudge
