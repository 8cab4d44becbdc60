// Stop texts with a tokenizer that decodes a list otherwise than its tail: Metaspace takes the first token's spaces.
#include "lib/model/generate.h"
#include "tests/model/tiny_model.h"
#include "tests/text/characters_fixture.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("a stop text is looked for in the whole response's text") {
  CharactersFixture fixture;
  fixture.decoder = R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always"})";
  fixture.merges = {{"▁", "▁"}, {"▁▁", "▁▁"}, {"▁▁▁▁", "▁▁▁▁"}, {"▁▁▁▁▁▁▁▁", "a"}};  // 268 is eight spaces and an a
  Tokenizer tokenizer = fixture.make();
  ModelConfig config = tiny_model(1).config();
  config.vocab = tokenizer.vocab_size();
  Buffer<float> values = initial_parameters(config, Layout(config), 3);
  Model model{Transformer(config, std::move(values)), std::move(tokenizer), "", {2}};
  GenerateOptions options;
  options.max_tokens = 40;
  options.stop = {" a"};
  model.transformer.pack();
  std::vector<SampleRequest> requests;
  for (int i = 0; i < 100; ++i) requests.push_back({std::to_string(i), {5, 6}});
  int stopped = 0;
  for (const SampledResponse& r : Generator(model, options).run(requests)) {
    const bool there = model.tokenizer.decode(r.ids, true).find(" a") != std::string::npos;
    CHECK(r.stopped == (there || r.ids.back() == 2));
    stopped += there;
    if (there) CHECK(r.ids.back() == 268);
  }
  CHECK(stopped > 5);
}
