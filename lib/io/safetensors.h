// The safetensors format: named tensors in one file. Reading checks every rule of the format.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nudge {

// A file opened for reading. It is read through its descriptor, never mapped: if the file is replaced meanwhile, the
// old content is read to its end; if it is overwritten in place, that is an Error instead of a SIGBUS.
class SafetensorsFile {
 public:
  struct Tensor {
    std::string name;
    std::string dtype;  // as in the file: F64 F32 F16 BF16 I64 I32 I16 I8 U64 U32 U16 U8 BOOL F8_E4M3 F8_E5M2
    std::vector<std::int64_t> shape;  // empty for a scalar
    std::int64_t begin = 0, end = 0;  // bytes, from the start of the data
    std::int64_t elements() const;
  };

  // Errors: kNoInput (missing), kIo, kBadInput (breaks a rule of the format; names the file and the tensor).
  explicit SafetensorsFile(const std::string& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&&) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;

  const std::string& path() const { return path_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }  // in name order
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const Tensor* find(std::string_view name) const;  // nullptr if there is none
  const Tensor& at(std::string_view name) const;    // kBadInput if there is none

  // Fills out[0 .. elements) from F32, BF16 or F16 (exactly) or F64 (rounded to nearest even), on all threads. Error
  // kBadInput for other dtypes, an F64 beyond float, or a file that changed since it was opened.
  void read_f32(std::string_view name, float* out) const;
  // The same for elements [from, to).
  void read_f32(std::string_view name, std::int64_t from, std::int64_t to, float* out) const;

 private:
  void parse_header(std::string_view json, std::int64_t data_size);
  void check_ranges(std::int64_t data_size) const;
  void check_unchanged() const;

  std::string path_;
  int fd_ = -1;
  std::int64_t data_at_ = 0;  // offset of the data in the file
  std::int64_t size_ = 0, changed_ns_ = 0;
  std::vector<Tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

struct TensorView {
  std::string name;
  std::vector<std::int64_t> shape;
  const float* data = nullptr;
  std::int64_t elements() const;
};

enum class StoredDtype : std::uint8_t { kF32, kBf16, kF16 };
const char* name_of(StoredDtype dtype);  // as the file spells it
int bytes_of(StoredDtype dtype);         // of one number

// Writes tensors in name order after a header padded to 8 bytes, with the {"format":"pt"} that other software expects and
// `metadata`, and syncs. BF16 and F16 are rounded to nearest even. Errors: kCannotCreate if `path` exists, kIo, kBadInput for a
// number beyond the dtype, kInternal for a name given twice.
void write_safetensors(const std::string& path, std::span<const TensorView> tensors,
                       StoredDtype dtype = StoredDtype::kF32, const std::map<std::string, std::string>& metadata = {});

}  // namespace nudge
