// The options that mean the same in every program. Each function registers one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/dtype.h"
#include "lib/cli/metrics.h"
#include "lib/cli/tool.h"

namespace nudge {

// Shard `index` of `count` takes the records whose number in the whole input is index modulo count.
struct Shard {
  std::int64_t index = 0, count = 1;
  bool takes(std::int64_t record) const { return record % count == index; }
};

// "i/n" with 0 <= i < n <= 1,000,000; or "slurm", the task of a Slurm job array: n = SLURM_ARRAY_TASK_COUNT and
// i = (..._ID - ..._MIN)/..._STEP. Throws a usage error, also if these are missing or not of a regular array.
Shard parse_shard(const std::string& text);
Binding bind_option(Shard& value);

// FILE...: "-" or none is stdin.
Option& input_files(Tool& tool, std::vector<std::string>& files);
Option& output_option(Tool& tool, std::string& path);  // default "-", stdout
Option& compress_option(Tool& tool, bool& compress);
Option& force_option(Tool& tool, bool& force);
Option& salvage_option(Tool& tool, bool& salvage);

// Threads of the process, set before the body runs; 0 leaves the number to thread_count() (lib/base/parallel.h).
Option& threads_option(Tool& tool);
Option& seed_option(Tool& tool, std::uint64_t& seed);
// The arithmetic of the matrix products. D is Dtype, or std::optional<Dtype> where it may come from elsewhere.
template <class D>
Option& dtype_option(Tool& tool, D& dtype) {
  return tool.choice("--dtype", dtype, {{"f32", Dtype::kF32}, {"bf16", Dtype::kBf16}},
                     "arithmetic of the matrix products; weights stay float32");
}
// Neutral: all shards of a work have the same digest, and their marks tell them apart (lib/io/stream.h).
Option& shard_option(Tool& tool, Shard& shard);

// Opens `metrics` before the body runs.
Option& metrics_option(Tool& tool, MetricsFile& metrics);

}  // namespace nudge
