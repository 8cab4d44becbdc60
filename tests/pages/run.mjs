// kl-report's page: what is drawn equals the JSON, stands where the scale says, and fits at both widths.
import {readFileSync} from 'node:fs';
import {start, ok} from './browser.mjs';

const report = JSON.parse(readFileSync('report.json', 'utf8'));
const browser = await start();

// Of the figure with that title: the points of its first series with their centres, the labels of the y axis.
const figure = (page, title) => page.evaluate((wanted) => {
  const found = [...document.querySelectorAll('figure')]
    .find((f) => f.querySelector('figcaption').firstChild.textContent === wanted);
  if (!found) return null;
  const middle = (element) => {
    const box = element.getBoundingClientRect();
    return {x: box.x + box.width / 2, y: box.y + box.height / 2};
  };
  return {
    points: [...found.querySelectorAll('.series .point[data-x]')].map((p) => ({
      x: Number(p.dataset.x), y: Number(p.dataset.y), se: p.dataset.se === undefined ? null : Number(p.dataset.se), at: middle(p),
    })),
    lines: [...found.querySelectorAll('.grid')].map((g) => middle(g).y),
    labels: [...found.querySelectorAll('text[text-anchor=end]')].map((t) => Number(t.textContent.replace('−', '-').replaceAll(',', ''))),
    letters: 12 * found.querySelector('svg').getBoundingClientRect().width / 420,
  };
}, title);

const equals = (drawn, means) => drawn.points.length === means.length
  && drawn.points.every((p, i) => p.x === i && p.y === means[i].mean && p.se === means[i].se);
// Heights by the first and the last line of the grid, to a third of a pixel.
const stands = ({points, lines, labels}) => labels.length === lines.length && labels.length > 2 && points.every(({y, at}) => {
  const last = lines.length - 1, share = (y - labels[0]) / (labels[last] - labels[0]);
  return Math.abs(lines[0] + share * (lines[last] - lines[0]) - at.y) < 0.34;
});

for (const width of [1280, 480]) {
  const page = await browser.open('page.html', {width, dark: width === 480});
  ok(`nothing is wider than ${width} pixels`, await browser.fits(page));
  for (const [title, of] of [
    ['Reward', (f) => f.reward], ['Length', (f) => f.length],
    ['KL from the reference', (f) => f.policy_ref.k3.per_sequence], ['Entropy of the samples', (f) => f.entropy_estimate.per_token],
  ]) {
    const drawn = await figure(page, title);
    ok(`${title} at ${width} equals the JSON`, equals(drawn, report.files.map(of).map(({mean, se}) => ({mean, se}))), drawn);
    ok(`${title} at ${width} stands where the scale says`, stands(drawn), drawn);
    ok(`letters of ${title} at ${width} are readable`, drawn.letters >= 10.9, drawn.letters);
  }
  // The pointer over the second point of the first chart.
  await page.evaluate(() => document.querySelector('figure').scrollIntoView({block: 'center'}));
  const {points} = await figure(page, 'Reward');
  await page.mouse.move(points[1].at.x + 3, points[1].at.y + 20);
  const text = await page.evaluate(() => document.querySelector('.readout:not([hidden])')?.textContent);
  ok(`the readout at ${width} tells the point`, text?.startsWith('iteration 1: 3'), text);
  await page.close();
}

const hostile = await browser.open('hostile.html', {width: 480});
ok('no text of a record runs or becomes an element', await hostile.evaluate(() => window.broken === undefined
  && document.querySelectorAll('img').length === 0 && document.querySelectorAll('script').length === 1));
ok('texts of records are shown as they are', await hostile.evaluate(() =>
  [...document.querySelectorAll('.tokens .text')].some((cell) => cell.textContent === '</script><script>broken=1</script><img src=x onerror=broken=1>\\u202e\\x1b')));
ok('warnings are listed and mark the chart', await hostile.evaluate(() => document.querySelectorAll('.warnings li').length === 3
  && document.querySelectorAll('#training .charts')[0].querySelectorAll('.mark').length === 3));
ok('hostile texts are not wider than the window', await browser.fits(hostile));
await browser.end();
