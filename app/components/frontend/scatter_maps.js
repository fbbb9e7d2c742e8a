// The panels of the maps: their size, the place and zoom that they share, and the drawing of their points.
import {Raster} from './raster.js';
import {countOf, EMPTY, HIDDEN, passesOf} from './scatter_data.js';
import {drawBackground, drawLasso, drawRing} from './scatter_draw.js';
import {clamp, fontOf, make, prepare} from './util.js';

/** @typedef {import('./util.js').XY} XY */
/** @typedef {import('./scatter_data.js').MapData} MapData */
/** @typedef {{x: number, y: number, times: number}} Place The middle of the panels, on the grid, and the zoom. */

/**
 * One model's map on the page.
 * @typedef {object} Panel
 * @property {HTMLElement} figure
 * @property {HTMLElement} title
 * @property {HTMLElement} area
 * @property {Raster} base The points.
 * @property {HTMLCanvasElement} over What changes with the pointer.
 * @property {Uint16Array} codes
 * @property {Uint8Array} groups
 * @property {Float32Array} places Where the points are, in CSS pixels.
 * @property {import('./raster.js').Pass[]} passes
 */

const GAP = 12; // pixels between panels
const LOWEST = 180; // pixels of a panel's height
const EDGE = 4; // pixels from the edge for points outside the map
const SHALLOWEST = 0.3; // zoom
const DEEPEST = 40;
const MANY = 20000; // points in all panels from which moving is drawn roughly
const MOVING = 60000; // points in all panels that are drawn while they move
const REST_MS = 150; // without moving, until it is drawn sharply again

/**
 * The place that shows everything.
 * @param {MapData} data
 * @returns {Place}
 */
function homeOf({home: [x0, y0, x1, y1]}) {
  return {x: (x0 + x1) / 2, y: (y0 + y1) / 2, times: 1};
}

/** The panels, which always show the same part of their maps. */
export class Maps {
  /**
   * @param {HTMLElement} plots The place of the panels.
   * @param {(canvas: HTMLCanvasElement, i: number) => void} onPanel Called with the canvas of each new panel.
   * @param {(milliseconds: number) => void} onPaint Called after each picture with the time it took.
   */
  constructor(plots, onPanel, onPaint) {
    this.plots = plots;
    this.onPanel = onPanel;
    this.onPaint = onPaint;
    /** @type {Panel[]} */
    this.panels = [];
    /** @type {MapData} */
    this.data = EMPTY;
    this.selected = EMPTY.selected; // 1 for each selected sample
    this.hovered = -1; // the sample with a ring
    /** @type {{panel: number, points: XY[]} | null} */
    this.lasso = null;
    this.size = {width: 0, height: 0}; // of a panel, in CSS pixels
    this.place = homeOf(EMPTY);
    this.beyond = 0; // how many points are outside the maps
    this.frame = 0; // the next animation frame
    /** @type {number | undefined} */
    this.resting = undefined; // the timer of the sharp picture
  }

  stop() {
    clearTimeout(this.resting);
    cancelAnimationFrame(this.frame);
  }

  /**
   * Show other data. The place stays if the maps still have the same frame.
   * @param {MapData} data
   */
  update(data) {
    const before = this.data;
    const samePanels = before.panels.length === data.panels.length;
    if (before.n !== data.n || !samePanels || before.home.join() !== data.home.join())
      this.place = homeOf(data);
    if (before.n !== data.n) this.hovered = -1;
    this.data = data;
    while (this.panels.length > data.panels.length) this.panels.pop()?.figure.remove();
    while (this.panels.length < data.panels.length) this.panels.push(this.makePanel(this.panels.length));
    for (const [i, panel] of this.panels.entries()) {
      const {name, note, colour, key, codes, groups} = data.panels[i];
      panel.title.replaceChildren();
      make('span', panel.title, 'dot').style.background = colour;
      make('b', panel.title, '', name);
      make('span', panel.title, 'note', note);
      panel.figure.dataset.model = key;
      panel.codes = codes;
      panel.groups = groups;
      panel.places = new Float32Array(2 * data.n);
    }
    this.select(data.selected);
  }

  /**
   * @param {number} i
   * @returns {Panel}
   */
  makePanel(i) {
    const figure = make('figure', this.plots);
    const title = make('figcaption', figure);
    const area = make('div', figure, 'area');
    const base = new Raster(make('canvas', area, 'base'));
    const over = make('canvas', area, 'over');
    this.onPanel(over, i);
    const empty = {codes: new Uint16Array(0), groups: new Uint8Array(0), places: new Float32Array(0)};
    return {figure, title, area, base, over, ...empty, passes: []};
  }

  /**
   * Set the selected samples. They are drawn with the next picture.
   * @param {Uint8Array} selected
   */
  select(selected) {
    this.selected = selected;
    for (const panel of this.panels) {
      panel.passes = passesOf(this.data, panel.groups, selected);
      panel.figure.dataset.selectedCount = String(countOf(selected, panel.groups));
    }
  }

  /**
   * Whether a panel shows a sample.
   * @param {number} panel
   * @param {number} i
   */
  shows(panel, i) {
    return i >= 0 && this.panels[panel].groups[i] !== HIDDEN;
  }

