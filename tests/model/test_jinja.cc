// The part of Jinja that chat templates use; expected texts are those of Jinja 3 with trim_blocks and lstrip_blocks.
#include "lib/model/jinja.h"
#include "tests/model/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;
using jinja::Value;

namespace {

std::string made(const std::string& source) {
  const Value::Map first = {{"role", Value::of("user")}, {"content", Value::of(" Hi ")}};
  const Value::Map second = {{"role", Value::of("assistant")}, {"content", Value::of("Yo")}};
  return jinja::render(source, {{"messages", Value::of(Value::List{Value::of(first), Value::of(second)})},
                                {"name", Value::of("x y")},
                                {"n", Value::integer(7)},
                                {"nothing", Value::none()}});
}
std::string failure(const std::string& source) {
  return message_of([&] { made(source); });
}

}  // namespace

TEST_CASE("text, outputs and comments") {
  CHECK(made("a {{ name }} b") == "a x y b");
  CHECK(made("{# a comment with {{ marks }} #}b") == "b");
  CHECK(made("a{ b } {c") == "a{ b } {c");
  CHECK(made(R"({{ "a\n\t\\\"'" }}{{ '}}' }})") == "a\n\t\\\"'}}");
  CHECK(made("{{ missing }}{{ missing.field[0] + 'x' }}|") == "|");
}

TEST_CASE("a line end behind a block goes, so do the blanks before one, and dashes take all white space") {
  CHECK(made("a\n  {% if true %}\nb\n  {% endif %}\nc") == "a\nb\nc");
  CHECK(made("a\n  {{ name }}\nb") == "a\n  x y\nb");
  CHECK(made("a \n {%- if true -%} \n b \n {%- endif %}\nc") == "abc");
  CHECK(made("a \n {{- name -}} \n b") == "ax yb");
  CHECK(made("a {% if true %}b{% endif %} c\n") == "a b c");
  CHECK(made("a{# c #}\nb") == "ab");
  CHECK(made("a\n  {#- c -#}\n  b") == "ab");
}

TEST_CASE("conditions and loops") {
  CHECK(made("{% if n == 7 %}a{% else %}b{% endif %}") == "a");
  CHECK(made("{% if n == 8 %}a{% elif n > 6 %}b{% else %}c{% endif %}") == "b");
  CHECK(made("{% if n == 8 %}a{% elif n < 6 %}b{% else %}c{% endif %}") == "c");
  CHECK(made("{% for m in messages %}{{ loop.index0 }}{{ m.role }}{{ m['content'] }}{% if not loop.last %};{% endif %}"
             "{% endfor %}") == "0user Hi ;1assistantYo");
  CHECK(made("{% for m in messages[1:] %}{{ m.role }}{{ loop.length }}{% endfor %}") == "assistant1");
  CHECK(made("{% for m in messages[::-1] %}{{ m.role }} {% endfor %}") == "assistant user ");
  CHECK(made("{% for m in messages %}{% if loop.first %}{% for k in [1, 2] %}{{ k }}{% endfor %}{% endif %}"
             "{% endfor %}") == "12");
}

TEST_CASE("what a loop sets is gone behind it, a namespace keeps it") {
  CHECK(made("{% set a = 'x' %}{% for m in messages %}{% set a = a + 'y' %}{{ a }} {% endfor %}{{ a }}") == "xy xy x");
  CHECK(made("{% set s = namespace(a='x', k=1 + 1) %}{% for m in messages %}{% set s.a = s.a + 'y' %}{% endfor %}"
             "{{ s.a }}{{ s.k }}") == "xyy2");
}

TEST_CASE("expressions") {
  CHECK(made("{{ 5 + 2 - 4 }}") == "3");
  CHECK(made("{{ n % 2 }}{{ n // 2 }}") == "13");
  CHECK(made("{{ 'a' ~ n }}") == "a7");
  CHECK(made("{{ 'yes' if n == 7 and not missing else 'no' }}") == "yes");
  CHECK(made("{{ 'yes' if 'x' in name else 'no' }}{{ 'yes' if 'z' not in name else 'no' }}") == "yesyes");
  CHECK(made("{{ 'y' if (messages[0]['role'] == 'user') != (1 % 2 == 0) else 'n' }}") == "y");
  CHECK(made("{{ 'd' if missing is defined else 'u' }}{{ 'd' if name is defined else 'u' }}") == "ud");
  CHECK(made("{{ 'n' if nothing is none else 'v' }}{{ 'n' if name is not none else 'v' }}") == "nn");
  CHECK(made("{{ messages|length - 1 }}{{ name | length }}") == "13");
  CHECK(made("{{ messages[0].content | trim }}{{ messages[-1].content }}") == "HiYo");
  CHECK(made("{{ 'a</t>b</t>\n\nc'.split('</t>')[-1].lstrip('\\n') }}") == "c");
  CHECK(made("{{ ' a '.strip() + ' b '.rstrip() }}{{ 'user one'.title() }}{{ 'uSer' | title }}") == "a bUser OneUser");
  CHECK(made("{{ 'y' if name.startswith('x') and name.endswith('y') else 'n' }}") == "y");
  CHECK(made("{{ missing | default('d') }}") == "d");
  CHECK(made("{{ [1, 2][1] }}{{ {'a': 'b'}['a'] }}{{ {'a': 'c'}.get('a') }}") == "2bc");
  CHECK(made("{{ 'a' if false }}|") == "|");
}

