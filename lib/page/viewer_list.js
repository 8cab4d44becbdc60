// The list of peek --html's page: what is sorted, filtered and in sight (viewer.js draws one item).

const viewer = document.getElementById('viewer');
const list = el('div', {id: 'list'});
const state = {view: groups.length > 0 ? 'prompts' : 'records', sort: 'file', down: false, text: '', finish: '', file: '',
  ranges: new Map()};  // name -> [least, most], either NaN

// ---- what is in the list

const passes = (record) => {
  if (state.finish !== '' && record.finish !== state.finish) return false;
  if (state.file !== '' && record.file !== Number(state.file)) return false;
  for (const [name, [least, most]] of state.ranges) {
    const x = record.figures[name];
    if (Number.isNaN(least) && Number.isNaN(most)) continue;
    if (x === undefined || x < least || x > most) return false;
  }
  return state.text === '' || searched(record).includes(state.text);
};

const keyOf = (item) => {
  if (state.sort === 'file') return item.place;
  if (state.sort === 'id') return item.id ?? item.group;
  return (item.differences ?? item.figures)[state.sort];
};

let items = [];
let heights = new Map();  // of items that were drawn, in pixels
let offsets = [0];

const select = () => {
  const all = state.view === 'prompts' ? groups : page.records;
  const keep = state.view === 'prompts' ? (group) => group.sides.flat().some(passes) : passes;
  const sign = state.down ? -1 : 1;
  const keyed = all.filter(keep).map((item) => [keyOf(item), item]);
  keyed.sort(([a, x], [b, y]) => {  // those without a key come last
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined) || x.place - y.place;
    return a < b ? -sign : a > b ? sign : x.place - y.place;
  });
  const found = keyed.length;
  items = keyed.slice(0, MOST).map(([, item]) => item);
  const what = state.view === 'prompts' ? 'prompt' : 'record';
  count.textContent = (found === all.length ? counted(found, what) : `${found.toLocaleString('en')} of ${counted(all.length, what)}`)
    + (found > MOST ? `; the first ${MOST.toLocaleString('en')} are listed` : '');
  const active = [...state.ranges.values()].flat().filter((x) => !Number.isNaN(x)).length + (state.finish !== '') + (state.file !== '');
  filterName.textContent = active === 0 ? 'filter' : `filter (${active})`;
  layout();
};

// ---- what is in sight

const drawn = new Map();  // item -> element
const guess = (item) => {
  const answers = item.sides ? item.sides.map((side) => side[0]) : [item];
  const width = Math.max(280, list.clientWidth - 60) / (item.sides && list.clientWidth > 700 ? answers.length : 1);
  const characters = Math.max(...answers.map((record) => (record.tokens?.ids ?? '').length + (raw(record, 'response') ?? '').length));
  return 150 + 24 * Math.ceil(Math.min(characters, FOLD) * 7.5 / width);
};
const layout = () => {
  offsets = [0];
  for (const item of items) offsets.push(offsets.at(-1) + (heights.get(item) ?? guess(item)) + GAP);
  list.style.height = `${offsets.at(-1)}px`;
};
const under = (y) => {  // the item there
  let low = 0, high = items.length;
  while (low < high - 1) {
    const middle = (low + high) >> 1;
    if (offsets[middle] <= y) low = middle;
    else high = middle;
  }
  return low;
};
const bar = () => (getComputedStyle(controls).position === 'sticky' ? controls.offsetHeight : 0);
const inSight = () => -list.getBoundingClientRect().top + bar();  // the list's y under the controls

const observer = new ResizeObserver(() => requestAnimationFrame(draw));
let printing = false;

const draw = () => {
  if (printing) return;
  for (let round = 0; round < 5; ++round) {
    const top = inSight(), anchor = under(Math.max(0, top));
    const first = under(Math.max(0, top - 600)), end = Math.min(items.length, under(top + window.innerHeight + 600) + 1);
    const wanted = new Set(items.slice(first, end));
    for (const [item, element] of drawn)
      if (!wanted.has(item)) drawn.delete(item), observer.unobserve(element), element.remove();
    for (let i = first; i < end; ++i) {
      if (!drawn.has(items[i])) {
        const element = items[i].sides ? groupCard(items[i]) : card(items[i]);
        drawn.set(items[i], element);
        list.append(element);
        observer.observe(element);
      }
      drawn.get(items[i]).style.top = `${offsets[i]}px`;
    }
    let changed = false;
    for (const [item, element] of drawn) {
      const height = element.offsetHeight;
      if (Math.abs((heights.get(item) ?? -1) - height) > 0.5) heights.set(item, height), changed = true;
    }
    if (!changed) return;
    const before = offsets[anchor];
    layout();
    for (let i = first; i < end; ++i) drawn.get(items[i]).style.top = `${offsets[i]}px`;
    if (top > 0 && offsets[anchor] !== before) window.scrollBy({top: offsets[anchor] - before, behavior: 'instant'});
  }
};

