// The processes that work on one thing together: the ranks 0, 1, ... of a world. A program is a world of one until it
// joins the world that a launcher started it in. Messages are bytes, exchanged in pairs; numbers are added here, in an
// order that the number of ranks doesn't change (docs/determinism.md): no message-passing library adds any.
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

// All of its functions but rank, size and end_all are called by every rank, in the same order, from one thread, and
// need a number of ranks that is a power of two. In a world of one they are no work.
class Comm {
 public:
  virtual ~Comm() = default;
  Comm(const Comm&) = delete;
  Comm& operator=(const Comm&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool first() const { return rank_ == 0; }  // the one that reads, writes and speaks

  // Rank 0's bytes become everybody's.
  void broadcast(void* data, std::size_t size);
  void broadcast(std::string& text);  // whose length only rank 0 needs to know

  // Every rank's items, one rank's after the other's in the order of the ranks; their numbers may differ.
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

  // Whether it is so in any of the ranks.
  bool any(bool mine);
  // Returns when all have called it.
  void barrier() { any(false); }

  // values[n] becomes in every rank the sum over the ranks r: ((r0 + r1) + (r2 + r3)) + ..., a binary tree over
  // adjacent ones, whatever part of the array a rank adds up for the others. Denormals are flushed.
  void sum(float* values, std::int64_t n);

  // Ends all ranks, this one among them, with a status; returns in a world of one.
  virtual void end_all(int status) { static_cast<void>(status); }

 protected:
  Comm(int rank, int size) : rank_(rank), size_(size) {}

 private:
  struct Range {
    std::int64_t begin, end;
    std::int64_t size() const { return end - begin; }
  };

  // Sends so many bytes to a rank and receives so many from it, at the same time; at most kMostExchanged each way.
  // The peer calls it with the numbers exchanged.
  virtual void exchange(int peer, const void* send, std::size_t send_size, void* receive, std::size_t receive_size) = 0;

  void exchange_long(int peer, const std::byte* send, std::size_t send_size, std::byte* receive,
                     std::size_t receive_size);
  std::vector<std::byte> gather_bytes(std::span<const std::byte> mine);
  void add_from(int peer, float* values, Range sent, Range kept);

  int rank_, size_;
  Buffer<float> received_;
};

inline constexpr std::size_t kMostExchanged = std::size_t{1} << 22;  // bytes of a message

// The calling thread's world.
Comm& comm();

// Makes `world` the calling thread's for the lifetime of the object: tests have threads for ranks.
class UseComm {
 public:
  explicit UseComm(Comm& world);
  ~UseComm();
  UseComm(const UseComm&) = delete;
  UseComm& operator=(const UseComm&) = delete;

 private:
  Comm* before_;
};

// Joins, through MPI, the world that mpirun or srun started this process in, which has to have `ranks` ranks; loads
// libnudge-mpi.so, which stands beside this library where MPI was there to build it. Errors: kUsage where it isn't
// there or the world has another size, kIo where MPI fails.
void join_world(int ranks);
// Before the process ends as it should: all ranks have come so far.
void leave_world();

}  // namespace nudge
