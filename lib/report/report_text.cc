#include "lib/report/report_text.h"

#include <algorithm>

#include "lib/base/visible.h"

namespace nudge {
namespace {

// Counts code points: each that we write is one column wide.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string in_ascii(std::string text) {
  static constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"±", "+-"}, {"‖", "||"}, {"√", "sqrt "}, {"α", "alpha"}, {"β", "beta"}};
  for (const auto& [symbol, word] : kWords)
    for (std::size_t at = 0; (at = text.find(symbol, at)) != std::string::npos; at += word.size())
      text.replace(at, symbol.size(), word);
  return text;
}

class Words {
 public:
  explicit Words(bool unicode) : unicode_(unicode) {}
  std::string operator()(const std::string& text) const { return visible(unicode_ ? text : in_ascii(text)); }

 private:
  bool unicode_;
};

std::string table_text(const ReportTable& table, const Words& words) {
  std::vector<std::vector<std::string>> rows;
  if (!table.header.empty()) rows.push_back(table.header);
  rows.insert(rows.end(), table.rows.begin(), table.rows.end());
  std::vector<std::size_t> widths;
  for (auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) {
      row[c] = row[c].empty() && c > 0 ? "-" : words(row[c]);
      widths[c] = std::max(widths[c], columns(row[c]));
    }
  }
  std::string text = table.title.empty() ? "" : "\n" + words(table.title) + "\n";
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += (c == 0 ? "  " : "   ") + row[c];
      if (c + 1 < row.size()) line.append(widths[c] - columns(row[c]), ' ');
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace

std::string report_text(const ReportSection& section, const TextStyle& style) {
  const Words words(style.unicode);
  std::string text = words(section.title) + "\n";
  for (const ReportTable& table : section.tables) text += table_text(table, words);
  if (!style.plots) return text;
  for (const ReportPlot& p : section.plots)
    text += "\n" + plot(p.series, {.width = style.width,
                                   .height = 9,
                                   .unicode = style.unicode,
                                   .title = words(p.title),
                                   .x_label = words(p.x_label)});
  return text;
}

bool locale_is_utf8(const char* lc_all, const char* lc_ctype, const char* lang) {
  for (const char* value : {lc_all, lc_ctype, lang}) {
    if (value == nullptr || *value == '\0') continue;
    std::string name = value;
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return name.find("utf-8") != std::string::npos || name.find("utf8") != std::string::npos;
  }
  return false;
}

}  // namespace nudge
