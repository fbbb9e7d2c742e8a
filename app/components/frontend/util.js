// Helpers and types that several components share. `browser_part.py` writes this file in front of every script
// that imports it.

/**
 * What Streamlit calls a component with, each time its data changes.
 * @template Data
 * @typedef {object} Component
 * @property {HTMLElement} parentElement The place to draw in.
 * @property {Data} data What Python passed as `data`.
 * @property {(name: string, value: unknown) => void} setTriggerValue Report an event to Python.
 * @property {(name: string, value: unknown) => void} setStateValue Keep a value that Python can read in later runs.
 */

/**
 * A component that stays in its place while its data changes.
 * @template Data
 * @typedef {object} View
 * @property {(component: Component<Data>) => void} update Show new data.
 * @property {() => void} stop Remove everything the view added to the page.
 */

/** @typedef {[red: number, green: number, blue: number]} Rgb Each from 0 to 255. */
/** @typedef {[at: number, hex: string][]} Stops A colour scale: positions from 0 to 1, and their colours. */
/** @typedef {{accent: string, surface: string, text: string, muted: string, grid: string}} Theme Hex colours. */
/** @typedef {[x: number, y: number]} XY */

/** Milliseconds within which a second click makes a double click. */
export const DOUBLE_CLICK_MS = 250;

/** @type {Record<string, XY | undefined>} The direction of each arrow key, y downwards. */
export const ARROWS = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]};

/**
 * Whether a key is meant for the browser, such as Alt and an arrow to go back.
 * @param {KeyboardEvent} event
 */
export const isBrowserKey = event => event.ctrlKey || event.metaKey || event.altKey;

/**
 * Create the view of a component once, and update it on every later call.
 * @template Data
 * @param {Component<Data>} component
 * @param {new (root: HTMLElement) => View<Data>} kind
 * @returns {() => void} What Streamlit calls when the component leaves the page.
 */
export function mount(component, kind) {
  const root = /** @type {HTMLElement & {bkView?: View<Data>}} */ (component.parentElement);
  root.bkView ??= new kind(root);
  const view = root.bkView;
  view.update(component);
  return () => {
    view.stop();
    delete root.bkView;
  };
}

/**
 * Limit a number to a range. Where `low` is above `high`, the answer is `low`.
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

// -- text -------------------------------------------------------------------------------------------------
/** @type {Record<string, string>} */
const ENTITIES = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'};

/**
 * Escape a text for use in HTML and in attributes in double quotes.
 * @param {unknown} text
 */
