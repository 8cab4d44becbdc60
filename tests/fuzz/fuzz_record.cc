// A line as a record, beside simdjson's reading of all of it, which is slower and another's.
#include <simdjson.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <set>

#include "lib/io/record.h"
#include "tests/fuzz/fuzz.h"
#include "tests/harness/plain_numbers.h"

namespace nudge::fuzz {
namespace {

using Element = simdjson::dom::element;

template <class F>
bool gives(F&& f) {
  return accepts("line: field ", std::forward<F>(f));
}

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

void compare_number(const Record& record, const std::string& key, Element value) {
  const std::string token(record.raw(key));
  double x = 0;
  promise(gives([&] { x = record.number(key); }) == value.is_number(), "a number is one: " + token);
  if (!value.is_number()) return;
  // The C library's rounding; a subnormal of the other sign of zero can't be.
  promise(same_bits(x, std::strtod(token.c_str(), nullptr)), "a double is rounded to the nearest: " + token);
  float single = 0;
  const float expected = std::strtof(token.c_str(), nullptr);
  const bool fits = gives([&] { single = record.real(key); });
  promise(fits == std::isfinite(expected), "what fits in 32 bits: " + token);
  if (fits) promise(std::memcmp(&single, &expected, sizeof single) == 0, "a float is rounded once: " + token);
  std::int64_t n = 0, other = 0;
  const bool whole = gives([&] { n = record.integer(key); });
  const bool small = value.get_int64().get(other) == simdjson::SUCCESS && std::llabs(other) < std::int64_t{1} << 53;
  promise(whole == small, "an integer is one: " + token);
  if (whole) promise(n == other, "an integer is what is written: " + token);
}

// Lists: each getter takes what its elements are, and no other.
void compare_list(const Record& record, const std::string& key, Element value) {
  simdjson::dom::array array;
  const bool is_list = value.get_array().get(array) == simdjson::SUCCESS;
  promise(record.is_array(key) == is_list, "a list is one");
  bool numbers = is_list, texts = is_list, ids = is_list;
  std::vector<std::string> words;
  std::vector<double> values;
  if (is_list) {
    for (const Element element : array) {
      std::int64_t n = -1;
      numbers = numbers && element.is_number();
      ids = ids && element.get_int64().get(n) == simdjson::SUCCESS && n >= 0 && n <= INT32_MAX;
      if (element.is_number()) values.push_back(double(element));
      texts = texts && element.is_string();
      if (element.is_string()) words.emplace_back(std::string_view(element));
    }
    promise(record.list_shape(key).size == static_cast<std::int64_t>(array.size()), "a list has its size");
  }
  promise(gives([&] {
            const std::vector<double> read = record.numbers(key);
            promise(read == values, "numbers of a list");  // to simdjson -0 is the integer 0, which compares equal
          }) == numbers,
          "a list of numbers is one");
  promise(gives([&] { promise(record.texts(key) == words, "texts of a list"); }) == texts, "a list of strings is one");
  promise(gives([&] { promise(record.ids(key).size() == values.size(), "ids of a list"); }) == ids, "ids are ids");
  const bool singles = gives([&] { promise(record.reals(key).size() == values.size(), "floats of a list"); });
  promise(!singles || numbers, "a list of floats is one of numbers");
}

void compare_field(const Record& record, const std::string& key, Element value, bool plain) {
  std::string_view wanted;
  std::string got;
  const bool is_text = value.get_string().get(wanted) == simdjson::SUCCESS;
  promise(gives([&] { got = record.text(key); }) == is_text && record.is_text(key) == is_text, "a text is one");
  if (is_text) promise(got == wanted, "a text is what is written");
  if (!plain) {
    compare_number(record, key, value);
    compare_list(record, key, value);
  }
  gives([&] { record.messages(key); });
}

}  // namespace

void record(std::string_view input) {
  Record record;
  const bool accepted = accepts("line: ", [&] { record = Record::parse(input, "line"); });

  static simdjson::dom::parser parser;
  if (parser.max_depth() != Record::kMaxDepth || parser.capacity() < input.size()) {
    if (parser.allocate(std::max<std::size_t>(input.size(), 4096), Record::kMaxDepth) != simdjson::SUCCESS) return;
  }
  Element root;
  simdjson::dom::object object;
  const auto reads = [&](std::string_view json) {
    return !json.starts_with("\xEF\xBB\xBF") && parser.parse(json.data(), json.size()).get(root) == simdjson::SUCCESS &&
           root.get_object().get(object) == simdjson::SUCCESS;
  };
  bool good = reads(input);
  const bool plain = !good;  // numbers that simdjson can't hold
  if (plain) good = reads(test::with_plain_numbers(input));
  std::vector<std::pair<std::string, Element>> fields;
  if (good) {
    std::set<std::string> keys;
    for (const auto& [key, value] : object) {
      fields.emplace_back(std::string(key), value);
      good = keys.insert(std::string(key)).second && good;
    }
  }
  promise(accepted == good, accepted ? "a record that is not a JSON object is refused" : "a JSON object is taken");
  if (!accepted) return;
  promise(record.fields().size() == fields.size(), "all fields are there");
  for (std::size_t i = 0; i < fields.size(); ++i) {
    promise(record.fields()[i].key == fields[i].first, "fields have their names");
    compare_field(record, fields[i].first, fields[i].second, plain);
  }
  const std::string line = record.line();
  promise(Record::parse(line, "again").line() == line, "what is written is read as it is");
}

}  // namespace nudge::fuzz
