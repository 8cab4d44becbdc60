// The page of peek --html: node viewer.mjs SMALL BIG TEXTS PAIRED HOSTILE, each NAME for NAME.html and NAME.jsonl, that
// of PAIRED its "compared" as NAME.json.
import {readFileSync} from 'node:fs';
import {ok, start} from './browser.mjs';

const [small, big, texts, paired, hostile] = process.argv.slice(2);
const records = (name) => readFileSync(`${name}.jsonl`, 'utf8').trimEnd().split('\n').map(JSON.parse);
const browser = await start();
const cards = (page) => page.$$eval('.card', (all) => all.sort((a, b) => parseFloat(a.style.top) - parseFloat(b.style.top))
  .map((card) => card.dataset.id));
const choose = (page, id, value) => page.select(`#${id}`, value);
const type = (page, selector, text) => page.$eval(selector, (box, value) => {
  box.value = value;
  box.dispatchEvent(new Event('input'));
}, text);
const still = (page) => page.evaluate(() => new Promise((done) => setTimeout(done, 200)));
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const panel = (page) => page.$$eval('#panel [data-column]', (cells) =>
  Object.fromEntries(cells.map((cell) => [cell.dataset.column, Number(cell.textContent)])));
const rounded = (x) => Number(x.toPrecision(4));

// ---- tokens
{
  const page = await browser.open(`${small}.html`), [first] = records(small);
  const tokens = await page.$$('.card[data-id="a/0"] .t');
  let equal = tokens.length === first.response_ids.length;
  for (const [i, token] of tokens.entries()) {
    await token.hover();
    const seen = await panel(page);
    for (const key of ['logprobs', 'ref_logprobs', 'advantages', 'values', 'new_logprobs', 'loss_mask'])
      equal &&= seen[key] === rounded(first[key][i]);
    equal &&= Math.abs(seen.kl - (first.logprobs[i] - first.ref_logprobs[i])) <= 1e-3;
    equal &&= Math.abs(seen.ratio - Math.exp(first.new_logprobs[i] - first.logprobs[i])) <= 1e-3 * seen.ratio;
  }
  ok('hover shows the numbers of the record', equal, await panel(page));
  const words = await page.$eval('#panel', (p) => p.textContent);
  ok('hover tells position and id', words.includes(`token 3 of 3, id ${first.response_ids[2]}`), words);
  await page.mouse.move(5, 5);
  ok('the numbers go with the pointer', await page.$eval('#panel', (p) => p.hidden));
  await tokens[1].click();
  await page.mouse.move(5, 5);
  ok('a tap keeps them', !(await page.$eval('#panel', (p) => p.hidden)));
  await page.keyboard.press('Escape');
  await page.focus('.card[data-id="a/0"] .tokens');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  ok('arrow keys go from token to token', (await panel(page)).logprobs === rounded(first.logprobs[1]));

  const colour = () => page.$$eval('.card[data-id="a/0"] .t', (all) => all.map((t) => t.style.backgroundColor));
  const offered = await page.$$eval('#by option', (all) => all.map((o) => o.value));
  ok('the colours that the records have are offered', same(offered,
    ['logprobs', 'advantages', 'values', 'kl', 'ratio', 'mask']), offered);
  for (const [by, signs] of [['logprobs', '--0'], ['advantages', '+-0'], ['mask', '0-0'], ['ratio', '0+-']]) {
    await choose(page, 'by', by);
    const drawn = (await colour()).map((c) => (c.includes('below') ? '-' : c.includes('above') ? '+' : '0')).join('');
    ok(`colours tell the sign of ${by}`, drawn === signs, drawn);
  }
}

// ---- sorting, filters, links
{
  const page = await browser.open(`${small}.html`);
  const key = {reward: (r) => r.reward, length: (r) => r.response_ids?.length ?? [...r.response].length, id: (r) => r.id,
    kl: (r) => r.logprobs && r.logprobs.reduce((sum, x, i) => sum + (r.loss_mask?.[i] === 0 ? 0 : x - r.ref_logprobs[i]), 0)};
  for (const [by, of] of Object.entries(key)) {
    await choose(page, 'sort', by);
    const expected = records(small).sort((a, b) => (of(a) === undefined) - (of(b) === undefined) || (of(a) < of(b) ? -1 : 1));
    ok(`sorts by ${by}`, same(await cards(page), expected.map((r) => r.id)), await cards(page));
  }
  await page.click('#direction');
  ok('the other way round, records without the number last', same((await cards(page)).slice(-1), ['c/0']), await cards(page));
  await page.click('#direction');
  await choose(page, 'sort', 'file');
  await page.click('.filters summary');
  await type(page, '[data-range=reward]', '0.5');
  ok('filters by reward', same(await cards(page), ['a/0', 'b/0']), await cards(page));
  ok('counts what is shown', await page.$eval('#count', (e) => e.textContent) === '2 of 4 records');
  await type(page, '[data-range=length]', '3');
  ok('filters by length as well', same(await cards(page), ['a/0']), await cards(page));
  await page.click('#clear');
  await type(page, '[data-range=kl]', '0');
  ok('filters by KL', same(await cards(page), ['a/0', 'b/0']), await cards(page));
  await page.click('#clear');
  await choose(page, 'finish', 'length');
  ok('filters by finish', same(await cards(page), ['a/1']), await cards(page));
  await page.click('#clear');
  for (const [text, ids] of [['SAY B', ['b/0']], ['Twice', ['a/1']]]) {
    await type(page, '#search', text);
    await still(page);
    ok('filters by text of prompts and answers', same(await cards(page), ids), await cards(page));
  }
  await page.evaluate(() => { location.hash = '#b%2F0'; });
  await still(page);
  const current = () => page.$eval('.card.current', (card) => card.dataset.id);
  ok('a link opens its record, whatever is filtered', await current() === 'b/0');
  await page.keyboard.press('j');
  ok('j is the next record', await current() === 'c/0');
  await page.keyboard.press('k');
  ok('k the one before', await current() === 'b/0');
  await page.click('.card[data-id="c/0"] summary');
  await still(page);
  const json = await page.$eval('.card[data-id="c/0"] .raw .text', (e) => e.textContent);
  ok('a record is shown as JSON', same(JSON.parse(json), records(small)[3]), json);
}

