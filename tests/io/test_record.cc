#include "lib/io/record.h"

#include <simdjson.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/rng.h"
#include "tests/harness/harness.h"
#include "tests/harness/plain_numbers.h"

using namespace nudge;

namespace {

Record parse(const std::string& line) { return Record::parse(line, "f.jsonl: record 7"); }

// The message of the kBadInput error that `f` throws, or what happened instead.
template <class F>
std::string complaint(F f, Exit status = Exit::kBadInput) {
  try {
    f();
  } catch (const Error& e) {
    return e.status() == status ? e.what() : "another status";
  }
  return "no error";
}

std::string refusal(const std::string& line) {
  return complaint([&] { parse(line); });
}

// All that could be in numbers, in order: what is left where texts and structure are the same.
std::string numbers_of(const std::string& line) {
  std::string out;
  for (const char c : line) {
    if (std::string_view("+-.0123456789eE,").find(c) != std::string_view::npos) out += c;
  }
  return out;
}

}  // namespace

TEST_CASE("unknown fields pass through byte for byte") {
  const std::string line =
      R"({"id":"a","x":[1, 2.50,{"y" : "\u00e9\/"}],"n":1.0e+2,"\u0061b":null,"t":true,"s":"\ud83d\ude00"})";
  CHECK(parse(line).line() == line);
}

TEST_CASE("space between fields is dropped, within values it stays") {
  CHECK(parse(" { \"a\" : [ 1 , 2 ] ,\t\"b\":\"x y\" } ").line() == "{\"a\":[ 1 , 2 ],\"b\":\"x y\"}");
  CHECK(parse("{}").line() == "{}");
  CHECK(parse(" { } ").line() == "{}");
}

TEST_CASE("brackets and quotes within texts don't confuse the slices") {
  const Record r = parse(R"({"a":"]}\",{[","b":{"c":["}","\\"],"d":"\\\""},"e":3})");
  CHECK(r.text("a") == "]}\",{[");
  CHECK(r.raw("b") == R"({"c":["}","\\"],"d":"\\\""})");
  CHECK(r.integer("e") == 3);
}

TEST_CASE("a line is a record where simdjson takes it for an object, whatever its numbers, and holds what it holds") {
  const std::string lines[] = {
      R"({"id":"a/0","text":"x\n\u00e9 \ud83d\ude00 \"q\" and so on","n":-12.5e-3,"t":true,"o":{"a":[1,{}]}})",
      R"({"ids":[46642,49470,25811,12977,45815,9904,22961,19930,39139,32858],"none":[ ],"f":null})",
      R"({"logprobs":[-1.2345678,-0.012345678,-2e-05,-10,-0.5,-12.345678,-1.2345678], "m":[1,"a",[2]], "r":0.2})",
      R"( { "spaced" : [ 1 , 2.5 , -0 , 1e5 , 12345678901234567890123, 3 ] , "x":[1, 2, 3, 4, 5, 6, 7, 8, 9, 10] } )"};
  const std::string_view bytes = "0123456789-+.eE,:[]{}\"\\ntfu /\t\x01\xC3";
  simdjson::dom::parser parser, other;
  int taken = 0, refused = 0, wrong = 0;
  for (std::uint64_t i = 0; i < 60000; ++i) {
    auto random = philox(7, 8, i);
    std::string line = lines[i % std::size(lines)];
    for (std::uint32_t changes = random[0] % 3; changes > 0; --changes) {
      const std::size_t at = random[1] % line.size();
      const char c = bytes[random[2] % bytes.size()];
      if (random[3] % 3 == 0) line.erase(at, 1);
      else if (random[3] % 3 == 1) line.insert(at, 1, c);
      else line[at] = c;
      random = philox(random[1], random[2], i);
    }
    simdjson::dom::object object;
    const std::string plain = test::with_plain_numbers(line);
    const bool valid = parser.parse(plain).get_object().get(object) == simdjson::SUCCESS;
    const std::string complaints = refusal(line);
    if (complaints.ends_with("appears twice")) continue;
    (valid ? taken : refused) += 1;
    wrong += valid != (complaints == "no error");
    if (!valid || complaints != "no error") continue;
    const std::string written = parse(line).line();
    wrong += simdjson::minify(other.parse(test::with_plain_numbers(written))) != simdjson::minify(parser.parse(plain));
    wrong += numbers_of(written) != numbers_of(line);
  }
  CHECK(wrong == 0);
  CHECK(taken > 20000);
  CHECK(refused > 10000);
}

