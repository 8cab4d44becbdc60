// Numbers as text: what is written reads back to the same bits, and what is read is rounded once.
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/base/rng.h"
#include "lib/io/json.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

bool round_trips(std::uint32_t bits) {
  const float x = std::bit_cast<float>(bits);
  if (!std::isfinite(x)) return true;
  const auto back = parse_float(json_number(x));
  return back && std::bit_cast<std::uint32_t>(*back) == bits;
}

bool throws_internal(float x) {
  try {
    json_number(x);
  } catch (const Error& e) {
    return e.status() == Exit::kInternal;
  }
  return false;
}

}  // namespace

TEST_CASE("a million random float32 patterns read back to the same bits") {
  int wrong = 0;
  for (std::uint64_t i = 0; i < 250000; ++i) {
    for (const std::uint32_t bits : philox(1, 2, i)) wrong += !round_trips(bits);
  }
  CHECK(wrong == 0);
}

TEST_CASE("every float32 reads back to the same bits (only with NUDGE_CHECK_LONG)") {
  if (std::getenv("NUDGE_CHECK_LONG") == nullptr) {
    nudge::test::skip("NUDGE_CHECK_LONG is not set");
    return;
  }
  // Threads of its own: parallel_for flushes denormals, which the conversion of numbers must see.
  std::atomic<std::int64_t> wrong = 0;
  std::vector<std::thread> threads;
  const std::uint64_t n = std::uint64_t(thread_count()), all = std::uint64_t{1} << 32;
  for (std::uint64_t t = 0; t < n; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t bits = all * t / n; bits < all * (t + 1) / n; ++bits)
        if (!round_trips(static_cast<std::uint32_t>(bits))) ++wrong;
    });
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("7.038531e-26 is rounded once: the way over double gives the neighbour") {
  // Its neighbours are 0x15ae43fd and 0x15ae43fe; strtof of the C library rounds once.
  const float once = std::strtof("7.038531e-26", nullptr);
  const auto twice = static_cast<float>(std::strtod("7.038531e-26", nullptr));
  CHECK(*parse_float("7.038531e-26") == once);
  CHECK(once != twice);
  CHECK(json_number(once) == "7.038531e-26");
}

TEST_CASE("reading agrees with the C library's strtof on random decimal texts") {
  int wrong = 0;
  for (std::uint64_t i = 0; i < 50000; ++i) {
    const auto r = philox(3, 4, i);
    const std::string token =
        std::to_string(r[0]) + "." + std::to_string(r[1]) + "e" + std::to_string(static_cast<int>(r[2] % 60) - 50);
    const auto read = parse_float(token);
    wrong += !read || *read != std::strtof(token.c_str(), nullptr);
  }
  CHECK(wrong == 0);
}

TEST_CASE("reading agrees with strtof and strtod where a double lies between two floats, and beside it") {
  int wrong = 0;
  for (std::uint64_t i = 0; i < 100000; ++i) {
    const auto r = philox(5, 6, i);
    const float x = std::bit_cast<float>((r[0] & 0x007FFFFF) | (90 + r[1] % 74) << 23);  // of 2^-37 to 2^36
    const double between = (static_cast<double>(x) + static_cast<double>(std::nextafter(x, INFINITY))) / 2;
    char token[64];
    std::snprintf(token, sizeof token, r[2] % 2 == 0 ? "%.*g" : "%.*f", 6 + static_cast<int>(r[3] % 14), between);
    const auto read = parse_float(token);
    const auto read_double = parse_double(token);
    wrong += !read || *read != std::strtof(token, nullptr);
    wrong += !read_double || *read_double != std::strtod(token, nullptr);
  }
  CHECK(wrong == 0);
}

