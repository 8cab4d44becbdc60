// How many records a progress may expect.
#include <string>

#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::string compressed(const std::string& name, int records) {
  RecordWriter out({.path = scratch(name), .zstd = true, .force = true, .digest = "d", .program = "test"});
  for (int i = 0; i < records; ++i) out.write_line("{\"i\":" + std::to_string(i) + "}");
  out.finish();
  return scratch(name);
}

}  // namespace

TEST_CASE("plain files have their lines, compressed ones what their end mark says") {
  const std::string plain = make_file("expected.jsonl", "{}\n{}\n{}\n"), zst = compressed("expected.zst", 1234);
  CHECK(expected_records({plain}) == 3);
  CHECK(expected_records({zst}) == 1234);
  CHECK(expected_records({plain, zst, plain}) == 1240);
}

TEST_CASE("what can't be read twice, is missing or has no mark is unknown") {
  const std::string plain = make_file("expected2.jsonl", "{}\n{}\n"), zst = compressed("expected2.zst", 50);
  CHECK(expected_records({}) == 0);
  CHECK(expected_records({"-"}) == 0);
  CHECK(expected_records({plain, "-"}) == 0);
  CHECK(expected_records({plain, scratch("none")}) == 0);
  CHECK(expected_records({scratch_folder()}) == 0);
  CHECK(expected_records({make_file("empty.jsonl", "")}) == 0);
  const std::string whole = bytes_of(zst);
  CHECK(expected_records({make_file("cut.zst", whole.substr(0, whole.size() - 5))}) == 0);
  std::string altered = whole;
  altered[altered.size() - 20] ^= 1;
  CHECK(expected_records({make_file("altered.zst", altered)}) == 0);
}
