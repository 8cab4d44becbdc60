#include "lib/io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "lib/base/parallel.h"
#include "tests/io/helpers.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::string with_header(const std::string& header, const std::string& data = {}) {
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) file += static_cast<char>(header.size() >> shift & 0xFF);
  return file + header + data;
}

// One tensor "a" with the given entry.
std::string one(const std::string& entry, std::size_t data) {
  return with_header("{\"a\":" + entry + "}", std::string(data, '\0'));
}

// The complaint about a file of these bytes, without the path before it; "" where it is accepted.
std::string refusal(const std::string& bytes) {
  const std::string path = make_file("bad.safetensors", bytes);
  const Outcome outcome = outcome_of([&] { SafetensorsFile file(path); });
  if (outcome.status == 0) return "";
  CHECK(outcome.status == 65);
  CHECK(outcome.message.find(path + ": ") == 0);
  return outcome.message.substr(path.size() + 2);
}

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::vector<float> floats_of(const std::string& dtype, const std::string& data, std::int64_t n) {
  const std::string entry = "{\"dtype\":\"" + dtype + "\",\"shape\":[" + std::to_string(n) + "],\"data_offsets\":[0," +
                            std::to_string(data.size()) + "]}";
  SafetensorsFile file(make_file("typed.safetensors", with_header("{\"a\":" + entry + "}", data)));
  std::vector<float> out(static_cast<std::size_t>(n));
  file.read_f32("a", out.data());
  return out;
}

}  // namespace

TEST_CASE("what is written reads back, in name order, and the header is aligned") {
  const std::vector<float> a{1, -0.0f, std::nanf("")}, b{2, 3, 4, 5, 6, 7}, scalar{42};
  const std::string path = scratch("rt.safetensors");
  const std::vector<TensorView> tensors{
      {"z.scalar", {}, scalar.data()}, {"b", {2, 3}, b.data()}, {"none", {0, 4}, nullptr}, {"a\"é", {3}, a.data()}};
  write_safetensors(path, tensors);
  SafetensorsFile file(path);
  REQUIRE(file.tensors().size() == 4);
  CHECK(file.tensors()[0].name == "a\"é");
  CHECK(file.tensors()[3].name == "z.scalar");
  CHECK(file.metadata().at("format") == "pt");
  CHECK(file.at("b").shape == std::vector<std::int64_t>{2, 3});
  CHECK(file.at("b").dtype == "F32");
  CHECK(file.at("z.scalar").elements() == 1);
  CHECK(file.at("none").elements() == 0);
  CHECK(file.find("x") == nullptr);
  CHECK(outcome_of([&] { file.at("x"); }).message == path + ": tensor \"x\" is missing");
  float out[6];
  file.read_f32("b", out);
  CHECK(std::memcmp(out, b.data(), sizeof out) == 0);
  file.read_f32("a\"é", out);
  CHECK(std::memcmp(out, a.data(), 12) == 0);
  file.read_f32("z.scalar", out);
  CHECK(out[0] == 42);
  file.read_f32("none", out);
  CHECK(static_cast<unsigned char>(bytes_of(path)[0]) % 8 == 0);
  CHECK(bytes_of(path)[8] == '{');
}

TEST_CASE("the order in which tensors are given does not change the file") {
  const std::vector<float> x{1, 2};
  const TensorView a{"a", {2}, x.data()}, b{"b", {1}, x.data()};
  write_safetensors(scratch("ab.safetensors"), std::vector{a, b});
  write_safetensors(scratch("ba.safetensors"), std::vector{b, a});
  CHECK(bytes_of(scratch("ab.safetensors")) == bytes_of(scratch("ba.safetensors")));
  CHECK(outcome_of([&] { write_safetensors(scratch("ab.safetensors"), std::vector{a, b}); }).status == 73);
  CHECK(outcome_of([&] { write_safetensors(scratch("aa.safetensors"), std::vector{a, a}); }).status == 70);
  CHECK(outcome_of([&] { write_safetensors(scratch("no/aa.safetensors"), std::vector{a}); }).status == 73);
}

TEST_CASE("a file without tensors is accepted") {
  CHECK(refusal(with_header("{}")) == "");
  CHECK(refusal(with_header("{\"__metadata__\":{}}   ")) == "");
}

TEST_CASE("zero-size and rank-0 tensors are accepted, wherever they stand") {
  CHECK(refusal(one(R"({"dtype":"F32","shape":[],"data_offsets":[0,4]})", 4)) == "");
  CHECK(refusal(one(R"({"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]})", 0)) == "");
  const std::string three = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                            R"("b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},)"
                            R"("c":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})";
  CHECK(refusal(with_header(three, std::string(8, '\0'))) == "");
}

