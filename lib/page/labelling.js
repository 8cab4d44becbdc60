// Pairs judged one by one (lib/label/label_page.h). Decisions are kept in the browser under the digest of the page's
// questions, where it lets a page keep anything, and saved as JSON Lines for label --merge.

const kDecisions = ['left', 'right', 'tie', 'skip'];

const {questions, digest} = data();
const key = 'nudge-labels-' + digest;
const state = {name: '', decisions: new Map(), notes: new Map(), unsaved: 0};
let at = 0, keeps = true, last = '';

// ---- what is kept

function load() {
  try {
    const kept = JSON.parse(localStorage.getItem(key) || 'null');
    if (kept === null) return;
    state.name = kept.name;
    state.unsaved = kept.unsaved;
    state.decisions = new Map(kept.decisions);
    state.notes = new Map(kept.notes);
  } catch {
    keeps = false;
  }
}
function keep() {
  try {
    localStorage.setItem(key, JSON.stringify({...state, decisions: [...state.decisions], notes: [...state.notes]}));
    keeps = true;
  } catch {
    keeps = false;
  }
}

// ---- what is saved: a line a decision, its values in the very text that the records have

function line(q) {
  const decision = state.decisions.get(q.id), note = state.notes.get(q.id);
  const fields = decision === 'left' || decision === 'right'
    ? [['schema', '"preference/1"'], ['id', JSON.stringify(q.id)], ['prompt', q.prompt],
      ['chosen', decision === 'left' ? q.left : q.right], ['rejected', decision === 'left' ? q.right : q.left]]
    : [['schema', '"label-note/1"'], ['id', JSON.stringify(q.id)], ['decision', JSON.stringify(decision)]];
  fields.push(['labeler', JSON.stringify(state.name)], ['note', note ? JSON.stringify(note) : undefined],
    ['pair', JSON.stringify(q.pair)]);
  return '{' + fields.filter(([, json]) => json !== undefined).map(([name, json]) => `"${name}":${json}`).join() + '}\n';
}
function save() {
  const lines = questions.filter((q) => state.decisions.has(q.id)).map(line);
  const url = URL.createObjectURL(new Blob(lines, {type: 'application/jsonl'}));
  const name = state.name.replace(/[^\p{L}\p{N}._-]+/gu, '-') || 'labels';
  el('a', {href: url, download: `labels-${name}.jsonl`}).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  state.unsaved = 0;
  keep();
  show();
}

// ---- a saved file read back, on another machine or after the browser forgot

function decisionOf(record, q) {
  if (record.schema === 'label-note/1') return record.decision;
  const chosen = JSON.stringify(record.chosen);
  return chosen === JSON.stringify(JSON.parse(q.left)) ? 'left' : chosen === JSON.stringify(JSON.parse(q.right)) ? 'right' : '';
}
function readBack(text) {
  const byId = new Map(questions.map((q) => [q.id, q]));
  const records = text.split('\n').filter((l) => l.trim() !== '').map((l) => JSON.parse(l));
  const judges = new Set(records.map((r) => r.labeler));
  if (judges.size !== 1 || typeof records[0].labeler !== 'string') return 'Nothing was read: the file has not one judge.';
  if (state.decisions.size > 0 && !judges.has(state.name))
    return `Nothing was read: these are decisions of ${records[0].labeler}, and the ones here are of ${state.name}.`;
  let taken = 0, here = 0, others = 0;
  for (const record of records) {
    const q = byId.get(record.id), decision = q && record.pair === q.pair ? decisionOf(record, q) : '';
    if (!kDecisions.includes(decision)) { others++; continue; }
    if (state.decisions.has(q.id)) { here++; continue; }
    state.decisions.set(q.id, decision);
    if (typeof record.note === 'string') state.notes.set(q.id, record.note);
    taken++;
  }
  if (taken > 0) state.name = records[0].labeler;
  keep();
  return `${taken} decisions were read` + (here ? `, ${here} pairs were decided here already` : '') +
    (others ? `, ${others} lines are about other pairs than this page's` : '') + '.';
}
async function readFile(input) {
  const file = input.files[0];
  input.value = '';
  if (!file) return;
  let words;
  try {
    words = readBack(await file.text());
  } catch {
    words = 'Nothing was read: the file does not hold saved decisions.';
  }
  at = firstUndecided(0);
  show();
  tell(words);
}

// ---- deciding

function firstUndecided(from) {
  while (from < questions.length && state.decisions.has(questions[from].id)) from++;
  return from;
}
function decide(decision) {
  if (at >= questions.length || state.name === '') return;
  state.decisions.set(questions[at].id, decision);
  state.unsaved++;
  last = decision;
  at = firstUndecided(at + 1);
  if (at === questions.length) at = firstUndecided(0);
  keep();
  show();
}
function undo() {
  if (at === 0) return;
  at--;
  state.decisions.delete(questions[at].id);
  state.unsaved++;
  last = '';
  keep();
  show();
}