const redraw = () => {
  hidePanel();
  select();
  draw();
};

let current = null;
const goTo = (i) => {
  if (items.length === 0) return;
  const place = Math.max(0, Math.min(items.length - 1, i));
  for (let round = 0; round < 3; ++round) {  // heights on the way become known
    window.scrollBy({top: offsets[place] - inSight() + 1, behavior: 'instant'});
    draw();
  }
  drawn.get(current)?.classList.remove('current');
  current = items[place];
  drawn.get(current)?.classList.add('current');
};
const goBy = (step) => {
  const box = drawn.get(current)?.getBoundingClientRect();
  if (box !== undefined && box.bottom > bar() && box.top < window.innerHeight) goTo(items.indexOf(current) + step);
  else goTo(inSight() < 0 ? 0 : under(inSight() + 1) + step);
};

// #id: the record, or the prompt where policies are compared.
const follow = () => {
  const wanted = location.hash.slice(1);
  if (wanted === '') return;
  const named = (item) => (item.sides ? linkOf(item.group) === wanted : linkOf(nameOf(item)) === wanted || linkOf(item.id) === wanted);
  if (!groups.some(named) && page.records.some(named)) state.view = 'records';
  else if (state.view === 'records' && !page.records.some(named) && groups.some(named)) state.view = 'prompts';
  select();
  if (!items.some(named)) clear();
  const place = items.findIndex(named);
  if (place >= 0) goTo(place);
};

// ---- controls

const count = el('span', {id: 'count', 'aria-live': 'polite'});
const option = (text, chosen) => ([name, words]) => el('option', {value: name, selected: name === chosen}, words);
const chooser = (id, label, options, chosen, change) => el('label', {}, `${label} `,
  el('select', {id, onchange: (event) => change(event.target.value)}, ...options.map(option(id, chosen))));

const legend = el('div', {id: 'legend'});
const drawLegend = () => {
  const colour = colours.get(by);
  if (colour === undefined) return;
  const {scale, neutral} = colour;
  const signs = by === 'logprobs' || by === 'mask' ? [-1, 0] : [-1, 1];
  const steps = Array.from({length: 9}, (_, i) => neutral + scale * (signs[0] + (signs[1] - signs[0]) * i / 8));
  const ends = by === 'mask' ? ['0: left out', '1: counts'] : [short(steps[0]), signs[1] === 0 ? '0' : short(neutral), signs[1] === 0 ? '' : short(steps[8])];
  legend.replaceChildren(el('span', {class: 'muted'}, `${word(by)} `), el('span', {}, ends[0]),
    el('span', {class: 'ramp', 'aria-hidden': true}, ...steps.map((x) => {
      const swatch = el('span', {});
      swatch.style.backgroundColor = shade(String(x));
      return swatch;
    })), el('span', {}, by === 'logprobs' || by === 'mask' ? ends[1] : ends[2]));
};

const rangeBoxes = known.map((name) => {
  const numbers = page.records.map((record) => record.figures[name]).filter((x) => x !== undefined);
  const [least, most] = numbers.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity]);
  const box = (place, words, hint) => el('input', {type: 'number', step: 'any', 'data-range': name, placeholder: short(hint),
    'aria-label': `${words} ${word(name)}`, oninput: (event) => {
      const range = state.ranges.get(name) ?? [NaN, NaN];
      range[place] = event.target.value === '' ? NaN : Number(event.target.value);
      state.ranges.set(name, range);
      redraw();
    }});
  return el('div', {class: 'range'}, el('span', {}, word(name)), box(0, 'least', least), ' to ', box(1, 'most', most));
});

let waiting = 0;
const search = el('input', {type: 'search', id: 'search', placeholder: 'text of prompt or answer', 'aria-label': 'text',
  oninput: () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.text = search.value.toLowerCase(); redraw(); }, 120);
  }});
