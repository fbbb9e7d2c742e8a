// All models at one epoch: three line charts with a cursor and a Gram each; play, drag and keys need no server.
// data: {last, start, names, top, what, stops, theme, models: [{name, colour, learns, epochs, kept, grams (base64 of
//        uint8 upper triangles, one a kept epoch), overlap, accuracy, agreement}]}; epochs count from 1.
const STEP_MS = 160;
const CHARTS = [
  ['overlap', 'Class overlap', v => v.toFixed(3), 'lower: further apart'],
  ['accuracy', 'Accuracy', v => `${(100 * v).toFixed(0)}%`, 'top-1'],
  ['agreement', 'Agreement', v => `${(100 * v).toFixed(0)}%`, 'same top-1 class as the finished teacher'],
];

export default function (component) {
  const root = component.parentElement;
  const view = (root.bkEpochs ??= new Player(root));
  view.update(component);
  return () => {
    view.stop();
    delete root.bkEpochs;
  };
}

const make = (name, parent, kind = '') => {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  parent?.appendChild(made);
  return made;
};
const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));

// 256 colours as words of an image, for codes 0 to 255 of cosines 0 to 1, ending at `top`.
function palette(stops, top) {
  const table = new Uint32Array(256),
    colours = stops.map(([at, hex]) => [at, rgb(hex)]);
  for (let i = 0; i < 256; i++) {
    const t = Math.min(1, i / 255 / top);
    let k = 1;
    while (k < colours.length - 1 && colours[k][0] < t) k++;
    const [a, ca] = colours[k - 1],
      [b, cb] = colours[k],
      f = Math.min(1, Math.max(0, (t - a) / (b - a || 1)));
    const [r, g, blue] = [0, 1, 2].map(c => Math.round(ca[c] + f * (cb[c] - ca[c])));
    table[i] = ((255 << 24) | (blue << 16) | (g << 8) | r) >>> 0;
  }
  return table;
}

class Player {
  constructor(root) {
    this.box = make('div', root, 'bke');
    const controls = make('div', this.box, 'controls');
    this.button = make('button', controls);
    this.button.type = 'button';
    this.range = make('input', controls);
    this.range.type = 'range';
    this.range.min = 1;
    this.range.step = 1;
    this.range.setAttribute('aria-label', 'Epoch');
    this.said = make('output', controls);
    this.legend = make('div', this.box, 'legend');
    this.lines = make('div', this.box, 'lines');
    this.grams = make('div', this.box, 'grams');
    this.scale = make('div', this.box, 'scale');
    this.tip = make('div', this.box, 'tip');
    this.button.addEventListener('click', () => (this.timer ? this.rest() : this.play()));
    this.range.addEventListener('input', () => this.go(Number(this.range.value), false));
    this.range.addEventListener('change', () => this.rest());
    this.resizing = new ResizeObserver(() => this.drawLines());
    this.resizing.observe(this.box);
    document.fonts.ready.then(() => this.data && this.box.isConnected && this.drawLines());
    this.face();
  }

  stop() {
    clearInterval(this.timer);
    this.resizing.disconnect();
    this.box.remove();
  }

  update({data, setTriggerValue}) {
    this.send = setTriggerValue;
    const before = this.data;
    this.data = data;
    if (!before || before.start !== data.start || before.last !== data.last) this.epoch = data.start;
    this.sent = this.epoch;
    for (const [name, colour] of Object.entries(data.theme))
      this.box.style.setProperty(`--bke-${name}`, colour);
    this.range.max = data.last;
    this.table = palette(data.stops, data.top);
    this.build();
    this.go(this.epoch, false);
  }

