#include "lib/run/peek_compare.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "lib/base/error.h"
#include "lib/base/visible.h"
#include "lib/cli/terminal.h"
#include "lib/io/stream.h"

namespace nudge {
namespace {

std::string answer_text(const Record& record) {
  if (record.is_text("response")) return record.text("response");
  return record.has("response_ids") ? std::string(record.raw("response_ids")) : "";
}

std::string prompt_text(const Record& record) {
  if (record.is_text("prompt")) return record.text("prompt");
  for (const char* key : {"messages", "prompt_ids"})
    if (record.has(key)) return std::string(record.raw(key));
  return "";
}

std::string figures_text(const PolicyComparison& c, const PolicyComparison::Answer& answer) {
  std::string out;
  for (std::size_t i = 0; i < c.figures().size(); ++i)
    if (answer.figures[i])
      out += (out.empty() ? "" : ", ") + c.figures()[i].name + ' ' + figure_text(*answer.figures[i]);
  return out;
}

std::string without_escapes(std::string text) {
  for (std::size_t i = 0; (i = text.find("\x1b[", i)) != std::string::npos;) text.erase(i, text.find('m', i) + 1 - i);
  return text;
}

std::string painted_answer(const Record& record, const ComparedView& view) {
  try {
    const std::string tokens = painted_tokens(record, view.by, view.text);
    if (!tokens.empty()) return tokens;
  } catch (const Error& e) {
    return visible(e.what());
  }
  return visible(answer_text(record));
}

}  // namespace

std::string compared_prompt_text(const PolicyComparison& c, const PolicyComparison::Prompt& prompt,
                                 const ComparedView& view) {
  std::string out = '\n' + visible(prompt.group) + '\n';
  std::vector<std::pair<std::string, std::string>> answers;  // titles and texts
  for (std::size_t p = 0; p < prompt.answers.size(); ++p) {
    if (!prompt.answers[p]) return out + "  too many answers to keep this one's text\n";
    const PolicyComparison::Answer& answer = *prompt.answers[p];
    if (p == 0)
      for (const std::string& line : screen_lines(prompt_text(answer.record), view.width)) out += line + '\n';
    if (view.painted)
      out += visible(c.policies()[p].name) + ": " + visible(figures_text(c, answer)) + '\n' +
             painted_answer(answer.record, view) + '\n';
    else
      answers.emplace_back(visible(c.policies()[p].name),
                           answer_text(answer.record) + "\n(" + figures_text(c, answer) + ")");
  }
  out += view.painted ? "" : "\n";
  for (std::size_t i = 0; i < answers.size(); i += 2) {
    const bool two = i + 1 < answers.size();
    const auto& [title, text] = answers[i];
    out += side_by_side(title, text, two ? answers[i + 1].first : "", two ? answers[i + 1].second : "",
                        two ? view.width : 0);
  }
  return view.escapes ? out : without_escapes(std::move(out));
}

bool may_differ_in_policy(const std::vector<std::string>& files) {
  if (files.size() < 2) return false;
  std::set<std::string> policies;
  for (const std::string& file : files) {
    std::error_code failed;
    if (!std::filesystem::is_regular_file(file, failed)) return true;
    try {
      RecordReader reader({file}, {.salvage = true});
      Record record;
      if (reader.next(record)) policies.insert(record.find_text("policy").value_or(""));
    } catch (const Error&) {
      continue;  // told when it is read
    }
  }
  return policies.size() > 1;
}

}  // namespace nudge
