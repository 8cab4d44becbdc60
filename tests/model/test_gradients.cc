// The backward against central differences of a forward in double precision, and that forward against the
// library's. A float32 gradient of these sizes is off by some 1e-6 of its tensor's norm (rounding errors of a few
// dozen operations, 6e-8 each); a term that is wrong, missing or added twice shows far above the limits here.
#include "tests/harness/harness.h"
#include "tests/model/random_model.h"
#include "tests/model/reference.h"

#include "lib/model/head.h"

using namespace nudge;
using namespace nudge::test;

namespace {

struct Weights {  // of one predicted token in the loss
  std::size_t sequence, position;
  std::int32_t token;
  double temperature, logprob, entropy, kl, value;
};

// The parameters of a model without an adapter that computes what `base` under it does: W + scale B A, in double.
std::vector<double> merged(const Layout& wanted, const Transformer& base, const AdapterConfig& adapter,
                           const Layout& layout, const std::vector<double>& values) {
  std::vector<double> out(static_cast<std::size_t>(wanted.size));
  const bool in_out = family_of(base.config().family).tensors.stored_in_out;
  for (const TensorInfo& t : wanted.tensors) {
    double* to = out.data() + t.offset;
    if (t.name == "score.weight") {
      std::copy_n(values.data() + layout.score, t.size, to);
      continue;
    }
    std::copy_n(base.values() + base.layout().find(t.name)->offset, t.size, to);
    const std::string module = kAdapterPrefix + t.name.substr(0, t.name.rfind('.'));
    const TensorInfo *a = layout.find(module + ".lora_A.weight"), *b = layout.find(module + ".lora_B.weight");
    if (a == nullptr || t.name.ends_with("bias")) continue;
    const std::int64_t in = a->shape[1], rows = b->shape[0];
    for (std::int64_t o = 0; o < rows; ++o)
      for (std::int64_t i = 0; i < in; ++i)
        for (std::int64_t k = 0; k < adapter.rank; ++k)
          to[in_out ? i * rows + o : o * in + i] += adapter.scale() *
                                                    values[static_cast<std::size_t>(b->offset + o * adapter.rank + k)] *
                                                    values[static_cast<std::size_t>(a->offset + k * in + i)];
  }
  return out;
}

// A loss with every term that a trainer uses, with random weights: of chosen rows the log-prob, the entropy, KL from
// an old model and the value head; for a score head of chosen rows the score.
class Problem {
 public:
  Problem(ModelConfig config, std::vector<std::int64_t> lengths, std::uint64_t seed)
      : Problem(random_transformer(config, seed, 0.7), random_transformer(config, seed + 1, 0.7), lengths, seed) {}
  // Of an adapter with random numbers on such a model.
  Problem(ModelConfig config, const AdapterConfig& adapter, std::vector<std::int64_t> lengths, std::uint64_t seed)
      : Problem(random_adapted(random_transformer(config, seed, 0.7), adapter, seed),
                random_transformer(scored_as(config, adapter.head), seed + 1, 0.7), lengths, seed) {}

  Problem(Transformer model, Transformer old, const std::vector<std::int64_t>& lengths, std::uint64_t seed)
      : config_(model.config()), model_(std::move(model)), old_(std::move(old)), reference_(config_, old_.values()),
        parameters_(model_.trained_values(), model_.trained_values() + model_.trained().size) {
    apply();
    const ModelConfig& config = config_;
    for (std::size_t s = 0; s < lengths.size(); ++s) {
      sequences_.push_back(random_tokens(lengths[s], config.vocab, seed + 10 + s));
      batch_.add(sequences_.back());
    }
    const Reference before(config, old_.values());
    for (std::size_t s = 0; s < lengths.size(); ++s) {
      const auto states = before.final(sequences_[s]);
      for (std::size_t t = 0; t < states.size(); ++t) {
        const std::uint64_t at = 100 * s + t;
        const auto random = [&](std::uint64_t stream) { return normal(seed, stream, at); };
        if (uniform(seed, 5, at) < 0.25 && t > 0) continue;  // not every row is one that counts
        const auto token = static_cast<std::int32_t>(uniform(seed, 6, at) * static_cast<double>(config.vocab));
        terms_.push_back({s, t, token, 0.5 + uniform(seed, 7, at), random(1), random(2), random(3), random(4)});
        for (double* x : {&terms_.back().logprob, &terms_.back().entropy, &terms_.back().kl, &terms_.back().value,
                          &terms_.back().temperature})
          *x = static_cast<double>(static_cast<float>(*x));
        if (language())
          old_logprobs_.push_back(Reference::log_softmax(before.logits(states[t]), terms_.back().temperature));
      }
    }
  }

