// Scans JSON text, many bytes at a time, and yields slices of it, so that fields pass through untouched and floats are
// rounded once; simdjson gives no slices and reads every number as a double. Internal to lib/io.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "lib/base/arch.h"

namespace nudge {

// A JSON number as written: digits 10^exponent with its sign, if `exact`. Otherwise it has more than 19 digits or an
// exponent of more than 4 digits, and `digits` and `exponent` are meaningless.
struct Decimal {
  std::uint64_t digits = 0;
  int exponent = 0;
  bool negative = false;
  bool exact = true;
  bool integer = true;  // neither point nor exponent
};

// Scans the number at `p`; returns its end, or null if there is none.
const char* scan_number(const char* p, const char* end, Decimal& number);

namespace detail {

constexpr double kTens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int kMostTens = 22;  // larger powers of ten are not exact doubles

// Whether x is midway between two adjacent normal floats, so that a rounded double may be on either side.
inline bool is_midpoint(double x) { return (std::bit_cast<std::uint64_t>(x) & 0x1FFFFFFF) == 0x10000000; }

template <class T>
std::optional<T> read_slowly(std::string_view token);

}  // namespace detail

// Its value, rounded once, to nearest even (below the smallest subnormal: a zero of its sign); `token` is its text.
// Nothing if it is out of range. Digits up to 2^53 and powers up to 10^22 are exact doubles, so that their product or
// quotient is rounded once. Rounding that to float again changes nothing unless it is a midpoint of two floats. (No
// float from 10^-22 to 10^38 is subnormal.)
template <class T>
std::optional<T> value_of(const Decimal& number, std::string_view token) {
  if (number.exact && number.digits <= std::uint64_t{1} << 53 && std::abs(number.exponent) <= detail::kMostTens) {
    const auto digits = static_cast<double>(number.digits);
    const double x =
        number.exponent < 0 ? digits / detail::kTens[-number.exponent] : digits * detail::kTens[number.exponent];
    if (sizeof(T) == sizeof(double) || !detail::is_midpoint(x)) return static_cast<T>(number.negative ? -x : x);
  }
  return detail::read_slowly<T>(token);
}

inline bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
inline const char* skip_space(const char* p, const char* end) {
  while (p != end && is_space(*p)) ++p;
  return p;
}

// The end of the value at `p`, which must be valid JSON; otherwise some position within the text.
const char* skip_value(const char* p, const char* end);

namespace detail {

inline std::uint64_t word_at(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kPowers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

// The value of the first n <= 8 digits of a word, xored with '0', the first digit in the lowest byte. Shifts them after
// zeros, then combines pairs, fours and all eight.
inline std::uint64_t number_of(std::uint64_t digits, int n) {
  digits = digits << (4 * (8 - n)) << (4 * (8 - n));
  digits = digits * 10 + (digits >> 8);
  constexpr std::uint64_t kPairs = 0x000000FF000000FF;
  return ((digits & kPairs) * (100 + (1000000ULL << 32)) + (digits >> 16 & kPairs) * (1 + (10000ULL << 32))) >> 32;
}

// Scans a number without exponent that is followed by a comma, within 16 bytes. Returns its size, or 0 if there is
// none. What follows depends on the position of the comma alone, not on the digits.
template <bool kValue>
[[gnu::always_inline]] inline int scan_short(const char* p, Decimal& number) {
  const arch::Bytes16 text = arch::load_bytes(p);
  const unsigned commas = arch::equal_to(text, ',');
  if (commas == 0) return 0;
  const int size = std::countr_zero(commas);
  const unsigned digits = arch::digits_of(text);
  const int sign = *p == '-';
  const int whole = std::countr_one(digits >> sign), point = sign + whole;
  if (whole == 0 || (whole > 1 && p[sign] == '0')) return 0;
  int decimals = 0;
  if (point != size) {
    decimals = std::countr_one(digits >> (point + 1));
    if (p[point] != '.' || decimals == 0 || point + 1 + decimals != size) return 0;
  }
  if (kValue) {
    const auto take = [&](const char* from, int n) {
      if (n > 8) {
        number.digits = number.digits * kPowers[8] + number_of(word_at(from) ^ kOnes * '0', 8);
        from += 8, n -= 8;
      }
      number.digits = number.digits * kPowers[n] + number_of(word_at(from) ^ kOnes * '0', n);
    };
    number = {0, -decimals, sign != 0, true, point == size};
    take(p + sign, whole);
    if (decimals > 0) take(p + point + 1, decimals);
  }
  return size;
}

}  // namespace detail

// Calls use(number, its text) for each element of a list whose opening bracket is before `p`; with kValue false, short
// numbers without exponent are skipped. True if all are numbers up to the closing bracket: `p` is then after it, else
// at the error.
template <bool kValue, class F>
bool scan_numbers(const char*& p, const char* end, F use) {
  p = skip_space(p, end);
  if (p != end && *p == ']') return ++p, true;
  while (true) {
    constexpr std::ptrdiff_t kReach = 32;  // bytes that scan_short may look at
    Decimal number;
    while (end - p >= kReach) {
      const int size = detail::scan_short<kValue>(p, number);
      if (size == 0) break;
      if (kValue) use(number, std::string_view(p, static_cast<std::size_t>(size)));
      p += size + 1;
      if (*p == ' ') ++p;
    }
    p = skip_space(p, end);
    const char* const after = scan_number(p, end, number);
    if (after == nullptr) return false;
    use(number, std::string_view(p, static_cast<std::size_t>(after - p)));
    const char* const next = skip_space(after, end);
    if (next == end || (*next != ',' && *next != ']')) return false;
    p = next + 1;
    if (*next == ']') return true;
    p = skip_space(p, end);
  }
}

// The end of the string or value at `p` if it is valid (UTF-8 is not checked), null if it is invalid. If only simdjson
// can tell, `doubtful` is set and the end is that of a valid one.
const char* scan_string(const char* p, const char* end, bool& doubtful);
const char* scan_value(const char* p, const char* end, bool& doubtful);

}  // namespace nudge
