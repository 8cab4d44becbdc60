// The elementary functions against libm in double precision, over the floats' whole range.
#include <bit>
#include <cstdlib>

#include "tests/kernels/row_tools.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Kernel = void (*Kernels::*)(const float*, float*, std::int64_t);

struct Function {
  const char* name;
  Kernel kernel;
  double (*truth)(double);
  double ulps;  // allowed
};

double true_sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
double true_log_sigmoid(double x) { return (x < 0 ? x : 0) - std::log1p(std::exp(-std::abs(x))); }

const Function functions[] = {
    {"exp", &Kernels::exp, [](double x) { return std::exp(x); }, 1.5},
    {"log", &Kernels::log, [](double x) { return std::log(x); }, 1.5},
    {"tanh", &Kernels::tanh, [](double x) { return std::tanh(x); }, 2},
    {"erf", &Kernels::erf, [](double x) { return std::erf(x); }, 2},
    {"sigmoid", &Kernels::sigmoid, true_sigmoid, 3},
    {"log_sigmoid", &Kernels::log_sigmoid, true_log_sigmoid, 3},
};

double without_denormal(float x) { return std::abs(x) < FLT_MIN ? std::copysign(0.0, x) : static_cast<double>(x); }

struct Worst {
  double ulps = 0;
  float at = 0;
  std::string level;
};

// The largest error over the bit patterns begin, begin + step, ..., of any level.
Worst worst_error(const Function& f, std::uint64_t begin, std::uint64_t end, std::uint64_t step) {
  Worst worst;
  Floats x(4096), y(4096);
  Doubles truth(4096);
  for (std::uint64_t bits = begin; bits < end;) {
    std::size_t n = 0;
    for (; n < x.size() && bits < end; bits += step) x[n++] = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    for (std::size_t i = 0; i < n; ++i) truth[i] = f.truth(without_denormal(x[i]));
    for (const Kernels* k : levels()) {
      {
        FlushDenormals flush;
        (k->*f.kernel)(x.data(), y.data(), static_cast<std::int64_t>(n));
      }
      for (std::size_t i = 0; i < n; ++i) {
        const double error = ulps(y[i], truth[i]);
        if (error > worst.ulps) worst = {error, x[i], k->name};
      }
    }
  }
  return worst;
}

void check_worst(const Function& f, const Worst& worst) {
  INFO(std::string(f.name), " at level ", worst.level, ": ", worst.ulps, " ulps at x = ", worst.at);
  CHECK(worst.ulps <= f.ulps);
}

void check_function(const char* name, std::uint64_t begin, std::uint64_t end, std::uint64_t step) {
  for (const Function& f : functions) {
    if (std::string(f.name) == name) check_worst(f, worst_error(f, begin, end, step));
  }
}

constexpr std::uint64_t kAllFloats = 1ull << 32;
constexpr std::uint64_t kStride = 4093;  // a prime: a million floats, of all signs and exponents

float one(Kernel kernel, const Kernels& k, float x) {
  FlushDenormals flush;
  float y = 0;
  (k.*kernel)(&x, &y, 1);
  return y;
}

}  // namespace

TEST_CASE("exp is within its error over all floats") { check_function("exp", 0, kAllFloats, kStride); }
TEST_CASE("log is within its error over all floats") { check_function("log", 0, kAllFloats, kStride); }
TEST_CASE("tanh is within its error over all floats") { check_function("tanh", 0, kAllFloats, kStride); }
TEST_CASE("erf is within its error over all floats") { check_function("erf", 0, kAllFloats, kStride); }
TEST_CASE("sigmoid is within its error over all floats") { check_function("sigmoid", 0, kAllFloats, kStride); }
TEST_CASE("log_sigmoid is within its error over all floats") { check_function("log_sigmoid", 0, kAllFloats, kStride); }

TEST_CASE("log is within its error around 1, where it is smallest") {
  check_function("log", std::bit_cast<std::uint32_t>(0.99f), std::bit_cast<std::uint32_t>(1.01f), 1);
}

TEST_CASE("erf and tanh are within their error around the seams of their two forms") {
  check_function("erf", std::bit_cast<std::uint32_t>(0.92f), std::bit_cast<std::uint32_t>(0.93f), 1);
  check_function("tanh", std::bit_cast<std::uint32_t>(0.62f), std::bit_cast<std::uint32_t>(0.63f), 1);
  check_function("erf", std::bit_cast<std::uint32_t>(3.9f), std::bit_cast<std::uint32_t>(4.1f), 3);
}

