// Maps of several models side by side: hover, lasso, zoom and the keyboard act on all of them at once.
// data: bytes, see `packed` in scatter.py: {n, ids, names, panels, palette, scale, home, background, theme, height,
//       clickable, pictures, label} and arrays xy0.., groups0.., said0.., sure0.., moved0.., labels, selected
import {Raster} from './raster.js';

const NARROWEST = 250; // px that a panel needs before they stand in fewer columns
const GAP = 12;
const NEAR = 14; // px within which a point counts as meant
const CROWD = 300; // points of one colour that can stand out; more are drawn as small as the quiet ones
const DOUBLE = 250; // ms within which a second click makes a double click
const DEEPEST = 40; // times
const MANY = 20000; // points on all panels from which moving is drawn roughly
const REST = 150; // ms without moving
const HIDDEN = 255; // the group of samples that a panel does not show
const HINT = {
  lasso:
    'Drag around points to select them, or click one. Shift adds points. Double-click or Escape clears. ' +
    'After a click on the map, the wheel zooms.',
  move: 'Drag to move. Zoom with + and −, or with the wheel. Click a point to select it.',
};

export default function (component) {
  const root = component.parentElement;
  let view = root.bkScatter;
  if (!view) view = root.bkScatter = new Scatter(root);
  view.update(component);
  return () => {
    view.stop();
    delete root.bkScatter;
  };
}

const TYPES = {u1: Uint8Array, u2: Uint16Array, f4: Float32Array};

function unpack(bytes) {
  const own = bytes.slice(),
    length = new DataView(own.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(own.subarray(4, 4 + length)));
  const start = 4 + Math.ceil(length / 4) * 4;
  const arrays = {};
  for (const [name, [type, first, size]] of Object.entries(head.arrays))
    arrays[name] = new TYPES[type](own.buffer, start + first, size);
  return {...head, ...arrays};
}

function make(tag, name, parent, words = '') {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = words;
  parent?.append(made);
  return made;
}

class Scatter {
  constructor(root) {
    this.box = make('div', 'bks', root);
    const head = make('div', 'head', this.box);
    this.legend = make('div', 'legend', head);
    this.tools(make('div', 'tools', head));
    this.plots = make('div', 'plots', this.box);
    this.plots.tabIndex = 0;
    this.plots.setAttribute('role', 'application');
    this.foot = make('div', 'foot', this.box);
    this.spoken = make('div', 'spoken', this.box);
    this.spoken.setAttribute('aria-live', 'polite');
    this.tip = make('div', 'tip', this.box);
    this.panels = [];
    this.hover = -1;
    this.active = 0;
    this.drag = null;
    this.plots.addEventListener('keydown', e => this.typed(e));
    this.plots.addEventListener('wheel', e => this.wheeled(e), {passive: false});
    this.plots.addEventListener('blur', () => this.point(-1));
    this.resizing = new ResizeObserver(() => this.arrange());
    this.resizing.observe(this.box);
    this.pictured = e => this.hover >= 0 && e.detail.name === this.data.pictures && this.showTip();
    window.addEventListener('bk-pictures', this.pictured);
    this.use(matchMedia('(pointer: coarse)').matches ? 'move' : 'lasso');
  }

  tools(place) {
    const button = (words, title, act) => {
      const made = make('button', '', place, words);
      made.type = 'button';
      made.title = title;
      made.setAttribute('aria-label', title);
      made.addEventListener('click', act);
      return made;
    };
    this.modes = {
      lasso: button('Lasso', 'Select by drawing around points', () => this.use('lasso')),
      move: button('Move', 'Move the map by dragging', () => this.use('move')),
    };
    button('+', 'Zoom in', () => this.zoom(1.5));
    button('−', 'Zoom out', () => this.zoom(1 / 1.5));
    button('Reset', 'Show the whole map', () => this.reset());
  }

  use(mode) {
    this.mode = mode;
    this.box.dataset.mode = mode;
    for (const [name, button] of Object.entries(this.modes))
      button.setAttribute('aria-pressed', name === mode);
    this.says();
  }