TEST_CASE("lists of numbers are read whatever their size, spaces and length of numbers") {
  for (std::size_t size = 0; size < 40; ++size) {
    for (const char* comma : {",", ", ", " ,\t"}) {
      std::string reals = "[", ids = "[";
      std::vector<float> wanted;
      std::vector<std::int32_t> wanted_ids;
      for (std::size_t i = 0; i < size; ++i) {
        const std::string real = std::string("-98.7654321012345678901").substr(0, 2 + (i * 7 + 3 * (i % 3)) % 20);
        const std::string id = std::string("2147483640").substr(0, 1 + i % 10);
        if (real.back() == '.') continue;
        if (!wanted.empty()) reals += comma, ids += comma;
        reals += real, ids += id;
        wanted.push_back(std::strtof(real.c_str(), nullptr));
        wanted_ids.push_back(static_cast<std::int32_t>(std::strtol(id.c_str(), nullptr, 10)));
      }
      const Record r = parse("{\"r\":" + reals + "],\"i\":" + ids + "]}");
      CHECK(r.reals("r") == wanted);
      CHECK(r.ids("i") == wanted_ids);
    }
  }
}

TEST_CASE("getters give the values") {
  const Record r = parse(R"({"s":"a\n\u00e9","i":-42,"d":0.1,"b":false,"ids":[0,5, 2147483647],"f":[1,-0,1e-45],
      "t":["x","\u0079"],"none":[]})");
  CHECK(r.text("s") == "a\né");
  CHECK(r.integer("i") == -42);
  CHECK(r.number("d") == 0.1);
  CHECK(r.real("d") == 0.1f);
  CHECK(r.ids("ids") == std::vector<std::int32_t>{0, 5, 2147483647});
  CHECK(r.reals("f")[2] == 0x1p-149f);
  CHECK(std::signbit(r.reals("f")[1]));
  CHECK(r.texts("t") == std::vector<std::string>{"x", "y"});
  CHECK(r.ids("none").empty());
  CHECK(r.reals("none").empty());
  CHECK((r.is_text("s") && !r.is_text("i") && !r.is_text("nothing")));
}

TEST_CASE("a float32 field is rounded once from its text") {
  const Record r = parse(R"({"x":7.038531e-26,"l":[7.038531e-26]})");
  CHECK(r.real("x") == std::strtof("7.038531e-26", nullptr));
  CHECK(r.reals("l")[0] == std::strtof("7.038531e-26", nullptr));
}

TEST_CASE("the spellings of jq 1.6 and 1.7 are the same float32") {
  // What each makes of 1e-7, -3.0517578e-05, 1e-45, 3.4028235e38, 1e2 and -0.0; the bits are Python's (struct).
  const Record r = parse(R"({"jq16":[1e-07,-3.0517578e-05,1e-45,3.4028235e+38,100,-0],
      "jq17":[1E-7,-0.000030517578,1E-45,3.4028235E+38,1E+2,-0.0]})");
  const std::vector<std::uint32_t> bits = {0x33d6bf95, 0xb8000000, 0x00000001, 0x7f7fffff, 0x42c80000, 0x80000000};
  for (const char* key : {"jq16", "jq17"}) {
    CAPTURE(key);
    const std::vector<float> values = r.reals(key);
    REQUIRE(values.size() == bits.size());
    for (std::size_t i = 0; i < bits.size(); ++i) CHECK(std::bit_cast<std::uint32_t>(values[i]) == bits[i]);
  }
}

