// The class Grams of the epochs player, one for each model. Hovering one cell marks it in all of them.
import {indexAt} from './epochs_lines.js';
import {clamp, colourScale, contextOf, decode64, isolated, make, pixel, rgb} from './util.js';

/** @typedef {import('./epochs_lines.js').EpochModel} EpochModel */
/** @typedef {import('./epochs_lines.js').EpochsData} EpochsData */

/**
 * One model's Gram.
 * @typedef {object} Tile
 * @property {EpochModel} model
 * @property {HTMLElement} note
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLElement} cross Marks the hovered cell.
 * @property {Uint8Array} bytes All Grams of the model.
 * @property {number} first The first byte of the Gram that is shown.
 * @property {ImageData} image
 */

const UNKNOWN = 255; // the code of a cosine that is not known
const SMALLEST = 8; // pixels of the mark on a hovered cell

/** All Grams at one epoch. */
export class Grams {
  /**
   * @param {HTMLElement} parent
   * @param {HTMLElement} tip
   */
  constructor(parent, tip) {
    this.parent = parent;
    this.tip = tip;
    /** @type {string[]} */
    this.names = [];
    this.colours = new Uint32Array(256);
    /** @type {Tile[]} */
    this.tiles = [];
    /** @type {{model: number, row: number, column: number, x: number, y: number} | null} */
    this.hovered = null;
    this.scrolled = () => this.hovered && this.leave(); // the tooltip's place is fixed
    window.addEventListener('scroll', this.scrolled, {capture: true, passive: true});
  }

  stop() {
    window.removeEventListener('scroll', this.scrolled, {capture: true});
  }

  /**
   * Make the Grams anew. A hovered cell stays hovered, if it is still there.
   * @param {EpochsData} data
   */
  build({names, models, stops, theme, top}) {
    if (this.names.join('\n') !== names.join('\n') || this.tiles.length !== models.length) this.leave();
    this.names = names;
    this.colours = palette(stops, theme.grid, top);
    this.parent.replaceChildren();
    this.tiles = models.map((model, i) => this.tile(model, i));
  }

  /**
   * @param {EpochModel} model
   * @param {number} i
   * @returns {Tile}
   */
  tile(model, i) {
    const n = this.names.length;
    const card = make('div', this.parent, 'card');
    const head = make('div', card, 'head');
    make('i', head, 'dot').style.background = model.colour;
    make('b', head, '', model.name);
    const note = make('span', head);
    const canvas = make('canvas', card);
    canvas.width = n;
    canvas.height = n;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `class Gram of ${model.name}`);
    const cross = make('div', card, 'cross');
    const bytes = decode64(model.grams);
    const tile = {model, note, canvas, cross, bytes, first: 0, image: new ImageData(n, n)};
    for (const name of /** @type {const} */ (['pointermove', 'pointerdown']))
      canvas.addEventListener(name, event => this.hover(i, event));
    canvas.addEventListener('pointerleave', event => {
      if (event.pointerType !== 'touch') this.leave(); // what a tap shows stays
    });
    return tile;
  }

  /** @param {number} epoch */
  draw(epoch) {
    for (const tile of this.tiles) this.drawTile(tile, epoch);
    if (this.hovered) this.showTip();
  }

  /**
   * Draw the newest Gram that is not after an epoch.
   * @param {Tile} tile
   * @param {number} epoch
   */
  drawTile(tile, epoch) {
    const n = this.names.length;
    const {model, bytes} = tile;
    const wanted = indexAt(model, epoch);
    let slot = 0;
    while (slot + 1 < model.kept.length && model.kept[slot + 1] <= wanted) slot++;
    tile.first = (slot * n * (n + 1)) / 2;
    const pixels = new Uint32Array(tile.image.data.buffer);
    for (let r = 0, k = tile.first; r < n; r++)
      for (let c = r; c < n; c++, k++) {
        const colour = this.colours[bytes[k]];
        pixels[r * n + c] = colour;
        pixels[c * n + r] = colour;
      }
    contextOf(tile.canvas).putImageData(tile.image, 0, 0);
    const shown = model.epochs[model.kept[slot]];
    const overlap = model.overlap?.[wanted] ?? null;
    const which = !model.learns ? 'finished' : shown === epoch ? '' : `Gram of epoch ${shown}`;
    const notes = [overlap === null ? '' : `overlap ${overlap.toFixed(3)}`, which];
    tile.note.textContent = notes.filter(Boolean).join(', ');
  }

  /**
   * A cosine of the Gram that is shown; NaN if it is not known.
   * @param {Tile} tile
   * @param {number} row
   * @param {number} column
   */
  value(tile, row, column) {
    const n = this.names.length;
    const [a, b] = row <= column ? [row, column] : [column, row];
    const code = tile.bytes[tile.first + a * n - (a * (a - 1)) / 2 + (b - a)];
    return code === UNKNOWN ? Number.NaN : code / 254;
  }

  leave() {
    this.hovered = null;
    this.tip.style.display = 'none';
    for (const {cross} of this.tiles) cross.style.display = 'none';
  }

  /**
   * @param {number} model
   * @param {PointerEvent} event
   */
  hover(model, {clientX: x, clientY: y}) {
    const rect = this.tiles[model].canvas.getBoundingClientRect();
    const n = this.names.length;
    const cell = (/** @type {number} */ share) => clamp(Math.floor(share * n), 0, n - 1);
    const row = cell((y - rect.top) / rect.height);
    this.hovered = {model, row, column: cell((x - rect.left) / rect.width), x, y};
    this.showTip();
  }

  /** Show the hovered cell's value in every model, beside the pointer. */
  showTip() {
    if (!this.hovered) return;
    const {tip, names} = this;
    const {model, row, column, x, y} = this.hovered;
    tip.replaceChildren();
    make('b', tip, '', `${isolated(names[row])} × ${isolated(names[column])}`);
    for (const [i, tile] of this.tiles.entries()) {
      const value = this.value(tile, row, column);
      const text = Number.isNaN(value) ? 'no pair of classes' : value.toFixed(2);
      const line = make('div', tip, '', `${tile.model.name} ${text}`);
      if (i === model) line.style.fontWeight = '600';
      this.mark(tile, row, column);
    }
    tip.style.display = 'block';
    const {offsetWidth: w, offsetHeight: h} = tip;
    tip.style.left = `${clamp(x + 14, 4, window.innerWidth - w - 4)}px`;
    tip.style.top = `${y + 16 + h > window.innerHeight ? y - h - 12 : y + 16}px`;
  }

  /**
   * Mark a cell.
   * @param {Tile} tile
   * @param {number} row
   * @param {number} column
   */
  mark({canvas, cross}, row, column) {
    const side = canvas.clientWidth / this.names.length;
    const size = Math.max(side, SMALLEST);
    Object.assign(cross.style, {
      display: 'block',
      width: `${size}px`,
      height: `${size}px`,
      left: `${canvas.offsetLeft + (column + 0.5) * side - size / 2}px`,
      top: `${canvas.offsetTop + (row + 0.5) * side - size / 2}px`,
    });
  }
}

/**
 * The pixels of codes 0 to 254, which are cosines from 0 to 1, and of unknown cosines. The scale ends at
 * `top`.
 * @param {import('./util.js').Stops} stops
 * @param {string} unknown The colour of unknown cosines.
 * @param {number} top
 */
function palette(stops, unknown, top) {
  const colour = colourScale(stops);
  const shades = Uint32Array.from({length: 256}, (_, i) => pixel(colour(Math.min(1, i / 254 / top))));
  shades[UNKNOWN] = pixel(rgb(unknown));
  return shades;
}