  stop() {
    clearTimeout(this.waiting);
    clearTimeout(this.resting);
    cancelAnimationFrame(this.asked);
    window.removeEventListener('bk-pictures', this.pictured);
    this.resizing.disconnect();
    this.box.remove();
  }

  update({data, setTriggerValue}) {
    this.send = setTriggerValue;
    const before = this.data,
      d = (this.data = unpack(data));
    const other =
      !before ||
      before.n !== d.n ||
      before.panels.length !== d.panels.length ||
      before.home.join() !== d.home.join();
    if (other) this.view = null;
    if (before && before.n !== d.n) this.hover = -1;
    this.selected = d.selected;
    for (const name of ['accent', 'surface', 'text', 'muted', 'grid', 'card_border', 'quiet'])
      this.box.style.setProperty(`--${name}`, d.theme[name]);
    this.plots.setAttribute(
      'aria-label',
      `${d.label}; arrow keys move between samples, Enter selects, ` +
        'plus and minus zoom, 0 shows all, Page Up and Page Down change the map, Escape clears',
    );
    this.furnish();
    this.describe();
    this.arrange();
  }

  // -- what stands there ---------------------------------------------------------------------------------
  furnish() {
    const d = this.data;
    while (this.panels.length > d.panels.length) this.panels.pop().figure.remove();
    while (this.panels.length < d.panels.length) this.panels.push(this.panel(this.panels.length));
    this.panels.forEach((panel, i) => {
      const {name, note, colour, key} = d.panels[i];
      panel.title.replaceChildren();
      make('span', 'dot', panel.title).style.background = colour;
      make('b', '', panel.title, name);
      make('span', 'note', panel.title, note);
      panel.figure.dataset.model = key;
      panel.codes = d[`xy${i}`];
      panel.groups = d[`groups${i}`];
      panel.places = new Float32Array(2 * d.n);
    });
    this.order();
    this.count();
  }

  panel(i) {
    const figure = make('figure', '', this.plots),
      title = make('figcaption', '', figure);
    const area = make('div', 'area', figure);
    const base = make('canvas', 'base', area),
      over = make('canvas', 'over', area);
    const panel = {figure, title, area, base: new Raster(base), over, context: over.getContext('2d')};
    over.addEventListener('pointermove', e => this.moved(e, i));
    over.addEventListener('pointerleave', () => !this.drag && this.point(-1));
    over.addEventListener('pointerdown', e => this.pressed(e, i));
    over.addEventListener('pointerup', e => this.released(e, i));
    over.addEventListener('pointercancel', () => this.dropped());
    over.addEventListener('dblclick', () => this.cleared());
    return panel;
  }

  describe() {
    const {palette, scale} = this.data;
    this.legend.replaceChildren();
    if (scale) {
      const [title, low, high] = scale;
      make('span', '', this.legend, title);
      make('span', 'muted', this.legend, low);
      const bar = make('span', 'bar', this.legend);
      bar.style.background = `linear-gradient(90deg, ${palette.map(shade => shade.colour).join(',')})`;
      make('span', 'muted', this.legend, String(+high.toFixed(2)));
    } else
      for (const {name, colour, symbol} of palette) {
        const item = make('span', 'item', this.legend);
        make('span', `dot ${symbol}`, item).style.background = colour;
        item.append(name);
      }
    this.says();
  }

  says() {
    if (!this.data) return;
    const chosen = this.total ? `${this.total.toLocaleString('en')} selected. ` : '';
    const far = this.beyond
      ? `${this.beyond} far ${this.beyond === 1 ? 'point is' : 'points are'} drawn at the edge. `
      : '';
    this.foot.textContent = chosen + far + (this.data.clickable ? HINT[this.mode] : '');
  }

