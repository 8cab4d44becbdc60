// The matrix product: its value, and the law that an element is one chain of FMAs over k whatever the shape.
#include "tests/kernels/product.h"

using namespace nudge;
using namespace nudge::test;
using std::int64_t;

TEST_CASE("a product is within the error of a chain of FMAs of the product in double precision") {
  const Product p = big();
  const Floats y = all_levels_of(p);
  double worst = 0;
  for (int64_t m = 0; m < p.M; ++m) {
    for (int64_t n = 0; n < p.N; ++n) {
      double sum = 0, size = 0;
      for (int64_t k = 0; k < p.K; ++k) {
        const double term = double(p.a[at(m * p.K + k)]) * double(p.b[at(k * p.N + n)]);
        sum += term, size += std::abs(term);
      }
      // Higham, Accuracy and Stability, (3.5): n roundings of 2^-24 each.
      worst = std::max(worst, std::abs(double(y[at(m * p.N + n)]) - sum) / (size * double(p.K) * 0x1p-24));
    }
  }
  CHECK(worst <= 1);
}

TEST_CASE("every element is one chain over k, for any number of rows and columns") {
  for (int64_t M : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 25, 30}) {
    for (int64_t N : {1, 15, 16, 17, 31, 32, 33, 64, 129, 150}) {
      const Product p(M, N, 37);
      CHECK(same_bits(all_levels_of(p), p.by_definition()));
    }
  }
}

TEST_CASE("every element is one chain over k, for any K") {
  for (int64_t K : {1, 2, 15, 16, 17, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2100}) {
    for (int64_t M : {1, 7, 29}) {
      const Product p(M, 35, K);
      CHECK(same_bits(all_levels_of(p), p.by_definition()));
    }
  }
}

TEST_CASE("a product with so many rows that A is copied in parts is the same chain") {
  const Product p(1013, 33, 1100);
  CHECK(same_bits(all_levels_of(p), p.by_definition()));
}

TEST_CASE("a product with so large a K that even one strip is copied in parts is the same chain") {
  const Product p(2, 5, 45000);
  CHECK(same_bits(all_levels_of(p), p.by_definition()));
}

TEST_CASE("a sum over k in two halves has other bits, so the tests of the chain would notice it") {
  const Product p = big();
  int64_t other = 0;
  const Floats y = all_levels_of(p);
  for (int64_t m = 0; m < p.M; ++m) {
    for (int64_t n = 0; n < p.N; ++n) {
      float halves[2] = {};
      for (int64_t k = 0; k < p.K; ++k) {
        float& sum = halves[k < p.K / 2 ? 0 : 1];
        sum = std::fma(p.a[at(m * p.K + k)], p.b[at(k * p.N + n)], sum);
      }
      other += !same_bits(halves[0] + halves[1], y[at(m * p.N + n)]);
    }
  }
  CHECK(other > p.M * p.N / 2);
}

TEST_CASE("the number of rows in a call changes no bit") {
  Product p = big();
  const Floats whole = p.by_definition();
  for (int64_t rows = 1; rows <= 26; ++rows) {
    p.row_split = rows;
    CHECK(same_bits(all_levels_of(p), whole));
  }
}

TEST_CASE("the panels that a call gets change no bit") {
  Product p(14, 300, 300);
  const Floats whole = p.by_definition();
  for (int64_t rows : {1, 2, 5, 14}) {
    for (int64_t panels = 1; panels <= 9; ++panels) {
      p.row_split = rows, p.panel_split = panels;
      CHECK(same_bits(all_levels_of(p), whole));
    }
  }
}

TEST_CASE("a transposed A gives the same bits, with any number of rows") {
  Product p = big();
  p.transposed = true;
  const Floats whole = p.by_definition();
  for (int64_t rows : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}) {
    p.row_split = rows;
    CHECK(same_bits(all_levels_of(p), whole));
  }
}

TEST_CASE("an A with both distances above 1 gives the same bits") {
  const int64_t M = 17, N = 20, K = 300;
  const Product p(M, N, K);
  Floats spread(at(M * K * 3));
  for (std::size_t i = 0; i < p.a.size(); ++i) spread[3 * i] = p.a[i];
  for (const Kernels* k : levels()) {
    Floats packed(at(k->packed_size(K, N))), c(at(M * N)), scratch(at(k->gemm_scratch));
    k->pack(p.b.data(), N, 1, K, N, 0, 1, packed.data());
    k->gemm(spread.data(), 3 * K, 3, packed.data(), Epilogue(), c.data(), N, M, N, K, 0, 1, false, {scratch.data()});
    CHECK(same_bits(c, p.by_definition()));
  }
}

TEST_CASE("memory at any distance from a cache line gives the same bits") {
  Product p = big();
  const Floats whole = p.by_definition();
  for (int shift = 0; shift < 16; shift += 3) {
    p.shift = shift;
    CHECK(same_bits(all_levels_of(p), whole));
  }
}

