// What a class-by-class matrix shows, and where its cells are.
import {clamp, colourScale, contextOf, decode64, pixel, rgb} from './util.js';

/** @typedef {[row: number, column: number]} Cell */
/** @typedef {[r0: number, r1: number, c0: number, c1: number]} Visible In the order shown; r1 and c1 are not included. */
/** @typedef {{x: number, y: number}} Point CSS pixels. */

/**
 * What matrix.py sends.
 * @typedef {object} MatrixData
 * @property {number} n The number of classes.
 * @property {string} values Base64 of n x n codes, row by row, as 8 or 16 bits.
 * @property {boolean} wide Whether codes have 16 bits.
 * @property {number} low The value of code 0.
 * @property {number} high The value of the highest code but one; the highest is of unknown values.
 * @property {string[]} names
 * @property {number[] | null} order The classes in the order shown; null for 0 to n - 1.
 * @property {number} zmin The start of the colour scale.
 * @property {number} zmax The end of the colour scale.
 * @property {import('./util.js').Stops} stops
 * @property {import('./util.js').Theme} theme
 * @property {Cell | null} selected The outlined cell, as classes.
 * @property {string} x_title
 * @property {string} y_title
 * @property {string} value_name
 * @property {number} decimals 0 for counts.
 * @property {number} height Pixels that the matrix may use, the colour bar included.
 * @property {string} group Matrices of one group and size share cursor and zoom.
 * @property {[name: string, count: number][]} blocks Neighbouring classes that belong together, in the order shown.
 * @property {number[] | null} pairs The pairs of classes in each cell, n x n; null if a cell is one pair.
 * @property {string} label For screen readers.
 * @property {boolean} clickable
 */

/**
 * Where the visible part of a matrix is on its canvas, in CSS pixels.
 * @typedef {object} Frame
 * @property {number} left
 * @property {number} top
 * @property {number} side
 * @property {number} r0 The first visible row, in the order shown.
 * @property {number} c0 The first visible column.
 * @property {number} rows How many are visible.
 * @property {number} columns
 * @property {number} cellW
 * @property {number} cellH
 * @property {boolean} labelled Whether classes have their names along the axes.
 * @property {boolean} named Whether blocks have their names beside the rows.
 */

export const BAR = 44; // pixels under the matrix for its colour bar
const LABELLED = 20; // at most so many visible classes have names along the axes
const ROOMY = 260; // pixels of the matrix that must remain before blocks have names
export const LONGEST = 110; // pixels of a name
const TITLE = 20; // pixels of an axis title

/**
 * @param {number} from
 * @param {number} to Not included.
 */
const range = (from, to) => Array.from({length: to - from}, (_, i) => from + i);

/**
 * The classes in the order shown.
 * @param {MatrixData} data
 */
export const orderOf = ({n, order}) => order ?? range(0, n);

/**
 * All names in the order shown, as one text. Cursor and zoom are places in this order.
 * @param {MatrixData} data
 */
export const namesShown = data =>
  orderOf(data)
    .map(c => data.names[c])
    .join('\n');

/**
 * Lay out the visible rows and columns.
 * @param {CanvasRenderingContext2D} context With the font of the names.
 * @param {MatrixData} data
 * @param {number[]} order
 * @param {Visible} visible
 * @param {number} width
 * @returns {Frame}
 */
export function layOut(context, data, order, [r0, r1, c0, c1], width) {
  const rows = r1 - r0;
  const columns = c1 - c0;
  const labelled = Math.max(rows, columns) <= LABELLED;
  const longest = (/** @type {string[]} */ names) =>
    Math.min(LONGEST, Math.max(0, ...names.map(name => context.measureText(name).width)));
  const nameOf = (/** @type {number} */ place) => data.names[order[place]];
  const yTitle = data.y_title ? TITLE : 0;
  const beside = labelled ? 0 : longest(data.blocks.map(([name]) => name)) + 6;
  const named = data.blocks.length > 0 && !labelled && width - beside - yTitle >= ROOMY;
  const left = yTitle + (labelled ? longest(range(r0, r1).map(nameOf)) + 6 : named ? beside : 0);
  const top = (data.x_title ? TITLE : 0) + (labelled ? longest(range(c0, c1).map(nameOf)) + 6 : 0);
  const side = Math.max(60, Math.min(width - left, data.height - top - BAR));
  const start = left + Math.max(0, (width - left - side) / 2);
  const size = {side, rows, columns, cellW: side / columns, cellH: side / rows};
  return {left: start, top, r0, c0, labelled, named, ...size};
}

/**
 * The place of a value on the colour scale, 0 to 255.
 * @param {number} value
 * @param {number} zmin
 * @param {number} zmax
 */
export const shadeOf = (value, zmin, zmax) =>
  Math.round(255 * Math.min(1, Math.max(0, (value - zmin) / (zmax - zmin))));

/**
 * The values [n x n], row by row; NaN if one is not known.
 * @param {MatrixData} data
 */
export function decodeValues({values, wide, low, high}) {
  const bytes = decode64(values);
  const codes = wide ? new Uint16Array(bytes.buffer) : bytes;
  const top = wide ? 65534 : 254;
  const step = (high - low) / top;
  return Float32Array.from(codes, code => (code > top ? Number.NaN : low + step * code));
}

/**
 * Paint the whole matrix on a canvas, one pixel a cell, in the order shown. Unknown values have the grid's colour.
 * @param {HTMLCanvasElement} canvas
 * @param {MatrixData} data
 * @param {(row: number, column: number) => number} valueAt
 */
export function paintCells(canvas, {n, zmin, zmax, stops, theme}, valueAt) {
  const colour = colourScale(stops);
  const unknown = pixel(rgb(theme.grid));
  const shades = Uint32Array.from({length: 256}, (_, i) => pixel(colour(i / 255)));
  canvas.width = n;
  canvas.height = n;
  const image = new ImageData(n, n);
  const pixels = new Uint32Array(image.data.buffer);
  for (let r = 0, k = 0; r < n; r++)
    for (let c = 0; c < n; c++, k++) {
      const value = valueAt(r, c);
      pixels[k] = Number.isNaN(value) ? unknown : shades[shadeOf(value, zmin, zmax)];
    }
  contextOf(canvas).putImageData(image, 0, 0);
}

/**
 * The cell at a point, in the order shown; null outside the matrix.
 * @param {Frame} frame
 * @param {Point} point
 * @returns {Cell | null}
 */
export function cellAt({left, top, cellW, cellH, rows, columns, r0, c0}, {x, y}) {
  const row = Math.floor((y - top) / cellH);
  const column = Math.floor((x - left) / cellW);
  return row < 0 || column < 0 || row >= rows || column >= columns ? null : [row + r0, column + c0];
}

/**
 * The rows and columns between two points; null if they are less than two rows and two columns.
 * @param {Frame} frame
 * @param {Point} from
 * @param {Point} to
 * @returns {Visible | null}
 */
export function visibleBetween(frame, from, to) {
  const {left, top, side} = frame;
  const inside = (/** @type {Point} */ {x, y}) =>
    cellAt(frame, {x: clamp(x, left, left + side - 0.01), y: clamp(y, top, top + side - 0.01)});
  const a = inside(from);
  const b = inside(to);
  if (!a || !b) return null;
  const [r0, r1] = [Math.min(a[0], b[0]), Math.max(a[0], b[0]) + 1];
  const [c0, c1] = [Math.min(a[1], b[1]), Math.max(a[1], b[1]) + 1];
  return r1 - r0 > 1 && c1 - c0 > 1 ? [r0, r1, c0, c1] : null;
}
