// What the chat template renderer reports besides the text: errors, their lines, and the limits. Rendered texts are in
// test_jinja_table.cc.
#include "lib/text/jinja.h"
#include "tests/text/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;
using jinja::TemplateError;
using jinja::Value;
using Cause = TemplateError::Cause;

namespace {

const jinja::Variables& variables() {
  static const jinja::Variables all = {
      {"messages", jinja::value_of_json(R"([{"role":"user","content":" Hi "},{"role":"assistant","content":"Yo"}])")},
      {"name", Value::of("x y")},
      {"nothing", Value::none()}};
  return all;
}

jinja::Rendered rendered(const std::string& source) {
  return jinja::Template(source).render(variables(), {2026, 11, 30});
}
std::string made(const std::string& source) { return rendered(source).text; }
std::string failure(const std::string& source) {
  return message_of([&] { made(source); });
}
Cause cause_of(const std::string& source) {
  try {
    made(source);
  } catch (const TemplateError& e) {
    return e.cause();
  }
  FAIL("nothing thrown: " << source);
  return Cause::kSyntax;
}

std::string times(int n, const std::string& text) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

}  // namespace

TEST_CASE("an error says the line, and whose words it has") {
  CHECK(failure("a\n{{ raise_exception('no way') }}") == "line 2: the template says: no way");
  CHECK(cause_of("{{ raise_exception('no way') }}") == Cause::kRaised);
  CHECK(failure("{% if true %}\n\n{{ missing.field }}\n{% endif %}") == "line 3: 'missing' is undefined");
  CHECK(cause_of("{{ missing.field }}") == Cause::kWrong);
  CHECK(failure("{{ 'a' | pprint }}") == "line 1: the filter \"pprint\" is not supported");
  CHECK(cause_of("{{ 'a' | pprint }}") == Cause::kUnsupported);
  CHECK(failure("\n{{ name") == "line 2: unexpected end of template, expected 'end of print statement'.");
  CHECK(cause_of("{{ name") == Cause::kSyntax);
  CHECK(failure("{% for x in range(100000) %}{% for y in range(100000) %}{% endfor %}{% endfor %}") ==
        "line 1: the template takes too many steps");
  CHECK(cause_of("{{ 'a' * 100000000 }}") == Cause::kLimit);
  CHECK(failure("{% macro f() %}\n{{ 1 + '' }}{% endmacro %}\n\n{{ f() }}") ==
        "line 2: unsupported operand type(s) for +: 'int' and 'str'");
  try {
    made("\n{{ raise_exception('no way') }}");
    FAIL("nothing thrown");
  } catch (const TemplateError& e) {
    CHECK(e.words() == "no way");
    CHECK(e.line() == 2);
  }
}

TEST_CASE("statements that are not supported are refused where they are reached") {
  for (const std::string statement :
       {"extends 'x'", "include 'x'", "import 'x' as y", "from 'x' import y", "autoescape true", "block b"}) {
    const std::string word = statement.substr(0, statement.find(' '));
    std::string source = "{% " + statement + " %}";
    if (word == "block" || word == "autoescape") source += "{{ missing.field }}{% end" + word + " %}";
    CHECK(failure(source) == "line 1: the statement \"" + word + "\" is not supported");
    CHECK(made("{% if false %}" + source + "{% endif %}b") == "b");
  }
}

TEST_CASE("the day is what is given, and told to be used") {
  CHECK(made("{{ strftime_now('%d %b %Y') }}") == "30 Nov 2026");
  CHECK(rendered("{{ strftime_now('') }}").dated);
  CHECK(!rendered("{{ strftime_now is defined }}").dated);
  CHECK(failure("{{ strftime_now('%s') }}") == "line 1: the code %s of strftime_now is not supported");
  CHECK(failure("{{ strftime_now('%') }}").find("is not supported") != std::string::npos);
}

TEST_CASE("the bytes of generation blocks") {
  const auto two = rendered("é{% for m in messages %}<{% generation %}{{ m.role }}é{% endgeneration %}>{% endfor %}");
  CHECK(two.text == "é<useré><assistanté>");
  CHECK(two.generations == decltype(two.generations){{3, 9}, {11, 22}});
  CHECK(!two.unplaced);
  CHECK(rendered("{% macro f() %}{% generation %}a{% endgeneration %}{% endmacro %}{{ f() }}").unplaced);
  CHECK(rendered("{% set x %}{% generation %}a{% endgeneration %}{% endset %}").unplaced);
  CHECK(rendered("{% generation %}{% set x = 1 %}{% endgeneration %}{{ x }}").text == "");
}

TEST_CASE("values come from JSON as Python reads it") {
  const auto shown = [](const std::string& json) {
    return jinja::Template("{{ x }}").render({{"x", jinja::value_of_json(json)}}, {}).text;
  };
  CHECK(shown(R"({"b": 1, "a": [true, null, 1.0, 1e22, -0.0, "é\n"], "b": 2})") ==
        R"({'b': 2, 'a': [True, None, 1.0, 1e+22, -0.0, 'é\n']})");
  CHECK(shown("[[]]") == "[[]]");
  CHECK(shown("-9223372036854775808") == "-9223372036854775808");
  CHECK(shown("[1234567890123456789, 1e30]") == "[1234567890123456789, 1e+30]");  // 19 digits that 64 bits hold
  for (const char* json : {"9223372036854775808", "1e400", "NaN", "[1, -Infinity]", "123456789012345678901"}) {
    CHECK(message_of([&] { shown(json); }).find("is not supported") != std::string::npos);
  }
  CHECK(message_of([&] { shown("[1"); }) == "not JSON");
  CHECK(message_of([&] { shown(times(500, "[1,") + "1" + times(500, "]")); }) == "values are nested too deeply");
}

