// Finding points on a map: near the pointer, beside another point, or inside a lasso.
import {HIDDEN} from './scatter_data.js';

/** @typedef {import('./util.js').XY} XY */

/**
 * Where the points of a panel are.
 * @typedef {object} Points
 * @property {Float32Array} places CSS pixels: point i is at places[2 i], places[2 i + 1].
 * @property {Uint8Array} groups
 */

/**
 * The point nearest to a place, or -1. Of two at the same distance a selected one is taken.
 * @param {Points} points
 * @param {XY} place
 * @param {Uint8Array} selected
 * @param {number} within Pixels.
 */
export function nearestPoint({places, groups}, [x, y], selected, within) {
  let nearest = -1;
  let least = within * within;
  for (let i = 0; i < groups.length; i++) {
    if (groups[i] === HIDDEN) continue;
    const dx = places[2 * i] - x;
    const dy = places[2 * i + 1] - y;
    const distance = dx * dx + dy * dy;
    if (distance < least || (distance === least && selected[i])) [nearest, least] = [i, distance];
  }
  return nearest;
}

/**
 * The nearest point in a direction. Distance across the direction counts double. If there is none, the point itself.
 * @param {Points} points
 * @param {number} from
 * @param {XY} direction
 */
export function pointBeside({places, groups}, from, [dx, dy]) {
  let nearest = from;
  let least = Infinity;
  for (let i = 0; i < groups.length; i++) {
    if (groups[i] === HIDDEN) continue;
    const x = places[2 * i] - places[2 * from];
    const y = places[2 * i + 1] - places[2 * from + 1];
    const along = x * dx + y * dy;
    const across = Math.abs(x * dy) + Math.abs(y * dx);
    if (along > 0.5 && along + 2 * across < least) [nearest, least] = [i, along + 2 * across];
  }
  return nearest;
}

/**
 * The visible points inside a lasso.
 * @param {Points} points
 * @param {XY[]} lasso
 * @param {{width: number, height: number}} size Of the panel.
 */
export function pointsInside({places, groups}, lasso, {width, height}) {
  const caught = [];
  for (let i = 0; i < groups.length; i++) {
    if (groups[i] === HIDDEN) continue;
    const x = places[2 * i];
    const y = places[2 * i + 1];
    if (x < 0 || y < 0 || x > width || y > height) continue;
    let inside = false;
    for (let a = 0, b = lasso.length - 1; a < lasso.length; b = a++) {
      const [xa, ya] = lasso[a];
      const [xb, yb] = lasso[b];
      if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) inside = !inside;
    }
    if (inside) caught.push(i);
  }
  return caught;
}
