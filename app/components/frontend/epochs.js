// The epochs player: line charts with a cursor, and a class Gram of every model, at one epoch. Play, drag and keys need
// no server.
import {Grams} from './epochs_grams.js';
import {CHARTS, LineChart} from './epochs_lines.js';
import {clamp, make, mount, setColours, whenFontsLoad} from './util.js';

/** @typedef {import('./epochs_lines.js').EpochsData} EpochsData */

const STEP_MS = 160; // from one epoch to the next while playing

/** @param {import('./util.js').Component<EpochsData>} component */
export default component => mount(component, Player);

class Player {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.box = make('div', root, 'bke');
    const controls = make('div', this.box, 'controls');
    this.button = make('button', controls);
    this.button.type = 'button';
    this.range = make('input', controls);
    this.range.type = 'range';
    this.range.min = '1';
    this.range.step = '1';
    this.range.setAttribute('aria-label', 'Epoch');
    this.output = make('output', controls);
    this.legend = make('div', this.box, 'legend');
    this.lines = make('div', this.box, 'lines');
    const grams = make('div', this.box, 'grams');
    this.scale = make('div', this.box, 'scale');
    this.grams = new Grams(grams, make('div', this.box, 'tip'));
    /** @type {EpochsData | null} */
    this.data = null;
    this.epoch = 1;
    this.sent = 1; // the epoch that Python knows
    /** @type {LineChart[]} */
    this.charts = [];
    /** @type {number | null} */
    this.timer = null; // set while playing
    /** @type {(name: string, value: unknown) => void} */
    this.send = () => {};
    this.button.addEventListener('click', () => (this.timer ? this.rest() : this.play()));
    this.range.addEventListener('input', () => this.go(Number(this.range.value)));
    this.range.addEventListener('change', () => this.rest());
    this.resizing = new ResizeObserver(() => this.drawLines());
    this.resizing.observe(this.box);
    whenFontsLoad(this.box, () => this.drawLines());
    this.showState();
  }

  stop() {
    if (this.timer) clearInterval(this.timer);
    this.grams.stop();
    this.resizing.disconnect();
    this.box.remove();
  }

  /** @param {import('./util.js').Component<EpochsData>} component */
  update({data, setTriggerValue}) {
    this.send = setTriggerValue;
    const before = this.data;
    this.data = data;
    const asked = /** @type {const} */ (['start', 'last', 'turn']).some(key => before?.[key] !== data[key]);
    if (asked) this.epoch = data.start;
    this.sent = this.epoch;
    setColours(this.box, data.theme, 'bke-');
    this.range.max = String(data.last);
    this.build(data);
    this.go(this.epoch);
  }

  /** @param {EpochsData} data */
  build(data) {
    this.lines.replaceChildren();
    const charts = CHARTS.filter(({figure}) => data.models.some(model => model[figure]));
    const onEpoch = (/** @type {number} */ epoch, /** @type {boolean} */ ended) =>
      ended ? this.rest() : this.go(epoch);
    this.charts = charts.map(chart => new LineChart(this.lines, chart, data, onEpoch));
    this.legend.replaceChildren();
    for (const model of data.models) {
      const item = make('span', this.legend);
      make('i', item, 'dot').style.background = model.colour;
      item.append(model.name);
    }
    this.grams.build(data);
    const bar = data.stops.map(([at, hex]) => `${hex} ${100 * at}%`).join(', ');
    this.scale.replaceChildren('0 ');
    make('i', this.scale).style.background = `linear-gradient(90deg, ${bar})`;
    this.scale.append(` ${data.top}, ${data.what}`);
  }

  /**
   * Show an epoch.
   * @param {number} epoch
   */
  go(epoch) {
    if (!this.data) return;
    this.epoch = clamp(Math.round(epoch), 1, this.data.last);
    const text = `epoch ${this.epoch} of ${this.data.last}`;
    this.range.value = String(this.epoch);
    this.range.setAttribute('aria-valuetext', text);
    this.output.textContent = text;
    this.box.dataset.epoch = String(this.epoch);
    this.drawLines();
    this.grams.draw(this.epoch);
  }

  play() {
    const last = this.data?.last ?? 1;
    if (this.epoch >= last) this.go(1);
    this.timer = setInterval(() => {
      if (this.epoch >= last) this.rest();
      else this.go(this.epoch + 1);
    }, STEP_MS);
    this.showState();
  }

  /** Stop playing, and tell Python the epoch if it is another one. */
  rest() {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    this.showState();
    if (this.sent === this.epoch) return;
    this.sent = this.epoch;
    this.send('epoch', this.epoch);
  }

  showState() {
    this.button.textContent = this.timer ? '❚❚' : '▶';
    this.button.setAttribute('aria-label', this.timer ? 'Pause' : 'Play');
  }

  /** Draw the line charts. The legend is hidden if every chart has the names in it. */
  drawLines() {
    if (!this.data) return;
    const named = this.charts.map(chart => chart.draw(this.epoch));
    this.legend.hidden = named.every(Boolean);
  }
}
