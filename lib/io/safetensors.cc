#include "lib/io/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <set>

#include "lib/base/error.h"
#include "lib/base/parallel.h"
#include "lib/io/descriptor.h"
#include "lib/io/json.h"
#include "lib/io/json_reader.h"

namespace nudge {
namespace {

constexpr std::int64_t kLongestHeader = 100'000'000;  // the format's own bound
constexpr int kHeaderDepth = 8;

struct Dtype {
  const char* name;
  int bytes;
};
constexpr Dtype kDtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2},  {"BF16", 2},    {"I64", 8},
                             {"I32", 4}, {"I16", 2}, {"I8", 1},   {"U64", 8},     {"U32", 4},
                             {"U16", 2}, {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};

int bytes_of(std::string_view dtype) {
  for (const Dtype& d : kDtypes) {
    if (dtype == d.name) return d.bytes;
  }
  return 0;
}

std::uint64_t little_endian_64(const unsigned char* bytes) {
  std::uint64_t n = 0;
  for (int i = 7; i >= 0; --i) n = n << 8 | bytes[i];
  return n;
}

float from_half(std::uint16_t h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000) << 16;
  const std::uint32_t exponent = h >> 10 & 31, fraction = h & 0x3FF;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000 | fraction << 13);  // infinity, NaN
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // subnormal or zero: exact in float
  return sign != 0 ? -magnitude : magnitude;
}

float from_bf16(std::uint16_t b) { return std::bit_cast<float>(static_cast<std::uint32_t>(b) << 16); }

// Rounded to nearest even; numbers too large for the type become infinity.
std::uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);  // keeps it a NaN
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
std::uint16_t to_half(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return static_cast<std::uint16_t>(sign | 0x7E00);
  if (magnitude >= 0x477FF000) return static_cast<std::uint16_t>(sign | 0x7C00);  // from 65520 on
  if (magnitude < 0x38800000) {  // below 2^-14, the least normal: a multiple of 2^-24
    const auto steps = static_cast<std::uint32_t>(std::nearbyint(std::bit_cast<float>(magnitude) * 0x1p24f));
    return static_cast<std::uint16_t>(sign | steps);
  }
  return static_cast<std::uint16_t>(sign | ((magnitude + 0xFFF + (magnitude >> 13 & 1)) - 0x38000000) >> 13);
}

template <class From, class Convert>
void convert(const char* from, std::int64_t n, float* out, Convert&& number) {
  for (std::int64_t i = 0; i < n; ++i) {
    From x;
    std::memcpy(&x, from + i * static_cast<std::int64_t>(sizeof x), sizeof x);
    out[i] = number(x);
  }
}

// Converts n numbers of the dtype, little endian like this machine. False if a double is beyond float.
bool convert(std::string_view dtype, const char* from, std::int64_t n, float* out) {
  bool inside = true;
  if (dtype == "BF16") convert<std::uint16_t>(from, n, out, from_bf16);
  if (dtype == "F16") convert<std::uint16_t>(from, n, out, from_half);
  if (dtype == "F64") {
    convert<double>(from, n, out, [&](double x) {
      const auto rounded = static_cast<float>(x);
      inside = inside && (!std::isinf(rounded) || std::isinf(x));
      return rounded;
    });
  }
  return inside;
}

constexpr std::int64_t kStep = 1 << 18;  // numbers per piece

std::string name_of(const SafetensorsFile::Tensor& tensor) { return ": tensor " + json_quote(tensor.name) + ' '; }

std::int64_t change_time(const struct stat& info) {
  return static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
}

// One entry of the header; fail() names file and tensor.
struct Entry {
  const std::string& path;
  SafetensorsFile::Tensor tensor;

  [[noreturn]] void fail(const std::string& cause) const { bad_input(path + name_of(tensor) + cause); }

  std::vector<std::int64_t> numbers(const std::string& key, JsonReader::Value value) const {
    const auto array = JsonReader::as<JsonReader::Array>(value);
    if (!array) fail("has a " + key + " that is not a list");
    std::vector<std::int64_t> list;
    for (const JsonReader::Value number : *array) {
      const auto n = JsonReader::as<std::int64_t>(number);
      if (!n) fail("has a " + key + " that is not an integer");
      if (*n < 0) fail("has a negative number in its " + key);
      list.push_back(*n);
    }
    return list;
  }

