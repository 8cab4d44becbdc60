// How fast records go in and out: trajectories as rollout and score write them, read to what ppo-step needs and written
// from what sampling leaves, plain and zstd apart. Beside each the limit it is compared with, from the same run.
#include <simdjson.h>
#include <zstd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/io/stream.h"
#include "lib/rl/trajectory.h"

using namespace nudge;

namespace {

constexpr int kTrajectories = 4000, kPromptTokens = 100, kResponseTokens = 200, kVocab = 50257;

struct Sample {
  std::string id, prompt, response;
  std::vector<std::int32_t> prompt_ids, response_ids;
  std::vector<float> logprobs, ref_logprobs;
  float reward = 0;
};

void check(bool good, const char* what) {
  if (good) return;
  std::printf("bench_records: %s is wrong\n", what);
  std::exit(1);
}

std::vector<Sample> make_samples() {
  std::mt19937 random(1);
  std::exponential_distribution<float> surprise(0.5f);
  std::normal_distribution<float> noise(0, 0.1f);
  const auto words = [&](int n) {  // a word a token
    static const char* const list[] = {" the", " of", " morning",  " river", ", and",
                                       " is",  " a",  " question", ".\n",    " say"};
    std::string text;
    for (int i = 0; i < n; ++i) text += list[random() % std::size(list)];
    return text;
  };
  const auto tokens = [&](int n) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(n));
    for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random() % kVocab);
    return ids;
  };
  std::vector<Sample> samples(kTrajectories);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    Sample& s = samples[i];
    s.id = std::to_string(i / 4) + "/" + std::to_string(i % 4);
    s.prompt = words(kPromptTokens), s.response = words(kResponseTokens);
    s.prompt_ids = tokens(kPromptTokens), s.response_ids = tokens(kResponseTokens);
    for (int t = 0; t < kResponseTokens; ++t) {
      s.logprobs.push_back(-surprise(random));
      s.ref_logprobs.push_back(s.logprobs.back() - std::abs(noise(random)));
    }
    s.reward = noise(random);
  }
  return samples;
}

// The fields of rollout, then those of score.
Record record_of(const Sample& s) {
  Record r("sample");
  r.set_text("schema", "trajectory/1");
  r.set_text("id", s.id);
  r.set_text("group", s.id.substr(0, s.id.rfind('/')));
  r.set_text("prompt", s.prompt);
  r.set_text("response", s.response);
  r.set_ids("prompt_ids", s.prompt_ids);
  r.set_ids("response_ids", s.response_ids);
  r.set_text("finish", "length");
  r.set_text("policy", "0123456789abcdef0123456789abcdef");
  r.set_text("tokenizer", "0123456789abcdef0123456789abcdef");
  r.set_text("dtype", name_of(Dtype::kF32));
  r.set_integer("arith", kArithmetic);
  r.set_integer("seed", 0);
  r.set_real("temperature", 1);
  r.set_integer("top_k", 0);
  r.set_real("top_p", 1);
  r.set_reals("logprobs", s.logprobs);
  r.set_real("reward", s.reward);
  r.set_reals("ref_logprobs", s.ref_logprobs);
  return r;
}

void write(const std::vector<Sample>& samples, const std::string& path, bool zstd) {
  RecordWriter out({.path = path, .zstd = zstd, .force = true, .digest = {}, .program = "bench"});
  for (const Sample& s : samples) out.write(record_of(s));
  out.finish();
}

std::vector<Trajectory> read(const std::string& path) {
  ModelConfig config;
  config.vocab = kVocab, config.context = 1024;
  std::vector<Trajectory> all;
  RecordReader in({path});
  for (Record r; in.next(r);) all.push_back(read_trajectory(r, config));
  return all;
}

// A number that is the shortest: no %.Ng of fewer digits gives the same float32.
std::string shortest(float x) {
  char out[64];
  for (int digits = 1; digits <= 9; ++digits) {
    std::snprintf(out, sizeof out, "%.*g", digits, static_cast<double>(x));
    if (std::strtof(out, nullptr) == x) break;
  }
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

void check_read(const std::vector<Sample>& samples, const std::vector<Trajectory>& read) {
  check(read.size() == samples.size(), "the number of records");
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& s = samples[i];
    const Trajectory& t = read[i];
    check(t.id == s.id && t.prompt_ids == s.prompt_ids && t.response_ids == s.response_ids, "a record's tokens");
    check(same_bits(t.logprobs, s.logprobs) && same_bits(t.ref_logprobs, s.ref_logprobs), "a log-prob");
    check(t.reward == s.reward && !t.stopped, "a record's reward");
  }
}

