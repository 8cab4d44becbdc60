// Numbers of model/dev/FAMILY in each of golden_folders(): float64 results of independent implementations. Those in the
// tree are by transformers and PyTorch (tests/ecosystem/make_goldens.py).
#pragma once

#include <simdjson.h>

#include <cmath>
#include <string>
#include <vector>

#include "lib/io/files.h"
#include "lib/io/safetensors.h"
#include "lib/model/folder.h"
#include "lib/model/head.h"
#include "tests/harness/goldens.h"

namespace nudge::test {

// f(goldens, family) for each family of each folder of goldens; what fails names both.
template <class F>
void for_each_family(const F& f) {
  for (const std::string& goldens : golden_folders())
    for (const std::string& family : golden_families(goldens)) {
      CAPTURE(goldens);
      CAPTURE(family);
      f(goldens, family);
    }
}

class Golden {
 public:
  Golden(const std::string& goldens, const std::string& family)
      : folder(goldens + "/model/dev/" + family), tensors_(folder + "/golden.safetensors") {
    text_ = simdjson::padded_string(read_file(folder + "/golden.json"));
    json = parser_.parse(text_);
    tolerance_text_ = simdjson::padded_string(read_file(goldens + "/model/TOLERANCES.json"));
    tolerances_ = tolerance_parser_.parse(tolerance_text_)["dev/" + family];
  }

  // Ten times what an honest float32 implementation was seen to differ by.
  double tolerance(const char* key) const { return 10 * double(tolerances_[key]); }
  // How much the weights of a tensor may differ after three steps of AdamW. The list names the worst tensors; in
  // GPT-2, NeoX and OPT the key biases, whose gradient is zero but for noise, are worst and judged apart.
  double adamw_tolerance() const {
    double worst_other = 0;
    for (auto entry : simdjson::dom::array(tolerances_["adamw3_worst"])) {
      const std::string_view name = entry.at(0);
      const bool has_keys = name.find("c_attn.bias") != name.npos || name.find("query_key_value.bias") != name.npos ||
                            (name.find("decoder.") != name.npos && name.ends_with("k_proj.bias"));
      if (!has_keys) worst_other = std::max(worst_other, double(entry.at(1)));
    }
    return 10 * worst_other;
  }
  std::vector<float> tensor(const std::string& name) const { return read(tensors_, name); }
  static std::vector<float> read(const SafetensorsFile& file, const std::string& name) {
    std::vector<float> values(static_cast<std::size_t>(file.at(name).elements()));
    file.read_f32(name, values.data());
    return values;
  }

  std::string folder;
  simdjson::dom::element json;

 private:
  SafetensorsFile tensors_;
  simdjson::padded_string text_, tolerance_text_;
  simdjson::dom::parser parser_, tolerance_parser_;
  simdjson::dom::element tolerances_;
};

inline std::vector<std::int32_t> ids(simdjson::dom::element e) {
  std::vector<std::int32_t> out;
  for (auto x : e) out.push_back(static_cast<std::int32_t>(std::int64_t(x)));
  return out;
}
inline std::vector<float> numbers(simdjson::dom::element e) {
  std::vector<float> out;
  for (auto x : e) out.push_back(static_cast<float>(double(x)));
  return out;
}
inline double worst(const float* a, const float* b, std::size_t n) {
  double w = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double difference = std::abs(double(a[i]) - double(b[i]));
    w = std::isnan(difference) ? INFINITY : std::max(w, difference);
  }
  return w;
}
inline double worst(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  return worst(a.data(), b.data(), a.size());
}

// What rounding may leave of a tensor's gradient that is zero in exact arithmetic, as that of OPT's key biases is; 0 of
// one that isn't. `norm` is the tensor's, `whole` the norm of all tensors together.
inline double noise_of_zero(double norm, double whole) { return norm < 1e-9 * whole ? 1e-6 * whole : 0; }

// Compares a gradient, tensor by tensor, with a safetensors file of full gradients: the greatest absolute
// difference and the relative one in the L2 norm of the worst tensor.
inline void check_gradient(const Golden& golden, const Layout& layout, const Buffer<float>& gradient,
                           const std::string& file_name) {
  const SafetensorsFile file(golden.folder + "/" + file_name);
  CHECK(file.tensors().size() == layout.tensors.size());
  double whole = 0;
  for (const TensorInfo& t : layout.tensors)
    for (const float g : Golden::read(file, t.name)) whole += double(g) * double(g);
  whole = std::sqrt(whole);
  for (const TensorInfo& t : layout.tensors) {
    const auto expected = Golden::read(file, t.name);
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double x = double(expected[i]), y = double(gradient[t.offset + static_cast<std::int64_t>(i)]);
      difference += (x - y) * (x - y), norm += x * x;
    }
    INFO(file_name << " " << t.name);
    const double limit = golden.tolerance("sft_grad_rel_l2_worst_tensor") * std::sqrt(norm) + 1e-12;
    CHECK(std::sqrt(difference) <= limit + noise_of_zero(std::sqrt(norm), whole));
  }
}

// The check values of a gradient that stands only as norms, sums and projections in golden.json.
inline void check_gradient_norms(const Golden& golden, const Layout& layout, const Buffer<float>& gradient,
                                 simdjson::dom::element expected) {
  const double limit = golden.tolerance("sft_grad_rel_l2_worst_tensor");
  double whole = 0;
  for (const TensorInfo& t : layout.tensors) whole += std::pow(double(expected[t.name]["norm"]), 2);
  whole = std::sqrt(whole);
  for (const TensorInfo& t : layout.tensors) {
    double norm = 0, projection = 0;
    for (std::int64_t i = 0; i < t.size; ++i) {
      const double g = double(gradient[t.offset + i]);
      norm += g * g;
      projection += g * std::sin(double(i + 1));
    }
    const double want = double(expected[t.name]["norm"]);
    INFO(t.name);
    const double noise = noise_of_zero(want, whole) + 1e-10;
    CHECK(std::abs(std::sqrt(norm) - want) <= limit * want + noise);
    CHECK(std::abs(projection - double(expected[t.name]["proj"])) <= limit * want * 3 + noise);
  }
}

}  // namespace nudge::test