  void set(std::string_view key, JsonReader::Value value) {
    if (key == "dtype") {
      const auto dtype = JsonReader::as<std::string_view>(value);
      if (!dtype) fail("has a dtype that is not a string");
      if (bytes_of(*dtype) == 0) fail("has the unknown dtype " + json_quote(*dtype));
      tensor.dtype = std::string(*dtype);
    } else if (key == "shape") {
      tensor.shape = numbers("shape", value);
    } else if (key == "data_offsets") {
      const std::vector<std::int64_t> list = numbers("data_offsets", value);
      if (list.size() != 2) fail("needs two data_offsets");
      tensor.begin = list[0], tensor.end = list[1];
    } else {
      fail("has the unknown field " + json_quote(key));
    }
  }

  void check() const {
    if (tensor.end < tensor.begin) fail("ends before it begins");
    std::int64_t size = bytes_of(tensor.dtype);
    // Beside a zero, other dimensions may be of any size.
    const bool empty = std::count(tensor.shape.begin(), tensor.shape.end(), 0) > 0;
    for (const std::int64_t n : tensor.shape) {
      if (!empty && __builtin_mul_overflow(size, n, &size)) fail("has a shape whose size overflows");
    }
    if (empty) size = 0;
    if (size != tensor.end - tensor.begin) {
      fail("takes " + std::to_string(size) + " bytes by shape and dtype, its data_offsets span " +
           std::to_string(tensor.end - tensor.begin));
    }
  }
};

SafetensorsFile::Tensor parse_tensor(const std::string& path, std::string_view name, JsonReader::Value value) {
  Entry entry{path, {}};
  entry.tensor.name = std::string(name);
  if (name.find('\0') != std::string_view::npos) entry.fail("has NUL in its name");
  const auto fields = JsonReader::as<JsonReader::Object>(value);
  if (!fields) entry.fail("is not described by an object");
  std::set<std::string_view> seen;
  for (const auto& [key, field] : *fields) {
    if (!seen.insert(key).second) entry.fail("has field " + json_quote(key) + " twice");
    entry.set(key, field);
  }
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (seen.count(key) == 0) entry.fail(std::string("has no ") + key);
  }
  entry.check();
  return entry.tensor;
}

}  // namespace

const char* name_of(StoredDtype dtype) {
  switch (dtype) {
    case StoredDtype::kF32: return "F32";
    case StoredDtype::kBf16: return "BF16";
    case StoredDtype::kF16: break;
  }
  return "F16";
}

int bytes_of(StoredDtype dtype) { return bytes_of(name_of(dtype)); }

std::int64_t TensorView::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::int64_t SafetensorsFile::Tensor::elements() const { return (end - begin) / bytes_of(dtype); }

SafetensorsFile::SafetensorsFile(const std::string& path) : path_(path) {
  Descriptor fd = open_input(path);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) system_error(Exit::kIo, path, "can't be examined", errno);
  if (!S_ISREG(info.st_mode)) bad_input(path + ": is not a regular file");
  size_ = info.st_size;
  changed_ns_ = change_time(info);
  if (size_ < 8) bad_input(path + ": is shorter than the 8 bytes that a safetensors file begins with");
  unsigned char length_bytes[8];
  read_exactly_at(fd.get(), reinterpret_cast<char*>(length_bytes), 8, 0, path);
  const std::uint64_t length = little_endian_64(length_bytes);
  if (length > static_cast<std::uint64_t>(kLongestHeader)) {
    bad_input(path + ": its header would be longer than 100,000,000 bytes: this is not a safetensors file");
  }
  data_at_ = 8 + static_cast<std::int64_t>(length);
  if (data_at_ > size_) bad_input(path + ": its header ends past the end of the file");
  std::string header(length, '\0');
  read_exactly_at(fd.get(), header.data(), length, 8, path);
  parse_header(header, size_ - data_at_);
  fd_ = fd.release();
}

SafetensorsFile::~SafetensorsFile() {
  if (fd_ >= 0) ::close(fd_);
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), data_at_(other.data_at_), size_(other.size_),
      changed_ns_(other.changed_ns_), tensors_(std::move(other.tensors_)), metadata_(std::move(other.metadata_)) {}