  bool language() const { return config_.head == HeadKind::kLanguage; }
  bool valued() const { return !language() || config_.shared_value; }
  const Layout& layout() const { return model_.trained(); }

  static ModelConfig scored_as(ModelConfig config, HeadKind head) {
    config.head = head;
    return config;
  }
  static Transformer random_adapted(const Transformer& base, const AdapterConfig& adapter, std::uint64_t seed) {
    Buffer<float> values = random_values(Layout(scored_as(base.config(), adapter.head), adapter), seed + 2, 0.7);
    Transformer model(base, scored_as(base.config(), adapter.head), adapter, std::move(values));
    model.pack();
    return model;
  }

  // The loss in double precision.
  double loss() const {
    std::vector<Reference::Rows> states;
    for (const auto& s : sequences_) states.push_back(reference_.final(s));
    double sum = 0;
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      const Weights& w = terms_[i];
      const auto& state = states[w.sequence][w.position];
      if (valued()) sum += w.value * reference_.score(state);
      if (!language()) continue;
      const auto logp = Reference::log_softmax(reference_.logits(state), w.temperature);
      double entropy = 0, kl = 0;
      for (std::size_t v = 0; v < logp.size(); ++v) {
        entropy -= std::exp(logp[v]) * logp[v];
        kl += std::exp(old_logprobs_[i][v]) * (old_logprobs_[i][v] - logp[v]);
      }
      sum += w.logprob * logp[static_cast<std::size_t>(w.token)] + w.entropy * entropy + w.kl * kl;
    }
    return sum;
  }

  // The library's loss and gradient.
  double gradient(Buffer<float>& out) const {
    Trace trace{true}, old_trace;
    Gradients g(config_, layout());
    Buffer<float> dfinal(batch_.size() * config_.width);
    model_.forward(batch_, trace);
    double sum = 0;
    Targets targets;
    std::vector<float> dvalue, value(terms_.size());
    for (const Weights& w : terms_) {
      targets.add(batch_.begin[w.sequence] + static_cast<std::int64_t>(w.position), w.token,
                  static_cast<float>(w.temperature));
      dvalue.push_back(static_cast<float>(w.value));
    }
    if (language()) {
      old_.forward(batch_, old_trace);
      const auto loss = [&](std::int64_t begin, std::int64_t end, const RowStats* stats, const float* kl,
                            RowGradient* to) {
        for (std::int64_t i = 0; i < end - begin; ++i) {
          const Weights& w = terms_[static_cast<std::size_t>(begin + i)];
          to[i] = {static_cast<float>(w.logprob), static_cast<float>(w.entropy), static_cast<float>(w.kl)};
          sum += w.logprob * double(stats[i].logprob) + w.entropy * double(stats[i].entropy) + w.kl * double(kl[i]);
        }
      };
      LanguageHead().train({model_, trace.final.data(), targets, {&old_, old_trace.final.data()}}, batch_, loss,
                           dfinal.data(), g);
    }
    if (valued()) {
      model_.scores(trace.final.data(), targets.rows, value.data());
      for (std::size_t i = 0; i < value.size(); ++i) sum += terms_[i].value * double(value[i]);
      model_.scores_backward(dvalue.data(), trace.final.data(), targets.rows, dfinal.data(), g);
    }
    model_.backward(batch_, trace, dfinal.data(), g);
    g.finish();
    out = g.values().copy();
    return sum;
  }

  // (loss(p + h d) - loss(p - h d)) / 2h for a direction d over the numbers [offset, offset + d.size()).
  double derivative(std::int64_t offset, const std::vector<double>& direction) {
    const double h = 1e-5;
    const std::vector<double> kept = parameters_;
    const auto shifted = [&](double by) {
      for (std::size_t i = 0; i < direction.size(); ++i)
        parameters_[static_cast<std::size_t>(offset) + i] += by * direction[i];
      apply();
      const double l = loss();
      parameters_ = kept;
      return l;
    };
    const double above = shifted(h), below = shifted(-h);
    apply();
    return (above - below) / (2 * h);
  }

