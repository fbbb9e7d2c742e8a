// A chart of lines, steps, dots or bars in SVG, with hover, click, arrow keys and Enter. `Plot` in
// bickd_viz/charts/plot.py describes what is drawn.
import {legendHtml, lineSvg, marksOf, seriesSvg, tenth} from './plot_marks.js';
import {clamp, escapeHtml, isBrowserKey, isolated, make, mount, placeTip, setColours} from './util.js';

/** @typedef {import('./plot_marks.js').Mark} Mark */
/** @typedef {import('./plot_marks.js').Scales} Scales */

/**
 * @typedef {object} PlotAxis
 * @property {number} low
 * @property {number} high
 * @property {[at: number, text: string][]} ticks
 * @property {string} title
 * @property {boolean} grid Whether each tick has a line.
 */

/**
 * @typedef {object} PlotData
 * @property {number} height Pixels, the legend included.
 * @property {[top: number, right: number, bottom: number, left: number]} margin
 * @property {PlotAxis} x
 * @property {PlotAxis & {size: number, text: boolean}} y Its font size, and whether its ticks name things.
 * @property {import('./plot_marks.js').Series[]} series
 * @property {'above' | 'below' | 'ends' | ''} names Where the names of the series are.
 * @property {[text: string, colour: string, at: number][]} ends Names at the ends of lines.
 * @property {[axis: 'x' | 'y', at: number, name: string][]} rules Dotted lines.
 * @property {number} first The series that the keyboard walks.
 * @property {[y: number, from: number, to: number][]} spans Pale lines behind the dots.
 * @property {import('./util.js').Theme} theme
 * @property {string} label For screen readers.
 * @property {boolean} clickable
 */

const REACH = 30; // pixels from the pointer within which a mark answers
const BAR_REACH = 12; // pixels above or below the middle of a bar
const FRAME =
  '<div class="names"></div><svg role="img"></svg><div class="names"></div><div class="tip"></div>';

/** @param {import('./util.js').Component<PlotData>} component */
export default component => mount(component, Plot);

class Plot {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.box = make('div', root, 'bkplot');
    this.box.innerHTML = FRAME;
    const [above, svg, below, tip] = this.box.children;
    this.above = /** @type {HTMLElement} */ (above);
    this.svg = /** @type {SVGSVGElement} */ (svg);
    this.below = /** @type {HTMLElement} */ (below);
    this.tip = /** @type {HTMLElement} */ (tip);
    this.spoken = make('div', this.box, 'spoken');
    this.spoken.setAttribute('aria-live', 'polite');
    this.width = 0;
    this.content = '';
    /** @type {PlotData | null} */
    this.data = null;
    /** @type {Mark[]} */
    this.marks = [];
    /** @type {Mark | null} */
    this.cursor = null;
    /** @type {SVGElement | null} */
    this.ring = null;
    /** @type {(name: string, value: unknown) => void} */
    this.send = () => {};
    this.box.addEventListener('pointermove', event => this.moved(event));
    this.box.addEventListener('pointerleave', () => this.point(null));
    this.box.addEventListener('blur', () => this.point(null));
    this.box.addEventListener('click', event => this.moved(event) && this.choose());
    this.box.addEventListener('keydown', event => this.typed(event));
    this.resizing = new ResizeObserver(() => this.box.clientWidth !== this.width && this.draw());
    this.resizing.observe(this.box);
  }

  stop() {
    this.resizing.disconnect();
    this.box.remove();
  }

  /** @param {import('./util.js').Component<PlotData>} component */
  update({data, setTriggerValue}) {
    this.send = setTriggerValue;
    const content = JSON.stringify(data);
    if (content === this.content) return; // most runs of the page change nothing here
    this.content = content;
    this.data = data;
    setColours(this.box, data.theme);
    this.svg.setAttribute('aria-label', data.label);
    this.box.tabIndex = data.clickable ? 0 : -1;
    if (data.clickable) this.box.setAttribute('role', 'application');
    else this.box.removeAttribute('role');
    if (data.clickable) this.box.setAttribute('aria-label', `${data.label}; arrow keys move, Enter chooses`);
    const legend = data.series.map(legendHtml).join('');
    for (const [place, name] of /** @type {const} */ ([
      [this.above, 'above'],
      [this.below, 'below'],
    ])) {
      place.innerHTML = data.names === name ? legend : '';
      place.style.display = place.innerHTML ? '' : 'none';
    }
    this.draw();
  }

  draw() {
    this.width = this.box.clientWidth;
    const data = this.data;
    if (!this.width || !data) return;
    const {x, y} = data;
    const [top, right, bottom, left] = data.margin;
    const height = data.height - this.above.offsetHeight - this.below.offsetHeight;
    const w = Math.max(40, this.width - left - right);
    const h = Math.max(40, height - top - bottom);
    /** @type {Scales} */
    const scales = {
      px: value => left + ((value - x.low) / (x.high - x.low)) * w,
      py: value => top + ((y.high - value) / (y.high - y.low)) * h,
      left,
      floor: top + h,
    };
    const drawn = frameSvg(data, scales, w, h);
    this.marks = [];
    for (const series of data.series) {
      drawn.push(...seriesSvg(series, scales, data.theme, data.clickable));
      this.marks.push(...marksOf(series, scales));
    }
    for (const [text, colour, at] of data.ends) {
      const place = `x="${tenth(left + w + 6)}" y="${tenth(scales.py(at) + 4)}"`;
      drawn.push(`<text ${place} font-size="13" fill="${colour}">${escapeHtml(text)}</text>`);
    }
    drawn.push('<circle class="at" r="7" fill="none" style="display:none"/>');
    this.svg.setAttribute('viewBox', `0 0 ${this.width} ${height}`);
    this.svg.style.height = `${height}px`;
    this.svg.innerHTML = drawn.join('');
    this.ring = this.svg.querySelector('.at');
    this.cursor = null;
    this.tip.style.display = 'none';
  }

  /**
   * Point at the mark nearest to the pointer. Returns whether there is one within reach.
   * @param {PointerEvent | MouseEvent} event
   */
  moved(event) {
    const area = this.svg.getBoundingClientRect();
    const x = event.clientX - area.left;
    const y = event.clientY - area.top;
    let nearest = null;
    let least = REACH * REACH;
    for (const mark of this.marks) {
      const bar = Math.abs(y - mark.y) < BAR_REACH ? 1 : Infinity;
      const distance = mark.series.kind === 'bars' ? bar : (mark.x - x) ** 2 + (mark.y - y) ** 2;
      if (distance < least) [nearest, least] = [mark, distance];
    }
    this.point(nearest);
    return nearest !== null;
  }

  /**
   * Ring a mark and show its tooltip; null hides both.
   * @param {Mark | null} mark
   */
  point(mark) {
    this.cursor = mark;
    if (!this.ring) return;
    this.ring.style.display = mark ? '' : 'none';
    this.tip.style.display = mark ? 'block' : 'none';
    if (!mark) return;
    this.ring.setAttribute('cx', String(mark.x));
    this.ring.setAttribute('cy', String(mark.y));
    this.ring.setAttribute('stroke', mark.series.colour);
    this.tip.innerHTML = `<b>${escapeHtml(isolated(mark.series.name))}</b> ${escapeHtml(mark.text)}`;
    placeTip(this.tip, {
      left: mark.x + 12,
      y: this.above.offsetHeight + mark.y,
      width: this.width,
      above: 10,
      below: 12,
    });
  }

  choose() {
    if (this.data?.clickable && this.cursor?.id !== undefined) this.send('picked', this.cursor.id);
  }

  /** @param {KeyboardEvent} event */
  typed(event) {
    if (!this.data?.clickable || isBrowserKey(event)) return;
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (!step && event.key !== 'Enter') return;
    event.preventDefault();
    if (!step) {
      this.choose();
      return;
    }
    const walked = this.cursor?.series ?? this.data.series[this.data.first];
    const marks = this.marks.filter(mark => mark.series === walked && mark.row !== null);
    const now = this.cursor ? marks.indexOf(this.cursor) : -1;
    if (marks.length) this.point(marks[clamp(now + step, 0, marks.length - 1)]);
    this.spoken.textContent = this.tip.textContent;
  }
}