void SafetensorsFile::parse_header(std::string_view json, std::int64_t data_size) {
  if (json.empty() || json[0] != '{') bad_input(path_ + ": its header is not a JSON object");
  const JsonReader header(json, path_ + ": its header", "", kHeaderDepth);
  std::set<std::string_view> names;
  for (const auto& [name, entry] : header.object(header.root(), "it")) {
    if (!names.insert(name).second) bad_input(path_ + ": tensor " + json_quote(name) + " appears twice");
    if (name != "__metadata__") {
      tensors_.push_back(parse_tensor(path_, name, entry));
      continue;
    }
    const auto pairs = JsonReader::as<JsonReader::Object>(entry);
    if (!pairs) bad_input(path_ + ": __metadata__ is not an object");
    for (const auto& [key, value] : *pairs) {
      const auto text = JsonReader::as<std::string_view>(value);
      if (!text) bad_input(path_ + ": __metadata__ " + json_quote(key) + " is not a string");
      if (!metadata_.emplace(key, *text).second) {
        bad_input(path_ + ": __metadata__ " + json_quote(key) + " appears twice");
      }
    }
  }
  check_ranges(data_size);
  std::sort(tensors_.begin(), tensors_.end(), [](const Tensor& a, const Tensor& b) { return a.name < b.name; });
}

