// The table of rotary angles against the C library's functions in double precision.
#include "lib/model/rotary.h"

#include <cmath>

#include "tests/harness/harness.h"
#include "tests/model/random_model.h"

using namespace nudge;
using namespace nudge::test;

namespace {

ModelConfig rotary_config(std::int64_t dims, double theta) {
  ModelConfig c = family_shape("llama", shape_of(1, 1, dims, 1, 1, 1 << 20), 1, dims, dims);
  c.rotary.theta = theta;
  return c;
}

// The frequency of a pair that the table holds, read from position 1 (all angles there are below pi).
double frequency(const ModelConfig& config, std::int64_t pair) {
  RotaryTable table;
  table.reach(rotary_waves(config)[0], 2);
  return std::atan2(double(table.sine(1)[pair]), double(table.cosine(1)[pair]));
}

}  // namespace

TEST_CASE("cosines and sines are those of position times frequency, far out too") {
  for (const double theta : {10000.0, 500000.0, 1e6, 1.5}) {
    const ModelConfig c = rotary_config(64, theta);
    RotaryTable table;
    table.reach(rotary_waves(c)[0], 40000);
    REQUIRE(table.half() == 32);
    for (std::int64_t p : {0, 1, 2, 3, 100, 2047, 2048, 8191, 39999}) {
      for (std::int64_t i = 0; i < 32; ++i) {
        const double angle = double(p) * std::pow(theta, -double(2 * i) / 64);
        CHECK(std::abs(double(table.cosine(p)[i]) - std::cos(angle)) <= 6.1e-8);
        CHECK(std::abs(double(table.sine(p)[i]) - std::sin(angle)) <= 6.1e-8);
      }
    }
    for (std::int64_t i = 0; i < 32; ++i) CHECK((table.cosine(0)[i] == 1.0f && table.sine(0)[i] == 0.0f));
  }
}
TEST_CASE("linear scaling divides every frequency") {
  ModelConfig c = rotary_config(16, 10000);
  c.rotary.scaling = RopeScaling::kLinear, c.rotary.factor = 4;
  for (std::int64_t i = 0; i < 8; ++i)
    CHECK(frequency(c, i) == doctest::Approx(std::pow(10000, -double(i) / 8) / 4).epsilon(1e-6));
}
TEST_CASE("llama3's scaling keeps short waves, stretches long ones and blends between") {
  ModelConfig c = rotary_config(64, 500000);
  c.rotary.scaling = RopeScaling::kLlama3, c.rotary.factor = 32, c.rotary.original_context = 8192;
  int kept = 0, stretched = 0, blended = 0;
  for (std::int64_t i = 0; i < 32; ++i) {
    const double plain = std::pow(500000, -double(i) / 32), wave = 2 * M_PI / plain;
    double expected = plain;
    if (wave > 8192) {
      expected = plain / 32, ++stretched;
    } else if (wave > 8192.0 / 4) {
      const double smooth = (8192 / wave - 1) / 3;
      expected = (1 - smooth) * plain / 32 + smooth * plain, ++blended;
    } else {
      ++kept;
    }
    CHECK(frequency(c, i) == doctest::Approx(expected).epsilon(1e-6));
  }
  CHECK((kept > 5 && stretched > 5 && blended > 1));
}
TEST_CASE("positions that are learned have no angles") {
  CHECK(rotary_waves(shape_of(1, 1, 4, 1, 1, 8))[0].frequencies.empty());
}
TEST_CASE("a table that other frequencies used holds nothing of them") {
  const RotaryWaves short_head = rotary_waves(rotary_config(16, 10000))[0];
  const RotaryWaves long_head = rotary_waves(rotary_config(64, 500000))[0];
  RotaryTable used, fresh;
  used.reach(long_head, 3000);
  used.reach(short_head, 9);
  used.reach(long_head, 300);
  fresh.reach(long_head, 300);
  REQUIRE((used.half() == 32 && fresh.half() == 32));
  for (std::int64_t p = 0; p < 300; ++p)
    for (std::int64_t i = 0; i < 32; ++i)
      REQUIRE((used.cosine(p)[i] == fresh.cosine(p)[i] && used.sine(p)[i] == fresh.sine(p)[i]));
}
