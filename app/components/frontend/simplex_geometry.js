// The triangle of three classes: probabilities as places, and places as probabilities.

/** @typedef {import('./util.js').XY} XY */

export const BOX = {width: 440, height: 400}; // units of the SVG

/** @type {XY[]} The corner of each class. */
export const CORNERS = [
  [220, 34],
  [34, 356],
  [406, 356],
];
export const SIDE = 372; // units of the SVG

const LEAST = 1e-3; // a point does not reach an edge, where its logits would be infinite

/**
 * The place of three weights. For gradients the weights may be any numbers.
 * @param {number[]} weights
 * @returns {XY}
 */
export function placeOf(weights) {
  const coordinate = (/** @type {0 | 1} */ k) => weights.reduce((sum, x, c) => sum + x * CORNERS[c][k], 0);
  return [coordinate(0), coordinate(1)];
}

/**
 * The probabilities of a place. A place outside the triangle is moved into it.
 * @param {XY} place
 */
export function probabilitiesAt([x, y]) {
  const [[ax, ay], [bx, by], [cx, cy]] = CORNERS;
  const area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy);
  const a = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area;
  const b = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area;
  return keepInside([a, b, 1 - a - b]);
}

/**
 * Move probabilities off the edges.
 * @param {number[]} p
 */
export function keepInside(p) {
  const raised = p.map(x => Math.max(LEAST, x));
  const sum = raised.reduce((a, b) => a + b, 0);
  return raised.map(x => x / sum);
}

/**
 * Logits with the given probabilities at temperature T, and the mean of other logits.
 * @param {number[]} p
 * @param {number[]} logits
 * @param {number} T
 */
export function logitsOf(p, logits, T) {
  const mean = (/** @type {number[]} */ values) => values.reduce((a, b) => a + b, 0) / 3;
  const logs = p.map(x => T * Math.log(x));
  const middle = mean(logs);
  const target = mean(logits);
  return logs.map(x => x - middle + target);
}
