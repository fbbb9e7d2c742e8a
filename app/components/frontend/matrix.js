// A class-by-class matrix on a canvas, with hover, click, keyboard and zoom. Matrices of one group share cursor and zoom.
import {
  BAR,
  cellAt,
  decodeValues,
  layOut,
  namesShown,
  orderOf,
  paintCells,
  visibleBetween,
} from './matrix_data.js';
import {
  drawBar,
  drawBlocks,
  drawCross,
  drawNames,
  drawOutline,
  drawRubber,
  drawValues,
} from './matrix_draw.js';
import {
  ARROWS,
  clamp,
  contextOf,
  DOUBLE_CLICK_MS,
  escapeHtml,
  fixed,
  fontOf,
  isBrowserKey,
  isolated,
  make,
  mount,
  placeTip,
  prepare,
  setColours,
  whenFontsLoad,
} from './util.js';

/** @typedef {import('./matrix_data.js').MatrixData} MatrixData */
/** @typedef {import('./matrix_data.js').Cell} Cell */
/** @typedef {import('./matrix_data.js').Point} Point */
/** @typedef {import('./matrix_data.js').Frame} Frame */
/** @typedef {import('./matrix_data.js').Visible} Visible */

/**
 * What one matrix tells the others. Cells are in the order shown, except `selected`, which has classes.
 * @typedef {{cursor?: Cell | null, zoom?: Visible | null, selected?: Cell}} Change
 */
/** @typedef {{group: string, n: number, change: Change, from: Matrix}} Message */

const CHANNEL = 'bk-matrix'; // the event that matrices send each other
const FAR = 8; // pixels that the pointer moves before a click becomes a drag

/** @param {import('./util.js').Component<MatrixData>} component */
export default component => mount(component, Matrix);