// ---- what is seen

const isNarrow = () => matchMedia('(max-width: 43.99rem)').matches;
// "Left" where the answers stand side by side, "Upper" where they are stacked.
const side = (wide, narrow) => [el('span', {class: 'wide'}, wide), el('span', {class: 'narrow'}, narrow)];
const sideWord = (decision) =>
  ({left: isNarrow() ? 'upper' : 'left', right: isNarrow() ? 'lower' : 'right'})[decision] || decision;

function contentOf(message) {
  const {content} = message;
  if (typeof content === 'string') return content;
  if (Array.isArray(content))
    return content.map((part) => (typeof part.text === 'string' ? part.text : JSON.stringify(part))).join('');
  return content === undefined || content === null ? '' : JSON.stringify(content);
}
const text = (words) => (words === '' ? el('div', {class: 'muted'}, '(empty)') : el('div', {class: 'text', dir: 'auto'}, words));
function turn(message) {
  const more = Object.entries(message).filter(([name]) => name !== 'role' && name !== 'content')
    .map(([name, value]) => el('div', {class: 'text mono', dir: 'auto'}, `${name}: ${JSON.stringify(value)}`));
  const role = el('div', {class: 'role', dir: 'auto'}, String(message.role));
  return el('div', {class: 'turn'}, role, text(contentOf(message)), ...more);
}
const view = (value) => (Array.isArray(value) ? value.map(turn) : [text(String(value))]);

const parts = {
  count: el('span', {id: 'count', 'aria-live': 'polite'}),
  bar: el('progress', {id: 'progress', max: questions.length, value: 0, 'aria-label': 'decided'}),
  name: el('button', {id: 'name', title: 'change the name', onclick: () => askName()}),
  save: el('button', {id: 'save', title: 'download the decisions', onclick: save}),
  notice: el('p', {id: 'notice', class: 'warning', role: 'status'}),
  prompt: el('div', {class: 'pane', id: 'prompt', tabindex: '0', 'aria-label': 'prompt'}),
  left: el('div', {class: 'pane', id: 'left', tabindex: '0', 'aria-label': 'left answer'}),
  right: el('div', {class: 'pane', id: 'right', tabindex: '0', 'aria-label': 'right answer'}),
  done: el('div', {id: 'done'}),
  note: el('input', {id: 'note', type: 'text', placeholder: 'Note on this pair', 'aria-label': 'note', autocomplete: 'off',
    oninput: () => takeNote()}),
  undo: el('button', {id: 'undo', onclick: undo}, 'Undo ', el('kbd', {}, 'u')),
  file: el('input', {type: 'file', id: 'file', hidden: true, onchange: () => readFile(parts.file)}),
};
function button(decision, label, letter) {
  const look = decision === 'left' || decision === 'right' ? 'primary' : null;
  return el('button', {id: 'say-' + decision, class: look, onclick: () => decide(decision)}, label, ' ',
    el('kbd', {}, letter));
}
const main = document.getElementById('labelling');
main.append(
  el('header', {}, parts.count, parts.bar, el('div', {class: 'menu'}, parts.name, parts.save,
    el('button', {id: 'load', title: 'read saved decisions', onclick: () => parts.file.click()}, 'Load'),
    el('button', {id: 'help-button', title: 'keys', onclick: () => help.showModal()}, '?')), parts.file),
  parts.notice, parts.prompt,
  el('section', {id: 'answers'},
    el('article', {}, el('h2', {}, side('Left', 'Upper')), parts.left),
    el('article', {}, el('h2', {}, side('Right', 'Lower')), parts.right)),
  parts.done,
  el('footer', {},
    el('div', {class: 'choices'}, button('left', side('← Left is better', '↑ Upper'), 'l'), button('tie', 'Tie', 't'),
      button('right', side('Right is better →', '↓ Lower'), 'r')),
    el('div', {class: 'others'}, parts.note, button('skip', 'Skip', 's'), parts.undo)));

const keysTable = [['l, ←', 'the left (upper) answer is better'], ['r, →', 'the right (lower) answer is better'],
  ['t', 'a tie: equally good or bad'], ['s', 'skip: no judgement'], ['u, Backspace', 'undo the last decision'],
  ['n', 'write a note; Enter or Esc leaves it'], ['?', 'this help']];
const help = el('dialog', {id: 'help'}, el('h2', {}, 'Keys'),
  el('table', {}, keysTable.map(([keys, means]) => el('tr', {},
    el('td', {}, keys.split(', ').flatMap((k, i) => [i ? ' ' : '', el('kbd', {}, k)])), el('td', {}, means)))),
  el('p', {class: 'muted'}, 'Decisions stay in this browser. Save downloads them as a file to send back; Load reads such a ' +
    'file, to go on elsewhere. Nothing is sent by this page.'),
  el('button', {onclick: () => help.close()}, 'Close'));
