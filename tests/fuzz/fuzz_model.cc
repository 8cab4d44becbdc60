// Files of a model folder.
#include <cstring>

#include "lib/io/safetensors.h"
#include "lib/model/config.h"
#include "lib/text/jinja.h"
#include "lib/text/tokenizer.h"
#include "lib/text/unicode.h"
#include "tests/fuzz/fuzz.h"

namespace nudge::fuzz {

void safetensors(std::string_view input) {
  const MemoryFile file(input);
  accepts(file.path(), [&] {
    const SafetensorsFile weights(file.path());
    std::int64_t bytes = 0;
    for (const SafetensorsFile::Tensor& tensor : weights.tensors()) {
      promise(tensor.begin >= 0 && tensor.end >= tensor.begin, "a tensor lies in the file");
      bytes += tensor.end - tensor.begin;
      promise(weights.find(tensor.name) == &tensor, "a tensor is found by its name");
      const std::int64_t elements = tensor.elements();
      promise(elements >= 0 && elements <= tensor.end - tensor.begin, "a tensor holds no more than its bytes");
      std::vector<float> values(static_cast<std::size_t>(elements) + 1, 1.5f);
      accepts(file.path(), [&] { weights.read_f32(tensor.name, values.data()); });
      promise(values.back() == 1.5f, "a tensor is read to its end and not beyond");
    }
    promise(bytes <= static_cast<std::int64_t>(input.size()) - 8, "tensors don't overlap");
  });
}

void tokenizer(std::string_view input) {
  accepts("folder/tokenizer", [&] {
    // Half of the files' texts is config.json's where a line of dashes parts them.
    const std::size_t cut = input.find("\n---\n");
    const std::string_view json = input.substr(0, cut);
    const std::string_view config = cut == std::string_view::npos ? "" : input.substr(cut + 5);
    const Tokenizer tokenizer = Tokenizer::from_json(json, config, "folder");
    for (const std::string_view text : {"", "a", "the film, was  good.\n\n", "\xC3\xA9 \xE4\xB8\xAD 123's <s></s>"}) {
      accepts("", [&] {
        const std::vector<std::int32_t> ids = tokenizer.encode(text, true);
        for (const std::int32_t id : ids) {
          promise(id >= 0 && id < tokenizer.vocab_size(), "ids are of the vocabulary");
          tokenizer.token_bytes(id);
        }
        tokenizer.decode(ids, false), tokenizer.decode(ids, true);
        tokenizer.encode_prompt(text);
      });
    }
    const std::int32_t strange[] = {-1, 0, tokenizer.vocab_size(), INT32_MAX};
    tokenizer.decode(strange, false);
    for (const std::int32_t id : {tokenizer.eos_id(), tokenizer.bos_id(), tokenizer.pad_id()}) {
      promise(id >= -1 && id < tokenizer.vocab_size(), "special tokens are of the vocabulary");
    }
  });
}

void config(std::string_view input) {
  accepts("config.json: ", [&] {
    const ModelConfig model = ModelConfig::parse(input, "config.json");
    promise(model.layers > 0 && model.width > 0 && model.heads > 0 && model.vocab > 0 && model.context > 0,
            "sizes are positive");
    promise(model.heads % model.kv_heads() == 0, "heads share keys evenly");
    const std::string written = model.json();
    const ModelConfig again = ModelConfig::parse(written, "written");
    promise(again.mathematics() == model.mathematics(), "what is written has the same mathematics:\n" + written);
    promise(again.json() == written, "and is written the same");
  });
}

void templates(std::string_view input) {
  static const jinja::Variables variables = {
      {"messages", jinja::value_of_json(R"([{"role":"system","content":"Be \u00e9."},{"role":"user","content":" Hi "},
        {"role":"assistant","content":"<think>a</think>Yo","tool_calls":[{"function":{"name":"f","arguments":{"x":1.5}}}]},
        {"role":"user","content":[{"type":"text","text":"Why?"}]}])")},
      {"bos_token", jinja::Value::of("<s>")},
      {"eos_token", jinja::Value::of("</s>")},
      {"tools", jinja::Value::none()},
      {"add_generation_prompt", jinja::Value::boolean(true)}};
  try {
    const jinja::Template source(input);
    const jinja::Rendered made = source.render(variables, {2026, 11, 30});
    const jinja::Rendered again = source.render(variables, {2026, 11, 30});
    promise(again.text == made.text && again.generations == made.generations, "a template gives the same text again");
    std::size_t done = 0;
    for (const auto& [begin, end] : made.generations) {
      promise(done <= begin && begin <= end && end <= made.text.size(), "generations are parts of the text, in order");
      done = end;
    }
    promise(valid_utf8_prefix(made.text) == made.text.size(), "a text is UTF-8");
  } catch (const jinja::TemplateError& e) {
    promise(*e.what() != '\0', "an error says something");
  }
}

}  // namespace nudge::fuzz
