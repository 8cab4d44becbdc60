// The file of a page (--html): written whole or not at all, as records are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/cli/tool.h"
#include "lib/io/stream.h"

namespace nudge {

// Opens the file before any work is done, so that a page that could not be written costs none. Errors: kUsage for no
// name, for stdout and for one of `inputs`; RecordWriter's, such as kCannotCreate for an existing file without `force`.
RecordWriter open_page(const Tool& tool, const std::string& path, const std::vector<std::string>& inputs, bool force);

// Writes `html`, which ends in a newline, and publishes the file.
void write_page(RecordWriter& out, std::string_view html);

}  // namespace nudge
