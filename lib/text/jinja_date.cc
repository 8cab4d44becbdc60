// strftime() of a date at midnight, in the C locale and without time zone.
#include <chrono>
#include <cstdio>

#include "lib/text/jinja_functions.h"
#include "lib/text/python_text.h"

namespace nudge::jinja {
namespace {

constexpr const char* kDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr const char* kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                   "July",    "August",   "September", "October", "November", "December"};

struct Day {
  explicit Day(const Date& date) : year(date.year), month(date.month), day(date.day) {
    using namespace std::chrono;
    const sys_days today = std::chrono::year{year} / date.month / date.day;
    weekday = static_cast<int>(std::chrono::weekday(today).c_encoding());
    of_year = static_cast<int>((today - sys_days(std::chrono::year{year} / January / 1)).count());
    // An ISO week belongs to the year of its Thursday.
    const sys_days thursday = today + days(4 - (weekday == 0 ? 7 : weekday));
    iso_year = static_cast<int>(year_month_day(thursday).year());
    iso_week = static_cast<int>((thursday - sys_days(std::chrono::year{iso_year} / January / 1)).count()) / 7 + 1;
  }
  int year, month, day, weekday = 0, of_year = 0, iso_year = 0, iso_week = 0;
};

// The format of a number: width and padding.
struct Number {
  int value, width;
  char fill;
};

bool number_of(const Day& d, char code, Number& n) {
  switch (code) {
    case 'd': n = {d.day, 2, '0'}; return true;
    case 'e': n = {d.day, 2, ' '}; return true;
    case 'm': n = {d.month, 2, '0'}; return true;
    case 'y': n = {d.year % 100, 2, '0'}; return true;
    case 'Y': n = {d.year, 4, '0'}; return true;
    case 'C': n = {d.year / 100, 2, '0'}; return true;
    case 'G': n = {d.iso_year, 4, '0'}; return true;
    case 'g': n = {d.iso_year % 100, 2, '0'}; return true;
    case 'V': n = {d.iso_week, 2, '0'}; return true;
    case 'j': n = {d.of_year + 1, 3, '0'}; return true;
    case 'H':
    case 'M':
    case 'S': n = {0, 2, '0'}; return true;
    case 'k': n = {0, 2, ' '}; return true;
    case 'I': n = {12, 2, '0'}; return true;
    case 'l': n = {12, 2, ' '}; return true;
    case 'u': n = {d.weekday == 0 ? 7 : d.weekday, 1, '0'}; return true;
    case 'w': n = {d.weekday, 1, '0'}; return true;
    case 'U': n = {(d.of_year + 7 - d.weekday) / 7, 2, '0'}; return true;
    case 'W': n = {(d.of_year + 7 - (d.weekday + 6) % 7) / 7, 2, '0'}; return true;
    default: return false;
  }
}

std::string digits(const Number& n) {
  std::string text = std::to_string(n.value);
  if (n.fill != '\0' && static_cast<int>(text.size()) < n.width) {
    text.insert(0, static_cast<std::size_t>(n.width) - text.size(), n.fill);
  }
  return text;
}

// The expansion of a composite code, or null.
const char* longer(char code) {
  switch (code) {
    case 'D':
    case 'x': return "%m/%d/%y";
    case 'F': return "%Y-%m-%d";
    case 'T':
    case 'X': return "%H:%M:%S";
    case 'R': return "%H:%M";
    case 'r': return "%I:%M:%S %p";
    case 'c': return "%a %b %e %H:%M:%S %Y";
    default: return nullptr;
  }
}

bool word_of(const Day& d, char code, std::string& word) {
  const std::string day = kDays[d.weekday], month = kMonths[d.month - 1];
  switch (code) {
    case 'a': word = day.substr(0, 3); return true;
    case 'A': word = day; return true;
    case 'b':
    case 'h': word = month.substr(0, 3); return true;
    case 'B': word = month; return true;
    case 'p': word = "AM"; return true;
    case 'P': word = "am"; return true;
    case 'f': word = "000000"; return true;
    case 'n': word = "\n"; return true;
    case 't': word = "\t"; return true;
    case '%': word = "%"; return true;
    case 'z':
    case 'Z': word = ""; return true;
    default: return false;
  }
}

}  // namespace

std::string strftime(const Date& date, const std::string& format) {
  if (date.year < 1000) fail_unsupported("strftime_now of a year before 1000");
  const Day day(date);
  std::string out;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    char flag = '\0';
    if (++at < format.size() && std::string_view("-_0").find(format[at]) != std::string_view::npos) flag = format[at++];
    const char code = at < format.size() ? format[at] : '\0';
    Number n{};
    std::string word;
    if (number_of(day, code, n)) {
      if (flag != '\0') n.fill = flag == '-' ? '\0' : flag == '_' ? ' ' : '0';
      out += digits(n);
    } else if (flag == '\0' && longer(code) != nullptr) {
      out += strftime(date, longer(code));
    } else if (flag == '\0' && word_of(day, code, word)) {
      out += word;
    } else {
      const std::size_t begin = flag == '\0' ? at : at - 1;
      fail_unsupported("the code %" + format.substr(begin, at + 1 - begin) + " of strftime_now");
    }
    check_text(out.size());
  }
  return out;
}

}  // namespace nudge::jinja