TEST_CASE("a file shorter than its first eight bytes is refused") {
  CHECK(refusal("").find("shorter than the 8 bytes") != std::string::npos);
  CHECK(refusal("1234567").find("shorter than the 8 bytes") != std::string::npos);
}

TEST_CASE("a header over 100,000,000 bytes or past the end is refused before memory is taken") {
  CHECK(refusal(std::string("\x01\xE1\xF5\x05\0\0\0\0{}", 10)).find("longer than 100,000,000") != std::string::npos);
  CHECK(refusal(std::string(16, '\xff')).find("longer than 100,000,000") != std::string::npos);
  CHECK(refusal(std::string("\x00\xE1\xF5\x05\0\0\0\0{}", 10)).find("ends past the end") != std::string::npos);
  CHECK(refusal(std::string("\x03\0\0\0\0\0\0\0{}", 10)).find("ends past the end") != std::string::npos);
}

TEST_CASE("a header that is not a JSON object in UTF-8 is refused") {
  CHECK(refusal(with_header("")) == "its header is not a JSON object");
  CHECK(refusal(with_header("[]")) == "its header is not a JSON object");
  CHECK(refusal(with_header(" {}")) == "its header is not a JSON object");
  CHECK(refusal(with_header("{")).starts_with("its header: not JSON: "));
  CHECK(refusal(with_header("{}x")).starts_with("its header: not JSON: "));
  const std::string bad_utf8 = refusal(with_header("{\"\xff\":1}"));
  CHECK(bad_utf8.starts_with("its header: not JSON: "));
  CHECK(bad_utf8.find("UTF-8") != bad_utf8.npos);
  const std::string deep = refusal(with_header("{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}"));
  CHECK(deep.starts_with("its header: not JSON: "));
  CHECK(deep.find("deep") != deep.npos);
}

TEST_CASE("names and fields that are there twice are refused") {
  const std::string entry = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  CHECK(refusal(with_header("{\"a\":" + entry + ",\"a\":" + entry + "}", "1234")) == "tensor \"a\" appears twice");
  CHECK(refusal(one(R"({"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]})", 4)) ==
        "tensor \"a\" has field \"dtype\" twice");
  CHECK(refusal(with_header(R"({"__metadata__":{"k":"1","k":"2"}})")) == "__metadata__ \"k\" appears twice");
}

TEST_CASE("metadata must be texts") {
  CHECK(refusal(with_header(R"({"__metadata__":3})")) == "__metadata__ is not an object");
  CHECK(refusal(with_header(R"({"__metadata__":{"k":1}})")) == "__metadata__ \"k\" is not a string");
}

TEST_CASE("unknown dtypes and fields are refused") {
  CHECK(refusal(one(R"({"dtype":"F31","shape":[1],"data_offsets":[0,4]})", 4)) ==
        "tensor \"a\" has the unknown dtype \"F31\"");
  CHECK(refusal(one(R"({"dtype":"f32","shape":[1],"data_offsets":[0,4]})", 4)) ==
        "tensor \"a\" has the unknown dtype \"f32\"");
  CHECK(refusal(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1})", 4)) ==
        "tensor \"a\" has the unknown field \"x\"");
}

TEST_CASE("missing and mistyped fields are refused") {
  CHECK(refusal(one(R"({"shape":[1],"data_offsets":[0,4]})", 4)) == "tensor \"a\" has no dtype");
  CHECK(refusal(one(R"({"dtype":"F32","data_offsets":[0,4]})", 4)) == "tensor \"a\" has no shape");
  CHECK(refusal(one(R"({"dtype":"F32","shape":[1]})", 4)) == "tensor \"a\" has no data_offsets");
  CHECK(refusal(one("3", 4)) == "tensor \"a\" is not described by an object");
  CHECK(refusal(one(R"({"dtype":3,"shape":[1],"data_offsets":[0,4]})", 4)) ==
        "tensor \"a\" has a dtype that is not a string");
  CHECK(refusal(one(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})", 4)) ==
        "tensor \"a\" has a shape that is not a list");
  CHECK(refusal(one(R"({"dtype":"F32","shape":["1"],"data_offsets":[0,4]})", 4)) ==
        "tensor \"a\" has a shape that is not an integer");
  CHECK(refusal(one(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})", 4)) ==
        "tensor \"a\" has a shape that is not an integer");
  for (const char* odd : {"1e999", "36893488147419103232", "NaN"}) {
    CAPTURE(odd);
    const std::string n = odd;
    CHECK(refusal(one(n, 4)) == "tensor \"a\" is not described by an object");
    CHECK(refusal(one("{\"dtype\":\"F32\",\"shape\":[" + n + "],\"data_offsets\":[0,4]}", 4)) ==
          "tensor \"a\" has a shape that is not an integer");
    CHECK(refusal(one("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0," + n + "]}", 4)) ==
          "tensor \"a\" has a data_offsets that is not an integer");
  }
  CHECK(refusal(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})", 4)) == "tensor \"a\" needs two data_offsets");
  CHECK(refusal(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})", 4)) ==
        "tensor \"a\" needs two data_offsets");
}

