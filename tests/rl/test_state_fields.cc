// Numbers of a run's loop, written down and read back to the bit.
#include "lib/rl/state_fields.h"

#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>

#include "lib/io/files.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

struct State {
  std::int64_t count = 0;
  double x = 0;
  std::optional<double> maybe, none;
  bool flag = false;
  std::string text;
  std::vector<std::string> texts;
  Moments moments;

  void visit(StateFields& f) {
    f("count", count), f("x", x), f("maybe", maybe), f("none", none), f("flag", flag), f("text", text);
    f("texts", texts), f("moments", moments);
  }
};

State after_a_file(State state) {
  Record out("out");
  StateFields writing(out, StateFields::kWrite);
  state.visit(writing);
  Record in = Record::parse(out.line(), "in");
  StateFields reading(in, StateFields::kRead);
  State back;
  back.maybe = back.none = 7;
  back.visit(reading);
  return back;
}

bool same(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }

}  // namespace

TEST_CASE("doubles come back to the bit") {
  const double denormal = std::numeric_limits<double>::denorm_min(), most = std::numeric_limits<double>::max();
  for (const double x : {0.0, -0.0, 0.1, -1.0 / 3, 1e300, most, denormal, 9007199254740993.0, 1e22, 5e-324, 2.0}) {
    State s;
    s.x = x;
    s.maybe = -x;
    const State back = after_a_file(s);
    CHECK(same(back.x, x));
    REQUIRE(back.maybe);
    CHECK(same(*back.maybe, -x));
    CHECK(!back.none);
  }
}

TEST_CASE("a list of texts comes back, and an empty one leaves no field") {
  State s;
  s.texts = {"b", "", "a \"quoted\" one"};
  CHECK(after_a_file(s).texts == s.texts);
  CHECK(after_a_file(State()).texts.empty());
  Record out("out");
  StateFields writing(out, StateFields::kWrite);
  State().visit(writing);
  CHECK_FALSE(out.has("texts"));
}

TEST_CASE("counts, flags and texts come back") {
  State s;
  s.count = 9007199254740991, s.flag = true, s.text = "a\n\"b\"";
  const State back = after_a_file(s);
  CHECK(back.count == s.count);
  CHECK(back.flag);
  CHECK(back.text == s.text);
}

TEST_CASE("moments go on as if they had never been written down") {
  State s;
  Moments whole;
  for (int i = 0; i < 100; ++i) {
    const double x = std::sin(i) * 1e3, weight = 1 + i % 7;
    whole.add(x, weight);
    s.moments.add(x, weight);
    if (i % 9 == 4) s = after_a_file(s);
  }
  CHECK(s.moments.count() == whole.count());
  CHECK(same(*s.moments.mean(), *whole.mean()));
  CHECK(same(*s.moments.variance(), *whole.variance()));
}

TEST_CASE("a field that is missing is an error, an optional one is not") {
  Record in = Record::parse(R"({"count":1,"x":2})", "in");
  StateFields reading(in, StateFields::kRead);
  std::int64_t n = 0;
  std::optional<double> x = 3;
  reading("count", n), reading("y", x);
  CHECK(n == 1);
  CHECK(!x);
  CHECK_THROWS_WITH(reading("steps", n), doctest::Contains("field \"steps\""));
}

TEST_CASE("an optional field that is there must be a number") {
  for (const char* wrong : {R"({"x":null})", R"({"x":"3"})"}) {
    Record in = Record::parse(wrong, "in");
    StateFields reading(in, StateFields::kRead);
    std::optional<double> x;
    CHECK_THROWS_WITH(reading("x", x), doctest::Contains("in: field \"x\""));
  }
}

TEST_CASE("a state stands in its file on one line or a field a line, and either is read") {
  Record out("out");
  std::int64_t step = 3;
  std::string name = "a\n\"b\"";
  double x = -0.0;
  StateFields writing(out, StateFields::kWrite);
  writing("step", step), writing("name", name), writing("x", x);
  CHECK(state_text(out, 0) == "{\"step\":3,\"name\":\"a\\n\\\"b\\\"\",\"x\":-0}\n");
  CHECK(state_text(out, 2) == "{\n  \"step\": 3,\n  \"name\": \"a\\n\\\"b\\\"\",\n  \"x\": -0\n}\n");
  const std::string path = test::scratch_folder() + "/state.json";
  for (const int indent : {0, 2}) {
    std::filesystem::remove(path);
    write_file(path, state_text(out, indent));
    const Record in = read_state(path);
    CHECK(in.integer("step") == step);
    CHECK(in.text("name") == name);
    CHECK(same(in.number("x"), x));
  }
  std::filesystem::remove(path);
  write_file(path, "{\"step\":");
  CHECK_THROWS_WITH(read_state(path), doctest::Contains("state.json: is not a JSON object"));
}
