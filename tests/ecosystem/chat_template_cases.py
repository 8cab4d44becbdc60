"""Writes tests/text/chat_template_cases.jsonl: templates, and what transformers makes of them.

Each line has a template and its text, or the words of its error. tests/text/test_jinja_table.cc reads them.
usage: chat_template_cases.py FILE
"""
import copy
import json
import sys

import jinja2
from transformers.utils import chat_template_utils

VARIABLES = {
    "messages": [{"role": "system", "content": " Be é. "}, {"role": "user", "content": "Hi <b>\n\nyou"},
                 {"role": "assistant", "content": None, "tool_calls": [{"name": "f", "arguments": {"x": 1.5, "b": [1, "a"]}}]}],
    "s": "Hello World foo-bar", "t": "  pad\t x ", "u": "ÄÖ straße", "n": 7, "m": -3, "f": 2.5, "nil": None,
    "l": [3, 1, 2, 1], "w": ["b", "A", "c", "a"], "d": {"k": "v", "b": 2, "A": [1, 2], "items": "it"},
    "users": [{"name": "Bo", "age": 3, "x": {"y": 1}}, {"name": "al", "age": 5}, {"name": "Al", "age": 3}],
}

VALUES = ["s", "u", "n", "f", "nil", "l", "d", "users", "missing"]

FILTERS = """abs;attr('k');batch(3)|list;batch(3, '-')|list;capitalize;center(24);count;default('x');default('x', true);dictsort;
dictsort(true);dictsort(by='value');dictsort(reverse=true);e;escape;first;float;float(1.5);forceescape;groupby('age');
groupby('name')|list;indent;indent(2, true);indent('>', first=true, blank=true);int;int(9);items|list;join;join(', ');
join('-', attribute='name');last;length;list;lower;map('upper')|list;map(attribute='name')|list;map(attribute='x.y', default=0)|list;
map('string')|list;max;min;max(attribute='age');reject('odd')|list;rejectattr('x')|list;replace('l', 'LL');replace('o', '0', 1);
replace('', '-');reverse|list;round;round(1);round(2, 'floor');round(0, 'ceil');safe;select|list;select('string')|list;
select('gt', 1)|list;selectattr('x')|list;selectattr('age', '>', 3)|list;selectattr('x', 'defined')|list;slice(2)|list;
slice(3, '-')|list;sort;sort(reverse=true);sort(attribute='age,name');sort(case_sensitive=true);string;sum;sum(attribute='age');
sum(start=10);title;tojson;tojson(indent=2);tojson(ensure_ascii=true);tojson(sort_keys=true);tojson(separators=(',', ':'));trim;
trim('H ');truncate(9);truncate(9, true);truncate(9, end='~', leeway=0);unique|list;unique(attribute='age')|list;upper;urlencode;
wordcount"""

TESTS = """boolean;callable;defined;divisibleby(2);divisibleby 2;eq 7;equalto('x');escaped;even;false;filter;float;ge 2;gt(2);
in [7, none];in 'Hello World foo-bar!';integer;iterable;le 2;lower;lt 2;mapping;ne 7;none;not none;number;odd;sameas none;sameas true;
sequence;string;test;true;undefined;upper"""

METHODS = """upper();lower();title();capitalize();strip();strip('H ');lstrip();rstrip('r');split();split(' ');split('l', 1);rsplit(' ', 1);
split(maxsplit=1);splitlines();startswith('H');endswith(('d', 'r'));replace('l', 'L', 1);join(w);find('o');rfind('o');index('o');
count('l');count('l', 3);center(23, '*');ljust(21, '.');rjust(21);zfill(21);partition(' ');rpartition(' ');removeprefix('He');
removesuffix('bar');expandtabs(4);isalpha();isascii();isspace();swapcase();format(1);get('k');get('q', 'w');items();keys();values();
copy();count(1);index(1);append(1);pop();update({});sort();k;items;b;foo;foo.bar;__class__"""

SUBSCRIPTS = "[0];[-1];[9];['k'];['items'];[1:];[:-1];[::-1];[::2];[-2:];[3:1:-1];[none:2];['x':];[:2.0];.0;[::0]".split(";")

OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
OPERANDS = ["7", "-3", "2.5", "'ab'", "[1]", "none", "missing"]

EXPRESSIONS = r"""
1 if false
1 if false else 2 if false else 3
(1 if false).x
not not 3
1 < 2 < 3, 1 < 3 < 2, 1 == 1.0 == true
-7 // 2, -7 % 3, 7 % -3, -7.5 // 2, 7.5 % -2, 2 ** 10, 2 ** -1, -2 ** 2
1 / 3, 1e16, 1e15, 1e-5, 0.0001, 123456789.125, -0.0, 5e-324, 1.7976931348623157e308
'a' 'b' "c"
'a\x41\u00e9\n\\\q\101' ~ "\""
0x1F + 0b11 + 0o17 + 1_000
[1, 'a', none, 2.5, true, "it's", 'q"', 'both\'"', '\n\t\x00\x7f\u200b'], (), (1,), {'a': {'b': ()}}, {1: 2, none: 3}
{'a': 1, 'b': 2, 'a': 3}
[1, 2] == [1, 2.0], (1,) == [1], {'a': 1} == {'a': true}, 'a' == none, missing == nope
[1, [2]] < [1, [3]], 'a' < 'b', 'Z' < 'a', [1] < [1, 0]
1 < 'a'
[1] < (2,)
range(5), range(2, 8, 3), range(0)|list, range(5)[-1], range(9)|length, 3 in range(9), range(3) == range(0, 3)
range(1, 2, 0)
range('a')
dict(a=1, b=2), dict([(1, 2)]), dict({'a': 1}, b=2)
namespace(a=1), namespace({'a': 1}).a, namespace().b is defined
d.items(), d.keys(), d.values(), 'k' in d, 'k' in d.keys(), ('k', 'v') in d.items(), d.items()|list
d.items()[0]
d.items()|length
messages[0].content|trim|upper, messages[0]['role'], messages[2].tool_calls[0].arguments|tojson, messages[2].content is none
messages[9].role
messages.role
missing.a
missing['a']
missing()
nil.a
nil['a'].b
'%s and %r' % ('a', 'b'), '%d %05d %+d %x' % (1, 2, 3, 255), '%.2f|%8.3f|%-6d|%e' % (1.005, 2.5, 3, 12345.678), '%(k)s' % d, '%%' % ()
'%s' % l, '%s %s' % 1
'%d' % 'a'
'{} {}'.format(1, 'b'), '{1}{0}'.format(1, 2), '{a!r:>6}'.format(a='x'), '{:05.1f}|{:,}|{:<4}|{:^5}|'.format(1.25, 1234567, 'ab', 'c'), '{{}}'.format()
'{}'.format()
s|safe ~ '<', ('<'|e) + '<', '<' + ('&'|e), ('<'|e)|length, '<'|e|upper, [('<'|e)], 'a'|e is escaped
cycler('a', 'b').next(), cycler('a').current
joiner()() ~ '|'
raise_exception('x ' ~ 1)
strftime_now('%d %b %Y, %A %B %e %j %U %W %V %G %u %w %y %p %I:%M, %x %X %c, %-d %D %F %R %%')
raise_exception is defined and strftime_now is defined and lipsum is defined and self is defined
loop is defined, caller is defined, varargs is defined
[3, 1, 2]|sort|first, [none, 1]|select|list, ['a', 'B']|sort, ['b', 'A']|sort(case_sensitive=true), [1, 'a']|max
users|map(attribute='name')|sort|join(','), users|selectattr('age', 'equalto', 3)|map(attribute='name')|list
users|groupby('age')|map('first')|list, (users|groupby('age'))[0].grouper, (users|groupby('age'))[0].list|length
l|map('foo')|list
l|map|list
l|select('foo')|list
[1, 2, 3]|sum, [[1], [2]]|sum(start=[]), []|sum, ['a']|sum
'3.7'|int, 'x'|int, ' 12 '|int, '1e3'|float, none|int, 3.99|int, true|int, 'abc'|float(2.5)
2.5|round, 3.5|round, 2.675|round(2), 7|round, 1.25|round(1), -0.5|round
'a b'|urlencode, 'ä/b?c'|urlencode, {'a b': 'c/d'}|urlencode
'they\'re fine (ok) x-y'|title, 'they\'re fine'.title(), 'ǆ ß'|capitalize, 'İ'|lower, 'ΑΣ'|lower
'a,b'|replace(',', ';')|list, 'abc'|reverse, 'abc'|first, 'abc'|last, ''|first is defined
'a\nb\n\nc'|indent, 'a\r\nb\u2028c\n'|indent(1), ''|indent(2, true)
l.append(4)
d.update({'a': 1})
s.foo(1)
s.__class__
d.__class__.__mro__
s.split('')
[1, 2][1], [1, 2].1, {'a': 1}.a, {'a': 1}['a'], {1: 2}[1], {1: 2}[1.0], {1: 2}[true]
{[1]: 2}
{'a': 1}[[1]] is defined
(1, 2)[0], (1, 2) + (3,), [1] * 2, 'ab' * 2, 2 * 'ab', 'ab' * -1
9223372036854775807 - 1, -9223372036854775807 - 1
"""

