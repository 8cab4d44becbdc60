#include "lib/run/peek_page.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "lib/base/error.h"
#include "lib/io/json.h"
#include "lib/page/assets.h"
#include "lib/page/html.h"
#include "lib/rl/trajectory.h"
#include "lib/text/unicode.h"

namespace nudge {
namespace {

using enum TokenValue;

constexpr double kScaleShare = 0.99;  // of the tokens lie within the scale of colours

// Four significant digits, without the 0 of 0.25: lists of them are most of a page.
void append_short(std::string& out, double x) {
  char text[kLongestNumber];
  const char* const end = std::to_chars(text, text + sizeof text, x, std::chars_format::general, 4).ptr;
  const char* digits = text;
  if (!out.empty()) out += ' ';
  if (*digits == '-') out += *digits++;
  if (digits + 1 < end && digits[0] == '0' && digits[1] == '.') ++digits;
  out.append(digits, end);
}

template <class T>
std::string packed(const std::vector<T>& numbers) {
  std::string out;
  for (const T x : numbers) append_short(out, static_cast<double>(x));
  return out;
}

std::string packed(const std::vector<std::int32_t>& ids) {
  std::string out;
  for (const std::int32_t id : ids) out += (out.empty() ? "" : " ") + std::to_string(id);
  return out;
}

bool has_tokens(const Record& record) {
  return record.is_array("response_ids") && record.list_shape("response_ids").kind == '0';
}

// The fields that hold a number for each of n tokens.
std::vector<std::string> lists_of_tokens(const Record& record, std::int64_t n) {
  std::vector<std::string> keys;
  for (const Record::Field& field : record.fields()) {
    if (field.raw[0] != '[' || field.key.ends_with("_ids")) continue;
    const ListShape list = record.list_shape(field.key);
    if (list.kind == '0' && list.size == n) keys.push_back(field.key);
  }
  return keys;
}

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) (out += kDigits[static_cast<unsigned char>(c) >> 4]) += kDigits[c & 15];
  return out;
}

// Of "FILE: record N".
std::string file_of(const Record& record) { return record.where().substr(0, record.where().rfind(": record ")); }
std::int64_t number_in_file(const Record& record) {
  return std::strtoll(record.where().c_str() + record.where().rfind(' ') + 1, nullptr, 10);
}

std::string group_or_none(const Record& record) {
  try {
    return group_of(record);
  } catch (const Error&) {
    return "";
  }
}

}  // namespace

std::string_view name_of(TokenValue value) {
  switch (value) {
    case kLogProbs: return "logprobs";
    case kAdvantages: return "advantages";
    case kValues: return "values";
    case kKl: return "kl";
    case kRatio: return "ratio";
    case kMask: break;
  }
  return "mask";
}

std::size_t PeekPage::Texts::place_of(std::string text) {
  const auto [place, fresh] = places.try_emplace(std::move(text), list.size());
  if (fresh) list.push_back(place->first);
  return place->second;
}

std::size_t PeekPage::column(const std::string& key) {
  const auto found = std::ranges::find(columns_, key);
  const auto place = static_cast<std::size_t>(found - columns_.begin());
  if (found == columns_.end()) columns_.push_back(key);
  return place;
}

// The fields in their order: those that stand elsewhere in the page as null.
void PeekPage::put_fields(JsonWriter& w, const Record& record, const std::vector<std::string>& of_tokens) {
  const auto elsewhere = [&](const std::string& key) {
    if (key == "prompt" || key == "messages" || key == "prompt_ids") return record.has(key);
    return std::ranges::find(of_tokens, key) != of_tokens.end();
  };
  JsonWriter names;
  names.begin_array();
  w.key("raw").begin_array();
  for (const Record::Field& field : record.fields()) {
    names.value(field.key);
    if (elsewhere(field.key)) w.null();
    else w.value(field.raw);
  }
  w.end_array();
  w.field("shape", static_cast<std::int64_t>(shapes_.place_of(names.end_array().text())));
}

void PeekPage::put_prompt(JsonWriter& w, const Record& record) {
  JsonWriter prompt;
  prompt.begin_object();
  for (const char* key : {"prompt", "messages", "prompt_ids"}) {
    if (!record.has(key)) continue;
    prompt.key(key).raw(record.raw(key));
  }
  const std::string& text = prompt.end_object().text();
  if (text != "{}") w.field("prompt", static_cast<std::int64_t>(prompts_.place_of(text)));
}

