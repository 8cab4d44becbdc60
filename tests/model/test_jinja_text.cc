// White space, characters and case in templates, and what stands in quotes. Expected texts are those of Jinja 3.1 on
// Python 3.14, with trim_blocks and lstrip_blocks.
#include "lib/model/jinja.h"
#include "lib/model/python_text.h"
#include "lib/model/unicode.h"
#include "tests/model/tokenizer_fixture.h"

using namespace nudge;
using namespace nudge::test;
using jinja::Value;

namespace {

std::string made(const std::string& source) { return jinja::render(source, {}); }
std::string failure(const std::string& source) {
  return message_of([&] { made(source); });
}

}  // namespace

TEST_CASE("white space is Python's") {
  std::string found;
  for (std::uint32_t c = 0; c < 0x110000; ++c) {
    if (python::is_space(c)) found += std::to_string(c) + ' ';
  }
  // [c for c in range(0x110000) if chr(c).isspace()]
  CHECK(found == "9 10 11 12 13 28 29 30 31 32 133 160 5760 8192 8193 8194 8195 8196 8197 8198 8199 8200 8201 8202 8232 "
                 "8233 8239 8287 12288 ");
}

TEST_CASE("dashes and blocks take all of it away") {
  CHECK(made("a\u3000\n\x1c{%- if true -%}\u0085\u2028b\u00a0{%- endif %}|") == "ab|");
  CHECK(made("a\u3000{{- 'b' -}}\u2003\n c") == "abc");
  CHECK(made("a\n\u2003\x0b{% if true %}\nb{% endif %}") == "a\nb");
  CHECK(made("\u3000{# c #}\nb") == "b");
  CHECK(made("{%\u00a0if\u2003true\u3000%}x{% endif %}{{\u3000'y'\u0085}}") == "xy");
  CHECK(made("{%\u00a0for\u2003x\u3000in\u2028[1]\u00a0%}{{ x }}{% endfor %}{% set\u3000y\u3000= 2 %}{{ y }}") == "12");
  CHECK(made("a\u200b\n\ufeff{% if true %}b{% endif %}") == "a\u200b\n\ufeff" "b");  // neither is white space
}

TEST_CASE("a plus keeps it, at a tag's start and end") {
  CHECK(made("a\n {%+ if true +%}\nb{% endif %}") == "a\n \nb");
  CHECK(made("a{#c +#}\nb") == "a\nb");
  CHECK(made("{{+ 'a' }}") == "a");
  CHECK(failure("{{ 'a' +}}") != "nothing thrown");
}

TEST_CASE("all line ends are one") {
  CHECK(made("a\r\n  {% if true %}\r\nb\r{% endif %}c\r\n") == "a\nb\nc");
  CHECK(made("a\rb\r\nc\n\r") == "a\nb\nc\n");
  CHECK(made("{{ 'a\r\nb' }}") == "a\nb");
}

TEST_CASE("strip, trim and split take Python's white space, or a set of characters") {
  CHECK(made("{{ '\u3000\x1c Hi\u2007 '|trim }}|{{ 'xéyx'.strip('xé') }}|{{ 'xyx'|trim('x') }}|{{ ' a '.strip(none) }}") ==
        "Hi|y|y|a");
  CHECK(made("{{ '\u2029a\u2029'.lstrip() }}|{{ '\u2029a\u2029'.rstrip() }}|") == "a\u2029|\u2029a|");
  CHECK(made("{{ '\xC3\xA8z'.lstrip('\xC3\xA9') }}{{ 'abc'|trim(chars='ca') }}") == "\xC3\xA8zb");  // è, é: a byte in common
  CHECK(made("{{ ' a\u2028b  c '.split()[1] }}{{ 'a-b-c'.split('-', 1)[1] }}{{ 'a b c '.split(maxsplit=1)[1] }}"
             "{{ ''.split()|length }}{{ 'ab'.split(none)[0] }}") == "bb-cb c 0ab");
  CHECK(failure("{{ 'a'.strip(5) }}") == "an argument is not a text");
  CHECK(failure("{{ 'a'.split('') }}") == "split by an empty text");
  CHECK(failure("{{ 'a'.split('b', 'c') }}") == "an argument is not a number");
  CHECK(failure("{{ 'a'.split('b', 1, 2) }}") == "more arguments than are supported");
  CHECK(failure("{{ 'a'|trim(set='b') }}") == "the argument \"set\" is not supported");
}

