#include "lib/cli/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>

#include "lib/base/error.h"

namespace nudge {
namespace {

struct Bound {
  Option* option;
  CLI::Option* cli;
};

CLI::Option* add_to(CLI::App& app, const Option& option) {
  const bool has_long = option.short_name() != "-" + option.key();
  std::string names = option.short_name();
  if (has_long) names += (names.empty() ? "--" : ",--") + option.key();
  if (!option.former_name().empty()) names += "," + option.former_name();
  if (option.flag()) return app.add_flag(names)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  CLI::Option* added = app.add_option(names)->expected(1);
  if (!option.repeatable()) return added->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  // One value an occurrence: it can't swallow the input files that follow. allow_extra_args is off also
  // because CLI11 would cut values like [END] at their brackets; for the same reason positional arguments
  // are taken from what CLI11 leaves.
  return added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
}

void refuse_unknown(const std::deque<Option>& options, const std::vector<std::string>& extras) {
  std::vector<std::string> known = {"--help", "--version", "--man", "--completion"};
  for (const Option& o : options) {
    if (!o.positional()) known.push_back(o.shown_name());
  }
  for (const std::string& word : extras) {
    if (word == "--") return;
    if (word.size() < 2 || word[0] != '-') continue;
    const std::string name = word.substr(0, word.find('='));
    const std::string near = nearest_name(name, known);
    usage_error("unknown option " + name, near.empty() ? "" : "did you mean " + near + "? --help lists the options");
  }
}

// Assigns the words that are neither options nor their values to the positionals, in order.
void assign_positionals(std::deque<Option>& options, std::vector<std::string> words) {
  const auto mark = std::find(words.begin(), words.end(), "--");
  if (mark != words.end()) words.erase(mark);
  auto word = words.begin();
  for (Option& o : options) {
    if (!o.positional()) continue;
    while (word != words.end() && (o.repeatable() || !o.given())) o.assign(*word++);
  }
  if (word != words.end()) usage_error("unexpected argument '" + *word + "'");
}

void check_combinations(const std::deque<Option>& options) {
  const auto given = [&](const std::string& name) {
    return std::any_of(options.begin(), options.end(),
                       [&](const Option& o) { return o.shown_name() == name && o.given(); });
  };
  for (const Option& o : options) {
    if (o.is_required() && !o.given()) usage_error(o.shown_name() + " is required");
    if (!o.given()) continue;
    for (const std::string& other : o.excluded()) {
      if (given(other)) usage_error(o.shown_name() + " and " + other + " exclude each other");
    }
    for (const std::string& other : o.needed()) {
      if (!given(other)) usage_error(o.shown_name() + " needs " + other);
    }
  }
}

// The command line with each further word of an option that takes words as an occurrence of its own.
std::vector<std::string> spelled_out(const std::deque<Option>& options, int argc, const char* const* argv) {
  std::vector<std::string> words;
  std::string taker;  // "--run" behind it
  bool ended = false;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    const bool is_option = word.size() > 1 && word[0] == '-';
    ended = ended || word == "--";
    if (i == 0 || ended || is_option || taker.empty()) {
      words.push_back(word);
      if (is_option) taker.clear();
    } else {
      words.push_back(taker + "=" + word);
    }
    for (const Option& o : options) {
      if (ended || !o.takes_several_words()) continue;
      if (word == "--" + o.key() && i + 1 < argc) words.back() += std::string("=") + argv[++i];
      else if (!word.starts_with("--" + o.key() + "=")) continue;
      taker = "--" + o.key();
    }
  }
  return words;
}

// Turns CLI11's exceptions into usage errors: they must not leave this file.
void parse(CLI::App& app, const std::vector<std::string>& words) {
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  try {
    app.parse(static_cast<int>(argv.size()), argv.data());
  } catch (const CLI::ArgumentMismatch& e) {
    std::string name = e.what();
    name = name.substr(0, name.find(':'));
    usage_error(name + " needs a value");
  } catch (const CLI::ParseError& e) {
    usage_error(e.what());
  }
}

std::string flag_text(const CLI::Option& flag, const std::string& name) {
  try {
    return flag.as<bool>() ? "true" : "false";
  } catch (const CLI::Error&) {
    usage_error(name + ": a flag takes no value other than true or false");
  }
}

}  // namespace

std::string nearest_name(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& name : known) {
    std::vector<std::size_t> row(name.size() + 1);  // of the edit distance's table
    for (std::size_t j = 0; j <= name.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= name.size(); ++j) {
        const std::size_t replaced = diagonal + (word[i - 1] == name[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    if (row.back() < best_distance) best_distance = row.back(), best = name;
  }
  return best;
}

Requests read_command_line(std::deque<Option>& options, int argc, const char* const* argv) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  Requests requests;
  app.add_flag("-h,--help", requests.help);
  app.add_flag("--version", requests.version);
  app.add_flag("--man", requests.man);
  app.add_option("--completion", requests.completion);
  std::vector<Bound> bound;
  for (Option& o : options) {
    if (!o.positional()) bound.push_back({&o, add_to(app, o)});
  }
  parse(app, spelled_out(options, argc, argv));
  if (const std::string& shell = requests.completion;
      app.count("--completion") > 0 && shell != "bash" && shell != "zsh")
    usage_error("--completion: '" + shell + "' is not bash or zsh");
  if (requests.help || requests.man || !requests.completion.empty()) return requests;

  refuse_unknown(options, app.remaining());
  for (const auto& [option, cli] : bound) {
    if (cli->count() == 0) continue;
    if (option->flag()) {
      const std::string text = flag_text(*cli, option->shown_name());
      for (std::size_t n = option->repeatable() ? cli->count() : 1; n > 0; --n) option->assign(text);
    } else if (option->repeatable()) {
      for (const std::string& text : cli->results()) option->assign(text);
    } else {
      option->assign(cli->results().back());
    }
  }
  assign_positionals(options, app.remaining());
  if (!requests.version) check_combinations(options);
  return requests;
}

}  // namespace nudge
