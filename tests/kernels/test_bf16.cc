// bf16: rounding, and the product in the tile's arithmetic.
#include <tuple>

#include "tests/kernels/product.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// All upper halves with the lower halves around a tie and at the ends.
Floats numbers_to_round() {
  Floats x;
  for (std::uint32_t high = 0; high < 0x10000; ++high)
    for (std::uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      x.push_back(std::bit_cast<float>(high << 16 | low));
  return x;
}

// Of a NaN the upper half stays, and its first bit, the quiet one, is set.
void check_rounded(float x, float y) {
  const auto bits = std::bit_cast<std::uint32_t>(x), rounded = std::bit_cast<std::uint32_t>(y);
  INFO("x = ", bits);
  if (std::isnan(x)) {
    REQUIRE(std::isnan(y));
    REQUIRE(rounded == ((bits & 0xffff0000u) | 0x400000u));
  } else {
    REQUIRE(rounded == std::bit_cast<std::uint32_t>(nearest_bf16(x)));
  }
  REQUIRE((rounded & 0xffff) == 0);
}

}  // namespace

TEST_CASE("rounding to bf16 is to the nearest, ties to even") {
  const Floats x = numbers_to_round();
  for (const Kernels* k : levels()) {
    Floats y(x.size());
    {
      FlushDenormals flush;
      k->round_to_bf16(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    }
    for (std::size_t i = 0; i < x.size(); ++i) check_rounded(x[i], y[i]);
  }
}

TEST_CASE("bf16: a product rounds either factor so") {
  // Times the unit matrix; of numbers that stay finite, for the others make NaN of its zeros.
  Floats x = numbers_to_round();
  std::erase_if(x, [](float f) { return !std::isfinite(nearest_bf16(f)); });
  x.resize(x.size() / 32 * 32);
  const int64_t rows = std::ssize(x) / 32;
  Floats unit(32 * 32);
  for (std::size_t i = 0; i < 32; ++i) unit[33 * i] = 1;
  Product left(rows, 32, 32), right(32, rows, 32);
  left.a = x, left.b = unit, right.a = unit, right.b = x;
  Floats wanted;
  for (const float f : x) wanted.push_back(nearest_bf16(f));
  left.bf16 = right.bf16 = true;
  for (const Kernels* k : product_levels()) {
    CAPTURE(k->name);
    for (const bool transposed : {false, true}) {
      left.transposed = right.transposed = transposed;
      FlushDenormals flush;
      CHECK((left.run(*k) == wanted));
      CHECK((right.run(*k) == wanted));
    }
  }
}

namespace {

void check_product(Product p) {
  p = p.rounded();
  CHECK(same_bits(all_levels_of(p), p.by_definition()));
}

}  // namespace

TEST_CASE("bf16: every element is the tile's chains, for any number of rows and columns") {
  for (int64_t M : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 25, 30})
    for (int64_t N : {1, 15, 16, 17, 31, 32, 33, 64, 129, 150}) check_product(Product(M, N, 77));
}

TEST_CASE("bf16: every element is the tile's chains, for any K") {
  for (int64_t K : {1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 511, 512, 513, 1023, 1025, 2100})
    for (int64_t M : {1, 7, 29}) check_product(Product(M, 35, K));
  check_product(Product(2, 5, 45000));
  check_product(Product(1013, 33, 1100));
}

TEST_CASE("bf16: factors are rounded on the way in") {
  for (int64_t M : {1, 5, 40}) {
    Product p(M, 70, 333);
    const Floats wanted = p.rounded().by_definition();
    p.bf16 = true;
    CHECK(same_bits(all_levels_of(p), wanted));
  }
}

TEST_CASE("bf16: rows and panels in a call, a transposed A and alignment change no bit") {
  Product p = big().rounded();
  const Floats whole = p.by_definition();
  for (const bool transposed : {false, true}) {
    p.transposed = transposed;
    for (int64_t rows : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 24}) {
      p.row_split = rows, p.panel_split = rows % 5, p.shift = static_cast<int>(rows);
      CHECK(same_bits(all_levels_of(p), whole));
    }
  }
}

TEST_CASE("bf16: bias is added at the end, accumulation goes on from what C holds") {
  for (int64_t K : {0, 1, 256, 700, 1300}) {
    for (int64_t M : {2, 15}) {
      Product p(M, 70, K);
      p.bias = normals(70, 33, 100);
      check_product(p);
      p.c = normals(M * 70, 34);
      check_product(p);
      p.bias.clear();
      check_product(p);
    }
  }
}

TEST_CASE("bf16: an A copied beforehand, whole or in parts of k, gives the same bits in any strips and panels") {
  for (const auto& [M, N, K] : {std::tuple<int64_t, int64_t, int64_t>{61, 101, 777}, {70, 300, 1700}, {5, 40, 33}}) {
    Product p = Product(M, N, K).rounded();
    p.copied = true;
    const Floats whole = p.by_definition();
    for (const bool transposed : {false, true}) {
      p.transposed = transposed;
      for (const auto& [strips, panels, k] :
           {std::tuple<int64_t, int64_t, int64_t>{0, 0, 0}, {1, 0, 96}, {2, 3, 256}}) {
        p.row_split = strips, p.panel_split = panels, p.k_split = k, p.shift = static_cast<int>(panels);
        CHECK(same_bits(all_levels_of(p), whole));
      }
    }
  }
}

