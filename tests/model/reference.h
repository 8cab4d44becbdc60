// GPT-2 in double precision and plain loops, as its paper's code states it, apart from all of lib/model's
// arithmetic: only the names and places of the tensors are shared.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/model/config.h"
#include "lib/model/parameters.h"

namespace nudge::test {

class Reference {
 public:
  using Row = std::vector<double>;
  using Rows = std::vector<Row>;

  Reference(const ModelConfig& config, const float* values) : config_(config), layout_(config) {
    parameters.assign(values, values + layout_.size);
  }

  std::vector<double> parameters;  // in the layout's places; may be changed

  // The final norm's output at each of the tokens of one sequence.
  Rows final(const std::vector<std::int32_t>& tokens) const {
    Rows x;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      Row row = row_of("transformer.wte.weight", tokens[t]);
      add(row_of("transformer.wpe.weight", static_cast<std::int64_t>(t)), row);
      x.push_back(row);
    }
    for (std::int64_t l = 0; l < config_.layers; ++l) {
      const std::string h = "transformer.h." + std::to_string(l) + ".";
      const Rows mixed = linear(attention(linear(norm(x, h + "ln_1"), h + "attn.c_attn")), h + "attn.c_proj");
      for (std::size_t t = 0; t < x.size(); ++t) add(mixed[t], x[t]);
      Rows inner = linear(norm(x, h + "ln_2"), h + "mlp.c_fc");
      for (Row& row : inner)
        for (double& v : row) v = gelu(v);
      const Rows out = linear(inner, h + "mlp.c_proj");
      for (std::size_t t = 0; t < x.size(); ++t) add(out[t], x[t]);
    }
    return norm(x, "transformer.ln_f");
  }

  Row logits(const Row& state) const {
    Row out;
    const std::string name = config_.tied ? "transformer.wte.weight" : "lm_head.weight";
    for (std::int64_t v = 0; v < config_.vocab; ++v) out.push_back(dot(row_of(name, v), state));
    return out;
  }
  double score(const Row& state) const { return dot(row_of("score.weight", 0), state); }

  // log softmax(logits / temperature).
  static Row log_softmax(const Row& logits, double temperature) {
    Row z = logits;
    double top = -INFINITY, sum = 0;
    for (double& v : z) top = std::max(top, v /= temperature);
    for (double v : z) sum += std::exp(v - top);
    for (double& v : z) v -= top + std::log(sum);
    return z;
  }

 private:
  const double* start(const std::string& name) const {
    return parameters.data() + layout_.find(name)->offset;
  }
  Row row_of(const std::string& name, std::int64_t i) const {
    const double* p = start(name) + i * config_.width;
    return Row(p, p + config_.width);
  }
  static void add(const Row& x, Row& y) {
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += x[i];
  }
  static double dot(const Row& x, const Row& y) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum;
  }
  double gelu(double x) const {
    if (config_.activation == Activation::kGeluErf) return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }

  Rows norm(const Rows& x, const std::string& name) const {
    const double *gain = start(name + ".weight"), *bias = start(name + ".bias");
    Rows out = x;
    for (Row& row : out) {
      const auto n = static_cast<double>(row.size());
      double mean = 0, variance = 0;
      for (double v : row) mean += v / n;
      for (double v : row) variance += (v - mean) * (v - mean) / n;
      for (std::size_t i = 0; i < row.size(); ++i)
        row[i] = (row[i] - mean) / std::sqrt(variance + config_.norm_eps) * gain[i] + bias[i];
    }
    return out;
  }

  // x W + b, with W stored as [in, out].
  Rows linear(const Rows& x, const std::string& name) const {
    const auto out = static_cast<std::size_t>(layout_.find(name + ".bias")->size);
    const double *weight = start(name + ".weight"), *bias = start(name + ".bias");
    Rows y;
    for (const Row& row : x) {
      Row to(bias, bias + out);
      for (std::size_t i = 0; i < row.size(); ++i)
        for (std::size_t o = 0; o < out; ++o) to[o] += row[i] * weight[i * out + o];
      y.push_back(to);
    }
    return y;
  }

  // Rows hold query, key and value of all heads beside each other.
  Rows attention(const Rows& qkv) const {
    const auto C = static_cast<std::size_t>(config_.width), D = static_cast<std::size_t>(config_.head_dim());
    Rows out(qkv.size(), Row(C, 0.0));
    for (std::size_t h = 0; h < C; h += D) {
      for (std::size_t t = 0; t < qkv.size(); ++t) {
        Row scores(t + 1);
        for (std::size_t j = 0; j <= t; ++j)
          for (std::size_t i = 0; i < D; ++i)
            scores[j] += qkv[t][h + i] * qkv[j][C + h + i] / std::sqrt(static_cast<double>(D));
        const Row weights = log_softmax(scores, 1);
        for (std::size_t j = 0; j <= t; ++j)
          for (std::size_t i = 0; i < D; ++i) out[t][h + i] += std::exp(weights[j]) * qkv[j][2 * C + h + i];
      }
    }
    return out;
  }

  ModelConfig config_;
  Layout layout_;
};

}  // namespace nudge::test
