// Real chat templates, as jinja2 renders them in transformers (the oracle's chat folder).
#include <zstd.h>

#include <algorithm>
#include <fstream>

#include "lib/io/json_parse.h"
#include "lib/text/jinja.h"
#include "tests/harness/harness.h"

using namespace nudge;
using namespace nudge::test;

namespace {

std::string unpacked(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string packed(std::istreambuf_iterator<char>(in), {});
  REQUIRE(!packed.empty());
  std::string text(64 << 20, '\0');
  const std::size_t size = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  REQUIRE(ZSTD_isError(size) == 0);
  text.resize(size);
  return text;
}

// The variables that transformers passes to a template besides the dialogue.
jinja::Variables variables_of(simdjson::dom::element record, simdjson::dom::element dialogue) {
  jinja::Variables variables = {{"tools", jinja::Value::none()}, {"documents", jinja::Value::none()}};
  for (const char* token : {"bos_token", "eos_token", "unk_token", "pad_token"}) {
    std::string_view text;
    if (record[token].get(text) == simdjson::SUCCESS) variables[token] = jinja::Value::of(text);
  }
  const simdjson::dom::element messages = dialogue["messages"];
  variables["messages"] = jinja::value_of_json(simdjson::minify(messages));
  variables["add_generation_prompt"] = jinja::Value::boolean(bool(dialogue["add_generation_prompt"]));
  return variables;
}

struct Count {
  int texts = 0, errors = 0;
};

void check(const jinja::Template& source, simdjson::dom::element record, simdjson::dom::element dialogue,
           Count& count) {
  std::string text, error;
  bool dated = false;
  try {
    const jinja::Rendered rendered = source.render(variables_of(record, dialogue), {2026, 11, 30});
    text = rendered.text, dated = rendered.dated;
  } catch (const jinja::TemplateError& e) {
    error = e.what();
  }
  std::string_view expected;
  if (dialogue["text"].get(expected) == simdjson::SUCCESS) {
    CHECK(error == "");
    CHECK(text == expected);
    CHECK(bool(record["uses_date"]) >= dated);
    ++count.texts;
  } else {
    expected = dialogue["error"];  // "UndefinedError: 'functions' is undefined"
    CHECK(error.find(expected.substr(expected.find(": ") + 2)) != std::string::npos);
    ++count.errors;
  }
}

}  // namespace

TEST_CASE("each text of real templates, and each refusal with its words") {
  NEED_ORACLE(oracle);
  const std::string text = unpacked(oracle + "/chat/templates.dev.jsonl.zst");
  simdjson::dom::parser parser;
  Count count;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    simdjson::dom::element record;
    REQUIRE(!parse_json(parser, std::string_view(text).substr(at, end - at), record));
    at = end + 1;
    CAPTURE(std::string(std::string_view(record["name"])));
    const std::string_view source = record["template"];
    const jinja::Template made(source);
    const simdjson::dom::array cases = record["cases"];
    for (const simdjson::dom::element dialogue : cases) check(made, record, dialogue, count);
  }
  CHECK(count.texts >= 2082);
  CHECK(count.errors >= 180);
}