  double worst_forward() const;

 private:
  // Puts the parameters into the reference.
  void apply() {
    const AdapterConfig* a = model_.adapter();
    reference_.parameters = a == nullptr ? parameters_ : merged(Layout(config_), model_, *a, layout(), parameters_);
  }

  ModelConfig config_;
  Transformer model_, old_;
  Reference reference_;
  std::vector<double> parameters_;  // what is trained
  Batch batch_;
  std::vector<std::vector<std::int32_t>> sequences_;
  std::vector<Weights> terms_;
  std::vector<Reference::Row> old_logprobs_;
};

// The greatest difference of the library's logits or scores from the reference's, over the greatest of those.
double Problem::worst_forward() const {
  Trace trace;
  model_.forward(batch_, trace);
  const auto V = static_cast<std::size_t>(config_.vocab);
  std::vector<float> logits(V * static_cast<std::size_t>(batch_.size())),
      scores(static_cast<std::size_t>(batch_.size()));
  std::vector<std::int64_t> rows(scores.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
  if (language()) model_.logits(trace.final.data(), batch_.size(), logits.data());
  if (valued()) model_.scores(trace.final.data(), rows, scores.data());
  double worst = 0, greatest = 0;
  const auto compare = [&](float x, double y) {
    worst = std::max(worst, std::abs(double(x) - y));
    greatest = std::max(greatest, std::abs(y));
  };
  std::size_t row = 0;
  for (const auto& s : sequences_)
    for (const auto& state : reference_.final(s)) {
      if (valued()) compare(scores[row], reference_.score(state));
      if (language()) {
        const auto expected = reference_.logits(state);
        for (std::size_t v = 0; v < V; ++v) compare(logits[row * V + v], expected[v]);
      }
      ++row;
    }
  return worst / greatest;
}

double norm_of(const float* g, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += double(g[i]) * double(g[i]);
  return std::sqrt(sum);
}

// Of one tensor: single numbers, a random direction, and the direction of the gradient itself, whose derivative
// is the gradient's norm.
void check_tensor(Problem& problem, const TensorInfo& t, const float* g, double floor) {
  const auto n = static_cast<std::size_t>(t.size);
  const double norm = norm_of(g, t.size), limit = 2e-5 * norm + floor;
  INFO(t.name << ", norm " << norm);
  for (std::uint64_t k = 0; k < 2; ++k) {
    const auto i = static_cast<std::int64_t>(uniform(9, stream_of(t.name), k) * static_cast<double>(n));
    INFO("number " << i);
    CHECK(std::abs(problem.derivative(t.offset + i, {1.0}) - double(g[i])) <= limit);
  }
  std::vector<double> random(n), along(n);
  double dot = 0;
  for (std::size_t i = 0; i < n; ++i) {
    random[i] = normal(10, stream_of(t.name), i) / std::sqrt(static_cast<double>(n));
    dot += random[i] * double(g[i]);
    along[i] = norm > 0 ? double(g[i]) / norm : 0;
  }
  CHECK(std::abs(problem.derivative(t.offset, random) - dot) <= limit);
  CHECK(std::abs(problem.derivative(t.offset, along) - norm) <= limit);
}

void check_problem(Problem problem) {
  CHECK(problem.worst_forward() <= 1e-5);
  Buffer<float> g;
  const double loss = problem.gradient(g);
  CHECK(std::abs(loss - problem.loss()) <= 1e-5 * std::max(1.0, std::abs(loss)));
  const double whole = norm_of(g.data(), g.size());
  const std::int64_t frozen = problem.layout().trained_begin;
  for (const TensorInfo& t : problem.layout().tensors)
    if (problem.layout().trains(t.offset)) check_tensor(problem, t, g.data() + t.offset - frozen, 1e-8 * whole);
  std::vector<double> random(static_cast<std::size_t>(g.size()));
  double dot = 0;
  for (std::size_t i = 0; i < random.size(); ++i) {
    random[i] = normal(11, 0, i) / std::sqrt(static_cast<double>(random.size()));
    dot += random[i] * double(g[static_cast<std::int64_t>(i)]);
  }
  CHECK(std::abs(problem.derivative(frozen, random) - dot) <= 1e-5 * whole);
}

void check_problem(const ModelConfig& config, const std::vector<std::int64_t>& lengths, std::uint64_t seed) {
  check_problem(Problem(config, lengths, seed));
}

AdapterConfig low_rank(std::vector<std::string> targets, HeadKind head = HeadKind::kLanguage) {
  AdapterConfig c;
  c.rank = 3, c.alpha = 5, c.targets = std::move(targets), c.head = head;
  return c;
}

ModelConfig with(ModelConfig c, Activation activation, bool tied, bool shared_value = false) {
  c.activation = activation, c.tied = tied, c.shared_value = shared_value;
  return c;
}
ModelConfig scored(ModelConfig c, Activation activation) {
  c.activation = activation, c.head = HeadKind::kScore;
  return c;
}

}  // namespace

