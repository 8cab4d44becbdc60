// What the scripts of all pages share. Texts of unknown origin are set as textContent alone.

const data = () => JSON.parse(document.getElementById('data').textContent);

// Control characters but line breaks and tabs as \x1b, characters that reorder a line as \u202e, as escaped() does.
const shown = (text) => String(text)
  .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (c) => '\\x' + c.charCodeAt(0).toString(16).padStart(2, '0'))
  .replace(/[\u202a-\u202e\u2066-\u2069]/g, (c) => '\\u' + c.charCodeAt(0).toString(16));

// An element: el('p', {class: 'text', dir: 'auto', onclick: f}, 'texts and', elements). Texts pass through shown().
const el = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined)
    .map((child) => (child instanceof Node ? child : shown(child))));
  return element;
};
