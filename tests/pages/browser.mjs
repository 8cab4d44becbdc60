// Pages in headless Chromium, for the tests of pages. NUDGE_NODE_MODULES names the folder that holds puppeteer-core,
// NUDGE_CHROMIUM the browser; without them, where make check-pages puts them.
import {createRequire} from 'node:module';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {pathToFileURL} from 'node:url';

const modules = process.env.NUDGE_NODE_MODULES ?? resolve('build/npm/node_modules');
const puppeteer = createRequire(join(modules, 'x'))('puppeteer-core');

// A case for tests/tools/lib.sh: "passed", or "failed" with its name.
let failures = 0;
export function ok(name, condition, seen) {
  if (condition) return console.log(`passed: ${name}`);
  failures += 1;
  console.log(`failed: ${name}${seen === undefined ? '' : `: ${JSON.stringify(seen)}`}`);
}

export async function start() {
  const profile = mkdtempSync(join(tmpdir(), 'nudge-pages-'));
  const browser = await puppeteer.launch({
    executablePath: process.env.NUDGE_CHROMIUM ?? '/usr/bin/chromium', headless: true, userDataDir: profile,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--allow-file-access-from-files', '--hide-scrollbars'],
  });
  const requests = [], errors = [];  // of all pages: what they asked for beside themselves, what went wrong in them
  // Opens a file of the page's own folder: `width` in pixels, `dark` colours, `downloads` a folder to save in.
  const open = async (file, {width = 1280, height = 900, dark = false, downloads} = {}) => {
    const page = await browser.newPage();
    const url = pathToFileURL(resolve(file)).href;
    page.on('request', (r) => { if (r.url().split('#')[0] !== url && !r.url().startsWith('blob:')) requests.push(r.url()); });
    page.on('pageerror', (e) => errors.push(String(e)));
    page.on('console', (m) => { if (m.type() === 'error') errors.push(m.text()); });
    await page.setViewport({width, height});
    await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: dark ? 'dark' : 'light'}]);
    if (downloads) {
      const session = await page.createCDPSession();
      await session.send('Browser.setDownloadBehavior', {behavior: 'allow', downloadPath: resolve(downloads)});
    }
    await page.goto(url);
    return page;
  };
  // Whether nothing is wider than the window.
  const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
  const end = async () => {
    ok('no page asks for anything', requests.length === 0, requests);
    ok('no script fails', errors.length === 0, errors);
    await browser.close();
    rmSync(profile, {recursive: true, force: true});
    process.exitCode = failures === 0 ? 0 : 1;
  };
  return {open, fits, end, requests, errors};
}
