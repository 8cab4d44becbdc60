// What ranks cost: the time of a sum over them, and a step of training that they share. `make bench-ranks` runs it as one
// process of one thread and of two, and as two processes of one.
// usage: bench_ranks [RANKS]   (under mpirun -n RANKS)
#include <ctime>

#include "lib/base/comm.h"
#include "tests/bench/steps.h"

using namespace nudge;
using namespace nudge::bench;
using std::int64_t;

namespace {

// Of this process, with all its threads: on a busy machine it tells more than the wall clock, but for one that waits.
double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

constexpr int64_t kGroups = 2, kSequences = 8, kTokens = 256;

void measure_sums() {
  for (int64_t n : {int64_t{1}, int64_t{1} << 18, int64_t{1} << 25}) {
    Buffer<float> x(n);
    for (int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(comm().rank() + 1);
    const int repeats = n == 1 ? 1000 : 7;
    // Once checked; then of numbers that stay finite.
    comm().sum(x.data(), n);
    const float all = static_cast<float>(comm().size() * (comm().size() + 1)) / 2;
    check(x[0] == all && x[n - 1] == all, "a sum over ranks");
    for (int64_t i = 0; i < n; ++i) x[i] = 0;
    comm().barrier();
    const double s = fastest(repeats, [&] { comm().sum(x.data(), n); });
    const double sent = 2.0 * (comm().size() - 1) / comm().size() * 4.0 * static_cast<double>(n);
    if (comm().first())
      std::printf("  a sum of %9.3f MB: %10.3f ms, each rank sends %.2f GB/s\n", 4e-6 * static_cast<double>(n), 1e3 * s,
                  sent / s / 1e9);
  }
}

void measure_training() {
  Model model = random_model(gpt2_config(6, 512, 8, kTokens, 8192));
  std::vector<SftExample> examples(kSequences);
  std::vector<const SftExample*> minibatch;
  for (SftExample& e : examples) {
    e.tokens = random_tokens(kTokens + 1, model.config().vocab, static_cast<std::uint64_t>(minibatch.size()));
    e.learnt = {{1, kTokens + 1}};
    minibatch.push_back(&e);
  }
  SftTrainer trainer(model, AdamOptions(), kTokens * kSequences, false, kGroups);
  Buffer<float> gradient(model.transformer.layout().size);
  double step = 1e30, sum = 1e30, groups = 1e30, update = 1e30;
  for (int i = 0; i < 6; ++i) {
    comm().barrier();
    double before = 0, between = 0;
    step = std::min(step, seconds_of([&] {
                      before = processor_seconds();
                      trainer.accumulate(minibatch);
                      between = processor_seconds();
                      trainer.step(1e-5f);
                    }));
    groups = std::min(groups, between - before);
    update = std::min(update, processor_seconds() - between);
    comm().barrier();
    sum = std::min(sum, seconds_of([&] { comm().sum(gradient.data(), gradient.size()); }));
  }
  if (!comm().first()) return;
  const double tokens = kSequences * kTokens;
  std::printf("  training, %.1f million weights, %.0f tokens a step: %.3f s, %.0f tokens/s\n",
              1e-6 * static_cast<double>(gradient.size()), tokens, step, tokens / step);
  std::printf("  processor time of rank 0: gradient %.3f s, optimizer %.3f s; the ranks' sum takes %.3f s\n", groups,
              update, sum);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) join_world(std::atoi(argv[1]));
  if (comm().first()) std::printf("ranks: %d, threads of each: %d\n", comm().size(), thread_count());
  if (comm().size() > 1) measure_sums();
  measure_training();
  leave_world();
}
