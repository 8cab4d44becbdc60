#include "lib/io/scan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>

namespace nudge {
namespace {

using detail::kOnes, detail::kPowers, detail::number_of, detail::word_at;

constexpr std::uint64_t kHighBits = 0x8080808080808080;
constexpr int kWord = 8;  // bytes

// The number of bytes before the first marked one, given tests that set high bits (reliably only up to the first).
int bytes_before(std::uint64_t marks) { return std::countr_zero(marks) / 8; }  // 8 if none is marked

// Appends the digits at `p` to `number` and moves `p` after them; returns their count.
std::ptrdiff_t take_digits(const char*& p, const char* end, std::uint64_t& number) {
  const char* const begin = p;
  while (end - p >= kWord) {
    const std::uint64_t digits = word_at(p) ^ kOnes * '0';
    const int n = bytes_before((digits | (digits + kOnes * (0x7F - 9))) & kHighBits);
    number = number * kPowers[n] + number_of(digits, n);
    p += n;
    if (n < kWord) return p - begin;
  }
  for (; p != end && *p >= '0' && *p <= '9'; ++p) number = number * 10 + static_cast<std::uint64_t>(*p - '0');
  return p - begin;
}

// The first quote, backslash or control character.
const char* skip_plain(const char* p, const char* end) {
  const auto zeros = [](std::uint64_t word) { return (word - kOnes) & ~word; };
  for (; end - p >= kWord; p += kWord) {
    const std::uint64_t word = word_at(p);
    const std::uint64_t control = (word - kOnes * 0x20) & ~word;
    const std::uint64_t marks = (control | zeros(word ^ kOnes * '"') | zeros(word ^ kOnes * '\\')) & kHighBits;
    if (marks != 0) return p + bytes_before(marks);
  }
  while (p != end && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20) ++p;
  return p;
}

const char* skip_string(const char* p, const char* end) {  // from the opening quote to after the closing one
  for (++p; p != end && *p != '"'; ++p) {
    if (*p == '\\' && end - p > 1) ++p;
  }
  return p == end ? end : p + 1;
}

bool starts_number(char c) { return c == '-' || (c >= '0' && c <= '9'); }

// Whether a double, and for an integer also 64 bits, certainly holds it.
bool is_ordinary(const Decimal& number) {
  constexpr std::uint64_t kLargest = 1000000000000000000;
  constexpr int kMostExponent = 280;
  return number.exact && number.digits < kLargest && std::abs(number.exponent) < kMostExponent;
}

const char* scan_list(const char* p, const char* end, bool& doubtful) {
  const char* at = p + 1;
  if (scan_numbers<false>(at, end, [&](const Decimal& number, std::string_view) {
        if (!is_ordinary(number)) doubtful = true;
      })) {
    return at;
  }
  doubtful = true;
  return skip_value(p, end);
}

}  // namespace

const char* scan_number(const char* p, const char* end, Decimal& number) {
  number = {};
  number.negative = p != end && *p == '-';
  if (number.negative) ++p;
  const char* const first = p;
  std::ptrdiff_t size = take_digits(p, end, number.digits);
  if (size == 0 || (size > 1 && *first == '0')) return nullptr;
  if (p != end && *p == '.') {
    ++p;
    const std::ptrdiff_t decimals = take_digits(p, end, number.digits);
    if (decimals == 0) return nullptr;
    size += decimals;
    number.exponent = -static_cast<int>(std::min<std::ptrdiff_t>(decimals, 20));
    number.integer = false;
  }
  number.exact = size <= 19;
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    const bool negative = p != end && *p == '-';
    if (p != end && (*p == '-' || *p == '+')) ++p;
    std::uint64_t exponent = 0;
    const std::ptrdiff_t digits = take_digits(p, end, exponent);
    if (digits == 0) return nullptr;
    if (digits > 4) number.exact = false;
    else number.exponent += negative ? -static_cast<int>(exponent) : static_cast<int>(exponent);
    number.integer = false;
  }
  return p;
}

// from_chars reports both overflow and underflow as "out of range"; strtod of the same token gives an infinity or a
// tiny number (or 0).
template <class T>
std::optional<T> detail::read_slowly(std::string_view token) {
  T value{};
  if (std::from_chars(token.data(), token.data() + token.size(), value).ec == std::errc{}) return value;
  if (std::abs(std::strtod(std::string(token).c_str(), nullptr)) >= 1) return {};
  return token[0] == '-' ? -T{0} : T{0};
}

template std::optional<float> detail::read_slowly(std::string_view);
template std::optional<double> detail::read_slowly(std::string_view);

const char* skip_value(const char* p, const char* end) {
  if (*p == '"') return skip_string(p, end);
  if (*p != '{' && *p != '[') {
    while (p != end && *p != ',' && *p != '}' && *p != ']' && !is_space(*p)) ++p;
    return p;
  }
  for (int depth = 0; p != end;) {
    if (*p == '"') {
      p = skip_string(p, end);
      continue;
    }
    const char c = *p++;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return p;
}

const char* scan_string(const char* p, const char* end, bool& doubtful) {
  if (p == end || *p != '"') return nullptr;
  for (++p;; p += 2) {
    p = skip_plain(p, end);
    if (p == end) return nullptr;
    if (*p == '"') return p + 1;
    if (*p != '\\' || end - p < 2) return nullptr;
    constexpr std::string_view kEscapes = "\"\\/bfnrt";
    if (kEscapes.find(p[1]) == std::string_view::npos) doubtful = true;  // \u: surrogates come in pairs
  }
}

const char* scan_value(const char* p, const char* end, bool& doubtful) {
  if (p == end) return nullptr;
  if (*p == '"') return scan_string(p, end, doubtful);
  if (*p == '[') return scan_list(p, end, doubtful);
  if (Decimal number; starts_number(*p)) {
    p = scan_number(p, end, number);
    if (!is_ordinary(number)) doubtful = true;
    return p;
  }
  const char* const value_end = skip_value(p, end);
  const std::string_view text(p, static_cast<std::size_t>(value_end - p));
  if (text != "true" && text != "false" && text != "null") doubtful = true;
  return value_end;
}

}  // namespace nudge
