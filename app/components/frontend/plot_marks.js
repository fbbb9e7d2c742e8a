// The lines, steps, dots and bars of one series of a chart, as SVG text, and the places that answer the pointer.
import {escapeHtml, fixed} from './util.js';

/**
 * One series, see `Series` in bickd_viz/charts/plot.py.
 * @typedef {object} Series
 * @property {string} name
 * @property {string} colour
 * @property {string} symbol Of its dots, a key of SHAPES.
 * @property {'line' | 'steps' | 'dots' | 'bars'} kind
 * @property {(number | null)[]} x Null leaves a gap.
 * @property {(number | null)[]} y
 * @property {string[]} notes The tooltip's text after the name.
 * @property {number[]} ids What a click reports; may be empty.
 * @property {number} fill The opacity of the area below a line or steps.
 * @property {boolean} points Whether a line has its symbol at each x.
 * @property {[low: number, high: number][]} whiskers Along x; may be empty.
 * @property {[x: number, y: number, text: string] | null} now An extra dot.
 */

/**
 * How a chart's values become pixels.
 * @typedef {object} Scales
 * @property {(value: number) => number} px
 * @property {(value: number) => number} py
 * @property {number} left The start of the x axis.
 * @property {number} floor The x axis's place.
 */

/**
 * A place that shows a tooltip.
 * @typedef {object} Mark
 * @property {number} x
 * @property {number} y
 * @property {Series} series
 * @property {string} text
 * @property {number} [id] What a click reports.
 * @property {number | null} row The row of a ranking, which the keyboard walks.
 */

/** @type {Record<string, string | undefined>} */
const SHAPES = {
  square: 'M-5-5H5V5H-5Z',
  diamond: 'M0-6.5 6.5 0 0 6.5-6.5 0Z',
  'triangle-up': 'M0-6 6 5H-6Z',
  'triangle-down': 'M0 6 6-5H-6Z',
  cross: 'M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z',
  x: 'M-3-6 0-3 3-6 6-3 3 0 6 3 3 6 0 3-3 6-6 3-3 0-6-3Z',
  pentagon: 'M0-6 6-1.5 3.7 5.5H-3.7L-6-1.5Z',
  star: 'M0-7 1.7-2.3 6.7-2.2 2.7.9 4.1 5.7 0 2.8-4.1 5.7-2.7.9-6.7-2.2-1.7-2.3Z',
};

/**
 * Round to tenths of a pixel.
 * @param {number} value
 */
export const tenth = value => +value.toFixed(1);

/**
 * A series' symbol. A symbol that is not in SHAPES is a circle.
 * @param {Series} series
 * @param {number} x
 * @param {number} y
 * @param {string} outline The colour of its outline.
 * @param {string} [attributes]
 */
export function symbolSvg({symbol, colour}, x, y, outline, attributes = '') {
  const shape = SHAPES[symbol];
  const look = `fill="${colour}" stroke="${outline}" ${attributes}`;
  if (!shape) return `<circle cx="${x}" cy="${y}" r="5.3" ${look}/>`;
  return `<path d="${shape}" transform="translate(${x} ${y})" ${look}/>`;
}

/**
 * A straight line.
 * @param {number} x1
 * @param {number} y1
 * @param {number} x2
 * @param {number} y2
 * @param {string} colour
 * @param {string} [attributes]
 */
export const lineSvg = (x1, y1, x2, y2, colour, attributes = '') =>
  `<path d="M${tenth(x1)} ${tenth(y1)}L${tenth(x2)} ${tenth(y2)}" stroke="${colour}" fill="none" ${attributes}/>`;

/**
 * The legend's entry of a series.
 * @param {Series} series
 */
export function legendHtml(series) {
  const line = `<path d="M-9 0H9" stroke="${series.colour}" stroke-width="2.5"/>`;
  const sign = series.kind === 'dots' ? symbolSvg(series, 0, 0, 'none') : line;
  return `<span><svg viewBox="-9 -6 18 12">${sign}</svg>${escapeHtml(series.name)}</span>`;
}

/**
 * Where the values of a series are, in pixels. Null marks a gap.
 * @param {Series} series
 * @param {Scales} scales
 */
