#include "lib/run/page_file.h"

#include <algorithm>

namespace nudge {

RecordWriter open_page(const Tool& tool, const std::string& path, const std::vector<std::string>& inputs, bool force) {
  if (path.empty() || path == "-") usage_error("--html: a page goes to a file, not to stdout", "name a file");
  refuse_same_file(inputs, path);
  return RecordWriter({.path = path, .force = force, .digest = {}, .program = tool.about().name});
}

void write_page(RecordWriter& out, std::string_view html) {
  while (!html.empty()) {
    const std::size_t end = std::min(html.find('\n'), html.size());
    out.write_line(html.substr(0, end));
    html.remove_prefix(std::min(end + 1, html.size()));
  }
  out.finish();
}

}  // namespace nudge
