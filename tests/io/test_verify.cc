// What verify_streams counts and finds; tests/tools/shards/verify.sh has more, on what programs write.
#include "lib/io/verify.h"

#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::string stream(const std::string& name, const std::vector<std::string>& lines, int shard = 0, int shards = 1) {
  WriterOptions options = to_file(scratch(name + ".zst"));
  options.force = true, options.shard = shard, options.shards = shards;
  write_lines(options, lines);
  return scratch(name + ".zst");
}

using Faults = std::vector<std::string>;

}  // namespace

TEST_CASE("what is whole has no faults, also without ids and without records") {
  const Verification found = verify_streams({stream("a", sample_lines(5), 0, 2), stream("b", {}, 1, 2)});
  CHECK(found.faults == Faults{});
  CHECK(found.records == 5);
  CHECK(found.streams == 2);
  CHECK(verify_streams({stream("c", {"{\"a\":1}", "{\"a\":1}"})}).faults == Faults{});
}

TEST_CASE("ids are compared by what they say, over all files") {
  const std::string one = stream("one", {R"({"id":"a/0"})", R"({"id":5})", R"({"id":null})", R"({"id":1.5})"});
  const std::string two =
      stream("two", {R"({"id":"\u0061/0"})", R"({"id":"5"})", R"({"id":null})", R"({"id":1.50})", R"({"id":1.5})"});
  CHECK(verify_streams({one}).faults == Faults{});
  CHECK(verify_streams({one, two}).faults == Faults{two + ": record 1: duplicate id \"a/0\"",
                                                    two + ": record 2: duplicate id \"5\"",
                                                    two + ": record 5: duplicate id 1.5"});
}

TEST_CASE("all faults are told, each file's in its order") {
  const std::string s0 = stream("s0", sample_lines(2), 0, 3), plain = make_file("plain.jsonl", "{}\nx\n");
  const std::string whole = bytes_of(s0), cut = make_file("cut.zst", whole.substr(0, whole.size() - 1));
  const Verification found = verify_streams({plain, s0, cut});
  REQUIRE(found.faults.size() == 7);
  CHECK(found.faults[0].starts_with(plain + ": record 2: "));
  CHECK(found.faults[1] == plain + ": 1 record stands outside any marks, so it can't be proved that none is missing");
  CHECK(found.faults[2] == s0 + ": missing shards: 1-2 of 3");
  CHECK(found.faults[3].find("truncated within a mark") != std::string::npos);
  CHECK(found.faults[4].find("the end mark is missing") != std::string::npos);
  CHECK(found.faults[6] == cut + ": record 2: duplicate id \"r1\"");
  CHECK(found.streams == 1);
}
