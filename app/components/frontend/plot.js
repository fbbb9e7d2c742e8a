// Lines, steps, dots and bars in SVG: hover, click, arrow keys and Enter. What is drawn is described in bickd_viz/charts/plot.py.
// data: {height, margin [top, right, bottom, left], x, y {low, high, ticks [[at, words]], title, grid}, series, names, ends, rules,
//        spans, theme, label, clickable}
const SVG = 'http://www.w3.org/2000/svg';
const REACH = 30; // px from the pointer within which a mark answers
const SHAPES = {
  circle: '',
  square: 'M-5-5H5V5H-5Z',
  diamond: 'M0-6.5 6.5 0 0 6.5-6.5 0Z',
  'triangle-up': 'M0-6 6 5H-6Z',
  'triangle-down': 'M0 6 6-5H-6Z',
  cross: 'M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z',
  x: 'M-3-6 0-3 3-6 6-3 3 0 6 3 3 6 0 3-3 6-6 3-3 0-6-3Z',
  pentagon: 'M0-6 6-1.5 3.7 5.5H-3.7L-6-1.5Z',
  star: 'M0-7 1.7-2.3 6.7-2.2 2.7.9 4.1 5.7 0 2.8-4.1 5.7-2.7.9-6.7-2.2-1.7-2.3Z',
};

export default function (component) {
  const root = component.parentElement;
  const view = (root.bkPlot ??= new Plot(root));
  view.update(component);
  return () => {
    view.stop();
    delete root.bkPlot;
  };
}

