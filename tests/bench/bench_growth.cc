// Cost against growing work: a small model (GPT-2's block, 4 layers, width 256, 4 heads) trained and sampled over
// sequence lengths, batches, vocabularies and threads. On stdout a table with tabs (tests/bench/growth.awk makes a
// table of Markdown and a plot of it): what grows, its value, the step, tokens a second, GFLOP/s of counted work
// (tests/bench/steps.h), and these as a percentage of FMA with as many threads, measured beside them.
// usage: bench_growth [length|batch|vocabulary|threads...] (default: everything, a few minutes)
#include "tests/bench/steps.h"

using namespace nudge;
using namespace nudge::bench;
using std::int64_t;

namespace {

Model small_model(int64_t context, int64_t vocab) {
  Model model = random_model(gpt2_config(4, 256, 4, context, vocab));
  model.transformer.pack();
  return model;
}

void row(const char* axis, int64_t value, const char* step, double tokens, double flops, double s) {
  const double fma = measure_limits(kernels().name, 0, 5).fma;
  std::printf("%s\t%lld\t%s\t%.1f\t%.2f\t%.1f\n", axis, static_cast<long long>(value), step, tokens / s,
              flops / s / 1e9, 100 * flops / s / fma);
  std::fflush(stdout);
}

void train(const char* axis, int64_t value, Model& model, int64_t B, int64_t T) {
  TrainingSteps steps(model, B, T);
  const double s = median(3, [&] { steps.step(); });
  row(axis, value, "train", static_cast<double>(B * T), training_flops(model, B, T, true), s);
}

void decode(const char* axis, int64_t value, const Model& model, int64_t batch) {
  constexpr int64_t kPrompt = 64, kNew = 64;
  const DecodeTimes times = decode_times(model, batch, kPrompt, kNew, 3);
  const auto tokens = static_cast<double>(batch * (kNew - 1)), B = static_cast<double>(batch);
  const double attention = attention_flops(model, B, kPrompt + kNew - 1) - attention_flops(model, B, kPrompt);
  row(axis, value, "decode", tokens, block_flops(model, tokens) + head_flops(model, tokens) + attention, times.decode);
}

}  // namespace

int main(int argc, char** argv) {
  const Rows rows("bench_growth", {"length", "batch", "vocabulary", "threads"}, {argv + 1, argv + argc});
  const int all = thread_count();
  std::printf("grows\tvalue\tstep\ttokens/s\tGFLOP/s\tpercent of FMA\n");
  if (rows.has("length")) {
    for (int64_t T = 128; T <= 4096; T *= 2) {  // 4,096 tokens a step in all
      Model model = small_model(4096, 4096);
      train("length", T, model, 4096 / T, T);
    }
  }
  if (rows.has("batch")) {
    for (int64_t B = 1; B <= 64; B *= 2) {
      Model model = small_model(256, 4096);
      decode("batch", B, model, B);
      train("batch", B, model, B, 64);
    }
  }
  if (rows.has("vocabulary")) {
    for (int64_t V : {512, 2048, 8192, 32768, 151936}) {
      Model model = small_model(256, V);
      decode("vocabulary", V, model, 8);
      train("vocabulary", V, model, 4, 256);
    }
  }
  if (rows.has("threads")) {
    for (int n = 1;; n = std::min(2 * n, all)) {
      set_thread_count(n);
      Model model = small_model(256, 4096);
      decode("threads", n, model, 8);
      train("threads", n, model, 8, 256);
      if (n == all) break;
    }
  }
}