const nameInput = el('input', {id: 'judge', type: 'text', required: true, autocomplete: 'off', maxlength: 100,
  placeholder: 'Your name', 'aria-label': 'your name'});
const start = el('dialog', {id: 'start', oncancel: (event) => { if (state.name === '') event.preventDefault(); }},
  el('h1', {}, 'Which answer is better?'),
  el('p', {}, `${questions.length} ${questions.length === 1 ? 'pair' : 'pairs'} of answers, one after the other: say which ` +
    'answer suits the prompt better, or that neither does. Your name is saved with your decisions.'),
  el('form', {onsubmit: takeName}, nameInput, el('button', {id: 'begin', class: 'primary', type: 'submit'}, 'Start')),
  el('p', {class: 'muted'}, 'Have you begun elsewhere? ',
    el('button', {type: 'button', onclick: () => parts.file.click()}, 'Load the saved file')));
main.append(help, start);

function askName() {
  nameInput.value = state.name;
  if (!start.open) start.showModal();
}
function takeName(event) {
  event.preventDefault();
  const name = nameInput.value.trim();
  if (name === '') return;
  if (name !== state.name && state.decisions.size > 0) state.unsaved++;
  state.name = name;
  keep();
  start.close();
  show();
}
function takeNote() {
  const id = at < questions.length ? questions[at].id : null, note = parts.note.value.trim();
  if (id === null) return;
  if (note === '') state.notes.delete(id);
  else state.notes.set(id, note);
  keep();
}
function tell(words) { parts.notice.textContent = shown(words); }

function showQuestion(q) {
  const prompt = q.messages || (q.prompt === undefined ? null : JSON.parse(q.prompt));
  parts.prompt.hidden = prompt === null;
  parts.prompt.replaceChildren(...(prompt === null ? [] : view(prompt)));
  parts.left.replaceChildren(...view(JSON.parse(q.left)));
  parts.right.replaceChildren(...view(JSON.parse(q.right)));
  for (const pane of [parts.prompt, parts.left, parts.right]) pane.scrollTop = 0;
  if (Array.isArray(prompt)) parts.prompt.scrollTop = parts.prompt.scrollHeight;  // the turn that is answered
  parts.note.value = state.notes.get(q.id) || '';
}
function showDone() {
  const n = (decision) => [...state.decisions.values()].filter((d) => d === decision).length;
  const counted = (count, one) => `${count} ${one}${count === 1 ? '' : 's'}`;
  parts.done.replaceChildren(el('h1', {}, 'All pairs are decided'),
    el('p', {}, `${counted(n('left') + n('right'), 'preference')}, ${counted(n('tie'), 'tie')}, ${n('skip')} skipped.`),
    el('p', {}, state.unsaved ? 'Save them, and send the file back.' : 'They are saved. Send the file back.'),
    el('button', {class: 'primary', id: 'save-all', onclick: save}, 'Save'));
}
function show() {
  const done = at >= questions.length;
  main.classList.toggle('all-decided', done);
  parts.count.textContent = done ? `${questions.length} of ${questions.length}` : `Pair ${at + 1} of ${questions.length}`;
  if (last !== '') parts.count.append(el('small', {class: 'muted'}, ` · last: ${sideWord(last)}`));
  parts.bar.value = state.decisions.size;
  parts.name.textContent = shown(state.name || 'your name');
  parts.save.textContent = state.unsaved > 0 && state.decisions.size > 0 ? `Save (${state.decisions.size})` : 'Save';
  parts.save.disabled = state.decisions.size === 0;
  parts.undo.disabled = at === 0;
  tell(keeps ? '' : 'This browser keeps nothing for this page: save before you close it.');
  if (done) showDone();
  else showQuestion(questions[at]);
  if (state.name === '') askName();
  else if (start.open) start.close();
}

// ---- keys

const actions = {
  l: () => decide('left'), ArrowLeft: () => decide('left'), r: () => decide('right'), ArrowRight: () => decide('right'),
  t: () => decide('tie'), s: () => decide('skip'), u: undo, Backspace: undo, n: () => parts.note.focus(),
  '?': () => help.showModal(),
};
addEventListener('keydown', (event) => {
  if (event.target === parts.note) {
    if (event.key === 'Enter' || event.key === 'Escape') parts.note.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || help.open || start.open) return;
  if (!Object.hasOwn(actions, event.key)) return;
  event.preventDefault();
  actions[event.key]();
});
addEventListener('beforeunload', (event) => { if (!keeps && state.unsaved > 0) event.preventDefault(); });
addEventListener('storage', (event) => {  // another tab of this page decided
  if (event.key !== key) return;
  load();
  at = firstUndecided(0);
  show();
});

load();
if (keeps) keep();
at = firstUndecided(0);
show();
