// A judge's whole session on label's page: keys and clicks, a closed tab, saving, and going on elsewhere.
// usage: label.mjs PAGE.html DOWNLOADS
import {readFileSync, readdirSync, renameSync} from 'node:fs';
import {join} from 'node:path';
import {ok, start} from './browser.mjs';

const [file, downloads] = process.argv.slice(2);
const browser = await start();
const {questions} = JSON.parse(/id="data">(.*)<\/script>/.exec(readFileSync(file, 'utf8'))[1]);

const count = (page) => page.$eval('#count', (e) => e.textContent);
const open = (page) => page.evaluate(() => document.querySelector('dialog[open]')?.id ?? '');
async function saved(page, button, name) {  // the file that the button downloads, as lines
  const before = new Set(readdirSync(downloads));
  await page.click(button);
  for (let i = 0; i < 200; i += 1) {
    const fresh = readdirSync(downloads).filter((f) => !before.has(f) && f.endsWith('.jsonl'));
    if (fresh.length > 0) {
      const text = readFileSync(join(downloads, fresh[0]), 'utf8');
      renameSync(join(downloads, fresh[0]), name);
      return {file: fresh[0], text};
    }
    await new Promise((r) => setTimeout(r, 25));
  }
  return {file: '', text: ''};
}
// What the lines must be, a word for each question: its decision, or '' for none.
function expected(judge, decisions, notes = {}) {
  return questions.map((q, i) => {
    const d = decisions[i];
    if (d === '') return '';
    const end = `"labeler":${JSON.stringify(judge)}${notes[i] ? `,"note":${JSON.stringify(notes[i])}` : ''},"pair":"${q.pair}"}\n`;
    const id = JSON.stringify(q.id);
    if (d === 'tie' || d === 'skip') return `{"schema":"label-note/1","id":${id},"decision":"${d}",${end}`;
    const [chosen, rejected] = d === 'left' ? [q.left, q.right] : [q.right, q.left];
    return `{"schema":"preference/1","id":${id},"prompt":${q.prompt},"chosen":${chosen},"rejected":${rejected},${end}`;
  }).join('');
}

let page = await browser.open(file, {downloads});
ok('the name is asked for before anything', await open(page) === 'start');
await page.keyboard.press('l');  // goes to the name
ok('nothing is decided without a name', (await count(page)).startsWith('Pair 1 of 6'));
await page.keyboard.press('Backspace');
await page.type('#judge', 'Kim "K" Lee');
await page.keyboard.press('Enter');
ok('then the first pair is asked about', await open(page) === '' && (await count(page)).startsWith('Pair 1 of 6'));

const texts = (id) => page.$$eval(`#${id} .text`, (all) => all.map((e) => [e.textContent, e.getAttribute('dir'), getComputedStyle(e).unicodeBidi]));
const [[left, dir, isolation]] = await texts('left');
ok('an answer stands there as text, controls made visible',
  left === JSON.parse(questions[0].left).replaceAll('\u202e', '\\u202e').replaceAll('\u001b', '\\x1b') &&
  left.includes('</script>') && left.includes('\\u202e') && left.includes('\\x1b'), left);
ok('its direction is its own', dir === 'auto' && isolation === 'isolate', [dir, isolation]);
ok('nothing in it ran', await page.evaluate(() => globalThis.owned === undefined));
ok('a dialogue is shown as its turns', (await texts('prompt')).map((t) => t[0]).join('|') === 'be brief|hello', await texts('prompt'));

await page.keyboard.press('l');
await page.click('#say-right');
await page.keyboard.press('n');
await page.keyboard.type('lr: both are bad');
await page.keyboard.press('Enter');
await page.keyboard.press('t');
await page.keyboard.press('?');
ok('? shows the keys', await open(page) === 'help');
await page.keyboard.press('s');  // no decision behind it
await page.keyboard.press('Escape');
ok('four are to come', (await count(page)).startsWith('Pair 4 of 6'), await count(page));
await page.close();