TEST_CASE("negative and reversed offsets and overflowing shapes are refused") {
  CHECK(refusal(one(R"({"dtype":"F32","shape":[1],"data_offsets":[-4,0]})", 4)) ==
        "tensor \"a\" has a negative number in its data_offsets");
  CHECK(refusal(one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", 4)) ==
        "tensor \"a\" has a negative number in its shape");
  CHECK(refusal(one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})", 4)) == "tensor \"a\" ends before it begins");
  CHECK(refusal(one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})", 0)) ==
        "tensor \"a\" has a shape whose size overflows");
  CHECK(refusal(one(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]})", 4)) ==
        "tensor \"a\" has a shape that is not an integer");
}

TEST_CASE("a byte range that is not shape times dtype is refused") {
  CHECK(refusal(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", 4)) ==
        "tensor \"a\" takes 8 bytes by shape and dtype, its data_offsets span 4");
  CHECK(refusal(one(R"({"dtype":"BF16","shape":[2],"data_offsets":[0,4]})", 4)) == "");
  CHECK(refusal(one(R"({"dtype":"F32","shape":[],"data_offsets":[0,0]})", 0)).find("takes 4 bytes") !=
        std::string::npos);
}

TEST_CASE("holes, overlaps, and bytes past or after the last tensor are refused") {
  const auto two = [](const char* first, const char* second) {
    return std::string("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":") + first +
           "},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + second + "}}";
  };
  CHECK(refusal(with_header(two("[0,4]", "[4,8]"), std::string(8, '\0'))) == "");
  CHECK(refusal(with_header(two("[4,8]", "[0,4]"), std::string(8, '\0'))) == "");
  CHECK(refusal(with_header(two("[0,4]", "[8,12]"), std::string(12, '\0'))) == "tensor \"b\" leaves a hole before it");
  CHECK(refusal(with_header(two("[4,8]", "[8,12]"), std::string(12, '\0'))) == "tensor \"a\" leaves a hole before it");
  CHECK(refusal(with_header(two("[0,4]", "[2,6]"), std::string(6, '\0'))) ==
        "tensor \"b\" overlaps the tensor before it");
  CHECK(refusal(with_header(two("[0,4]", "[0,4]"), std::string(4, '\0'))) ==
        "tensor \"b\" overlaps the tensor before it");
  CHECK(refusal(with_header(two("[0,4]", "[4,8]"), std::string(7, '\0'))) ==
        "tensor \"b\" ends past the end of the file");
  CHECK(refusal(with_header(two("[0,4]", "[4,8]"), std::string(9, '\0'))) == "1 bytes follow the last tensor");
  CHECK(refusal(with_header("{}", "x")) == "1 bytes follow the last tensor");
}

TEST_CASE("NUL in a name is refused") {
  const std::string entry = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  CHECK(refusal(with_header("{\"a\\u0000b\":" + entry + "}", "1234")) == "tensor \"a\\u0000b\" has NUL in its name");
}

TEST_CASE("a missing file and a folder are no input") {
  CHECK(outcome_of([] { SafetensorsFile(scratch("none.safetensors")); }).status == 66);
  CHECK(outcome_of([] { SafetensorsFile{scratch_folder()}; }).status == 66);
  CHECK(outcome_of([] { SafetensorsFile("/dev/null"); }).status == 65);
}

TEST_CASE("BF16 is the upper half of a float, exactly") {
  const auto out = floats_of("BF16", raw<std::uint16_t>({0x3F80, 0x8000, 0x0001, 0x7F80, 0xC2F7}), 5);
  CHECK(out[0] == 1);
  CHECK(std::signbit(out[1]));
  CHECK(out[2] == std::bit_cast<float>(0x00010000u));
  CHECK(std::isinf(out[3]));
  CHECK(out[4] == -123.5f);
}

