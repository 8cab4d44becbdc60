// JSON files of model folders, as Python's json module writes and reads them.
#include "lib/io/json_reader.h"

#include "lib/base/error.h"
#include "tests/harness/harness.h"

using namespace nudge;
using namespace nudge::test;

namespace {

template <class F>
std::string refusal(const std::string& json, F&& use) {
  return message_of([&] {
    const JsonReader in(json, "f.json");
    use(in);
  });
}
std::string refusal(const std::string& json) {
  return refusal(json, [](const JsonReader&) {});
}

}  // namespace

TEST_CASE("what transformers writes where no limit is known is read") {
  // json.dumps({"model_max_length": int(1e30), "x": float("nan"), "y": [float("inf"), float("-inf")]})
  const JsonReader in(R"({"model_max_length": 1000000000000000019884624838656, "x": NaN, "y": [Infinity, -Infinity], )"
                      R"("z": "NaN \" 1e999"})",
                      "f.json");
  CHECK(in.text(in.need(in.root(), "z", "the file"), "z") == "NaN \" 1e999");
  CHECK(double(in.need(in.root(), "model_max_length", "the file")) == 1e30);
}

TEST_CASE("a number that isn't held is refused by the name of its field, whatever was wanted") {
  for (const char* odd : {"1e999", "-1e999", "NaN", "Infinity", "-Infinity", "[1e999]", "36893488147419103232"}) {
    CAPTURE(odd);
    const std::string json = std::string("{\"n\":") + odd + ",\"m\":1}";
    const auto of = [&](auto use) {
      return refusal(json, [&](const JsonReader& in) { use(in, in.need(in.root(), "n", "f")); });
    };
    CHECK(of([](const JsonReader&, JsonReader::Value) {}) == "nothing thrown");
    CHECK(of([](const JsonReader& in, JsonReader::Value v) { in.integer(v, "n"); }) == "f.json: n is not an integer");
    CHECK(of([](const JsonReader& in, JsonReader::Value v) { in.text(v, "n"); }) == "f.json: n is not a string");
    CHECK(of([](const JsonReader& in, JsonReader::Value v) { in.object(v, "n"); }) == "f.json: n is not an object");
    CHECK(of([](const JsonReader& in, JsonReader::Value) { in.flag(in.root(), "n", true, "f"); }) ==
          "f.json: n of f is not true or false");
  }
}

TEST_CASE("of equal keys the last holds, in objects within too, and null is null") {
  const JsonReader in(R"({"a":1,"b":{"c":1,"c":2},"a":"x","d":1,"d":null,"e":true,"e":false,"\u0065":true})", "f.json");
  JsonReader::Value value;
  CHECK(in.text(in.need(in.root(), "a", "f"), "a") == "x");
  CHECK(in.integer(in.need(in.need(in.root(), "b", "f"), "c", "b"), "c") == 2);
  CHECK_FALSE(in.find(in.root(), "d", "f", value));
  CHECK(in.flag(in.root(), "e", false, "f"));
  const char* null = R"({"a":1,"a":null})";
  CHECK(refusal(null, [](const JsonReader& r) { r.need(r.root(), "a", "f"); }) == "f.json: f has no a");
}

TEST_CASE("a value is of the type asked for, or nothing") {
  const JsonReader in(R"({"n":7,"x":0.5,"b":false,"s":"t","l":[1,"2"],"o":{"s":"u","s":"v","n":1},"null":null})",
                      "f.json");
  const auto root = in.object(in.root(), "f");
  const auto value = [&](const char* key) { return *JsonReader::last(root, key); };
  CHECK(JsonReader::as<std::int64_t>(value("n")) == 7);
  CHECK(JsonReader::as<double>(value("n")) == 7.0);
  CHECK(JsonReader::as<double>(value("x")) == 0.5);
  CHECK_FALSE(JsonReader::as<std::int64_t>(value("x")));
  CHECK(JsonReader::as<bool>(value("b")) == false);
  CHECK_FALSE(JsonReader::as<bool>(value("n")));
  CHECK(value("null").is_null());
  CHECK_FALSE(JsonReader::last(root, "absent"));
  CHECK(JsonReader::text_of(in.root(), "s") == "t");
  CHECK(JsonReader::text_of(value("o"), "s") == "v");  // the last of two
  CHECK_FALSE(JsonReader::text_of(value("o"), "n"));
  CHECK_FALSE(JsonReader::text_of(value("l"), "s"));
  CHECK(JsonReader::one_or_all(value("n")).size() == 1);
  CHECK(JsonReader::one_or_all(value("l")).size() == 2);
  CHECK(JsonReader::as<std::string_view>(JsonReader::one_or_all(value("l"))[1]) == "2");
}

TEST_CASE("a reader tells which numbers it replaced") {
  const auto made = [](const char* json) { return JsonReader(json, "f.json").substitutions(); };
  for (const char* plain : {"[0]", "[-9223372036854775808, 9223372036854775807, 1e300]", "[\"NaN\"]"}) {
    CHECK_FALSE(made(plain).beyond);
    CHECK_FALSE(made(plain).long_integers);
  }
  for (const char* beyond : {"[NaN]", "[-Infinity]", "[1e999]"}) {
    CHECK(made(beyond).beyond);
    CHECK_FALSE(made(beyond).long_integers);
  }
  CHECK(made("[36893488147419103232]").long_integers);
  CHECK_FALSE(made("[36893488147419103232]").beyond);
}

TEST_CASE("nesting is bounded by the depth that is asked for, and the advice is the caller's") {
  const std::string json = "[[[[1e999]]]]";  // with a number that makes it read twice
  JsonReader(json, "f.json", "mend it", 8);
  CHECK(message_of([&] { JsonReader(json, "f.json", "mend it", 3); }).starts_with("f.json: not JSON: "));
  try {
    JsonReader("{", "f.json", "mend it");
  } catch (const Error& e) {
    CHECK(e.advice() == "mend it");
  }
}

TEST_CASE("what is no JSON to Python either is refused, without advice where none was given") {
  for (const char* wrong : {"", "{", "{\"a\":1,}", "{\"a\":nan}", "{\"a\":-NaN}", "{\"a\":1e999.5}", "{\"a\":01e999}",
                            "{NaN:1}", "[NaN Infinity]", "{\"a\":1e999"}) {
    CAPTURE(wrong);
    CHECK(refusal(wrong).starts_with("f.json: not JSON: "));
  }
  CHECK(refusal("\xEF\xBB\xBF{}") == "f.json: begins with a byte order mark (EF BB BF), which is not JSON");
  try {
    JsonReader("{", "f.json");
  } catch (const Error& e) {
    CHECK(e.advice() == "");
  }
}