  /**
   * Lay the panels out in a width, and draw them.
   * @param {number} width
   */
  arrange(width) {
    const {panels, home, height, narrowest} = this.data;
    const count = panels.length;
    const fitting = clamp(Math.floor((width + GAP) / (narrowest + GAP)), 1, Math.max(1, count));
    const columns = Math.ceil(count / Math.ceil(count / fitting));
    const each = Math.floor((width - GAP * (columns - 1)) / columns) - 2;
    const [x0, y0, x1, y1] = home;
    const whole = (each * (y1 - y0)) / (x1 - x0);
    const tall = Math.round(Math.max(Math.min(LOWEST, height), Math.min(height, whole)));
    this.plots.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    this.size = {width: each, height: tall};
    for (const {area} of this.panels) area.style.height = `${tall}px`;
    this.draw();
  }

  /** CSS pixels for one step of the grid. */
  scale() {
    const [x0, y0, x1, y1] = this.data.home;
    return this.place.times * Math.min(this.size.width / (x1 - x0), this.size.height / (y1 - y0));
  }

  /**
   * Draw everything in the next frame. While they move, very many points are drawn at one pixel for each CSS pixel,
   * and only every second or third of them, and all sharply when they rest.
   * @param {boolean} [moving]
   */
  draw(moving = false) {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.resting);
    const points = this.data.n * this.panels.length;
    const rough = moving && points > MANY;
    const ratio = rough ? 1 : window.devicePixelRatio || 1;
    const step = rough ? Math.ceil(points / MOVING) : 1;
    this.frame = requestAnimationFrame(() => this.paint(ratio, step));
    if (rough) this.resting = setTimeout(() => this.draw(), REST_MS);
  }

  /**
   * @param {number} ratio Device pixels for each CSS pixel.
   * @param {number} step Of the points that are drawn alike, only every `step`-th is drawn if there are many.
   */
  paint(ratio, step) {
    const began = performance.now();
    const {width, height} = this.size;
    const home = homeOf(this.data);
    const {x, y, times} = this.place;
    const atHome = x === home.x && y === home.y && times === 1;
    const k = this.scale();
    const left = width / 2 - k * x;
    const top = height / 2 - k * y;
    const far = new Set();
    for (const {codes, groups, places, passes, base} of this.panels) {
      for (let i = 0; i < groups.length; i++) {
        const px = left + k * codes[2 * i];
        const py = top + k * codes[2 * i + 1];
        const outside = px < 0 || py < 0 || px > width || py > height;
        const moves = atHome && outside && groups[i] !== HIDDEN; // the whole map shows every point
        if (moves) far.add(i);
        places[2 * i] = moves ? clamp(px, EDGE, width - EDGE) : px;
        places[2 * i + 1] = moves ? clamp(py, EDGE, height - EDGE) : py;
      }
      base.clear(width, height, ratio, this.data.theme.surface);
      for (const pass of passes) base.pass(places, pass, pass.which.length > MANY / 10 ? step : 1);
      base.show();
    }
    this.beyond = far.size;
    this.mark();
    this.onPaint(performance.now() - began);
  }

  /** Draw what changes with the pointer, and the background's texts. */
  mark() {
    const {width, height} = this.size;
    const {theme, background} = this.data;
    const k = this.scale();
    /** @type {(x: number, y: number) => XY} */
    const pixelsOf = (x, y) => [width / 2 + k * (x - this.place.x), height / 2 + k * (y - this.place.y)];
    for (const [i, panel] of this.panels.entries()) {
      const context = prepare(panel.over, width, height);
      context.font = fontOf(this.plots, 13);
      drawBackground(context, background, theme, width, pixelsOf);
      if (this.shows(i, this.hovered)) drawRing(context, ...this.placeOf(i, this.hovered), theme);
      if (this.lasso?.panel === i) drawLasso(context, this.lasso.points, theme.accent);
    }
  }

  /**
   * Where a sample is in a panel, in CSS pixels.
   * @param {number} panel
   * @param {number} i
   * @returns {XY}
   */
  placeOf(panel, i) {
    const {places} = this.panels[panel];
    return [places[2 * i], places[2 * i + 1]];
  }

  // -- moving -----------------------------------------------------------------------------------------------
  /**
   * Move the maps.
   * @param {number} dx CSS pixels.
   * @param {number} dy CSS pixels.
   */
  shift(dx, dy) {
    const k = this.scale();
    this.place = {...this.place, x: this.place.x - dx / k, y: this.place.y - dy / k};
    this.draw(true);
  }

  /**
   * Zoom by a factor. The point under (px, py) of a panel stays where it is.
   * @param {number} times
   * @param {number} [px]
   * @param {number} [py]
   */
  zoom(times, px = this.size.width / 2, py = this.size.height / 2) {
    const k = this.scale();
    const next = clamp(this.place.times * times, SHALLOWEST, DEEPEST);
    const shift = 1 - this.place.times / next;
    const x = (px - this.size.width / 2) / k;
    const y = (py - this.size.height / 2) / k;
    this.place = {x: this.place.x + x * shift, y: this.place.y + y * shift, times: next};
    this.draw(true);
  }

  /** Go back to the whole map. It is drawn by `arrange`. */
  reset() {
    this.place = homeOf(this.data);
  }
}
