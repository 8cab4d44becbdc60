// The numbers under the pointer: of all series of a chart at one place, or of a cell of a histogram.

const pointsOf = (series) => (series.dataset.points
  ? JSON.parse(series.dataset.points).map(([x, y, text]) => ({x, y, text}))
  : [...series.querySelectorAll('.point')].map((point) => {
    const {e: x, f: y} = point.transform.baseVal[0].matrix;
    return {x, y, text: point.querySelector('title').textContent};
  }));

const follow = (svg) => {
  const all = [...svg.querySelectorAll('.series')].map(pointsOf);
  const places = all.flat().map((point) => point.x);
  const readout = el('output', {class: 'readout', hidden: true});
  const plot = el('div', {class: 'plot'});
  svg.replaceWith(plot);
  plot.append(svg, readout);
  svg.classList.add('live');
  const cross = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  cross.setAttribute('class', 'cross');
  svg.append(cross);

  const hide = () => {
    readout.hidden = true;
    cross.removeAttribute('d');
  };
  const show = (event) => {
    const cell = event.target.closest('rect');
    let texts = cell ? [cell.querySelector('title').textContent] : [];
    if (places.length > 0) {
      const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
      const x = (event.clientX - box.left) / box.width * view.width;
      const nearest = places.reduce((best, place) => (Math.abs(place - x) < Math.abs(best - x) ? place : best));
      texts = all.flat().filter((point) => Math.abs(point.x - nearest) < 0.5).map((point) => point.text);
      cross.setAttribute('d', `M${nearest} 26V${view.height - 36}`);
    }
    readout.textContent = texts.slice(0, 12).map(shown).join('\n');
    readout.hidden = texts.length === 0;
  };
  svg.addEventListener('pointermove', show);
  svg.addEventListener('pointerdown', show);
  svg.addEventListener('pointerleave', hide);
};

for (const svg of document.querySelectorAll('svg.chart')) follow(svg);