TEST_CASE("digits of every length, whatever the point and the exponent, are read as strtof reads them") {
  int wrong = 0;
  const std::string digits = "73910465280917364528";
  for (std::size_t whole = 1; whole <= digits.size(); ++whole) {
    for (std::size_t decimals = 0; decimals <= digits.size(); ++decimals) {
      for (int exponent = -30; exponent <= 18; ++exponent) {
        std::string token = "-" + digits.substr(0, whole);
        if (decimals > 0) token += "." + digits.substr(0, decimals);
        if (exponent != 0) token += "e" + std::to_string(exponent);
        const auto read = parse_float(token);
        wrong += !read || *read != std::strtof(token.c_str(), nullptr);
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("written numbers are the shortest") {
  CHECK(json_number(0.1f) == "0.1");
  CHECK(json_number(0.1) == "0.1");
  CHECK(json_number(1.0f) == "1");
  CHECK(json_number(-0.0f) == "-0");
  CHECK(json_number(-0.0) == "-0");
  CHECK(json_number(16777216.0f) == "16777216");
  CHECK(json_number(1e-45f) == "1e-45");
  CHECK(json_number(3.4028235e38f) == "3.4028235e+38");
}

TEST_CASE("minus zero keeps its sign through text") {
  CHECK(std::signbit(*parse_float("-0")));
  CHECK(std::signbit(*parse_float("-0.0")));
  CHECK(std::signbit(*parse_double("-0")));
  CHECK(!std::signbit(*parse_float("0")));
}

TEST_CASE("a token below the smallest subnormal is a zero of its sign") {
  CHECK(*parse_float("1e-60") == 0.0f);
  CHECK(std::signbit(*parse_float("-1e-60")));
  CHECK(*parse_float("7e-46") == 0.0f);       // below half of 2^-149 = 1.4013e-45
  CHECK(*parse_float("8e-46") == 0x1p-149f);  // above it
  CHECK(*parse_double("1e-400") == 0.0);
}

TEST_CASE("a token beyond the range is no number") {
  CHECK(!parse_float("1e999"));
  CHECK(!parse_float("1e39"));
  CHECK(!parse_float("-3.4028236e38"));
  CHECK(*parse_double("1e39") == 1e39);
  CHECK(!parse_double("1e999"));
}

TEST_CASE("what JSON does not call a number is none") {
  for (const char* token : {"",    "-",   "+1",       ".5",   "1.", "1e", "1e+", "01",   "-01",   "inf", "-inf",
                            "nan", "NaN", "Infinity", "0x10", " 1", "1 ", "1f",  "null", "\"1\"", "true"}) {
    CAPTURE(token);
    CHECK(!parse_float(token));
    CHECK(!parse_double(token));
  }
  for (const char* token : {"0", "-0", "10", "1.5", "1e5", "1E+5", "0e0", "-1.25e-3"}) {
    CAPTURE(token);
    CHECK(*parse_float(token) == std::strtof(token, nullptr));
  }
}

TEST_CASE("numbers that are not finite can't be written") {
  CHECK(throws_internal(std::numeric_limits<float>::infinity()));
  CHECK(throws_internal(-std::numeric_limits<float>::infinity()));
  CHECK(throws_internal(std::numeric_limits<float>::quiet_NaN()));
}

TEST_CASE("quoting escapes what JSON asks for and keeps the rest") {
  CHECK(json_quote("") == "\"\"");
  CHECK(json_quote("a\"b\\c/") == "\"a\\\"b\\\\c/\"");
  CHECK(json_quote("\n\t\r\b\f") == "\"\\n\\t\\r\\b\\f\"");
  CHECK(json_quote(std::string("\0\x1f\x7f", 3)) == "\"\\u0000\\u001f\x7f\"");
  CHECK(json_quote("Grüße 日本 😀") == "\"Grüße 日本 😀\"");
}

TEST_CASE("quoting replaces bytes that are no UTF-8") {
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(json_quote("a\xff\"b") == "\"a" + bad + "\\\"b\"");
  CHECK(json_quote("\xc3") == "\"" + bad + "\"");                      // cut
  CHECK(json_quote("\xc0\xaf") == "\"" + bad + bad + "\"");            // overlong
  CHECK(json_quote("\xed\xa0\x80") == "\"" + bad + bad + bad + "\"");  // a surrogate
  CHECK(json_quote("\xff\xf0\x9f\x98\x80") == "\"" + bad + "😀\"");     // what follows is kept
  CHECK(json_quote("\xff\xf5\x80\x80\x80").size() == 2 + 5 * 3);       // beyond U+10FFFF
}

TEST_CASE("the JSON writer nests, separates and keeps the order") {
  JsonWriter w;
  w.begin_object().field("b", 1).field("a", "x").key("list").begin_array().value(0.5f).value(true).null();
  w.end_array().key("empty").begin_object().end_object().field("big", std::int64_t{1} << 40).end_object();
  CHECK(w.text() == R"({"b":1,"a":"x","list":[0.5,true,null],"empty":{},"big":1099511627776})");
}

TEST_CASE("the JSON writer indents when asked") {
  JsonWriter w(2);
  w.begin_object().field("a", 1).key("b").begin_array().value(1).value(2).end_array().key("c").begin_array();
  w.end_array().end_object();
  CHECK(w.text() == "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ],\n  \"c\": []\n}");
}

TEST_CASE("a member is put into the text of an object, and the rest stays as it is") {
  CHECK(with_member("{}", "a", "1") == "{\n  \"a\": 1\n}");
  CHECK(with_member(" { \"b\" : [1, {\"a\":2}] }\n", "a", "1") == " { \"b\" : [1, {\"a\":2}],\n  \"a\": 1 }\n");
  CHECK(with_member("{\"a\":null,\"b\":\"}\"}", "a", "\"x\"") == "{\"a\":\"x\",\"b\":\"}\"}");
  CHECK(with_member("{\"a\":1,\"b\":{},\"a\":2}", "a", "3") == "{\"a\":1,\"b\":{},\"a\":3}");
}