TEST_CASE("what is not known or wrong is an error, and never passed over") {
  CHECK(failure("{{ raise_exception('no way') }}") == "no way");
  CHECK(failure("{% macro a() %}{% endmacro %}") == "the statement \"macro\" is not supported");
  CHECK(failure("{% include 'x' %}") == "the statement \"include\" is not supported");
  CHECK(failure("{{ name | tojson }}") == "the filter \"tojson\" is not supported");
  CHECK(failure("{{ name.swapcase() }}") == "the method \"swapcase\" is not supported");
  CHECK(failure("{{ strftime_now('%d') }}") == "the function \"strftime_now\" is not supported");
  CHECK(failure("{{ name is odd }}") == "the test \"odd\" is not supported");
  CHECK(failure("{{ 'a' + 1 }}") == "+ of a text and something else");
  CHECK(failure("{{ messages }}") == "something that is no text is written");
  CHECK(failure("{{ 'a }}") == "a tag does not end");
  CHECK(failure("{% if true %}") == "a block does not end");
  CHECK(failure("{% for a, b in messages %}{% endfor %}").find("not supported") != std::string::npos);
  CHECK(failure("{% for a in name %}{% endfor %}") == "a loop over something that is no list");
  CHECK(failure("{% set a.b = 1 %}") == "a.b is set and is no namespace");
  CHECK(failure("{% set s = namespace(a=1) %}{% set s.a = s %}") == "a namespace that holds more than texts");
  CHECK(failure("{{ name name }}") == "\"name \" behind an expression");
  CHECK(failure("{{ }}") == "expected a name before \"\"");
  CHECK(failure("{{ (1 }}") == "expected ) before \"\"");
  CHECK(failure("{{ 1 / 2 }}").find("behind an expression") != std::string::npos);
  CHECK(failure("{{ n % 0 }}") == "a division that is not supported");
  CHECK(failure("{{ " + std::string(1000, '(') + " }}") == "an expression is nested too deeply");
  CHECK(failure("{{ " + std::string(100000, '-') + "1 }}") != "nothing thrown");
  CHECK(failure("{{ " + std::string(40000, 'n') + " }}") == "nothing thrown");
}

TEST_CASE("a statement that isn't run isn't read") {
  CHECK(made("{% if false %}{{ name | tojson }}{% set a = tojson(1) %}{% endif %}b") == "b");
}

TEST_CASE("a template that is made to do harm ends in an error") {
  const auto times = [](int n, const std::string& text) {
    std::string out;
    for (int i = 0; i < n; ++i) out += text;
    return out;
  };
  const auto nested = [&](int n) { return times(n, "{% for a in messages %}") + times(n, "{% endfor %}"); };
  CHECK(failure(nested(8)) == "nothing thrown");
  CHECK(failure(nested(20)) == "too many statements and rounds of loops");
  CHECK(failure(times(5001, "{% set x = [x] %}")) == "too many statements and rounds of loops");
  CHECK(failure(times(50, "{% if true %}") + times(50, "{% endif %}")) == "nothing thrown");
  CHECK(failure(times(51, "{% if true %}") + times(51, "{% endif %}")) == "blocks are nested too deeply");
  CHECK(failure("{% set x = 'a' %}" + times(20, "{% set x = x + x %}")) == "nothing thrown");
  CHECK(failure("{% set x = 'a' %}" + times(21, "{% set x = x + x %}")) == "a text is too long");
  CHECK(failure("{% set x = 'a' %}" + times(21, "{% set x = x ~ x %}")) == "a text is too long");
  CHECK(failure("{% set x = 'aa' %}" + times(18, "{% set x = x + x %}") + times(3, "{{ x }}")) == "a text is too long");
  CHECK(failure("{% set x = [1] %}" + times(14, "{% set x = x + x %}")) == "a list is too long");
  CHECK(failure("{{ 1 if messages == messages else 2 }}") == "a comparison of lists or maps");
  CHECK(failure("{{ 1 if messages[0] in messages else 2 }}") == "a comparison of lists or maps");
}
