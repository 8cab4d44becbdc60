// What training keeps in memory and what it makes again: the bits are the same either way, and so much is saved.
#include <algorithm>
#include <map>
#include <string>

#include "lib/model/head.h"
#include "tests/harness/harness.h"
#include "tests/law/law.h"
#include "tests/model/random_model.h"

using namespace nudge;
using namespace nudge::test;

namespace {

constexpr std::int64_t kVocab = 700;  // more tokens than a piece of the embedding's chain has rows

const std::map<std::string, ModelConfig>& kinds() {
  static const std::map<std::string, ModelConfig> all = [] {
    const ModelConfig sizes = shape_of(3, 4, 9, 71, kVocab, 640);
    std::map<std::string, ModelConfig> m;
    m["gpt2"] = sizes;
    m["llama"] = family_shape("llama", sizes, 2, 10, 10);
    m["qwen3"] = family_shape("qwen3", sizes, 2, 12, 12);
    m["olmo2"] = family_shape("olmo2", sizes, 2, 12, 12);
    m["neox"] = family_shape("gpt_neox", sizes, 0, 0, 4);
    m["smollm3, windows"] = family_shape("smollm3", sizes, 2, 10, 10);
    m["smollm3, windows"].layer_forms = {{}, {70, LayerForm::Rope::kNone}, {9, LayerForm::Rope::kMain}};
    return m;
  }();
  return all;
}

Batch batch_of(std::initializer_list<std::int64_t> lengths, std::uint64_t seed) {
  Batch batch;
  for (std::int64_t n : lengths) batch.add(random_tokens(n, kVocab, seed++));
  return batch;
}

// Adds the gradient of a loss on every row of the batch.
void add_gradient(const Transformer& model, const Batch& batch, Trace& trace, Gradients& g) {
  Targets targets;
  for (std::int64_t t = 0; t < batch.size(); ++t) targets.add(t, batch.tokens[static_cast<std::size_t>(t)]);
  model.forward(batch, trace);
  Buffer<float> d(batch.size() * model.config().width);
  LanguageHead().train(
      {model, trace.final.data(), targets}, batch,
      [](std::int64_t begin, std::int64_t end, const RowStats* s, const float*, RowGradient* to) {
        for (std::int64_t i = 0; i < end - begin; ++i) to[i] = {s[i].logprob, 0.1f, 0};
      },
      d.data(), g);
  model.backward(batch, trace, d.data(), g);
}

Floats floats(const Buffer<float>& b) { return Floats(b.data(), b.data() + b.size()); }

Floats gradient(const Transformer& model, Trace trace) {
  Gradients g(model.config(), model.layout());
  for (const Batch& b : {batch_of({300, 1, 41}, 5), batch_of({17, 290}, 6)}) add_gradient(model, b, trace, g);
  g.finish();
  return floats(g.values());
}

std::int64_t floats_in(const Trace& trace) {
  std::int64_t n = trace.last.size() + trace.mean.size() + trace.rstd.size() + trace.final.size() +
                   trace.branch.size() + trace.normed.size() + trace.active.size() + trace.scratch.size();
  for (const Buffer<float>& x : trace.in) n += x.size();
  for (const BlockTrace& b : trace.blocks)
    for (const Buffer<float>* x : {&b.mean1, &b.rstd1, &b.q_raw, &b.q_rstd, &b.k_raw, &b.k_rstd, &b.qkv, &b.attention,
                                   &b.stats, &b.post_attention, &b.mean2, &b.rstd2, &b.up, &b.attended.out,
                                   &b.attended.mean, &b.attended.rstd, &b.fed.out, &b.fed.mean, &b.fed.rstd})
      n += x->size();
  return n;
}

}  // namespace

TEST_CASE("blocks run again for their gradient leave the same bits") {
  for (const auto& kind : kinds()) {
    CAPTURE(kind.first);
    const Transformer model = random_transformer(kind.second, 41, 1);
    CHECK(same_bits(gradient(model, Trace(true, true)), gradient(model, Trace(true))));
  }
}

TEST_CASE("blocks run again are not held: of all but one, their input alone") {
  const ModelConfig& c = kinds().at("gpt2");
  const Transformer model = random_transformer(c, 41, 1);
  const Batch batch = batch_of({300, 41}, 5);
  const auto held = [&](bool recompute) {
    Trace trace(true, recompute);
    Gradients g(model.config(), model.layout());
    add_gradient(model, batch, trace, g);
    return floats_in(trace);
  };
  // A row of a block: q, k, v, attention's output and the sum after it; the feed-forward's; two statistics a head; two norms'.
  const std::int64_t row = 5 * c.width + c.feed_forward + 2 * c.heads + 4;
  CHECK(held(false) - held(true) == (c.layers - 1) * batch.size() * row);
  // And all that is held: the inputs; last, final and normed; the activation; the backward's scratch.
  const std::int64_t rest = c.layers * c.width + 3 * c.width + 2 + c.feed_forward + (2 * c.width + 3 * c.width);
  CHECK(held(false) == batch.size() * (c.layers * row + rest));
}

TEST_CASE("matrices copied where they are used give the bits of those that are kept") {
  for (const auto& kind : kinds()) {
    CAPTURE(kind.first);
    Transformer model = random_transformer(kind.second, 42, 1);
    const Floats kept = gradient(model, Trace(true));
    model.pack(false);
    CHECK(same_bits(gradient(model, Trace(true)), kept));
    model.pack();
    CHECK(same_bits(gradient(model, Trace(true)), kept));
  }
}