void check_text(const std::vector<Sample>& samples, const std::string& text) {
  std::size_t at = 0;
  for (const Sample& s : samples) {
    at = text.find("\"logprobs\":[", at) + 12;
    for (const float x : s.logprobs) {
      const std::string wanted = shortest(x);
      const std::size_t end = text.find_first_of(",]", at);
      check(std::strtof(text.c_str() + at, nullptr) == x && end - at <= wanted.size(), "the text of a log-prob");
      at = end + 1;
    }
  }
}

struct Seconds {
  double wall, processor;
};  // the processor's count all threads

double now(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The least of some calls, after one that warms up.
template <class F>
Seconds measure(F&& f) {
  f();
  Seconds least{1e30, 1e30};
  for (int i = 0; i < 7; ++i) {
    const double wall = now(CLOCK_MONOTONIC), processor = now(CLOCK_PROCESS_CPUTIME_ID);
    f();
    least.wall = std::min(least.wall, now(CLOCK_MONOTONIC) - wall);
    least.processor = std::min(least.processor, now(CLOCK_PROCESS_CPUTIME_ID) - processor);
  }
  return least;
}

void say(const char* what, double bytes, Seconds s, double limit, const char* name) {
  std::printf("  %-24s %8.0f MB/s a core  %8.0f MB/s elapsed", what, bytes / s.processor / 1e6, bytes / s.wall / 1e6);
  if (limit > 0) std::printf("  %4.0f%% of %s", 100 * limit / s.processor, name);
  std::printf("\n");
}

void run(const std::filesystem::path& folder) {
  const std::vector<Sample> samples = make_samples();
  const std::string plain = folder / "t.jsonl", packed = folder / "t.jsonl.zst";
  write(samples, plain, false);
  write(samples, packed, true);
  std::ifstream file(plain, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  check_text(samples, text);
  check_read(samples, read(plain));
  check_read(samples, read(packed));

  const auto bytes = static_cast<double>(text.size());
  std::printf("records: %d trajectories of %d + %d tokens, %.0f bytes of text each\n", kTrajectories, kPromptTokens,
              kResponseTokens, bytes / kTrajectories);
  std::string copy(text.size() + simdjson::SIMDJSON_PADDING, '\0');
  say("memcpy", bytes, measure([&] { std::memcpy(copy.data(), text.data(), text.size()); }), 0, "");
  simdjson::dom::parser parser;
  const Seconds bare = measure([&] {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      check(parser.parse(copy.data() + at, end - at, false).error() == simdjson::SUCCESS, "simdjson");
      at = end + 1;
    }
  });
  say("simdjson alone", bytes, bare, 0, "");
  constexpr std::size_t kFrame = std::size_t{1} << 20;
  const std::size_t whole = text.size() / kFrame * kFrame;
  std::string frame(ZSTD_compressBound(kFrame), '\0'), back(kFrame, '\0');
  std::vector<std::string> frames;
  ZSTD_CCtx* const encoder = ZSTD_createCCtx();
  ZSTD_DCtx* const decoder = ZSTD_createDCtx();
  const Seconds squeeze = measure([&] {
    frames.clear();
    for (std::size_t at = 0; at < whole; at += kFrame) {
      const std::size_t n = ZSTD_compressCCtx(encoder, frame.data(), frame.size(), text.data() + at, kFrame, 1);
      frames.emplace_back(frame, 0, n);
    }
  });
  say("zstd -1 alone", static_cast<double>(whole), squeeze, 0, "");
  const Seconds expand = measure([&] {
    for (const std::string& f : frames) ZSTD_decompressDCtx(decoder, back.data(), kFrame, f.data(), f.size());
  });
  say("zstd -d alone", static_cast<double>(whole), expand, 0, "");
  ZSTD_freeCCtx(encoder);
  ZSTD_freeDCtx(decoder);

  const double share = bytes / static_cast<double>(whole);
  say("parse plain", bytes, measure([&] { read(plain); }), bare.processor, "simdjson alone");
  say("parse zstd", bytes, measure([&] { read(packed); }), bare.processor + share * expand.processor,
      "simdjson + zstd");
  // To a device, so that no disk is measured.
  say("write plain", bytes, measure([&] { write(samples, "/dev/null", false); }), 0, "");
  say("write zstd", bytes, measure([&] { write(samples, "/dev/null", true); }), share * squeeze.processor,
      "zstd alone");
}

}  // namespace

int main() {
  std::string folder = std::filesystem::temp_directory_path() / "nudge-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    std::perror("bench_records: a temporary folder");
    return 1;
  }
  int status = 0;
  try {
    run(folder);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_records: %s\n", error.what());
    status = 1;
  }
  std::filesystem::remove_all(folder);
  return status;
}
