// The page of peek --html: records, sorted and filtered; only those in sight are in the document.

const page = data();
const RIGHT = '\u203a', LEFT = '\u2039', RETURN = '\u21b5', JOINED = '\u00b7', MORE = '\u2026';
const FOLD = 4000;      // characters of a text shown at once
const FOLD_TOKENS = 1500;
const MOST = 20000;     // items in a list: browsers bound the height of a page
const GAP = 16;         // pixels between items

const places = page.shapes.map((keys) => new Map(keys.map((key, i) => [key, i])));
const colours = new Map(page.colours.map((colour) => [colour.by, colour]));
const WORDS = {logprobs: 'log-prob', advantages: 'advantage', values: 'value', kl: 'KL', ratio: 'ratio', mask: 'mask',
  loss_mask: 'mask', ref_logprobs: 'log-prob of the reference', length: 'length'};
const word = (key) => (Object.hasOwn(WORDS, key) ? WORDS[key] : key);
const short = (x) => String(Number(x.toPrecision(4)));
const counted = (n, one) => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;

// ---- records

// The JSON text of a field; null where it stands elsewhere in the page, undefined where there is none.
const raw = (record, key) => {
  const place = places[record.shape].get(key);
  return place === undefined ? undefined : record.raw[place];
};
const value = (record, key) => {
  const text = raw(record, key);
  return text === undefined || text === null ? undefined : JSON.parse(text);
};
const promptOf = (record) => (record.prompt === undefined ? {} : page.prompts[record.prompt]);
const idOf = (record) => {
  const id = value(record, 'id');
  return typeof id === 'string' || typeof id === 'number' ? String(id) : `record ${record.record}`;
};

const figures = [...page.figures, 'kl', 'length'];
page.records.forEach((record, place) => {
  record.place = place;
  record.id = idOf(record);
  record.finish = value(record, 'finish');
  record.figures = Object.create(null);  // a field may have any name
  for (const name of page.figures) {
    const number = Number(raw(record, name) ?? NaN);
    if (Number.isFinite(number)) record.figures[name] = number;
  }
  if (record.tokens?.kl !== undefined) record.figures.kl = record.tokens.kl;
  if (record.length !== undefined) record.figures.length = record.length;
});
const known = figures.filter((name) => page.records.some((record) => name in record.figures));
const finishes = [...new Set(page.records.map((record) => record.finish))].filter((f) => typeof f === 'string').sort();

// Prompts and answers as texts: a string, or the contents of messages.
const contents = (any) => {
  if (typeof any === 'string') return any;
  if (any === undefined || any === null) return '';
  if (Array.isArray(any)) return any.map((part) => contents(part?.content ?? part?.text ?? part)).join('\n');
  return JSON.stringify(any);
};
const searched = (record) => {
  if (record.searched === undefined) {
    const prompt = promptOf(record);
    record.searched = [prompt.prompt, prompt.messages, ...['response', 'chosen', 'rejected', 'completion'].map((key) =>
      value(record, key)), record.id].map(contents).join('\n').toLowerCase();
  }
  return record.searched;
};

// ---- prompts that several policies answered

const policies = page.compared?.policies ?? [];
const sides = new Map(policies.map((policy, i) => [policy.policy, i]));
const groups = [];
if (policies.length > 0) {
  const found = new Map();
  for (const record of page.records) {
    const side = sides.get(value(record, 'policy'));
    if (side === undefined || record.group === '') continue;
    if (!found.has(record.group)) {
      const group = {group: record.group, place: found.size, sides: policies.map(() => []), cursor: policies.map(() => 0)};
      found.set(record.group, group);
    }
    found.get(record.group).sides[side].push(record);
  }
  const mean = (answers, name) => {
    const numbers = answers.map((record) => record.figures[name]).filter((x) => x !== undefined);
    return numbers.length === 0 ? NaN : numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  };
  for (const group of found.values()) {
    if (group.sides.some((answers) => answers.length === 0)) continue;
    group.differences = Object.create(null);
    for (const name of known) {
      const difference = mean(group.sides.at(-1), name) - mean(group.sides[0], name);
      if (Number.isFinite(difference)) group.differences[name] = difference;
    }
    groups.push(group);
  }
}