TEMPLATES = r"""
a {% if true %} b {% endif %} c
a\n  {% if true %}\n b\n  {% endif %}\nc\n
a\n  {%- if true -%}\n b\n  {%- endif %}\nc\n\n
a\n  {%+ if true +%}\n b{% endif %}\n
 {{- s -}} \n x{{+ s }}
{# c #}\na{#- c -#} \n b {# {{ x }} #}c\n {# d #} \ne
{% raw %}{{ x }}{% if %}{% endraw %}|{%- raw -%} a {%- endraw -%} b
  {% raw %}\n a\n  {% endraw %}\nb
a\r\nb\rc\n\n
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {{ loop.cycle('a', 'b') }}{{ loop.changed(x) }}{% endfor %}
{% for x in l|select('odd') %}{{ x }}{{ loop.last }}{{ loop.length }}{% endfor %}
{% for x in l if x > 1 %}{{ x }}{{ loop.index }}/{{ loop.length }} {% else %}none{% endfor %}
{% for x in [] %}a{% else %}none{{ x }}{% endfor %}|{% for x in missing %}a{% else %}b{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for c in 'ab' %}{{ c }}.{% endfor %}
{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{% endfor %}
{% for a, b in [1] %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in nil %}{% endfor %}
{% for x in l %}{% if x == 2 %}{% break %}{% endif %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% else %}e{% endfor %}
{% for x in [[1, [2]], [3]] recursive %}{{ loop.depth }}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}
{% for x in l %}{{ loop(l) }}{% endfor %}
{% set x = 1 %}{% for i in l %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}
{% for i in l %}{{ s }}{% endfor %}{% set s = 1 %}{{ s }}
{% for i in l %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}
{% if false %}{% set s = 1 %}{% endif %}{{ s }}{% if true %}{% set q = 1 %}{% endif %}{{ q }}
{% set ns = namespace(c=0) %}{% for x in l %}{% set ns.c = ns.c + x %}{% endfor %}{{ ns.c }}{{ ns }}{{ ns.q }}
{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}
{% set d.x = 1 %}
{% set q.x = 1 %}
{% set a, b = 'xy' %}{{ b }}{{ a }}{% set (c, e) = [1, 2] %}{{ c }}{{ e }}
{% set a, b = 1, 2, 3 %}
{% set a, b = 5 %}
{% set x %} a {{ s }} {% endset %}[{{ x }}]{% set y | trim | upper %} b {% endset %}[{{ y }}]
{% set true = 1 %}
{% filter upper|replace('A', 'B') %}a{{ s }}{% endfilter %}
{% filter length %}a{% endfilter %}
{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}{% with %}{% set z = 1 %}{% endwith %}{{ z }}
{% macro f(a, b=2, c=a) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ f(1) }}{{ f(1, c=5) }}{{ f(b=3, a=4) }}{{ f() }}{{ f }}
{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}
{% macro f(a) %}{% endmacro %}{{ f(q=2) }}
{% macro f(a) %}{{ a.b }}{% endmacro %}{{ f() }}
{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}
{% macro f(x) %}<{{ caller() }}{{ caller(1) }}{{ x }}>{% endmacro %}{% call(y=0) f(2) %}in{{ y }}{{ x }}{% endcall %}
{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}
{% macro f() %}{% endmacro %}{% call f() %}{% endcall %}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}
{% macro f() %}{{ later }}{% endmacro %}{% set later = 1 %}{{ f() }}
{% macro f() %}{% set s = 1 %}{{ s }}{% endmacro %}{{ f() }}{{ s }}
{{ f() }}{% macro f() %}a{% endmacro %}
{% macro f(*a) %}{% endmacro %}
{% set f = s.upper %}{{ f() }}{{ f is callable }}
{{ l.append(1) }}
{% set g = l|map('string') %}{{ g|join }}|{{ g|join }}|{{ g|list }}
{% set g = d|items %}{{ g.type is defined }}{{ g|first }}{{ g|list|length }}
{% generation %}{% set q = 1 %}a{{ q }}{% endgeneration %}{{ q }}
{% if x is defined and x.y %}a{% elif messages and messages[0].role == 'system' %}b{% else %}c{% endif %}
{% print s, n %}
{{ 'a' | foo }}
{% if false %}{{ 'a' | foo }}{{ 'a' is foo }}{% endif %}b
{% if true %}{{ 'a' | foo }}{% endif %}
{{ 'a' is foo }}
{% if false %}{% for x in l %}{{ x | foo }}{% endfor %}{% endif %}
{% foo %}
{% endif %}
{% if true %}
{% for x in l %}{% endif %}
{% if %}{% endif %}
{{ }}
{{ 'a }}
{{ a b }}
{{ (1 }}
{{ 1) }}
{{ [1, }}
{{ 1 + }}
{{ a.'b' }}
{{ ? }}
{# a
{% raw %} a
{% set 1 = 2 %}
{% for 1 in l %}{% endfor %}
{% set loop = 1 %}{{ loop }}
{% for x in l %}{% set loop = 1 %}{% endfor %}
{% break %}
{% for x in l %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}
{{ x is string is string }}
{{ f(a=1, a=2) }}
{{ f(a=1, 2) }}
{{ '\x4' }}
{{ not }}{{ if }}
{% if false %}{{ {[1]: 2} }}{% endif %}
"""


