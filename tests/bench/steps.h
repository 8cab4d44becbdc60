// Whole steps of models with random weights: what a trainer, a sampler and a prefill do, and the work that they have
// to.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/rng.h"
#include "lib/model/folder.h"
#include "lib/model/generate.h"
#include "lib/rl/sft.h"
#include "lib/text/bpe_trainer.h"
#include "tests/bench/bench.h"

namespace nudge::bench {

// GPT-2's block at any size.
inline ModelConfig gpt2_config(std::int64_t layers, std::int64_t width, std::int64_t heads, std::int64_t context,
                               std::int64_t vocab) {
  ModelConfig c = ModelConfig::usual("gpt2");
  c.layers = layers, c.width = width, c.heads = heads, c.context = context, c.vocab = vocab;
  c.feed_forward = 4 * width;
  return c;
}

// No token ends an answer, so that all have their full length; the tokenizer, which no step asks, knows bytes only.
inline Model model_of(const ModelConfig& config, Buffer<float> values) {
  const std::string text;
  const TrainedTokenizer trained = train_bpe({&text, 1}, {.vocab_size = 257, .pad = false});
  return Model{Transformer(config, std::move(values)),
               Tokenizer::from_json(trained.tokenizer_json, trained.tokenizer_config_json, "bytes"),
               "",
               {}};
}
// The weights that sft-train --init new begins with.
inline Model random_model(const ModelConfig& config) {
  return model_of(config, initial_parameters(config, Layout(config), 1));
}
inline std::string dtype_of(const Model& model) { return name_of(model.config().dtype); }

inline std::vector<std::int32_t> random_tokens(std::int64_t n, std::int64_t vocab, std::uint64_t seed) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < n; ++i) {
    const double u = uniform(seed, 1, static_cast<std::uint64_t>(i));
    tokens.push_back(static_cast<std::int32_t>(u * static_cast<double>(vocab)));
  }
  return tokens;
}

// --- the work, counted as the mathematics has it: what is computed again or copied is no part of it ---
// Operations of a forward; a backward has twice as many, by the input and by the weights.
// Products: 2 for each weight of the blocks and each token.
inline double block_flops(const Model& model, double tokens) {
  double weights = 0;
  for (const LayerAt& l : model.transformer.layout().layers)
    for (const LinearAt* m : {&l.qkv, &l.proj, &l.up, &l.down}) weights += static_cast<double>(m->in * m->out);
  return 2 * weights * tokens;
}
// The head's, for each token whose next one is predicted.
inline double head_flops(const Model& model, double tokens) {
  return 2 * static_cast<double>(model.config().width * model.config().vocab) * tokens;
}
// Attention's, of sequences of T tokens: scores and sums over the T (T + 1) / 2 pairs that the causal mask leaves.
inline double attention_flops(const Model& model, double sequences, double T) {
  const ModelConfig& c = model.config();
  return 4 * static_cast<double>(c.layers * c.heads * c.head_dim()) * T * (T + 1) / 2 * sequences;
}
inline double training_flops(const Model& model, double sequences, double T, bool with_head) {
  return 3 * (block_flops(model, sequences * T) + attention_flops(model, sequences, T) +
              (with_head ? head_flops(model, sequences * T) : 0));
}
// Bytes of a step of AdamW: weights, gradient and both moments are read, all but the gradient written.
inline double optimizer_bytes(const Model& model) {
  return 28.0 * static_cast<double>(model.transformer.layout().size);
}
// Bytes that decoding a token for each sequence of a batch reads: the weights (of the position table a row, which is
// left out), and the keys and values of `length` tokens each.
inline double decode_bytes(const Model& model, double batch, double length) {
  const ModelConfig& c = model.config();
  const auto weights = static_cast<double>(model.transformer.layout().size - c.context * c.width);
  const auto cached = static_cast<double>(2 * c.layers * c.kv_heads() * c.head_dim());
  return bytes_of(c.dtype) * (weights + cached * length * batch);
}
// Least seconds of such a step: its bytes, or its operations, which is more with large batches.
inline double decode_seconds(const Model& model, double batch, double length, const Limits& limits) {
  const ModelConfig& c = model.config();
  const double products = block_flops(model, batch) + head_flops(model, batch);
  const double attention = 4 * static_cast<double>(c.layers * c.heads * c.head_dim()) * length * batch;
  return std::max(decode_bytes(model, batch, length) / limits.read,
                  products / limits.of(c.dtype) + attention / limits.fma);
}