// ---- tokens

const split = (packed) => (packed === '' ? [] : packed.split(' '));

const bytesOf = (piece) => piece[0].match(/../g).map((pair) => parseInt(pair, 16));

// The text of each token. A character that several tokens make up is shown by the last of them; bytes that make up none as
// U+FFFD.
const textsOf = (ids) => {
  if (page.pieces === null) return ids;
  const decoder = new TextDecoder('utf-8', {ignoreBOM: true}), texts = [];
  const flush = () => {
    const rest = decoder.decode();
    if (rest !== '') texts.push((texts.pop() + rest).replace(JOINED + '\ufffd', '\ufffd'));
  };
  for (const id of ids) {
    const piece = page.pieces[id];
    if (Array.isArray(piece)) {
      texts.push(decoder.decode(new Uint8Array(bytesOf(piece)), {stream: true}) || JOINED);
    } else {
      flush();
      texts.push(piece || '\u2205');
    }
  }
  flush();
  return texts;
};

// The tokens of a record: ids, texts, and for each column its packed numbers.
const tokensOf = (record) => {
  const ids = split(record.tokens.ids);
  const lists = Object.entries(record.tokens.lists).map(([column, packed]) => [page.columns[column], split(packed)]);
  return {ids, texts: textsOf(ids), lists: new Map(lists)};
};
const numberOf = (tokens, column, i) => {
  const list = tokens.lists.get(column);
  const text = list?.[i - (tokens.ids.length - list.length)];  // the first token may have none
  return text === undefined ? undefined : String(Number(text));
};

let by = colours.has(page.by) ? page.by : page.colours[0]?.by;

const shade = (text) => {
  const colour = colours.get(by);
  if (text === undefined || colour === undefined) return '';
  const level = Math.max(-1, Math.min(1, (Number(text) - colour.neutral) / colour.scale));
  return level === 0 ? '' : `rgb(var(--${level < 0 ? 'below' : 'above'}) / ${(Math.abs(level) * 0.62).toFixed(2)})`;
};

const paint = (block) => {
  const {tokens} = block;
  const column = colours.has(by) ? page.columns[colours.get(by).column] : undefined;
  for (const span of block.querySelectorAll('.t')) span.style.backgroundColor = shade(numberOf(tokens, column, span.i));
};

const tokenBlock = (record) => {
  const tokens = tokensOf(record);
  const block = el('div', {class: `tokens${page.pieces === null ? ' ids' : ''}`, tabindex: 0, role: 'group',
    'aria-label': 'answer; arrow keys show the numbers of its tokens'});
  block.tokens = tokens;
  let end = 0;
  const part = () => {  // a paragraph of its own: browsers take minutes for one of 100,000 tokens
    const spans = [];
    for (const until = Math.min(tokens.ids.length, end + FOLD_TOKENS); end < until; ++end) {
      const text = shown(tokens.texts[end]).replaceAll('\n', RETURN + '\n');
      const span = el('span', {class: numberOf(tokens, 'loss_mask', end) === '0' ? 't out' : 't'}, text);
      span.i = end;
      spans.push(span);
    }
    block.append(el('div', {class: 'text', dir: 'auto'}, ...spans));
  };
  const more = () => {
    block.querySelector('button')?.remove();
    const wanted = Math.min(tokens.ids.length, end + Math.max(FOLD_TOKENS, Math.min(end * 3, 10 * FOLD_TOKENS)));
    while (end < wanted) part();
    if (end < tokens.ids.length)
      block.append(el('button', {class: 'more', onclick: more}, counted(tokens.ids.length - end, 'more token')));
    paint(block);
  };
  more();
  return block;
};

// ---- the panel: the numbers of a token

const panel = el('aside', {id: 'panel', hidden: true, 'aria-live': 'polite'});
let at = null, pinned = false;  // the token shown