/**
 * Draw what is behind the series: grid, axes, rules and spans.
 * @param {PlotData} data
 * @param {Scales} scales
 * @param {number} w Width of the axes.
 * @param {number} h Height of the axes.
 */
function frameSvg({x, y, margin, theme, rules, spans}, {px, py, left, floor}, w, h) {
  const [top] = margin;
  /** @type {string[]} */
  const drawn = [];
  /** @type {(at: number, down: number, text: string, attributes: string) => void} */
  const write = (at, down, text, attributes) => {
    const look = `font-size="12" fill="${theme.muted}" ${attributes}`;
    drawn.push(`<text x="${tenth(at)}" y="${tenth(down)}" ${look}>${escapeHtml(text)}</text>`);
  };
  const upright = (/** @type {number} */ at, /** @type {string} */ colour, attributes = '') =>
    drawn.push(lineSvg(px(at), top, px(at), top + h, colour, attributes));
  const level = (/** @type {number} */ at, /** @type {string} */ colour, attributes = '') =>
    drawn.push(lineSvg(left, py(at), left + w, py(at), colour, attributes));
  if (x.grid) for (const [at] of x.ticks) upright(at, theme.grid);
  if (y.grid) for (const [at] of y.ticks) level(at, theme.grid);
  let free = -Infinity; // where the next text along the axis may begin
  for (const [at, text] of x.ticks) {
    const half = 3.6 * text.length;
    if (px(at) - half < free) continue;
    write(px(at), floor + 16, text, 'text-anchor="middle"');
    free = px(at) + half + 6;
  }
  const tickLook = `font-size:${y.size}px${y.text ? `;fill:${theme.text}` : ''}`;
  for (const [at, text] of y.ticks)
    write(left - 6, py(at) + 4, text, `text-anchor="end" style="${tickLook}"`);
  write(left + w / 2, floor + 34, x.title, 'text-anchor="middle"');
  if (y.title) write(Math.max(2, left - 30), 12, y.title, '');
  for (const [axis, at, name] of rules) {
    if (axis === 'y') {
      level(at, theme.muted, 'stroke-dasharray="2 3"');
      continue;
    }
    upright(at, theme.muted, 'stroke-dasharray="2 3"');
    const half = 3.4 * name.length;
    const start = left + half + (y.title ? 40 : 0);
    if (name)
      write(Math.min(Math.max(px(at), start), left + w - half), top - 7, name, 'text-anchor="middle"');
  }
  for (const [row, from, to] of spans)
    drawn.push(lineSvg(px(from), py(row), px(to), py(row), theme.grid, 'stroke-width="3"'));
  return drawn;
}