TEST_CASE("a text is made of characters") {
  CHECK(made("{{ 'é€😀'|length }}{{ 'é€😀'[-1] }}{{ 'é€😀'[1:] }}{{ 'é€😀'[::-1] }}{{ 'é'[1] }}") == "3😀€😀😀€é");
  CHECK(made("{{ u|trim }}{{ u|length }}{{ 5|string|length }}{{ {'a':1}|length }}") == "011");
  CHECK(failure("{{ 5|length }}") == "the length of something that has none");
}

TEST_CASE("case is Python's") {
  CHECK(made("{{ 'straße ŉ ﬁ İ ὈΔΥΣΣΕΎΣ'.upper() }}|{{ 'ɛǆᾳ'|upper }}") == "STRASSE ʼN FI İ ὈΔΥΣΣΕΎΣ|ƐǄΑΙ");
  CHECK(made("{{ 'straße ŉ İ ΟΔΥΣΣΕΥΣ ΣΑΣ.'.lower() }}|{{ 'ΑΣb'|lower }}") == "straße ŉ i̇ οδυσσευς σας.|ασb");
  CHECK(made("{{ \"they're ǆ ﬁ ßx aΣ b-c\".title() }}") == "They'Re ǅ Fi Ssx Aς B-C");
  CHECK(made("{{ \"they're ǆ ﬁ ßx aΣ b-c (d\"|title }}") == "They're Ǆ FI SSx Aσ B-C (D");
  CHECK(made("{{ 'ﬁ ABC Σ'.capitalize() }}|{{ 'ǆ X'|capitalize }}|{{ ''|capitalize }}") == "Fi abc σ|ǅ x|");
  CHECK(failure("{{ 'a'.upper(1) }}") == "more arguments than are supported");
  std::string doubled = "{% set x = 'ΐ' %}";
  for (int i = 0; i < 18; ++i) doubled += "{% set x = x + x %}";
  CHECK(failure(doubled + "{{ x }}") == "nothing thrown");
  CHECK(failure(doubled + "{{ x|upper }}") == "a text is too long");
}

TEST_CASE("escapes are Python's") {
  CHECK(made(R"({{ '\x41\u00e9\U0001F600\101\d\é\8\'\"' }}|{{ 'a\)" "\n" R"(b' }}|{{ '\a\b\f\v\r\t\\'|length }})") ==
        "Aé😀A\\d\\xe9\\8'\"|ab|7");
  CHECK(failure(R"({{ '\x4' }})") == "an escape has too few digits");
  CHECK(failure(R"({{ '\u00:0' }})") == "an escape has too few digits");
  CHECK(failure(R"({{ '\ud83d' }})") == "an escape that is no character");
  CHECK(failure(R"({{ '\U00110000' }})") == "an escape that is no character");
  CHECK(failure(R"({{ '\N{DIGIT ONE}' }})") == "the escape \\N is not supported");
}

TEST_CASE("values of other kinds are not taken for texts or numbers") {
  CHECK(made("{{ ''|default('d', true) }}{{ u|default('d') }}{{ u|default }}{{ ''|d('e', boolean=false) }}") == "dd");
  CHECK(made("{{ {}.get('a', 'b') }}{{ 'n' if {}.get('a') is none else 'y' }}") == "bn");
  CHECK(made("{{ 'y' if u is sequence and {} is iterable and 5 is not iterable else 'n' }}") == "y");
  CHECK(failure("{{ 'y' if 'a' < 'b' else 'n' }}") == "something that is no number is taken for one");
  CHECK(failure("{{ '%s' % 3 }}") == "something that is no number is taken for one");
  CHECK(failure("{{ 1.5 }}").find("expected a name") == 0);
  CHECK(failure("{{ 'a'|trim.foo }}").find("behind an expression") != std::string::npos);
  CHECK(failure("{% for x in [1] if x != 1 %}{{ x }}{% endfor %}").find("behind an expression") != std::string::npos);
  CHECK(failure("{% set a\u00a0b = 1 %}") == "a set of several names is not supported");
  CHECK(failure("\xff") == "the template is not UTF-8");
}
