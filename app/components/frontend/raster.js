// Draws points into pixels: anti-aliased stamps, blended one after the other. Tens of thousands of points take
// milliseconds, with or without a graphics card.
import {contextOf, pixel, rgb} from './util.js';

const SUB = 4; // positions within a pixel, in each direction

/**
 * The pixels that a marker covers, relative to the pixel of its centre.
 * @typedef {object} Stamp
 * @property {number} reach The furthest pixel.
 * @property {Int16Array} xs
 * @property {Int16Array} ys
 * @property {Uint8Array} alphas How much of each pixel is covered, 0 to 255.
 */

/**
 * Points that are drawn alike.
 * @typedef {object} Pass
 * @property {Uint32Array} which The points, as indices.
 * @property {string} colour
 * @property {string} symbol "circle" or "diamond".
 * @property {number} radius CSS pixels.
 * @property {number} alpha 0 to 1.
 * @property {string | null} rim The colour of a ring of one pixel around each marker.
 */

/** @type {Map<string, Stamp>} */
const stamps = new Map();

/**
 * Whether a place is inside a marker at the origin.
 * @param {string} symbol
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 */
function covers(symbol, x, y, radius) {
  if (symbol === 'diamond') return Math.abs(x) + Math.abs(y) <= 1.25 * radius;
  return x * x + y * y <= radius * radius;
}

/**
 * The stamp of a marker whose centre is (sx, sy) / SUB of a pixel away from the middle of a pixel.
 * @param {string} symbol
 * @param {number} radius Device pixels.
 * @param {number} sx
 * @param {number} sy
 * @returns {Stamp}
 */
function stampOf(symbol, radius, sx, sy) {
  const key = `${symbol}/${radius.toFixed(2)}/${sx}/${sy}`;
  const known = stamps.get(key);
  if (known) return known;
  const reach = Math.ceil(1.25 * radius + 1);
  const covered = [];
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++) {
      let hits = 0;
      for (let v = 0; v < SUB; v++)
        for (let u = 0; u < SUB; u++) {
          const dx = x + (u + 0.5) / SUB - 0.5 - sx / SUB;
          const dy = y + (v + 0.5) / SUB - 0.5 - sy / SUB;
          if (covers(symbol, dx, dy, radius)) hits++;
        }
      if (hits) covered.push({x, y, alpha: Math.round((255 * hits) / (SUB * SUB))});
    }
  const stamp = {
    reach,
    xs: Int16Array.from(covered, cell => cell.x),
    ys: Int16Array.from(covered, cell => cell.y),
    alphas: Uint8Array.from(covered, cell => cell.alpha),
  };
  stamps.set(key, stamp);
  return stamp;
}

/** A canvas that points are drawn on. */
export class Raster {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = contextOf(canvas);
    this.ratio = 1;
    this.image = this.context.createImageData(canvas.width, canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.bytes = new Uint8Array(this.image.data.buffer);
  }

  /**
   * Start a new picture.
   * @param {number} width CSS pixels.
   * @param {number} height CSS pixels.
   * @param {number} ratio Device pixels per CSS pixel.
   * @param {string} surface The background's colour.
   */
  clear(width, height, ratio, surface) {
    this.ratio = ratio;
    const w = Math.max(1, Math.round(width * ratio));
    const h = Math.max(1, Math.round(height * ratio));
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w;
      this.canvas.height = h;
      this.image = this.context.createImageData(w, h);
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.bytes = new Uint8Array(this.image.data.buffer);
    }
    this.pixels.fill(pixel(rgb(surface)));
  }

  /**
   * Draw a pass.
   * @param {Float32Array} places CSS pixels: point i is at places[2 i], places[2 i + 1].
   * @param {Pass} pass
   * @param {number} step Draw only every `step`-th point.
   */
  pass(places, {which, colour, symbol, radius, alpha, rim}, step = 1) {
    const ratio = this.ratio;
    const layer = (/** @type {string} */ hex, /** @type {number} */ size, /** @type {number} */ opacity) => {
      const grid = [];
      for (let v = 0; v < SUB; v++)
        for (let u = 0; u < SUB; u++)
          grid.push(stampOf(symbol, size * ratio, u - SUB / 2 + 0.5, v - SUB / 2 + 0.5));
      return {channels: rgb(hex), grid, weight: Math.round(256 * opacity)};
    };
    const layers = rim ? [layer(rim, radius + 1, 1)] : [];
    layers.push(layer(colour, radius, alpha));
    for (let j = 0; j < which.length; j += step) {
      const i = which[j];
      const x = places[2 * i] * ratio;
      const y = places[2 * i + 1] * ratio;
      const px = Math.floor(x);
      const py = Math.floor(y);
      const position = Math.floor((y - py) * SUB) * SUB + Math.floor((x - px) * SUB);
      for (const {grid, channels, weight} of layers) this.put(px, py, grid[position], channels, weight);
    }
  }

  /**
   * Blend one stamp into the picture.
   * @param {number} px
   * @param {number} py
   * @param {Stamp} stamp
   * @param {import('./util.js').Rgb} channels
   * @param {number} weight The opacity, 0 to 256.
   */
  put(px, py, {xs, ys, alphas, reach}, [r, g, b], weight) {
    const {width, height} = this.image;
    const data = this.bytes;
    if (px < -reach || py < -reach || px >= width + reach || py >= height + reach) return;
    const whole = px >= reach && py >= reach && px < width - reach && py < height - reach;
    for (let j = 0; j < xs.length; j++) {
      const x = px + xs[j];
      const y = py + ys[j];
      if (!whole && (x < 0 || y < 0 || x >= width || y >= height)) continue;
      const a = (alphas[j] * weight) >> 8;
      const k = 4 * (y * width + x);
      const rest = 255 - a;
      data[k] = ((r * a + data[k] * rest) * 257 + 257) >> 16;
      data[k + 1] = ((g * a + data[k + 1] * rest) * 257 + 257) >> 16;
      data[k + 2] = ((b * a + data[k + 2] * rest) * 257 + 257) >> 16;
    }
  }

  show() {
    this.context.putImageData(this.image, 0, 0);
  }
}
