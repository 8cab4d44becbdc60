// What config.json says of each layer's window and RoPE, and of longrope. The expected layers are transformers 5.12's.
#include <cmath>
#include <map>

#include "lib/base/error.h"
#include "lib/model/config_attention.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;

namespace {

using Keys = std::map<std::string, std::string>;

std::string text_of(const Keys& keys) {
  std::string text;
  for (const auto& [key, value] : keys) text += (text.empty() ? "\"" : ",\"") + key + "\":" + value;
  return '{' + text + '}';
}

// Four layers in a context of 64, and these keys.
ModelConfig parsed(const std::string& family, Keys keys) {
  keys.insert({{"model_type", '"' + family + '"'},
               {"num_hidden_layers", "4"},
               {"hidden_size", "48"},
               {"num_attention_heads", "4"},
               {"num_key_value_heads", "2"},
               {"max_position_embeddings", "64"},
               {"vocab_size", "100"}});
  return ModelConfig::parse(text_of(keys), "config");
}
std::string refusal(const std::string& family, const Keys& keys) {
  return message_of([&] { parsed(family, keys); });
}

// "8 0 8l 0n": each layer's window, with l for the local RoPE and n for none; "" where all layers are alike.
std::string forms(const ModelConfig& c) {
  std::string text;
  for (const LayerForm& form : c.layer_forms) {
    text += (text.empty() ? "" : " ") + std::to_string(form.window);
    if (form.rope != LayerForm::Rope::kMain) text += form.rope == LayerForm::Rope::kLocal ? "l" : "n";
  }
  return text;
}
std::string forms(const std::string& family, const Keys& keys) {
  const ModelConfig c = parsed(family, keys), again = ModelConfig::parse(c.json(), "again");
  CHECK(again.mathematics() == c.mathematics());
  CHECK(again.json() == c.json());
  return forms(c);
}

using Windowed = Family::ByLayer::Windowed;

// The layers of a family that has these rules, and whether what is written of them reads back.
std::string forms_by(Family::ByLayer by, std::int64_t usual_window, const Keys& keys, std::int64_t layers = 4) {
  Family family = family_of("llama");
  family.by_layer = by;
  family.defaults.window = usual_window;
  const auto read = [&](const std::string& text) {
    ModelConfig c;
    c.layers = layers, c.context = 64;
    const JsonReader reader(text, "config");
    const ConfigKeys in(reader, reader.object(reader.root(), "the file"));
    read_layer_forms(in, family, c);
    return c;
  };
  const ModelConfig c = read(text_of(keys));
  KeyWriters writers;
  write_layer_forms(c, family, writers);
  JsonWriter w;
  w.begin_object();
  for (const auto& [key, write] : writers) write(w.key(key));
  w.end_object();
  CHECK(read(w.text()).layer_forms == c.layer_forms);
  return forms(c);
}

const Keys kLong{{"rope_scaling",
                  "{\"type\":\"longrope\",\"short_factor\":[1,1.5,2,2.5],"
                  "\"long_factor\":[1,20,30,40]}"},
                 {"head_dim", "8"},
                 {"original_max_position_embeddings", "16"}};
Keys long_with(const std::string& members, const Keys& more = {}) {
  Keys keys = more;
  keys.insert({{"rope_scaling", '{' + members + '}'}, {"head_dim", "8"}});
  return keys;
}

}  // namespace

