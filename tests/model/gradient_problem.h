// A loss of a random model and its gradient by the library, against central differences of a forward in double precision;
// and that forward against the library's. A float32 gradient of these sizes is off by some 1e-6 of its tensor's norm
// (rounding errors of a few dozen operations, 6e-8 each); a term that is wrong, missing or added twice shows far above
// the limits here.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/model/head.h"
#include "tests/harness/harness.h"
#include "tests/model/random_model.h"
#include "tests/model/reference.h"

namespace nudge::test {

struct Weights {  // of one predicted token in the loss
  std::size_t sequence, position;
  std::int32_t token;
  double temperature, logprob, entropy, kl, value;
};

// The parameters of a model without an adapter that computes what `base` under it does: W + scale B A, in double.
inline std::vector<double> merged(const Layout& wanted, const Transformer& base, const AdapterConfig& adapter,
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
inline double Problem::worst_forward() const {
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

inline double norm_of(const float* g, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += double(g[i]) * double(g[i]);
  return std::sqrt(sum);
}

// Of one tensor: single numbers, a random direction, and the direction of the gradient itself, whose derivative
// is the gradient's norm.
inline void check_tensor(Problem& problem, const TensorInfo& t, const float* g, double floor) {
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

inline void check_problem(Problem problem) {
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

inline void check_problem(const ModelConfig& config, const std::vector<std::int64_t>& lengths, std::uint64_t seed) {
  check_problem(Problem(config, lengths, seed));
}

inline AdapterConfig low_rank(std::vector<std::string> targets, HeadKind head = HeadKind::kLanguage) {
  AdapterConfig c;
  c.rank = 3, c.alpha = 5, c.targets = std::move(targets), c.head = head;
  return c;
}

inline ModelConfig with(ModelConfig c, Activation activation, bool tied, bool shared_value = false) {
  c.activation = activation, c.tied = tied, c.shared_value = shared_value;
  return c;
}
inline ModelConfig scored(ModelConfig c, Activation activation) {
  c.activation = activation, c.head = HeadKind::kScore;
  return c;
}

}  // namespace nudge::test