TEST_CASE("steps, sizes and depths are bounded") {
  const std::string doubled = "{% set x = 'a' %}" + times(24, "{% set x = x + x %}");
  CHECK(failure(doubled) == "nothing thrown");
  for (const std::string more :
       {"{% set x = x + x %}", "{% set x = x ~ x %}", "{% set x = [x, x]|join %}", "{% set x = x|replace('', 'a') %}",
        "{{ x }}{{ x }}", "{% set x = x|indent(1, true) %}"}) {
    CHECK(failure(doubled + more).find("too long") != std::string::npos);
  }
  for (const std::string source :
       {"{{ 'a' * 16777217 }}", "{{ [1] * 1000001 }}", "{{ 'a'.center(99999999) }}", "{{ 'a'|center(99999999) }}",
        "{{ 'a'.zfill(99999999) }}", "{{ '%99999999d' % 1 }}", "{{ '{:99999999}'.format(1) }}",
        "{{ 'a'|indent(99999999, true) }}", "{{ [1]|tojson(indent=99999999) }}", "{{ [1]|batch(99999999, 1)|list }}",
        "{{ '\\t'.expandtabs(99999999) }}", "{{ ('a' * 9000000)|replace('a', 'bc') }}",
        "{{ ('a' * 9000)|replace('a', 'b' * 9000) }}"}) {
    CAPTURE(source);
    CHECK(cause_of(source) == Cause::kLimit);
  }
  CHECK(failure("{% for i in range(99999) %}{% set ns = namespace(x=1) %}{% endfor %}") == "nothing thrown");
  CHECK(failure("{{ range(100001) }}").find("Range too big") != std::string::npos);
  CHECK(failure("{% set ns = namespace(x=[]) %}{% for i in range(500) %}{% set ns.x = [ns.x] %}{% endfor %}") ==
        "line 1: values are nested too deeply");
  CHECK(failure("{% set ns = namespace(x=[]) %}{% for i in range(500) %}{% set ns.x = ns.x|map('default', ns.x) %}"
                "{% endfor %}") == "line 1: values are nested too deeply");
  CHECK(failure("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}") ==
        "line 1: macros, blocks and expressions are nested too deeply");
  CHECK(failure("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}").find("nested too deeply") !=
        std::string::npos);
  CHECK(failure("{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns }}").find("too deeply") != std::string::npos);
  CHECK(failure("{% set ns = namespace() %}{% for i in range(40) %}{% set ns.x = [ns.x, 'b' * 9000000] %}"
                "{% endfor %}") == "line 1: the template's values take too much memory");
}

TEST_CASE("templates are nested so deeply and no deeper") {
  const auto blocks = [&](int n) { return failure(times(n, "{% if true %}") + times(n, "{% endif %}")); };
  CHECK(blocks(100) == "nothing thrown");
  CHECK(blocks(200) == "the template is nested too deeply");
  CHECK(failure("{{ " + times(1000, "(") + "1" + times(1000, ")") + " }}") == "the template is nested too deeply");
  CHECK(failure("{{ " + times(100000, "-") + "1 }}") == "the template is nested too deeply");
  CHECK(failure("{{ " + times(100000, "not ") + "1 }}") == "the template is nested too deeply");
  CHECK(failure("{{ 1" + times(100, " + 1") + " }}") == "nothing thrown");
  CHECK(failure("{{ 1" + times(1000, " + 1") + " }}") == "an expression is nested too deeply");
  CHECK(failure("{{ x" + times(1000, ".x") + " }}") == "an expression is nested too deeply");
  CHECK(failure("{{ x" + times(1000, "|e") + " }}") == "an expression is nested too deeply");
  CHECK(failure("{{ 'a'" + times(1000, " ~ 'a'") + " }}") == "nothing thrown");
  CHECK(failure(times(2000000, "a")) == "the template is too long");
  CHECK(failure("\xff") == "line 1: the template is not UTF-8");
}

TEST_CASE("a namespace may hold itself, and a macro its own home") {  // leaks are seen by the address sanitizer
  CHECK(made("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns.self.self is defined }}") == "True");
  CHECK(made("{% macro f() %}{% macro g() %}{{ 1 }}{% endmacro %}{{ g() }}{% endmacro %}{{ f() }}{{ f() }}") == "11");
  CHECK(failure("{% macro f() %}{% macro g() %}{{ x.y }}{% endmacro %}{{ g() }}{% endmacro %}{{ f() }}") ==
        "line 1: 'x' is undefined");
  CHECK(failure("{% for x in [1, 2] if x %}{{ loop.index }}{{ x.y.z }}{% endfor %}").find("has no attribute 'y'") !=
        std::string::npos);
}
