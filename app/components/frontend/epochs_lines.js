// The line charts of the epochs player, with a cursor at the epoch that is shown.
import {fontOf, make, prepare} from './util.js';

/** @typedef {'overlap' | 'accuracy' | 'agreement'} Figure */

/**
 * One model. Its arrays have an entry for each of `epochs`.
 * @typedef {object} EpochModel
 * @property {string} name
 * @property {string} colour
 * @property {string} ink The same, for text.
 * @property {boolean} learns False for the finished teacher, whose values are the same in every epoch.
 * @property {number[]} epochs Counted from 1.
 * @property {number[]} kept The indices of the epochs that have a Gram.
 * @property {string} grams Base64 of one byte for each cosine: upper triangles, row by row, one for each of `kept`.
 *   254 is a cosine of 1, 255 one that is not known.
 * @property {(number | null)[] | null} overlap
 * @property {(number | null)[] | null} accuracy
 * @property {(number | null)[] | null} agreement
 */

/**
 * What player.py sends.
 * @typedef {object} EpochsData
 * @property {number} last The last epoch.
 * @property {number} start The epoch that is shown first.
 * @property {number} turn Another number makes the player go to `start`.
 * @property {string[]} names Of classes, or of groups of classes.
 * @property {EpochModel[]} models
 * @property {number} top The end of the colour scale.
 * @property {string} what The name of a Gram's values.
 * @property {import('./util.js').Stops} stops
 * @property {import('./util.js').Theme} theme
 */

/**
 * The place of a chart's axes, in CSS pixels, and its scales.
 * @typedef {object} Axes
 * @property {number} left
 * @property {number} right The room beside the axes.
 * @property {number} width Of the canvas.
 * @property {number} bottom The place of the epochs' axis.
 * @property {number} low
 * @property {number} high
 * @property {(epoch: number) => number} x
 * @property {(value: number) => number} y
 */

const TOP = 6; // pixels above the axes
const BOTTOM = 22; // pixels below them, for the epochs
const LEFT = 40; // pixels for the ticks
const VALUES = 62; // pixels for the values at the cursor, where names are not beside them
const LABEL_GAP = 14; // pixels from one value to the next

const percent = (/** @type {number} */ value) => `${(100 * value).toFixed(0)}%`;

/** @type {{figure: Figure, title: string, note: string, format: (value: number) => string}[]} */
export const CHARTS = [
  {
    figure: 'overlap',
    title: 'Class overlap',
    note: 'lower: further apart',
    format: value => value.toFixed(3),
  },
  {figure: 'accuracy', title: 'Accuracy', note: 'top-1', format: percent},
  {
    figure: 'agreement',
    title: 'Agreement',
    note: 'same top-1 class as the finished teacher',
    format: percent,
  },
];

/**
 * The index of the newest of a model's epochs that is not after an epoch.
 * @param {EpochModel} model
 * @param {number} epoch
 */
export function indexAt(model, epoch) {
  let k = 0;
  while (k + 1 < model.epochs.length && model.epochs[k + 1] <= epoch) k++;
  return k;
}

/**
 * Round a step up to 1, 2 or 5 times a power of ten.
 * @param {number} rough
 */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * /** @type {number} */ ([1, 2, 5, 10].find(factor => factor * power >= rough * 0.999));
}