function spotsOf({x, y}, {px, py}) {
  return x.map((value, i) => {
    const height = y[i];
    return value === null || height === null ? null : {x: tenth(px(value)), y: tenth(py(height))};
  });
}

/**
 * @typedef {(ReturnType<typeof spotsOf>[number])} Spot
 */

/**
 * Draw a series.
 * @param {Series} series
 * @param {Scales} scales
 * @param {import('./util.js').Theme} theme
 * @param {boolean} clickable
 * @returns {string[]} Elements, from back to front.
 */
export function seriesSvg(series, scales, theme, clickable) {
  const {px, py} = scales;
  const spots = spotsOf(series, scales);
  const drawn = [];
  const pick = (/** @type {number} */ i) => (clickable ? `class="pick" data-id="${series.ids[i]}"` : '');
  if (series.kind === 'bars') {
    const zero = tenth(px(0));
    for (const [i, spot] of spots.entries()) {
      if (!spot) continue;
      const width = tenth(Math.abs(spot.x - zero));
      const place = `x="${Math.min(zero, spot.x)}" y="${spot.y - 7}" width="${width}" height="14"`;
      const beside = spot.x < zero ? `x="${spot.x - 5}" text-anchor="end"` : `x="${spot.x + 5}"`;
      const label = `${beside} y="${spot.y + 4}" font-size="12" fill="${theme.text}"`;
      drawn.push(`<rect ${place} fill="${series.colour}" ${pick(i)}/>`);
      drawn.push(`<text ${label}>${fixed(Number(series.x[i]), 3)}</text>`);
    }
  } else if (series.kind === 'dots') {
    for (const [i, [low, high]] of series.whiskers.entries()) {
      const spot = spots[i];
      if (spot) drawn.push(lineSvg(px(low), spot.y, px(high), spot.y, series.colour, 'stroke-width="1.4"'));
    }
    for (const [i, spot] of spots.entries())
      if (spot) drawn.push(symbolSvg(series, spot.x, spot.y, theme.surface, pick(i)));
  } else {
    drawn.push(...courseSvg(series, spots, scales.floor));
    if (series.points)
      for (const spot of spots) if (spot) drawn.push(symbolSvg(series, spot.x, spot.y, 'none'));
  }
  if (series.now)
    drawn.push(symbolSvg(series, tenth(px(series.now[0])), tenth(py(series.now[1])), theme.surface));
  return drawn;
}

/**
 * Draw a line or steps, and the area below them.
 * @param {Series} series
 * @param {Spot[]} spots
 * @param {number} floor
 */
function courseSvg({kind, colour, fill}, spots, floor) {
  let path = '';
  let before = null;
  for (const spot of spots) {
    if (spot && !before) path += `M${spot.x} ${spot.y}`;
    else if (spot) path += kind === 'steps' ? `H${spot.x}V${spot.y}` : `L${spot.x} ${spot.y}`;
    before = spot;
  }
  const first = spots.find(Boolean);
  if (!first) return [];
  const stroke = `fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"`;
  const line = `<path d="${path}" ${stroke}/>`;
  if (!fill) return [line];
  return [`<path d="${path}V${tenth(floor)}H${first.x}Z" fill="${colour}" fill-opacity="${fill}"/>`, line];
}

/**
 * The places of a series that show a tooltip.
 * @param {Series} series
 * @param {Scales} scales
 * @returns {Mark[]}
 */
export function marksOf(series, scales) {
  /** @type {Mark[]} */
  const marks = [];
  const spots = spotsOf(series, scales);
  const steps = series.kind === 'steps';
  const ranking = series.kind === 'dots' || series.kind === 'bars';
  for (const [i, spot] of spots.entries()) {
    if (!spot || (steps && i + 1 >= spots.length)) continue; // the last corner only ends its step
    const next = spots[i + 1];
    const x = steps && next ? (spot.x + next.x) / 2 : spot.x; // the middle of a step
    marks.push({
      x,
      y: spot.y,
      series,
      text: series.notes[i] ?? '',
      id: series.ids[i],
      row: ranking ? series.y[i] : null,
    });
  }
  if (series.now) {
    const [x, y, text] = series.now;
    marks.push({x: tenth(scales.px(x)), y: tenth(scales.py(y)), series, text, row: null});
  }
  return marks;
}
