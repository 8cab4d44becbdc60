// A table of templates as rendered by transformers 5.12 (jinja2 3.1, Python 3.14): chat_template_cases.jsonl, written
// by tests/ecosystem/chat_template_cases.py. Its first line has the variables.
#include <simdjson.h>

#include <fstream>

#include "lib/text/jinja.h"
#include "tests/harness/harness.h"

using namespace nudge;

namespace {

struct Outcome {
  std::string text, error;
  bool refused = false;  // by name; jinja2 may render it
};

Outcome outcome(const std::string& source, const jinja::Variables& variables) {
  Outcome out;
  try {
    out.text = jinja::Template(source).render(variables, {2026, 11, 30}).text;
  } catch (const jinja::TemplateError& e) {
    out.error = e.what();
    out.refused = e.cause() == jinja::TemplateError::Cause::kUnsupported;
  }
  return out;
}

jinja::Variables variables_of(const std::string& line) {
  const jinja::Value all = jinja::value_of_json(line);
  jinja::Variables variables;
  for (const auto& [name, value] : all.map()) variables.emplace(name.text(), value);
  return variables;
}

}  // namespace

TEST_CASE("a table of templates") {
  std::ifstream in("tests/text/chat_template_cases.jsonl");
  std::string line;
  REQUIRE(std::getline(in, line));
  const jinja::Variables variables = variables_of(line);
  simdjson::dom::parser parser;
  int texts = 0, errors = 0, refused = 0;
  while (std::getline(in, line)) {
    simdjson::dom::element row;
    REQUIRE(!parser.parse(line).get(row));
    const std::string_view text = row["template"];
    const std::string source(text);
    CAPTURE(source);
    const Outcome made = outcome(source, variables);
    std::string_view expected;
    if (made.refused) {
      ++refused;
    } else if (!row["text"].get(expected)) {
      CHECK(made.error == "");
      CHECK(made.text == expected);
      ++texts;
    } else {
      expected = row["error"];
      CHECK(made.error != "");
      CHECK(made.error.find(expected) != std::string::npos);
      ++errors;
    }
  }
  CHECK(texts > 1100);
  CHECK(errors > 1000);
  CHECK(refused <= 18);
}
