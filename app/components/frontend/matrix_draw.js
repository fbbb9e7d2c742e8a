// The parts of a class-by-class matrix on its canvas: names, blocks, values, cursor and colour bar.
import {LONGEST, shadeOf} from './matrix_data.js';
import {colourScale, minus, textOn} from './util.js';

/** @typedef {import('./matrix_data.js').MatrixData} MatrixData */
/** @typedef {import('./matrix_data.js').Frame} Frame */
/** @typedef {import('./matrix_data.js').Cell} Cell */
/** @typedef {import('./matrix_data.js').Point} Point */

const ANNOTATED = 12; // at most so many visible classes have their values in the cells
const NARROWEST = 27; // pixels of a cell with its value

/**
 * Shorten a text to a width.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} room
 */
function cut(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let shorter = text;
  while (shorter.length > 1 && context.measureText(`${shorter}…`).width > room)
    shorter = shorter.slice(0, -1);
  return `${shorter}…`;
}

/**
 * Write a text from bottom to top.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} x
 * @param {number} y
 */
function writeUpright(context, text, x, y) {
  context.save();
  context.translate(x, y);
  context.rotate(-Math.PI / 2);
  context.fillText(text, 0, 0);
  context.restore();
}

/**
 * Write the names of classes along the axes, and the axis titles.
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {MatrixData} data
 * @param {number[]} order
 */
export function drawNames(context, frame, data, order) {
  const {left, top, side, r0, c0, rows, columns, cellW, cellH} = frame;
  const name = (/** @type {number} */ place) => cut(context, data.names[order[place]], LONGEST);
  context.fillStyle = data.theme.text;
  context.textBaseline = 'middle';
  if (frame.labelled) {
    context.textAlign = 'right';
    for (let i = 0; i < rows; i++) context.fillText(name(r0 + i), left - 5, top + (i + 0.5) * cellH);
    context.textAlign = 'left';
    for (let i = 0; i < columns; i++) writeUpright(context, name(c0 + i), left + (i + 0.5) * cellW, top - 5);
  }
  context.fillStyle = data.theme.muted;
  context.textAlign = 'center';
  if (data.x_title) context.fillText(data.x_title, left + side / 2, 8);
  if (data.y_title) writeUpright(context, data.y_title, 8, top + side / 2);
}

/**
 * Draw thin lines between blocks of classes, and write their names beside the rows where there is room.
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {MatrixData} data
 */
export function drawBlocks(context, frame, {blocks, theme}) {
  const {left, top, side, r0, c0, rows, columns, cellW, cellH} = frame;
  context.save();
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  context.fillStyle = theme.text;
  context.strokeStyle = theme.text;
  context.lineWidth = 1;
  context.beginPath();
  let from = 0;
  let below = -Infinity; // the place of the name above
  for (const [name, count] of blocks) {
    const start = Math.max(from, r0);
    const end = Math.min(from + count, r0 + rows);
    const y = top + ((start + end) / 2 - r0) * cellH;
    if (frame.named && end > start && y - below >= 13) {
      context.fillText(cut(context, name, LONGEST), left - 5, y);
      below = y;
    }
    const row = from - r0;
    const column = from - c0;
    if (row > 0 && row < rows) {
      context.moveTo(left, top + row * cellH);
      context.lineTo(left + side, top + row * cellH);
    }
    if (column > 0 && column < columns) {
      context.moveTo(left + column * cellW, top);
      context.lineTo(left + column * cellW, top + side);
    }
    from += count;
  }
  context.globalAlpha = 0.35;
  context.stroke();
  context.restore();
}

/**
 * Write the values that are known into the cells, if they are few and wide enough.
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {MatrixData} data
 * @param {(row: number, column: number) => number} valueAt
 */