TEST_CASE("gradients of a tied language model with one head and gelu_new are central differences") {
  check_problem(with(shape_of(2, 1, 13, 29, 37, 21), Activation::kGeluTanh, true), {5, 1, 9}, 1);
}
TEST_CASE("gradients of a tied language model with two heads and the exact gelu are central differences") {
  check_problem(with(shape_of(1, 2, 7, 33, 41, 19), Activation::kGeluErf, true), {1, 1, 7, 3}, 2);
}
TEST_CASE("gradients of an untied language model with three heads are central differences") {
  check_problem(with(shape_of(2, 3, 5, 47, 35, 30), Activation::kGeluTanh, false), {18, 1, 2}, 3);
}
TEST_CASE("gradients of an untied language model with the exact gelu are central differences") {
  check_problem(with(shape_of(3, 2, 11, 17, 23, 17), Activation::kGeluErf, false), {6, 11}, 4);
}
TEST_CASE("gradients of a language model that carries a value head are central differences") {
  check_problem(with(shape_of(2, 3, 7, 25, 39, 18), Activation::kGeluTanh, true, true), {4, 1, 8}, 5);
}
TEST_CASE("gradients of an untied language model that carries a value head are central differences") {
  check_problem(with(shape_of(1, 1, 19, 21, 33, 18), Activation::kGeluErf, false, true), {7, 2}, 6);
}
TEST_CASE("gradients of a score model are central differences") {
  check_problem(scored(shape_of(2, 3, 9, 31, 27, 22), Activation::kGeluTanh), {1, 12, 5}, 7);
}
TEST_CASE("gradients of a score model with the exact gelu are central differences") {
  check_problem(scored(shape_of(1, 2, 17, 21, 19, 50), Activation::kGeluErf), {33, 1, 1, 17}, 8);
}
TEST_CASE("gradients are right where heads are wider than a register and rows more than a chunk") {
  check_problem(with(shape_of(1, 1, 35, 18, 20, 60), Activation::kGeluTanh, true), {52, 37, 1}, 9);
}
TEST_CASE("the norm's epsilon is taken from the configuration, forward and backward") {
  ModelConfig c = with(shape_of(1, 2, 5, 11, 17, 12), Activation::kGeluTanh, true);
  c.norm_eps = 0.5;
  check_problem(c, {3, 6}, 10);
}