TEST_CASE("every F16 becomes the number that its bits say") {
  std::vector<std::uint16_t> all(65536);
  for (int i = 0; i < 65536; ++i) all[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(i);
  const auto out = floats_of("F16", raw(all), 65536);
  int wrong = 0;
  for (int i = 0; i < 65536; ++i) {
    const int exponent = i >> 10 & 31, fraction = i & 1023;
    const float got = out[static_cast<std::size_t>(i)];
    double expected = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31) expected = fraction == 0 ? std::numeric_limits<double>::infinity() : std::nan("");
    const bool same = std::isnan(expected) ? std::isnan(got) : std::abs(static_cast<double>(got)) == expected;
    wrong += !same || std::signbit(got) != (i >= 32768);
  }
  CHECK(wrong == 0);
}

TEST_CASE("F64 is rounded to nearest even, and refused beyond float") {
  const auto out = floats_of("F64", raw<double>({0.1, 1 + 0x1p-24, 1 + 0x1.8p-23, -0.0, INFINITY, 0x1p-149}), 6);
  CHECK(out[0] == 0.1f);
  CHECK(out[1] == 1.0f);          // a tie, to even
  CHECK(out[2] == 1 + 0x1p-22f);  // a tie, to even
  CHECK(std::signbit(out[3]));
  CHECK(std::isinf(out[4]));
  CHECK(out[5] == 0x1p-149f);
  const Outcome over = outcome_of([] { floats_of("F64", raw<double>({0, 1e39}), 2); });
  CHECK(over.status == 65);
  CHECK(over.message.find("tensor \"a\" holds a number beyond 32 bits") != std::string::npos);
}

TEST_CASE("tensors of integers can be listed but are no weights") {
  for (const char* dtype : {"I64", "U64"}) {
    CHECK(outcome_of([&] { floats_of(dtype, std::string(16, '\0'), 2); }).message.find("not a floating-point tensor") !=
          std::string::npos);
  }
  const std::pair<const char*, int> widths[] = {{"I32", 4},     {"U32", 4}, {"I16", 2},  {"U16", 2},
                                                {"I8", 1},      {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1},
                                                {"F8_E5M2", 1}, {"F64", 8}, {"F16", 2}};
  for (const auto& width : widths) {
    const int bytes = 3 * width.second;
    INFO(width.first);
    CHECK(refusal(one(std::string("{\"dtype\":\"") + width.first + "\",\"shape\":[3],\"data_offsets\":[0," +
                          std::to_string(bytes) + "]}",
                      static_cast<std::size_t>(bytes))) == "");
  }
}

TEST_CASE("weights that are overwritten, cut or replaced meanwhile are an error or the old ones, never a crash") {
  const std::vector<float> x(5000, 1.5f);
  const std::string path = scratch("moving.safetensors"), other = scratch("other.safetensors");
  write_safetensors(path, std::vector<TensorView>{{"a", {5000}, x.data()}});
  std::vector<float> out(5000);
  SafetensorsFile file(path);
  file.read_f32("a", out.data());
  write_safetensors(other, std::vector<TensorView>{{"b", {1}, x.data()}});
  std::filesystem::rename(other, path);
  out.assign(5000, 0);
  file.read_f32("a", out.data());  // by descriptor: the file that was opened
  CHECK(out == x);
  std::filesystem::remove(path);
  write_safetensors(path, std::vector<TensorView>{{"a", {5000}, x.data()}});
  SafetensorsFile second(path);
  std::filesystem::resize_file(path, 1000);
  CHECK(outcome_of([&] { second.read_f32("a", out.data()); }).status == 65);
  std::filesystem::resize_file(path, 50000);
  CHECK(outcome_of([&] { second.read_f32("a", out.data()); }).message.find("overwritten while it was read") !=
        std::string::npos);
}