// --- steps ---

// Steps of sft-train over one minibatch of B sequences that predict T tokens each.
class TrainingSteps {
 public:
  TrainingSteps(Model& model, std::int64_t B, std::int64_t T)
      : trainer_(model, AdamOptions(), std::max<std::int64_t>(4096, T)) {
    for (std::int64_t b = 0; b < B; ++b) {
      SftExample e;
      e.tokens = random_tokens(T + 1, model.config().vocab, static_cast<std::uint64_t>(b));
      e.learnt = {{1, T + 1}};
      examples_.push_back(std::move(e));
    }
    for (const SftExample& e : examples_) minibatch_.push_back(&e);
    // Fresh weights know nothing: the loss is near log V. A step's is evaluate's, and less once it was descended.
    const double fresh = std::log(static_cast<double>(model.config().vocab));
    const double before = trainer_.evaluate(examples_).loss;
    check(std::abs(before - fresh) < 0.2 && step() == before, "the loss of a training step");
    check(trainer_.evaluate(examples_).loss < before, "a training step's descent");
  }
  double step() {
    const SftStatistics figures = trainer_.accumulate(minibatch_);
    trainer_.step(1e-4f);
    return figures.loss;
  }

 private:
  SftTrainer trainer_;
  std::vector<SftExample> examples_;
  std::vector<const SftExample*> minibatch_;
};

struct DecodeTimes {
  double prefill, decode;  // seconds: until each sequence has its first token; for the others
};

// `batch` prompts of `prompt` tokens, each answered by `fresh` tokens, as rollout does.
inline DecodeTimes decode_times(const Model& model, std::int64_t batch, std::int64_t prompt, std::int64_t fresh,
                                int repeats) {
  std::uint64_t seed = 0;
  const auto requests = [&] {  // others each time: a generator doesn't prefill a prompt twice
    std::vector<SampleRequest> all;
    for (std::int64_t b = 0; b < batch; ++b)
      all.push_back({std::to_string(b), random_tokens(prompt, model.config().vocab, ++seed)});
    return all;
  };
  const auto generator = [&](std::int64_t tokens) {
    GenerateOptions o;
    o.max_tokens = tokens;
    o.slots = batch;
    return Generator(model, o);
  };
  Generator first = generator(1), whole = generator(fresh);

  const auto some = requests();
  const auto answers = whole.run(some);
  // The log-probs are those that one forward over prompt and answer finds.
  Batch sequence;
  Targets targets;
  std::vector<std::int32_t> tokens = some.back().prompt;
  for (std::size_t i = 0; i < answers.back().ids.size(); ++i) {
    targets.add(static_cast<std::int64_t>(tokens.size()) - 1, answers.back().ids[i]);
    tokens.push_back(answers.back().ids[i]);
  }
  sequence.add(tokens);
  Trace trace;
  model.transformer.forward(sequence, trace);
  std::vector<RowStats> stats(answers.back().ids.size());
  LanguageHead().evaluate({model.transformer, trace.final.data(), targets}, stats.data());
  bool same = static_cast<std::int64_t>(stats.size()) == fresh;
  for (std::size_t i = 0; i < stats.size(); ++i) same = same && stats[i].logprob == answers.back().logprobs[i];
  check(same, "a sampled log-prob");

  first.run(requests());
  const double prefill = median(repeats, [&] { first.run(requests()); });
  return {prefill, median(repeats, [&] { whole.run(requests()); }) - prefill};
}

}  // namespace nudge::bench