def templates():
    for name in FILTERS.replace("\n", "").split(";"):
        yield from ("{{ %s|%s }}" % (value, name) for value in VALUES)
    for name in TESTS.replace("\n", "").split(";"):
        yield "{% for x in [" + ", ".join(VALUES) + "] %}{{ x is " + name + " }} {% endfor %}"
        yield "{{ n is " + name + " }}{{ 'x' is " + name + " }}"
    for name in METHODS.replace("\n", "").split(";"):
        yield from ("{{ %s.%s }}" % (value, name) for value in ("s", "t", "l", "d", "missing"))
    for name in SUBSCRIPTS:
        yield from ("{{ %s%s }}" % (value, name) for value in ("s", "u", "l", "d", "n", "missing"))
    for sign in OPERATORS:
        for left in OPERANDS:
            # Names, for jinja2 folds what is constant.
            yield from ("{%% set a = %s %%}{%% set b = %s %%}{{ a %s b }}" % (left, right, sign) for right in OPERANDS)
    yield from ("{{ " + line + " }}" for line in EXPRESSIONS.split("\n") if line)
    for line in TEMPLATES.split("\n"):
        if line:
            yield line.replace("\\n", "\n").replace("\\r", "\r") if "{{ '" not in line else line


class Day(chat_template_utils.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 30)


def rendered(template):
    row = {"template": template}
    try:
        row["text"] = chat_template_utils._compile_jinja_template(template).render(**copy.deepcopy(VARIABLES))  # |indent changes a list
    except Exception as e:
        own = isinstance(e, jinja2.TemplateError) and not isinstance(e, jinja2.TemplateSyntaxError)
        row["error"] = str(e) if own else ""  # words of Python differ from release to release
    return row


def main():
    chat_template_utils.datetime = Day
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write(json.dumps(VARIABLES, ensure_ascii=False) + "\n")
        for template in templates():
            row = rendered(template)
            if " at 0x" not in row.get("text", ""):  # an address
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


main()
