// Three classes, a few samples: drag the student's points, and rows, columns, losses and gradient follow.
// data: {student, teacher [B][3] logits, classes, truth, pictures, name,
// colour, teacher_colour, colours, temperature, temperatures, tau, weights {kl, sample, class}, height, stops, theme}
import {bickdClass, bickdSample, columnCosines, kd, rowCosines, softmax} from './losses.js';

const SVG = 'http://www.w3.org/2000/svg';
const BOX = {width: 440, height: 400};
const CORNERS = [
  [220, 34],
  [34, 356],
  [406, 356],
]; // of the three classes
const RATE = 6; // learning rate of one step: the arrow leads where it goes, to first order
const FRAMES = 90; // steps of a tenth of RATE when let go
const LEAST = 1e-3; // a point never quite reaches an edge: its logits would be infinite
const NUDGE = 0.03; // of probability, by an arrow key
const TERMS = [
  ['kl', 'T² KL'],
  ['sample', 'sample-wise (rows)'],
  ['class', 'class-wise (columns)'],
];
const OWNERS = {kl: "KL's", sample: "the sample-wise side's", class: "the class-wise side's"};

export default function (component) {
  const root = component.parentElement;
  const view = (root.bkSimplex ??= new Simplex(root));
  view.update(component);
  return () => {
    view.stop();
    delete root.bkSimplex;
  };
}

const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
const number = x => x.toFixed(Math.abs(x) >= 10 ? 1 : 2).replace('-', '−');
const share = x => `${Math.round(100 * x)}%`;

function element(parent, tag, attributes = {}, words = '') {
  const made =
    parent.namespaceURI === SVG || tag === 'svg'
      ? document.createElementNS(SVG, tag)
      : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (words) made.textContent = words;
  parent.appendChild(made);
  return made;
}

const place = p => [0, 1].map(k => p.reduce((sum, x, c) => sum + x * CORNERS[c][k], 0));

// Barycentric coordinates of a place, kept inside the triangle.
function weightsOf([x, y]) {
  const [[ax, ay], [bx, by], [cx, cy]] = CORNERS;
  const area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy);
  const a = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area;
  const b = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area;
  return inside([a, b, 1 - a - b]);
}

function inside(p) {
  const kept = p.map(x => Math.max(LEAST, x));
  const sum = kept.reduce((a, b) => a + b, 0);
  return kept.map(x => x / sum);
}

class Simplex {
  constructor(root) {
    this.box = element(root, 'div', {class: 'sx'});
    this.on = {kl: true, sample: true, class: true};
    this.focus = {row: 0, column: 0};
  }

  stop() {
    cancelAnimationFrame(this.running);
    this.box.remove();
  }

  update({data, setTriggerValue}) {
    this.send = setTriggerValue;
    const fresh = JSON.stringify([data.student, data.teacher, data.classes]);
    const built = JSON.stringify([
      fresh,
      data.theme,
      data.colours,
      data.colour,
      data.pictures.length,
      data.height,
    ]);
    this.data = data;
    if (fresh !== this.fresh) {
      this.fresh = fresh;
      this.z = data.student.map(row => [...row]);
      this.focus = {row: 0, column: data.truth[0]};
    }
    if (data.temperature !== this.given) this.T = this.given = data.temperature;
    if (built !== this.built) this.build();
    this.built = built;
    this.render();
  }

  // -- the parts, made once -----------------------------------------------------------------------------
  build() {
    const d = this.data;
    this.box.textContent = '';
    for (const [name, colour] of Object.entries({...d.theme, colour: d.colour}))
      this.box.style.setProperty(`--${name}`, colour);
    this.box.style.setProperty('--height', `${d.height}px`);
    this.box.classList.toggle('tight', d.height < 350);
    this.shades = d.stops.map(([at, hex]) => [at, rgb(hex)]);
    const cols = element(this.box, 'div', {class: 'cols'});
    const left = element(cols, 'div'),
      side = element(cols, 'div');
    this.triangle(left);
    this.tables(element(side, 'div', {class: 'tables'}));
    this.measures(side);
    this.buttons(left);
    this.said = element(this.box, 'p', {class: 'said', 'aria-live': 'polite'});
  }

