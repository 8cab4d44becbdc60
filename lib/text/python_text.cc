#include "lib/text/python_text.h"

#include <algorithm>
#include <cstring>

#include "lib/text/unicode.h"

namespace nudge::python {
namespace {

template <class F>
std::string_view without(std::string_view text, Side side, F goes) {
  std::size_t begin = 0, end = text.size();
  while (side != Side::kEnd && begin < end) {
    std::size_t next = begin;
    if (!goes(next_char(text, next))) break;
    begin = next;
  }
  while (side != Side::kStart && begin < end) {
    std::size_t before = end;
    if (!goes(previous_char(text, before))) break;
    end = before;
  }
  return text.substr(begin, end - begin);
}

// The first position from `at` on whose character is white space, or isn't.
std::size_t find(std::string_view text, std::size_t at, bool space) {
  while (at < text.size()) {
    std::size_t next = at;
    if (is_space(next_char(text, next)) == space) break;
    at = next;
  }
  return at;
}

}  // namespace

bool is_space(std::uint32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::size_t skip_space(std::string_view text, std::size_t at) { return find(text, at, false); }
std::size_t find_space(std::string_view text, std::size_t at) { return find(text, at, true); }

std::string_view stripped(std::string_view text, Side side) { return without(text, side, is_space); }

std::string_view stripped(std::string_view text, std::string_view characters, Side side) {
  std::vector<std::uint32_t> set;
  for (std::size_t at = 0; at < characters.size();) set.push_back(next_char(characters, at));
  std::sort(set.begin(), set.end());
  return without(text, side, [&](std::uint32_t c) { return std::binary_search(set.begin(), set.end(), c); });
}

std::size_t find_part(std::string_view text, std::string_view part, std::size_t at) {
  if (at > text.size()) return text.npos;
  const void* const found = memmem(text.data() + at, text.size() - at, part.data(), part.size());
  return found == nullptr ? text.npos : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::vector<std::string_view> split(std::string_view text, std::int64_t most) {
  std::vector<std::string_view> parts;
  std::size_t at = skip_space(text);
  for (; at < text.size() && most != 0; --most) {
    const std::size_t end = find_space(text, at);
    parts.push_back(text.substr(at, end - at));
    at = skip_space(text, end);
  }
  if (at < text.size()) parts.push_back(text.substr(at));
  return parts;
}

std::vector<std::string_view> split(std::string_view text, std::string_view by, std::int64_t most) {
  std::vector<std::string_view> parts;
  std::size_t done = 0;
  for (std::size_t at; most != 0 && (at = find_part(text, by, done)) != text.npos; --most) {
    parts.push_back(text.substr(done, at - done));
    done = at + by.size();
  }
  parts.push_back(text.substr(done));
  return parts;
}

std::vector<std::string_view> split_last(std::string_view text, std::int64_t most) {
  std::vector<std::string_view> parts;
  text = stripped(text, Side::kEnd);
  for (; !text.empty() && most != 0; --most) {
    std::size_t begin = text.size();
    while (begin > 0) {
      std::size_t before = begin;
      if (is_space(previous_char(text, before))) break;
      begin = before;
    }
    parts.push_back(text.substr(begin));
    text = stripped(text.substr(0, begin), Side::kEnd);
  }
  if (!text.empty()) parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_last(std::string_view text, std::string_view by, std::int64_t most) {
  std::vector<std::string_view> parts;
  for (std::size_t at; most != 0 && text.size() >= by.size() && (at = text.rfind(by)) != text.npos; --most) {
    parts.push_back(text.substr(at + by.size()));
    text = text.substr(0, at);
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> lines(std::string_view text, bool keep_ends) {
  const auto ends = [](std::uint32_t c) {
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
  };
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0, at = 0; at < text.size();) {
    const std::size_t end = at;
    const std::uint32_t c = next_char(text, at);
    if (c == 0x0D && at < text.size() && text[at] == 0x0A) ++at;
    const bool last = at == text.size();
    if (!ends(c) && !last) continue;
    parts.push_back(text.substr(begin, (ends(c) && !keep_ends ? end : at) - begin));
    begin = at;
  }
  return parts;
}

std::size_t count(std::string_view text, std::string_view part) {
  if (part.empty()) return length(text) + 1;
  std::size_t n = 0;
  for (std::size_t at = 0; (at = find_part(text, part, at)) != text.npos; at += part.size()) ++n;
  return n;
}

std::string replaced(std::string_view text, std::string_view part, std::string_view by, std::int64_t most) {
  std::string out;
  std::size_t done = 0;
  if (part.empty()) {
    for (; most != 0 && done < text.size(); --most) {
      const std::size_t begin = done;
      next_char(text, done);
      out.append(by).append(text, begin, done - begin);
    }
    out.append(text, done);
    return most != 0 ? out.append(by) : out;
  }
  for (std::size_t at; most != 0 && (at = find_part(text, part, done)) != text.npos; --most) {
    out.append(text, done, at - done).append(by);
    done = at + part.size();
  }
  return out.append(text, done);
}

std::size_t length(std::string_view text) {
  std::size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    next_char(text, at);
    out.push_back(text.substr(begin, at - begin));
  }
  return out;
}

}  // namespace nudge::python