// Heads that share keys and do not fill the width; every family's own kind of block.
TEST_CASE("gradients of a Llama with two heads of keys for six of queries are central differences") {
  check_problem(family_shape("llama", shape_of(2, 6, 4, 19, 23, 20), 2, 0, 4), {5, 1, 9}, 20);
}
TEST_CASE("gradients of a tied Llama with biases, one head of keys and llama3's scaling are central differences") {
  ModelConfig c = family_shape("llama", shape_of(2, 3, 7, 21, 29, 40), 1, 10, 10);
  c.tied = c.qkv_bias = c.proj_bias = c.feed_forward_bias = true;
  c.rotary.theta = 100, c.rotary.scaling = RopeScaling::kLlama3, c.rotary.factor = 4, c.rotary.original_context = 16;
  check_problem(c, {33, 2}, 21);
}
TEST_CASE("gradients of a Mistral with linear rotary scaling are central differences") {
  ModelConfig c = family_shape("mistral", shape_of(1, 4, 6, 13, 21, 20), 4, 0, 6);
  c.rotary.theta = 30, c.rotary.scaling = RopeScaling::kLinear, c.rotary.factor = 1.7;
  check_problem(c, {12, 1, 3}, 22);
}
TEST_CASE("gradients of a Qwen2 with biases of queries, keys and values are central differences") {
  check_problem(family_shape("qwen2", shape_of(2, 4, 6, 23, 31, 20), 2, 0, 6), {7, 11, 1}, 23);
}
TEST_CASE("gradients of a Qwen3 with norms of queries and keys and heads of their own width are central differences") {
  check_problem(family_shape("qwen3", shape_of(2, 6, 5, 23, 31, 20), 3, 8, 8), {7, 11, 1}, 24);
  ModelConfig wide = family_shape("qwen3", shape_of(1, 2, 9, 15, 17, 60), 1, 34, 34);
  wide.tied = wide.qkv_bias = wide.proj_bias = true;
  wide.norm_eps = 0.3;
  check_problem(wide, {50, 1}, 25);
}
TEST_CASE("gradients of a NeoX with parallel residuals and a part of each head turning are central differences") {
  check_problem(family_shape("gpt_neox", shape_of(2, 3, 10, 33, 27, 20), 0, 0, 4), {6, 1, 13}, 26);
}
TEST_CASE("gradients of a tied NeoX with residuals in sequence and gelu_new are central differences") {
  ModelConfig c = family_shape("gpt_neox", shape_of(2, 2, 8, 17, 19, 20), 0, 0, 8);
  c.parallel = false, c.tied = true, c.activation = Activation::kGeluTanh;
  check_problem(c, {9, 4}, 27);
}
TEST_CASE("gradients of norms that weigh by 1 + w are central differences") {
  ModelConfig c = family_shape("llama", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.norm_offset = true;
  check_problem(c, {5, 1, 9}, 33);
  c = family_shape("qwen3", shape_of(1, 4, 5, 23, 31, 40), 2, 8, 8);
  c.norm_offset = true;
  check_problem(c, {33, 1}, 34);
}
TEST_CASE("gradients of a Gemma are central differences") {
  check_problem(family_shape("gemma", shape_of(2, 4, 6, 19, 23, 20), 1, 10, 10), {5, 1, 9}, 42);
}
TEST_CASE("gradients of a Gemma 2 with its caps and windows are central differences") {
  ModelConfig c = family_shape("gemma2", shape_of(3, 4, 6, 19, 23, 20), 2, 10, 10);
  c.query_scalar = 7, c.attention_cap = 1.5, c.logit_cap = 3;
  c.layer_forms = {{4}, {}, {2}};
  check_problem(c, {9, 1, 12}, 43);
}
TEST_CASE("gradients of a Gemma 3 with windows and RoPE by layer are central differences") {
  ModelConfig c = family_shape("gemma3_text", shape_of(2, 4, 6, 19, 23, 20), 1, 10, 10);
  c.layer_forms = {{5, LayerForm::Rope::kLocal}, {}};
  c.rotary.theta = 300, c.rotary.scaling = RopeScaling::kLinear, c.rotary.factor = 3;
  c.local_rotary.dims = 10, c.local_rotary.theta = 20;
  check_problem(c, {9, 1, 12}, 44);
}
TEST_CASE("gradients of an OLMo 2, whose norms stand after the sublayers and over all heads, are central differences") {
  check_problem(family_shape("olmo2", shape_of(2, 6, 5, 23, 31, 20), 3, 8, 8), {7, 11, 1}, 35);
  check_problem(family_shape("olmo2", shape_of(1, 3, 8, 17, 21, 60), 0, 0, 8), {50, 1}, 36);
}
TEST_CASE("gradients of blocks whose sublayers' outputs are scaled are central differences") {
  ModelConfig c = family_shape("llama", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.residual_scale = 0.22;
  check_problem(c, {5, 1, 9}, 37);
  c = family_shape("gpt_neox", shape_of(2, 3, 10, 33, 27, 20), 0, 0, 4);
  c.residual_scale = -1.7;
  check_problem(c, {6, 1, 13}, 38);
  c = family_shape("olmo2", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.residual_scale = 0.4, c.parallel = true, c.norm_offset = true;
  check_problem(c, {6, 1, 13}, 39);
}
TEST_CASE("gradients of a SmolLM3, some layers of which have no RoPE, are central differences") {
  ModelConfig c = family_shape("smollm3", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.layer_forms = {{0, LayerForm::Rope::kMain}, {0, LayerForm::Rope::kNone}};
  check_problem(c, {7, 11, 1}, 51);
}
TEST_CASE("gradients of attention in windows are central differences") {
  ModelConfig c = family_shape("mistral", shape_of(1, 4, 6, 13, 21, 60), 2, 0, 6);
  c.layer_forms = {{5}};
  check_problem(c, {12, 1, 3}, 52);
  c.layer_forms = {{33}};
  check_problem(c, {55, 20}, 53);
  c.layer_forms = {{2}};
  check_problem(c, {6, 2}, 54);
}
TEST_CASE("gradients of layers with windows and RoPE of their own and capped scores are central differences") {
  ModelConfig c = family_shape("qwen3", shape_of(3, 4, 6, 15, 21, 40), 2, 6, 6);
  c.layer_forms = {{4, LayerForm::Rope::kLocal}, {0, LayerForm::Rope::kMain}, {9, LayerForm::Rope::kNone}};
  c.rotary.theta = 900, c.local_rotary = c.rotary, c.local_rotary.theta = 20;
  c.attention_cap = 1.5;
  check_problem(c, {17, 1, 8}, 55);
}
TEST_CASE("gradients of longrope, which scales cosines and sines, are central differences") {
  ModelConfig c = family_shape("llama", shape_of(1, 3, 8, 15, 21, 40), 1, 0, 6);
  c.rotary.scaling = RopeScaling::kLong, c.rotary.short_factors = {1.1, 1.7, 3}, c.rotary.attention_factor = 1.3;
  check_problem(c, {17, 1, 8}, 56);
}
TEST_CASE("gradients of score models and shared value heads of the families are central differences") {
  for (const char* family : {"llama", "qwen3", "gpt_neox", "olmo2", "gemma", "gemma2", "gemma3_text"}) {
    const std::int64_t kv_heads = std::string(family) == "gpt_neox" ? 0 : 2;
    ModelConfig c = family_shape(family, shape_of(1, 4, 6, 15, 19, 14), kv_heads, 0, 6);
    c.head = HeadKind::kScore;
    check_problem(c, {8, 1, 4}, 28);
    c.head = HeadKind::kLanguage, c.shared_value = true;
    check_problem(c, {5, 7}, 29);
  }
}

TEST_CASE("gradients under scales of embeddings, attention and logits are central differences") {
  ModelConfig c = family_shape("llama", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.tied = true, c.embedding_scale = 1.7, c.attention_scale = 0.9, c.logit_divisor = 0.4;
  check_problem(c, {5, 1, 9}, 41);
  c = family_shape("llama", shape_of(1, 4, 6, 19, 23, 20), 2, 0, 6);
  c.root_embedding = true, c.query_scalar = 2.5, c.logit_divisor = 3;
  check_problem(c, {7, 4}, 42);
}
TEST_CASE("gradients under a cap of the logits are central differences") {
  ModelConfig c = with(shape_of(2, 2, 7, 33, 41, 19), Activation::kGeluTanh, true);
  c.logit_cap = 1.5;
  check_problem(c, {1, 7, 3}, 43);
  c.tied = false, c.logit_divisor = 0.3, c.shared_value = true;
  check_problem(c, {6, 2}, 44);
}
TEST_CASE("gradients of gated products with GELU and ReLU are central differences") {
  for (Activation a : {Activation::kGeluTanh, Activation::kGeluErf, Activation::kRelu}) {
    ModelConfig c = family_shape("llama", shape_of(2, 4, 6, 37, 23, 20), 2, 0, 6);
    c.activation = a;
    check_problem(c, {5, 1, 8}, 45);
  }
}
TEST_CASE("gradients of an OPT with ReLU and positions from the third row on are central differences") {
  const ModelConfig c = family_shape("opt", shape_of(2, 3, 5, 31, 29, 21), 0, 0, 0);
  check_problem(c, {5, 1, 9}, 46);
  check_problem(scored(c, Activation::kGeluErf), {4, 7}, 47);
}
TEST_CASE("gradients of a Granite with its four scales are central differences") {
  ModelConfig c = family_shape("granite", shape_of(2, 4, 6, 19, 23, 20), 2, 0, 6);
  c.embedding_scale = 3, c.residual_scale = 0.4, c.attention_scale = 0.2, c.logit_divisor = 0.5;
  check_problem(c, {5, 1, 9}, 48);
}
TEST_CASE("gradients of a Phi-3 with fused matrices are central differences, and so are its adapters'") {
  const ModelConfig c = family_shape("phi3", shape_of(2, 4, 6, 19, 23, 20), 2, 8, 6);
  check_problem(c, {7, 11, 1}, 49);
  check_problem({c, low_rank({"qkv_proj", "gate_up_proj", "down_proj"}), {7, 3}, 50});
}
TEST_CASE("gradients of a GPT-Neo with local and global layers are central differences") {
  ModelConfig c = family_shape("gpt_neo", shape_of(2, 3, 5, 29, 37, 21), 0, 0, 0);
  c.layer_forms = {{}, {.window = 3}};
  check_problem(c, {5, 1, 9}, 51);
}

TEST_CASE("gradients of what is not frozen are central differences") {
  ModelConfig c = with(shape_of(3, 2, 9, 29, 37, 21), Activation::kGeluTanh, true, true);
  c.frozen_blocks = 2;
  check_problem(c, {5, 1, 9}, 31);
  c = with(family_shape("llama", shape_of(2, 4, 6, 33, 41, 19), 2, 6, 6), Activation::kSilu, false);
  c.frozen_blocks = 1;
  check_problem(c, {4, 7}, 32);
  c = family_shape("olmo2", shape_of(2, 4, 6, 33, 41, 19), 2, 6, 6);
  c.frozen_blocks = 1;
  check_problem(c, {4, 7}, 40);
}
TEST_CASE("embeddings and the first blocks are what is frozen") {
  ModelConfig c = with(shape_of(12, 2, 9, 29, 37, 21), Activation::kGeluTanh, false);
  c.frozen_blocks = 2;
  const Layout layout(c);
  for (const TensorInfo& t : layout.tensors) {
    bool frozen = false;
    for (const char* name : {"transformer.wte.", "transformer.wpe.", "transformer.h.0.", "transformer.h.1."})
      frozen |= t.name.starts_with(name);
    CHECK_MESSAGE(layout.trains(t.offset) == !frozen, t.name);
  }
  CHECK(Layout(with(shape_of(2, 2, 9, 29, 37, 21), Activation::kGeluTanh, true)).trained_begin == 0);
}

TEST_CASE("gradients of adapters on every matrix of GPT-2 are central differences") {
  check_problem({with(shape_of(2, 2, 9, 29, 37, 21), Activation::kGeluTanh, true),
                 low_rank({"c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"}),
                 {5, 1, 9},
                 21});
}
TEST_CASE("gradients of adapters on some matrices of a bundle are central differences") {
  const ModelConfig c = family_shape("llama", shape_of(2, 4, 6, 33, 41, 19), 2, 6, 6);
  check_problem({c, low_rank({"q_proj", "v_proj", "up_proj"}), {7, 3}, 22});
  AdapterConfig stabilized = low_rank({"k_proj", "o_proj", "gate_proj", "down_proj"});
  stabilized.rank_stabilized = true;
  check_problem({c, stabilized, {1, 8}, 23});
}
TEST_CASE("gradients of adapters on a fused matrix of parallel branches are central differences") {
  check_problem({family_shape("gpt_neox", shape_of(2, 3, 8, 31, 35, 20), 0, 8, 4),
                 low_rank({"query_key_value", "dense_4h_to_h"}),
                 {9, 4},
                 24});
}
TEST_CASE("gradients of adapters under norms of outputs are central differences") {
  ModelConfig c = family_shape("olmo2", shape_of(2, 4, 6, 33, 41, 19), 2, 6, 6);
  c.residual_scale = 0.6;
  check_problem({c, low_rank({"q_proj", "o_proj", "up_proj", "down_proj"}), {7, 3}, 41});
}
TEST_CASE("gradients of adapters and a score head on a language model are central differences") {
  check_problem(
      {family_shape("qwen2", shape_of(2, 4, 6, 33, 41, 19), 2, 6, 6),
       low_rank({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}, HeadKind::kScore),
       {6, 1, 5},
       25});
}