const escape = text =>
  String(text).replace(/[&<>"]/g, c => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[c]);
const mark = ({symbol, colour}, x, y, surface, more = '') =>
  symbol === 'circle' || !SHAPES[symbol]
    ? `<circle cx="${x}" cy="${y}" r="5.3" fill="${colour}" stroke="${surface}" ${more}/>`
    : `<path d="${SHAPES[symbol]}" transform="translate(${x} ${y})" fill="${colour}" stroke="${surface}" ${more}/>`;

class Plot {
  constructor(root) {
    this.box = document.createElement('div');
    this.box.className = 'bkplot';
    this.box.innerHTML =
      '<div class="names"></div><svg role="img"></svg><div class="names"></div><div class="tip"></div>';
    [this.above, this.svg, this.below, this.tip] = this.box.children;
    root.appendChild(this.box);
    const on = (name, act) => this.box.addEventListener(name, act);
    on('pointermove', e => this.moved(e));
    on('pointerleave', () => this.point(null));
    on('blur', () => this.point(null));
    on('click', e => this.moved(e) && this.choose());
    on('keydown', e => this.typed(e));
    this.resizing = new ResizeObserver(() => this.box.clientWidth !== this.width && this.draw());
    this.resizing.observe(this.box);
  }

  stop() {
    this.resizing.disconnect();
    this.box.remove();
  }

  update({data, setTriggerValue}) {
    this.send = setTriggerValue;
    const words = JSON.stringify(data);
    if (words === this.words) return; // most reruns change nothing here
    this.words = words;
    this.data = data;
    for (const [name, colour] of Object.entries(data.theme)) this.box.style.setProperty(`--${name}`, colour);
    this.svg.setAttribute('aria-label', data.label);
    this.box.tabIndex = data.clickable ? 0 : -1;
    if (data.clickable) this.box.setAttribute('aria-label', `${data.label}; arrow keys move, Enter chooses`);
    const legend =
      data.names === 'above' || data.names === 'below'
        ? data.series
            .map(
              s =>
                `<span><svg viewBox="-9 -6 18 12">${
                  s.kind === 'dots'
                    ? mark(s, 0, 0, 'none')
                    : `<path d="M-9 0H9" stroke="${s.colour}" stroke-width="2.5"/>`
                }</svg>${escape(s.name)}</span>`,
            )
            .join('')
        : '';
    this.above.innerHTML = data.names === 'above' ? legend : '';
    this.below.innerHTML = data.names === 'below' ? legend : '';
    this.above.style.display = this.above.innerHTML ? '' : 'none';
    this.below.style.display = this.below.innerHTML ? '' : 'none';
    this.draw();
  }

  draw() {
    this.width = this.box.clientWidth;
    if (!this.width || !this.data) return;
    const {data} = this,
      {series, theme, x, y} = data;
    const [top, right, bottom, left] = data.margin;
    const legend = this.above.offsetHeight + this.below.offsetHeight;
    const height = data.height - legend;
    const w = Math.max(40, this.width - left - right),
      h = Math.max(40, height - top - bottom);
    const px = v => left + ((v - x.low) / (x.high - x.low)) * w;
    const py = v => top + ((y.high - v) / (y.high - y.low)) * h;
    const near = v => +v.toFixed(1);
    const out = [];
    const text = (at, down, words, more) =>
      out.push(
        `<text x="${near(at)}" y="${near(down)}" font-size="12" fill="${theme.muted}" ${more}>${escape(words)}</text>`,
      );
    const line = (x1, y1, x2, y2, colour, more = '') =>
      out.push(
        `<path d="M${near(x1)} ${near(y1)}L${near(x2)} ${near(y2)}" stroke="${colour}" fill="none" ${more}/>`,
      );
    for (const [at] of x.grid ? x.ticks : []) line(px(at), top, px(at), top + h, theme.grid);
    for (const [at] of y.grid ? y.ticks : []) line(left, py(at), left + w, py(at), theme.grid);
    let free = -Infinity; // where the next word along the axis may begin
    for (const [at, words] of x.ticks) {
      const half = 3.6 * words.length;
      if (px(at) - half < free) continue;
      text(px(at), top + h + 16, words, 'text-anchor="middle"');
      free = px(at) + half + 6;
    }
    for (const [at, words] of y.ticks)
      text(
        left - 6,
        py(at) + 4,
        words,
        `text-anchor="end" style="font-size:${y.size}px${y.text ? `;fill:${theme.text}` : ''}"`,
      );
    text(left + w / 2, top + h + 34, x.title, 'text-anchor="middle"');
    if (y.title) text(Math.max(2, left - 30), 12, y.title, '');
    for (const [axis, at, name] of data.rules) {
      if (axis === 'x') {
        line(px(at), top, px(at), top + h, theme.muted, 'stroke-dasharray="2 3"');
        const half = 3.4 * name.length;
        if (name)
          text(
            Math.min(Math.max(px(at), left + half + (y.title ? 40 : 0)), left + w - half),
            top - 7,
            name,
            'text-anchor="middle"',
          );
      } else line(left, py(at), left + w, py(at), theme.muted, 'stroke-dasharray="2 3"');
    }
    for (const [row, from, to] of data.spans)
      line(px(from), py(row), px(to), py(row), theme.grid, 'stroke-width="3"');
    this.marks = [];
    for (const s of series) this.series(s, out, {px, py, near, line, floor: top + h, left});
    for (const [words, colour, at] of data.ends)
      out.push(
        `<text x="${near(left + w + 6)}" y="${near(py(at) + 4)}" font-size="13" fill="${colour}">${escape(words)}</text>`,
      );
    out.push('<circle class="at" r="7" fill="none" style="display:none"/>');
    this.svg.setAttribute('viewBox', `0 0 ${this.width} ${height}`);
    this.svg.style.height = `${height}px`;
    this.svg.innerHTML = out.join('');
    this.ring = this.svg.querySelector('.at');
    this.cursor = null;
    this.tip.style.display = 'none';
  }

  series(s, out, {px, py, near, line, floor, left}) {
    const {theme, clickable} = this.data;
    const spots = s.x.map((v, i) => (v === null || s.y[i] === null ? null : [near(px(v)), near(py(s.y[i]))]));
    const pick = i => (clickable ? `class="pick" data-id="${s.ids[i]}"` : '');
    if (s.kind === 'bars') {
      spots.forEach(
        (spot, i) =>
          spot &&
          out.push(
            `<rect x="${left}" y="${spot[1] - 7}" width="${Math.max(0, spot[0] - left)}" height="14" ` +
              `fill="${s.colour}" ${pick(i)}/><text x="${spot[0] + 5}" y="${spot[1] + 4}" font-size="12" fill="${theme.text}">${s.x[i].toFixed(3)}</text>`,
          ),
      );
    } else if (s.kind === 'dots') {
      s.whiskers.forEach(
        ([low, high], i) =>
          spots[i] && line(px(low), spots[i][1], px(high), spots[i][1], s.colour, 'stroke-width="1.4"'),
      );
      spots.forEach((spot, i) => spot && out.push(mark(s, ...spot, theme.surface, pick(i))));
    } else {
      let d = '',
        before = null;
      for (const spot of spots) {
        if (spot)
          d += before
            ? s.kind === 'steps'
              ? `H${spot[0]}V${spot[1]}`
              : `L${spot[0]} ${spot[1]}`
            : `M${spot[0]} ${spot[1]}`;
        before = spot;
      }
      const first = spots.find(Boolean),
        last = spots.findLast(Boolean);
      if (s.fill && first)
        out.push(`<path d="${d}V${near(floor)}H${first[0]}Z" fill="${s.colour}" fill-opacity="${s.fill}"/>`);
      if (last)
        out.push(
          `<path d="${d}" fill="none" stroke="${s.colour}" stroke-width="2" stroke-linejoin="round"/>`,
        );
    }
    // A step answers in its middle: the last corner only ends it.
    spots.forEach((spot, i) => {
      if (!spot || (s.kind === 'steps' && i + 1 >= spots.length)) return;
      const middle = s.kind === 'steps' && spots[i + 1] ? (spot[0] + spots[i + 1][0]) / 2 : spot[0];
      this.marks.push({
        x: middle,
        y: spot[1],
        s,
        words: s.notes[i] ?? '',
        id: s.ids[i],
        row: s.kind === 'dots' || s.kind === 'bars' ? s.y[i] : null,
      });
    });
    if (s.now) {
      const [x, y, words] = s.now,
        at = [near(px(x)), near(py(y))];
      out.push(mark(s, ...at, theme.surface));
      this.marks.push({x: at[0], y: at[1], s, words, row: null});
    }
  }

  // The nearest mark answers; whether there is one.
  moved(event) {
    const area = this.svg.getBoundingClientRect();
    const x = event.clientX - area.left,
      y = event.clientY - area.top;
    let best = null,
      least = REACH * REACH;
    for (const m of this.marks ?? []) {
      const apart =
        m.s.kind === 'bars' ? (Math.abs(y - m.y) < 12 ? 1 : Infinity) : (m.x - x) ** 2 + (m.y - y) ** 2;
      if (apart < least) [best, least] = [m, apart];
    }
    this.point(best);
    return best !== null;
  }

  point(m) {
    this.cursor = m;
    if (!this.ring) return;
    this.ring.style.display = m ? '' : 'none';
    this.tip.style.display = m ? 'block' : 'none';
    if (!m) return;
    for (const [name, value] of [
      ['cx', m.x],
      ['cy', m.y],
      ['stroke', m.s.colour],
    ])
      this.ring.setAttribute(name, value);
    this.tip.innerHTML = `<b>${escape(m.s.name)}</b> ${escape(m.words)}`;
    const down = this.svg.offsetTop + m.y;
    this.tip.style.left = `${Math.max(0, Math.min(m.x + 12, this.width - this.tip.offsetWidth))}px`;
    this.tip.style.top = `${down - this.tip.offsetHeight - 10 < 0 ? down + 12 : down - this.tip.offsetHeight - 10}px`;
  }

  choose() {
    if (this.data.clickable && this.cursor?.id !== undefined) this.send('picked', this.cursor.id);
  }

  typed(event) {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (!this.data.clickable || (!step && event.key !== 'Enter')) return;
    event.preventDefault();
    if (!step) return this.choose();
    const own = this.marks.filter(
      m => m.s === (this.cursor?.s ?? this.data.series[this.data.first ?? 0]) && m.row !== null,
    );
    const now = own.indexOf(this.cursor);
    if (own.length) this.point(own[Math.min(own.length - 1, Math.max(0, now + step))]);
  }
}