TEST_CASE("a missing field is named with file and record") {
  const Record r = parse(R"({"a":1})");
  const std::string expected = "f.jsonl: record 7: field \"x\" is missing";
  CHECK(complaint([&] { r.text("x"); }) == expected);
  CHECK(complaint([&] { r.integer("x"); }) == expected);
  CHECK(complaint([&] { r.number("x"); }) == expected);
  CHECK(complaint([&] { r.real("x"); }) == expected);
  CHECK(complaint([&] { r.ids("x"); }) == expected);
  CHECK(complaint([&] { r.reals("x"); }) == expected);
  CHECK(complaint([&] { r.texts("x"); }) == expected);
  CHECK(complaint([&] { r.messages("x"); }) == expected);
  CHECK(complaint([&] { r.raw("x"); }) == expected);
}

TEST_CASE("the find forms give nothing for what is missing and the value otherwise") {
  const Record r = parse(R"({"s":"a","i":3,"d":0.5,"b":true})");
  CHECK((!r.find_text("x") && !r.find_integer("x") && !r.find_number("x") && !r.find_real("x")));
  CHECK(*r.find_text("s") == "a");
  CHECK(*r.find_integer("i") == 3);
  CHECK(*r.find_number("d") == 0.5);
  CHECK(*r.find_real("d") == 0.5f);
}

TEST_CASE("null is absence: nothing to the find forms, and an error that says so where a field must be there") {
  const std::string line = R"({"x":null,"a b":null,"y":1})";
  Record r = parse(line);
  CHECK((!r.find_text("x") && !r.find_integer("x") && !r.find_number("x") && !r.find_real("x") && !r.find_name("x")));
  CHECK((!r.has("x") && r.is_null("x") && !r.is_array("x") && !r.is_text("x")));
  CHECK((r.has("y") && !r.is_null("y") && !r.is_null("z")));
  const std::string expected = "f.jsonl: record 7: field \"x\" is null";
  CHECK(complaint([&] { r.text("x"); }) == expected);
  CHECK(complaint([&] { r.name("x"); }) == expected);
  CHECK(complaint([&] { r.integer("x"); }) == expected);
  CHECK(complaint([&] { r.number("x"); }) == expected);
  CHECK(complaint([&] { r.real("x"); }) == expected);
  CHECK(complaint([&] { r.ids("x"); }) == expected);
  CHECK(complaint([&] { r.reals("x"); }) == expected);
  CHECK(complaint([&] { r.texts("x"); }) == expected);
  CHECK(complaint([&] { r.messages("x"); }) == expected);
  CHECK(complaint([&] { r.raw("x"); }) == expected);
  CHECK(complaint([&] { r.list_shape("x"); }) == expected);
  try {
    r.text("a b");
  } catch (const MissingField& e) {
    CHECK(e.key() == "a b");
    CHECK(e.advice().ends_with("jq -c 'select(.\"a b\" != null)'"));
  }
  CHECK(r.line() == line);  // it passes through, and is replaced where it stands
  r.set_text("x", "now");
  CHECK(r.line() == R"({"x":"now","a b":null,"y":1})");
}

TEST_CASE("a name is a text, or an integer as it is written") {
  const Record r = parse(R"({"t":"a\u0062","i":12,"n":-5,"z":-0,"big":123456789012345678901234567890,"f":1.0,"e":1e3,
      "b":true,"l":[1],"o":{}})");
  CHECK(r.name("t") == "ab");
  CHECK(r.name("i") == "12");
  CHECK(*r.find_name("n") == "-5");
  CHECK(r.name("z") == "-0");
  CHECK(r.name("big") == "123456789012345678901234567890");
  CHECK(complaint([&] { r.name("f"); }) == "f.jsonl: record 7: field \"f\" must be a string or an integer, not 1.0");
  CHECK(complaint([&] { r.find_name("e"); }).ends_with("a string or an integer, not 1e3"));
  CHECK(complaint([&] { r.name("b"); }).ends_with("not true"));
  CHECK(complaint([&] { r.name("l"); }).ends_with("not [1]"));
  CHECK(complaint([&] { r.name("o"); }).ends_with("not {}"));
  CHECK(complaint([&] { r.name("none"); }).ends_with("field \"none\" is missing"));
}

