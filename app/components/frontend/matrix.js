// A class-by-class matrix on a canvas: hover, click, keyboard, zoom; matrices of one group share cursor and zoom.
// data: {n, values (base64 of uint8 or uint16), wide, low, high, names, order, zmin, zmax, stops, theme, selected,
//        x_title, y_title, value_name, height, group, label, clickable, blocks ([name, how many] in the order shown)}
const BAR = 44; // px under the matrix for its colour bar
const LABELLED = 20; // at most so many visible classes carry names along the axes
const ANNOTATED = 12;
const ROOMY = 260; // px of the matrix that must be left before the names of blocks stand beside it
const DOUBLE = 250; // ms within which a second click makes a double click

export default function (component) {
  const root = component.parentElement;
  let view = root.bkMatrix;
  if (!view) {
    view = root.bkMatrix = new Matrix(root);
  }
  view.update(component);
  return () => {
    view.stop();
    delete root.bkMatrix;
  };
}

function decode(data) {
  const raw = Uint8Array.from(atob(data.values), c => c.charCodeAt(0));
  const codes = data.wide ? new Uint16Array(raw.buffer) : raw;
  const top = data.wide ? 65535 : 255;
  const values = new Float32Array(codes.length);
  const step = (data.high - data.low) / top;
  for (let i = 0; i < codes.length; i++) values[i] = data.low + step * codes[i];
  return values;
}

const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));

function palette(stops) {
  const table = new Uint8Array(256 * 3);
  const colours = stops.map(([at, hex]) => [at, rgb(hex)]);
  for (let i = 0; i < 256; i++) {
    const t = i / 255;
    let k = 1;
    while (k < colours.length - 1 && colours[k][0] < t) k++;
    const [a, ca] = colours[k - 1],
      [b, cb] = colours[k];
    const f = Math.min(1, Math.max(0, (t - a) / (b - a || 1)));
    for (let c = 0; c < 3; c++) table[3 * i + c] = Math.round(ca[c] + f * (cb[c] - ca[c]));
  }
  return table;
}

