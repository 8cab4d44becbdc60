#include "lib/run/chat_flags.h"

#include <chrono>

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/text/chat_formats.h"

namespace nudge {
namespace {

jinja::Date date_of(const std::string& text) {
  int parts[3] = {};
  bool good = text.size() == 10;
  for (std::size_t i = 0; good && i < text.size(); ++i) {
    const bool dash = i == 4 || i == 7;
    good = dash ? text[i] == '-' : text[i] >= '0' && text[i] <= '9';
    if (int& part = parts[i < 4 ? 0 : i < 7 ? 1 : 2]; !dash) part = part * 10 + (text[i] - '0');
  }
  const std::chrono::year_month_day day{std::chrono::year(parts[0]),
                                        std::chrono::month(static_cast<unsigned>(parts[1])),
                                        std::chrono::day(static_cast<unsigned>(parts[2]))};
  if (!good || !day.ok() || parts[0] < 1)
    usage_error("--chat-date: " + text + " is not a date", "write it as 2026-11-30");
  return {parts[0], parts[1], parts[2]};
}

}  // namespace

void ChatFlags::add_to(Tool& tool, const char* needs) {
  Option& format = tool.option("--chat-format", options_.format,
                               "chat template: a name from docs/formats.md, or a file NAME.jinja")
                       .placeholder("NAME")
                       .shown_default("the model's own template")
                       .neutral();  // its text counts, not its name
  Option& date =
      tool.option("--chat-date", date_, "today's date, for chat templates that use it").placeholder("YYYY-MM-DD");
  Option& kwargs = tool.option("--chat-kwargs", kwargs_,
                               "further variables for the chat template, such as {\"enable_thinking\":false}")
                       .placeholder("JSON");
  for (Option* option : {&format, &date, &kwargs})
    if (needs != nullptr) option->needs(needs);
  date_option_ = &date, kwargs_option_ = &kwargs;
  tool.after_parsing([this] { parse(); });
}

void ChatFlags::parse() {
  if (named()) source_ = chat_format_source(options_.format);
  options_.date = date_of(date_);
  if (kwargs_.empty()) return;
  try {
    const Record given = Record::parse(kwargs_, "--chat-kwargs");
    for (const Record::Field& f : given.fields()) {
      if (f.key == "messages" || f.key == "add_generation_prompt")
        usage_error("--chat-kwargs: " + f.key + " comes from the records", "leave it out");
      options_.variables[f.key] = f.raw;
    }
  } catch (const Error& e) {
    if (e.status() == Exit::kUsage) throw;
    usage_error(e.what(), "give one JSON object, such as '{\"enable_thinking\":false}'");
  }
}

std::string ChatFlags::digest() const { return Digest().text(source_).hex(); }

void ChatFlags::warn_of_unused(Tool& tool, const Dialogues& dialogues, bool format_used) const {
  const std::string none =
      " did nothing: no record is a dialogue; leave it out, or give lists of {\"role\",\"content\"}";
  if (named() && !format_used && !dialogues.met()) tool.warn("--chat-format " + options_.format + none);
  if (date_option_->given() && !dialogues.dated())
    tool.warn("--chat-date " + date_ +
              (dialogues.met() ? " did nothing: the chat template doesn't use the date; leave it out" : none));
  if (!kwargs_option_->given()) return;
  if (!dialogues.met()) return tool.warn("--chat-kwargs" + none);
  for (const auto& [name, json] : options_.variables)
    if (!dialogues.chat().knows(name))
      tool.warn("--chat-kwargs: \"" + name + "\" did nothing: the chat template doesn't use it; leave it out");
}

}  // namespace nudge
