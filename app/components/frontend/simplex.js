// A lesson on three classes and a few samples: a person drags the student's points, and the tables, losses and gradients
// follow.
import {bickdClass, bickdSample, columnCosines, kd, rowCosines, sameClass, softmax} from './losses.js';
import {keepInside, logitsOf} from './simplex_geometry.js';
import {Tables, TIGHT} from './simplex_tables.js';
import {number, sentence, TERMS} from './simplex_text.js';
import {Triangle} from './simplex_triangle.js';
import {make, mount, setColours} from './util.js';

/** @typedef {import('./losses.js').Matrix} Matrix */
/** @typedef {import('./simplex_text.js').SimplexData} SimplexData */
/** @typedef {import('./simplex_text.js').Term} Term */
/** @typedef {import('./simplex_text.js').Focus} Focus */

const RATE = 6; // learning rate of one step: to first order the step ends where the arrow does
const FRAMES = 90; // steps of a tenth of RATE while a person follows the arrows

/** @param {import('./util.js').Component<SimplexData>} component */
export default component => mount(component, Simplex);

class Simplex {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.box = make('div', root, 'sx');
    /** @type {Record<Term, boolean>} */
    this.chosen = {kl: true, sample: true, class: true};
    /** @type {Focus} */
    this.focus = {row: 0, column: 0};
    /** @type {Matrix} */
    this.z = []; // the student's logits, as a person moved them
    this.T = 1;
    /** @type {number | null} */
    this.given = null; // the temperature that Python knows
    this.samples = ''; // the samples that are shown, as text
    this.built = ''; // what the parts were built from, as text
    /** @type {number | null} */
    this.running = null; // set while the points follow the arrows
    /** @type {SimplexData | null} */
    this.data = null;
    /** @type {ReturnType<Simplex['build']> | null} */
    this.parts = null;
    /** @type {(name: string, value: unknown) => void} */
    this.send = () => {};
  }

  stop() {
    if (this.running) cancelAnimationFrame(this.running);
    this.box.remove();
  }

  /** @param {import('./util.js').Component<SimplexData>} component */
  update({data, setTriggerValue}) {
    this.send = setTriggerValue;
    this.data = data;
    const {student, teacher, classes, temperature, ...rest} = data;
    const samples = JSON.stringify([student, teacher, classes]);
    if (samples !== this.samples) {
      this.samples = samples;
      this.z = student.map(row => [...row]);
      this.focus = {row: 0, column: data.truth[0]};
    }
    if (temperature !== this.given) {
      this.given = temperature;
      this.T = temperature;
    }
    const built = JSON.stringify([samples, rest]);
    if (built !== this.built) this.parts = this.build(data);
    this.built = built;
    this.render();
  }

  // -- the parts, made once ---------------------------------------------------------------------------------
  /** @param {SimplexData} data */
  build(data) {
    this.box.replaceChildren();
    setColours(this.box, {...data.theme, colour: data.colour});
    this.box.style.setProperty('--height', `${data.height}px`);
    this.box.classList.toggle('tight', data.height < TIGHT);
    const columns = make('div', this.box, 'cols');
    const left = make('div', columns);
    const right = make('div', columns);
    const triangle = new Triangle(left, data, {
      onGrab: () => this.halt(),
      onLook: i => this.look(i, data.truth[i]),
      onMove: (i, p) => {
        this.z[i] = logitsOf(p, this.z[i], this.T);
        this.look(i, data.truth[i]);
      },
    });
    const tables = new Tables(make('div', right, 'tables'), data, (sample, c) =>
      this.look(sample ?? this.focus.row, c),
    );
    const grid = make('div', right, 'terms');
    const terms = TERMS.map(({term, title}) => this.buildTerm(grid, term, title));
    const temperature = this.buildTemperature(grid, data.temperatures);
    const follow = this.buildButtons(left, data);
    const text = make('p', this.box, 'said');
    text.setAttribute('aria-live', 'polite');
    return {triangle, tables, terms, ...temperature, follow, text};
  }

  /**
   * Build the row of one loss.
   * @param {HTMLElement} parent
   * @param {Term} term
   * @param {string} title
   */
  buildTerm(parent, term, title) {
    const label = make('label', parent);
    const tick = make('input', label);
    tick.type = 'checkbox';
    tick.checked = this.chosen[term];
    tick.addEventListener('change', () => {
      this.chosen[term] = tick.checked;
      this.render();
    });
    label.append(title);
    const bar = make('span', parent, 'bar');
    const value = make('span', parent, 'value');
    value.dataset.term = term;
    const weight = make('span', parent, 'weight');
    return {term, bar, fill: make('i', bar), value, weight};
  }

  /**
   * Build the slider of the temperature.
   * @param {HTMLElement} parent
   * @param {number[]} temperatures
   */
  buildTemperature(parent, temperatures) {
    const heat = make('b', make('label', parent, 'heat'));
    const slider = make('input', parent);
    slider.type = 'range';
    slider.min = '0';
    slider.max = String(temperatures.length - 1);
    slider.step = '1';
    slider.setAttribute('aria-label', 'Temperature T');
    slider.addEventListener('input', () => {
      this.T = temperatures[Number(slider.value)];
      this.render();
    });
    slider.addEventListener('change', () => {
      this.given = this.T;
      this.send('temperature', this.T);
    });
    return {heat, slider};
  }

  /**
   * Build the buttons and the key below them. Returns the button that follows the arrows.
   * @param {HTMLElement} parent
   * @param {SimplexData} data
   */
  buildButtons(parent, data) {
    const row = make('div', parent, 'row-of');
    const button = (/** @type {string} */ text, /** @type {() => void} */ act, className = '') => {
      const made = make('button', row, className, text);
      made.type = 'button';
      made.addEventListener('click', act);
      return made;
    };
    const follow = button('Follow the arrows', () => this.run(), 'main');
    button('One step', () => {
      this.halt();
      this.descend(RATE);
      this.render();
    });
    button('Onto the teacher', () => this.put(data.teacher));
    button('Reset', () => this.put(data.student));
    const moved = data.height < TIGHT ? '' : ' (drag it or use the arrow keys)';
    const step = data.height < TIGHT ? 'one step' : 'one gradient step on the chosen terms';
    make('p', parent, 'key', `Filled: ${data.name}${moved}. Ring: the teacher. Arrow: ${step}.`);
    return follow;
  }

  // -- what a person does -----------------------------------------------------------------------------------
  /**
   * Look at a sample and a class.
   * @param {number} row
   * @param {number} column
   */
  look(row, column) {
    this.focus = {row, column};
    this.render();
  }

  /**
   * Move the student to other logits.
   * @param {Matrix} logits
   */
  put(logits) {
    this.halt();
    this.z = logits.map(row => [...row]);
    this.render();
  }

  /**
   * Take one step down the gradient of the chosen losses.
   * @param {number} rate
   */
  descend(rate) {
    if (!this.data) return;
    const gradient = this.gradient(this.losses(this.data), this.data.weights);
    this.z = this.z.map((row, i) => {
      const stepped = row.map((x, c) => x - rate * gradient[i][c]);
      return logitsOf(keepInside(softmax([stepped], this.T)[0]), row, this.T);
    });
  }

  /** Follow the arrows, or stop if the points already do. */
  run() {
    if (this.running) {
      this.halt();
      return;
    }
    let left = FRAMES;
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
      while (left-- > 0) this.descend(RATE / 10);
      this.render();
      return;
    }
    if (this.parts) this.parts.follow.textContent = 'Stop';
    const frame = () => {
      this.descend(RATE / 10);
      this.render();
      if (--left > 0) this.running = requestAnimationFrame(frame);
      else this.halt();
    };
    this.running = requestAnimationFrame(frame);
  }

  halt() {
    if (this.running) cancelAnimationFrame(this.running);
    this.running = null;
    if (this.parts) this.parts.follow.textContent = 'Follow the arrows';
  }

  // -- what follows -----------------------------------------------------------------------------------------
  /**
   * @param {SimplexData} data
   * @returns {import('./simplex_text.js').Losses}
   */
  losses({teacher, truth, tau}) {
    const {z, T} = this;
    return {
      kl: kd(z, teacher, T),
      sample: bickdSample(z, teacher, truth, T, tau),
      class: bickdClass(z, teacher, T, tau),
    };
  }

  /**
   * The gradient of the weighted sum of the chosen losses.
   * @param {import('./simplex_text.js').Losses} losses
   * @param {Record<Term, number>} weights
   */
  gradient(losses, weights) {
    const part = (/** @type {Term} */ term, /** @type {number} */ i, /** @type {number} */ c) =>
      this.chosen[term] ? weights[term] * losses[term].gradient[i][c] : 0;
    return this.z.map((row, i) =>
      row.map((_, c) => TERMS.reduce((sum, {term}) => sum + part(term, i, c), 0)),
    );
  }

  render() {
    const {data, parts, T, chosen} = this;
    if (!data || !parts) return;
    const P = softmax(this.z, T);
    const Q = softmax(data.teacher, T);
    const R = rowCosines(this.z, data.teacher, T);
    const K = columnCosines(this.z, data.teacher, T);
    const losses = this.losses(data);
    const {row, column} = this.focus;
    parts.triangle.update(P, Q, stepsOf(P, this.gradient(losses, data.weights), T), row);
    parts.tables.fill('S', P, (i, c) => i === row || c === column);
    parts.tables.fill('T', Q, (i, c) => i === row || c === column);
    parts.tables.fill('R', R, i => i === row, sameClass(data.truth));
    parts.tables.fill('K', K, i => i === column);
    // The full length of each bar. log n is the loss where all n cosines are the same and none is left out.
    const tops = {kl: 4, sample: 1.5 * Math.log(P.length), class: 1.5 * Math.log(3)};
    for (const {term, bar, fill, value, weight} of parts.terms) {
      const loss = losses[term].value;
      const opacity = chosen[term] ? '1' : '0.45';
      fill.style.width = `${100 * Math.min(1, loss / tops[term])}%`;
      bar.style.opacity = opacity;
      value.style.opacity = opacity;
      value.textContent = number(loss);
      weight.textContent = `× ${data.weights[term]} = ${number(data.weights[term] * loss)}`;
    }
    parts.slider.value = String(data.temperatures.indexOf(T));
    parts.heat.textContent = `Temperature T = ${T}`;
    parts.text.textContent = sentence(data, this.focus, {P, Q, K, losses}, chosen);
  }
}

/**
 * The change of each row of P by one step of RATE, to first order: dp = p (d - p . d) / T with d = -RATE gradient.
 * @param {Matrix} P
 * @param {Matrix} gradient
 * @param {number} T
 */
function stepsOf(P, gradient, T) {
  return P.map((p, i) => {
    const inner = p.reduce((sum, q, c) => sum + q * gradient[i][c], 0);
    return p.map((q, c) => (-RATE * q * (gradient[i][c] - inner)) / T);
  });
}