  triangle(parent) {
    const d = this.data;
    const svg = (this.svg = element(parent, 'svg', {
      viewBox: `0 0 ${BOX.width} ${BOX.height}`,
      role: 'group',
      'aria-label': `Triangle of ${d.classes.join(', ')}: each sample is a point, nearer a corner the surer of that class`,
    }));
    element(svg, 'polygon', {class: 'edge', points: CORNERS.map(p => p.join()).join(' ')});
    const middle = place([1 / 3, 1 / 3, 1 / 3]);
    CORNERS.forEach((_, c) => {
      const across = place([0, 1, 2].map(k => (k === c ? 0 : 0.5)));
      element(svg, 'line', {class: 'inner', x1: middle[0], y1: middle[1], x2: across[0], y2: across[1]});
      const [x, y] = CORNERS[c];
      element(
        svg,
        'text',
        {
          class: 'corner',
          x,
          y: c ? y + 26 : y - 14,
          fill: d.colours[c],
          'text-anchor': c === 0 ? 'middle' : c === 1 ? 'start' : 'end',
          dx: c === 0 ? 0 : c === 1 ? -30 : 30,
        },
        d.classes[c],
      );
    });
    this.marks = d.truth.map((c, i) => {
      const tie = element(svg, 'line', {class: 'tie'});
      const target = element(svg, 'circle', {class: 'target', r: 7, stroke: d.colours[c]});
      element(target, 'title', {}, `sample ${i + 1} in the teacher`);
      return {tie, target};
    });
    this.arrows = d.truth.map(() => ({
      line: element(svg, 'path', {class: 'arrow'}),
      head: element(svg, 'polygon', {class: 'head'}),
    }));
    d.truth.forEach((c, i) => {
      const point = element(svg, 'g', {
        class: 'pt',
        tabindex: 0,
        role: 'application',
        'aria-label': `Sample ${i + 1}, of class ${d.classes[c]}: drag it, or move it with the arrow keys`,
      });
      element(point, 'circle', {r: 11, fill: d.colours[c]});
      const [r, g, b] = rgb(d.colours[c]);
      element(
        point,
        'text',
        {fill: 0.299 * r + 0.587 * g + 0.114 * b > 130 ? '#111827' : '#ffffff'},
        String(i + 1),
      );
      this.marks[i].point = point;
      this.draggable(point, i);
    });
  }

