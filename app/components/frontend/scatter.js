// Maps of several models side by side. Hover, lasso, zoom and the keyboard act on all of them at once.
import {countOf, decodeMap, EMPTY} from './scatter_data.js';
import {fillTip, placeTipBeside} from './scatter_draw.js';
import {fillLegend, makeTools} from './scatter_legend.js';
import {Maps} from './scatter_maps.js';
import {Pointer, placeIn} from './scatter_pointer.js';
import {nearestPoint, pointBeside} from './scatter_points.js';
import {ARROWS, DOUBLE_CLICK_MS, isBrowserKey, make, mount, setColours} from './util.js';

/** @typedef {import('./util.js').XY} XY */
/** @typedef {import('./scatter_data.js').MapData} MapData */
/** @typedef {import('./scatter_legend.js').Mode} Mode */

const NEAR = 14; // pixels within which the pointer means a point

/** @type {Record<Mode, string>} */
const HINTS = {
  lasso:
    'Drag around points to select them, or click one. Shift adds points. Double-click or Escape clears. ' +
    'After a click on the map, the wheel zooms.',
  move: 'Drag to move. Zoom with + and −, or with the wheel. Click a point to select it.',
};
const KEYS =
  'arrow keys move between samples, Enter selects, plus and minus zoom, 0 shows all, ' +
  'Page Up and Page Down change the map, Escape clears';

/** @param {import('./util.js').Component<Uint8Array>} component */
export default component => mount(component, Scatter);

