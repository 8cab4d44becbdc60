// Whole steps of GPT-2 124M with random weights, as the programs take them, and the fraction of the roofline that each
// is: the least time for its work (tests/bench/steps.h counts it) at the limits measured in the same run, which is
// operations / FMA throughput for training and prefill, with the bytes of AdamW / reading added where there is a step,
// and for decoding the larger of bytes of weights, keys and values / reading and operations / FMA throughput.
// usage: bench_steps [f32|bf16] [train|ppo|decode-1|decode-8|decode-32...] (default: both, everything)
#include <fstream>
#include <optional>

#include "lib/rl/ppo.h"
#include "tests/bench/steps.h"

using namespace nudge;
using namespace nudge::bench;
using std::int64_t;

namespace {

// A row in tokens/s: `tokens` in `s` seconds, where the limits would let them be in `least`.
void tokens_row(const Table& table, const std::string& what, double tokens, double s, double least) {
  table.row(what, tokens / s, tokens / least, "tokens/s");
}

constexpr int64_t kB = 4, kT = 256;

void train(const Table& table, Model& model) {
  TrainingSteps steps(model, kB, kT);
  const double s = median(3, [&] { steps.step(); });
  const double least = training_flops(model, kB, kT, true) / table.limits.of(model.config().dtype) +
                       optimizer_bytes(model) / table.limits.read;
  tokens_row(table, "training, B=4 T=256, " + dtype_of(model), kB * kT, s, least);
}

// The most that this process has held of memory since forget_peak(), in bytes; nothing where the system doesn't tell.
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }
std::optional<double> peak() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmHWM:", 0) == 0) return 1024 * std::strtod(line.c_str() + 6, nullptr);
  return std::nullopt;
}

// The policy's backbone under a score head.
Model critic_of(const Model& policy) {
  ModelConfig config = policy.config();
  config.head = HeadKind::kScore;
  const Layout layout(config);
  Buffer<float> values(layout.size);
  for (const TensorInfo& t : policy.transformer.layout().tensors)
    std::copy_n(policy.transformer.values() + t.offset, t.size, values.data() + layout.find(t.name)->offset);
  initialise_score(config, layout, 1, values.data());
  return model_of(config, std::move(values));
}

// One update of ppo-step over a minibatch of 4 trajectories with 256 tokens each, behind a prompt of one.
void ppo(const Table& table, Model& policy) {
  forget_peak();
  Model critic = critic_of(policy);
  Adam adam(policy.transformer.layout(), AdamOptions()), critic_adam(critic.transformer.layout(), AdamOptions());
  PpoOptions options;
  options.epochs = 1;
  options.minibatch = kB;
  options.c2 = 0.01;
  Ppo trainer(policy, &critic, adam, &critic_adam, options);
  std::vector<Trajectory> trajectories(kB);
  for (std::size_t b = 0; b < trajectories.size(); ++b) {
    Trajectory& t = trajectories[b];
    t.id = std::to_string(b);
    t.prompt_ids = random_tokens(1, policy.config().vocab, 100 + b);
    t.response_ids = random_tokens(kT, policy.config().vocab, 200 + b);
    t.logprobs.assign(kT, -10.8f);
    t.reward = b % 2 == 0 ? 1.0f : -1.0f;
  }
  // The log-probs that the policy has, put into the trajectories, are those that it finds: else prepare refuses them.
  const PpoBatch found = trainer.prepare(trajectories, 0, true);
  for (std::size_t b = 0; b < trajectories.size(); ++b)
    std::copy_n(found.new_logprobs.begin() + static_cast<std::ptrdiff_t>(found.begin[b]), kT,
                trajectories[b].logprobs.begin());
  const PpoBatch batch = trainer.prepare(trajectories, 0, false);
  check(batch.first_ratio_min == 1 && batch.first_ratio_max == 1, "the first ratio");

  Metrics metrics;
  int64_t iteration = 0;
  const auto update = [&] { trainer.train(batch, iteration++, 0, metrics); };
  update();
  const double fresh = std::log(static_cast<double>(policy.config().vocab));
  check(metrics.get("ppo/updates") == 1.0 && metrics.get("val/ratio") == 1.0 &&
            std::abs(metrics.get("policy/entropy_avg").value_or(0) - fresh) < 0.2,
        "the figures of a PPO update");
  const double s = median(3, update);
  const double least = (training_flops(policy, kB, kT, true) + training_flops(critic, kB, kT, false)) /
                           table.limits.of(policy.config().dtype) +
                       (optimizer_bytes(policy) + optimizer_bytes(critic)) / table.limits.read;
  tokens_row(table, "PPO update, own critic, entropy bonus, " + dtype_of(policy), kB * kT, s, least);
  const double state = 16.0 * static_cast<double>(policy.transformer.layout().size + critic.transformer.layout().size);
  if (const auto bytes = peak())
    table.row("its peak memory / weights, gradients, moments (percent)", 100 * *bytes / state, 0, "%");
}

void decode(const Table& table, const Model& model, int64_t batch) {
  constexpr int64_t kPrompt = 128, kNew = 128;
  const DecodeTimes times = decode_times(model, batch, kPrompt, kNew, 3);
  const std::string of = ", batch " + std::to_string(batch) + ", " + dtype_of(model);
  const auto B = static_cast<double>(batch);
  tokens_row(table, "prefill of 128" + of, B * kPrompt, times.prefill,
             (block_flops(model, B * kPrompt) + attention_flops(model, B, kPrompt) + head_flops(model, B)) /
                 table.limits.of(model.config().dtype));
  // The first token is the prefill's; the others' steps see 129 to 255 tokens.
  constexpr double kSteps = kNew - 1, kLength = kPrompt + kNew / 2;
  tokens_row(table, "decode 128 + 128" + of, B * kSteps, times.decode,
             kSteps * decode_seconds(model, B, kLength, table.limits));
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  std::vector<Dtype> dtypes;
  for (Dtype dtype : {Dtype::kF32, Dtype::kBf16}) {
    if (words.empty() || words[0] != name_of(dtype)) continue;
    dtypes.push_back(dtype);
    words.erase(words.begin());
    break;
  }
  if (dtypes.empty()) dtypes = {Dtype::kF32, Dtype::kBf16};
  const Rows rows("bench_steps", {"train", "ppo", "decode-1", "decode-8", "decode-32"}, words);
  const Table table;
  for (Dtype dtype : dtypes) {
    ModelConfig config = gpt2_config(12, 768, 12, 1024, 50257);
    config.dtype = dtype;
    Model model = random_model(config);
    model.transformer.pack();
    for (int64_t batch : {1, 8, 32})
      if (rows.has("decode-" + std::to_string(batch))) decode(table, model, batch);
    if (rows.has("train")) train(table, model);
    if (rows.has("ppo")) ppo(table, model);
  }
}