  // Which points are drawn in which pass, quiet ones first; the same for every zoom.
  order() {
    const {n, palette, theme} = this.data,
      some = (this.total = this.selected.reduce((sum, chosen) => sum + chosen, 0));
    const small = n > 3000 ? 1.7 : 2.2;
    for (const panel of this.panels) {
      const rows = Array.from({length: 2 * (palette.length + 1)}, () => []);
      for (let i = 0; i < n; i++) {
        const group = panel.groups[i];
        if (group === HIDDEN) continue;
        if (!some) rows[group].push(i);
        else if (!this.selected[i]) rows[0].push(i);
        else rows[palette.length + 1 + group].push(i);
      }
      panel.passes = rows
        .map((which, k) => {
          const picked = k > palette.length,
            shade = palette[(picked ? k - palette.length - 1 : k) - 1];
          const raised = picked || shade?.raised,
            few = which.length <= CROWD;
          return {
            which: Uint32Array.from(which),
            colour: shade
              ? shade.colour
              : picked
                ? palette.length
                  ? theme.text
                  : theme.accent
                : theme.quiet,
            symbol: shade?.symbol ?? 'circle',
            radius: !raised ? small : which.length <= 80 ? 3.6 : few ? 2.8 : small + 0.3,
            alpha: raised && few ? 1 : shade || picked ? 0.85 : some || palette.length ? 0.4 : 0.6,
            rim: raised && few ? theme.surface : null,
          };
        })
        .filter(pass => pass.which.length);
    }
  }

  count() {
    this.box.dataset.selectedCount = this.total;
    for (const {figure, groups} of this.panels)
      figure.dataset.selectedCount = this.selected.reduce(
        (sum, on, i) => sum + (on && groups[i] !== HIDDEN ? 1 : 0),
        0,
      );
  }

  // -- where it stands -----------------------------------------------------------------------------------
  arrange() {
    const d = this.data,
      width = this.box.clientWidth;
    if (!d || !width) return;
    const most = d.panels.length,
      fit = Math.max(1, Math.min(most, Math.floor((width + GAP) / ((d.narrowest ?? NARROWEST) + GAP))));
    const columns = Math.ceil(most / Math.ceil(most / fit));
    const each = Math.floor((width - GAP * (columns - 1)) / columns) - 2;
    const [x0, y0, x1, y1] = d.home;
    const tall = Math.round(
      Math.max(Math.min(180, d.height), Math.min(d.height, (each * (y1 - y0)) / (x1 - x0))),
    );
    this.plots.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    this.size = {width: each, height: tall};
    for (const panel of this.panels) panel.area.style.height = `${tall}px`;
    this.view ??= {x: (x0 + x1) / 2, y: (y0 + y1) / 2, times: 1};
    this.draw();
  }

  scale() {
    const [x0, y0, x1, y1] = this.data.home;
    return this.view.times * Math.min(this.size.width / (x1 - x0), this.size.height / (y1 - y0));
  }

  whole() {
    const [x0, y0, x1, y1] = this.data.home,
      {x, y, times} = this.view;
    return times === 1 && x === (x0 + x1) / 2 && y === (y0 + y1) / 2;
  }

  // While they move, very many points are drawn at one pixel a point of the screen, and sharp when they rest.
  draw(moving = false) {
    cancelAnimationFrame(this.asked);
    clearTimeout(this.resting);
    const rough = moving && this.data.n * this.panels.length > MANY;
    this.asked = requestAnimationFrame(() => this.paint(rough ? 1 : window.devicePixelRatio || 1));
    if (rough) this.resting = setTimeout(() => this.draw(), REST);
  }

  paint(ratio) {
    const began = performance.now();
    const {width, height} = this.size,
      k = this.scale(),
      {x, y} = this.view;
    const left = width / 2 - k * x,
      top = height / 2 - k * y,
      edge = this.whole();
    const far = new Set();
    for (const {codes, groups, places, passes, base} of this.panels) {
      for (let i = 0; i < places.length; i += 2) {
        let px = left + k * codes[i],
          py = top + k * codes[i + 1];
        if (edge && groups[i / 2] !== HIDDEN && (px < 0 || py < 0 || px > width || py > height)) {
          far.add(i / 2);
          px = Math.min(width - 4, Math.max(4, px));
          py = Math.min(height - 4, Math.max(4, py));
        }
        places[i] = px;
        places[i + 1] = py;
      }
      base.clear(width, height, ratio, this.data.theme.surface);
      for (const pass of passes) base.pass(places, pass.which, pass.which.length, pass);
      base.show();
    }
    if (this.beyond !== far.size) {
      this.beyond = far.size;
      this.says();
    }
    this.mark();
    this.box.dataset.paintMs = (performance.now() - began).toFixed(1);
  }