export function drawValues(context, frame, {zmin, zmax, stops, decimals}, valueAt) {
  const {left, top, r0, c0, rows, columns, cellW, cellH} = frame;
  if (Math.max(rows, columns) > ANNOTATED || cellW < NARROWEST) return;
  const colour = colourScale(stops);
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const value = valueAt(r0 + r, c0 + c);
      if (Number.isNaN(value)) continue;
      context.fillStyle = textOn(colour(shadeOf(value, zmin, zmax) / 255));
      const x = left + (c + 0.5) * cellW;
      context.fillText(shortValue(value, decimals), x, top + (r + 0.5) * cellH);
    }
  }
}

/**
 * A value for its cell: "0", "1" or ".25", "−.25".
 * @param {number} value
 * @param {number} decimals
 */
function shortValue(value, decimals) {
  const text = minus(value.toFixed(decimals));
  if (Number(value.toFixed(decimals)) === 0) return '0';
  return text === '1.00' ? '1' : text.replace(/^(−?)0\./, '$1.');
}

/**
 * Draw dashed lines through the cell under the cursor.
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Cell} cursor In the order shown.
 * @param {string} colour
 */
export function drawCross(context, {left, top, side, r0, c0, cellW, cellH}, [row, column], colour) {
  const y = top + (row - r0 + 0.5) * cellH;
  const x = left + (column - c0 + 0.5) * cellW;
  if (y < top || y > top + side || x < left || x > left + side) return;
  context.save();
  context.strokeStyle = colour;
  context.globalAlpha = 0.55;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(left, y);
  context.lineTo(left + side, y);
  context.moveTo(x, top);
  context.lineTo(x, top + side);
  context.stroke();
  context.restore();
}

/**
 * Outline the selected cell.
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Cell} cell In the order shown.
 * @param {string} colour
 */
export function drawOutline(context, {left, top, r0, c0, rows, columns, cellW, cellH}, cell, colour) {
  const row = cell[0] - r0;
  const column = cell[1] - c0;
  if (!(row >= 0 && row < rows && column >= 0 && column < columns)) return;
  const grow = Math.max(1, 5 - cellW / 2); // a small cell is outlined at a distance
  context.strokeStyle = colour;
  context.lineWidth = 2;
  const x = left + column * cellW - grow;
  const y = top + row * cellH - grow;
  context.strokeRect(x, y, cellW + 2 * grow, cellH + 2 * grow);
}

/**
 * Draw the rectangle that a person drags to zoom.
 * @param {CanvasRenderingContext2D} context
 * @param {Point} from
 * @param {Point} to
 * @param {string} colour
 */
export function drawRubber(context, from, to, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  const x = Math.min(from.x, to.x);
  const y = Math.min(from.y, to.y);
  context.strokeRect(x, y, Math.abs(from.x - to.x), Math.abs(from.y - to.y));
}

/**
 * An end of the colour scale with three digits, such as "0.6" or "−0.0137". Counts from 1,000 are whole.
 * @param {number} value
 */
function endText(value) {
  const rounded = Math.abs(value) < 1000 ? Number(value.toPrecision(3)) : Math.round(value);
  return minus(rounded.toLocaleString('en', {maximumFractionDigits: 20}));
}

/**
 * Draw the colour bar below the matrix.
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {MatrixData} data
 */
export function drawBar(context, {left, top, side}, {zmin, zmax, stops, theme, value_name}) {
  const width = Math.min(220, side);
  const x = left + (side - width) / 2;
  const y = top + side + 10;
  const fill = context.createLinearGradient(x, 0, x + width, 0);
  for (const [at, colour] of stops) fill.addColorStop(at, colour);
  context.fillStyle = fill;
  context.fillRect(x, y, width, 7);
  context.strokeStyle = theme.grid;
  context.strokeRect(x + 0.5, y + 0.5, width - 1, 6);
  context.fillStyle = theme.muted;
  context.textBaseline = 'top';
  context.textAlign = 'left';
  context.fillText(endText(zmin), x, y + 13);
  context.textAlign = 'right';
  context.fillText(endText(zmax), x + width, y + 13);
  context.textAlign = 'center';
  context.fillText(value_name, x + width / 2, y + 13);
}
