// What is told by the first bytes of an input, and what stays a damaged one of ours. tests/tools/common/containers.sh
// runs the commands on files that the programs of those formats made.
#include "lib/io/foreign.h"

#include "lib/io/json_sketch.h"
#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;
using namespace std::string_literals;

namespace {

std::string what(const std::string& head) {
  const auto found = find_foreign(head, {"f", false});
  return found ? found->what : "";
}
std::string advice(const std::string& head, const InputSource& source) {
  const auto found = find_foreign(head, source);
  return found ? found->advice : "";
}

}  // namespace

// The first bytes are those of the formats' own documents: RFC 1952, the xz and lz4 frame formats, PKWARE's APPNOTE,
// Apache's format pages, NumPy's NEP 1, POSIX's ustar.
TEST_CASE("binary formats are told by their first bytes") {
  CHECK(what("\x1F\x8B\x08\0"s) == "is gzip-compressed");
  CHECK(what("\xFD"
             "7zXZ\0\0\4"s) == "is xz-compressed");
  CHECK(what("BZh91AY&SY\0"s) == "is bzip2-compressed");
  CHECK(what("\x04\x22\x4D\x18\x64"s) == "is lz4-compressed");
  CHECK(what("PAR1\x15\0"s) == "is Parquet");
  CHECK(what("ARROW1\0\0"s) == "is an Arrow (Feather) file");
  CHECK(what("ORC\x08\0"s) == "is ORC");
  CHECK(what("Obj\x01\x04"s) == "is Avro");
  CHECK(what("\x93NUMPY\x01\0"s) == "is a NumPy array");
  CHECK(what("PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0a.npyx"s) ==
        "is an archive of NumPy arrays");
  CHECK(what("name" + std::string(253, '\0') + "ustar\0"s) == "is a tar archive");
  CHECK(what("\x7F"
             "ELF\2\1\1\0"s) == "is a compiled program (ELF)");
  CHECK(what("\x89PNG\r\n\x1A\n\0"s) == "is a picture (PNG)");
}

TEST_CASE("bytes that are nobody's, words that are formats', and damaged records are not foreign binary") {
  CHECK(what("") == "");
  CHECK(what(std::string(600, '\0')) == "");
  CHECK(what(std::string(8, '\0') + "{\"a\":1}\n") == "");
  CHECK(what(std::string(600, '\xFF')) == "");
  CHECK(what("\xFF\x01\x02\x80\x99\x00\n"s) == "");
  CHECK(what("{\"a\":\"\xFF\"}\n") == "");
  CHECK(what("{\"a\":\"\x01\"}\n") == "");
  CHECK(what("ORC is short, as GGUF is\n") == "is plain text");
  CHECK(what("BZh91AY&SY\n") == "is plain text");
}

TEST_CASE("UTF-16 and UTF-32 without a mark are told by where the zeros are") {
  CHECK(what("{\0\"\0a\0\"\0"s) == "is UTF-16");
  CHECK(what("\0{\0\"\0a\0\""s) == "is UTF-16");
  CHECK(what("{\0\0\0\"\0\0\0a\0\0\0\"\0\0\0"s) == "is UTF-32");
  CHECK(what("{\0\"\0\0\0a\0"s) == "");
  CHECK(what("{\"a\0b\"}"s) == "");
}

TEST_CASE("one line that is a record makes the others damaged") {
  const std::string record = "{\"a\": 1}\n";
  for (const char* first :
       {"word\n", "a,b\n", "[1]\n", "\"a\"\n", "5\n", "{\"a\":\n", "{\"a\":1,\n", "{'a': 1}\n", "ab\":1}\n"}) {
    CAPTURE(first);
    CHECK(what(first + record) == "");
    CHECK(what(first + std::string("\n\n") + record + first) == "");
  }
  CHECK(what("ab\", \"b\": 1}\n") == "");
  CHECK(what("{\"a\":1\n") == "");
  CHECK(what("{broken}\n") == "");
  CHECK(what("[") == "");
  CHECK(what(std::string(kForeignHead, 'a')) == "");
}