// The tensors must cover every byte of the data exactly once.
void SafetensorsFile::check_ranges(std::int64_t data_size) const {
  std::vector<const Tensor*> order;
  for (const Tensor& tensor : tensors_) order.push_back(&tensor);
  std::sort(order.begin(), order.end(),
            [](const Tensor* a, const Tensor* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
  std::int64_t at = 0;
  for (const Tensor* tensor : order) {
    if (tensor->begin < at) bad_input(path_ + name_of(*tensor) + "overlaps the tensor before it");
    if (tensor->begin > at) bad_input(path_ + name_of(*tensor) + "leaves a hole before it");
    at = tensor->end;
    if (at > data_size) bad_input(path_ + name_of(*tensor) + "ends past the end of the file");
  }
  if (at < data_size) {
    bad_input(path_ + ": " + std::to_string(data_size - at) + " bytes follow the last tensor");
  }
}

const SafetensorsFile::Tensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                      [](const Tensor& tensor, std::string_view key) { return tensor.name < key; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

const SafetensorsFile::Tensor& SafetensorsFile::at(std::string_view name) const {
  const Tensor* tensor = find(name);
  if (tensor == nullptr) bad_input(path_ + ": tensor " + json_quote(name) + " is missing");
  return *tensor;
}

void SafetensorsFile::check_unchanged() const {
  struct stat info;
  if (::fstat(fd_, &info) != 0) system_error(Exit::kIo, path_, "can't be examined", errno);
  if (info.st_size != size_ || change_time(info) != changed_ns_) {
    bad_input(path_ + ": was overwritten while it was read", "write a new file and rename it");
  }
}

void SafetensorsFile::read_f32(std::string_view name, float* out) const { read_f32(name, 0, at(name).elements(), out); }

void SafetensorsFile::read_f32(std::string_view name, std::int64_t from, std::int64_t to, float* out) const {
  const Tensor& tensor = at(name);
  const std::int64_t n = to - from, width = bytes_of(tensor.dtype), first = data_at_ + tensor.begin + from * width;
  const auto read = [&](std::int64_t begin, std::int64_t end) {
    const auto bytes = static_cast<std::size_t>((end - begin) * width);
    if (tensor.dtype == "F32") {
      return read_exactly_at(fd_, reinterpret_cast<char*>(out + begin), bytes, first + begin * width, path_);
    }
    std::vector<char> raw(bytes);
    read_exactly_at(fd_, raw.data(), bytes, first + begin * width, path_);
    if (!convert(tensor.dtype, raw.data(), end - begin, out + begin)) {
      bad_input(path_ + name_of(tensor) + "holds a number beyond 32 bits");
    }
  };
  if (tensor.dtype == "F64") {  // on this thread alone: a parallel loop flushes the denormals that rounding gives
    for (std::int64_t i = 0; i < n; i += kStep) read(i, std::min(n, i + kStep));
  } else if (tensor.dtype == "F32" || tensor.dtype == "BF16" || tensor.dtype == "F16") {
    parallel_ranges(n, kStep, read);
  } else {
    bad_input(path_ + name_of(tensor) + "is " + tensor.dtype + ", not a floating-point tensor");
  }
  check_unchanged();
}

namespace {

// A new file, written from its begin to its end by one thread, whose pieces the disk takes while later ones are copied
// to the system. (Several threads were slower: their pieces end up interleaved on the disk.)
class NewFile {
 public:
  explicit NewFile(const std::string& path) : path_(path) {
    ignore_file_size_signal();
    fd_ = Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!fd_) system_error(Exit::kCannotCreate, path, "can't be created", errno);
  }

  void write(std::string_view data) {
    constexpr std::size_t kPiece = std::size_t{8} << 20;
    while (!data.empty()) {
      const std::string_view piece = data.substr(0, kPiece);
      write_all(fd_.get(), piece, path_);
      size_ += piece.size();
      data.remove_prefix(piece.size());
      if (size_ - begun_ < kPiece) continue;
      begin_sync(fd_.get(), static_cast<off_t>(begun_), size_ - begun_);
      begun_ = size_;
    }
  }
  void finish() {
    sync_file(fd_.get(), path_);
    fd_.close(path_);
  }

 private:
  std::string path_;
  Descriptor fd_;
  std::size_t size_ = 0, begun_ = 0;  // bytes written, and those whose way to the disk has begun
};

// Writes a tensor's numbers in the dtype. Error kBadInput if a finite one is beyond it.
void write_tensor(NewFile& file, const TensorView& tensor, StoredDtype dtype) {
  const std::int64_t elements = tensor.elements();
  if (dtype == StoredDtype::kF32)
    return file.write({reinterpret_cast<const char*>(tensor.data), static_cast<std::size_t>(elements) * 4});
  const bool bf16 = dtype == StoredDtype::kBf16;
  std::vector<std::uint16_t> raw;
  for (std::int64_t at = 0; at < elements; at += kStep) {
    raw.resize(static_cast<std::size_t>(std::min(kStep, elements - at)));
    for (std::size_t i = 0; i < raw.size(); ++i) {
      const float x = tensor.data[at + static_cast<std::int64_t>(i)];
      raw[i] = bf16 ? to_bf16(x) : to_half(x);
      if (std::isfinite(x) && std::isinf(bf16 ? from_bf16(raw[i]) : from_half(raw[i]))) {
        bad_input("tensor " + tensor.name + " has the number " + json_number(x) + ", which is beyond " + name_of(dtype),
                  "store F32");
      }
    }
    file.write({reinterpret_cast<const char*>(raw.data()), raw.size() * 2});
  }
}

}  // namespace

void write_safetensors(const std::string& path, std::span<const TensorView> tensors, StoredDtype dtype,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) { return a->name < b->name; });
  JsonWriter w;
  w.begin_object().key("__metadata__").begin_object().field("format", "pt");
  for (const auto& [key, value] : metadata) w.field(key, value);
  w.end_object();
  std::int64_t at = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const TensorView& tensor = *order[i];
    if (i > 0 && tensor.name == order[i - 1]->name) {
      throw Error(Exit::kInternal, path + ": tensor " + json_quote(tensor.name) + " appears twice");
    }
    w.key(tensor.name).begin_object().field("dtype", name_of(dtype)).key("shape").begin_array();
    for (const std::int64_t n : tensor.shape) w.value(n);
    const std::int64_t size = tensor.elements() * bytes_of(dtype);
    w.end_array().key("data_offsets").begin_array().value(at).value(at + size).end_array().end_object();
    at += size;
  }
  w.end_object();
  std::string header = w.text();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string start;
  for (int shift = 0; shift < 64; shift += 8) start += static_cast<char>(header.size() >> shift & 0xFF);
  NewFile file(path);
  file.write(start + header);
  for (const TensorView* tensor : order) write_tensor(file, *tensor, dtype);
  file.finish();
}

}  // namespace nudge
