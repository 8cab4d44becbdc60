// Named chat templates, for models whose folder has none.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace nudge {

struct ChatFormat {
  std::string name, source;
};

std::span<const ChatFormat> chat_formats();

// The template of this name, or the content of the file NAME.jinja. Errors: kUsage for an unknown name; read_file's.
std::string chat_format_source(const std::string& name);

}  // namespace nudge
