#include "lib/cli/completion.h"

#include <algorithm>

namespace nudge {
namespace {

bool has_long_name(const Option& o) { return o.short_name() != "-" + o.key(); }

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::vector<std::string> names_of(const Option& o) {
  std::vector<std::string> names;
  if (!o.short_name().empty()) names.push_back(o.short_name());
  if (has_long_name(o)) names.push_back("--" + o.key());
  return names;
}

// What compgen is asked for as the option's value; "" where nothing is known of it.
std::string bash_value(const Option& o) {
  if (!o.choices().empty()) return "-W '" + joined(o.choices(), " ") + "'";
  if (o.value_name() == "FOLDER") return "-d";
  return o.value_name() == "FILE" ? "-f" : "";
}

// `text` within single quotes, with the characters escaped that _arguments reads.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (c == '[' || c == ']' || c == ':' || c == '\\') {
      out += std::string("\\") + c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string zsh_value(const Option& o) {
  const std::string name = ":" + zsh_text(o.value_name()) + ":";
  if (!o.choices().empty()) return name + "(" + joined(o.choices(), " ") + ")";
  if (o.value_name() == "FOLDER") return name + "_files -/";
  return name + (o.value_name() == "FILE" ? "_files" : " ");
}

// One argument of _arguments: '(-n --samples)'{-n+,--samples=}'[samples per prompt]:N: '
std::string zsh_option(const Option& o) {
  std::vector<std::string> names = names_of(o);
  const std::string before = o.repeatable() ? "*" : names.size() > 1 ? "(" + joined(names, " ") + ")" : "";
  if (!o.flag())
    for (std::string& name : names) name += name.rfind("--", 0) == 0 ? "=" : "+";
  const std::string after = "[" + zsh_text(o.help()) + "]" + (o.flag() ? "" : zsh_value(o)) + "'";
  if (names.size() == 1) return "'" + before + names[0] + after;
  return (before.empty() ? "" : "'" + before + "'") + "{" + joined(names, ",") + "}'" + after;
}

}  // namespace

std::string bash_completion(const Description& about, const std::deque<Option>& options) {
  std::vector<std::string> all = {"--completion", "--help", "--man", "--version"}, unknown;
  std::string cases = "    --completion) what=(-W 'bash zsh') ;;\n";
  for (const Option& o : options) {
    if (o.positional()) continue;
    if (has_long_name(o)) all.push_back("--" + o.key());
    else all.push_back(o.short_name());
    if (o.flag()) continue;
    const std::string value = bash_value(o), names = joined(names_of(o), " | ");
    if (value.empty()) unknown.push_back(names);
    else cases += "    " + names + ") what=(" + value + ") ;;\n";
  }
  if (!unknown.empty()) cases += "    " + joined(unknown, " | ") + ") return ;;\n";
  std::sort(all.begin(), all.end());
  std::string function = "_nudge_" + about.name;
  std::replace(function.begin(), function.end(), '-', '_');
  return "# bash completion for " + about.name + ", from " + about.name + " --completion bash\n" + function +
         "() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} what=(-f)\n"
         "  # bash breaks --name=value into three words.\n"
         "  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
         "  COMPREPLY=()\n"
         "  case $prev in\n" +
         cases + "    *) [[ $cur != -* ]] || what=(-W '" + joined(all, " ") +
         "') ;;\n"
         "  esac\n"
         "  [[ ${what[0]} == -W ]] || compopt -o filenames 2> /dev/null\n"
         "  mapfile -t COMPREPLY < <(compgen \"${what[@]}\" -- \"$cur\")\n"
         "}\n"
         "complete -F " +
         function + " " + about.name + "\n";
}

std::string zsh_completion(const Description& about, const std::deque<Option>& options) {
  std::string text = "#compdef " + about.name + "\n# zsh completion for " + about.name + ", from " + about.name +
                     " --completion zsh\n_arguments -s -S \\\n";
  for (const Option& o : options)
    if (!o.positional()) text += "  " + zsh_option(o) + " \\\n";
  text +=
      "  '(- *)'{-h,--help}'[print the help]' \\\n"
      "  '(- *)--version[print version, kernel level and threads]' \\\n"
      "  '(- *)--man[print the man page]' \\\n"
      "  '(- *)--completion=[print completions for that shell]:SHELL:(bash zsh)'";
  for (const Option& o : options)
    if (o.positional())
      text += " \\\n  '" + std::string(o.repeatable() ? "*" : "") + ":" + zsh_text(o.key()) + ":_files'";
  return text + "\n";
}

}  // namespace nudge
