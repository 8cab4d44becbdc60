// The law for every kind of block: RMS norm, norms of outputs, scaled residuals, rotary positions with their scalings, shared heads of keys, heads of a
// width of their own, gates, biases, norms of queries and keys, parallel and sequential residuals. GPT-2's block has
// the other files.
#include <map>
#include <memory>

#include "lib/model/head.h"
#include "tests/law/ways.h"

using namespace nudge;
using namespace nudge::test;

namespace {

// Their digests go by their order. Width 522 and feed-forward width 531 pass blocks of 256 twice, six heads of 86 or so too; two or one heads of keys.
const std::map<std::string, ModelConfig>& kinds() {
  static const std::map<std::string, ModelConfig> all = [] {
    const ModelConfig sizes = shape_of(1, 6, 87, 531, 67, 560);
    std::map<std::string, ModelConfig> m;
    m["llama"] = family_shape("llama", sizes, 2, 86, 86);
    m["llama, scaled, one head of keys, biases"] = [&] {
      ModelConfig c = family_shape("llama", sizes, 1, 90, 90);
      c.rotary.scaling = RopeScaling::kLlama3, c.rotary.factor = 8, c.rotary.original_context = 100;
      c.qkv_bias = c.proj_bias = c.feed_forward_bias = c.tied = true;
      return c;
    }();
    m["mistral, linear"] = family_shape("mistral", sizes, 3, 86, 86);
    m["mistral, linear"].rotary.scaling = RopeScaling::kLinear;
    m["mistral, linear"].rotary.factor = 2.5;
    m["qwen2"] = family_shape("qwen2", sizes, 6, 86, 86);
    m["qwen3"] = family_shape("qwen3", sizes, 2, 90, 90);
    m["neox, parallel"] = family_shape("gpt_neox", sizes, 0, 0, 20);
    m["neox, sequential"] = family_shape("gpt_neox", sizes, 0, 0, 86);
    m["neox, sequential"].parallel = false;
    return m;
  }();
  return all;
}

// Of these the digests go by name.
const std::map<std::string, ModelConfig>& more_kinds() {
  static const std::map<std::string, ModelConfig> all = [] {
    const ModelConfig sizes = shape_of(1, 6, 87, 531, 67, 560);
    std::map<std::string, ModelConfig> m;
    m["gemma"] = family_shape("gemma", sizes, 1, 90, 90);
    m["gemma2"] = [&] {
      ModelConfig c = family_shape("gemma2", sizes, 2, 90, 90);
      c.layers = 2, c.layer_forms = {{70}, {}};
      c.query_scalar = 7, c.attention_cap = 3, c.logit_cap = 5;
      return c;
    }();
    m["gemma3"] = [&] {
      ModelConfig c = family_shape("gemma3_text", sizes, 1, 90, 90);
      c.layers = 2, c.layer_forms = {{70, LayerForm::Rope::kLocal}, {}};
      c.local_rotary.dims = 90, c.rotary.theta = 1e6;
      return c;
    }();
    m["olmo2"] = family_shape("olmo2", sizes, 2, 90, 90);
    m["qwen3, norms by 1 + w, scaled residuals"] = [&] {
      ModelConfig c = family_shape("qwen3", sizes, 2, 90, 90);
      c.norm_offset = true, c.residual_scale = 0.22;
      return c;
    }();
    m["gelu gate, scales, capped logits"] = [&] {
      ModelConfig c = family_shape("llama", sizes, 2, 86, 86);
      c.activation = Activation::kGeluTanh, c.root_embedding = c.tied = true;
      c.attention_scale = 0.2, c.logit_divisor = 0.7, c.logit_cap = 6;
      return c;
    }();
    m["granite"] = [&] {
      ModelConfig c = family_shape("granite", sizes, 3, 86, 86);
      c.embedding_scale = 1.5, c.residual_scale = 0.4, c.attention_scale = 0.15, c.logit_divisor = 1.3, c.tied = true;
      return c;
    }();
    m["opt"] = family_shape("opt", sizes, 0, 0, 0);
    m["phi3"] = family_shape("phi3", sizes, 2, 90, 62);
    m["gpt_neo"] = family_shape("gpt_neo", sizes, 0, 0, 0);
    m["gpt_neo"].layer_forms = {{.window = 70}};
    m["mistral, window"] = family_shape("mistral", sizes, 3, 86, 86);
    m["mistral, window"].layer_forms = {{70}};
    const ModelConfig layers = shape_of(3, 4, 21, 77, 67, 560);
    m["smollm3"] = family_shape("smollm3", layers, 2, 20, 20);
    m["smollm3"].layer_forms = {{}, {}, {0, LayerForm::Rope::kNone}};
    m["qwen3, windows and RoPE by layer, capped scores, longrope"] = [&] {
      ModelConfig c = family_shape("qwen3", layers, 2, 20, 12);
      c.layer_forms = {{33, LayerForm::Rope::kLocal}, {}, {290, LayerForm::Rope::kNone}};
      c.local_rotary = c.rotary, c.local_rotary.theta = 50;
      c.rotary.scaling = RopeScaling::kLong, c.rotary.short_factors = {1, 1.2, 1.5, 2, 3, 4};
      c.rotary.attention_factor = 1.19, c.attention_cap = 5;
      return c;
    }();
    return m;
  }();
  return all;
}

// f(subject, its name in digests) for each kind, with a sequence of that many tokens.
template <class F>
void for_each_kind(std::int64_t tokens, const F& f) {
  for (const auto* some : {&kinds(), &more_kinds()}) {
    for (const auto& kind : *some) {
      CAPTURE(kind.first);
      f(Subject{random_transformer(kind.second, 71, 1.2), random_tokens(tokens, kind.second.vocab, 72)},
        some == &kinds() ? "" : kind.first);
    }
  }
}

// Of every row's next token, in micro-batches of so many sequences.
Floats gradient(const Transformer& model, const std::vector<std::vector<std::int32_t>>& sequences,
                std::size_t together) {
  Gradients g(model.config(), model.layout());
  for (std::size_t i = 0; i < sequences.size(); i += together) {
    Batch batch;
    Targets targets;
    for (std::size_t k = i; k < std::min(i + together, sequences.size()); ++k) {
      for (std::size_t t = 0; t < sequences[k].size(); ++t)
        targets.add(batch.size() + static_cast<std::int64_t>(t), sequences[k][(t + 1) % sequences[k].size()], 3);
      batch.add(sequences[k]);
    }
    Trace trace{true};
    model.forward(batch, trace);
    Buffer<float> d(batch.size() * model.config().width);
    LanguageHead().train(
        {model, trace.final.data(), targets}, batch,
        [](std::int64_t b, std::int64_t e, const RowStats* s, const float*, RowGradient* to) {
          for (std::int64_t r = 0; r < e - b; ++r) to[r] = {s[r].logprob, 0.1f, 0};
        },
        d.data(), g);
    model.backward(batch, trace, d.data(), g);
  }
  g.finish();
  return Floats(g.values().data(), g.values().data() + g.values().size());
}

}  // namespace