const hidePanel = () => {
  at?.classList.remove('at');
  panel.hidden = true;
  at = null;
  pinned = false;
};
const showPanel = (span) => {
  at?.classList.remove('at');
  at = span;
  span.classList.add('at');
  const {tokens} = span.closest('.tokens');
  const column = colours.has(by) ? page.columns[colours.get(by).column] : undefined;
  const rows = [...tokens.lists.keys()].filter((key) => numberOf(tokens, key, span.i) !== undefined).map((key) =>
    el('tr', {class: key === column ? 'by' : null}, el('td', {}, key),
      el('td', {'data-column': key}, numberOf(tokens, key, span.i))));
  const piece = page.pieces?.[tokens.ids[span.i]];
  panel.replaceChildren(
    piece === undefined ? '' : el('div', {class: 'text piece', dir: 'auto'}, Array.isArray(piece) ?
      bytesOf(piece).map((b) => '\\x' + b.toString(16).padStart(2, '0')).join('') : JSON.stringify(piece)),
    el('div', {class: 'muted'}, `token ${span.i + 1} of ${tokens.ids.length}, id ${tokens.ids[span.i]}`),
    el('table', {}, ...rows));
  panel.hidden = false;
  const box = span.getBoundingClientRect(), own = panel.getBoundingClientRect();
  const room = document.documentElement.clientWidth;
  panel.style.left = `${Math.max(8, Math.min(box.left, room - own.width - 8))}px`;
  panel.style.top = `${box.bottom + 8 + own.height < window.innerHeight ? box.bottom + 8 : Math.max(8, box.top - own.height - 8)}px`;
};
const moveToken = (block, step) => {
  const spans = block.querySelectorAll('.t');
  const from = at !== null && at.closest('.tokens') === block ? [...spans].indexOf(at) : step > 0 ? -1 : spans.length;
  const next = spans[Math.max(0, Math.min(spans.length - 1, from + step))];
  if (next === undefined) return;
  showPanel(next);
  pinned = true;
};

// ---- texts

// Long ones in parts, each a paragraph of its own, for the reason of tokenBlock; no part ends within a character.
const textBlock = (text, fold = FOLD) => {
  const block = el('div', {});
  let end = 0;
  const part = (size) => {
    const until = end + size;
    const from = end;
    end = until < text.length && /[\ud800-\udbff]/.test(text[until - 1]) ? until + 1 : Math.min(until, text.length);
    block.append(el('div', {class: 'text', dir: 'auto'}, text.slice(from, end)));
  };
  const more = () => {
    block.querySelector('button')?.remove();
    for (let i = 0; i < 10 && end < text.length; ++i) part(FOLD);
    rest();
  };
  const rest = () => {
    if (end < text.length)
      block.append(el('button', {class: 'more', onclick: more}, counted(text.length - end, 'more character')));
  };
  part(fold);
  rest();
  return block;
};
const turns = (messages, fold) => messages.map((message) => el('div', {class: 'turn'},
  el('span', {class: 'role'}, contents(message?.role)),
  textBlock(typeof message?.content === 'string' ? message.content : JSON.stringify(message?.content ?? message), fold)));
const anyBlock = (any, fold) => {
  if (typeof any === 'string') return [textBlock(any, fold)];
  return Array.isArray(any) && any.some((m) => m?.role !== undefined) ? turns(any, fold) : [textBlock(JSON.stringify(any), fold)];
};
const promptBlock = (record) => {
  const {prompt, messages, prompt_ids} = promptOf(record);
  const any = prompt ?? messages ?? prompt_ids;
  return any === undefined ? null : el('div', {class: 'prompt'}, el('span', {class: 'label'}, 'prompt'), ...anyBlock(any, 1500));
};
const labelled = (name, ...blocks) => el('div', {class: 'answer'}, el('span', {class: 'label'}, name), ...blocks);
const answerBlocks = (record) => {
  if (record.tokens?.ids !== undefined) {
    const text = page.pieces === null ? value(record, 'response') : undefined;
    return [text === undefined ? null : labelled('response', ...anyBlock(text)),
      labelled(page.pieces === null ? 'tokens' : 'response', tokenBlock(record))];
  }
  const answers = ['response', 'chosen', 'rejected', 'completion'].filter((key) => value(record, key) !== undefined);
  const blocks = answers.map((key) => labelled(key, ...anyBlock(value(record, key))));
  return blocks.length === 2 ? [el('div', {class: 'columns'}, ...blocks)] : blocks;
};