  build() {
    const d = this.data,
      n = d.names.length;
    this.lines.replaceChildren();
    this.charts = CHARTS.filter(([key]) => d.models.some(m => m[key])).map(([key, title, words, note]) => {
      const card = make('div', this.lines, 'card'),
        head = make('div', card, 'head');
      make('b', head).textContent = title;
      make('span', head).textContent = note;
      const canvas = make('canvas', card);
      canvas.style.height = '170px';
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `${title} by epoch`);
      const chart = {key, words, canvas};
      const move = e => this.pick(chart, e);
      canvas.addEventListener('pointerdown', e => {
        canvas.setPointerCapture(e.pointerId);
        chart.held = true;
        move(e);
      });
      canvas.addEventListener('pointermove', e => {
        if (chart.held) move(e);
      });
      canvas.addEventListener('pointerup', () => {
        chart.held = false;
        this.rest();
      });
      return chart;
    });
    this.legend.replaceChildren();
    for (const model of d.models) {
      const one = make('span', this.legend);
      make('i', one, 'dot').style.background = model.colour;
      one.append(model.name);
    }
    this.grams.replaceChildren();
    this.tiles = d.models.map(model => {
      const raw = atob(model.grams),
        size = (n * (n + 1)) / 2;
      const bytes = Uint8Array.from(raw, c => c.charCodeAt(0));
      const card = make('div', this.grams, 'card'),
        head = make('div', card, 'head');
      make('i', head, 'dot').style.background = model.colour;
      make('b', head).textContent = model.name;
      const note = make('span', head),
        canvas = make('canvas', card),
        cross = make('div', card, 'cross');
      canvas.width = canvas.height = n;
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `class Gram of ${model.name}`);
      const tile = {model, note, canvas, cross, bytes, size, image: new ImageData(n, n)};
      tile.words = new Uint32Array(tile.image.data.buffer);
      canvas.addEventListener('pointermove', e => this.hover(tile, e));
      canvas.addEventListener('pointerleave', () => this.hover(null));
      return tile;
    });
    const bar = d.stops.map(([at, hex]) => `${hex} ${100 * at}%`).join(', ');
    this.scale.innerHTML = `0 <i style="background: linear-gradient(90deg, ${bar})"></i> ${d.top}, ${d.what}`;
  }

  // -- one epoch ----------------------------------------------------------------------------------------
  at(model, epoch) {
    let k = 0;
    while (k + 1 < model.epochs.length && model.epochs[k + 1] <= epoch) k++;
    return k;
  }

  go(epoch, rest) {
    this.epoch = Math.min(this.data.last, Math.max(1, Math.round(epoch)));
    this.range.value = this.epoch;
    this.said.textContent = `epoch ${this.epoch} of ${this.data.last}`;
    this.range.setAttribute('aria-valuetext', this.said.textContent);
    this.box.dataset.epoch = this.epoch;
    this.drawLines();
    for (const tile of this.tiles) this.drawGram(tile);
    if (this.over) this.showTip();
    if (rest) this.rest();
  }

  play() {
    if (this.epoch >= this.data.last) this.go(1, false);
    this.timer = setInterval(() => {
      if (this.epoch >= this.data.last) this.rest();
      else this.go(this.epoch + 1, false);
    }, STEP_MS);
    this.face();
  }

  rest() {
    clearInterval(this.timer);
    this.timer = null;
    this.face();
    if (this.sent !== this.epoch) {
      this.sent = this.epoch;
      this.send('epoch', this.epoch);
    }
  }

  face() {
    this.button.textContent = this.timer ? '❚❚' : '▶';
    this.button.setAttribute('aria-label', this.timer ? 'Pause' : 'Play');
  }

  // -- lines --------------------------------------------------------------------------------------------
  drawLines() {
    if (!this.charts) return;
    const named = this.charts.map(chart => this.drawChart(chart));
    this.legend.hidden = named.every(Boolean);
  }

  // Px that values and names take beside a chart, the same in all three; 0 where they leave too little to the lines.
  room(context, width) {
    const widest = Math.max(...this.data.models.map(m => context.measureText(`1.000 ${m.name}`).width));
    return widest + 12 <= 0.4 * width ? widest + 12 : 0;
  }

  drawChart(chart) {
    const d = this.data,
      {canvas, key, words} = chart,
      ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth,
      height = canvas.clientHeight;
    if (!width) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext('2d');
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = `12px ${getComputedStyle(this.box).fontFamily}`;
    const drawn = d.models.filter(m => m[key]);
    const every = drawn.flatMap(m => m[key]).filter(v => v !== null);
    let low = Math.min(...every),
      high = Math.max(...every);
    const span = high - low || 0.1;
    low = Math.max(0, low - 0.06 * span);
    high += 0.06 * span;
    const beside = this.room(context, width);
    const left = 40,
      right = beside || 62,
      top = 6,
      bottom = 22;
    const x = e => left + (d.last > 1 ? (e - 1) / (d.last - 1) : 0.5) * (width - left - right);
    const y = v => top + ((high - v) / (high - low)) * (height - top - bottom);
    Object.assign(chart, {left, right, width});
    this.axes(context, {x, y, low, high, left, right, width, height, bottom, words});
    const labels = [];
    for (const model of drawn) {
      const values = model[key],
        now = values[this.at(model, this.epoch)];
      context.strokeStyle = model.colour;
      context.lineWidth = 2;
      context.setLineDash(model.learns ? [] : [5, 4]);
      context.beginPath();
      if (model.learns) values.forEach((v, k) => v !== null && context.lineTo(x(model.epochs[k]), y(v)));
      else {
        context.moveTo(left, y(values[0]));
        context.lineTo(width - right, y(values[0]));
      }
      context.stroke();
      context.setLineDash([]);
      if (now === null || now === undefined) continue;
      labels.push({
        y: y(now),
        text: beside ? `${words(now)} ${model.name}` : words(now),
        colour: model.colour,
      });
      context.fillStyle = model.colour;
      context.beginPath();
      context.arc(x(model.learns ? Math.min(this.epoch, model.epochs.at(-1)) : this.epoch), y(now), 4, 0, 7);
      context.fill();
    }
    context.strokeStyle = d.theme.accent;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x(this.epoch), top);
    context.lineTo(x(this.epoch), height - bottom);
    context.stroke();
    this.values(context, labels, width - right + 8, top, height - bottom);
    return beside > 0;
  }

  axes(context, {x, y, low, high, left, right, width, height, bottom, words}) {
    const d = this.data,
      theme = d.theme;
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    context.fillStyle = theme.muted;
    context.strokeStyle = theme.grid;
    context.lineWidth = 1;
    const percent = words(0).endsWith('%'),
      step = Math.max(nice((high - low) / 5), percent ? 0.01 : 0.001);
    const digits = Math.max(1, -Math.floor(Math.log10(step) + 1e-9));
    const tick = v => (percent ? words(v) : v.toFixed(digits));
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) {
      context.beginPath();
      context.moveTo(left, y(v));
      context.lineTo(width - right, y(v));
      context.stroke();
      context.fillText(tick(v), left - 5, y(v));
    }
    context.textBaseline = 'top';
    context.textAlign = 'center';
    const by = Math.max(1, nice(d.last / 5));
    for (let e = by; e <= d.last; e += by)
      context.fillText(String(Math.round(e)), x(Math.round(e)), height - bottom + 6);
  }

  // The values at the cursor, in their models' colours, kept apart.
  values(context, labels, x, top, bottom) {
    labels.sort((a, b) => a.y - b.y);
    const gap = 14;
    labels.forEach((label, i) => (label.y = Math.max(label.y, i ? labels[i - 1].y + gap : top + 6)));
    for (let i = labels.length - 1; i >= 0; i--)
      labels[i].y = Math.min(labels[i].y, i < labels.length - 1 ? labels[i + 1].y - gap : bottom);
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    for (const label of labels) {
      context.fillStyle = label.colour;
      context.fillText(label.text, x, label.y);
    }
  }

  pick(chart, event) {
    const rect = chart.canvas.getBoundingClientRect();
    const share = (event.clientX - rect.left - chart.left) / (chart.width - chart.left - chart.right);
    this.go(1 + share * (this.data.last - 1), false);
  }

  // -- Grams --------------------------------------------------------------------------------------------
  drawGram(tile) {
    const n = this.data.names.length,
      {model, words, bytes, size} = tile;
    const wanted = this.at(model, this.epoch);
    let slot = 0;
    while (slot + 1 < model.kept.length && model.kept[slot + 1] <= wanted) slot++;
    tile.base = slot * size;
    for (let r = 0, k = tile.base; r < n; r++)
      for (let c = r; c < n; c++, k++) words[r * n + c] = words[c * n + r] = this.table[bytes[k]];
    tile.canvas.getContext('2d').putImageData(tile.image, 0, 0);
    const shown = model.epochs[model.kept[slot]],
      overlap = model.overlap[wanted];
    const where = !model.learns ? 'finished' : shown === this.epoch ? '' : `Gram of epoch ${shown}`;
    tile.note.textContent = [overlap === null ? '' : `overlap ${overlap.toFixed(3)}`, where]
      .filter(Boolean)
      .join(', ');
  }

  code(tile, r, c) {
    const n = this.data.names.length,
      [a, b] = r <= c ? [r, c] : [c, r];
    return tile.bytes[tile.base + a * n - (a * (a - 1)) / 2 + (b - a)];
  }

  hover(tile, event) {
    if (!tile) {
      this.over = null;
      this.tip.style.display = 'none';
      for (const other of this.tiles) other.cross.style.display = 'none';
      return;
    }
    const rect = tile.canvas.getBoundingClientRect(),
      n = this.data.names.length;
    const at = v => Math.min(n - 1, Math.max(0, Math.floor(v * n)));
    this.over = {
      tile,
      row: at((event.clientY - rect.top) / rect.height),
      column: at((event.clientX - rect.left) / rect.width),
      x: event.clientX,
      y: event.clientY,
    };
    this.showTip();
  }

  showTip() {
    const {tile, row, column, x, y} = this.over,
      names = this.data.names;
    this.tip.replaceChildren();
    make('b', this.tip).textContent = `${names[row]} × ${names[column]}`;
    for (const other of this.tiles) {
      const line = make('div', this.tip);
      line.textContent = `${other.model.name} ${(this.code(other, row, column) / 255).toFixed(2)}`;
      if (other === tile) line.style.fontWeight = 600;
      const {canvas, cross} = other,
        side = canvas.clientWidth / names.length,
        mark = Math.max(side, 8);
      Object.assign(cross.style, {
        display: 'block',
        width: `${mark}px`,
        height: `${mark}px`,
        left: `${canvas.offsetLeft + (column + 0.5) * side - mark / 2}px`,
        top: `${canvas.offsetTop + (row + 0.5) * side - mark / 2}px`,
      });
    }
    this.tip.style.display = 'block';
    const w = this.tip.offsetWidth,
      h = this.tip.offsetHeight;
    this.tip.style.left = `${Math.max(4, Math.min(window.innerWidth - w - 4, x + 14))}px`;
    this.tip.style.top = `${y + 16 + h > window.innerHeight ? y - h - 12 : y + 16}px`;
  }
}

function nice(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find(f => f * power >= rough * 0.999);
}
