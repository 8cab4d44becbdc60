#include "lib/io/mark.h"

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/io/json.h"
#include "lib/io/record.h"

namespace nudge {
namespace {

constexpr std::string_view kTag = "{\"nudge\":\"stream/1\"";
constexpr std::size_t kDigestSize = 32;
constexpr std::int64_t kMostShards = 1000000;

std::string check_of(std::string_view json) { return Digest().text(json).hex(); }

void append_number(std::string& out, std::uint32_t n) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(n >> shift & 0xFF);
}

}  // namespace

std::uint32_t little_endian(const char* bytes) {
  std::uint32_t n = 0;
  for (int i = 3; i >= 0; --i) n = n << 8 | static_cast<unsigned char>(bytes[i]);
  return n;
}

std::string encode_mark(const StreamMark& mark) {
  JsonWriter w;
  w.begin_object().field("nudge", "stream/1").field("mark", mark.closing ? "close" : "open");
  w.field("program", mark.program).field("digest", mark.digest);
  w.field("shard", mark.shard).field("shards", mark.shards);
  if (mark.closing) w.field("records", mark.records).field("text", mark.text);
  w.end_object();
  const std::string payload = w.text() + '\n' + check_of(w.text());
  if (payload.size() > kLongestMark) throw Error(Exit::kInternal, "the stream's digest or program is too long");
  std::string frame;
  append_number(frame, kMarkMagic);
  append_number(frame, static_cast<std::uint32_t>(payload.size()));
  return frame + payload;
}

bool claims_to_be_mark(std::string_view payload) { return payload.substr(0, kTag.size()) == kTag; }

std::optional<StreamMark> decode_mark(std::string_view payload) {
  if (!claims_to_be_mark(payload) || payload.size() < kTag.size() + kDigestSize + 1) return {};
  const std::string_view json = payload.substr(0, payload.size() - kDigestSize - 1);
  if (payload.substr(json.size() + 1) != check_of(json) || payload[json.size()] != '\n') return {};
  StreamMark mark;
  try {
    const Record r = Record::parse(json, "mark");
    mark.closing = r.text("mark") == "close";
    mark.program = r.text("program");
    mark.digest = r.text("digest");
    const std::int64_t shard = r.integer("shard"), shards = r.integer("shards");
    if (shard < 0 || shard >= shards || shards > kMostShards) return {};
    mark.shard = static_cast<int>(shard), mark.shards = static_cast<int>(shards);
    if (mark.closing) {
      mark.records = r.integer("records");
      mark.text = r.text("text");
    }
  } catch (const Error&) {  // intact and yet no mark: forged, or of a later version
    return {};
  }
  return mark;
}

}  // namespace nudge