class Matrix {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.box = make('div', root, 'bkm');
    this.box.tabIndex = 0;
    this.box.setAttribute('role', 'application');
    this.canvas = make('canvas', this.box);
    this.tip = make('div', this.box, 'tip');
    this.spoken = make('div', this.box, 'spoken');
    this.spoken.setAttribute('aria-live', 'polite');
    this.picture = document.createElement('canvas'); // the whole matrix, one pixel a cell
    /** @type {MatrixData | null} */
    this.data = null;
    this.values = new Float32Array(0);
    /** @type {number[]} */
    this.order = [];
    /** @type {Map<number, number>} */
    this.places = new Map(); // class -> its place in the order shown
    /** @type {Frame | null} */
    this.frame = null;
    /** @type {Cell | null} */
    this.cursor = null; // in the order shown
    /** @type {Cell | null} */
    this.selected = null; // as classes
    /** @type {Visible | null} */
    this.zoom = null;
    /** @type {{from: Point, to: Point | null} | null} */
    this.drag = null;
    /** @type {number | undefined} */
    this.waiting = undefined; // the timer of a click that may become a double click
    /** @type {(name: string, value: unknown) => void} */
    this.send = () => {};
    this.box.addEventListener('pointermove', event => this.moved(event));
    this.box.addEventListener('pointerleave', event => {
      if (event.pointerType === 'touch')
        this.drag = null; // what a tap shows stays
      else this.left();
    });
    this.box.addEventListener('pointercancel', () => this.left());
    this.box.addEventListener('pointerdown', event => this.pressed(event));
    this.box.addEventListener('pointerup', event => this.released(event));
    this.box.addEventListener('dblclick', () => this.showAll());
    this.box.addEventListener('keydown', event => this.typed(event));
    this.box.addEventListener('blur', () => this.left());
    this.heard = (/** @type {Event} */ event) =>
      this.hear(/** @type {CustomEvent<Message>} */ (event).detail);
    window.addEventListener(CHANNEL, this.heard);
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.box);
    whenFontsLoad(this.box, () => this.draw());
  }

  stop() {
    clearTimeout(this.waiting);
    window.removeEventListener(CHANNEL, this.heard);
    this.resizing.disconnect();
    this.box.remove();
  }

  /** @param {import('./util.js').Component<MatrixData>} component */
  update({data, setTriggerValue}) {
    this.send = setTriggerValue;
    const before = this.data;
    if (before && namesShown(before) !== namesShown(data)) {
      this.zoom = null;
      this.cursor = null;
    }
    this.data = data;
    this.values = decodeValues(data);
    this.order = orderOf(data);
    this.places = new Map(this.order.map((c, i) => [c, i]));
    this.selected = data.selected;
    const {accent, surface, text, grid} = data.theme;
    setColours(this.box, {accent, surface, text, grid}, 'bkm-');
    this.box.setAttribute('aria-label', data.label);
    paintCells(this.picture, data, (row, column) => this.value(row, column));
    this.draw();
  }

  /**
   * @param {number} row In the order shown.
   * @param {number} column
   */
  value(row, column) {
    return this.values[this.order[row] * this.order.length + this.order[column]];
  }

  /** The visible rows and columns. @returns {Visible} */
  visible() {
    return this.zoom ?? [0, this.order.length, 0, this.order.length];
  }

  draw() {
    const data = this.data;
    const width = this.box.clientWidth;
    if (!data || !width) return;
    const font = fontOf(this.box);
    const measure = contextOf(this.canvas);
    measure.font = font;
    const frame = layOut(measure, data, this.order, this.visible(), width);
    this.frame = frame;
    const height = Math.round(frame.top + frame.side + BAR);
    const context = prepare(this.canvas, width, height);
    this.canvas.style.height = `${height}px`;
    context.font = font;
    const {left, top, side} = frame;
    const ratio = window.devicePixelRatio || 1;
    context.imageSmoothingEnabled = frame.cellW * ratio < 1; // more cells than pixels: means of neighbours
    context.imageSmoothingQuality = 'high';
    context.drawImage(this.picture, frame.c0, frame.r0, frame.columns, frame.rows, left, top, side, side);
    context.strokeStyle = data.theme.grid;
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, top + 0.5, side - 1, side - 1);
    drawNames(context, frame, data, this.order);
    drawBlocks(context, frame, data);
    drawValues(context, frame, data, (row, column) => this.value(row, column));
    if (this.cursor) drawCross(context, frame, this.cursor, data.theme.muted);
    if (this.selected) drawOutline(context, frame, this.placesOf(this.selected), data.theme.accent);
    if (this.drag?.to) drawRubber(context, this.drag.from, this.drag.to, data.theme.accent);
    drawBar(context, frame, data);
  }

  /**
   * The cell of two classes, in the order shown.
   * @param {Cell} classes
   * @returns {Cell}
   */
  placesOf([row, column]) {
    return [this.places.get(row) ?? -1, this.places.get(column) ?? -1];
  }

  // -- pointer and keyboard ---------------------------------------------------------------------------------
  /**
   * @param {PointerEvent} event
   * @returns {Point}
   */
  pointOf(event) {
    const rect = this.canvas.getBoundingClientRect();
    return {x: event.clientX - rect.left, y: event.clientY - rect.top};
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const point = this.pointOf(event);
    if (this.drag) {
      const {from, to} = this.drag;
      if (to || Math.hypot(point.x - from.x, point.y - from.y) > FAR) this.drag.to = point;
    }
    if (this.frame) this.hover(cellAt(this.frame, point));
  }

  /** @param {Cell | null} cell */
  hover(cell) {
    this.share({cursor: cell});
    if (cell) this.showTip(cell);
    else this.tip.style.display = 'none';
  }

  /** @param {Cell} cell */
  showTip([row, column]) {
    const {data, frame} = this;
    if (!data || !frame) return;
    const name = (/** @type {number} */ place) => escapeHtml(isolated(data.names[this.order[place]]));
    const decimals = data.decimals && data.wide ? data.decimals + 1 : data.decimals;
    const value = this.value(row, column);
    const pairs = data.pairs?.[this.order[row] * data.n + this.order[column]];
    const known = `${escapeHtml(data.value_name)} ${fixed(value, decimals)}`;
    const found = pairs === 0 ? 'no pair of classes' : Number.isNaN(value) ? 'no samples' : known;
    const over = pairs ? `, ${pairs.toLocaleString('en')} pair${pairs === 1 ? '' : 's'} of classes` : '';
    this.tip.innerHTML = `<b>${name(row)}</b> × <b>${name(column)}</b><br>\n${found}${over}`;
    this.tip.style.display = 'block';
    const x = frame.left + (column - frame.c0 + 0.5) * frame.cellW;
    const y = frame.top + (row - frame.r0 + 0.5) * frame.cellH;
    const left = x - this.tip.offsetWidth / 2;
    placeTip(this.tip, {left, y, width: this.box.clientWidth, above: 14, below: 16});
  }

  left() {
    this.drag = null;
    this.hover(null);
  }

  /** @param {PointerEvent} event */
  pressed(event) {
    if (event.button !== 0) return;
    this.drag = {from: this.pointOf(event), to: null};
    if (event.pointerType === 'mouse') this.box.setPointerCapture?.(event.pointerId);
  }

  /** @param {PointerEvent} event */
  released(event) {
    const drag = this.drag;
    this.drag = null;
    if (!drag || !this.frame) return;
    if (drag.to) {
      this.share({zoom: visibleBetween(this.frame, drag.from, drag.to) ?? this.zoom});
      return;
    }
    const cell = cellAt(this.frame, this.pointOf(event));
    clearTimeout(this.waiting);
    if (event.pointerType === 'touch') this.hover(cell);
    if (!cell) return;
    // A click on an enlarged matrix may be the first half of a double click.
    if (this.zoom) this.waiting = setTimeout(() => this.choose(cell), DOUBLE_CLICK_MS);
    else this.choose(cell);
  }

  showAll() {
    clearTimeout(this.waiting);
    this.share({zoom: null});
  }

  /** @param {Cell} cell In the order shown. */
  choose([row, column]) {
    if (!this.data?.clickable) return;
    /** @type {Cell} */
    const selected = [this.order[row], this.order[column]];
    this.share({selected});
    this.send('cell', selected);
  }

  /** @param {KeyboardEvent} event */
  typed(event) {
    if (isBrowserKey(event)) return;
    const step = ARROWS[event.key];
    if (step) {
      const [r0, r1, c0, c1] = this.visible();
      const [row, column] = this.cursor ?? (this.selected ? this.placesOf(this.selected) : [r0, c0]);
      this.hover([clamp(row + step[1], r0, r1 - 1), clamp(column + step[0], c0, c1 - 1)]);
      this.spoken.textContent = this.tip.textContent;
    } else if ((event.key === 'Enter' || event.key === ' ') && this.cursor) this.choose(this.cursor);
    else if (event.key === 'Escape') this.showAll();
    else return;
    event.preventDefault();
  }

  // -- matrices of one group --------------------------------------------------------------------------------
  /**
   * Make a change here and in the other matrices of the group.
   * @param {Change} change
   */
  share(change) {
    if (!this.data) return;
    /** @type {Message} */
    const detail = {group: this.data.group, n: this.data.n, change, from: this};
    window.dispatchEvent(new CustomEvent(CHANNEL, {detail}));
  }

  /** @param {Message} message */
  hear({group, n, change, from}) {
    if (!this.data || n !== this.data.n || (from !== this && (!group || group !== this.data.group))) return;
    if (from !== this) this.tip.style.display = 'none';
    if (change.cursor !== undefined) this.cursor = change.cursor;
    if (change.zoom !== undefined) this.zoom = change.zoom;
    if (change.selected !== undefined) this.selected = change.selected;
    this.draw();
  }
}