const filterName = el('summary', {}, 'filter');
const set = (key) => (chosen) => { state[key] = chosen; redraw(); };
const direction = el('button', {id: 'direction', 'aria-label': 'reverse the order', onclick: () => {
  state.down = !state.down;
  direction.textContent = state.down ? '\u2193' : '\u2191';
  redraw();
}}, '\u2191');
const clear = () => {
  Object.assign(state, {text: '', finish: '', file: '', ranges: new Map()});
  for (const box of controls.querySelectorAll('input')) box.value = '';
  for (const chosen of controls.querySelectorAll('#finish, #file')) chosen.value = '';
  redraw();
};

const orders = () => [['file', 'order in file'], ['id', 'id'],
  ...known.map((name) => [name, state.view === 'prompts' ? `difference of ${word(name)}` : word(name)])];
const sorter = el('select', {id: 'sort', 'aria-label': 'sort by', onchange: () => set('sort')(sorter.value)});
const fillSorter = () => {
  sorter.replaceChildren(...orders().map(option('sort', state.sort)));
  sorter.value = state.sort;
};

const controls = el('div', {class: 'controls'}, el('div', {class: 'row'},
  groups.length === 0 ? null : chooser('view', 'show', [['prompts', 'prompt by prompt'], ['records', 'all records']], state.view,
    (chosen) => { state.view = chosen; fillSorter(); redraw(); }),
  colours.size === 0 ? null : chooser('by', 'colour', page.colours.map((colour) => [colour.by, word(colour.by)]), by, (chosen) => {
    by = chosen;
    for (const block of list.querySelectorAll('.tokens')) paint(block);
    hidePanel();
    drawLegend();
  }), el('label', {}, 'sort ', sorter), direction, search,
  el('details', {class: 'filters'}, filterName, el('div', {class: 'boxes'}, ...rangeBoxes,
    finishes.length < 2 ? null : chooser('finish', 'finish', [['', 'any'], ...finishes.map((f) => [f, f])], '', set('finish')),
    page.files.length < 2 ? null : chooser('file', 'file', [['', 'all'], ...page.files.map((f, i) => [String(i), f])], '', set('file')),
    el('button', {id: 'clear', onclick: () => clear()}, 'clear')))),
  el('div', {class: 'row'}, count, legend,
    el('span', {class: 'muted keys'}, el('kbd', {}, 'j'), ' ', el('kbd', {}, 'k'), ' next, previous')));

// ---- events

list.addEventListener('pointerover', (event) => {
  if (!pinned && event.pointerType === 'mouse' && event.target.classList.contains('t')) showPanel(event.target);
});
list.addEventListener('pointerleave', () => { if (!pinned) hidePanel(); });
list.addEventListener('pointerout', (event) => { if (!pinned && event.target === at) hidePanel(); });
document.addEventListener('click', (event) => {
  if (event.target.classList?.contains('t') && list.contains(event.target)) {
    const again = pinned && at === event.target;
    if (again) return hidePanel();
    showPanel(event.target);
    pinned = true;
  } else if (!panel.contains(event.target)) {
    hidePanel();
  }
});
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const {target} = event;
  if (event.key === 'Escape') hidePanel();
  if (target.closest?.('input, select, textarea')) return;
  if (event.key === 'j' || event.key === 'k') goBy(event.key === 'j' ? 1 : -1);
  if (target.classList?.contains('tokens') && (event.key === 'ArrowRight' || event.key === 'ArrowLeft')) {
    event.preventDefault();
    moveToken(target, event.key === 'ArrowRight' ? 1 : -1);
  }
});
document.addEventListener('scroll', () => { hidePanel(); requestAnimationFrame(draw); }, {passive: true});
let width = 0;
window.addEventListener('resize', () => {
  if (list.clientWidth === width) return;
  width = list.clientWidth;
  heights = new Map();
  layout();
  draw();
});
window.addEventListener('hashchange', follow);
// On paper: the first items, one below the other.
window.addEventListener('beforeprint', () => {
  printing = true;
  list.classList.add('printed');
  list.replaceChildren(...items.slice(0, 200).map((item) => (item.sides ? groupCard(item) : card(item))));
  if (items.length > 200) list.append(el('p', {class: 'muted'}, `The first 200 of ${items.length}.`));
});
window.addEventListener('afterprint', () => {
  printing = false;
  list.classList.remove('printed');
  list.replaceChildren();
  drawn.clear();
  draw();
});

viewer.append(controls, list, panel);
fillSorter();
drawLegend();
redraw();
follow();
