#include "lib/cli/common_options.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "lib/base/parallel.h"

namespace nudge {
namespace {

constexpr std::int64_t kMostShards = 1000000;
constexpr std::int64_t kMostOfSlurm = 1000000000;  // far beyond MaxArraySize; products fit in 64 bits

std::int64_t slurm_number(const std::string& name) {
  const char* text = std::getenv(name.c_str());
  if (text == nullptr) usage_error("'slurm': " + name + " is not set", "outside of a Slurm job array give i/n");
  std::int64_t n = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, bad] = std::from_chars(text, end, n);
  if (bad != std::errc() || stop != end || n < 0 || n > kMostOfSlurm) {
    usage_error("'slurm': " + name + " is '" + text + "', not a task number");
  }
  return n;
}

// The shard of a task of an array such as 0-7 or 1-15:2. A list with gaps, such as 0,2,5, is refused: its task ids
// don't count shards. Slurm's MIN and MAX are the smallest and largest task id; STEP follows the colon, else it is 1.
Shard slurm_shard() {
  const auto number = [](const char* name) { return slurm_number(std::string("SLURM_ARRAY_TASK_") + name); };
  const std::int64_t id = number("ID"), min = number("MIN"), step = number("STEP"), count = number("COUNT");
  const std::int64_t max = std::getenv("SLURM_ARRAY_TASK_MAX") != nullptr ? number("MAX") : min + (count - 1) * step;
  const bool regular = step >= 1 && count >= 1 && min <= max && (max - min) / step + 1 == count;
  if (!regular || id < min || id > max || (id - min) % step != 0) {
    usage_error("'slurm': task " + std::to_string(id) + " of " + std::to_string(count) + ", from " +
                    std::to_string(min) + " to " + std::to_string(max) + " by " + std::to_string(step) +
                    ", is not from a regular array",
                "--array=0-7 is regular; for any other, give i/n");
  }
  if (count == 1 && id > 1) {  // --array=3, to make a lost shard again
    usage_error("'slurm': task " + std::to_string(id) + " alone would be shard 0/1, all of the input",
                "to make one shard again, give its i/n");
  }
  if (count > kMostShards) usage_error("'slurm': an array of more than " + std::to_string(kMostShards) + " tasks");
  return {(id - min) / step, count};
}

}  // namespace

Shard parse_shard(const std::string& text) {
  if (text == "slurm") return slurm_shard();
  Shard shard;
  const char* end = text.data() + text.size();
  const auto [slash, bad_index] = std::from_chars(text.data(), end, shard.index);
  bool good = bad_index == std::errc() && slash != end && *slash == '/';
  if (good) {
    const auto [stop, bad_count] = std::from_chars(slash + 1, end, shard.count);
    good = bad_count == std::errc() && stop == end;
  }
  if (!good) usage_error("'" + text + "' is not of the form i/n", "shards count from 0: the first of four is 0/4");
  if (shard.count < 1 || shard.count > kMostShards) usage_error("'" + text + "': n must be from 1 to 1000000");
  if (shard.index < 0 || shard.index >= shard.count) {
    usage_error("'" + text + "': i must be from 0 to n - 1", "shards count from 0: the first of four is 0/4");
  }
  return shard;
}

Binding bind_option(Shard& value) {
  Binding b;
  b.placeholder = "i/n";
  b.set = [&value](const std::string& text) { return value = parse_shard(text), 0.0; };
  b.value = [&value] {
    return std::optional<std::string>(std::to_string(value.index) + "/" + std::to_string(value.count));
  };
  return b;
}

Option& input_files(Tool& tool, std::vector<std::string>& files) {
  return tool.option("FILE", files, "input, plain or zstd; - or nothing is stdin").neutral();
}

Option& output_option(Tool& tool, std::string& path) {
  path = "-";
  return tool.option("-o,--output", path, "output file; appears when complete; compressed if named .zst")
      .placeholder("FILE")
      .shown_default("stdout")
      .neutral();
}

Option& compress_option(Tool& tool, bool& compress) {
  return tool.option("-z,--zstd", compress, "compress stdout, with marks that prove it complete").neutral();
}

Option& force_option(Tool& tool, bool& force) {
  return tool.option("--force", force, "overwrite an existing output").neutral();
}

Option& salvage_option(Tool& tool, bool& salvage) {
  return tool.option("--salvage", salvage, "accept damaged or incomplete input and use what is intact").neutral();
}

Option& threads_option(Tool& tool) {
  // Set while the command line is read, so that --version tells it too.
  auto threads = std::make_shared<int>(0);
  Binding binding = bind_option(*threads);
  binding.set = [threads, read = binding.set](const std::string& text) {
    const double n = read(text);
    if (n >= 1 && n <= kMaxThreads) set_thread_count(*threads);
    return n;
  };
  return tool.add("--threads", "threads; 0: OMP_NUM_THREADS if set, else all processors", binding)
      .at_least(0)
      .at_most(kMaxThreads)
      .neutral();
}

Option& seed_option(Tool& tool, std::uint64_t& seed) {
  return tool.option("--seed", seed, "seed of the random numbers").at_least(0).at_most(9007199254740991.0);
}

Option& shard_option(Tool& tool, Shard& shard) {
  return tool
      .option("--shard", shard,
              "take only shard i of n, counted from 0; slurm: the shard of this task in a Slurm job array")
      .neutral();
}

Option& metrics_option(Tool& tool, MetricsFile& metrics) {
  auto path = std::make_shared<std::string>();
  tool.after_parsing([path, &metrics] { metrics.open(*path); });
  return tool.option("--metrics", *path, "append a JSON line of metrics per step").placeholder("FILE").neutral();
}

}  // namespace nudge
