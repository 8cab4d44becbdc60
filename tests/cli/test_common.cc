#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "lib/base/parallel.h"
#include "lib/cli/common_options.h"
#include "tests/cli/capture.h"
#include "tests/harness/harness.h"

using namespace nudge;
using nudge::test::contains;
using nudge::test::in_child;
using nudge::test::run_words;

namespace {

struct Common {
  Tool tool{{"rollout", "draw samples", "Reads prompts.", {}, {}}};
  std::vector<std::string> files;
  std::string output;
  Dtype dtype = Dtype::kF32;
  bool compress = false, force = false, salvage = false;
  std::uint64_t seed = 0;
  Shard shard;
  MetricsFile metrics;
  std::int64_t samples = 1;
  std::optional<std::int64_t> top_k;
  Common() {
    tool.option("-n,--samples", samples, "samples"), tool.option("--top-k", top_k, "most probable");
    input_files(tool, files), output_option(tool, output), compress_option(tool, compress);
    force_option(tool, force), salvage_option(tool, salvage), threads_option(tool), seed_option(tool, seed);
    dtype_option(tool, dtype), shard_option(tool, shard), metrics_option(tool, metrics);
  }
  // The provenance after these words.
  std::string provenance(const std::vector<std::string>& words) {
    std::string text;
    CHECK(run_words(tool, words, [&] { text = tool.provenance(); }) == 0);
    return text;
  }
};

std::string fault(const std::vector<std::string>& words) {
  const auto result = in_child([&] {
    Common c;
    return run_words(c.tool, words);
  });
  CHECK(result.status == 64);
  CHECK(test::lines_of(result.err) == 2);
  return result.err.substr(0, result.err.find('\n'));
}

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("common options have their defaults and take what is given") {
  Common c;
  CHECK(run_words(c.tool, {}) == 0);
  CHECK(c.output == "-");
  CHECK(c.dtype == Dtype::kF32);
  CHECK(c.shard.count == 1);
  Common d;
  CHECK(run_words(d.tool, {"-o", "x.zst", "-z", "--force", "--salvage", "--seed", "9", "--dtype", "bf16", "--shard",
                           "2/3", "in", "-"}) == 0);
  CHECK(d.dtype == Dtype::kBf16);
  CHECK(d.output == "x.zst");
  CHECK((d.compress && d.force && d.salvage));
  CHECK(d.seed == 9);
  CHECK(d.shard.index == 2);
  CHECK(d.shard.count == 3);
  CHECK(d.files == std::vector<std::string>{"in", "-"});
}

TEST_CASE("a shard takes the records congruent to its index, so that the shards partition the input") {
  for (int record = 0; record < 30; ++record) {
    int takers = 0;
    for (int i = 0; i < 7; ++i) takers += Shard{i, 7}.takes(record);
    CHECK(takers == 1);
    CHECK(Shard{record % 7, 7}.takes(record));
    CHECK(Shard{}.takes(record));
  }
}

TEST_CASE("wrong shards are misuse with a reason") {
  for (const char* text : {"", "1", "/", "1/", "/2", "a/b", "1/2/3", "1 /2", "1/2 ", "0x1/2"}) {
    CAPTURE(text);
    CHECK(fault({"--shard", text}) == "rollout: error: --shard: '" + std::string(text) + "' is not of the form i/n");
  }
  CHECK(fault({"--shard", "3/3"}) == "rollout: error: --shard: '3/3': i must be from 0 to n - 1");
  CHECK(fault({"--shard=-1/3"}) == "rollout: error: --shard: '-1/3': i must be from 0 to n - 1");
  CHECK(fault({"--shard", "0/0"}) == "rollout: error: --shard: '0/0': n must be from 1 to 1000000");
  CHECK(fault({"--shard", "0/1000001"}) == "rollout: error: --shard: '0/1000001': n must be from 1 to 1000000");
}

namespace {

// The variables of a task of a Slurm array, "" for one that isn't set.
struct Task {
  std::string id, min, step, count, max = "";
};

void set_task(const Task& t) {
  const std::pair<const char*, const std::string*> all[] = {
      {"ID", &t.id}, {"MIN", &t.min}, {"STEP", &t.step}, {"COUNT", &t.count}, {"MAX", &t.max}};
  for (const auto& [name, value] : all) {
    const std::string variable = std::string("SLURM_ARRAY_TASK_") + name;
    if (value->empty()) ::unsetenv(variable.c_str());
    else ::setenv(variable.c_str(), value->c_str(), 1);
  }
}

// "i/n" as the option's canonical text has it, or the error.
std::string shard_of(const Task& task) {
  set_task(task);
  const auto result = in_child([] {
    Common c;
    return run_words(c.tool, {"--shard", "slurm"}, [&] {
      for (const Option& o : c.tool.options())
        if (o.key() == "shard") print(*o.value());
    });
  });
  set_task({});
  return result.status == 0 ? result.out : result.err.substr(0, result.err.find('\n'));
}

}  // namespace

TEST_CASE("slurm is the shard of the array's task, and recorded as i/n") {
  CHECK(shard_of({"0", "0", "1", "8"}) == "0/8");
  CHECK(shard_of({"7", "0", "1", "8", "7"}) == "7/8");
  CHECK(shard_of({"3", "1", "1", "4", "4"}) == "2/4");    // --array=1-4
  CHECK(shard_of({"13", "1", "4", "4", "13"}) == "3/4");  // --array=1-15:4, whether MAX is the last task or the bound
  CHECK(shard_of({"13", "1", "4", "4", "15"}) == "3/4");
  CHECK(shard_of({"0", "0", "1", "1", "0"}) == "0/1");  // --array=0-0 and 1-1, of N shards where N is 1
  CHECK(shard_of({"1", "1", "1", "1", "1"}) == "0/1");
}

TEST_CASE("slurm outside of an array, or of one with gaps, is misuse with a reason") {
  const std::string of = "rollout: error: --shard: 'slurm': ";
  CHECK(shard_of({}) == of + "SLURM_ARRAY_TASK_ID is not set");
  CHECK(shard_of({"", "0", "1", "4"}) == of + "SLURM_ARRAY_TASK_ID is not set");
  CHECK(shard_of({"0", "", "1", "4"}) == of + "SLURM_ARRAY_TASK_MIN is not set");
  CHECK(shard_of({"0", "0", "", "4"}) == of + "SLURM_ARRAY_TASK_STEP is not set");
  CHECK(shard_of({"0", "0", "1", ""}) == of + "SLURM_ARRAY_TASK_COUNT is not set");
  for (const char* text : {"x", "-1", "1.5", "1 ", "9999999999999999999999", "1000000001"})
    CHECK(shard_of({"0", "0", "1", text}) == of + "SLURM_ARRAY_TASK_COUNT is '" + text + "', not a task number");
  const auto irregular = [&](const Task& t) { return contains(shard_of(t), "is not from a regular array"); };
  CHECK(shard_of({"5", "0", "1", "3", "5"}) ==
        of + "task 5 of 3, from 0 to 5 by 1, is not from a regular array");  // --array=0,2,5
  CHECK(irregular({"2", "0", "1", "3", "5"}));
  CHECK(irregular({"3", "4", "1", "4"}));
  CHECK(irregular({"8", "0", "1", "8"}));
  CHECK(irregular({"3", "0", "2", "4"}));
  CHECK(irregular({"0", "0", "0", "4"}));
  CHECK(irregular({"0", "0", "1", "0"}));
  CHECK(shard_of({"3", "3", "1", "1", "3"}) == of + "task 3 alone would be shard 0/1, all of the input");
  const std::string many = "1000000000";
  CHECK(contains(shard_of({many, "0", many, many}), "an array of more than 1000000 tasks"));
  CHECK(contains(shard_of({"1", "0", "1", "1000001"}), "an array of more than 1000000 tasks"));
  CHECK(shard_of({"1", "0", "1", "1000000"}) == "1/1000000");
}

TEST_CASE("a dtype that there is not is refused in words") {
  CHECK(fault({"--dtype", "f16"}) == "rollout: error: --dtype: 'f16' is not f32 or bf16");
}

TEST_CASE("--threads sets the threads of the process, 0 leaves them, and bounds hold") {
  const int before = thread_count();
  {
    Common c;
    int seen = 0;
    CHECK(run_words(c.tool, {"--threads", "3"}, [&] { seen = thread_count(); }) == 0);
    CHECK(seen == 3);
  }
  set_thread_count(before);
  Common c;
  int seen = 0;
  CHECK(run_words(c.tool, {"--threads", "0"}, [&] { seen = thread_count(); }) == 0);
  CHECK(seen == before);
  CHECK(contains(fault({"--threads", "-1"}), "--threads: -1 is out of bounds: 0 <= N <= 1024"));
  CHECK(contains(fault({"--threads", "1025"}), "out of bounds"));
  CHECK(contains(in_child([] {
                   Common v;
                   return run_words(v.tool, {"--version", "--threads", "5"});
                 }).out,
                 "threads: 5\n"));
}

TEST_CASE("seeds go up to 2^53 - 1, so that JSON can carry them") {
  Common c;
  CHECK(run_words(c.tool, {"--seed", "9007199254740991"}) == 0);
  CHECK(c.seed == 9007199254740991u);
  CHECK(contains(fault({"--seed", "9007199254740992"}), "--seed: 9007199254740992 is out of bounds"));
}

TEST_CASE("provenance holds what determines the output, sorted, and nothing else") {
  CHECK(Common().provenance({}) == "tool=rollout\ndtype=f32\nsamples=1\nseed=0\n");
  const std::string base = Common().provenance({"-n", "4", "--seed", "2"});
  CHECK(base == "tool=rollout\ndtype=f32\nsamples=4\nseed=2\n");
  const std::string metrics = test::scratch_folder() + "/provenance.jsonl";
  CHECK(Common().provenance({"--seed=2", "-z", "-o", "elsewhere", "--force", "--salvage", "-q", "--samples", "4",
                             "--metrics", metrics, "--shard", "1/2", "some", "files"}) == base);
  CHECK(Common().provenance({"--top-k", "090"}) == "tool=rollout\ndtype=f32\nsamples=1\nseed=0\ntop-k=90\n");
}

TEST_CASE("values in the provenance can't pretend to be other options") {
  const auto of = [](const std::string& text, const std::vector<std::string>& stops) {
    Tool tool({"t", "s", "d", {}, {}});
    std::string a;
    std::vector<std::string> list;
    std::string result;
    tool.option("--a", a, "a"), tool.option("--stop", list, "stop");
    std::vector<std::string> words = {"--a", text};
    for (const auto& s : stops) words.insert(words.end(), {"--stop", s});
    CHECK(run_words(tool, words, [&] { result = tool.provenance(); }) == 0);
    return result;
  };
  CHECK(of("x\nb=1\\", {}) == "tool=t\na=x\\nb=1\\\\\n");
  CHECK(of("", {"a,b"}) != of("", {"a", "b"}));
  CHECK(of("", {"a", "b"}) != of("", {"b", "a"}));
}

TEST_CASE("an enumeration is chosen by word and named in the provenance") {
  enum class Mode { kFast, kSlow };
  Tool tool({"t", "s", "d", {}, {}});
  Mode mode = Mode::kFast;
  std::string text;
  const Option& o = tool.choice("--mode", mode, {{"fast", Mode::kFast}, {"slow", Mode::kSlow}}, "how");
  CHECK(o.default_words() == "fast");
  CHECK(run_words(tool, {"--mode", "slow"}, [&] { text = tool.provenance(); }) == 0);
  CHECK(mode == Mode::kSlow);
  CHECK(text == "tool=t\nmode=slow\n");
}

TEST_CASE("metrics are appended, a JSON line a step, over runs") {
  const std::string path = test::scratch_folder() + "/metrics.jsonl";
  for (int run = 0; run < 2; ++run) {
    Common c;
    CHECK(run_words(c.tool, {"--metrics", path}, [&] { c.metrics.write("{\"step\":" + std::to_string(run) + "}"); }) ==
          0);
  }
  CHECK(content(path) == "{\"step\":0}\n{\"step\":1}\n");
}

TEST_CASE("metrics that were not asked for cost nothing, and a file that can't be made is 73") {
  MetricsFile none;
  none.open("");
  CHECK(none.path().empty());
  none.write("{}");
  const auto result = in_child([] {
    Common c;
    return run_words(c.tool, {"--metrics", "/nonexistent/metrics.jsonl"});
  });
  CHECK(result.status == 73);
  CHECK(contains(result.err, "rollout: error: /nonexistent/metrics.jsonl: No such file or directory\n"));
}

TEST_CASE("a full disk behind the metrics is 74") {
  CHECK(in_child([] {
          Common c;
          return run_words(c.tool, {"--metrics", "/dev/full"}, [&] { c.metrics.write("{}"); });
        }).status == 74);
}