namespace {

std::vector<float> stored_as(StoredDtype dtype, const std::vector<float>& x) {
  const std::string path = scratch("as.safetensors");
  std::filesystem::remove(path);
  const auto n = static_cast<std::int64_t>(x.size());
  write_safetensors(path, std::vector<TensorView>{{"a", {n}, x.data()}}, dtype);
  CHECK(std::filesystem::file_size(path) % 8 == x.size() * 2 % 8);
  SafetensorsFile file(path);
  CHECK(file.at("a").dtype == name_of(dtype));
  std::vector<float> out(x.size());
  file.read_f32("a", out.data());
  return out;
}

// All finite numbers of the type, ascending, by the definition of its bits.
std::vector<double> numbers_of(int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  std::vector<double> positive;
  for (int e = 0; e < (1 << exponent_bits) - 1; ++e) {
    for (int f = 0; f < 1 << fraction_bits; ++f) {
      const int whole = e == 0 ? f : f + (1 << fraction_bits);
      positive.push_back(std::ldexp(whole, std::max(e, 1) - bias - fraction_bits));
    }
  }
  std::vector<double> all;
  for (auto x = positive.rbegin(); x != positive.rend(); ++x) all.push_back(-*x);
  all.insert(all.end(), positive.begin(), positive.end());
  return all;
}

// Nearest in double precision; of two equally near ones that with the even place among the positive numbers.
double nearest(const std::vector<double>& numbers, double x) {
  const auto above = std::lower_bound(numbers.begin(), numbers.end(), x);
  if (above == numbers.begin() || *above == x) return *above;
  const double high = *above, low = *(above - 1);
  if (high - x != x - low) return high - x < x - low ? high : low;
  const auto half = static_cast<std::ptrdiff_t>(numbers.size() / 2);
  const auto place = above - numbers.begin();
  const auto of_high = place >= half ? place - half : half - 1 - place;
  return of_high % 2 == 0 ? high : low;
}

}  // namespace

TEST_CASE("BF16 and F16 are the nearest numbers of the type, of two the even one") {
  for (const StoredDtype dtype : {StoredDtype::kBf16, StoredDtype::kF16}) {
    INFO(name_of(dtype));
    const std::vector<double> numbers = dtype == StoredDtype::kBf16 ? numbers_of(8, 7) : numbers_of(5, 10);
    std::vector<float> x;
    std::uint32_t state = 7;
    for (std::size_t i = 0; i + 1 < numbers.size(); ++i) {
      x.push_back(static_cast<float>(numbers[i]));
      const float middle = static_cast<float>((numbers[i] + numbers[i + 1]) / 2);
      state = state * 1664525 + 1013904223;
      const double share = static_cast<double>(state) * 0x1p-32;
      x.insert(x.end(), {middle, std::nextafter(middle, -1e38f), std::nextafter(middle, 1e38f),
                         static_cast<float>(numbers[i] + (numbers[i + 1] - numbers[i]) * share)});
    }
    const std::vector<float> out = stored_as(dtype, x);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      wrong += out[i] != static_cast<float>(nearest(numbers, x[i])) || std::signbit(out[i]) != std::signbit(x[i]);
    }
    CHECK(wrong == 0);
    const float infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> kept = stored_as(dtype, {infinity, -infinity, -0.0f, std::nanf(""), -std::nanf("")});
    CHECK(kept[0] == infinity);
    CHECK(kept[1] == -infinity);
    CHECK(std::signbit(kept[2]));
    CHECK((std::isnan(kept[3]) && std::isnan(kept[4])));
    CHECK(std::signbit(kept[4]));
  }
}

TEST_CASE("a number beyond the stored type is an error, and the last one within it is not") {
  const auto message = [](StoredDtype dtype, float x) {
    const Outcome outcome = outcome_of([&] { stored_as(dtype, {1, x}); });
    CHECK(outcome.status == (outcome.message.empty() ? 0 : 65));
    return outcome.message;
  };
  CHECK(message(StoredDtype::kF16, std::nextafter(65520.0f, 0.0f)) == "");
  CHECK(message(StoredDtype::kF16, 65520) == "tensor a has the number 65520, which is beyond F16");
  CHECK(message(StoredDtype::kF16, -1e9f) == "tensor a has the number -1e+09, which is beyond F16");
  CHECK(message(StoredDtype::kBf16, 3.39e38f) == "");
  CHECK(message(StoredDtype::kBf16, std::numeric_limits<float>::max()).find("which is beyond BF16") !=
        std::string::npos);
}

TEST_CASE("large tensors are read whole, whatever the number of threads") {
  std::vector<float> x(600001);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 253) - 100;
  const int before = thread_count();
  for (const int threads : {1, 3}) {
    set_thread_count(threads);
    CHECK(stored_as(StoredDtype::kBf16, x) == x);
    CHECK(stored_as(StoredDtype::kF16, x) == x);
    const std::string path = scratch("whole.safetensors");
    std::filesystem::remove(path);
    write_safetensors(path, std::vector<TensorView>{{"a", {600001}, x.data()}});
    std::vector<float> out(x.size());
    SafetensorsFile(path).read_f32("a", out.data());
    CHECK(out == x);
  }
  set_thread_count(before);
}