TEST_CASE("a value of the wrong type is refused by every getter") {
  const Record r = parse(R"({"s":"1","o":{},"l":["a",1],"m":[1,"a"],"neg":[-1],"big":[2147483648],"frac":[1.5]})");
  CHECK(complaint([&] { r.number("s"); }) == "f.jsonl: record 7: field \"s\" must be a number, not \"1\"");
  CHECK(complaint([&] { r.integer("s"); }) == "f.jsonl: record 7: field \"s\" must be an integer, not \"1\"");
  CHECK(complaint([&] { r.text("o"); }) == "f.jsonl: record 7: field \"o\" must be a string, not {}");
  CHECK(complaint([&] { r.texts("l"); }) == "f.jsonl: record 7: field \"l\" must be a list of strings, not 1");
  for (const char* key : {"s", "m", "neg", "big", "frac"}) {
    CAPTURE(key);
    CHECK(complaint([&] { r.ids(key); }).find("must be a list of token ids") != std::string::npos);
  }
  CHECK(complaint([&] { r.reals("m"); }).find("not \"a\"") != std::string::npos);
  CHECK(complaint([&] { r.reals("s"); }).find("a list of numbers") != std::string::npos);
}

TEST_CASE("integers are integers, below 2^53") {
  const Record r = parse(R"({"a":9007199254740991,"b":9007199254740992,"c":-9007199254740992,"d":1.0,"e":1e3,
      "f":18446744073709551615})");
  CHECK(r.integer("a") == 9007199254740991);
  for (const char* key : {"b", "c", "d", "e", "f"}) {
    CAPTURE(key);
    CHECK(complaint([&] { r.integer(key); }).find("an integer below 2^53") != std::string::npos);
  }
}

TEST_CASE("a number beyond float32 is refused where a float32 is asked") {
  const Record r = parse(R"({"x":1e39,"l":[0,-1e39]})");
  CHECK(r.number("x") == 1e39);
  CHECK(complaint([&] { r.real("x"); }).find("fits in 32 bits") != std::string::npos);
  CHECK(complaint([&] { r.reals("l"); }).find("not -1e39") != std::string::npos);
}

TEST_CASE("a line that is not one whole JSON object is refused with its cause") {
  const std::string at = "f.jsonl: record 7: the line ";
  CHECK(refusal("[1]") == at + "is not a JSON object");
  CHECK(refusal("3") == at + "is not a JSON object");
  CHECK(refusal("") == at + "is empty");
  CHECK(refusal("{\"a\":1") == at + "is not valid JSON");
  CHECK(refusal("{\"a\":1}x") == at + "is not valid JSON");
  CHECK(refusal("{\"a\":1}{}") == at + "is not valid JSON");
  CHECK(refusal("{\"a\":1,}") == at + "is not valid JSON");
  CHECK(refusal("{a:1}") == at + "is not valid JSON");
  CHECK(refusal("{\"a\":\"b") == at + "is not valid JSON: a string is not closed");
  CHECK(refusal("{\"a\":NaN}") == at + "is not valid JSON: NaN is not a JSON number");
  CHECK(refusal("{\"a\":[1,-Infinity]}") == at + "is not valid JSON: -Infinity is not a JSON number");
  CHECK(refusal("{\"a\":Infinity,\"b\":\"NaN\"}") == at + "is not valid JSON: Infinity is not a JSON number");
  CHECK(refusal("{\"a\":\"NaN\",}") == at + "is not valid JSON");
  CHECK(refusal("{\"a\":01}") == at + "is not valid JSON: a number is malformed");
  CHECK(refusal("{\"a\":\"\xff\"}") == at + "is not valid UTF-8");
  const std::string half = at + "is not valid JSON: a string has half a surrogate pair, such as \\ud83d alone";
  for (const char* text :
       {"\\ud800", "\\uDC00", "\\ud83d\\ud83d\\ude00", "\\ud83d\\ude00\\ude00", "\\\\\\ud83d \\ude00"})
    CHECK(refusal(std::string("{\"a\":\"") + text + "\"}") == half);
  CHECK(refusal("{\"a\":\"\\\\ud83d \\x\"}") == at + "is not valid JSON: a string has a bad escape");
}

