// What ranks tell each other: bytes arrive whole and in order, and a sum is the binary tree over adjacent ranks,
// whatever its length and however it was cut.
#include <numeric>

#include "tests/law/law.h"
#include "tests/law/world.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// A rank's numbers: of all sizes, so that another order has other bits. There are millions of them: a multiplication
// is all that they may cost.
Floats numbers(int rank, std::int64_t n) {
  Floats x(static_cast<std::size_t>(n));
  std::uint64_t bits = 11 + static_cast<std::uint64_t>(rank);
  for (std::size_t i = 0; i < x.size(); ++i) {
    bits = bits * 6364136223846793005u + 1442695040888963407u;
    x[i] = static_cast<float>(static_cast<std::int32_t>(bits >> 32)) * (i % 3 == 0 ? 1e4f : 1.0f);
  }
  return x;
}

// ((x0 + x1) + (x2 + x3)) + ..., written down for each size.
float tree(const std::vector<float>& x) {
  if (x.size() == 1) return x[0];
  if (x.size() == 2) return x[0] + x[1];
  if (x.size() == 4) return (x[0] + x[1]) + (x[2] + x[3]);
  return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
}

Floats summed(std::int64_t n, int ranks, float (*add)(const std::vector<float>&)) {
  std::vector<Floats> all;
  for (int r = 0; r < ranks; ++r) all.push_back(numbers(r, n));
  Floats sum(static_cast<std::size_t>(n));
  std::vector<float> x(all.size());
  for (std::size_t i = 0; i < sum.size(); ++i) {
    for (std::size_t r = 0; r < x.size(); ++r) x[r] = all[r][i];
    sum[i] = add(x);
  }
  return sum;
}

float chain(const std::vector<float>& x) { return std::accumulate(x.begin(), x.end(), 0.0f); }

std::vector<Floats> sums(std::int64_t n, int ranks) {
  return in_world(ranks, [n] {
    Floats mine = numbers(comm().rank(), n);
    comm().sum(mine.data(), n);
    return mine;
  });
}

}  // namespace

TEST_CASE("a sum over ranks is the binary tree over adjacent ones, in every rank") {
  constexpr std::int64_t kMessage = kMostExchanged / sizeof(float);
  for (int ranks : {1, 2, 4, 8})
    for (std::int64_t n : {std::int64_t{0}, std::int64_t{1}, std::int64_t{2}, std::int64_t{3}, std::int64_t{7},
                           std::int64_t{16}, std::int64_t{1001}, 2 * kMessage + 3, 4 * kMessage + 5}) {
      CAPTURE(ranks);
      CAPTURE(n);
      if (n > 100000 && ranks == 8) continue;
      const Floats expected = summed(n, ranks, tree);
      for (const Floats& found : sums(n, ranks)) CHECK(same_bits(found, expected));
    }
}

TEST_CASE("a chain over four ranks has other bits than the tree") {
  CHECK_FALSE(same_bits(summed(1001, 4, chain), summed(1001, 4, tree)));
  CHECK(same_bits(summed(1001, 2, chain), summed(1001, 2, tree)));
}

TEST_CASE("a sum over ranks flushes denormals as a sum over groups does") {
  for (const Floats& found : in_world(2, [] {
         Floats x{1e-39f, 1e-38f, comm().rank() == 0 ? 1.5e-38f : -1.2e-38f};
         comm().sum(x.data(), 3);
         return x;
       }))
    CHECK(found == Floats{0, 0, 0});  // 1e-38 is a denormal, too; 3e-39 is one
}

TEST_CASE("what ranks gather stands in their order, whatever its size") {
  for (int ranks : {1, 2, 4, 8}) {
    std::vector<std::int64_t> expected;
    for (int r = 0; r < ranks; ++r)
      for (int i = 0; i < (r % 3) * 5; ++i) expected.push_back(100 * r + i);
    for (const auto& found : in_world(ranks, [] {
           std::vector<std::int64_t> mine;
           for (int i = 0; i < (comm().rank() % 3) * 5; ++i) mine.push_back(100 * comm().rank() + i);
           return comm().gather(mine);
         }))
      CHECK(found == expected);
  }
}

TEST_CASE("what is longer than a message is gathered and handed out whole") {
  constexpr std::int64_t n = kMostExchanged / sizeof(float) * 2 + 5;
  const auto expected = [&] {
    Floats all = numbers(0, n);
    const Floats other = numbers(1, 3);
    all.insert(all.end(), other.begin(), other.end());
    return all;
  }();
  for (const Floats& found : in_world(2, [] { return comm().gather(numbers(comm().rank(), comm().first() ? n : 3)); }))
    CHECK(same_bits(found, expected));
  const std::string text(kMostExchanged + 7, 'x');
  for (const std::string& found : in_world(4, [&] {
         std::string mine = comm().first() ? text + "end" : "other";
         comm().broadcast(mine);
         return mine;
       }))
    CHECK(found == text + "end");
}

TEST_CASE("an empty text is handed out, too") {
  for (const std::string& found : in_world(4, [] {
         std::string mine = comm().first() ? "" : "other";
         comm().broadcast(mine);
         return mine + ".";
       }))
    CHECK(found == ".");
}

TEST_CASE("one rank's yes is everybody's") {
  for (int yes = -1; yes < 4; ++yes)
    for (const int found : in_world(4, [yes] { return comm().any(comm().rank() == yes) ? 1 : 0; }))
      CHECK(found == (yes >= 0 ? 1 : 0));
}

TEST_CASE("a world of one has nothing to send") {
  Floats x{1, 2};
  comm().sum(x.data(), 2);
  CHECK(x == Floats{1, 2});
  CHECK(comm().gather(x) == x);
  CHECK(comm().rank() == 0);
  CHECK(comm().size() == 1);
  CHECK_FALSE(comm().any(false));
  CHECK(comm().any(true));
  comm().barrier();
  comm().end_all(1);
}