  // What changes with the pointer: the background's words, the marked sample, the lasso.
  mark() {
    const ratio = window.devicePixelRatio || 1,
      {width, height} = this.size,
      theme = this.data.theme;
    this.panels.forEach((panel, i) => {
      const {context, over} = panel,
        w = Math.round(width * ratio),
        h = Math.round(height * ratio);
      if (over.width !== w || over.height !== h) [over.width, over.height] = [w, h];
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      this.backdrop(context);
      if (this.hover >= 0 && panel.groups[this.hover] !== HIDDEN) {
        const x = panel.places[2 * this.hover],
          y = panel.places[2 * this.hover + 1];
        for (const [r, line, colour] of [
          [7, 4, theme.surface],
          [7, 2, theme.text],
        ]) {
          context.beginPath();
          context.arc(x, y, r, 0, 2 * Math.PI);
          context.lineWidth = line;
          context.strokeStyle = colour;
          context.stroke();
        }
      }
      if (this.drag?.lasso && this.drag.panel === i) this.rope(context);
    });
  }

  rope(context) {
    context.beginPath();
    this.drag.lasso.forEach(([x, y]) => context.lineTo(x, y));
    context.closePath();
    context.lineWidth = 1.5;
    context.strokeStyle = this.data.theme.accent;
    context.stroke();
    context.globalAlpha = 0.08;
    context.fillStyle = this.data.theme.accent;
    context.fill();
    context.globalAlpha = 1;
  }

  backdrop(context) {
    const {background, theme} = this.data;
    if (!background) return;
    const {width, height} = this.size,
      k = this.scale();
    const at = (x, y) => [width / 2 + k * (x - this.view.x), height / 2 + k * (y - this.view.y)];
    context.lineWidth = 1;
    context.strokeStyle = theme.muted;
    for (const line of background.lines) {
      context.beginPath();
      line.forEach(point => context.lineTo(...at(...point)));
      context.stroke();
    }
    context.font = `13px ${getComputedStyle(this.box).fontFamily}`;
    context.fillStyle = theme.text;
    context.textBaseline = 'middle';
    for (const [x, y, words] of background.labels) {
      const [px, py] = at(x, y),
        room = context.measureText(words).width;
      context.textAlign = 'left';
      context.fillText(words, Math.max(2, Math.min(width - room - 2, px - room / 2)), py);
    }
  }

  // -- hovering ------------------------------------------------------------------------------------------
  nearest(panel, x, y, within = NEAR) {
    const {places, groups} = this.panels[panel];
    let found = -1,
      least = within * within;
    for (let i = 0; i < this.data.n; i++) {
      if (groups[i] === HIDDEN) continue;
      const dx = places[2 * i] - x,
        dy = places[2 * i + 1] - y,
        d = dx * dx + dy * dy;
      if (d < least || (d === least && this.selected[i])) [found, least] = [i, d];
    }
    return found;
  }

  point(i, panel = this.active) {
    this.active = panel;
    if (this.hover !== i) {
      this.hover = i;
      this.box.dataset.hover = i < 0 ? '' : this.data.ids[i];
      this.mark();
    }
    if (i >= 0) this.showTip();
    else this.tip.style.display = 'none';
  }