/** One figure of all models. Dragging on it moves the epoch. */
export class LineChart {
  /**
   * @param {Element} parent
   * @param {(typeof CHARTS)[number]} chart
   * @param {EpochsData} data
   * @param {(epoch: number, ended: boolean) => void} onEpoch Called while a person drags, and at the end.
   */
  constructor(parent, {figure, title, note, format}, data, onEpoch) {
    const card = make('div', parent, 'card');
    const head = make('div', card, 'head');
    make('b', head, '', title);
    make('span', head, '', note);
    const canvas = make('canvas', card);
    canvas.style.height = '170px';
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `${title} by epoch`);
    this.canvas = canvas;
    this.figure = figure;
    this.format = format;
    this.data = data;
    this.epoch = 1;
    /** @type {Axes | null} */
    this.axes = null;
    let held = false;
    let from = 1; // the epoch before the drag
    const move = (/** @type {PointerEvent} */ event) => onEpoch(this.epochAt(event), false);
    canvas.addEventListener('pointerdown', event => {
      if (event.button !== 0 || !event.isPrimary) return;
      canvas.setPointerCapture(event.pointerId);
      held = true;
      from = this.epoch;
      move(event);
    });
    canvas.addEventListener('pointermove', event => {
      if (held) move(event);
    });
    canvas.addEventListener('pointerup', event => {
      if (!held) return;
      held = false;
      onEpoch(this.epochAt(event), true);
    });
    canvas.addEventListener('pointercancel', () => {
      if (!held) return; // the finger scrolls the page
      held = false;
      onEpoch(from, false);
      onEpoch(from, true);
    });
  }

  /** @param {PointerEvent} event */
  epochAt(event) {
    if (!this.axes) return 1;
    const {left, right, width} = this.axes;
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    return 1 + ((x - left) / (width - left - right)) * (this.data.last - 1);
  }

  /**
   * Draw the chart.
   * @param {number} epoch
   * @returns {boolean} Whether the names of the models are in the chart.
   */
  draw(epoch) {
    const {data, canvas} = this;
    this.epoch = epoch;
    const width = canvas.clientWidth;
    if (!width) return false;
    const context = prepare(canvas, width, canvas.clientHeight);
    context.font = fontOf(canvas);
    const beside = roomBeside(context, data.models, width);
    const axes = this.layOut(width, canvas.clientHeight, beside || VALUES);
    this.axes = axes;
    this.drawAxes(context, axes);
    const labels = [];
    for (const model of data.models) {
      const values = model[this.figure];
      if (!values) continue;
      drawCourse(context, axes, model, values);
      const now = values[indexAt(model, epoch)];
      if (now === null || now === undefined) continue;
      const text = this.format(now);
      labels.push({y: axes.y(now), text: beside ? `${text} ${model.name}` : text, colour: model.ink});
      const at = model.learns ? Math.min(epoch, model.epochs[model.epochs.length - 1]) : epoch;
      context.fillStyle = model.colour;
      context.beginPath();
      context.arc(axes.x(at), axes.y(now), 4, 0, 7);
      context.fill();
    }
    context.strokeStyle = data.theme.accent;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(axes.x(epoch), TOP);
    context.lineTo(axes.x(epoch), axes.bottom);
    context.stroke();
    drawLabels(context, labels, width - axes.right + 8, axes.bottom);
    return beside > 0;
  }

  /**
   * @param {number} width
   * @param {number} height
   * @param {number} right
   * @returns {Axes}
   */
  layOut(width, height, right) {
    const {last, models} = this.data;
    const values = models.flatMap(model => model[this.figure] ?? []).filter(value => value !== null);
    const span = Math.max(...values) - Math.min(...values) || 0.1;
    const low = Math.max(0, Math.min(...values) - 0.06 * span);
    const high = Math.max(...values) + 0.06 * span;
    return {
      left: LEFT,
      right,
      width,
      bottom: height - BOTTOM,
      low,
      high,
      x: epoch => LEFT + (last > 1 ? (epoch - 1) / (last - 1) : 0.5) * (width - LEFT - right),
      y: value => TOP + ((high - value) / (high - low)) * (height - TOP - BOTTOM),
    };
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Axes} axes
   */
  drawAxes(context, {x, y, low, high, left, right, width, bottom}) {
    const {theme, last} = this.data;
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    context.fillStyle = theme.muted;
    context.strokeStyle = theme.grid;
    context.lineWidth = 1;
    const percents = this.format === percent;
    const step = Math.max(niceStep((high - low) / 5), percents ? 0.01 : 0.001);
    const digits = Math.max(1, -Math.floor(Math.log10(step) + 1e-9));
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
      context.beginPath();
      context.moveTo(left, y(value));
      context.lineTo(width - right, y(value));
      context.stroke();
      context.fillText(percents ? percent(value) : value.toFixed(digits), left - 5, y(value));
    }
    context.textBaseline = 'top';
    context.textAlign = 'center';
    const by = Math.max(1, niceStep(last / 5));
    for (let epoch = by; epoch <= last; epoch += by)
      context.fillText(String(Math.round(epoch)), x(Math.round(epoch)), bottom + 6);
  }
}

/**
 * The pixels that values and names take beside a chart, the same in all charts; 0 if too little is left to the lines.
 * @param {CanvasRenderingContext2D} context
 * @param {EpochModel[]} models
 * @param {number} width
 */
function roomBeside(context, models, width) {
  const widest = Math.max(...models.map(model => context.measureText(`1.000 ${model.name}`).width));
  return widest + 12 <= 0.4 * width ? widest + 12 : 0;
}

/**
 * Draw a model's line; a dashed level for the teacher.
 * @param {CanvasRenderingContext2D} context
 * @param {Axes} axes
 * @param {EpochModel} model
 * @param {(number | null)[]} values
 */
function drawCourse(context, {x, y, left, right, width}, model, values) {
  context.strokeStyle = model.colour;
  context.lineWidth = 2;
  context.setLineDash(model.learns ? [] : [5, 4]);
  context.beginPath();
  if (model.learns) {
    for (const [k, value] of values.entries())
      if (value !== null) context.lineTo(x(model.epochs[k]), y(value));
  } else {
    const level = y(values[0] ?? 0);
    context.moveTo(left, level);
    context.lineTo(width - right, level);
  }
  context.stroke();
  context.setLineDash([]);
}

/**
 * Write the values at the cursor in their models' colours, one below the other.
 * @param {CanvasRenderingContext2D} context
 * @param {{y: number, text: string, colour: string}[]} labels Sorted in place.
 * @param {number} x
 * @param {number} bottom
 */
function drawLabels(context, labels, x, bottom) {
  labels.sort((a, b) => a.y - b.y);
  let least = TOP + 6;
  for (const label of labels) {
    label.y = Math.max(label.y, least);
    least = label.y + LABEL_GAP;
  }
  let most = bottom;
  for (const label of [...labels].reverse()) {
    label.y = Math.min(label.y, most);
    most = label.y - LABEL_GAP;
  }
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  for (const label of labels) {
    context.fillStyle = label.colour;
    context.fillText(label.text, x, label.y);
  }
}
