// Communication between the ranks 0, 1, ... of a world. A program is a world of one until it joins the world that a
// launcher started it in. Messages are bytes, exchanged in pairs. All sums are computed here, never by the
// message-passing library, in an order that does not depend on the number of ranks: law (g).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "lib/base/buffer.h"

namespace nudge {

// All functions but rank, size and end_all are collective: every rank calls them, in the same order, from one thread.
// The number of ranks must be a power of two. In a world of one they do nothing.
class Comm {
 public:
  virtual ~Comm() = default;
  Comm(const Comm&) = delete;
  Comm& operator=(const Comm&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool first() const { return rank_ == 0; }  // the rank that reads, writes and reports

  // Copies rank 0's bytes to all ranks.
  void broadcast(void* data, std::size_t size);
  void broadcast(std::string& text);  // of any length

  // The items of all ranks, concatenated in rank order; their numbers may differ.
  template <class T>
  std::vector<T> gather(std::span<const T> mine) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<std::byte> bytes = gather_bytes(std::as_bytes(mine));
    std::vector<T> all(bytes.size() / sizeof(T));
    if (!all.empty()) std::memcpy(static_cast<void*>(all.data()), bytes.data(), bytes.size());
    return all;
  }
  template <class T>
  std::vector<T> gather(const std::vector<T>& mine) {
    return gather(std::span<const T>(mine));
  }

  // Whether `mine` is true in any rank.
  bool any(bool mine);
  // Returns once all ranks have called it.
  void barrier() { any(false); }

  // values[n] becomes, in every rank, the sum over ranks ((r0 + r1) + (r2 + r3)) + ..., a binary tree over adjacent
  // ranks, no matter which rank adds which part of the array. Denormals are flushed.
  void sum(float* values, std::int64_t n);

  // Ends all ranks, including this one, with a status. Returns in a world of one.
  virtual void end_all(int status) { static_cast<void>(status); }

 protected:
  Comm(int rank, int size) : rank_(rank), size_(size) {}

 private:
  struct Range {
    std::int64_t begin, end;
    std::int64_t size() const { return end - begin; }
  };

  // Simultaneously sends `send_size` bytes to `peer` and receives `receive_size` from it, at most kMostExchanged each
  // way. The peer calls it with the sizes swapped.
  virtual void exchange(int peer, const void* send, std::size_t send_size, void* receive, std::size_t receive_size) = 0;

  void exchange_long(int peer, const std::byte* send, std::size_t send_size, std::byte* receive,
                     std::size_t receive_size);
  std::vector<std::byte> gather_bytes(std::span<const std::byte> mine);
  void add_from(int peer, float* values, Range sent, Range kept);

  int rank_, size_;
  Buffer<float> received_;
};

inline constexpr std::size_t kMostExchanged = std::size_t{1} << 22;  // bytes per message

// The calling thread's world.
Comm& comm();

// Makes `world` the calling thread's for the lifetime of the object. For tests, whose ranks are threads.
class UseComm {
 public:
  explicit UseComm(Comm& world);
  ~UseComm();
  UseComm(const UseComm&) = delete;
  UseComm& operator=(const UseComm&) = delete;

 private:
  Comm* before_;
};

// Joins, through MPI, the world of `ranks` ranks that mpirun or srun started this process in. Loads libnudge-mpi.so,
// which is built beside this library if MPI is installed. Errors: kUsage if it is absent or the world has another size,
// kIo if MPI fails.
void join_world(int ranks);
// Call in every rank before the process ends normally.
void leave_world();

}  // namespace nudge