  showTip() {
    const d = this.data,
      i = this.hover,
      tip = this.tip;
    tip.replaceChildren();
    const picture = this.picture(i);
    if (picture) tip.append(picture);
    const words = make('div', 'words', tip);
    make('b', '', words, d.labels ? d.names[d.labels[i]] : `sample ${d.ids[i]}`);
    if (d.labels) make('span', 'note', words, `id ${d.ids[i]}`);
    d.panels.forEach((panel, p) => {
      const said = d[`said${p}`],
        sure = d[`sure${p}`],
        moved = d[`moved${p}`];
      if (!said && !moved) return;
      const row = make('div', 'row', words);
      make('span', 'dot', row).style.background = panel.colour;
      const parts = [];
      if (said) parts.push(d.names[said[i]] + (sure ? ` ${Math.round(sure[i] / 2.5)}%` : ''));
      if (moved) parts.push(`moved ${(moved[i] / 250).toFixed(2)}`);
      row.append(`${panel.name}: ${parts.join(', ')}`);
    });
    tip.style.display = 'flex';
    this.spoken.textContent = [...words.children].map(part => part.textContent).join('; ');
    const panel = this.panels[this.active],
      outer = this.box.getBoundingClientRect();
    const area = panel.area.getBoundingClientRect();
    const zoom = outer.width / this.box.offsetWidth || 1;
    const x = (area.left - outer.left) / zoom + panel.places[2 * i];
    const y = (area.top - outer.top) / zoom + panel.places[2 * i + 1];
    const {offsetWidth: w, offsetHeight: h} = tip;
    const room = this.box.clientWidth - w,
      beside = x + 16 <= room ? x + 16 : x - w - 16;
    if (beside >= 0) {
      tip.style.left = `${beside}px`;
      tip.style.top = `${Math.max(0, y - h / 2)}px`;
    } else {
      tip.style.left = `${Math.max(0, Math.min(room, x - w / 2))}px`;
      tip.style.top = `${y - h - 16 < 0 ? y + 16 : y - h - 16}px`;
    }
  }

  picture(i) {
    const known = window.bkPictures?.[this.data.pictures];
    return known ? known(i) : null;
  }

  // -- pointer -------------------------------------------------------------------------------------------
  at(event) {
    const rect = event.target.getBoundingClientRect();
    const zoom = rect.width / event.target.clientWidth || 1; // a presenter's page is shown enlarged
    return [(event.clientX - rect.left) / zoom, (event.clientY - rect.top) / zoom];
  }

  pressed(event, panel) {
    if (event.button > 1) return;
    this.plots.focus({preventScroll: true});
    const from = this.at(event);
    this.drag = {
      panel,
      from,
      last: from,
      far: false,
      lasso: null,
      pan: this.mode === 'move' || event.button === 1,
    };
    event.target.setPointerCapture?.(event.pointerId);
  }

  moved(event, panel) {
    const here = this.at(event),
      drag = this.drag;
    if (!drag) {
      this.point(this.nearest(panel, ...here), panel);
      return;
    }
    if (!drag.far && Math.hypot(here[0] - drag.from[0], here[1] - drag.from[1]) < 5) return;
    drag.far = true;
    if (drag.pan) this.shift(here[0] - drag.last[0], here[1] - drag.last[1]);
    else if (this.data.clickable) {
      drag.lasso ??= [drag.from];
      drag.lasso.push(here);
      this.hover = -1;
      this.tip.style.display = 'none';
      this.mark();
    }
    drag.last = here;
  }

  released(event, panel) {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    if (drag.lasso) {
      const caught = this.caught(panel, drag.lasso);
      this.mark();
      if (caught.length) this.pick(caught, event.shiftKey);
    } else if (!drag.far) this.clicked(event, panel);
  }

  dropped() {
    this.drag = null;
    this.mark();
  }

  clicked(event, panel) {
    const i = this.nearest(panel, ...this.at(event));
    this.point(i, panel);
    clearTimeout(this.waiting);
    if (i < 0 || !this.data.clickable) return;
    if (event.shiftKey) this.toggle(i);
    else this.waiting = setTimeout(() => this.pick([i], false), DOUBLE); // it may be the first half of a double click
  }

