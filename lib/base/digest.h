// Digests identify content: XXH3, 128 bits, written as 32 hexadecimal digits. They detect accidents, not forgery.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace nudge {

class Digest {
 public:
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  Digest& bytes(const void* data, std::size_t size);
  Digest& text(std::string_view s);  // length first, so that ("ab","c") and ("a","bc") differ
  Digest& number(std::int64_t n);
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nudge
