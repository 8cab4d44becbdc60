// Transformers in two threads at once: the same bits as one after the other. `make tsan` runs this too.
#include <thread>

#include "lib/base/parallel.h"
#include "lib/model/generate.h"
#include "lib/model/head.h"
#include "tests/model/random_model.h"
#include "tests/model/tiny_model.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Floats = std::vector<float>;

// Sizes that differ in everything: what one model leaves in memory that both share would be wrong for the other.
ModelConfig large() { return family_shape("llama", shape_of(3, 4, 24, 201, 307, 700), 2, 24, 24); }
ModelConfig small() { return family_shape("qwen3", shape_of(2, 3, 10, 57, 89, 700), 1, 12, 12); }

// Logits and gradient of one step over two sequences of `length` tokens or so.
Floats step(const Transformer& model, std::int64_t length, Trace& trace) {
  const std::int64_t V = model.config().vocab;
  Batch batch;
  Targets targets;
  for (std::int64_t n : {length, length / 2}) {
    const auto tokens = random_tokens(n, V, static_cast<std::uint64_t>(n));
    for (std::int64_t t = 0; t + 1 < n; ++t) targets.add(batch.size() + t, tokens[static_cast<std::size_t>(t + 1)]);
    batch.add(tokens);
  }
  model.forward(batch, trace);
  Floats numbers(static_cast<std::size_t>(batch.size() * V));
  model.logits(trace.final.data(), batch.size(), numbers.data());
  Gradients g(model.config(), model.layout());
  Buffer<float> d(batch.size() * model.config().width);
  LanguageHead().train(
      {model, trace.final.data(), targets}, batch,
      [](std::int64_t begin, std::int64_t end, const RowStats*, const float*, RowGradient* to) {
        for (std::int64_t i = 0; i < end - begin; ++i) to[i] = {1, 0.5f, 0};
      },
      d.data(), g);
  model.backward(batch, trace, d.data(), g);
  g.finish();
  numbers.insert(numbers.end(), g.values().data(), g.values().data() + g.values().size());
  return numbers;
}

// Steps of growing length, so that every buffer grows while the other thread is at work.
Floats steps(const Transformer& model, bool recompute) {
  Trace trace(true, recompute);
  Floats all;
  for (std::int64_t length : {7, 40, 130, 290}) {
    const Floats one = step(model, length, trace);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

Floats generated(const Model& model, std::uint64_t seed) {
  GenerateOptions options;
  options.max_tokens = 30, options.seed = seed, options.slots = 3;
  std::vector<SampleRequest> requests;
  for (int i = 0; i < 6; ++i)
    requests.push_back({std::to_string(i), random_tokens(5 + i, 256, static_cast<std::uint64_t>(i))});
  Floats all;
  for (const SampledResponse& r : Generator(model, options).run(requests)) {
    for (std::int32_t id : r.ids) all.push_back(static_cast<float>(id));
    all.insert(all.end(), r.logprobs.begin(), r.logprobs.end());
  }
  return all;
}

// Whether f() and g() give the same numbers when two threads call them at once, three times, as one after the other.
template <class F, class G>
bool same_at_once(const F& f, const G& g) {
  const int before = thread_count();
  bool same = true;
  for (const int threads : {1, 2}) {
    set_thread_count(threads);
    const Floats one = f(), other = g();
    for (int round = 0; round < 3; ++round) {
      Floats beside;
      std::thread thread([&] { beside = g(); });
      const Floats here = f();
      thread.join();
      same = same && here == one && beside == other;
    }
  }
  set_thread_count(before);
  return same;
}

}  // namespace

TEST_CASE("two models in two threads give the bits that each gives alone") {
  for (const bool packed : {true, false}) {  // unpacked matrices are packed in the trace
    CAPTURE(packed);
    Transformer a = random_transformer(large(), 1, 1), b = random_transformer(small(), 2, 1);
    a.pack(packed), b.pack(packed);
    CHECK(same_at_once([&] { return steps(a, false); }, [&] { return steps(b, true); }));
  }
}
TEST_CASE("one model in two threads, with a trace each, gives the bits that it gives alone") {
  for (const bool packed : {true, false}) {
    CAPTURE(packed);
    Transformer model = random_transformer(large(), 3, 1);
    model.pack(packed);
    CHECK(same_at_once([&] { return steps(model, false); }, [&] { return steps(model, true); }));
  }
}
TEST_CASE("a model generates in two threads what it generates in one") {
  Model model = tiny_model(4);
  model.transformer.pack();
  CHECK(same_at_once([&] { return generated(model, 1); }, [&] { return generated(model, 2); }));
}