  caught(panel, lasso) {
    const {places, groups} = this.panels[panel],
      found = [];
    for (let i = 0; i < this.data.n; i++) {
      if (groups[i] === HIDDEN) continue;
      const x = places[2 * i],
        y = places[2 * i + 1];
      if (x < 0 || y < 0 || x > this.size.width || y > this.size.height) continue;
      let within = false;
      for (let a = 0, b = lasso.length - 1; a < lasso.length; b = a++) {
        const [xa, ya] = lasso[a],
          [xb, yb] = lasso[b];
        if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) within = !within;
      }
      if (within) found.push(i);
    }
    return found;
  }

  // -- picking -------------------------------------------------------------------------------------------
  pick(rows, add) {
    const chosen = add ? this.selected.slice() : new Uint8Array(this.data.n);
    for (const i of rows) chosen[i] = 1;
    this.choose(chosen);
  }

  toggle(i) {
    const chosen = this.selected.slice();
    chosen[i] = 1 - chosen[i];
    this.choose(chosen);
  }

  cleared() {
    clearTimeout(this.waiting);
    if (this.data.clickable && this.total) this.choose(new Uint8Array(this.data.n));
  }

  choose(chosen) {
    this.selected = chosen;
    this.order();
    this.count();
    this.says();
    this.draw();
    const rows = [];
    chosen.forEach((on, i) => on && rows.push(i));
    this.send('picked', rows);
  }

  // -- moving --------------------------------------------------------------------------------------------
  shift(dx, dy) {
    const k = this.scale();
    this.view = {...this.view, x: this.view.x - dx / k, y: this.view.y - dy / k};
    this.tip.style.display = 'none';
    this.draw(true);
  }

  // The point under (px, py) of a panel stays where it is.
  zoom(times, px = this.size.width / 2, py = this.size.height / 2) {
    const before = this.scale(),
      next = Math.min(DEEPEST, Math.max(0.3, this.view.times * times));
    const factor = next / this.view.times,
      x = px - this.size.width / 2,
      y = py - this.size.height / 2;
    this.view = {
      x: this.view.x + (x / before) * (1 - 1 / factor),
      y: this.view.y + (y / before) * (1 - 1 / factor),
      times: next,
    };
    this.tip.style.display = 'none';
    this.draw(true);
  }

  reset() {
    this.view = null;
    this.arrange();
  }

  wheeled(event) {
    const ours = event.ctrlKey || event.metaKey || this.plots.matches(':focus');
    if (!ours || !event.target.classList.contains('over')) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), ...this.at(event));
  }

  typed(event) {
    const step = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]}[event.key];
    const page = {PageUp: -1, PageDown: 1}[event.key];
    if (step) this.point(this.hover < 0 ? this.middle() : this.beside(step));
    else if (page) this.turn(page);
    else if ((event.key === 'Enter' || event.key === ' ') && this.hover >= 0 && this.data.clickable)
      this.toggle(this.hover);
    else if (event.key === 'Escape') this.cleared();
    else if (event.key === '+' || event.key === '=') this.zoom(1.5);
    else if (event.key === '-') this.zoom(1 / 1.5);
    else if (event.key === '0') this.reset();
    else return;
    event.preventDefault();
  }

  turn(by) {
    const panel = (this.active + by + this.panels.length) % this.panels.length;
    this.active = panel;
    const kept = this.hover >= 0 && this.panels[panel].groups[this.hover] !== HIDDEN;
    this.point(kept ? this.hover : this.middle(), panel);
  }

  middle() {
    return this.nearest(this.active, this.size.width / 2, this.size.height / 2, 1e6);
  }

  // The nearest point in a direction, off the way counted double; where there is none, the point itself.
  beside([dx, dy]) {
    const {places, groups} = this.panels[this.active],
      from = this.hover;
    let found = from,
      least = Infinity;
    for (let i = 0; i < this.data.n; i++) {
      if (groups[i] === HIDDEN) continue;
      const x = places[2 * i] - places[2 * from],
        y = places[2 * i + 1] - places[2 * from + 1];
      const along = x * dx + y * dy,
        off = Math.abs(x * dy) + Math.abs(y * dx);
      if (along > 0.5 && along + 2 * off < least) [found, least] = [i, along + 2 * off];
    }
    return found;
  }
}