TEST_CASE("bias is added at the end, once, however K is cut") {
  for (int64_t K : {0, 1, 256, 700, 1300}) {
    for (int64_t N : {5, 32, 70}) {
      Product p(15, N, K);
      p.bias = normals(N, 33, 100);
      CHECK(same_bits(all_levels_of(p), p.by_definition()));
    }
  }
}

TEST_CASE("accumulation goes on from what C holds, then bias") {
  for (int64_t K : {0, 1, 300, 1300}) {
    Product p(15, 70, K);
    p.c = normals(15 * 70, 34);
    CHECK(same_bits(all_levels_of(p), p.by_definition()));
    p.bias = normals(70, 33);
    CHECK(same_bits(all_levels_of(p), p.by_definition()));
  }
}

TEST_CASE(
    "a product ends in the residual's addition and the activation, however rows, panels and K are cut"
    " and whatever A's form") {
  using Then = Product::Then;
  for (bool bf16 : {false, true}) {
    for (int64_t K : {0, 40, 1300}) {
      Product p(29, 301, K);
      if (bf16) p = p.rounded();
      for (Then then : {Then::kNothing, Then::kActivate, Then::kActivateInPlace, Then::kBackward}) {
        for (bool more : {false, true}) {
          p.then = then;
          p.slope_at = then == Then::kBackward ? normals(p.M * p.N, 37) : Floats();
          p.residual = more ? normals(p.M * p.N, 38) : Floats();
          p.bias = more ? normals(p.N, 39) : Floats();
          p.c = more ? normals(p.M * p.N, 40) : Floats();
          const Floats y = p.by_definition();
          for (const auto& [rows, panels] : {std::pair<int64_t, int64_t>{0, 0}, {1, 0}, {13, 0}, {0, 3}, {8, 5}}) {
            p.row_split = rows, p.panel_split = panels;
            for (bool transposed : {false, true}) {
              p.transposed = transposed;
              CHECK(same_bits(all_levels_of(p), p.ended(*levels().front(), y)));
            }
          }
        }
      }
    }
  }
  Product many(1013, 140, 40);  // A is copied in parts
  many.residual = normals(many.M * many.N, 38);
  many.then = Then::kActivate;
  CHECK(same_bits(all_levels_of(many), many.ended(*levels().front(), many.by_definition())));
}

TEST_CASE("a product paused at any k and taken up again has the bits of the whole") {
  const Product whole(14, 40, 530);
  const Floats expected = whole.by_definition();
  for (int64_t split : {1, 100, 255, 256, 257, 529}) {
    Product head(14, 40, split), tail(14, 40, 530 - split);
    for (int64_t m = 0; m < 14; ++m) {
      std::copy_n(whole.a.begin() + m * 530, split, head.a.begin() + m * split);
      std::copy_n(whole.a.begin() + m * 530 + split, 530 - split, tail.a.begin() + m * (530 - split));
    }
    std::copy_n(whole.b.begin(), split * 40, head.b.begin());
    std::copy(whole.b.begin() + split * 40, whole.b.end(), tail.b.begin());
    for (const Kernels* k : levels()) {
      tail.c = head.run(*k);
      CHECK(same_bits(tail.run(*k), expected));
    }
  }
}

TEST_CASE("a product takes the copy of A that the one before it left, where all of it fits") {
  for (const bool bf16 : {false, true}) {
    for (const bool fits : {true, false}) {
      const int64_t M = fits ? 29 : 1013, K = fits ? 300 : 520, N = 40;
      Product p(M, N, K);
      if (bf16) p = p.rounded();
      const Floats wanted = p.by_definition();
      for (const Kernels* k : product_levels()) {
        INFO("level ", k->name, ", M ", M, bf16 ? ", bf16" : ", f32");
        Floats a = p.a, c(at(M * N)), scratch(at(k->gemm_scratch)), packed(at(k->packed_size(K, N)));
        std::vector<std::uint16_t> numbers(at(k->packed_size_bf16(K, N)));
        k->pack(p.b.data(), N, 1, K, N, 0, 2, packed.data());
        k->pack_bf16(p.b.data(), N, 1, K, N, 0, 2, numbers.data());
        const auto multiply = [&](int64_t panel, bool holds_a) {
          const GemmScratch at = {scratch.data(), holds_a};
          if (bf16) k->gemm_bf16(a.data(), K, 1, numbers.data(), {}, c.data(), N, M, N, K, panel, panel + 1, false, at);
          else k->gemm(a.data(), K, 1, packed.data(), {}, c.data(), N, M, N, K, panel, panel + 1, false, at);
        };
        multiply(0, false);
        Floats& unread = fits ? a : scratch;
        std::fill(unread.begin(), unread.end(), kNan);
        multiply(1, true);
        CHECK(same_bits(c, wanted));
      }
    }
  }
}