class Scatter {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.box = make('div', root, 'bks');
    const head = make('div', this.box, 'head');
    this.legend = make('div', head, 'legend');
    this.modes = makeTools(make('div', head, 'tools'), {
      onMode: mode => this.use(mode),
      onZoom: times => this.zoom(times),
      onReset: () => this.reset(),
    });
    this.plots = make('div', this.box, 'plots');
    this.plots.tabIndex = 0;
    this.plots.setAttribute('role', 'application');
    this.foot = make('div', this.box, 'foot');
    this.spoken = make('div', this.box, 'spoken');
    this.spoken.setAttribute('aria-live', 'polite');
    this.tip = make('div', this.box, 'tip');
    this.maps = new Maps(
      this.plots,
      (canvas, i) => this.pointer.listen(canvas, i),
      milliseconds => this.painted(milliseconds),
    );
    this.pointer = new Pointer(this.maps, {
      moves: () => this.mode === 'move',
      selects: () => this.data.clickable,
      onHover: (panel, place) => this.point(this.nearest(panel, place), panel),
      onLeave: () => this.point(-1),
      onShift: (dx, dy) => this.shift(dx, dy),
      onLasso: () => this.unhover(),
      onCaught: (rows, add) => this.pick(rows, add),
      onClick: (panel, place, add) => this.clicked(panel, place, add),
      onDoubleClick: () => this.clear(),
    });
    /** @type {MapData} */
    this.data = EMPTY;
    this.total = 0; // how many samples are selected
    this.active = 0; // the panel that the pointer or the keyboard is in
    this.beyond = 0; // the number of far points in the foot
    /** @type {number | undefined} */
    this.waiting = undefined; // the timer of a click that may become a double click
    /** @type {(name: string, value: unknown) => void} */
    this.send = () => {};
    this.plots.addEventListener('keydown', event => this.typed(event));
    this.plots.addEventListener('wheel', event => this.wheeled(event), {passive: false});
    this.plots.addEventListener('blur', () => this.point(-1));
    this.resizing = new ResizeObserver(() => this.arrange());
    this.resizing.observe(this.box);
    this.pictured = (/** @type {Event} */ event) => {
      const {name} = /** @type {CustomEvent<{name: string}>} */ (event).detail;
      if (this.maps.hovered >= 0 && name === this.data.pictures) this.showTip();
    };
    window.addEventListener('bk-pictures', this.pictured);
    /** @type {Mode} */
    this.mode = 'lasso';
    this.use(matchMedia('(pointer: coarse)').matches ? 'move' : 'lasso');
  }

  /** @param {Mode} mode */
  use(mode) {
    this.mode = mode;
    this.box.dataset.mode = mode;
    this.modes.lasso.setAttribute('aria-pressed', String(mode === 'lasso'));
    this.modes.move.setAttribute('aria-pressed', String(mode === 'move'));
    this.writeFoot();
  }

  stop() {
    clearTimeout(this.waiting);
    this.maps.stop();
    window.removeEventListener('bk-pictures', this.pictured);
    this.resizing.disconnect();
    this.box.remove();
  }

  /** @param {import('./util.js').Component<Uint8Array>} component */
  update({data: bytes, setTriggerValue}) {
    this.send = setTriggerValue;
    this.data = decodeMap(bytes);
    setColours(this.box, this.data.theme);
    this.plots.setAttribute('aria-label', `${this.data.label}; ${KEYS}`);
    this.maps.update(this.data);
    this.active = Math.min(this.active, Math.max(0, this.data.panels.length - 1));
    if (this.maps.hovered >= 0 && !this.maps.shows(this.active, this.maps.hovered)) this.point(-1);
    this.countSelected();
    fillLegend(this.legend, this.data);
    this.writeFoot();
    this.arrange();
  }

  arrange() {
    const width = this.box.clientWidth;
    if (width && this.data.panels.length) this.maps.arrange(width);
  }

  /** @param {number} milliseconds */
  painted(milliseconds) {
    this.box.dataset.paintMs = milliseconds.toFixed(1);
    if (this.maps.hovered >= 0 && this.tip.style.display === 'flex') this.showTip(); // it follows its sample
    if (this.beyond === this.maps.beyond) return;
    this.beyond = this.maps.beyond;
    this.writeFoot();
  }

  // -- foot --------------------------------------------------------------------------------------
  writeFoot() {
    const chosen = this.total ? `${this.total.toLocaleString('en')} selected. ` : '';
    const {beyond} = this;
    const points = beyond === 1 ? 'point is' : 'points are';
    const far = beyond ? `${beyond} far ${points} drawn at the edge. ` : '';
    this.foot.textContent = chosen + far + (this.data.clickable ? HINTS[this.mode] : '');
  }

  countSelected() {
    this.total = countOf(this.maps.selected);
    this.box.dataset.selectedCount = String(this.total);
  }

  // -- hovering ---------------------------------------------------------------------------------------------
  /**
   * The sample of a panel nearest to a place, or -1.
   * @param {number} panel
   * @param {XY} place
   * @param {number} [within] CSS pixels.
   */
  nearest(panel, place, within = NEAR) {
    return nearestPoint(this.maps.panels[panel], place, this.maps.selected, within);
  }

  /**
   * Ring a sample in every panel and show its tooltip; -1 hides both.
   * @param {number} i
   * @param {number} [panel]
   */
  point(i, panel = this.active) {
    this.active = panel;
    if (this.maps.hovered !== i) {
      this.maps.hovered = i;
      this.box.dataset.hover = i < 0 ? '' : String(this.data.ids[i]);
      this.maps.mark();
    }
    if (i >= 0) this.showTip();
    else this.hideTip();
  }

  /** Take the ring off, and the tooltip away, while a lasso is drawn. */
  unhover() {
    this.maps.hovered = -1;
    this.hideTip();
    this.maps.mark();
  }

  hideTip() {
    this.tip.style.display = 'none';
  }

  showTip() {
    const {data, tip, box} = this;
    const i = this.maps.hovered;
    const text = fillTip(tip, data, i, this.pictureOf(i));
    if (this.spoken.textContent !== text) this.spoken.textContent = text;
    tip.style.display = 'flex';
    const outer = box.getBoundingClientRect();
    const area = this.maps.panels[this.active].area.getBoundingClientRect();
    const zoom = outer.width / box.offsetWidth || 1; // a presenter's page is enlarged
    const [x, y] = this.maps.placeOf(this.active, i);
    const place = /** @type {XY} */ ([
      (area.left - outer.left) / zoom + x,
      (area.top - outer.top) / zoom + y,
    ]);
    placeTipBeside(tip, place, box.clientWidth);
  }

  /** @param {number} i */
  pictureOf(i) {
    const page =
      /** @type {typeof window & {bkPictures?: Record<string, import('./pictures.js').Picture>}} */ (window);
    return page.bkPictures?.[this.data.pictures]?.(i) ?? null;
  }

  // -- selecting --------------------------------------------------------------------------------------------
  /**
   * Select a clicked sample. The click may be the first half of a double click, which clears.
   * @param {number} panel
   * @param {XY} place
   * @param {boolean} add
   */
  clicked(panel, place, add) {
    const i = this.nearest(panel, place);
    this.point(i, panel);
    clearTimeout(this.waiting);
    if (i < 0 || !this.data.clickable) return;
    if (add) this.toggle(i);
    else this.waiting = setTimeout(() => this.pick([i], false), DOUBLE_CLICK_MS);
  }

  /**
   * Select samples.
   * @param {number[]} rows
   * @param {boolean} add Keep those that are selected.
   */
  pick(rows, add) {
    const chosen = add ? this.maps.selected.slice() : new Uint8Array(this.data.n);
    for (const i of rows) chosen[i] = 1;
    this.choose(chosen);
  }

  /** @param {number} i */
  toggle(i) {
    const chosen = this.maps.selected.slice();
    chosen[i] = 1 - chosen[i];
    this.choose(chosen);
  }

  clear() {
    clearTimeout(this.waiting);
    if (this.data.clickable && this.total) this.choose(new Uint8Array(this.data.n));
  }

  /**
   * Show a selection and tell Python.
   * @param {Uint8Array} chosen 1 for each selected sample.
   */
  choose(chosen) {
    this.maps.select(chosen);
    this.countSelected();
    this.writeFoot();
    this.maps.draw();
    const rows = [...chosen.keys()].filter(i => chosen[i]);
    this.send('picked', rows);
  }

  // -- moving -----------------------------------------------------------------------------------------------
  /**
   * @param {number} dx CSS pixels.
   * @param {number} dy CSS pixels.
   */
  shift(dx, dy) {
    this.hideTip();
    this.maps.shift(dx, dy);
  }

  /**
   * @param {number} times
   * @param {XY} [place] What stays where it is; by default the middle.
   */
  zoom(times, place) {
    this.hideTip();
    this.maps.zoom(times, ...(place ?? []));
  }

  reset() {
    this.maps.reset();
    this.arrange();
  }

  /** @param {WheelEvent} event */
  wheeled(event) {
    const ours = event.ctrlKey || event.metaKey || this.plots.matches(':focus');
    if (!ours || !(/** @type {Element} */ (event.target).classList.contains('over'))) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), placeIn(event));
  }

  // -- keyboard ---------------------------------------------------------------------------------------------
  /** @param {KeyboardEvent} event */
  typed(event) {
    if (isBrowserKey(event)) return;
    const {hovered} = this.maps;
    const step = ARROWS[event.key];
    if (step) this.walk(step);
    else if (event.key === 'PageUp') this.turn(-1);
    else if (event.key === 'PageDown') this.turn(1);
    else if ((event.key === 'Enter' || event.key === ' ') && hovered >= 0 && this.data.clickable)
      this.toggle(hovered);
    else if (event.key === 'Escape') this.clear();
    else if (event.key === '+' || event.key === '=') this.zoomAtPoint(1.5);
    else if (event.key === '-') this.zoomAtPoint(1 / 1.5);
    else if (event.key === '0') this.reset();
    else return;
    event.preventDefault();
  }

  /**
   * Go to the next sample in a direction. The maps move if it is outside them.
   * @param {XY} step
   */
  walk(step) {
    const {maps, active} = this;
    const next = maps.hovered < 0 ? this.middle() : pointBeside(maps.panels[active], maps.hovered, step);
    this.point(next);
    if (next < 0) return;
    const [x, y] = maps.placeOf(active, next);
    const {width, height} = maps.size;
    if (x < 0 || y < 0 || x > width || y > height) maps.shift(width / 2 - x, height / 2 - y);
  }

  /**
   * Zoom by a key. The sample that is pointed at stays where it is.
   * @param {number} times
   */
  zoomAtPoint(times) {
    const {hovered} = this.maps;
    if (hovered < 0) this.zoom(times);
    else this.maps.zoom(times, ...this.maps.placeOf(this.active, hovered));
  }

  /**
   * Go to another panel.
   * @param {1 | -1} by
   */
  turn(by) {
    const count = this.maps.panels.length;
    this.active = (this.active + by + count) % count;
    const {hovered} = this.maps;
    this.point(this.maps.shows(this.active, hovered) ? hovered : this.middle());
  }

  /** The sample nearest to the middle of the active panel. */
  middle() {
    const {width, height} = this.maps.size;
    return this.nearest(this.active, [width / 2, height / 2], 1e6);
  }
}