TEST_CASE("NUL is refused raw and read when escaped") {
  CHECK(refusal(std::string("{\"a\":\"\0\"}", 9)).find("unescaped control character") != std::string::npos);
  CHECK(refusal(std::string("{\"a\":1}\0", 8)) != "no error");
  CHECK(parse("{\"a\":\"\\u0000\"}").text("a") == std::string(1, '\0'));
}

TEST_CASE("nesting is bounded at 64 levels, the line's own object included") {
  const auto nested = [](int levels) {
    return "{\"a\":" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + "}";
  };
  CHECK(parse(nested(64)).has("a"));
  CHECK(refusal(nested(65)) == "f.jsonl: record 7: the line nests deeper than 64 levels");
  CHECK(refusal("{\"a\":" + std::string(100000, '[')) != "no error");
  CHECK(parse(nested(3)).has("a"));  // and the parser goes on afterwards
}

TEST_CASE("a field given twice is refused, also when it is spelt differently") {
  CHECK(refusal(R"({"a":1,"b":2,"a":3})") == "f.jsonl: record 7: field \"a\" appears twice");
  CHECK(refusal(R"({"a":1,"\u0061":3})") == "f.jsonl: record 7: field \"a\" appears twice");
}

TEST_CASE("messages are read, and refused where role or content is not a string") {
  const Record r = parse(R"({"p":[{"role":"user","content":"hi\n"},{"content":"yo","role":"assistant"}],"e":[],
      "n":[{"role":"user","content":null}],"m":[{"role":"user"}],"s":["a"]})");
  const auto messages = r.messages("p");
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].content == "hi\n");
  CHECK(messages[1].role == "assistant");
  CHECK(complaint([&] { r.messages("e"); }) == "f.jsonl: record 7: field \"e\" is an empty list");
  for (const char* key : {"n", "m", "s"}) {
    CAPTURE(key);
    CHECK(complaint([&] { r.messages(key); }).find("must be a list of {\"role\", \"content\"}") != std::string::npos);
  }
}

TEST_CASE("a byte order mark is refused, in a line and in raw JSON") {
  CHECK(complaint([] { parse("\xEF\xBB\xBF{\"a\":1}"); }) ==
        "f.jsonl: record 7: the line begins with a byte order mark (EF BB BF), which is not JSON");
  CHECK(complaint([] { parse("\xEF\xBB\xBF"); }).find("byte order mark") != std::string::npos);
  CHECK(complaint([] { parse("\xEF\xBB{}"); }) == "f.jsonl: record 7: the line is not valid UTF-8");
  Record r("here");
  CHECK(complaint([&] { r.set_raw("a", "\xEF\xBB\xBF{}"); }, Exit::kInternal).find("would not be JSON") !=
        std::string::npos);
}

TEST_CASE("setters replace in place and append what is new") {
  Record r = parse(R"({"a":1,"b":2,"c":3})");
  r.set_text("b", "x\"y");
  r.set_integer("d", -7);
  r.set_real("e", 0.1f);
  r.set_number("f", 0.1);
  const std::vector<std::int32_t> ids{1, 2};
  const std::vector<float> reals{-0.0f, 1.5f};
  r.set_ids("h", ids);
  r.set_reals("i", reals);
  r.set_raw("k", "{\"z\": 1}");
  r.erase("a");
  r.erase("nothing");
  CHECK(r.line() == R"({"b":"x\"y","c":3,"d":-7,"e":0.1,"f":0.1,"h":[1,2],"i":[-0,1.5],"k":{"z": 1}})");
  CHECK(parse(r.line()).line() == r.line());
}

TEST_CASE("what is set reads back, awkward keys and texts included") {
  Record r("here");
  r.set_text("a\"\n", "\xff");
  CHECK(r.text("a\"\n") == "\xEF\xBF\xBD");
  CHECK(parse(r.line()).text("a\"\n") == "\xEF\xBF\xBD");
  CHECK(Record().line() == "{}");
}