const minus = text => text.replace('-', '−');
const escape = text =>
  text.replace(/[&<>"]/g, c => ({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})[c]);

class Matrix {
  constructor(root) {
    this.box = document.createElement('div');
    this.box.className = 'bkm';
    this.box.tabIndex = 0;
    this.box.setAttribute('role', 'application');
    this.canvas = document.createElement('canvas');
    this.tip = document.createElement('div');
    this.tip.className = 'tip';
    this.box.append(this.canvas, this.tip);
    root.appendChild(this.box);
    this.cursor = null; // [row, column] in the order shown
    this.zoom = null; // [row from, row to, column from, column to), in the order shown
    this.drag = null;
    const on = (name, act) => this.box.addEventListener(name, act);
    on('pointermove', e => this.moved(e));
    on('pointerleave', () => this.left());
    on('pointerdown', e => this.pressed(e));
    on('pointerup', e => this.released(e));
    on('dblclick', () => this.whole());
    on('keydown', e => this.typed(e));
    on('blur', () => this.left());
    this.linked = e => this.hear(e.detail);
    window.addEventListener('bk-matrix', this.linked);
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.box);
    document.fonts.ready.then(() => this.data && this.box.isConnected && this.draw());
  }

  stop() {
    clearTimeout(this.waiting);
    window.removeEventListener('bk-matrix', this.linked);
    this.resizing.disconnect();
    this.box.remove();
  }

  update({data, setTriggerValue}) {
    this.send = setTriggerValue;
    const fresh =
      this.data?.values !== data.values || this.data?.n !== data.n || this.data?.order !== data.order;
    if (this.data && this.data.n !== data.n) this.zoom = this.cursor = null;
    this.data = data;
    if (fresh) this.values = decode(data);
    this.order = data.order ?? [...Array(data.n).keys()];
    this.place = new Map(this.order.map((c, i) => [c, i]));
    this.selected = data.selected;
    const t = data.theme;
    for (const [name, colour] of Object.entries({
      accent: t.accent,
      surface: t.surface,
      text: t.text,
      grid: t.grid,
    }))
      this.box.style.setProperty(`--bkm-${name}`, colour);
    this.box.setAttribute('aria-label', data.label);
    this.paint();
    this.draw();
  }

  value(row, column) {
    return this.values[this.order[row] * this.data.n + this.order[column]];
  }

  // The whole matrix, one pixel a cell, in the order shown.
  paint() {
    const {n, zmin, zmax, stops} = this.data;
    const table = palette(stops);
    this.picture ??= document.createElement('canvas');
    this.picture.width = this.picture.height = n;
    const image = new ImageData(n, n);
    for (let r = 0, k = 0; r < n; r++) {
      for (let c = 0; c < n; c++, k += 4) {
        const t = (this.value(r, c) - zmin) / (zmax - zmin);
        const i = 3 * Math.round(255 * Math.min(1, Math.max(0, t)));
        image.data[k] = table[i];
        image.data[k + 1] = table[i + 1];
        image.data[k + 2] = table[i + 2];
        image.data[k + 3] = 255;
      }
    }
    this.picture.getContext('2d').putImageData(image, 0, 0);
  }

  // The page's typeface, which a canvas does not inherit.
  face() {
    return getComputedStyle(this.box).fontFamily;
  }

  window() {
    return this.zoom ?? [0, this.data.n, 0, this.data.n];
  }

  // Where the matrix lies on the canvas, in CSS pixels.
  frame(context) {
    const d = this.data,
      width = this.box.clientWidth;
    const [r0, r1, c0, c1] = this.window();
    const rows = r1 - r0,
      columns = c1 - c0;
    this.labelled = Math.max(rows, columns) <= LABELLED;
    context.font = `12px ${this.face()}`;
    const longest = list => Math.min(110, Math.max(0, ...list.map(name => context.measureText(name).width)));
    const names = i => d.names[this.order[i]];
    const beside = this.labelled ? 0 : longest(d.blocks.map(([name]) => name)) + 6;
    this.named = d.blocks.length > 0 && !this.labelled && width - beside - (d.y_title ? 20 : 0) >= ROOMY;
    const left =
      (d.y_title ? 20 : 0) +
      (this.labelled ? longest(range(r0, r1).map(names)) + 6 : this.named ? beside : 0);
    const top = (d.x_title ? 20 : 0) + (this.labelled ? longest(range(c0, c1).map(names)) + 6 : 0);
    const side = Math.max(60, Math.min(width - left, d.height - top - BAR));
    const start = left + Math.max(0, (width - left - side) / 2);
    return {left: start, top, side, rows, columns, r0, c0, cellW: side / columns, cellH: side / rows};
  }

  draw() {
    const d = this.data;
    if (!d || !this.box.clientWidth) return;
    const ratio = window.devicePixelRatio || 1,
      width = this.box.clientWidth;
    const context = this.canvas.getContext('2d');
    const f = (this.at = this.frame(context));
    const height = Math.round(f.top + f.side + BAR);
    if (
      this.canvas.width !== Math.round(width * ratio) ||
      this.canvas.height !== Math.round(height * ratio)
    ) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.height = `${height}px`;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const fine = f.cellW * ratio < 1; // more cells than pixels: means of neighbours
    context.imageSmoothingEnabled = fine;
    context.imageSmoothingQuality = 'high';
    context.drawImage(this.picture, f.c0, f.r0, f.columns, f.rows, f.left, f.top, f.side, f.side);
    context.strokeStyle = d.theme.grid;
    context.lineWidth = 1;
    context.strokeRect(f.left + 0.5, f.top + 0.5, f.side - 1, f.side - 1);
    this.names(context, f);
    this.blocks(context, f);
    if (Math.max(f.rows, f.columns) <= ANNOTATED) this.annotate(context, f);
    if (this.cursor) this.cross(context, f);
    if (this.selected) this.outline(context, f);
    if (this.drag?.to) this.rubber(context, f);
    this.bar(context, f);
  }

  names(context, f) {
    const d = this.data;
    context.fillStyle = d.theme.text;
    context.font = `12px ${this.face()}`;
    context.textBaseline = 'middle';
    if (this.labelled) {
      for (let i = 0; i < f.rows; i++) {
        context.textAlign = 'right';
        context.fillText(
          cut(context, d.names[this.order[f.r0 + i]], 110),
          f.left - 5,
          f.top + (i + 0.5) * f.cellH,
        );
      }
      for (let i = 0; i < f.columns; i++) {
        context.save();
        context.translate(f.left + (i + 0.5) * f.cellW, f.top - 5);
        context.rotate(-Math.PI / 2);
        context.textAlign = 'left';
        context.fillText(cut(context, d.names[this.order[f.c0 + i]], 110), 0, 0);
        context.restore();
      }
    }
    context.fillStyle = d.theme.muted;
    context.textAlign = 'center';
    if (d.x_title) context.fillText(d.x_title, f.left + f.side / 2, 8);
    if (d.y_title) {
      context.save();
      context.translate(8, f.top + f.side / 2);
      context.rotate(-Math.PI / 2);
      context.fillText(d.y_title, 0, 0);
      context.restore();
    }
  }

  // Thin lines between neighbouring blocks of classes, and their names beside the rows where there is room.
  blocks(context, f) {
    const {blocks, theme} = this.data;
    context.save();
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.font = `12px ${this.face()}`;
    context.fillStyle = context.strokeStyle = theme.text;
    context.lineWidth = 1;
    context.beginPath();
    let from = 0,
      below = -Infinity;
    for (const [name, count] of blocks) {
      const start = Math.max(from, f.r0),
        end = Math.min(from + count, f.r0 + f.rows);
      const y = f.top + ((start + end) / 2 - f.r0) * f.cellH;
      if (this.named && end > start && y - below >= 13) {
        context.fillText(cut(context, name, 110), f.left - 5, y);
        below = y;
      }
      const row = from - f.r0,
        column = from - f.c0;
      if (row > 0 && row < f.rows) {
        context.moveTo(f.left, f.top + row * f.cellH);
        context.lineTo(f.left + f.side, f.top + row * f.cellH);
      }
      if (column > 0 && column < f.columns) {
        context.moveTo(f.left + column * f.cellW, f.top);
        context.lineTo(f.left + column * f.cellW, f.top + f.side);
      }
      from += count;
    }
    context.globalAlpha = 0.35;
    context.stroke();
    context.restore();
  }

  annotate(context, f) {
    if (f.cellW < 27) return;
    const {zmin, zmax, stops} = this.data;
    const table = palette(stops);
    context.font = `12px ${this.face()}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (let r = 0; r < f.rows; r++) {
      for (let c = 0; c < f.columns; c++) {
        const value = this.value(f.r0 + r, f.c0 + c);
        const i = 3 * Math.round(255 * Math.min(1, Math.max(0, (value - zmin) / (zmax - zmin))));
        const bright = 0.299 * table[i] + 0.587 * table[i + 1] + 0.114 * table[i + 2];
        context.fillStyle = bright > 140 ? '#111827' : '#ffffff';
        let text = minus(value.toFixed(this.data.decimals));
        if (Number(value.toFixed(this.data.decimals)) === 0) text = '0';
        else if (text === '1.00') text = '1';
        else text = text.replace(/^(−?)0\./, '$1.');
        context.fillText(text, f.left + (c + 0.5) * f.cellW, f.top + (r + 0.5) * f.cellH);
      }
    }
  }

  cross(context, f) {
    const [row, column] = this.cursor;
    const y = f.top + (row - f.r0 + 0.5) * f.cellH,
      x = f.left + (column - f.c0 + 0.5) * f.cellW;
    if (y < f.top || y > f.top + f.side || x < f.left || x > f.left + f.side) return;
    context.save();
    context.strokeStyle = this.data.theme.muted;
    context.globalAlpha = 0.55;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(f.left, y);
    context.lineTo(f.left + f.side, y);
    context.moveTo(x, f.top);
    context.lineTo(x, f.top + f.side);
    context.stroke();
    context.restore();
  }

  outline(context, f) {
    const row = this.place.get(this.selected[0]) - f.r0,
      column = this.place.get(this.selected[1]) - f.c0;
    if (!(row >= 0 && row < f.rows && column >= 0 && column < f.columns)) return;
    const grow = Math.max(1, 5 - f.cellW / 2);
    context.strokeStyle = this.data.theme.accent;
    context.lineWidth = 2;
    context.strokeRect(
      f.left + column * f.cellW - grow,
      f.top + row * f.cellH - grow,
      f.cellW + 2 * grow,
      f.cellH + 2 * grow,
    );
  }

  rubber(context, f) {
    const [a, b] = [this.drag.from, this.drag.to];
    context.strokeStyle = this.data.theme.accent;
    context.lineWidth = 1;
    context.strokeRect(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y));
  }

  bar(context, f) {
    const {zmin, zmax, stops, theme, value_name} = this.data;
    const width = Math.min(220, f.side),
      x = f.left + (f.side - width) / 2,
      y = f.top + f.side + 10;
    const fill = context.createLinearGradient(x, 0, x + width, 0);
    for (const [at, colour] of stops) fill.addColorStop(at, colour);
    context.fillStyle = fill;
    context.fillRect(x, y, width, 7);
    context.strokeStyle = theme.grid;
    context.strokeRect(x + 0.5, y + 0.5, width - 1, 6);
    context.fillStyle = theme.muted;
    context.font = `12px ${this.face()}`;
    context.textBaseline = 'top';
    for (const [value, align, at] of [
      [zmin, 'left', x],
      [zmax, 'right', x + width],
    ]) {
      context.textAlign = align;
      context.fillText(minus(String(+value.toFixed(2))), at, y + 13);
    }
    context.textAlign = 'center';
    context.fillText(value_name, x + width / 2, y + 13);
  }

  // -- what a person does ---------------------------------------------------------------------------
  point(event) {
    const rect = this.canvas.getBoundingClientRect();
    return {x: event.clientX - rect.left, y: event.clientY - rect.top};
  }

  cell({x, y}) {
    const f = this.at;
    const row = Math.floor((y - f.top) / f.cellH),
      column = Math.floor((x - f.left) / f.cellW);
    return row < 0 || column < 0 || row >= f.rows || column >= f.columns ? null : [row + f.r0, column + f.c0];
  }

  moved(event) {
    const p = this.point(event);
    if (this.drag) {
      const far = Math.hypot(p.x - this.drag.from.x, p.y - this.drag.from.y) > 8;
      if (far || this.drag.to) this.drag.to = p;
    }
    const cell = this.cell(p);
    this.hovered(cell);
  }

  hovered(cell) {
    this.share({cursor: cell});
    if (cell) this.showTip(cell);
    else this.tip.style.display = 'none';
  }

  showTip([row, column]) {
    const d = this.data,
      f = this.at;
    const names = [row, column].map(i => escape(d.names[this.order[i]]));
    const value = this.value(row, column);
    const shown = minus(value.toFixed(d.decimals && d.wide ? d.decimals + 1 : d.decimals));
    this.tip.innerHTML = `<b>${names[0]}</b> × <b>${names[1]}</b><br>${escape(d.value_name)} ${shown}`;
    this.tip.style.display = 'block';
    const x = f.left + (column - f.c0 + 0.5) * f.cellW,
      y = f.top + (row - f.r0 + 0.5) * f.cellH;
    const width = this.tip.offsetWidth,
      height = this.tip.offsetHeight;
    this.tip.style.left = `${Math.max(0, Math.min(this.box.clientWidth - width, x - width / 2))}px`;
    this.tip.style.top = `${y - height - 14 < 0 ? y + 16 : y - height - 14}px`;
  }

  left() {
    this.drag = null;
    this.hovered(null);
  }

  pressed(event) {
    if (event.button !== 0) return;
    this.drag = {from: this.point(event), to: null};
    if (event.pointerType === 'mouse') this.box.setPointerCapture?.(event.pointerId);
  }

  released(event) {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    if (drag.to) {
      const a = this.clamped(drag.from),
        b = this.clamped(drag.to);
      const zoom = [
        Math.min(a[0], b[0]),
        Math.max(a[0], b[0]) + 1,
        Math.min(a[1], b[1]),
        Math.max(a[1], b[1]) + 1,
      ];
      this.share({zoom: zoom[1] - zoom[0] > 1 && zoom[3] - zoom[2] > 1 ? zoom : this.zoom});
      return;
    }
    const cell = this.cell(this.point(event));
    clearTimeout(this.waiting);
    if (!cell) return;
    if (this.zoom)
      this.waiting = setTimeout(() => this.choose(cell), DOUBLE); // it may be the first half of a double click
    else this.choose(cell);
  }

  whole() {
    clearTimeout(this.waiting);
    this.share({zoom: null});
  }

  clamped({x, y}) {
    const f = this.at,
      within = (v, low, high) => Math.min(high, Math.max(low, v));
    return this.cell({
      x: within(x, f.left, f.left + f.side - 0.01),
      y: within(y, f.top, f.top + f.side - 0.01),
    });
  }

  choose([row, column]) {
    if (!this.data.clickable) return;
    this.share({selected: [this.order[row], this.order[column]]});
    this.send('cell', [this.order[row], this.order[column]]);
  }

  typed(event) {
    const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    if (step) {
      const [r0, r1, c0, c1] = this.window();
      const at = this.cursor ?? (this.selected ? this.selected.map(c => this.place.get(c)) : [r0, c0]);
      const within = (v, low, high) => Math.min(high - 1, Math.max(low, v));
      this.hovered([within(at[0] + step[0], r0, r1), within(at[1] + step[1], c0, c1)]);
    } else if ((event.key === 'Enter' || event.key === ' ') && this.cursor) this.choose(this.cursor);
    else if (event.key === 'Escape') this.whole();
    else return;
    event.preventDefault();
  }

  // -- matrices of one group move together ------------------------------------------------------------
  share(change) {
    window.dispatchEvent(
      new CustomEvent('bk-matrix', {detail: {group: this.data.group, n: this.data.n, change, from: this}}),
    );
  }

  hear({group, n, change, from}) {
    if (!this.data || n !== this.data.n || (from !== this && (!group || group !== this.data.group))) return;
    if (from !== this) this.tip.style.display = 'none';
    if ('cursor' in change) this.cursor = change.cursor;
    if ('zoom' in change) this.zoom = change.zoom;
    if ('selected' in change) this.selected = change.selected;
    this.draw();
  }
}

function range(a, b) {
  return [...Array(b - a).keys()].map(i => i + a);
}

function cut(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  while (text.length > 1 && context.measureText(`${text}…`).width > room) text = text.slice(0, -1);
  return `${text}…`;
}