// Returns the fields that these stand for.
std::vector<std::string> PeekPage::put_tokens(JsonWriter& w, const Record& record) {
  const std::vector<std::int32_t> ids = record.ids("response_ids");
  ids_.insert(ids.begin(), ids.end());
  w.field("ids", packed(ids));
  const bool unpredicted = first_unpredicted(record);
  std::vector<std::string> of_tokens = lists_of_tokens(record, std::ssize(ids) - unpredicted);
  std::map<std::size_t, std::string> lists;
  for (const std::string& key : of_tokens) lists[column(key)] = packed(record.numbers(key));
  for (const TokenValue kind : kTokenValues) {
    std::vector<float> values = token_values(record, kind);
    if (values.empty()) continue;
    if (unpredicted) values.erase(values.begin());
    const std::string key(kind == kMask ? "loss_mask" : name_of(kind));
    Colour& colour = colours_[kind];
    colour.column = column(key);
    if (!lists.contains(colour.column)) lists[colour.column] = packed(values);
    for (const float x : values) colour.distances.push_back(std::abs(x - neutral_value(kind)));
  }
  w.key("lists").begin_object();
  for (const auto& [place, list] : lists) w.field(std::to_string(place), list);
  w.end_object();
  if (const auto kl = response_kl(record)) w.field("kl", *kl);
  of_tokens.push_back("response_ids");
  return of_tokens;
}

void PeekPage::add(const Record& record) {
  JsonWriter w, tokens;
  w.begin_object().field("file", static_cast<std::int64_t>(files_.place_of(file_of(record))));
  w.field("record", number_in_file(record));
  std::vector<std::string> of_tokens;
  try {
    tokens.begin_object();
    if (has_tokens(record)) of_tokens = put_tokens(tokens, record);
    tokens.end_object();
  } catch (const Error& e) {
    w.field("problem", std::string_view(e.what()));  // shown without its tokens
  }
  put_fields(w, record, of_tokens);
  put_prompt(w, record);
  if (!of_tokens.empty()) w.key("tokens").raw(tokens.text());
  const std::string group = group_or_none(record);
  w.field("group", group);
  if (const auto length = response_length(record)) w.field("length", *length);
  rows_.push_back({group, w.end_object().text()});
}

void PeekPage::keep_first(std::int64_t n) {
  if (n < records()) rows_.erase(rows_.begin() + n, rows_.end());
}

void PeekPage::keep_groups(const std::vector<std::string>& groups) {
  const std::set<std::string> kept(groups.begin(), groups.end());
  std::erase_if(rows_, [&](const Row& row) { return !kept.contains(row.group); });
}

// Of each id that occurs the text; the bytes of one that is no text alone, as [hexadecimal].
void PeekPage::put_pieces(JsonWriter& w) const {
  if (!text_) {
    w.key("pieces").null();
    return;
  }
  w.key("pieces").begin_object();
  for (const std::int32_t id : ids_) {
    const std::string piece = text_(id);
    w.key(std::to_string(id));
    if (valid_utf8_prefix(piece) == piece.size()) w.value(piece);
    else w.begin_array().value(hex(piece)).end_array();
  }
  w.end_object();
}

void PeekPage::put_colours(JsonWriter& w, TokenValue by) {
  w.field("by", std::string(name_of(by))).key("colours").begin_array();
  for (auto& [kind, colour] : colours_) {
    double scale = kind == kLogProbs ? static_cast<double>(kDeepestLogProb) : 1;
    std::vector<float>& all = colour.distances;
    if (kind != kLogProbs && kind != kMask && !all.empty()) {
      const auto place = all.begin() + static_cast<std::ptrdiff_t>(kScaleShare * static_cast<double>(all.size() - 1));
      std::nth_element(all.begin(), place, all.end());
      if (*place > 0) scale = static_cast<double>(*place);
    }
    char text[kLongestNumber];
    const char* const end = std::to_chars(text, text + sizeof text, scale, std::chars_format::general, 2).ptr;
    w.begin_object().field("by", std::string(name_of(kind))).field("column", static_cast<std::int64_t>(colour.column));
    w.key("scale").raw(json_number(*parse_double({text, end}))).field("neutral", neutral_value(kind)).end_object();
  }
  w.end_array();
}