TEST_CASE("log_sigmoid is within its error around the seam of its logarithm") {
  check_function("log_sigmoid", std::bit_cast<std::uint32_t>(0.87f), std::bit_cast<std::uint32_t>(0.89f), 1);
}

TEST_CASE("every float of every function is within its error") {
  if (std::getenv("NUDGE_CHECK_LONG") == nullptr) {
    skip("only with NUDGE_CHECK_LONG");
    return;
  }
  for (const Function& f : functions) {
    constexpr std::int64_t kParts = 256;
    std::vector<Worst> worst(kParts);
    parallel_for(kParts, [&](std::int64_t part) {
      const std::uint64_t size = kAllFloats / kParts, begin = static_cast<std::uint64_t>(part) * size;
      worst[static_cast<std::size_t>(part)] = worst_error(f, begin, begin + size, 1);
    });
    Worst most;
    for (const Worst& w : worst) most = w.ulps > most.ulps ? w : most;
    check_worst(f, most);
  }
}

TEST_CASE("exp is exact where it must be") {
  for (const Kernels* k : levels()) {
    CHECK(one(&Kernels::exp, *k, 0.0f) == 1.0f);
    CHECK(one(&Kernels::exp, *k, -0.0f) == 1.0f);
    CHECK(same_bits(one(&Kernels::exp, *k, -kInf), 0.0f));
    CHECK(same_bits(one(&Kernels::exp, *k, -200.0f), 0.0f));
    CHECK(same_bits(one(&Kernels::exp, *k, -FLT_MAX), 0.0f));
    CHECK(one(&Kernels::exp, *k, 89.0f) == kInf);
    CHECK(one(&Kernels::exp, *k, FLT_MAX) == kInf);
    CHECK(one(&Kernels::exp, *k, kInf) == kInf);
    CHECK(std::isnan(one(&Kernels::exp, *k, kNan)));
  }
}

TEST_CASE("log takes 0 to minus infinity, negative numbers to NaN, and 1 to 0") {
  for (const Kernels* k : levels()) {
    CHECK(one(&Kernels::log, *k, 1.0f) == 0.0f);
    CHECK(one(&Kernels::log, *k, 0.0f) == -kInf);
    CHECK(one(&Kernels::log, *k, -0.0f) == -kInf);
    CHECK(one(&Kernels::log, *k, 1e-40f) == -kInf);  // a denormal counts as 0
    CHECK(std::isnan(one(&Kernels::log, *k, -1.0f)));
    CHECK(std::isnan(one(&Kernels::log, *k, -kInf)));
    CHECK(std::isnan(one(&Kernels::log, *k, kNan)));
    CHECK(one(&Kernels::log, *k, kInf) == kInf);
  }
}

TEST_CASE("the bounded functions reach their bounds and pass NaN on") {
  for (const Kernels* k : levels()) {
    for (float sign : {1.0f, -1.0f}) {
      for (float x : {10.0f, 88.0f, 1e5f, FLT_MAX, kInf}) {
        CHECK(one(&Kernels::tanh, *k, sign * x) == sign);
        CHECK(one(&Kernels::erf, *k, sign * x) == sign);
      }
      CHECK(same_bits(one(&Kernels::tanh, *k, sign * 0.0f), sign * 0.0f));
      CHECK(same_bits(one(&Kernels::erf, *k, sign * 0.0f), sign * 0.0f));
    }
    CHECK(one(&Kernels::sigmoid, *k, kInf) == 1.0f);
    CHECK(one(&Kernels::sigmoid, *k, -kInf) == 0.0f);
    CHECK(one(&Kernels::sigmoid, *k, 0.0f) == 0.5f);
    for (Kernel f : {&Kernels::tanh, &Kernels::erf, &Kernels::sigmoid, &Kernels::log_sigmoid}) {
      CHECK(std::isnan(one(f, *k, kNan)));
    }
  }
}

TEST_CASE("log_sigmoid keeps its digits far out on both sides") {
  for (const Kernels* k : levels()) {
    CHECK(one(&Kernels::log_sigmoid, *k, -kInf) == -kInf);
    CHECK(one(&Kernels::log_sigmoid, *k, -1e30f) == -1e30f);
    CHECK(one(&Kernels::log_sigmoid, *k, kInf) == 0.0f);
    // -exp(-50), which 1 + exp(-50) would have rounded away.
    CHECK(near(one(&Kernels::log_sigmoid, *k, 50.0f), -1.928749847963918e-22, 3e-7, 0));
  }
}
