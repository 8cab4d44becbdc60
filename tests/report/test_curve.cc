#include "lib/report/curve.h"

#include <limits>

#include "lib/base/error.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

std::string ascii(std::vector<Series> series, std::size_t width, std::size_t height) {
  return plot(series, {.width = width, .height = height, .unicode = false});
}

}  // namespace

TEST_CASE("a rising line: points, what lies between, axes and labels") {
  CHECK(ascii({{"", {0, 1, 2}}}, 5, 3) ==
        "2 +   .*\n"
        "  | .*\n"  // halves round up
        "0 +*\n"
        "  +-----\n"
        "   0   2\n");
  // With five rows the points between have rows of their own.
  CHECK(ascii({{"", {0, 1, 2}}}, 5, 5) ==
        "2 +    *\n"
        "  |   .\n"
        "1 +  *\n"
        "  | .\n"
        "0 +*\n"
        "  +-----\n"
        "   0   2\n");
}

TEST_CASE("the same in Unicode, with title, name of the axis and first x") {
  const std::vector<Series> series = {{"", {0, 1, 2}}};
  CHECK(plot(series, {.width = 5, .height = 5, .title = "KL", .x_label = "iteration", .first_x = 9}) ==
        "KL\n"
        "2 ┤    ●\n"
        "  │   ·\n"
        "1 ┤  ●\n"
        "  │ ·\n"
        "0 ┤●\n"
        "  └─────\n"
        "   9  11\n"
        "   iteration\n");
}

TEST_CASE("two series share the axes, the later on top, and the legend names their marks") {
  CHECK(ascii({{"up", {0, 4}}, {"down", {4, 0}}}, 2, 2) ==
        "4 +o*\n"
        "0 +*o\n"
        "  +--\n"
        "   0 1\n"
        "   * up   o down\n");
  CHECK(ascii({{"a", {1, 2}}, {"", {1, 2}}}, 2, 2) ==
        "2 + o\n"
        "1 +o\n"
        "  +--\n"
        "   0 1\n"
        "   * a\n");
}

TEST_CASE("points lie over what is drawn between those of another series") {
  CHECK(ascii({{"", {0, 1, 2}}, {"", {1, kNan, 1}}}, 3, 3) ==
        "2 +  *\n"
        "  |o*o\n"
        "0 +*\n"
        "  +---\n"
        "   0 2\n");
}

TEST_CASE("more points than columns: each column is the mean of its points") {
  CHECK(ascii({{"", {0, 2, 2, 4, 9, 1}}}, 3, 5) ==  // 1, 3, 5
        "5 +  *\n"
        "  |\n"
        "3 + *\n"
        "  |\n"
        "1 +*\n"
        "  +---\n"
        "   0 5\n");
}

TEST_CASE("a shorter series ends where its values end") {
  CHECK(ascii({{"", {0, 0, 0}}, {"", {1}}}, 3, 2) ==
        "1 +o\n"
        "0 +***\n"
        "  +---\n"
        "   0 2\n");
}

TEST_CASE("a number that is not finite leaves a gap with nothing drawn across") {
  CHECK(ascii({{"", {0, kNan, 1, kInf}}}, 7, 2) ==
        "1 +    *\n"
        "0 +*\n"
        "  +-------\n"
        "   0     3\n");
}

TEST_CASE("equal values are a line in the middle") {
  CHECK(ascii({{"", {4, 4}}}, 2, 3) ==
        "6 +\n"
        "  |**\n"
        "2 +\n"
        "  +--\n"
        "   0 1\n");
  CHECK(ascii({{"", {0}}}, 2, 3) ==
        " 1 +\n"
        "   |*\n"
        "-1 +\n"
        "   +--\n"
        "    0\n");
}

TEST_CASE("labels of a narrow range have digits enough to differ") {
  CHECK(ascii({{"", {1000.01, 1000.02}}}, 2, 2) ==
        "1000.02 + *\n"
        "1000.01 +*\n"
        "        +--\n"
        "         0 1\n");
}

TEST_CASE("the widest and the narrowest range are drawn without overflow") {
  const double most = std::numeric_limits<double>::max(), least = std::numeric_limits<double>::denorm_min();
  CHECK(ascii({{"", {-most, 0, most}}}, 3, 3).find(" *\n") != std::string::npos);
  CHECK(ascii({{"", {0, least}}}, 2, 3).find("|**\n") != std::string::npos);
}

TEST_CASE("nothing to draw is said in a line") {
  CHECK(ascii({}, 5, 5) == "no data\n");
  CHECK(ascii({{"a", {kNan}}}, 5, 5) == "no data\n");
  CHECK(plot({}, {.title = "KL"}) == "KL\nno data\n");
}

TEST_CASE("a canvas too small and a seventh series are refused") {
  CHECK_THROWS_AS(ascii({}, 1, 5), Error);
  CHECK_THROWS_AS(ascii({}, 5, 1), Error);
  CHECK_NOTHROW(ascii(std::vector<Series>(6), 5, 5));
  CHECK_THROWS_WITH_AS(ascii(std::vector<Series>(7), 5, 5), "a plot holds at most 6 series", Error);
}