TEST_CASE("every kind of block gives the same bits alone, at every level and number of threads, and in any batch") {
  for_each_kind(101, [](const Subject& s, const std::string& name) {
    const Floats expected = same_everywhere([&] { return alone(s.model, s.tokens); }, name);
    at_every_setting([&] {
      CHECK(same_bits(among(s, {3, 1, 17}, {31, 1}), expected));
      CHECK(same_bits(among(s, {}, {7}), expected));
    });
  });
}

TEST_CASE("every kind of block gives the same bits in chunks of any size over a long sequence") {
  for_each_kind(545, [](const Subject& s, const std::string&) {
    const Floats expected = alone(s.model, s.tokens);
    at_every_setting([&] {
      KvCache cache = poisoned_cache(s, 2);
      CHECK(same_bits(in_chunks(s, {256, 1, 200, 17}, cache, 1), expected));
    });
  });
}

TEST_CASE("every kind of block decodes token by token to the bits of its prefill") {
  for_each_kind(300, [](const Subject& s, const std::string&) {
    const Floats expected = alone(s.model, s.tokens);
    KeepSettings keep;
    set_thread_count(1);
    for (const Kernels* level : levels()) {
      use_kernels(*level);
      KvCache cache = cache_of(s, 1);
      CHECK(same_bits(in_chunks(s, {1}, cache, 0), expected));
    }
  });
}

TEST_CASE("every kind of block has the same gradient at every level and number of threads, in any micro-batches") {
  for_each_kind(1, [](const Subject& s, const std::string& name) {
    std::vector<std::vector<std::int32_t>> sequences;
    for (std::int64_t n : {97, 1, 50, 64})
      sequences.push_back(random_tokens(n, s.model.config().vocab, static_cast<std::uint64_t>(n)));
    const Floats expected = same_everywhere([&] { return gradient(s.model, sequences, 4); }, name);
    for (std::size_t together : {1, 2, 3}) CHECK(same_bits(gradient(s.model, sequences, together), expected));
  });
}

TEST_CASE("working memory left by a model of another kind changes no bit, forward or backward") {
  std::vector<Subject> subjects;
  for_each_kind(40, [&](const Subject& s, const std::string&) {
    subjects.push_back({random_transformer(s.model.config(), 71, 1.2), s.tokens});
  });
  Trace used{true};
  const auto both = [](const Subject& s, Trace& trace) {
    Batch batch;
    batch.add(s.tokens);
    s.model.forward(batch, trace);
    Floats numbers = logits_of(s.model, trace, 0, batch.size());
    Gradients g(s.model.config(), s.model.layout());
    Buffer<float> d(batch.size() * s.model.config().width);
    for (std::int64_t i = 0; i < d.size(); ++i) d[i] = trace.final[d.size() - 1 - i];
    s.model.backward(batch, trace, d.data(), g);
    numbers.insert(numbers.end(), g.values().data(), g.values().data() + g.values().size());
    return numbers;
  };
  for (int round = 0; round < 2; ++round) {
    for (const Subject& s : subjects) {
      Trace fresh{true};
      CHECK(same_bits(both(s, used), both(s, fresh)));
    }
  }
}

TEST_CASE("rows of the rotary table do not depend on how far it reaches or in how many steps it grew") {
  for (const auto& kind : kinds()) {
    CAPTURE(kind.first);
    const RotaryWaves waves = rotary_waves(kind.second)[0];
    RotaryTable once, grown;
    once.reach(waves, 2000);
    const std::int64_t half = once.half();
    for (std::int64_t n : {1, 3, 256, 257, 700, 1999, 2000}) grown.reach(waves, n);
    for (std::int64_t p = 0; p < 2000; ++p) {
      REQUIRE(same_bits(once.cosine(p), grown.cosine(p), static_cast<std::size_t>(half)));
      REQUIRE(same_bits(once.sine(p), grown.sine(p), static_cast<std::size_t>(half)));
    }
  }
}
