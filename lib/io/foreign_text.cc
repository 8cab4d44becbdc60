// Recognises text that holds no records: other JSON, tables, pages, prose.
#include <algorithm>
#include <cctype>

#include "lib/base/error.h"
#include "lib/io/foreign.h"
#include "lib/io/json_sketch.h"
#include "lib/io/record.h"
#include "lib/io/scan.h"

namespace nudge {
namespace {

using Lines = std::vector<std::string_view>;

constexpr const char* kMakeRecords = "convert it to records";

std::string_view without_blanks(std::string_view line) {
  while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
  while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
  return line;
}

// The lines that are not blank; the last may be truncated.
Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    const std::string_view line = without_blanks(text.substr(0, length));
    if (!line.empty()) lines.push_back(line);
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return lines;
}

bool is_record(std::string_view line) {
  if (!line.starts_with('{')) return false;
  try {
    Record::parse(line, "");
    return true;
  } catch (const Error&) {
    return false;
  }
}

Foreign with_command(const char* what, const char* verb, const std::string& command, const InputSource& source) {
  return {what, std::string(verb) + ": " + pipe_from(command, source)};
}

// The jq filter that makes a record of a list's element or of a line.
std::string record_of(const JsonSketch& value, char kind) {
  if (kind == '[') return value.role ? "{messages: .}" : "{prompt: .[0], completion: .[1]}";
  return kind == '"' ? "{prompt: .}" : "{prompt: tostring}";
}

std::optional<Foreign> json_array(const JsonSketch& array, const InputSource& source) {
  constexpr const char* kWhat = "is a JSON array, not one record per line";
  if (array.element == '{') return with_command(kWhat, kMakeRecords, "jq -c '.[]' @", source);
  if (array.element == 0 && !array.whole) return {};  // truncated after its bracket
  if (array.element == 0) return Foreign{"is an empty JSON array", "it holds no records: name another file"};
  return with_command(kWhat, "give its elements a field name, such as",
                      "jq -c '.[] | " + record_of(array, array.element) + "' @", source);
}

Foreign array_lines(const JsonSketch& line, const InputSource& source) {
  constexpr const char* kWhat = "holds a JSON array on each line, not an object";
  if (line.element == '{' && !line.role) return with_command(kWhat, kMakeRecords, "jq -c '.[]' @", source);
  return with_command(kWhat, "give them a field name, such as", "jq -c '" + record_of(line, '[') + "' @", source);
}

bool has_key(const JsonSketch& object, std::string_view key) {
  return std::find(object.keys.begin(), object.keys.end(), key) != object.keys.end();
}

// The jq filter for a member, whose name may be no plain word.
std::string member_filter(const std::string& quoted_key) {
  const bool word = std::all_of(quoted_key.begin(), quoted_key.end(),
                                [](char c) { return c == '_' || std::isalpha(static_cast<unsigned char>(c)); });
  if (word && !quoted_key.empty()) return '.' + quoted_key + "[]";
  std::string shown;
  for (const char c : quoted_key) shown += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return ".[\"" + shown + "\"][]";
}

Foreign pretty_object(const JsonSketch& object, const InputSource& source) {
  constexpr const char* kWhat = "is JSON over several lines, not one record per line";
  if (has_key(object, "architectures") || has_key(object, "model_type")) {
    return {"is a model's config.json, not records", kModelAdvice};
  }
  if (has_key(object, "peft_type")) return {"is an adapter's adapter_config.json, not records", kModelAdvice};
  if (has_key(object, "added_tokens") || has_key(object, "tokenizer_class")) {
    return {"is a tokenizer's JSON, not records", kModelAdvice};
  }
  if (has_key(object, "weight_map")) return {"is the index of a model's weights, not records", kModelAdvice};
  if (object.list.empty()) return with_command(kWhat, "put each object on one line", "jq -c . @", source);
  return with_command(kWhat, kMakeRecords, "jq -c '" + member_filter(object.list) + "' @", source);
}

// Whether the next value begins on its own line, or there is none.
bool ends_line(std::string_view rest) {
  const auto found = rest.find_first_not_of(" \t\r");
  return found == std::string_view::npos || rest[found] == '\n';
}

// An object followed by more on its line: perhaps the elements of an array without its brackets, whose last needs no
// comma.
std::optional<Foreign> after_object(std::string_view rest, const Lines& lines, bool sure, const InputSource& source) {
  const std::string_view next = without_blanks(rest);
  if (sure && next.starts_with('{')) {
    return with_command("holds several objects on a line", "put each on its own", "jq -c . @", source);
  }
  const auto has_comma = [](std::string_view line) { return line.ends_with("},"); };
  if (next.starts_with(',') && std::all_of(lines.begin(), lines.end() - 1, has_comma)) {
    return with_command("has a comma after each object", "leave them out", "sed 's/,[[:space:]]*$//' @", source);
  }
  return {};
}

// Whether each of the first lines is a JSON string, number or literal.
bool all_scalars(const Lines& lines) {
  constexpr std::size_t kMost = 20;
  for (std::size_t i = 0; i < std::min(lines.size(), kMost); ++i) {
    const JsonSketch value = sketch_json(lines[i]);
    if (!value.good || !value.whole || value.size != lines[i].size()) return false;
    if (value.kind == '{' || value.kind == '[') return false;
  }
  return true;
}

// `sure`: no line of the text is a record.
std::optional<Foreign> find_json(std::string_view text, const Lines& lines, bool sure, const InputSource& source) {
  const JsonSketch first = sketch_json(text);
  const std::string_view rest = text.substr(first.size);
  if (first.kind == '{') {
    if (first.lines && (first.whole || sure)) return pretty_object(first, source);
    if (first.whole && !ends_line(rest)) return after_object(rest, lines, sure, source);
  } else if (first.kind == '[' && first.good) {
    const std::string_view next = without_blanks(rest);
    if (first.whole && next.starts_with('[') && sure) return array_lines(first, source);
    if (!first.whole || next.empty()) return json_array(first, source);
  } else if (first.kind != 0 && first.good && first.whole && sure && ends_line(rest)) {
    if (!all_scalars(lines)) return {};
    return with_command("holds JSON texts or numbers, not objects", "give them a field name, such as",
                        "jq -c '" + record_of(first, first.kind) + "' @", source);
  }
  return {};
}

std::optional<Foreign> find_python(std::string_view text, const InputSource& source) {
  constexpr const char* kWhat = "is Python's notation, not JSON";
  const bool list = text.starts_with('[');
  const std::string_view inner = list ? without_blanks(text.substr(1)) : text;
  if (!inner.starts_with("{'")) return {};
  const char* const line =
      list ? "python3 -c 'import ast,json; [print(json.dumps(r)) for r in ast.literal_eval(open(0).read())]' < @"
           : "python3 -c 'import ast,json; [print(json.dumps(ast.literal_eval(r))) for r in open(0) if r.strip()]' < @";
  return with_command(kWhat, "convert it to JSON", line, source);
}

bool begins_with_word(std::string_view text, std::string_view word) {  // of small letters
  return text.size() >= word.size() && std::equal(word.begin(), word.end(), text.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

std::optional<Foreign> find_page(std::string_view text) {
  if (text.starts_with("version https://git-lfs.github.com/spec/")) {
    return Foreign{"is a Git LFS pointer, not the file itself",
                   "get the file: git lfs pull in its clone, or hf download"};
  }
  if (begins_with_word(text, "<!doctype html") || begins_with_word(text, "<html")) {
    return Foreign{"is a web page (HTML)", "get the file itself: hf download, or the page's link for downloads"};
  }
  if (begins_with_word(text, "<?xml")) return Foreign{"is XML", "write it as JSON Lines with the program that made it"};
  return {};
}

// The fields of a table's row, and its end; none where it has no proper quotes.
struct Row {
  std::vector<std::string> fields;
  bool quoted = false;
  std::size_t size = 0;
  bool whole = false;  // the end of its line is there
};

std::optional<Row> row_of(std::string_view text, char separator) {
  Row row;
  row.fields.emplace_back();
  bool within = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    row.size = i + 1;
    if (c == '"' && within) {
      const char next = i + 1 < text.size() ? text[i + 1] : '\n';
      if (next == '"') row.fields.back() += '"', ++i;
      else if (next != separator && next != '\n' && next != '\r') return {};
      else within = false;
    } else if (c == '"' && row.fields.back().empty()) {
      within = row.quoted = true;
    } else if (within) {
      row.fields.back() += c;
    } else if (c == separator) {
      row.fields.emplace_back();
    } else if (c == '\n') {
      row.whole = true;
      break;
    } else if (c != '\r') {
      row.fields.back() += c;
    }
  }
  if (within && row.size < kForeignHead / 2) return {};
  return row;
}

// A name of a column, not a piece of a sentence: these have a blank behind a comma.
bool is_name(const std::string& field) {
  constexpr std::size_t kLongest = 64;
  return !field.empty() && field.size() <= kLongest && field.front() != ' ' && field.back() != '.' &&
         std::none_of(field.begin(), field.end(), [](char c) { return c == '\n' || c == '{' || c == '}' || c == '"'; });
}

bool is_table(std::string_view text, char separator) {
  const auto head = row_of(text, separator);
  if (!head || head->fields.size() < 2 || !head->whole) return false;
  if (!head->quoted && !std::all_of(head->fields.begin(), head->fields.end(), is_name)) return false;
  const auto row = row_of(text.substr(head->size), separator);
  return row && (!row->whole || row->fields.size() == head->fields.size());
}

std::optional<Foreign> find_table(std::string_view text, const InputSource& source) {
  struct Kind {
    char separator;
    const char *what, *delimiter;
  };
  constexpr Kind kKinds[] = {
      {'\t', "is TSV", ",delimiter=\"\\t\""}, {',', "is CSV", ""}, {';', "is CSV with semicolons", ",delimiter=\";\""}};
  for (const Kind& kind : kKinds) {
    if (!is_table(text, kind.separator)) continue;
    const std::string line =
        "python3 -c 'import csv,json; csv.field_size_limit(1<<30); [print(json.dumps(r)) for r in "
        "csv.DictReader(open(0,newline=\"\",encoding=\"utf-8-sig\")" +
        std::string(kind.delimiter) + ")]' < @";
    return with_command(kind.what, "convert it to records, with the field names of its first line", line, source);
  }
  return {};
}

}  // namespace

std::optional<Foreign> find_foreign_text(std::string_view text, const InputSource& source) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  if (text.empty()) return {};
  const Lines lines = lines_of(text);
  const bool sure = std::none_of(lines.begin(), lines.end(), is_record);
  if (auto found = find_json(text, lines, sure, source)) return found;
  if (auto found = find_page(text)) return found;
  if (!sure) return {};
  if (auto found = find_python(text, source)) return found;
  // What begins or ends as a record does is a damaged one. A bracket alone could be the first byte of a mark. A line
  // without end is nobody's text.
  if (text.size() >= kForeignHead / 2 && text.find('\n') == std::string_view::npos) return {};
  if (text.starts_with('{') || text == "[" || std::any_of(lines.begin(), lines.end(), [](std::string_view line) {
        return line.ends_with('}') && line.find("\":") != std::string_view::npos;
      })) {
    return {};
  }
  if (auto found = find_table(text, source)) return found;
  return with_command("is plain text", "turn each line into a record, here with a prompt",
                      "jq -Rc 'select(test(\"[^ \\t\\r]\")) | {prompt: .}' @", source);
}

}  // namespace nudge