TEST_CASE("a tied embedding's gradient is the sum of its uses' gradients") {
  for (const char* name : {"gpt2", "llama"}) {
    CAPTURE(name);
    ModelConfig one = kinds().at(name), two = one;
    one.tied = true, two.tied = false;
    const Transformer tied = random_transformer(one, 43, 1);
    Buffer<float> values(Layout(two).size);
    const Layout layout(two);
    for (const TensorInfo& t : tied.layout().tensors)
      std::copy_n(tied.values() + t.offset, t.size, values.data() + layout.find(t.name)->offset);
    const std::int64_t n = kVocab * one.width;
    std::copy_n(tied.values() + tied.layout().embedding, n, values.data() + layout.unembedding);
    Transformer apart(two, std::move(values));
    apart.pack();
    const Floats whole = gradient(tied, Trace(true)), parts = gradient(apart, Trace(true));
    std::int64_t differing = 0;
    for (std::int64_t i = 0; i < n; ++i)
      differing += whole[static_cast<std::size_t>(tied.layout().embedding + i)] !=
                   parts[static_cast<std::size_t>(layout.embedding + i)] +
                       parts[static_cast<std::size_t>(layout.unembedding + i)];
    CHECK(differing == 0);
  }
}

TEST_CASE("gradients that were zeroed hold nothing of the minibatch before") {
  const auto of = [](const Transformer& model, const Batch& batch, Gradients& g) {
    Trace trace(true);
    add_gradient(model, batch, trace, g);
    g.finish();
    return floats(g.values());
  };
  const Batch first = batch_of({600, 500}, 7), second = batch_of({3, 40}, 8);
  for (const auto& kind : kinds()) {
    CAPTURE(kind.first);
    const Transformer model = random_transformer(kind.second, 44, 1);
    Gradients used(model.config(), model.layout()), fresh(model.config(), model.layout());
    of(model, first, used);
    used.zero();
    CHECK(same_bits(of(model, second, used), of(model, second, fresh)));
    used.zero();
    used.finish();
    const Floats nothing = floats(used.values());
    CHECK(std::count(nothing.begin(), nothing.end(), 0.0f) == static_cast<std::ptrdiff_t>(nothing.size()));
  }
}

TEST_CASE("gradients in the memory of others, of larger and smaller models, are those in their own") {
  const Batch first = batch_of({600, 500}, 7), second = batch_of({3, 40}, 8);
  for (const auto& kind : kinds()) {
    CAPTURE(kind.first);
    const ModelConfig& config = kind.second;
    ModelConfig scored = config;
    scored.head = HeadKind::kScore;
    const Transformer model = random_transformer(config, 44, 1), other = random_transformer(scored, 45, 1);
    const auto expected = [&](const Batch& batch) {
      Gradients own(model.config(), model.layout());
      own.zero();
      Trace trace(true);
      add_gradient(model, batch, trace, own);
      own.finish();
      return floats(own.values());
    };
    Gradients g(model.config(), model.layout()), lender(other.config(), other.layout());
    for (const Batch& batch : {first, second, first}) {
      std::fill_n(lender.change().data(), lender.values().size(), 7.0f);
      const float* const lent = lender.values().data();
      const bool fits = lender.values().size() >= g.values().size();
      g.take_memory(lender);
      CHECK(g.values().size() == model.layout().size);
      CHECK(lender.values().size() == other.layout().size);
      if (fits) CHECK(g.values().data() == lent);
      g.zero();
      Trace trace(true);
      add_gradient(model, batch, trace, g);
      g.finish();
      CHECK(same_bits(floats(g.values()), expected(batch)));
      lender.take_memory(g);
    }
    g.release();
    g.zero();
    Trace trace(true);
    add_gradient(model, second, trace, g);
    g.finish();
    CHECK(same_bits(floats(g.values()), expected(second)));
  }
}

TEST_CASE("the head's statistics and gradients don't depend on where its chunks of rows end") {
  const Transformer model = random_transformer(kinds().at("llama"), 45, 1);
  const Batch batch = batch_of({600}, 9);
  const std::int64_t C = model.config().width;
  Trace trace;
  model.forward(batch, trace);
  // The targets in runs that end at these, each a call of its own.
  const auto numbers = [&](const std::vector<std::int64_t>& ends) {
    Floats all;
    Buffer<float> d(batch.size() * C);
    Gradients g(model.config(), model.layout());
    LanguageHead head;
    std::int64_t begin = 0;
    for (std::int64_t end : ends) {
      Targets part;
      for (; begin < end; ++begin) part.add(begin, batch.tokens[static_cast<std::size_t>(begin)], 0.7f);
      head.train(
          {model, trace.final.data(), part}, batch,
          [&](std::int64_t b, std::int64_t e, const RowStats* s, const float*, RowGradient* to) {
            for (std::int64_t i = 0; i < e - b; ++i) {
              to[i] = {s[i].logprob, 0.1f, 0};
              all.insert(all.end(), {s[i].max, s[i].log_sum, s[i].logprob, s[i].entropy});
            }
          },
          d.data(), g);
    }
    g.finish();
    all.insert(all.end(), d.data(), d.data() + d.size());
    all.insert(all.end(), g.values().data(), g.values().data() + g.values().size());
    return all;
  };
  const Floats whole = numbers({600});
  CHECK(same_bits(numbers({1, 40, 297, 600}), whole));
  CHECK(same_bits(numbers({255, 511, 600}), whole));
}