TEST_CASE("bf16: a product by an A copied beforehand goes on from C and ends in bias, residual and activation") {
  for (int64_t K : {0, 40, 1600}) {
    Product p = Product(50, 301, K).rounded();
    p.copied = true, p.row_split = 1, p.panel_split = 7;
    p.c = normals(p.M * p.N, 40), p.bias = normals(p.N, 39), p.residual = normals(p.M * p.N, 38);
    for (const auto then : {Product::Then::kNothing, Product::Then::kActivate}) {
      p.then = then;
      CHECK(same_bits(all_levels_of(p), p.ended(*levels().front(), p.by_definition())));
    }
    p.c.clear(), p.bias.clear();
    CHECK(same_bits(all_levels_of(p), p.ended(*levels().front(), p.by_definition())));
  }
}

TEST_CASE("bf16: an A with both distances above 1 gives the same bits") {
  const int64_t M = 17, N = 20, K = 300;
  const Product p = Product(M, N, K).rounded();
  Floats spread(at(M * K * 3));
  for (std::size_t i = 0; i < p.a.size(); ++i) spread[3 * i] = p.a[i];
  for (const Kernels* k : product_levels()) {
    std::vector<std::uint16_t> packed(at(k->packed_size_bf16(K, N)));
    Floats c(at(M * N)), scratch(at(k->gemm_scratch));
    k->pack_bf16(p.b.data(), N, 1, K, N, 0, 1, packed.data());
    k->gemm_bf16(spread.data(), 3 * K, 3, packed.data(), Epilogue(), c.data(), N, M, N, K, 0, 1, false,
                 {scratch.data()});
    CHECK(same_bits(c, p.by_definition()));
  }
}

TEST_CASE("bf16: products of tiny and huge numbers flush and overflow alike") {
  // Factors around 2^-63 and 2^63: products near both ends of float, some beyond.
  for (const int exponent : {-63, 63}) {
    Product p(9, 40, 130);
    for (Floats* x : {&p.a, &p.b})
      for (std::size_t i = 0; i < x->size(); ++i) (*x)[i] = std::ldexp((*x)[i], exponent - static_cast<int>(i % 3));
    p = p.rounded();
    FlushDenormals flush;
    CHECK(same_bits(all_levels_of(p), p.by_definition()));
  }
}

TEST_CASE("bf16: instructions that round otherwise than two FMAs, or otherwise to bf16, are found out") {
  CHECK(emulated_dot::instructions_are_known());
  CHECK(emulated_dot::others_are_found_out());
}

TEST_CASE("bf16: packing lays out the pairs that a level multiplies, zeros where K or N end, from any strides") {
  const int64_t K = 37, N = 70;
  const Product p = Product(1, N, K).rounded();
  Floats turned(at(K * N)), spread(at(2 * K * N));
  for (int64_t k = 0; k < K; ++k) {
    for (int64_t n = 0; n < N; ++n) {
      turned[at(n * K + k)] = p.b[at(k * N + n)];
      spread[at(2 * (k * N + n))] = p.b[at(k * N + n)];
    }
  }
  for (const Kernels* k : product_levels()) {
    const bool chains = std::string_view(k->name).starts_with("v4bf16") || std::string_view(k->name) == "neonbf16";
    REQUIRE(k->packed_size_bf16(K, N) == 3 * 32 * 64);
    for (int form = 0; form < 3; ++form) {
      const Floats& from = form == 0 ? p.b : form == 1 ? turned : spread;
      const int64_t row = form == 0 ? N : form == 1 ? 1 : 2 * N, column = form == 0 ? 1 : form == 1 ? K : 2;
      std::vector<std::uint16_t> packed(3 * 32 * 64 + 1, 0xabcd);
      for (int64_t panel : {2, 0, 1}) k->pack_bf16(from.data(), row, column, K, N, panel, panel + 1, packed.data());
      CHECK(packed.back() == 0xabcd);
      for (int64_t i = 0; i < 3 * 32 * 64; ++i) {
        // A row's pairs are of neighbours, the first of them low, or of two in a chain, the first of them high.
        const int64_t pair = i % 512 / 32,
                      in_block = chains ? pair / 2 * 4 + pair % 2 + (1 - i % 2) * 2 : pair * 2 + i % 2;
        const int64_t at_k = i % 2048 / 1024 * 32 + in_block;
        const int64_t n = i / 2048 * 32 + i % 1024 / 512 * 16 + i % 32 / 2;
        const float wanted = at_k < K && n < N ? p.b[at(at_k * N + n)] : 0.0f;
        CHECK(packed[at(i)] == std::bit_cast<std::uint32_t>(wanted) >> 16);
      }
    }
  }
}

TEST_CASE("bf16: panels of the transpose are those that packing it makes, in parts too") {
  const int64_t K = 77, N = 83;
  const Floats b = normals(K * N, 36);
  for (const Kernels* k : product_levels()) {
    std::vector<std::uint16_t> packed(at(k->packed_size_bf16(K, N))), whole(at(k->packed_size_bf16(N, K)));
    k->pack_bf16(b.data(), N, 1, K, N, 0, panels_of(N), packed.data());
    k->pack_bf16(b.data(), 1, N, N, K, 0, panels_of(K), whole.data());  // B^T [N, K], its rows filled up to 96
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, N}, {0, 32}, {32, 64}, {32, N}, {64, 64}}) {
      for (const auto& [first, last] : {std::pair<int64_t, int64_t>{0, 3}, {2, 3}, {1, 2}}) {
        const int64_t blocks = (end - begin + 31) / 32;
        std::vector<std::uint16_t> part(at((last - first) * blocks * 1024 + 1), 0xabcd);
        k->pack_transpose_bf16(packed.data(), K, begin, end, first, last, part.data());
        CHECK(part.back() == 0xabcd);
        for (int64_t i = 0; i < (last - first) * blocks * 1024; ++i) {
          const int64_t panel = first + i / (blocks * 1024), block = begin / 32 + i % (blocks * 1024) / 1024;
          CHECK(part[at(i)] == whole[at(panel * 3 * 1024 + block * 1024 + i % 1024)]);
        }
      }
    }
  }
}