// The record as JSON, field by field. What the page holds elsewhere is put in again.
const fieldText = (record, key, place) => {
  const text = record.raw[place];
  if (text !== null) return text;
  const prompt = promptOf(record);
  if (Object.hasOwn(prompt, key)) return JSON.stringify(prompt[key]);
  const packed = key === 'response_ids' ? record.tokens?.ids : record.tokens?.lists[page.columns.indexOf(key)];
  return packed === undefined ? 'null' : `[${split(packed).map(Number).join(',')}]`;
};
const rawBlock = (record, open) => {
  const block = el('details', {class: 'raw', open}, el('summary', {}, 'record'));
  const fill = () => {
    if (block.childElementCount > 1 || !block.open) return;
    const lines = page.shapes[record.shape].map((key, place) => `${JSON.stringify(key)}: ${fieldText(record, key, place)}`);
    if (record.tokens?.ids !== undefined) block.append(el('p', {class: 'muted'}, 'Numbers of tokens have four digits.'));
    block.append(el('div', {class: 'mono'}, textBlock(`{${lines.join(',\n ')}}`)));
  };
  block.addEventListener('toggle', fill);
  fill();
  return block;
};

const chips = (record) => el('span', {class: 'chips'}, ...known.filter((name) => name in record.figures).map((name) => {
  const unit = name !== 'length' ? '' : record.tokens?.ids !== undefined ? 'tokens' : 'characters';
  return name === 'length' ? el('span', {'data-figure': name}, counted(record.figures[name], unit.slice(0, -1)))
    : el('span', {'data-figure': name}, `${word(name)} `, el('b', {}, short(record.figures[name])));
}), record.finish === 'length' ? el('span', {class: 'cut'}, 'cut') : null);

const linkOf = (id) => encodeURIComponent(id.replace(/[\ud800-\udfff]/gu, '\ufffd'));
const nameOf = (record) => (page.files.length > 1 ? `${record.id}@${record.file + 1}` : record.id);

const recordBlocks = (record) => {
  const answers = answerBlocks(record);
  return [record.problem === undefined ? null : el('p', {class: 'warning'}, record.problem), ...answers,
    rawBlock(record, answers.length === 0 && record.prompt === undefined)];
};
const headed = (text) => (text.length > 200 ? text.slice(0, 200) + MORE : text);
const card = (record) => el('article', {class: 'card', 'data-id': record.id},
  el('header', {}, el('a', {class: 'id', href: '#' + linkOf(nameOf(record)), dir: 'auto'}, headed(record.id)),
    page.files.length > 1 ? el('span', {class: 'muted file'}, page.files[record.file]) : null, chips(record)),
  promptBlock(record), ...recordBlocks(record));

const groupCard = (group) => {
  const cells = policies.map((policy, side) => {
    const cell = el('section', {class: 'side'});
    const draw = () => {
      const answers = group.sides[side], record = answers[group.cursor[side]];
      const turn = (step) => () => {
        group.cursor[side] = (group.cursor[side] + step + answers.length) % answers.length;
        draw();
      };
      cell.replaceChildren(el('h3', {class: `series-${side % 6 + 1}`}, policy.name),
        el('div', {class: 'under'}, answers.length === 1 ? null : el('span', {class: 'muted cursor'},
          el('button', {'aria-label': 'previous answer', onclick: turn(-1)}, LEFT),
          ` ${group.cursor[side] + 1} of ${answers.length} `,
          el('button', {'aria-label': 'next answer', onclick: turn(1)}, RIGHT)), chips(record)),
        el('div', {}, ...recordBlocks(record)));
    };
    draw();
    return cell;
  });
  const differences = Object.entries(group.differences).map(([name, x]) =>
    el('span', {'data-difference': name}, `${word(name)} `, el('b', {}, (x > 0 ? '+' : '') + short(x))));
  return el('article', {class: 'card', 'data-id': group.group},
    el('header', {}, el('a', {class: 'id', href: '#' + linkOf(group.group), dir: 'auto'}, headed(group.group)),
      el('span', {class: 'chips'}, 'mean difference', ...differences)),
    promptBlock(group.sides[0][0]), el('div', {class: 'columns'}, ...cells));
};
