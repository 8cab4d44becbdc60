// A summary as text and as JSON.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "lib/base/visible.h"
#include "lib/io/json.h"
#include "lib/io/summary.h"

namespace nudge {
namespace {

std::string short_number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", x);
  return text;
}

std::string describe(const RunningStatistics& m) {
  if (m.n == 1 || m.min == m.max) return short_number(m.min);
  return short_number(m.min) + " to " + short_number(m.max) + ", mean " + short_number(m.mean) + ", sd " +
         short_number(m.sd());
}

std::string plural(std::int64_t n, const std::string& one) {
  return std::to_string(n) + ' ' + one + (n == 1 ? "" : "s");
}

std::string describe_marks(const StreamInfo& stream) {
  std::string out;
  for (const StreamMark& mark : stream.marks) {
    if (!mark.closing) continue;
    out += "  finished by " + (mark.program.empty() ? "an unnamed program" : visible(mark.program)) + ", " +
           plural(mark.records, "record");
    if (mark.shards > 1) out += ", shard " + std::to_string(mark.shard) + " of " + std::to_string(mark.shards);
    if (!mark.digest.empty()) out += ", digest " + visible(mark.digest);
    out += '\n';
  }
  if (out.empty() && stream.zstd && stream.damage.empty()) out = "  no marks: compressed by other software\n";
  return out;
}

void moments_json(JsonWriter& w, const char* name, const RunningStatistics& m) {
  if (m.n == 0) return;
  w.key(name).begin_object().field("n", m.n);
  for (const auto& [key, x] : {std::pair("min", m.min), {"mean", m.mean}, {"max", m.max}, {"sd", m.sd()}}) {
    w.key(key);
    if (std::isfinite(x)) w.value(x);
    else w.null();  // sums that overflow a double
  }
  w.end_object();
}

void stream_json(JsonWriter& w, const StreamInfo& stream) {
  w.begin_object().field("name", stream.name).field("format", stream.zstd ? "zstd" : "plain");
  w.field("records", stream.records).field("bytes", stream.bytes).field("text_bytes", stream.text_bytes);
  w.field("frames", stream.frames).field("whole", stream.damage.empty());
  w.key("damage").begin_array();
  for (const std::string& cause : stream.damage) w.value(cause);
  w.end_array().key("marks").begin_array();
  for (const StreamMark& mark : stream.marks) {
    w.begin_object().field("mark", mark.closing ? "close" : "open").field("program", mark.program);
    w.field("digest", mark.digest).field("shard", mark.shard).field("shards", mark.shards);
    if (mark.closing) w.field("records", mark.records);
    w.end_object();
  }
  w.end_array().end_object();
}

}  // namespace

std::string describe_streams(const std::vector<StreamInfo>& streams) {
  std::string out;
  for (const StreamInfo& stream : streams) {
    out += visible(stream.name) + ": " + (stream.zstd ? "zstd" : "plain") + ", " + plural(stream.records, "record") +
           ", " + plural(stream.bytes, "byte");
    if (stream.zstd) out += " of " + std::to_string(stream.text_bytes) + " in " + plural(stream.frames, "frame");
    out += stream.damage.empty() ? ", whole\n" : ", DAMAGED\n";
    out += describe_marks(stream);
    for (const std::string& cause : stream.damage) out += "  " + visible(cause) + '\n';
  }
  return out;
}

std::string describe_fields(const Summary& summary) {
  std::string out;
  for (const auto& [schema, n] : summary.schemas()) {
    out += (schema.empty() ? "no schema" : visible(schema)) + ": " + plural(n, "record") + '\n';
  }
  std::size_t width = 0;
  for (const FieldSummary& field : summary.fields()) {
    width = std::max(width, std::min<std::size_t>(visible(field.key).size(), 24));
  }
  for (const FieldSummary& field : summary.fields()) {
    const std::string key = visible(field.key);
    std::string line = "  " + key;
    if (key.size() < width) line.append(width - key.size(), ' ');
    std::string kinds;
    for (const auto& [kind, n] : field.kinds) kinds += (kinds.empty() ? "" : ", ") + kind;
    line += "  " + kinds;
    if (field.records != summary.records()) line += " in " + std::to_string(field.records);
    if (field.values.n > 0) line += ": " + describe(field.values);
    if (field.lengths.n > 0) line += "; length " + describe(field.lengths);
    out += line + '\n';
  }
  if (summary.fields_left_out() > 0) out += "  further fields are not described\n";
  return out;
}

std::string summary_json(const Summary& summary, const std::vector<StreamInfo>& streams,
                         const std::function<void(JsonWriter&)>& more) {
  JsonWriter w(2);
  w.begin_object().field("records", summary.records()).key("files").begin_array();
  for (const StreamInfo& stream : streams) stream_json(w, stream);
  w.end_array().key("schemas").begin_object();
  for (const auto& [schema, n] : summary.schemas()) w.field(schema, n);
  w.end_object().key("fields").begin_object();
  for (const FieldSummary& field : summary.fields()) {
    w.key(field.key).begin_object().field("records", field.records).key("kinds").begin_object();
    for (const auto& [kind, n] : field.kinds) w.field(kind, n);
    w.end_object();
    moments_json(w, "values", field.values);
    moments_json(w, "lengths", field.lengths);
    w.end_object();
  }
  w.end_object().field("fields_left_out", summary.fields_left_out()).key("samples").begin_array();
  for (const Record& record : summary.samples()) w.raw(record.line());
  w.end_array();
  if (more) more(w);
  w.end_object();
  return w.text() + '\n';
}

}  // namespace nudge
