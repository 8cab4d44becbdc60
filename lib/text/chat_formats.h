// Chat templates with a name, for models whose folder has none.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nudge {

struct ChatFormat {
  std::string name, source;
};

std::span<const ChatFormat> chat_formats();

// The template that has this name, or that the file NAME.jinja holds. Errors: kUsage for a name that none has; read_file's.
std::string chat_format_source(const std::string& name);

}  // namespace nudge