TEST_CASE("Mistral's window is that of all layers, unless it is as long as the context") {
  CHECK(forms("mistral", {{"sliding_window", "8"}}) == "8 8 8 8");
  CHECK(forms("mistral", {{"sliding_window", "63"}}) == "63 63 63 63");
  for (const char* none : {"64", "4096", "null", "false"}) CHECK(forms("mistral", {{"sliding_window", none}}).empty());
  CHECK(forms("mistral", {}).empty());
  CHECK(forms("mistral", {{"max_position_embeddings", "8192"}}) == "4096 4096 4096 4096");  // absent, it is 4096
  CHECK(forms("mistral", {{"sliding_window", "8"}, {"layer_types", "[\"full_attention\"]"}}) == "8 8 8 8");
  for (const char* bad : {"\"x\"", "0", "-1", "true"})
    CHECK(refusal("mistral", {{"sliding_window", bad}}) == "config: \"sliding_window\" is not a sensible size");
}
TEST_CASE("Qwen's window is that of the last layers or of those in its list, where it is used") {
  for (const char* family : {"qwen2", "qwen3"}) {
    const auto windowed = [&](Keys keys) {
      keys.insert({"sliding_window", "8"});
      return forms(family, keys);
    };
    CHECK(windowed({}).empty());
    CHECK(windowed({{"max_window_layers", "1"}}).empty());
    CHECK(windowed({{"use_sliding_window", "false"}, {"max_window_layers", "1"}}).empty());
    CHECK(windowed({{"use_sliding_window", "true"}}).empty());  // the first 28 layers have none
    CHECK(windowed({{"use_sliding_window", "true"}, {"max_window_layers", "1"}}) == "0 8 8 8");
    CHECK(windowed({{"use_sliding_window", "true"}, {"max_window_layers", "0"}}) == "8 8 8 8");
    const std::string list = "[\"sliding_attention\",\"full_attention\",\"full_attention\",\"sliding_attention\"]";
    CHECK(windowed({{"use_sliding_window", "true"}, {"layer_types", list}, {"max_window_layers", "0"}}) == "8 0 0 8");
    CHECK(forms(family, {{"sliding_window", "64"}, {"layer_types", list}}).empty());
    CHECK(forms(family, {{"use_sliding_window", "true"}, {"max_window_layers", "1"}, {"sliding_window", "null"}})
              .empty());
    CHECK(refusal(family, {{"use_sliding_window", "true"}, {"layer_types", list}, {"sliding_window", "null"}}) ==
          "config: \"sliding_window\" is missing, and layers have a window");
    CHECK(refusal(family, {{"sliding_window", "8"}, {"layer_types", list}}) ==
          "config: \"layer_types\" names sliding_attention, but use_sliding_window is not true");
    CHECK(refusal(family, {{"layer_types", "[\"full_attention\"]"}}) ==
          "config: \"layer_types\" names 1 layers, not 4");
    CHECK(refusal(family, {{"layer_types", "7"}}) == "config: \"layer_types\" is not a list");
    for (const char* kind : {"[\"linear_attention\"]", "[7]"})
      CHECK(refusal(family, {{"layer_types", kind}}) ==
            "config: \"layer_types\" names a kind other than full_attention and sliding_attention, which is not "
            "supported");
    CHECK(refusal(family, {{"use_sliding_window", "1"}}) == "config: \"use_sliding_window\" is neither true nor false");
    CHECK(refusal(family, {{"use_sliding_window", "true"}, {"max_window_layers", "-1"}}) ==
          "config: \"max_window_layers\" is not a sensible size");
  }
}
TEST_CASE("families without windows carry their keys along unread") {
  for (const char* family : {"llama", "olmo2"}) {
    CHECK(forms(family, {{"sliding_window", "8"}}).empty());
    CHECK(forms(family, {{"sliding_window", "8"}, {"layer_types", "[\"sliding_attention\"]"}}).empty());
  }
}
TEST_CASE("SmolLM3's layers without RoPE are listed, or each fourth") {
  CHECK(forms("smollm3", {}) == "0 0 0 0n");
  CHECK(forms("smollm3", {{"no_rope_layer_interval", "2"}}) == "0 0n 0 0n");
  CHECK(forms("smollm3", {{"no_rope_layers", "[0,1,1,0]"}, {"no_rope_layer_interval", "2"}}) == "0n 0 0 0n");
  CHECK(forms("smollm3", {{"no_rope_layers", "[0,1,1,0,0,1]"}}) == "0n 0 0 0n");  // longer lists are allowed
  CHECK(forms("smollm3", {{"no_rope_layers", "[1,1,1,1]"}}).empty());
  CHECK(forms("smollm3", {{"use_sliding_window", "true"}}) == "0 0 0 0n");
  CHECK(forms("smollm3", {{"sliding_window", "8"}}) == "0 0 0 0n");
  CHECK(forms("smollm3", {{"use_sliding_window", "true"}, {"sliding_window", "8"}}) == "0 0 0 8n");
  CHECK(forms("smollm3", {{"use_sliding_window", "true"},
                          {"sliding_window", "8"},
                          {"layer_types",
                           "[\"sliding_attention\",\"full_attention\",\"full_attention\","
                           "\"full_attention\"]"}}) == "8 0 0 0n");
  CHECK(refusal("smollm3", {{"no_rope_layers", "[1,0]"}}) == "config: \"no_rope_layers\" names 2 layers, not 4");
  CHECK(refusal("smollm3", {{"no_rope_layers", "[1,0,2,1]"}}) == "config: \"no_rope_layers\" is not a list of 0 and 1");
  CHECK(refusal("smollm3", {{"no_rope_layers", "4"}}) == "config: \"no_rope_layers\" is not a list");
  CHECK(refusal("smollm3", {{"no_rope_layer_interval", "0"}}) ==
        "config: \"no_rope_layer_interval\" is not a sensible size");
}
TEST_CASE("windows may be those of all but each n-th layer, and the local RoPE theirs") {
  const Family::ByLayer gemma2{.windowed = Windowed::kAllButEach, .usual_each = 2};
  CHECK(forms_by(gemma2, 4096, {{"sliding_window", "8"}}) == "8 0 8 0");
  CHECK(forms_by(gemma2, 4096, {}).empty());
  CHECK(forms_by(gemma2, 12, {}) == "12 0 12 0");
  const Family::ByLayer gemma3{.windowed = Windowed::kAllButEach,
                               .each = "sliding_window_pattern",
                               .usual_each = 6,
                               .local_theta = "rope_local_base_freq",
                               .usual_local_theta = 10000};
  CHECK(forms_by(gemma3, 4096, {{"sliding_window", "8"}}) == "8l 8l 8l 8l");
  CHECK(forms_by(gemma3, 4096, {{"sliding_window", "8"}, {"sliding_window_pattern", "3"}}) == "8l 8l 0 8l");
  // A window as long as the context hides nothing, but its layers turn by the local RoPE.
  CHECK(forms_by(gemma3, 4096, {{"sliding_window_pattern", "3"}}) == "0l 0l 0 0l");
  CHECK(forms_by(gemma3, 4096,
                 {{"sliding_window", "8"},
                  {"layer_types",
                   "[\"full_attention\",\"sliding_attention\",\"sliding_attention\","
                   "\"full_attention\"]"}}) == "0 8l 8l 0");
  CHECK(message_of([&] {
          forms_by(gemma3, 4096, {{"sliding_window", "null"}});
        }) == "config: \"sliding_window\" is missing, and layers have a window");
}
TEST_CASE("windows may be those of layers that are called local") {
  const Family::ByLayer neo{.windowed = Windowed::kLocalTypes, .window = "window_size"};
  CHECK(forms_by(neo, 16, {{"attention_types", "[[[\"global\",\"local\"],2]]"}}) == "0 16 0 16");
  CHECK(forms_by(neo, 16, {{"attention_types", "[[[\"local\"],3],[[\"global\"],1]]"}, {"window_size", "8"}}) ==
        "8 8 8 0");
  CHECK(forms_by(neo, 256, {{"attention_types", "[[[\"global\",\"local\"],2]]"}}).empty());
  std::string by_turns = "0 16";
  for (int i = 1; i < 12; ++i) by_turns += " 0 16";
  CHECK(forms_by(neo, 16, {}, 24) == by_turns);
  const auto refused = [&](const std::string& types) {
    return message_of([&] { forms_by(neo, 16, {{"attention_types", types}}); });
  };
  CHECK(refused("null") == "config: \"attention_types\" is missing: its default names 24 layers, not 4");
  CHECK(refused("[[[\"global\",\"local\"],3]]") == "config: \"attention_types\" names 6 layers, not 4");
  CHECK(refused("[[[\"global\",\"near\"],2]]") ==
        "config: \"attention_types\" names a kind other than global and local");
  for (const char* bad : {"[7]", "[[7,2]]", "[[[\"local\"],-1]]", "[[[\"local\"]]]", "[[[\"local\"],\"2\"]]"})
    CHECK(refused(bad) == "config: \"attention_types\" is not a list of lists of names and a number of times");
  CHECK(refused("7") == "config: \"attention_types\" is not a list");
}
TEST_CASE("a new model's layers are its family's usual ones") {
  ModelConfig c = ModelConfig::usual("smollm3");
  c.layers = 9, c.context = 64;
  set_usual_layers(c);
  CHECK(forms(c) == "0 0 0 0n 0 0 0 0n 0");
  for (const char* family : {"mistral", "qwen3", "llama"}) {
    c = ModelConfig::usual(family);
    c.layers = 9, c.context = 10000;
    set_usual_layers(c);
    CHECK(c.layer_forms.empty());
  }
}
TEST_CASE("layers with a window may have a RoPE base of their own, in the old form and the new one") {
  Family family = family_of("llama");
  family.by_layer = {.windowed = Windowed::kAllButEach,
                     .usual_each = 2,
                     .local_theta = "rope_local_base_freq",
                     .usual_local_theta = 30};
  family.defaults.theta = 1000;
  const auto read = [&](const std::string& text) {
    ModelConfig c;
    c.head_size = 6, c.context = 64;
    const JsonReader reader(text, "config");
    read_rotary(ConfigKeys(reader, reader.object(reader.root(), "the file")), family, c);
    return c;
  };
  const auto said = [](const ModelConfig& c) {
    const auto one = [](const Rotary& r) {
      return std::to_string(r.dims) + ' ' + std::to_string(std::lround(r.theta)) + ' ' +
             std::to_string(static_cast<int>(r.scaling)) + ' ' + std::to_string(std::lround(r.factor));
    };
    return one(c.rotary) + ", " + one(c.local_rotary);
  };
  CHECK(said(read("{}")) == "6 1000 0 1, 6 30 0 1");
  const std::string scaling = "{\"rope_type\":\"linear\",\"factor\":8}";
  const ModelConfig old_form =
      read("{\"rope_theta\":500,\"rope_local_base_freq\":20,\"rope_scaling\":" + scaling + "}");
  CHECK(said(old_form) == "6 500 1 8, 6 20 0 1");
  const std::string full = "{\"rope_type\":\"linear\",\"factor\":8,\"rope_theta\":500}";
  CHECK(said(read("{\"rope_parameters\":{\"full_attention\":" + full +
                  ",\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":20}}}")) == said(old_form));
  KeyWriters writers;
  write_rotary(old_form, family, writers);
  JsonWriter w;
  w.begin_object();
  for (const auto& [key, write] : writers) write(w.key(key));
  w.end_object();
  CHECK(said(read(w.text())) == said(old_form));
  CHECK(message_of([&] { read("{\"rope_parameters\":{\"sliding_attention\":" + full + "}}"); }) ==
        "config: \"rope_parameters.sliding_attention\" has a scaling, which is not supported");
  CHECK(message_of([&] { read("{\"rope_local_base_freq\":0}"); }) ==
        "config: \"rope_local_base_freq\" is not positive");
}
TEST_CASE("longrope holds with its short factors up to the original context, which is the model's") {
  const ModelConfig c = parsed("llama", kLong);
  CHECK(c.context == 16);
  CHECK(c.rotary.scaling == RopeScaling::kLong);
  CHECK((c.rotary.short_factors == std::vector<double>{1, 1.5, 2, 2.5} && c.rotary.long_context == 64));
  CHECK(c.rotary.attention_factor == doctest::Approx(std::sqrt(1.5)).epsilon(1e-15));  // sqrt(1 + log 4 / log 16)
  const ModelConfig again = ModelConfig::parse(c.json(), "again");
  CHECK(again.json() == c.json());
  CHECK(again.mathematics() == c.mathematics());
  CHECK((again.rotary.long_context == 64 && again.rotary.long_factors == std::vector<double>{1, 20, 30, 40}));

  const std::string lists = "\"short_factor\":[1,1,1,1],\"long_factor\":[1,1,1,1],";
  const auto factor = [&](const std::string& more, const Keys& keys = {}) {
    return parsed("llama", long_with(lists + more, keys)).rotary.attention_factor;
  };
  const std::string original = ",\"original_max_position_embeddings\":16";
  CHECK(factor("\"rope_type\":\"longrope\",\"attention_factor\":1.25" + original) == 1.25);
  CHECK(factor("\"rope_type\":\"longrope\",\"factor\":16" + original) == doctest::Approx(std::sqrt(2.0)));
  CHECK(factor("\"rope_type\":\"longrope\",\"factor\":0.5" + original) == 1);
  CHECK(factor("\"type\":\"su\"" + original) == doctest::Approx(std::sqrt(1.5)));  // its name in older files
  CHECK(parsed("llama",
               long_with(lists + "\"type\":\"longrope\"" + original, {{"original_max_position_embeddings", "32"}}))
            .context == 32);
  CHECK(parsed("llama", long_with(lists + "\"type\":\"longrope\",\"original_max_position_embeddings\":99")).context ==
        64);
  for (const auto& [key, value] : Keys{{"original_max_position_embeddings", "17"},
                                       {"rope_scaling",
                                        "{\"type\":\"longrope\",\"short_factor\":[1,1.5,2,2.25],"
                                        "\"long_factor\":[1,20,30,40]}"}}) {
    Keys changed = kLong;
    changed[key] = value;
    CHECK(parsed("llama", changed).mathematics() != c.mathematics());
  }
}
TEST_CASE("longrope without what it needs is refused") {
  const auto refused = [](const std::string& members) {
    return refusal("llama", long_with("\"type\":\"longrope\"" + members));
  };
  CHECK(refused("") == "config: \"rope_scaling.original_max_position_embeddings\" is missing");
  const std::string original = ",\"original_max_position_embeddings\":16";
  CHECK(refused(original) == "config: \"rope_scaling.short_factor\" is not a list");
  CHECK(refused(original + ",\"short_factor\":[1,2]") ==
        "config: \"rope_scaling.short_factor\" has 2 numbers for 4 pairs");
  CHECK(refused(original + ",\"short_factor\":[1,2,0,1]") ==
        "config: \"rope_scaling.short_factor\" is not a list of positive numbers");
  CHECK(refused(original + ",\"short_factor\":[1,2,3,1]") == "config: \"rope_scaling.long_factor\" is not a list");
}
