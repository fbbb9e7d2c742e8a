// The triangle itself: the student's points, which can be dragged, the teacher's rings, and the arrows of one step.
import {BOX, CORNERS, placeOf, probabilitiesAt, SIDE} from './simplex_geometry.js';
import {ARROWS, isBrowserKey, rgb, textOn} from './util.js';

/** @typedef {import('./simplex_text.js').SimplexData} SimplexData */
/** @typedef {import('./util.js').XY} XY */

/**
 * The parts of one sample.
 * @typedef {object} Sample
 * @property {SVGElement} tie The line from the student to the teacher.
 * @property {SVGElement} target The teacher's ring.
 * @property {SVGElement} line The arrow's line.
 * @property {SVGElement} head The arrow's head.
 * @property {SVGElement} point The student's point.
 */

/**
 * What the triangle tells the lesson.
 * @typedef {object} TriangleEvents
 * @property {(i: number, p: number[]) => void} onMove A sample was moved to these probabilities.
 * @property {(i: number) => void} onLook A person looks at a sample.
 * @property {() => void} onGrab Something is about to be moved.
 */

const NUDGE = 0.03; // of the triangle's side, by an arrow key
const SHORTEST = 3; // units of an arrow that is drawn
const LONGEST = 90;
const RIM = 11; // radius of a point

/**
 * Add an SVG element.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Element} parent
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 * @returns {SVGElementTagNameMap[Tag]}
 */
function draw(parent, tag, attributes, text = '') {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text) made.textContent = text;
  parent.append(made);
  return made;
}

/** Three classes as corners, samples as points. */
export class Triangle {
  /**
   * @param {Element} parent
   * @param {SimplexData} data
   * @param {TriangleEvents} events
   */
  constructor(parent, data, events) {
    this.data = data;
    this.events = events;
    const label = `Triangle of ${data.classes.join(', ')}: each sample is a point, nearer a corner the surer of that class`;
    this.svg = draw(parent, 'svg', {
      viewBox: `0 0 ${BOX.width} ${BOX.height}`,
      role: 'group',
      'aria-label': label,
    });
    this.drawClasses();
    /** @type {XY[]} */
    this.places = []; // of the student's points
    /** @type {number | null} */
    this.dragged = null;
    const marks = data.truth.map((c, i) => {
      const tie = draw(this.svg, 'line', {class: 'tie'});
      const target = draw(this.svg, 'circle', {class: 'target', r: 7, stroke: data.colours[c]});
      draw(target, 'title', {}, `sample ${i + 1} in the teacher`);
      return {tie, target};
    });
    const arrows = data.truth.map(() => ({
      line: draw(this.svg, 'path', {class: 'arrow'}),
      head: draw(this.svg, 'polygon', {class: 'head'}),
    }));
    /** @type {Sample[]} */
    this.samples = data.truth.map((_, i) => ({...marks[i], ...arrows[i], point: this.point(i)}));
  }

  drawClasses() {
    const {classes, inks} = this.data;
    draw(this.svg, 'polygon', {class: 'edge', points: CORNERS.map(p => p.join()).join(' ')});
    const [x1, y1] = placeOf([1 / 3, 1 / 3, 1 / 3]);
    const looks = [
      {anchor: 'middle', dx: 0, dy: -14},
      {anchor: 'start', dx: -30, dy: 26},
      {anchor: 'end', dx: 30, dy: 26},
    ];
    for (const [c, {anchor, dx, dy}] of looks.entries()) {
      const [x2, y2] = placeOf([0, 1, 2].map(k => (k === c ? 0 : 0.5)));
      draw(this.svg, 'line', {class: 'inner', x1, y1, x2, y2});
      const [x, y] = CORNERS[c];
      const look = {class: 'corner', fill: inks[c], 'text-anchor': anchor};
      draw(this.svg, 'text', {...look, x, y: y + dy, dx}, classes[c]);
    }
  }

