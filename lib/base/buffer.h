// Owned, aligned, zeroed arrays, whose raw pointers kernels take.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace nudge {

// A fixed-size array aligned to a cache line, or to a huge page if it fills one. Unlike std::vector it is never copied
// by accident, and allocating it touches no pages (calloc hands out zero pages lazily).
template <class T>
class Buffer {
 public:
  static constexpr std::size_t kAlignment = 64, kHugePage = std::size_t{1} << 21;

  Buffer() = default;
  // Throws std::bad_alloc, also for impossible sizes.
  explicit Buffer(std::int64_t size) : size_(size), capacity_(size) {
    if (size == 0) return;
    if (size < 0 || static_cast<std::uint64_t>(size) > (PTRDIFF_MAX - kHugePage) / sizeof(T)) throw std::bad_alloc();
    // calloc, then aligned by hand: aligned_alloc does not zero, and memset would touch all pages.
    const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(T);
    const std::size_t alignment = bytes < kHugePage ? kAlignment : kHugePage;
    raw_ = std::calloc(bytes + alignment, 1);
    if (raw_ == nullptr) throw std::bad_alloc();
    const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(raw_) + alignment - 1) / alignment * alignment;
    data_ = reinterpret_cast<T*>(begin);
    // Asks for pages of 2 MiB: one fault instead of 512, and fewer TLB misses. Not an error if there are none.
    if (bytes >= kHugePage) ::madvise(data_, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(raw_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::int64_t size() const { return size_; }
  T& operator[](std::int64_t i) { return data_[i]; }
  const T& operator[](std::int64_t i) const { return data_[i]; }
  std::span<T> span() { return {data_, static_cast<std::size_t>(size_)}; }
  std::span<const T> span() const { return {data_, static_cast<std::size_t>(size_)}; }

  void zero() {
    if (size_ > 0) std::memset(static_cast<void*>(data_), 0, static_cast<std::size_t>(size_) * sizeof(T));
  }
  // Grows to at least `size` elements. Growing discards the content.
  void reserve(std::int64_t size) {
    if (size > size_) *this = Buffer(size);
  }
  // Holds `size` elements from now on, whose content is undefined. Keeps its memory if that was ever large enough.
  void resize(std::int64_t size) {
    if (size > capacity_) *this = Buffer(size);
    size_ = size;
  }
  Buffer copy() const {
    Buffer other(size_);
    if (size_ > 0) std::memcpy(static_cast<void*>(other.data_), data_, static_cast<std::size_t>(size_) * sizeof(T));
    return other;
  }

 private:
  void swap(Buffer& other) {
    std::swap(raw_, other.raw_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  void* raw_ = nullptr;
  T* data_ = nullptr;
  std::int64_t size_ = 0, capacity_ = 0;
};

}  // namespace nudge
