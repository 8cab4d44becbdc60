// Score models from folders: of language models, and of their own.
#include <cmath>

#include "lib/base/error.h"
#include "lib/io/files.h"
#include "lib/model/folder.h"
#include "tests/model/folder_tools.h"

using namespace nudge;
using namespace nudge::test;

TEST_CASE("a language model becomes a score model with its backbone and a head that the seed decides") {
  for (bool tied : {true, false}) {
    const Model language = small(tied);
    const std::string folder = saved(language);
    const Model a = load_as_score_model(folder, 1), b = load_as_score_model(folder, 1),
                c = load_as_score_model(folder, 2);
    CHECK(a.config().head == HeadKind::kScore);
    CHECK(same_values(a.transformer, b.transformer));
    CHECK_FALSE(same_values(a.transformer, c.transformer));
    for (const TensorInfo& t : a.transformer.layout().tensors) {
      if (t.name == "score.weight") continue;
      const float* want = language.transformer.values() + language.transformer.layout().find(t.name)->offset;
      CHECK(std::memcmp(a.transformer.values() + t.offset, want, static_cast<std::size_t>(t.size) * sizeof(float)) ==
            0);
    }
  }
}
TEST_CASE("a fresh score head has deviation 1/sqrt(width + 1)") {
  const ModelConfig c = [] {
    ModelConfig score = shape_of(1, 1, 4000, 1, 5, 2);
    score.head = HeadKind::kScore;
    return score;
  }();
  const Layout layout(c);
  Buffer<float> values(layout.size);
  initialise_score(c, layout, 3, values.data());
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < 4000; ++i) {
    const double x = double(values[layout.score + i]) * std::sqrt(4001.0);
    sum += x, squares += x * x;
  }
  CHECK(std::abs(sum / 4000) < 4 / std::sqrt(4000.0));
  CHECK(std::abs(squares / 4000 - 1) < 4 * std::sqrt(2 / 4000.0));
}
TEST_CASE("a score model is taken as a score model as it is") {
  const Model score = small(true, HeadKind::kScore);
  CHECK(same_values(load_as_score_model(saved(score), 1).transformer, score.transformer));
}
TEST_CASE("a score model may store a language model's head and a bias, which say nothing") {
  const Model score = small(true, HeadKind::kScore);
  const std::string folder = saved(score);
  auto tensors = stored(score.transformer);
  tensors.push_back({"lm_head.weight", "F32", {2, 2}, float_bytes(std::vector<float>{1, 2, 3, 4})});
  replace_weights(folder, tensors);
  CHECK(load_model(folder, HeadKind::kScore).remarks.empty());
  tensors.push_back({"score.bias", "F32", {1}, float_bytes(std::vector<float>{3})});
  replace_weights(folder, tensors);
  const Model again = load_model(folder, HeadKind::kScore);
  CHECK(same_values(again.transformer, score.transformer));
  REQUIRE(again.remarks.size() == 1);
  CHECK(again.remarks[0] == folder +
                                ": score.bias is ignored, as Hugging Face's GPT2ForSequenceClassification ignores "
                                "it: all scores shift by the same number");
}
TEST_CASE("a reward model names a pad: the configuration's, the tokenizer's, or what ends an answer") {
  CHECK(load_as_score_model(saved(small()), 1).config().pad == 256);
  Model model = small();
  ModelConfig padded = model.config();
  padded.pad = 5;
  model.transformer = std::move(model.transformer).with(padded);
  CHECK(load_as_score_model(saved(model), 1).config().pad == 5);
  CHECK(read_file(saved(load_as_score_model(saved(model), 1)) + "/tokenizer_config.json").find("\"pad_token\": \"") ==
        std::string::npos);  // a token of texts
  const std::string folder = saved(small());
  replace_file(folder + "/tokenizer_config.json", R"({"eos_token":"<|endoftext|>","pad_token":"a"})");
  CHECK(load_as_score_model(folder, 1).config().pad == 'a' - '!');  // byte-level ids begin with '!'
  // Other software's tokenizer pads with it.
  CHECK(read_file(saved(load_as_score_model(saved(small()), 1)) + "/tokenizer_config.json")
            .find("\"pad_token\": \"<|endoftext|>\"") != std::string::npos);
  const std::string told = read_file(saved(load_as_score_model(folder, 1)) + "/tokenizer_config.json");
  CHECK(told == R"({"eos_token":"<|endoftext|>","pad_token":"a"})");
  // One that is read to score names what it names.
  CHECK(load_model(saved(small(true, HeadKind::kScore)), HeadKind::kScore).config().pad == -1);
}