  /**
   * Draw a sample's point, which can be dragged or moved with the arrow keys.
   * @param {number} i
   */
  point(i) {
    const {classes, colours, truth} = this.data;
    const colour = colours[truth[i]];
    const label = `Sample ${i + 1}, of class ${classes[truth[i]]}: drag it, or move it with the arrow keys`;
    const point = draw(this.svg, 'g', {class: 'pt', tabindex: 0, role: 'application', 'aria-label': label});
    draw(point, 'circle', {r: RIM, fill: colour});
    draw(point, 'text', {fill: textOn(rgb(colour), 130)}, String(i + 1));
    const {onMove, onLook, onGrab} = this.events;
    point.addEventListener('pointerdown', event => {
      if (event.button !== 0 || !event.isPrimary) return;
      onGrab();
      point.setPointerCapture(event.pointerId);
      point.focus({preventScroll: true});
      this.dragged = i;
      onLook(i);
      event.preventDefault();
    });
    point.addEventListener('pointermove', event => {
      if (this.dragged === i) onMove(i, probabilitiesAt(this.placeAt(event)));
    });
    point.addEventListener('touchstart', event => event.preventDefault(), {passive: false}); // no scrolling
    for (const name of ['pointerup', 'pointercancel'])
      point.addEventListener(name, () => {
        this.dragged = null;
      });
    point.addEventListener('pointerenter', () => {
      if (this.dragged === null) onLook(i);
    });
    point.addEventListener('focus', () => onLook(i));
    point.addEventListener('keydown', event => {
      const step = ARROWS[event.key];
      if (!step || isBrowserKey(event)) return;
      onGrab();
      const [x, y] = this.places[i];
      onMove(i, probabilitiesAt([x + NUDGE * SIDE * step[0], y + NUDGE * SIDE * step[1]]));
      event.preventDefault();
      event.stopPropagation();
    });
    return point;
  }

  /**
   * The place of the pointer in the SVG's units.
   * @param {PointerEvent} event
   * @returns {XY}
   */
  placeAt(event) {
    const matrix = /** @type {DOMMatrix} */ (this.svg.getScreenCTM());
    const {x, y} = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    return [x, y];
  }

  /**
   * Move everything to where it belongs.
   * @param {number[][]} P The student's probabilities.
   * @param {number[][]} Q The teacher's probabilities.
   * @param {number[][]} steps The change of P by one step, to first order.
   * @param {number} row The sample in focus.
   */
  update(P, Q, steps, row) {
    this.places = P.map(placeOf);
    for (const [i, {tie, target, point}] of this.samples.entries()) {
      const [x, y] = this.places[i];
      const [tx, ty] = placeOf(Q[i]);
      point.setAttribute('transform', `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
      point.classList.toggle('on', i === row);
      for (const [name, value] of Object.entries({x1: x, y1: y, x2: tx, y2: ty}))
        tie.setAttribute(name, value.toFixed(2));
      target.setAttribute('cx', tx.toFixed(2));
      target.setAttribute('cy', ty.toFixed(2));
      this.drawArrow(i, steps[i]);
    }
  }

  /**
   * Draw where one step leads a sample. The arrow begins at the rim of its point.
   * @param {number} i
   * @param {number[]} step
   */
  drawArrow(i, step) {
    const {line, head} = this.samples[i];
    const [x, y] = this.places[i];
    const [dx, dy] = placeOf(step);
    const length = Math.hypot(dx, dy);
    const shown = length >= SHORTEST;
    line.style.display = shown ? '' : 'none';
    head.style.display = shown ? '' : 'none';
    if (!shown) return;
    const reach = Math.min(length, LONGEST) + RIM + 4;
    const [ux, uy] = [dx / length, dy / length];
    const [ex, ey] = [x + ux * reach, y + uy * reach];
    line.setAttribute('d', `M${x} ${y}L${ex - 6 * ux} ${ey - 6 * uy}`);
    const corner = (/** @type {number} */ along, /** @type {number} */ across) =>
      `${ex + along * ux - across * uy},${ey + along * uy + across * ux}`;
    head.setAttribute('points', `${corner(0, 0)} ${corner(-10, 5)} ${corner(-10, -5)}`);
  }
}