export const escapeHtml = text => String(text).replace(/[&<>"]/g, character => ENTITIES[character]);

/**
 * Write a number's hyphen as a minus sign.
 * @param {string} text
 */
export const minus = text => text.replace('-', '−');

/**
 * A number with fixed decimals. One that is rounded to 0 has no sign.
 * @param {number} value
 * @param {number} decimals
 */
export function fixed(value, decimals) {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace('-', '') : minus(text);
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * A name beside figures or other names. One that is written from right to left is isolated from them, since
 * otherwise they would change places.
 * @param {string} name
 */
export const isolated = name => (RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name);

// -- elements ---------------------------------------------------------------------------------------------
/**
 * Add an HTML element to a parent.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Element} parent
 * @param {string} [className]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, parent, className = '', text = '') {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  parent.append(made);
  return made;
}

/**
 * Make colours available to a style sheet, as properties named `--PREFIXname`.
 * @param {HTMLElement} box
 * @param {Record<string, string>} colours
 * @param {string} [prefix]
 */
export function setColours(box, colours, prefix = '') {
  for (const [name, colour] of Object.entries(colours)) box.style.setProperty(`--${prefix}${name}`, colour);
}

/**
 * Place a tooltip above a point, inside the width of its box. It goes below the point if there is no room above.
 * @param {HTMLElement} tip
 * @param {object} place Pixels, from the top left corner of the box.
 * @param {number} place.left Where the tooltip starts, if the width allows it.
 * @param {number} place.y The point.
 * @param {number} place.width Of the box.
 * @param {number} place.above Gap between the point and a tooltip above it.
 * @param {number} place.below Gap between the point and a tooltip below it.
 */
export function placeTip(tip, {left, y, width, above, below}) {
  const top = y - tip.offsetHeight - above;
  tip.style.left = `${clamp(left, 0, width - tip.offsetWidth)}px`;
  tip.style.top = `${top < 0 ? y + below : top}px`;
}

// -- canvas -----------------------------------------------------------------------------------------------
/**
 * A canvas's drawing context.
 * @param {HTMLCanvasElement} canvas
 */
export const contextOf = canvas => /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));

/**
 * Give a canvas the screen's resolution, and clear it. Drawing is in CSS pixels afterwards.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width CSS pixels.
 * @param {number} height CSS pixels.
 */
export function prepare(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const context = contextOf(canvas);
  const w = Math.round(width * ratio);
  const h = Math.round(height * ratio);
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, w, h);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/**
 * The page's typeface, for a canvas, which does not inherit it.
 * @param {Element} box
 * @param {number} [size] Pixels.
 */
export const fontOf = (box, size = 12) => `${size}px ${getComputedStyle(box).fontFamily}`;

/**
 * Draw again when the page's fonts have loaded, if the box is still on the page.
 * @param {Element} box
 * @param {() => void} draw
 */
export function whenFontsLoad(box, draw) {
  document.fonts.ready.then(() => box.isConnected && draw());
}

// -- colours ----------------------------------------------------------------------------------------------
/**
 * @param {string} hex Such as "#0072b2".
 * @returns {Rgb}
 */
export function rgb(hex) {
  const channel = (/** @type {number} */ start) => Number.parseInt(hex.slice(start, start + 2), 16);
  return [channel(1), channel(3), channel(5)];
}

/**
 * Turn a colour scale into a function from a position, 0 to 1, to a colour.
 * @param {Stops} stops
 * @returns {(t: number) => Rgb}
 */
export function colourScale(stops) {
  const colours = stops.map(([at, hex]) => ({at, channels: rgb(hex)}));
  return t => {
    let k = 1;
    while (k < colours.length - 1 && colours[k].at < t) k++;
    const {at: start, channels: from} = colours[k - 1];
    const {at: end, channels: to} = colours[k];
    const share = clamp((t - start) / (end - start || 1), 0, 1);
    const mixed = (/** @type {0 | 1 | 2} */ c) => Math.round(from[c] + share * (to[c] - from[c]));
    return [mixed(0), mixed(1), mixed(2)];
  };
}

/**
 * Choose black or white text for a background.
 * @param {Rgb} background
 * @param {number} [limit] The brightness, 0 to 255, above which the text is black.
 */
export const textOn = ([r, g, b], limit = 140) =>
  0.299 * r + 0.587 * g + 0.114 * b > limit ? '#111827' : '#ffffff';

/**
 * An opaque pixel of an ImageData, as one 32-bit number.
 * @param {Rgb} colour
 */
export const pixel = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

// -- numbers from Python ----------------------------------------------------------------------------------
/**
 * Decode base64.
 * @param {string} text
 */
export const decode64 = text => Uint8Array.from(atob(text), character => character.charCodeAt(0));

/** @typedef {Uint8Array | Uint16Array | Float32Array} Numbers */
const NUMBER_TYPES = {u1: Uint8Array, u2: Uint16Array, f4: Float32Array};

/**
 * Read what `packed` of scatter.py wrote: a JSON head, then arrays.
 * @template Head
 * @param {Uint8Array} bytes
 * @returns {{head: Head, arrays: Record<string, Numbers | undefined>}}
 */
export function unpack(bytes) {
  const own = bytes.slice(); // starts at byte 0 of its buffer, so that arrays of wider numbers are aligned
  const length = new DataView(own.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(own.subarray(4, 4 + length)));
  const start = 4 + Math.ceil(length / 4) * 4;
  /** @type {Record<string, Numbers>} */
  const arrays = {};
  for (const [name, place] of Object.entries(head.arrays)) {
    const [type, first, size] = /** @type {[keyof typeof NUMBER_TYPES, number, number]} */ (place);
    arrays[name] = new NUMBER_TYPES[type](own.buffer, start + first, size);
  }
  return {head, arrays};
}