  draggable(point, i) {
    const move = event => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(
        this.svg.getScreenCTM().inverse(),
      );
      this.moveTo(i, weightsOf([at.x, at.y]));
    };
    point.addEventListener('pointerdown', event => {
      this.halt();
      point.setPointerCapture(event.pointerId);
      point.focus({preventScroll: true});
      this.dragging = i;
      this.attend(i, this.data.truth[i]);
      event.preventDefault();
    });
    point.addEventListener('pointermove', event => {
      if (this.dragging === i) move(event);
    });
    for (const name of ['pointerup', 'pointercancel'])
      point.addEventListener(name, () => {
        this.dragging = null;
      });
    point.addEventListener('pointerenter', () => {
      if (this.dragging == null) this.attend(i, this.data.truth[i]);
    });
    point.addEventListener('focus', () => this.attend(i, this.data.truth[i]));
    point.addEventListener('keydown', event => {
      const step = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]}[event.key];
      if (!step) return;
      this.halt();
      const [x, y] = place(softmax([this.z[i]], this.T)[0]),
        far = NUDGE * 372;
      this.moveTo(i, weightsOf([x + far * step[0], y + far * step[1]]));
      event.preventDefault();
      event.stopPropagation();
    });
  }

  tables(parent) {
    const d = this.data,
      rows = d.truth.map((_, i) => i),
      columns = [0, 1, 2];
    this.cells = {};
    const table = (name, title, note, rowHead, columnHead, lines, across, attend) => {
      const made = element(parent, 'table', {class: name === 'R' ? '' : 'wide'});
      const caption = element(made, 'caption', {}, `${title} `);
      element(caption, 'small', {}, note);
      const head = element(made, 'tr');
      if (rowHead) element(head, 'th');
      for (const c of across) columnHead(element(head, 'th', {scope: 'col'}), c);
      this.cells[name] = lines.map(i => {
        const line = element(made, 'tr');
        if (rowHead) rowHead(element(line, 'th', {class: 'row', scope: 'row'}), i);
        return across.map(c => {
          const cell = element(line, 'td');
          cell.addEventListener('pointerenter', () => attend(i, c));
          return cell;
        });
      });
    };
    const classHead = (th, c) => {
      th.textContent = d.classes[c];
      th.title = d.classes[c];
      th.style.color = d.colours[c];
    };
    const sampleHead = (th, i) => {
      th.textContent = String(i + 1);
      th.style.color = d.colours[d.truth[i]];
    };
    const pictureHead = (th, i) => {
      sampleHead(th, i);
      if (d.pictures[i]) element(th, 'img', {src: d.pictures[i], alt: d.classes[d.truth[i]]});
    };
    table('S', 'P student', '', pictureHead, classHead, rows, columns, (i, c) => this.attend(i, c));
    table('T', 'P teacher', '', null, classHead, rows, columns, (i, c) => this.attend(i, c));
    table(
      'R',
      'R',
      d.height < 350 ? 'rows' : 'rows: student’s against teacher’s',
      sampleHead,
      sampleHead,
      rows,
      rows,
      (i, j) => this.attend(i, d.truth[i]),
    );
    table('K', 'K', 'columns', classHead, classHead, columns, columns, c => this.attend(this.focus.row, c));
  }

  measures(parent) {
    const d = this.data;
    const terms = element(parent, 'div', {class: 'terms'});
    this.terms = {};
    for (const [name, title] of TERMS) {
      const label = element(terms, 'label');
      const tick = element(label, 'input', {type: 'checkbox'});
      tick.checked = this.on[name];
      tick.addEventListener('change', () => {
        this.on[name] = tick.checked;
        this.render();
      });
      label.append(title);
      const bar = element(terms, 'span', {class: 'bar'});
      const value = element(terms, 'span', {class: 'value', 'data-term': name});
      const weight = element(terms, 'span', {class: 'weight'});
      this.terms[name] = {fill: element(bar, 'i'), value, weight, wrap: bar};
    }
    const heat = element(terms, 'label', {class: 'heat'});
    this.heat = element(heat, 'b');
    this.slider = element(terms, 'input', {
      type: 'range',
      min: 0,
      max: d.temperatures.length - 1,
      step: 1,
      'aria-label': 'Temperature T',
    });
    this.slider.addEventListener('input', () => {
      this.T = d.temperatures[this.slider.value];
      this.render();
    });
    this.slider.addEventListener('change', () => {
      this.given = this.T;
      this.send('temperature', this.T);
    });
  }

  buttons(parent) {
    const d = this.data,
      buttons = element(parent, 'div', {class: 'row-of'});
    const button = (words, act, kind = '') => {
      const made = element(buttons, 'button', {type: 'button', class: kind}, words);
      made.addEventListener('click', act);
      return made;
    };
    this.go = button('Follow the arrows', () => this.run(), 'main');
    button('One step', () => {
      this.halt();
      this.descend(RATE);
      this.render();
    });
    button('Onto the teacher', () => this.put(d.teacher));
    button('Reset', () => this.put(d.student));
    const key = element(parent, 'p', {class: 'key'});
    key.append(
      ...(d.height < 350
        ? ['Filled: ', d.name, '. Ring: its teacher. Arrow: one step.']
        : [
            'Filled: ',
            d.name,
            ', to be dragged or moved with the arrow keys. Ring: its teacher. Arrow: one step down the chosen terms.',
          ]),
    );
  }

  // -- what a person does ---------------------------------------------------------------------------------
  attend(row, column) {
    this.focus = {row, column};
    this.render();
  }

  moveTo(i, p) {
    const mean = this.z[i].reduce((a, b) => a + b, 0) / 3;
    const logs = p.map(x => this.T * Math.log(x)),
      middle = logs.reduce((a, b) => a + b, 0) / 3;
    this.z[i] = logs.map(x => x - middle + mean);
    this.attend(i, this.data.truth[i]);
  }

  put(logits) {
    this.halt();
    this.z = logits.map(row => [...row]);
    this.render();
  }

  descend(rate) {
    const {total} = this.losses();
    this.z = this.z.map((row, i) => {
      const p = inside(softmax([row.map((x, c) => x - rate * total[i][c])], this.T)[0]);
      const mean = row.reduce((a, b) => a + b, 0) / 3,
        logs = p.map(x => this.T * Math.log(x));
      const middle = logs.reduce((a, b) => a + b, 0) / 3;
      return logs.map(x => x - middle + mean);
    });
  }

  run() {
    if (this.running) return this.halt();
    let left = FRAMES;
    this.go.textContent = 'Stop';
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) {
      while (left--) this.descend(RATE / 10);
      this.halt();
      return this.render();
    }
    const frame = () => {
      this.descend(RATE / 10);
      this.render();
      if (--left > 0) this.running = requestAnimationFrame(frame);
      else this.halt();
    };
    this.running = requestAnimationFrame(frame);
  }

  halt() {
    cancelAnimationFrame(this.running);
    this.running = null;
    this.go.textContent = 'Follow the arrows';
  }

  // -- what follows ---------------------------------------------------------------------------------------
  losses() {
    const {teacher, tau, weights} = this.data,
      T = this.T;
    const found = {
      kl: kd(this.z, teacher, T),
      sample: bickdSample(this.z, teacher, T, tau),
      class: bickdClass(this.z, teacher, T, tau),
    };
    const total = this.z.map((row, i) =>
      row.map((_, c) =>
        TERMS.reduce(
          (sum, [name]) => sum + (this.on[name] ? weights[name] * found[name].gradient[i][c] : 0),
          0,
        ),
      ),
    );
    return {...found, total};
  }

  render() {
    const {teacher, weights, temperatures} = this.data,
      T = this.T;
    const P = softmax(this.z, T),
      Q = softmax(teacher, T),
      found = this.losses();
    const R = rowCosines(this.z, teacher, T),
      K = columnCosines(this.z, teacher, T);
    this.points(P, Q, found.total);
    const {row, column} = this.focus;
    this.fill('S', P, (i, c) => i === row || c === column);
    this.fill('T', Q, (i, c) => i === row || c === column);
    this.fill('R', R, i => i === row);
    this.fill('K', K, c => c === column);
    const tops = {kl: 4, sample: 1.5 * Math.log(P.length), class: 1.5 * Math.log(3)}; // log n: all cosines alike
    for (const [name] of TERMS) {
      const part = this.terms[name],
        value = found[name].value;
      part.fill.style.width = `${100 * Math.min(1, value / tops[name])}%`;
      part.wrap.style.opacity = part.value.style.opacity = this.on[name] ? 1 : 0.45;
      part.value.textContent = number(value);
      part.weight.textContent = `× ${weights[name]} = ${number(weights[name] * value)}`;
    }
    this.slider.value = temperatures.indexOf(T);
    this.heat.textContent = `Temperature T = ${T}`;
    this.said.textContent = this.sentence(P, Q, K, found);
  }

  points(P, Q, total) {
    P.forEach((p, i) => {
      const {tie, target, point} = this.marks[i],
        [x, y] = place(p),
        [tx, ty] = place(Q[i]);
      point.setAttribute('transform', `translate(${x.toFixed(2)} ${y.toFixed(2)})`);
      point.classList.toggle('on', i === this.focus.row);
      for (const [name, value] of Object.entries({x1: x, y1: y, x2: tx, y2: ty}))
        tie.setAttribute(name, value.toFixed(2));
      target.setAttribute('cx', tx.toFixed(2));
      target.setAttribute('cy', ty.toFixed(2));
      this.arrow(i, p, [x, y], total[i]);
    });
  }

  // Where one step of RATE leads, to first order: dp = p (d - p . d) / T with d = -RATE gradient.
  arrow(i, p, [x, y], gradient) {
    const inner = p.reduce((sum, q, c) => sum + q * gradient[c], 0);
    const [dx, dy] = place(p.map((q, c) => (-RATE * q * (gradient[c] - inner)) / this.T));
    const length = Math.hypot(dx, dy),
      {line, head} = this.arrows[i];
    line.style.display = head.style.display = length < 3 ? 'none' : '';
    if (length < 3) return;
    const shown = Math.min(length, 90) + 11,
      [ux, uy] = [dx / length, dy / length]; // it begins at the rim of its point
    const [ex, ey] = [x + ux * (shown + 4), y + uy * (shown + 4)];
    line.setAttribute('d', `M${x} ${y}L${ex - 6 * ux} ${ey - 6 * uy}`);
    head.setAttribute(
      'points',
      [
        [0, 0],
        [-10, 5],
        [-10, -5],
      ]
        .map(([a, b]) => `${ex + a * ux - b * uy},${ey + a * uy + b * ux}`)
        .join(' '),
    );
  }

  fill(name, values, lit) {
    this.cells[name].forEach((line, i) =>
      line.forEach((cell, c) => {
        const value = values[i][c],
          [r, g, b] = this.shade(value);
        const words = value >= 0.995 ? '1' : value.toFixed(2).replace('0.', '.');
        if (cell.textContent !== words) cell.textContent = words;
        cell.style.background = `rgb(${r},${g},${b})`;
        cell.style.color = 0.299 * r + 0.587 * g + 0.114 * b > 140 ? '#111827' : '#ffffff';
        cell.classList.toggle('lit', lit(i, c));
      }),
    );
  }

  shade(value) {
    const stops = this.shades;
    let k = 1;
    while (k < stops.length - 1 && stops[k][0] < value) k++;
    const [a, from] = stops[k - 1],
      [b, to] = stops[k],
      f = Math.min(1, Math.max(0, (value - a) / (b - a)));
    return from.map((x, c) => Math.round(x + f * (to[c] - x)));
  }

  // Whose the pull on a sample is, among the losses that are ticked.
  pulled(row, found) {
    const on = TERMS.filter(([name]) => this.on[name]);
    const size = on.map(([name]) => this.data.weights[name] * Math.hypot(...found[name].gradient[row]));
    const all = size.reduce((a, b) => a + b, 0);
    if (all < 1e-3) return 'nothing pulls on it';
    if (on.length === 1) return `all of the pull on it is ${OWNERS[on[0][0]]}`;
    const parts = on.map(([name], k) => `${share(size[k] / all)} ${k ? '' : 'is '}${OWNERS[name]}`);
    return `of the pull on it ${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
  }

  // What is on the screen, in words.
  sentence(P, Q, K, found) {
    const {classes, truth} = this.data,
      {row, column} = this.focus,
      own = classes[truth[row]];
    const pulled = this.pulled(row, found);
    const others = [0, 1, 2].filter(c => c !== column),
      far = others.reduce((a, b) => (K[column][a] > K[column][b] ? a : b));
    return (
      `Sample ${row + 1} is of class ${own}: the student gives it ${share(P[row][truth[row]])}, the teacher ${share(Q[row][truth[row]])}; ${pulled}. ` +
      `The student's column ${classes[column]} has cosine ${K[column][column].toFixed(2)} with the teacher's own and ${K[column][far].toFixed(2)} with its ${classes[far]}.`
    );
  }
}
