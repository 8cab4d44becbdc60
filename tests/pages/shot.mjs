// A picture of a page, to be looked at: node tests/pages/shot.mjs PAGE.html OUT.png [WIDTH [dark]]
import {start} from './browser.mjs';

const [file, out, width = 1280, dark] = process.argv.slice(2);
const browser = await start();
const page = await browser.open(file, {width: Number(width), dark: dark === 'dark'});
await page.screenshot({path: out, fullPage: true});
await browser.end();
