// The families' forward in double precision and plain loops, as their papers and Hugging Face's code state it, apart
// from all of lib/model's arithmetic: only the places of named tensors are shared.
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
      Row row = row_of(embedding(), tokens[t]);
      for (double& v : row)
        v *= config_.embedding_scale * (config_.root_embedding ? std::sqrt(static_cast<double>(row.size())) : 1);
      if (config_.positions == PositionKind::kLearned) {
        const char* name = opt() ? "model.decoder.embed_positions.weight" : "transformer.wpe.weight";
        add(row_of(name, static_cast<std::int64_t>(t) + (opt() ? 2 : config_.position_offset)), row);
      }
      x.push_back(row);
    }
    for (std::int64_t l = 0; l < config_.layers; ++l) {
      const std::string n = std::to_string(l) + ".";
      const std::string h = blocks() + n;
      const Norms names = norms();
      const auto normed = [&](const Rows& rows, const char* name) { return *name == 0 ? rows : norm(rows, h + name); };
      const Rows before = x, mixed = normed(attention(normed(x, names.before1), h, l), names.after1);
      for (std::size_t t = 0; t < x.size(); ++t) add(mixed[t], x[t], config_.residual_scale);
      const Rows& read = config_.parallel ? before : x;
      const Rows out = normed(feed_forward(normed(read, names.before2), h), names.after2);
      for (std::size_t t = 0; t < x.size(); ++t) add(out[t], x[t], config_.residual_scale);
    }
    return norm(x, final_norm());
  }

  Row logits(const Row& state) const {
    Row out;
    const std::string name = config_.tied ? embedding() : neox() ? "embed_out.weight" : "lm_head.weight";
    for (std::int64_t v = 0; v < config_.vocab; ++v) out.push_back(dot(row_of(name, v), state) / config_.logit_divisor);
    for (double& l : out)
      if (config_.logit_cap > 0) l = config_.logit_cap * std::tanh(l / config_.logit_cap);
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
  bool gpt2() const { return config_.family == "gpt2"; }
  bool neox() const { return config_.family == "gpt_neox"; }
  bool gpt_neo() const { return config_.family == "gpt_neo"; }
  bool opt() const { return config_.family == "opt"; }
  bool phi3() const { return config_.family == "phi3"; }
  // Of a block's two sublayers, before and after each; "" where there is none.
  struct Norms {
    const char *before1, *after1, *before2, *after2;
  };
  Norms norms() const {
    if (gpt2() || gpt_neo()) return {"ln_1", "", "ln_2", ""};
    if (opt()) return {"self_attn_layer_norm", "", "final_layer_norm", ""};
    if (config_.family == "olmo2") return {"", "post_attention_layernorm", "", "post_feedforward_layernorm"};
    if (config_.family == "gemma2" || config_.family == "gemma3_text")
      return {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"};
    return {"input_layernorm", "", "post_attention_layernorm", ""};
  }
  std::string embedding() const {
    if (opt()) return "model.decoder.embed_tokens.weight";
    if (gpt2() || gpt_neo()) return "transformer.wte.weight";
    return neox() ? "gpt_neox.embed_in.weight" : "model.embed_tokens.weight";
  }
  std::string blocks() const {
    if (opt()) return "model.decoder.layers.";
    if (gpt2() || gpt_neo()) return "transformer.h.";
    return neox() ? "gpt_neox.layers." : "model.layers.";
  }
  std::string final_norm() const {
    if (opt()) return "model.decoder.final_layer_norm";
    if (gpt2() || gpt_neo()) return "transformer.ln_f";
    return neox() ? "gpt_neox.final_layer_norm" : "model.norm";
  }
  const double* start(const std::string& name) const { return parameters.data() + layout_.find(name)->offset; }
  Row row_of(const std::string& name, std::int64_t i) const {
    const double* p = start(name) + i * config_.width;
    return Row(p, p + config_.width);
  }
  static void add(const Row& x, Row& y, double scale = 1) {
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += scale * x[i];
  }
  static double dot(const Row& x, const Row& y) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum;
  }
  double activation(double x) const {
    if (config_.activation == Activation::kSilu) return x / (1 + std::exp(-x));
    if (config_.activation == Activation::kRelu) return std::max(x, 0.0);
    if (config_.activation == Activation::kGeluErf) return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }

  // Layer norm where the tensor has a bias, else RMS norm.
  Rows norm(const Rows& x, const std::string& name) const {
    const double* gain = start(name + ".weight");
    const double* bias = layout_.find(name + ".bias") == nullptr ? nullptr : start(name + ".bias");
    Rows out = x;
    for (Row& row : out) {
      const auto n = static_cast<double>(row.size());
      double mean = 0, variance = 0;
      if (bias != nullptr)
        for (double v : row) mean += v / n;
      for (double v : row) variance += (v - mean) * (v - mean) / n;
      for (std::size_t i = 0; i < row.size(); ++i)
        row[i] = (row[i] - mean) / std::sqrt(variance + config_.norm_eps) * (gain[i] + (config_.norm_offset ? 1 : 0)) +
                 (bias == nullptr ? 0 : bias[i]);
    }
    return out;
  }

  // x W (+ b), with W stored as [in, out] in GPT-2 and as [out, in] elsewhere.
  Rows linear(const Rows& x, const std::string& name) const {
    const TensorInfo& matrix = *layout_.find(name + ".weight");
    const auto out = static_cast<std::size_t>(matrix.shape[gpt2() ? 1 : 0]);
    const double* weight = start(name + ".weight");
    Rows y;
    for (const Row& row : x) {
      Row to(out, 0.0);
      if (layout_.find(name + ".bias") != nullptr) to.assign(start(name + ".bias"), start(name + ".bias") + out);
      for (std::size_t i = 0; i < row.size(); ++i)
        for (std::size_t o = 0; o < out; ++o) to[o] += row[i] * weight[gpt2() ? i * out + o : o * row.size() + i];
      y.push_back(to);
    }
    return y;
  }

  // Columns [first, first + n) of rows.
  static Rows columns(const Rows& x, std::size_t first, std::size_t n) {
    Rows out;
    for (const Row& row : x) {
      const auto from = row.begin() + static_cast<std::ptrdiff_t>(first);
      out.emplace_back(from, from + static_cast<std::ptrdiff_t>(n));
    }
    return out;
  }

  Rows feed_forward(const Rows& x, const std::string& h) const {
    if (!config_.gated) {
      Rows up = linear(x, h + (opt() ? "fc1" : neox() ? "mlp.dense_h_to_4h" : "mlp.c_fc"));
      for (Row& row : up)
        for (double& v : row) v = activation(v);
      return linear(up, h + (opt() ? "fc2" : neox() ? "mlp.dense_4h_to_h" : "mlp.c_proj"));
    }
    Rows gate, up;
    if (phi3()) {
      const Rows both = linear(x, h + "mlp.gate_up_proj");
      const auto F = static_cast<std::size_t>(config_.feed_forward);
      gate = columns(both, 0, F), up = columns(both, F, F);
    } else {
      gate = linear(x, h + "mlp.gate_proj"), up = linear(x, h + "mlp.up_proj");
    }
    for (std::size_t t = 0; t < gate.size(); ++t)
      for (std::size_t i = 0; i < gate[t].size(); ++i) gate[t][i] = activation(gate[t][i]) * up[t][i];
    return linear(gate, h + "mlp.down_proj");
  }

  // The rotation of RoFormer in GPT-NeoX's form: channel i pairs with channel i + dims / 2.
  static void turn(const Rotary& r, Row& head, std::size_t position) {
    const auto half = static_cast<std::size_t>(r.dims / 2);
    for (std::size_t i = 0; i < half; ++i) {
      double frequency = std::pow(r.theta, -static_cast<double>(2 * i) / static_cast<double>(r.dims));
      if (r.scaling == RopeScaling::kLinear) frequency /= r.factor;
      if (r.scaling == RopeScaling::kLlama3) {
        const double length = static_cast<double>(r.original_context), wave = 2 * M_PI / frequency;
        const double smooth = (length / wave - r.low_factor) / (r.high_factor - r.low_factor);
        if (wave > length / r.low_factor) frequency /= r.factor;
        else if (wave >= length / r.high_factor) frequency *= (1 - smooth) / r.factor + smooth;
      }
      if (r.scaling == RopeScaling::kLong) frequency /= r.short_factors[i];
      const double angle = static_cast<double>(position) * frequency, a = head[i], b = head[half + i];
      head[i] = r.attention_factor * (a * std::cos(angle) - b * std::sin(angle));
      head[half + i] = r.attention_factor * (b * std::cos(angle) + a * std::sin(angle));
    }
  }

  // Null where a layer's queries and keys aren't turned.
  const Rotary* rotary_of(std::int64_t layer) const {
    const LayerForm::Rope rope = config_.form_of(layer).rope;
    if (config_.positions != PositionKind::kRotary || rope == LayerForm::Rope::kNone) return nullptr;
    return rope == LayerForm::Rope::kLocal ? &config_.local_rotary : &config_.rotary;
  }

  // Heads of queries, keys or values: [head][token][D], normed and turned.
  std::vector<Rows> heads_of(const Rows& x, std::size_t first, std::size_t step, std::size_t n,
                             const std::string& norm_name, const Rotary* turns) const {
    const auto D = static_cast<std::size_t>(config_.head_dim());
    std::vector<Rows> heads;
    for (std::size_t h = 0; h < n; ++h) {
      Rows rows;
      for (const Row& row : x) {
        const auto from = row.begin() + static_cast<std::ptrdiff_t>(first + h * step);
        rows.emplace_back(from, from + static_cast<std::ptrdiff_t>(D));
      }
      if (config_.qk_norm && !norm_name.empty()) rows = norm(rows, norm_name);
      for (std::size_t t = 0; turns != nullptr && t < rows.size(); ++t) turn(*turns, rows[t], t);
      heads.push_back(std::move(rows));
    }
    return heads;
  }

  double capped(double score) const {
    const double cap = config_.attention_cap;
    return cap > 0 ? cap * std::tanh(score / cap) : score;
  }

  // The attention of a block of the already normed x, its output product included.
  Rows attention(const Rows& x, const std::string& h, std::int64_t layer) const {
    const auto D = static_cast<std::size_t>(config_.head_dim()), H = static_cast<std::size_t>(config_.heads);
    const auto G = static_cast<std::size_t>(config_.kv_heads());
    const Rotary* turns = rotary_of(layer);
    std::vector<Rows> q, k, v;
    if (gpt2() || neox()) {
      const Rows qkv = linear(x, h + (gpt2() ? "attn.c_attn" : "attention.query_key_value"));
      const std::size_t apart = gpt2() ? H * D : D, step = gpt2() ? D : 3 * D;
      q = heads_of(qkv, 0, step, H, "", turns);
      k = heads_of(qkv, apart, step, H, "", turns);
      v = heads_of(qkv, 2 * apart, step, H, "", nullptr);
    } else if (phi3()) {
      const Rows qkv = linear(x, h + "self_attn.qkv_proj");
      q = heads_of(qkv, 0, D, H, "", turns);
      k = heads_of(qkv, H * D, D, G, "", turns);
      v = heads_of(qkv, (H + G) * D, D, G, "", nullptr);
    } else {
      const std::string a = h + (gpt_neo() ? "attn.attention." : "self_attn.");
      Rows queries = linear(x, a + "q_proj"), keys = linear(x, a + "k_proj");
      const bool whole = config_.qk_norm_whole;
      if (whole) queries = norm(queries, a + "q_norm"), keys = norm(keys, a + "k_norm");
      q = heads_of(queries, 0, D, H, whole ? "" : a + "q_norm", turns);
      k = heads_of(keys, 0, D, G, whole ? "" : a + "k_norm", turns);
      v = heads_of(linear(x, a + "v_proj"), 0, D, G, "", nullptr);
    }
    const double scale = config_.attention_scale > 0 ? config_.attention_scale
                         : config_.query_scalar > 0  ? 1 / std::sqrt(config_.query_scalar)
                                                     : 1 / std::sqrt(static_cast<double>(D));
    Rows out(x.size(), Row(H * D, 0.0));
    for (std::size_t head = 0; head < H; ++head) {
      const Rows &keys = k[head * G / H], &values = v[head * G / H];
      for (std::size_t t = 0; t < x.size(); ++t) {
        const auto window = static_cast<std::size_t>(config_.form_of(layer).window);
        const std::size_t first = window > 0 && t + 1 > window ? t + 1 - window : 0;
        Row scores;
        for (std::size_t j = first; j <= t; ++j) scores.push_back(capped(dot(q[head][t], keys[j]) * scale));
        const Row weights = log_softmax(scores, 1);
        for (std::size_t j = first; j <= t; ++j)
          for (std::size_t i = 0; i < D; ++i) out[t][head * D + i] += std::exp(weights[j - first]) * values[j][i];
      }
    }
    return linear(out, h + (gpt2()      ? "attn.c_proj"
                            : neox()    ? "attention.dense"
                            : gpt_neo() ? "attn.attention.out_proj"
                            : opt()     ? "self_attn.out_proj"
                                        : "self_attn.o_proj"));
  }

  ModelConfig config_;
  Layout layout_;
};

}  // namespace nudge::test
