#include "lib/report/run_examples.h"

#include <algorithm>
#include <string_view>

#include "lib/page/axis.h"
#include "lib/page/html.h"

namespace nudge {
namespace {

constexpr std::size_t kLongestText = 20000;  // bytes of one text on the page

// The beginning of a long text, up to a whole character, and how much was left out.
std::string shortened(const std::string& text) {
  if (text.size() <= kLongestText) return escaped(text);
  std::size_t end = kLongestText;
  while (end > kLongestText - 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return escaped(std::string_view(text).substr(0, end)) + "<i> … " + std::to_string(text.size() - end) +
         " more bytes</i>";
}

std::string paragraph(const std::string& kind, const std::string& text) {
  return "<div class=\"text" + kind + "\" dir=\"auto\">" + shortened(text) + "</div>\n";
}

std::string measured(const char* name, std::optional<double> x) {
  return x ? std::string(name) + " " + plain_number(*x, 3) + " · " : "";
}

std::string answer_html(const ShownAnswer& a, const std::string& heading, bool with_prompt) {
  std::string html = "<div class=\"answer\">\n<h4>" + escaped(heading) + "</h4>\n";
  if (with_prompt) html += paragraph(" own", a.prompt);
  html += paragraph("", a.response);
  return html + "<small>" + measured("reward", a.reward) + measured("gold", a.gold) + measured("KL", a.kl) +
         std::to_string(a.tokens) + (a.tokens == 1 ? " token" : " tokens") + (a.cut ? ", cut" : "") +
         "</small>\n</div>\n";
}

std::string token_item(const ShownToken& t) {
  const std::string context =
      t.has_text ? escaped(t.before) + "<mark>" + escaped(t.text) + "</mark>" + escaped(t.after) : shortened(t.after);
  return "<li><b>" + plain_number(t.difference, 3) + "</b>\n<div><div class=\"text\" dir=\"auto\">" + context +
         "</div>\n<small>token " + std::to_string(t.position) + " of " + std::to_string(t.of) + ", id " +
         std::to_string(t.token_id) + " · log π " + plain_number(t.logprob, 3) + " · " + escaped(t.id) +
         "</small></div></li>\n";
}

}  // namespace

std::string answers_html(const RunReport& run) {
  const AnswersShown& shown = run.answers;
  if (shown.rows.empty()) return "";
  std::string html;
  if (shown.files.size() > 1)
    html += shown.same_prompts
                ? "<p class=\"muted\">The same prompts, answered at different iterations.</p>\n"
                : "<p class=\"muted\">No prompt occurs in all of these files, so each column answers prompts of its "
                  "own.</p>\n";
  for (const auto& row : shown.rows) {
    html += "<article class=\"prompt\" style=\"--columns: " + std::to_string(row.size()) + "\">\n";
    if (shown.same_prompts) html += paragraph("", row[0].prompt);
    html += "<div class=\"answers\">\n";
    for (std::size_t c = 0; c < row.size(); ++c) html += answer_html(row[c], shown.files[c], !shown.same_prompts);
    html += "</div>\n</article>\n";
  }
  return html;
}

std::string tokens_html(const FileReport& file) {
  if (file.tokens_moved.empty()) return "";
  const bool any_text = std::ranges::any_of(file.tokens_moved, [](const ShownToken& t) { return t.has_text; });
  std::string html = "<p class=\"muted\">log π − log ref in nats: the tokens of " + escaped(file.name) +
                     " that moved furthest from the reference" +
                     (any_text ? "." : ". --tokenizer FOLDER marks them in their context.") +
                     "</p>\n<ol class=\"tokens\">\n";
  for (const ShownToken& t : file.tokens_moved) html += token_item(t);
  return html + "</ol>\n";
}

}  // namespace nudge
