// An iteration of PPO as users run it: rollout, score and ppo-step, one after the other, over files. 32 prompts of 32
// tokens, 64 new tokens each, sampled at temperature 1 from all tokens; a reward model and a reference; 2 epochs in
// minibatches of 8 with a separate critic, no entropy bonus, the KL in the reward. Random weights of GPT-2 124M's shape.
// The least time is that of the products, attention, cache and optimizer at the limits (tests/bench/steps.h); loading
// and saving count nothing. Beneath, the parts of each program's own profile beside the limit of each.
// Needs 5 GB in the folder for temporary files.
// usage: bench_iteration [f32|bf16] [LAYERS WIDTH HEADS VOCAB]     (default: both, 12 768 12 50257)
//        bench_iteration model FOLDER [LAYERS WIDTH HEADS VOCAB]   writes the model's folder, measures nothing
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lib/io/files.h"
#include "tests/bench/steps.h"

using namespace nudge;
using namespace nudge::bench;
using std::int64_t;

namespace {

using Words = std::vector<std::string>;

constexpr double kPrompts = 32, kPrompt = 32, kNew = 64, kEpochs = 2, kMinibatch = 8;
std::string count_of(double x) { return std::to_string(static_cast<int64_t>(x)); }

struct Shape {
  int64_t layers = 12, width = 768, heads = 12, vocab = 50257;
};

// Runs a program to its end, its stderr in the file log, and tells the seconds. Ends this program where it failed.
double run(const std::string& bin, Words words) {
  words[0] = bin + words[0];
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "log", O_WRONLY | O_CREAT | O_TRUNC, 0666);
  int status = -1;
  const double s = seconds_of([&] {
    pid_t child = 0;
    if (::posix_spawn(&child, argv[0], &files, nullptr, argv.data(), environ) == 0) ::waitpid(child, &status, 0);
  });
  posix_spawn_file_actions_destroy(&files);
  if (status != 0) {
    std::printf("bench_iteration: %s failed\n%s", argv[0], read_file("log").c_str());
    std::exit(1);
  }
  return s;
}

// Words without meaning, each three times, from which BPE learns the vocabulary; none has a digit. So a digit is a token,
// and a prompt of 32 digits has 32.
void write_inputs(int64_t vocab) {
  std::ofstream texts("texts.jsonl"), pairs("pairs.jsonl"), prompts("prompts.jsonl");
  std::uint64_t x = 1;
  const auto next = [&x] { return x = x * 16807 % 2147483647; };
  for (int64_t i = 0; i < std::max<int64_t>(vocab * 6 / 5, 200); ++i) {
    std::string word;
    do word += static_cast<char>('a' + next() % 26);
    while (word.size() < 4 || (word.size() < 12 && x % 5 != 0));
    texts << "{\"text\":\"" << word << ' ' << word << ' ' << word << "\"}\n";
  }
  pairs << R"({"prompt":"a","chosen":"b","rejected":"c"})" << '\n';
  for (double i = 0; i < kPrompts; ++i) {
    std::string prompt;
    while (static_cast<double>(prompt.size()) < kPrompt) prompt += static_cast<char>('0' + next() / 7 % 10);
    prompts << "{\"prompt\":\"" << prompt << "\"}\n";
  }
}

void make_model(const std::string& bin, const Shape& shape, const std::string& folder) {
  write_inputs(shape.vocab);
  run(bin, {"sft-train", "-q", "--init", "new", "--layers", std::to_string(shape.layers), "--width",
            std::to_string(shape.width), "--heads", std::to_string(shape.heads), "--context", "1024", "--vocab",
            std::to_string(shape.vocab), "--epochs", "0", "texts.jsonl", "-o", folder});
}

// The least seconds of the three programs at the limits.
struct Least {
  double rollout, score, step;
};
Least least_of(const Shape& shape, Dtype dtype, const Limits& limits) {
  ModelConfig config = gpt2_config(shape.layers, shape.width, shape.heads, 1024, shape.vocab);
  config.dtype = dtype;
  const Model model = random_model(config);
  const double rate = limits.of(dtype), length = kPrompt + kNew;
  const double blocks = block_flops(model, kPrompts * length) + attention_flops(model, kPrompts, length);
  const double head = head_flops(model, kPrompts * kNew);
  const double prefill =
      block_flops(model, kPrompts * kPrompt) + attention_flops(model, kPrompts, kPrompt) + head_flops(model, kPrompts);
  const double decode = (kNew - 1) * decode_seconds(model, kPrompts, kPrompt + kNew / 2, limits);
  const double updates = kEpochs * kPrompts / kMinibatch;
  // Policy and critic: a forward for the old values, then each epoch; the critic's head is nothing beside it.
  return {prefill / rate + decode, (2 * blocks + head) / rate,
          (1 + 3 * kEpochs) * (2 * blocks + head) / rate + updates * 2 * optimizer_bytes(model) / limits.read};
}