// ---- ten thousand
{
  const page = await browser.open(`${big}.html`), nodes = () => page.evaluate(() => document.getElementsByTagName('*').length);
  ok('10,000 records take few elements', await nodes() < 3000, await nodes());
  ok('all are counted', await page.$eval('#count', (e) => e.textContent) === '10,000 records');
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  await still(page);
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  await still(page);
  ok('the last one is at the end', (await cards(page)).at(-1) === 'r9999', await cards(page));
  const overlap = await page.$$eval('.card', (all) => {
    const boxes = all.map((card) => card.getBoundingClientRect()).sort((a, b) => a.top - b.top);
    return boxes.some((box, i) => i > 0 && box.top < boxes[i - 1].bottom);
  });
  ok('records of any height lie one below the other', !overlap);
  ok('still few elements', await nodes() < 3000, await nodes());
  await page.evaluate(() => { location.hash = '#r5000'; });
  await still(page);
  const top = await page.$eval('.card.current', (card) => [card.dataset.id, card.getBoundingClientRect().top]);
  ok('a link goes to the middle', top[0] === 'r5000' && top[1] > 0 && top[1] < 450, top);
}

// ---- texts of tokens
{
  const page = await browser.open(`${texts}.html`), [first] = records(texts);
  const pieces = (id) => page.$$eval(`.card[data-id="${id}"] .t`, (all) => all.map((t) => t.textContent));
  const own = await pieces(first.id);
  ok('tokens are shown as the texts of the answer', own.join('').startsWith(first.response), own);
  await page.evaluate(() => { location.hash = '#split'; });
  await still(page);
  ok('a character of two tokens is shown once', same(await pieces('split'), ['\u00b7', '\u00e9', '\ufffd']), await pieces('split'));
  await page.hover('.card[data-id=split] .t');
  ok('and its bytes in the numbers', await page.$eval('#panel .piece', (e) => e.textContent) === '\\xc3');
}

// ---- two policies
{
  const page = await browser.open(`${paired}.html`, {width: 480}), compared = JSON.parse(readFileSync(`${paired}.json`));
  const cells = await page.$$eval('#means td', (all) => all.map((cell) => cell.textContent));
  const {mean, se} = compared.policies[1].differences.reward;
  const shown = cells.find((cell, i) => cells[i - 2]?.startsWith('minus')).split('\u00b1').map(Number);
  ok('the difference of the means is that of --json', Math.abs(shown[0] - mean) <= 0.05 && Math.abs(shown[1] - se) <= 0.05, shown);
  ok('prompt by prompt', same(await cards(page), ['a', 'b']), await cards(page));
  ok('the prompt once, an answer of each policy', await page.$$eval('.card[data-id=a]', ([card]) =>
    card.querySelectorAll('.prompt').length === 1 && card.querySelectorAll('.side .tokens').length === 2));
  await choose(page, 'sort', 'reward');
  ok('sorts by the difference of reward', same(await cards(page), ['b', 'a']), await cards(page));
  const difference = await page.$eval('.card[data-id=a] [data-difference=reward] b', (e) => e.textContent);
  ok('tells the difference', Number(difference) === 2, difference);
  await page.click('.card[data-id=a] [aria-label="next answer"]');
  ok('the next answer of a policy', await page.$eval('.card[data-id=a] .side [data-figure=reward] b', (e) => e.textContent) === '3');
  await choose(page, 'view', 'records');
  ok('all records, too', same(await page.$eval('#count', (e) => e.textContent), '8 records'));
  ok('fits a phone', await browser.fits(page));
}

// ---- hostile texts
for (const width of [480, 1280]) {
  const page = await browser.open(`${hostile}.html`, {width, dark: width === 480});
  ok('no text becomes a script', await page.evaluate(() => window.broken === undefined && document.querySelectorAll('script').length === 2));
  const seen = await page.$eval('.card .prompt .text', (e) => e.textContent);
  ok('what reorders or controls is shown', seen.includes('\\u202e') && seen.includes('\\x1b') && seen.includes('</script>'), seen);
  ok('a megabyte is folded', await page.evaluate(() => document.body.innerText.length < 100000));
  ok('and fits', await browser.fits(page));
  await page.click('.card[data-id="bad"] summary');
  await still(page);
  const bad = await page.$eval('.card[data-id="bad"] .raw .text', (e) => e.textContent);
  ok('and shown as they are', same(JSON.parse(bad), records(hostile)[1]), bad);
  ok('lists that do not fit together are told', await page.$eval('.card[data-id="bad"] .warning', (e) => e.textContent.includes('logprobs')));
  const names = await page.$$eval('.card[data-id="names"] [data-figure] b', (all) => all.map((b) => b.textContent));
  ok('fields may have any name', same(names, ['3', '4']), names);
  await page.evaluate(() => { location.hash = '#%'; });
  await page.click('.card[data-id="long"] .more');
  await still(page);
  ok('and unfolds', await page.$$eval('.card[data-id="long"] .text', (all) => all.length === 11 && all.every((e) => e.textContent.length === 4000)));
}
await browser.end();