TEST_CASE("JSON that is no records") {
  CHECK(what("[{\"a\":1},\n{\"a\":2}\n]\n") == "is a JSON array, not one record per line");
  CHECK(what("[{\"a\":\"cut") == "is a JSON array, not one record per line");
  CHECK(what(" \n[ ]") == "is an empty JSON array");
  CHECK(what("[1,2]\n[3,4]\n") == "holds a JSON array on each line, not an object");
  CHECK(what("\"a\"\n\"b\"") == "holds JSON texts or numbers, not objects");
  CHECK(what("{\n\"a\": {\"b\": [") == "is JSON over several lines, not one record per line");
  CHECK(what("{\"a\":1},\n{\"a\":2}\n") == "has a comma after each object");
  CHECK(what("{\"a\":1} {\"a\":2}\n") == "holds several objects on a line");
  CHECK(what("5 apples\n") == "is plain text");
  CHECK(what("[INFO] starts\n") == "is plain text");
}

TEST_CASE("a table is told from sentences with commas") {
  CHECK(what("prompt,response\nHi,there\n") == "is CSV");
  CHECK(what("\"a\",\"b\"\r\n\"x, \"\"y\"\"\nz\",1\r\n") == "is CSV");
  CHECK(what("a\tb c\nd\te") == "is TSV");
  CHECK(what("a;b\n1;2\n") == "is CSV with semicolons");
  CHECK(what("Yes, of course.\nNo, never.\n") == "is plain text");
  CHECK(what("a,b\n1,2,3\n") == "is plain text");
  CHECK(what("\"Yes,\" she said, \"no.\"\n") == "is plain text");
}

TEST_CASE("the command names the input as the shell wants it") {
  const std::string gzip = "\x1F\x8B\x08\0"s, zip = "PK\x03\x04"s + std::string(40, '\0');
  CHECK(advice(gzip, {"f.gz", false}) == "unpack it: zcat f.gz |");
  CHECK(advice(gzip, {"", false}) == "unpack it: zcat |");
  CHECK(advice(gzip, {"f", true}) == "unpack it: zstdcat f | zcat |");
  CHECK(advice(gzip, {"", true}) == "unpack it: zstdcat | zcat |");
  CHECK(advice(gzip, {"a b'c", false}) == "unpack it: zcat 'a b'\\''c' |");
  CHECK(advice(gzip, {"-f", false}) == "unpack it: zcat ./-f |");
  CHECK(advice(gzip, {"~f", false}) == "unpack it: zcat '~f' |");
  CHECK(advice(zip, {"f", false}) == "unpack it: unzip -p f |");
  CHECK(advice(zip, {"", false}) == "unpack it: cat > FILE && unzip -p FILE |");
  CHECK(advice(zip, {"f", true}) == "unpack it: zstdcat f > FILE && unzip -p FILE |");
  CHECK(advice("{'a': 1}\n", {"f", false}).ends_with("' < f |"));
  CHECK(advice("{'a': 1}\n", {"", false}).ends_with("' |"));
  CHECK(advice("{\n\"a@b\": [{}]}", {"x@y", false}) == "convert it to records: jq -c '.[\"a@b\"][]' x@y |");
}

TEST_CASE("a sketch of JSON ends where the value does, or the grammar") {
  const auto size = [](std::string_view text) { return sketch_json(text).size; };
  CHECK(size("{\"a\":[1,\"}\\\"\"]} x") == 15);
  CHECK(sketch_json("{\"a\":[1]} x").whole);
  CHECK(!sketch_json("{\"a\":[1]").whole);
  for (const char* bad :
       {"{a", "{\"a\" 1", "{,", "[1,]", "[1 2", "{\"a\":1,}", "[1}", "\"a\nb\"", "01 ", "nul ", "{\"a\":1\n{"}) {
    CAPTURE(bad);
    CHECK(!sketch_json(bad).good);
  }
  for (const char* cut : {"", "{", "[", "\"", "\"a\\", "{\"a", "{\"a\":", "[1,", "tru", "-", "[{\"a\":[[", " \n"}) {
    CAPTURE(cut);
    CHECK(sketch_json(cut).good);
    CHECK(!sketch_json(cut).whole);
  }
  CHECK(leaves_open("{\n"));
  CHECK(leaves_open("{\"a\":1,\n"));
  CHECK(!leaves_open("{\"a\":1,\n\"b\""));
  CHECK(!leaves_open("{\"a\":1,\n{"));
  CHECK(!leaves_open("word\n"));
  CHECK(!leaves_open("[{"));
}