page = await browser.open(file, {downloads});
ok('a closed tab goes on where it was', await open(page) === '' && (await count(page)).startsWith('Pair 4 of 6'), await count(page));
const half = await saved(page, '#save', 'half.jsonl');
ok('what is decided can be saved at any time', half.text === expected('Kim "K" Lee', ['left', 'right', 'tie', '', '', ''], {2: 'lr: both are bad'}), half.text);
await page.keyboard.press('ArrowRight');
await page.click('#undo');
await page.keyboard.press('u');
ok('undo goes back, and the note stays', (await count(page)).startsWith('Pair 3 of 6') &&
  await page.$eval('#note', (e) => e.value) === 'lr: both are bad');
await page.keyboard.press('t');
const megabyte = (await page.$eval('#left .text', (e) => e.textContent.length)) + (await page.$eval('#right .text', (e) => e.textContent.length));
ok('a long answer is there whole', megabyte > 1e6, megabyte);
await page.click('#say-skip');
await page.keyboard.press('ArrowLeft');
await page.keyboard.press('ArrowRight');
ok('all are decided', (await page.$eval('#done', (e) => e.textContent)).includes('4 preferences, 1 tie, 1 skipped'), await page.$eval('#done', (e) => e.textContent));
const whole = await saved(page, '#save-all', 'votes.jsonl');
ok('the file is the one expected', whole.text === expected('Kim "K" Lee', ['left', 'right', 'tie', 'skip', 'left', 'right'], {2: 'lr: both are bad'}), whole.text.slice(0, 400));
ok('it is named by the judge', whole.file === 'labels-Kim-K-Lee.jsonl', whole.file);

// Another machine: nothing is kept there; the half file is loaded.
await page.evaluate(() => localStorage.clear());
await page.reload();
ok('another browser knows nothing', await open(page) === 'start');
await (await page.$('#file')).uploadFile('half.jsonl');
await page.waitForFunction(() => document.getElementById('notice').textContent.startsWith('3 decisions were read'));
ok('a saved file is gone on with', await open(page) === '' && (await count(page)).startsWith('Pair 4 of 6') &&
  await page.$eval('#name', (e) => e.textContent) === 'Kim "K" Lee');
const again = await saved(page, '#save', 'again.jsonl');
ok('and saved as it was', again.text === half.text);
await page.close();

// A browser that keeps nothing for the page.
page = await browser.open(file, {downloads});
await page.evaluateOnNewDocument(() => Object.defineProperty(globalThis, 'localStorage', {get() { throw new Error('refused'); }}));
await page.reload();
await page.type('#judge', 'lee');
await page.keyboard.press('Enter');
await page.keyboard.press('r');
ok('it says that nothing is kept', (await page.$eval('#notice', (e) => e.textContent)).includes('keeps nothing'));
ok('and still saves', (await saved(page, '#save', 'lee.jsonl')).text === expected('lee', ['right', '', '', '', '', '']));
await page.close();

// A phone: nothing is wider than it, and prompt, both answers and all buttons are in sight.
for (const width of [480, 1280]) {
  page = await browser.open(file, {width, height: 800, dark: width === 480});
  const hidden = await page.evaluate(() => ['#prompt', '#left', '#right', '#say-left', '#say-tie', '#say-right', '#say-skip', '#undo', '#note', '#save']
    .filter((id) => { const r = document.querySelector(id).getBoundingClientRect(); return !(r.top >= 0 && r.bottom <= innerHeight && r.left >= 0 && r.right <= innerWidth && r.height > 24); }));
  ok(`at ${width} pixels all is in sight`, hidden.length === 0 && await browser.fits(page), hidden);
  const low = await page.$eval('#say-left', (e) => e.getBoundingClientRect().height);
  ok(`at ${width} pixels a thumb finds the buttons`, low >= 44, low);
  await page.close();
}
await browser.end();