std::string PeekPage::data(const Summary& summary, TokenValue by, const PolicyComparison* compared) {
  JsonWriter w;
  w.begin_object().key("files").begin_array();
  for (const std::string& file : files_.list) w.value(file);
  w.end_array().key("figures").begin_array();
  for (const FieldSummary& field : summary.fields()) {
    const auto numbers = field.kinds.find("number");
    if (numbers == field.kinds.end() || !is_figure(field.key)) continue;
    if (field.values.min == field.values.max && field.key != "reward") continue;
    w.value(field.key);
  }
  w.end_array().key("columns").begin_array();
  for (const std::string& key : columns_) w.value(key);
  w.end_array();
  put_colours(w, by);
  put_pieces(w);
  if (compared != nullptr) {
    w.key("compared");
    comparison_json(w, *compared);
  }
  const auto list = [&](const char* key, const std::vector<std::string>& texts) {
    w.key(key).begin_array();
    for (const std::string& json : texts) w.raw("\n" + json);
    w.end_array();
  };
  list("shapes", shapes_.list);
  list("prompts", prompts_.list);
  w.key("records").begin_array();
  for (Row& row : rows_) w.raw("\n" + std::exchange(row.json, {}));
  return w.end_array().end_object().text();
}

namespace {

std::string names_of(const std::vector<StreamInfo>& streams) {
  std::string names;
  for (const StreamInfo& stream : streams) names += (names.empty() ? "" : ", ") + stream.name;
  return names;
}

std::string damage_html(const std::vector<StreamInfo>& streams) {
  std::string out;
  for (const StreamInfo& stream : streams)
    for (const std::string& cause : stream.damage)
      out += "<p class=\"warning\">Damaged: " + escaped(cause) + ". What is intact is shown.</p>\n";
  return out;
}

// "2.57 +- 0.13" as on paper.
std::string with_sign(std::string figure) {
  if (const std::size_t sign = figure.find("+-"); sign != std::string::npos) figure.replace(sign, 2, "&#177;");
  return figure;
}

// Means and differences, readable without a script.
std::string comparison_html(const PolicyComparison& c) {
  std::string out = "<p>Means over " + std::to_string(c.prompts()) + (c.prompts() == 1 ? " prompt" : " prompts") +
                    " that each policy answered, &#177; standard errors; differences are paired by prompt.</p>\n"
                    "<div class=\"scroll\"><table id=\"means\">\n<tr><th>policy</th><th>answers</th>";
  for (const auto& figure : c.figures()) out += "<th>" + escaped(figure.name) + "</th>";
  out += "</tr>\n";
  const auto row = [&](const std::string& name, const std::string& answers, auto of) {
    out += "<tr><td>" + name + "</td><td>" + answers + "</td>";
    for (const auto& figure : c.figures()) out += "<td>" + with_sign(figure_text(of(figure))) + "</td>";
    out += "</tr>\n";
  };
  for (std::size_t p = 0; p < c.policies().size(); ++p) {
    const auto& policy = c.policies()[p];
    row(escaped(policy.name), std::to_string(policy.answers), [&](const auto& figure) { return figure.means[p]; });
    if (p > 0)
      row("<span class=\"muted\">minus " + escaped(c.policies()[0].name) + "</span>", "",
          [&](const auto& figure) { return figure.differences[p]; });
  }
  return out + "</table></div>\n";
}

}  // namespace

std::string PeekPage::html(const Summary& summary, const std::vector<StreamInfo>& streams, TokenValue by,
                           const PolicyComparison* compared) {
  std::string body = "<h1>" + escaped(names_of(streams)) + "</h1>\n" + damage_html(streams);
  if (compared != nullptr) body += comparison_html(*compared);
  if (!text_ && !ids_.empty())
    body +=
        "<p class=\"muted\">Tokens are shown as ids. <code>--tokenizer FOLDER</code> shows their texts: the folder of "
        "a "
        "model with the tokenizer that made them.</p>\n";
  body +=
      "<noscript><p class=\"warning\">The records are drawn by a script in this page, which this browser does not "
      "run.</p></noscript>\n<main id=\"viewer\"></main>\n";
  const std::string script = std::string(assets::viewer_js) + std::string(assets::viewer_list_js);
  return page_html({.title = names_of(streams) + " - peek",
                    .body = body,
                    .data = data(summary, by, compared),
                    .style = assets::viewer_css,
                    .script = script});
}

}  // namespace nudge
