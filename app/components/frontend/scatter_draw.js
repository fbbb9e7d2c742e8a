// What lies over and under the points of a map: background, ring of the hovered sample, lasso, and the tooltip.
import {clamp, isolated, make, placeTip} from './util.js';

/** @typedef {import('./util.js').XY} XY */
/** @typedef {import('./scatter_data.js').MapData} MapData */

/**
 * Start a path through points.
 * @param {CanvasRenderingContext2D} context
 * @param {XY[]} points
 */
function beginPath(context, points) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
}

/**
 * Draw the background's lines and texts. Texts stay inside the panel.
 * @param {CanvasRenderingContext2D} context With the font of the texts.
 * @param {import('./scatter_data.js').Background} background
 * @param {import('./scatter_data.js').MapTheme} theme
 * @param {number} width Of the panel.
 * @param {(x: number, y: number) => XY} pixelsOf
 */
export function drawBackground(context, {lines, labels}, theme, width, pixelsOf) {
  context.lineWidth = 1;
  context.strokeStyle = theme.muted;
  for (const line of lines) {
    beginPath(
      context,
      line.map(([x, y]) => pixelsOf(x, y)),
    );
    context.stroke();
  }
  context.fillStyle = theme.text;
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  for (const [x, y, text] of labels) {
    const [px, py] = pixelsOf(x, y);
    const room = context.measureText(text).width;
    context.fillText(text, clamp(px - room / 2, 2, width - room - 2), py);
  }
}

/**
 * Ring a sample.
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {import('./scatter_data.js').MapTheme} theme
 */
export function drawRing(context, x, y, {surface, text}) {
  context.beginPath();
  context.arc(x, y, 7, 0, 2 * Math.PI);
  context.lineWidth = 4;
  context.strokeStyle = surface;
  context.stroke();
  context.lineWidth = 2;
  context.strokeStyle = text;
  context.stroke();
}

/**
 * Draw a lasso.
 * @param {CanvasRenderingContext2D} context
 * @param {XY[]} lasso
 * @param {string} colour
 */
export function drawLasso(context, lasso, colour) {
  beginPath(context, lasso);
  context.closePath();
  context.lineWidth = 1.5;
  context.strokeStyle = colour;
  context.stroke();
  context.globalAlpha = 0.08;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
}

/**
 * Write what is known of a sample into the tooltip.
 * @param {HTMLElement} tip
 * @param {MapData} data
 * @param {number} i The sample.
 * @param {Element | null} picture
 * @returns {string} The same as one sentence, for screen readers.
 */
export function fillTip(tip, {ids, names, labels, panels}, i, picture) {
  tip.replaceChildren();
  if (picture) tip.append(picture);
  const texts = make('div', tip, 'words');
  make('b', texts, '', labels ? names[labels[i]] : `sample ${ids[i]}`);
  if (labels) make('span', texts, 'note', `id ${ids[i]}`);
  for (const {name, colour, predicted, confidence, moved} of panels) {
    const parts = [];
    if (predicted) parts.push(isolated(names[predicted[i]]) + (confidence ? ` ${confidence[i]}%` : ''));
    if (moved) parts.push(`moved ${(moved[i] / 100).toFixed(2)}`);
    if (!parts.length) continue;
    const row = make('div', texts, 'row');
    make('span', row, 'dot').style.background = colour;
    row.append(`${name}: ${parts.join(', ')}`);
  }
  return [...texts.children].map(part => part.textContent).join('; ');
}

/**
 * Place the tooltip beside a point; above or below it if there is no room at either side.
 * @param {HTMLElement} tip
 * @param {XY} point
 * @param {number} width Of the box.
 */
export function placeTipBeside(tip, [x, y], width) {
  const {offsetWidth: w, offsetHeight: h} = tip;
  const left = x + 16 <= width - w ? x + 16 : x - w - 16;
  if (left < 0) {
    placeTip(tip, {left: x - w / 2, y, width, above: 16, below: 16});
    return;
  }
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.max(0, y - h / 2)}px`;
}
