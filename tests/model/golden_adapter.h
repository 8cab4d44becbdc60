// Adapters of tests/goldens/model/adapters and what PEFT makes of them in float64 (tests/ecosystem/golden_adapters.py).
#pragma once

#include <string>
#include <vector>

#include "lib/model/adapter_folder.h"
#include "tests/model/golden.h"

namespace nudge::test {

struct GoldenAdapter {
  explicit GoldenAdapter(const std::string& name)
      : folder("tests/goldens/model/adapters/" + name), head(read_adapter_config(folder).head),
        text(read_file(folder + "/golden.json")), json(parser.parse(text)) {}

  Model load() const { return load_model(folder, head); }

  std::string folder;
  HeadKind head;
  simdjson::dom::parser parser;
  simdjson::padded_string text;
  simdjson::dom::element json;
};

// f(golden) for each adapter.
template <class F>
void for_each_adapter(const F& f) {
  for (const char* name : {"gpt2-all-linear", "llama-pattern", "neox-score", "qwen2-bf16", "qwen3-old-form"}) {
    CAPTURE(name);
    f(GoldenAdapter(name));
  }
}

// The L2 norm of the difference, over that of what is expected.
inline double relative_l2(const std::vector<float>& expected, const float* values) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double x = double(expected[i]), y = double(values[i]);
    difference += (x - y) * (x - y), norm += x * x;
  }
  return std::sqrt(difference / norm);
}

}  // namespace nudge::test