TEST_CASE("K of 0 gives zeros, also where C held NaN") {
  for (const Kernels* k : levels()) {
    Floats c(at(3 * 40), kNan), scratch(at(k->gemm_scratch));
    k->gemm(nullptr, 1, 1, nullptr, Epilogue(), c.data(), 40, 3, 40, 0, 0, 2, false, {scratch.data()});
    CHECK(same_bits(c, Floats(at(3 * 40), 0.0f)));
  }
}

TEST_CASE("NaN in a row, in the scratch and beyond the last column stays where it is") {
  Product p = big();
  const Floats clean = p.by_definition();
  for (int64_t k = 0; k < p.K; ++k) p.a[at(20 * p.K + k)] = kNan;
  for (const Kernels* k : levels()) {
    Floats packed(at(k->packed_size(p.K, p.N)), kNan), c(at(p.M * p.N)), scratch(at(k->gemm_scratch), kNan);
    k->pack(p.b.data(), p.N, 1, p.K, p.N, 0, 4, packed.data());
    for (int64_t i = 0; i < p.K; ++i) {
      for (int64_t n = p.N - 96; n < 32; ++n) packed[at(3 * 32 * p.K + i * 32 + n)] = kNan;
    }
    k->gemm(p.a.data(), p.K, 1, packed.data(), Epilogue(), c.data(), p.N, p.M, p.N, p.K, 0, 4, false, {scratch.data()});
    for (int64_t m = 0; m < p.M; ++m) {
      for (int64_t n = 0; n < p.N; ++n) {
        const float y = c[at(m * p.N + n)];
        CHECK((m == 20 ? std::isnan(y) : same_bits(y, clean[at(m * p.N + n)])));
      }
    }
  }
}

TEST_CASE("packing lays panels of 32 columns out row by row, zeros behind the last, from any strides") {
  const int64_t K = 37, N = 70;
  const Floats b = normals(K * N, 35);
  Floats turned(at(K * N)), spread(at(2 * K * N));
  for (int64_t k = 0; k < K; ++k) {
    for (int64_t n = 0; n < N; ++n) {
      turned[at(n * K + k)] = b[at(k * N + n)];
      spread[at(2 * (k * N + n))] = b[at(k * N + n)];
    }
  }
  for (const Kernels* k : levels()) {
    REQUIRE(k->packed_size(K, N) == 3 * 32 * K);
    for (int form = 0; form < 3; ++form) {
      Guarded packed(3 * 32 * K, form);
      const Floats& from = form == 0 ? b : form == 1 ? turned : spread;
      const int64_t row = form == 0 ? N : form == 1 ? 1 : 2 * N, column = form == 0 ? 1 : form == 1 ? K : 2;
      for (int64_t p : {2, 0, 1}) k->pack(from.data(), row, column, K, N, p, p + 1, packed.data());
      CHECK(packed.intact());
      for (int64_t i = 0; i < 3 * 32 * K; ++i) {
        const int64_t n = i / (32 * K) * 32 + i % 32, at_k = i % (32 * K) / 32;
        CHECK(same_bits(packed.data()[i], n < N ? b[at(at_k * N + n)] : 0.0f));
      }
    }
  }
}

TEST_CASE("panels of the transpose are those that packing it makes, in parts too") {
  const int64_t K = 77, N = 83;
  const Floats b = normals(K * N, 36);
  for (const Kernels* k : levels()) {
    Guarded packed(k->packed_size(K, N), 1), whole(k->packed_size(N, K), 2);
    k->pack(b.data(), N, 1, K, N, 0, panels_of(N), packed.data());
    k->pack(b.data(), 1, N, N, K, 0, panels_of(K), whole.data());  // B^T [N, K]
    for (const auto& [begin, end] :
         {std::pair<int64_t, int64_t>{0, N}, {0, 16}, {16, 48}, {32, N}, {80, N}, {48, 48}}) {
      for (const auto& [first, last] : {std::pair<int64_t, int64_t>{0, 3}, {2, 3}, {1, 2}}) {
        Guarded part((last - first) * 32 * (end - begin), 3);
        k->pack_transpose(packed.data(), K, begin, end, first, last, part.data());
        CHECK((part.intact() && packed.intact()));
        for (int64_t i = 0; i < (last - first) * 32 * (end - begin); ++i) {
          const int64_t panel = first + i / (32 * (end - begin)), row = begin + i % (32 * (end - begin)) / 32;
          CHECK(same_bits(part.data()[i], whole.data()[panel * 32 * N + row * 32 + i % 32]));
        }
      }
    }
  }
}

TEST_CASE("packed_size counts whole panels") {
  for (const Kernels* k : levels()) {
    CHECK(k->packed_size(5, 0) == 0);
    CHECK(k->packed_size(5, 1) == 160);
    CHECK(k->packed_size(5, 32) == 160);
    CHECK(k->packed_size(5, 33) == 320);
    CHECK(k->packed_size(0, 33) == 0);
  }
}