TEST_CASE("what can't be written is our own fault and names the record") {
  Record r("f.jsonl: record 9");
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> bad{0, nan};
  const auto fault = [](auto f) { return complaint(f, Exit::kInternal); };
  CHECK(fault([&] { r.set_real("x", infinity); }) ==
        "f.jsonl: record 9: field \"x\" would be a number that is not finite");
  CHECK(fault([&] { r.set_number("x", -infinity); }) ==
        "f.jsonl: record 9: field \"x\" would be a number that is not finite");
  CHECK(fault([&] { r.set_reals("x", bad); }) == "f.jsonl: record 9: field \"x\" would not be finite at 1");
  CHECK(fault([&] { r.set_integer("x", std::int64_t{1} << 53); }).find("2^53") != std::string::npos);
  CHECK(fault([&] { r.set_raw("x", "{"); }) == "f.jsonl: record 9: field \"x\" would not be JSON: {");
  CHECK(fault([&] { r.set_raw("x", "[1,\n2]"); }).find("not be JSON") != std::string::npos);
  CHECK(!r.has("x"));
}

TEST_CASE("a long value is cut in a message, between characters") {
  const Record r = parse("{\"x\":\"" + std::string(38, 'a') + "\u00e9\u00e9\u00e9\"}");
  CHECK(complaint([&] { r.number("x"); }) ==
        "f.jsonl: record 7: field \"x\" must be a number, not \"" + std::string(38, 'a') + "...");
}

TEST_CASE("any number of the grammar passes through, and is refused by name where it is asked for and not held") {
  const std::string huge(400, '9');
  const std::string line = "{\"a\":1e999,\"b\":-1E+999,\"c\":1000000000000000019884624838656,\"d\":-" + huge +
                           ",\"e\":" + huge +
                           ".5,\"f\":[1,1e999,18446744073709551616],"
                           "\"g\":{\"h\":[-9223372036854775809]},\"i\":1e-999,\"s\":\"1e999\"}";
  const Record r = parse(line);
  CHECK(r.line() == line);
  const std::string at = "f.jsonl: record 7: field ";
  CHECK(complaint([&] { r.number("a"); }) == at + "\"a\" must be a number that fits in 64 bits, not 1e999");
  CHECK(complaint([&] { r.real("b"); }) == at + "\"b\" must be a number that fits in 32 bits, not -1E+999");
  CHECK(complaint([&] { r.integer("c"); }).starts_with(at + "\"c\" must be an integer below 2^53, not 1000000"));
  CHECK(complaint([&] { r.numbers("f"); }) == at + "\"f\" must be a list of numbers that fit in 64 bits, not 1e999");
  CHECK(complaint([&] { r.reals("f"); }) == at + "\"f\" must be a list of numbers that fit in 32 bits, not 1e999");
  CHECK(complaint([&] { r.ids("f"); }) == at + "\"f\" must be a list of token ids, not 1e999");
  CHECK(complaint([&] { r.text("a"); }) == at + "\"a\" must be a string, not 1e999");
  CHECK(r.number("c") == 1000000000000000019884624838656.0);  // float("1000000000000000019884624838656") in Python
  CHECK(r.number("i") == 0);
  CHECK(refusal("{\"a\":1e999.5}") != "no error");
  CHECK(refusal("{\"a\":[1e999 1e999]}") != "no error");
  CHECK(refusal("{\"a\":-01e999}") != "no error");
  CHECK(refusal("{\"a\":" + huge + "e}") != "no error");
  Record made("of ours");
  made.set_raw("x", "[1e999]");
  CHECK(made.line() == "{\"x\":[1e999]}");
}

TEST_CASE("a message has a role and a content, each once, beside anything") {
  const Record r = parse(R"({"a":[{"role":"user","content":"x","weight":1e999}],
      "b":[{"role":"user","role":"user","content":"x"}],
      "c":[{"role":"user","content":1e999}]})");
  CHECK(r.messages("a").at(0).content == "x");
  CHECK(complaint([&] { r.messages("b"); }).find("field \"b\" must be a list of {\"role\"") != std::string::npos);
  CHECK(complaint([&] { r.messages("c"); }).find("field \"c\" must be a list of {\"role\"") != std::string::npos);
}
