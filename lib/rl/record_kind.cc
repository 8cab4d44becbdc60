#include "lib/rl/record_kind.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "lib/io/json.h"

namespace nudge {
namespace {

// A layout by fields that all have to be there, and the filter of jq that makes a record of the kind wanted; the first
// row that fits is taken. `holds`: what the JSON of the first field has in it, such as the name of a member.
struct Row {
  RecordKind wanted;
  const char* fields[4];  // or fewer
  const char* holds;
  const char* filter;
  const char* options = "-c";  // of jq
};

#define TURNS "[.conversations[] | {role: ({human: \"user\", gpt: \"assistant\"}[.from] // .from), content: .value}]"

// What an instruction and the text that it is about are together: the latter may be empty.
#define WITH(about) "([.instruction, ." about "] | map(select(. != null and . != \"\")) | join(\"\\n\"))"

// clang-format off
const Row kRows[] = {
    {RecordKind::kExample, {"conversations"}, "\"from\"", "{messages: " TURNS "}"},
    {RecordKind::kExample, {"conversations"}, "\"role\"", "{messages: .conversations}"},
    {RecordKind::kExample, {"instruction", "input", "output"}, "", "{prompt: " WITH("input") ", completion: .output}"},
    {RecordKind::kExample, {"instruction", "context", "response"}, "",
     "{prompt: " WITH("context") ", completion: .response}"},
    {RecordKind::kExample, {"source", "target"}, "\"", "{prompt: .source, completion: .target}"},
    {RecordKind::kExample, {"chosen", "rejected"}, "\"role\"", "{messages: .chosen}"},
    {RecordKind::kPrompt, {"conversations"}, "\"from\"",
     "{messages: (" TURNS " | if .[-1].role == \"assistant\" then .[:-1] else . end)}"},
    {RecordKind::kPrompt, {"conversations"}, "\"role\"",
     "{messages: (.conversations | if .[-1].role == \"assistant\" then .[:-1] else . end)}"},
    {RecordKind::kPrompt, {"instruction", "input"}, "", "{prompt: " WITH("input") "}"},
    {RecordKind::kPrompt, {"instruction", "context"}, "", "{prompt: " WITH("context") "}"},
    {RecordKind::kPrompt, {"chosen", "rejected"}, "\"role\"", "{prompt: .chosen[:-1]}"},
    {RecordKind::kPreference, {"prompt", "completion", "label"}, "",
     "group_by(.prompt)[] | {prompt: .[0].prompt, chosen: (.[] | select(.label)).completion, "
     "rejected: (.[] | select(.label | not)).completion}",
     "-cs"},
    {RecordKind::kPreference, {"prompt", "response_0", "response_1", "better_response_id"}, "",
     "{prompt, chosen: .[\"response_\\(.better_response_id)\"], "
     "rejected: .[\"response_\\(1 - .better_response_id)\"]}"},
    {RecordKind::kPreference, {"prompt", "response_1", "response_2", "preference_strength"}, "",
     "select(.preference_strength != 0) | {prompt} + if .preference_strength < 0 "
     "then {chosen: .response_1, rejected: .response_2} else {chosen: .response_2, rejected: .response_1} end"},
    {RecordKind::kPreference, {"prompt", "response_1", "response_2", "preference"}, "",
     "(.preference | tonumber) as $better | {prompt, chosen: .[\"response_\\($better)\"], "
     "rejected: .[\"response_\\(3 - $better)\"]}"},
    {RecordKind::kPreference, {"context", "response1", "response2", "overall_preference"}, "",
     "select(.overall_preference != 0) | {prompt: .context} + if .overall_preference < 0 "
     "then {chosen: .response1, rejected: .response2} else {chosen: .response2, rejected: .response1} end"},
    {RecordKind::kPreference, {"history", "human_ref_A", "human_ref_B", "labels"}, "",
     "{prompt: .history} + if .labels == 1 then {chosen: .human_ref_A, rejected: .human_ref_B} "
     "else {chosen: .human_ref_B, rejected: .human_ref_A} end"},
    {RecordKind::kPreference, {"conversation_a", "conversation_b", "winner"}, "",
     "if .winner == \"model_a\" then {chosen: .conversation_a, rejected: .conversation_b} "
     "elif .winner == \"model_b\" then {chosen: .conversation_b, rejected: .conversation_a} else empty end"},
    {RecordKind::kPreference, {"prompt", "response_a", "response_b", "winner"}, "",
     "{prompt} + if .winner | test(\"a$\"; \"i\") then {chosen: .response_a, rejected: .response_b} "
     "elif .winner | test(\"b$\"; \"i\") then {chosen: .response_b, rejected: .response_a} else empty end"},
};
// clang-format on

#undef TURNS
#undef WITH

// Other names of one field, by which a record of two or three fields is told.
constexpr auto kPrompts = std::to_array<const char*>(
    {"prompt", "question", "instruction", "query", "input", "article", "document", "post", "history"});
constexpr auto kAnswers = std::to_array<const char*>(
    {"completion", "response", "answer", "output", "target", "summary", "highlights", "chosen"});
constexpr auto kTexts =
    std::to_array<const char*>({"text", "content", "body", "document", "article", "story", "chosen"});
constexpr auto kBetter = std::to_array<const char*>({"chosen", "chosen_response", "response_chosen", "response_j", "j",
                                                     "preferred", "better", "accepted", "positive", "winner"});
constexpr auto kWorse = std::to_array<const char*>({"rejected", "rejected_response", "response_rejected", "response_k",
                                                    "k", "dispreferred", "worse", "refused", "negative", "loser"});
constexpr auto kRatings = std::to_array<const char*>({"score", "rating", "reward", "overall_score", "helpfulness"});

// The first of the names that the record has, "" where it has none.
std::string first_of(const Record& record, auto names, auto good) {
  for (const char* name : names)
    if (record.has(name) && good(name)) return name;
  return "";
}
std::string text_of(const Record& record, auto names) {
  return first_of(record, names, [&](const char* name) { return record.is_text(name); });
}

std::string member(const std::string& ours, const std::string& theirs) {
  return ours == theirs ? ours : ours + ": ." + theirs;
}

bool fits(const Row& row, const Record& record, RecordKind wanted) {
  const auto has = [&](const char* field) { return field == nullptr || record.has(field); };
  return row.wanted == wanted && std::ranges::all_of(row.fields, has) &&
         record.raw(row.fields[0]).find(row.holds) != std::string_view::npos;
}

struct Filter {
  std::string text, options = "-c";
};

Filter rated_filter(const std::string& prompt, const std::string& answer, const std::string& rating) {
  const auto of = [](const char* place, const std::string& field) { return std::string(place) + "." + field; };
  return {"group_by(." + prompt + ")[] | sort_by(." + rating + ") | select(" + of(".[0]", rating) + " < " +
              of(".[-1]", rating) + ") | {prompt: " + of(".[0]", prompt) + ", chosen: " + of(".[-1]", answer) +
              ", rejected: " + of(".[0]", answer) + "}",
          "-cs"};
}

Filter filter_to(const Record& record, RecordKind wanted) {
  for (const Row& row : kRows)
    if (fits(row, record, wanted)) return {row.filter, row.options};
  const std::string prompt = record.is_array("prompt") ? "prompt" : text_of(record, kPrompts);
  const auto is_answer = [&](const char* name) { return record.is_text(name) && name != prompt; };
  const std::string answer = first_of(record, kAnswers, is_answer), text = text_of(record, kTexts);
  if (wanted == RecordKind::kExample) {
    if (!prompt.empty() && !answer.empty())
      return {"{" + member("prompt", prompt) + ", " + member("completion", answer) + "}"};
    return {text.empty() ? "" : "{" + member("text", text) + "}"};
  }
  if (wanted == RecordKind::kPrompt) {
    const std::string from = prompt.empty() ? text : prompt;
    return {from.empty() ? "" : "{" + member("prompt", from) + "}"};
  }
  if (wanted != RecordKind::kPreference) return {};
  const auto is_some = [](const char*) { return true; };
  const std::string better = first_of(record, kBetter, is_some), worse = first_of(record, kWorse, is_some);
  const auto is_number = [&](const char* name) { return parse_double(record.raw(name)).has_value(); };
  const std::string rating = first_of(record, kRatings, is_number);
  if (!better.empty() && !worse.empty())
    return {"{" + (prompt.empty() ? "" : member("prompt", prompt) + ", ") + member("chosen", better) + ", " +
            member("rejected", worse) + "}"};
  if (!prompt.empty() && !answer.empty() && !rating.empty()) return rated_filter(prompt, answer, rating);
  return {};
}

std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./=:,+@%-";
  if (!text.empty() && text.find_first_not_of(kPlain) == text.npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

// The file that the record is of, as a word of a shell behind a blank; "" for a pipe.
std::string file_of(const Record& record) {
  const std::string file = record.where().substr(0, record.where().rfind(": record "));
  return file == "stdin" || file.empty() ? "" : " " + shell_word(file);
}

std::string jq_line(const Record& record, const Filter& filter, const std::string& reader) {
  const std::string file = file_of(record), jq = "jq " + filter.options + " '" + filter.text + "'";
  return (file.ends_with(".zst") ? "zstdcat" + file + " | " + jq : jq + file) + " | " + reader + " ...";
}

// Which of our programs comes first, where the record is another one's; "" where it is none.
std::string program_before(const Record& record, RecordKind wanted, const std::string& reader) {
  const std::string file = file_of(record);
  const bool sampled = record.has("response_ids"), prompt = record.has("prompt");
  const bool pair = (record.has("chosen") && record.has("rejected")) || record.has("responses");
  if (wanted == RecordKind::kPreference && record.has("decision") && record.has("id"))
    return "it is a judge's tie or skip; label joins decisions: label --merge" + file + " | " + reader + " ...";
  if (wanted == RecordKind::kPreference && sampled) {
    const std::string scored = record.has("reward") ? "label --by reward" + file
                                                    : "score --reward-model FOLDER" + file + " | label --by reward";
    return "it is a trajectory; label makes pairs from a prompt's trajectories: " + scored + " | " + reader + " ...";
  }
  const bool answered =
      record.has("response") || record.has("completion") || record.has("chosen") || record.has("rejected");
  if (wanted == RecordKind::kPreference && prompt && !answered && line_to_record(record, wanted, reader).empty())
    return "sample answers and have them compared first: rollout --policy FOLDER -n 2" + file +
           " -o T.jsonl; label -o pairs.jsonl T.jsonl; " + reader + " ... pairs.jsonl";
  if (wanted != RecordKind::kTrajectory || sampled) return "";
  if (pair)
    return "it is a preference, from which rm-train trains a reward model; " + reader +
           " reads trajectories: rollout --policy FOLDER prompts.jsonl";
  const std::string scored = reader == "ppo-step" ? " | score --reward-model FOLDER --ref FOLDER" : "";
  if (prompt) return "sample answers first: rollout --policy FOLDER" + file + scored + " | " + reader + " ...";
  return "";
}

// A trajectory or an answer of other software lacks what names it.
std::string advice_on_names(const Record& record, const std::string& reader) {
  std::string filter = record.has("id") ? "" : ".id = \"\\(input_line_number)\"";
  if (reader == "label" && !record.has("group"))
    filter += (filter.empty() ? "" : " | ") + std::string(".group = .prompt");
  return "name it: " + jq_line(record, {filter}, reader);
}

std::string fallback(const Record& record, RecordKind wanted, const std::string& reader) {
  constexpr std::size_t kMostNamed = 12;
  std::string names;
  std::size_t n = 0;
  for (const Record::Field& field : record.fields()) {
    if (++n > kMostNamed) break;
    names += (names.empty() ? "" : ", ") + field.quoted;
  }
  if (n > kMostNamed) names += " and more";
  constexpr const char* kFilters[] = {"{prompt: .FIELD}", "{prompt: .FIELD, completion: .FIELD}",
                                      "{prompt: .FIELD, chosen: .FIELD, rejected: .FIELD}"};
  const std::string has = names.empty() ? "the record has no field" : "it has " + names;
  if (wanted == RecordKind::kTrajectory)
    return has + "; trajectories are made by rollout: rollout --policy FOLDER prompts.jsonl | " + reader + " ...";
  return has + "; name its fields: " + jq_line(record, {kFilters[static_cast<int>(wanted)]}, reader) +
         "; docs/data.md has lines for public data";
}

}  // namespace

std::string advice_on_compared(const Record& record, const std::string& field) {
  if (field == "reward")
    return "add it first: score --reward-model FOLDER" + file_of(record) + " | label --by reward ...";
  std::string names;
  for (const Record::Field& other : record.fields())
    if (parse_double(other.raw)) names += (names.empty() ? "" : ", ") + other.quoted;
  return names.empty() ? "the record has no numeric field" : "the record's numbers are " + names;
}

std::string line_to_record(const Record& record, RecordKind wanted, const std::string& reader) {
  const Filter filter = filter_to(record, wanted);
  return filter.text.empty() ? "" : "make it one: " + jq_line(record, filter, reader);
}

std::string advice_on_record(const Record& record, RecordKind wanted, const std::string& reader,
                             const std::string& missing, const std::string& otherwise) {
  if (wanted == RecordKind::kTrajectory && (missing == "id" || missing == "group"))
    if (record.has("response") || record.has("response_ids")) return advice_on_names(record, reader);
  if (!record.is_null(missing))
    if (const std::string before = program_before(record, wanted, reader); !before.empty()) return before;
  const std::string line = line_to_record(record, wanted, reader);
  if (!line.empty()) return line;
  return otherwise.empty() ? fallback(record, wanted, reader) : otherwise;
}

}  // namespace nudge
