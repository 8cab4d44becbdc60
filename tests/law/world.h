// A world whose ranks are threads of one process, so that what ranks do together is tested where there is no MPI.
#pragma once

#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/comm.h"

namespace nudge::test {

// One rank computes at a time: the lock is given up only while waiting for a message, so nothing is shared by accident.
struct Mailboxes {
  std::mutex turn;
  std::condition_variable arrived;
  std::map<std::pair<int, int>, std::deque<std::string>> letters;  // (from, to)
  std::size_t exchanges = 0;
  bool failed = false;  // a rank: nobody waits for it any more
};

class ThreadComm : public Comm {
 public:
  ThreadComm(int rank, int size, Mailboxes& boxes, std::unique_lock<std::mutex>& turn)
      : Comm(rank, size), boxes_(boxes), turn_(turn) {}

 private:
  void exchange(int peer, const void* send, std::size_t send_size, void* receive, std::size_t receive_size) override {
    if (send_size > kMostExchanged || receive_size > kMostExchanged) throw std::runtime_error("a message is too long");
    ++boxes_.exchanges;
    boxes_.letters[{rank(), peer}].emplace_back(static_cast<const char*>(send), send_size);
    boxes_.arrived.notify_all();
    auto& mine = boxes_.letters[{peer, rank()}];
    boxes_.arrived.wait(turn_, [&] { return !mine.empty() || boxes_.failed; });
    if (mine.empty()) throw std::runtime_error("another rank has failed");
    if (mine.front().size() != receive_size) throw std::runtime_error("a message of another size than was expected");
    if (receive_size > 0) std::memcpy(receive, mine.front().data(), receive_size);
    mine.pop_front();
  }

  Mailboxes& boxes_;
  std::unique_lock<std::mutex>& turn_;
};

// f() in each of `size` ranks; their results by rank. A failure of one is thrown again.
template <class F>
auto in_world(int size, const F& f) {
  using Result = decltype(f());
  Mailboxes boxes;
  std::vector<Result> results(static_cast<std::size_t>(size));
  std::exception_ptr failure;
  std::vector<std::thread> ranks;
  for (int r = 0; r < size; ++r)
    ranks.emplace_back([&, r] {
      std::unique_lock turn(boxes.turn);
      ThreadComm world(r, size, boxes, turn);
      const UseComm use(world);
      try {
        results[static_cast<std::size_t>(r)] = f();
      } catch (...) {
        if (!failure) failure = std::current_exception();
        boxes.failed = true;
        boxes.arrived.notify_all();
      }
    });
  for (std::thread& t : ranks) t.join();
  if (failure) std::rethrow_exception(failure);
  return results;
}

}  // namespace nudge::test
