#include "lib/base/comm.h"

#include <algorithm>

#include "lib/base/parallel.h"

namespace nudge {
namespace {

class Alone : public Comm {
 public:
  Alone() : Comm(0, 1) {}

 private:
  void exchange(int, const void*, std::size_t, void*, std::size_t) override {}
};

Alone alone;
thread_local Comm* world = &alone;

}  // namespace

Comm& comm() { return *world; }

UseComm::UseComm(Comm& use) : before_(world) { world = &use; }
UseComm::~UseComm() { world = before_; }

void Comm::exchange_long(int peer, const std::byte* send, std::size_t send_size, std::byte* receive,
                         std::size_t receive_size) {
  for (std::size_t at = 0; at < std::max(send_size, receive_size); at += kMostExchanged) {
    const auto piece = [&](std::size_t size) { return std::min(kMostExchanged, size - std::min(at, size)); };
    exchange(peer, send + std::min(at, send_size), piece(send_size), receive + std::min(at, receive_size),
             piece(receive_size));
  }
}

// Ranks that have the data send it to as many that have not: log2(size) rounds. In pieces, so that ranks far from rank
// 0 receive the first while it sends the second.
void Comm::broadcast(void* data, std::size_t size) {
  auto* bytes = static_cast<std::byte*>(data);
  for (std::size_t at = 0; at < size; at += kMostExchanged) {
    const std::size_t piece = std::min(kMostExchanged, size - at);
    for (int having = 1; having < size_; having *= 2) {
      if (rank_ < having) exchange(rank_ + having, bytes + at, piece, nullptr, 0);
      else if (rank_ < 2 * having) exchange(rank_ - having, nullptr, 0, bytes + at, piece);
    }
  }
}

void Comm::broadcast(std::string& text) {
  std::uint64_t size = text.size();
  broadcast(&size, sizeof size);
  text.resize(size);
  broadcast(text.data(), text.size());
}

// Blocks of 1, 2, 4, ... adjacent ranks exchange what they have until every rank has everything.
std::vector<std::byte> Comm::gather_bytes(std::span<const std::byte> mine) {
  std::vector<std::byte> all(mine.begin(), mine.end());
  for (int bit = 1; bit < size_; bit *= 2) {
    const int peer = rank_ ^ bit;
    const std::uint64_t have = all.size();
    std::uint64_t get = 0;
    exchange(peer, &have, sizeof have, &get, sizeof get);
    std::vector<std::byte> other(get);
    exchange_long(peer, all.data(), all.size(), other.data(), other.size());
    if (rank_ < peer) all.insert(all.end(), other.begin(), other.end());
    else all.insert(all.begin(), other.begin(), other.end());
  }
  return all;
}

bool Comm::any(bool mine) {
  const unsigned char one = mine;
  const auto all = gather(std::span(&one, 1));
  return std::any_of(all.begin(), all.end(), [](unsigned char x) { return x != 0; });
}

// values[kept] += the peer's values; the peer adds values[sent]. In pieces, so that they are added from the cache.
void Comm::add_from(int peer, float* values, Range sent, Range kept) {
  constexpr std::int64_t kFloats = kMostExchanged / sizeof(float);
  received_.reserve(std::min(kFloats, kept.size()));
  for (std::int64_t at = 0; at < std::max(sent.size(), kept.size()); at += kFloats) {
    const auto piece = [&](Range r) { return std::clamp<std::int64_t>(r.size() - at, 0, kFloats); };
    const auto bytes = [&](Range r) { return static_cast<std::size_t>(piece(r)) * sizeof(float); };
    exchange(peer, values + sent.begin + std::min(at, sent.size()), bytes(sent), received_.data(), bytes(kept));
    float* to = values + kept.begin + at;
    parallel_ranges(piece(kept), 65536, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] += received_[i];
    });
  }
}

// Recursive halving: at distance 1, 2, 4, ... a rank keeps half of its range, adds its peer's values to it and sends
// the other half; then the halves travel back. So each number is summed by one rank, and all by the same tree: after
// the first step it is the sum of two adjacent ranks, after the second of four, and a + b is b + a.
void Comm::sum(float* values, std::int64_t n) {
  Range mine{0, n};
  std::vector<Range> given;
  for (int bit = 1; bit < size_; bit *= 2) {
    const std::int64_t middle = mine.begin + mine.size() / 2;
    Range kept{mine.begin, middle}, sent{middle, mine.end};
    if ((rank_ & bit) != 0) std::swap(kept, sent);
    add_from(rank_ ^ bit, values, sent, kept);
    given.push_back(sent);
    mine = kept;
  }
  for (int bit = size_ / 2; bit > 0; bit /= 2, given.pop_back()) {
    const Range back = given.back();
    const auto bytes = [&](Range r) { return static_cast<std::size_t>(r.size()) * sizeof(float); };
    exchange_long(rank_ ^ bit, reinterpret_cast<const std::byte*>(values + mine.begin), bytes(mine),
                  reinterpret_cast<std::byte*>(values + back.begin), bytes(back));
    mine = {std::min(mine.begin, back.begin), std::max(mine.end, back.end)};
  }
}

}  // namespace nudge