// Rows of the profile in the file log ("NAME:   PART  SECONDS s  SHARE% RATE UNIT ..."): each part's rate and limit.
void profile_rows(const Table& table, const std::string& program, Dtype dtype) {
  std::ifstream log("log");
  for (std::string line; std::getline(log, line);) {
    constexpr std::size_t kName = 21;
    const std::size_t at = program.size() + 4;
    if (line.rfind(program + ":   ", 0) != 0 || line.size() < at + kName) continue;
    std::string part = line.substr(at, kName);
    part.erase(part.find_last_not_of(' ') + 1);
    double s = 0, share = 0, rate = 0;
    char unit[16] = "";
    const int read = std::sscanf(line.c_str() + at + kName, "%lf s %lf%% %lf %15s", &s, &share, &rate, unit);
    if (read < 2 || share < 0.5) continue;
    char what[80];
    std::snprintf(what, sizeof what, "  %s, %s: %.1f s", program.c_str(), part.c_str(), s);
    const bool in_dtype = part.rfind("products", 0) == 0 || part.rfind("head", 0) == 0;
    double limit = 0;
    if (std::strcmp(unit, "GFLOP/s") == 0) limit = in_dtype ? table.limits.of(dtype) : table.limits.fma;
    else if (read == 4) limit = part == "optimizer" ? 2 * table.limits.copy : table.limits.read;
    if (rate > 0) table.row(what, rate, limit / 1e9, unit);
    else table.row(what, s, 0, "s");
  }
}

// The number before `unit` in the file log: "memory: at most 1,234 KiB".
double figure_in_log(const std::string& unit) {
  std::string text = read_file("log");
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  const std::size_t at = text.find(" " + unit);
  check(at != std::string::npos, unit + " that -v tells");
  return std::strtod(text.c_str() + text.rfind(' ', at - 1), nullptr);
}

double bytes_in(const std::string& folder) {
  double bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) bytes += static_cast<double>(entry.file_size());
  return bytes;
}

void iterate(const Table& table, const std::string& bin, const Shape& shape, Dtype dtype) {
  const Least least = least_of(shape, dtype, table.limits);
  const std::string of = ", " + std::string(name_of(dtype));
  double total = 0;
  const auto timed = [&](Words words, double shortest) {
    words.insert(words.begin() + 1, {"-v", "-v", "--force"});
    const double s = run(bin, words);
    total += s;
    table.takes(words[0] + of, s, shortest);
    profile_rows(table, words[0], dtype);
    // What this program held before counts as well: less than 2 GiB.
    if (words[0] == "ppo-step") table.row("ppo-step's peak memory" + of, figure_in_log("KiB") / (1 << 20), 0, "GiB");
  };
  timed({"rollout", "--dtype", name_of(dtype), "--policy", "base", "--max-tokens", count_of(kNew), "prompts.jsonl",
         "-o", "rolled.jsonl"},
        least.rollout);
  check(figure_in_log("tokens") > 0.9 * kPrompts * kNew, "the number of tokens that rollout sampled");
  timed({"score", "--dtype", name_of(dtype), "--reward-model", "rm", "--ref", "base", "rolled.jsonl", "-o",
         "scored.jsonl"},
        least.score);
  timed({"ppo-step", "--policy", "base", "--critic-init", "rm", "--epochs", count_of(kEpochs), "--minibatch",
         count_of(kMinibatch), "scored.jsonl", "-o", "next"},
        least.step);
  table.row("the folder that it writes" + of, bytes_in("next") / 1e9, 0, "GB");
  table.takes("the iteration" + of, total, least.rollout + least.score + least.step);
  std::filesystem::remove_all("next");
}

void measure(const std::string& bin, const Shape& shape, const std::vector<Dtype>& dtypes) {
  make_model(bin, shape, "base");
  run(bin, {"rm-train", "-q", "--init", "base", "--epochs", "0", "pairs.jsonl", "-o", "rm"});
  const Table table;
  for (Dtype dtype : dtypes) iterate(table, bin, shape, dtype);
}

}  // namespace

int main(int argc, char** argv) {
  Words words(argv + 1, argv + argc);
  std::vector<Dtype> dtypes = {Dtype::kF32, Dtype::kBf16};
  std::filesystem::path model;
  if (!words.empty() && (words[0] == "f32" || words[0] == "bf16")) {
    dtypes = {words[0] == "f32" ? Dtype::kF32 : Dtype::kBf16};
    words.erase(words.begin());
  } else if (words.size() > 1 && words[0] == "model") {
    model = std::filesystem::absolute(words[1]);
    words.erase(words.begin(), words.begin() + 2);
  }
  Shape shape;
  if (words.size() == 4)
    shape = {std::atoi(words[0].c_str()), std::atoi(words[1].c_str()), std::atoi(words[2].c_str()),
             std::atoi(words[3].c_str())};
  if ((words.size() != 4 && !words.empty()) || shape.layers < 1 || shape.width < 1 || shape.heads < 1 ||
      shape.vocab < 1) {
    std::fprintf(stderr, "usage: bench_iteration [f32|bf16|model FOLDER] [LAYERS WIDTH HEADS VOCAB]\n");
    return 64;
  }
  const std::string bin = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bin/";
  std::string folder = std::filesystem::temp_directory_path() / "nudge-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr || ::chdir(folder.c_str()) != 0) {
    std::perror("bench_iteration: a temporary folder");
    return 1;
  }
  if (model.empty()) measure(bin, shape, dtypes);
  else make_model(bin, shape, model);
  std::filesystem::remove_all(folder);
}
