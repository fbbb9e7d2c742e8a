// What the maps show: the data from Python, and which points belong together.
import {unpack} from './util.js';

/** @typedef {import('./util.js').XY} XY */
/** @typedef {import('./raster.js').Pass} Pass */

/**
 * The JSON head of what scatter.py sends. Places are on a grid of 65,536 x 65,536, y downwards.
 * @typedef {object} MapHead
 * @property {number} n The number of samples.
 * @property {(string | number)[]} ids Of the samples.
 * @property {string[]} names Of the classes.
 * @property {{key: string, name: string, colour: string, note: string}[]} panels One for each model.
 * @property {Look[]} looks Of group 0, which has no colour, and of groups 1, 2, ...; then the same for selected samples.
 * @property {[title: string, low: number, high: number] | null} scale Set if the groups are a colour scale.
 * @property {[x0: number, y0: number, x1: number, y1: number]} home What is shown at first.
 * @property {Background} background
 * @property {MapTheme} theme
 * @property {number} height The most pixels of a panel.
 * @property {number} narrowest Pixels that a panel needs.
 * @property {boolean} clickable Whether samples can be selected.
 * @property {string} pictures The name of the feed of images, or "".
 * @property {string} label For screen readers.
 */

/** @typedef {import('./util.js').Theme & {card_border: string, quiet: string}} MapTheme */
/** @typedef {{name: string, colour: string, symbol: string, raised: boolean}} Look */
/** @typedef {{lines: XY[][], labels: [x: number, y: number, text: string][]}} Background */

/**
 * One model's map. Its arrays have one entry for each sample.
 * @typedef {object} MapPanel
 * @property {string} key
 * @property {string} name
 * @property {string} colour
 * @property {string} note
 * @property {Uint16Array} codes Two for each sample: its x and its y.
 * @property {Uint8Array} groups The group of each sample, or HIDDEN.
 * @property {Uint16Array | null} predicted The top-1 class.
 * @property {Uint8Array | null} confidence In per cent.
 * @property {Uint8Array | null} moved The distance from the teacher's place, in hundredths.
 */

/**
 * @typedef {Omit<MapHead, 'panels'> & {
 *   panels: MapPanel[], labels: Uint16Array | null, selected: Uint8Array
 * }} MapData
 */

export const HIDDEN = 255; // the group of samples that a panel does not show
const CROWD = 300; // a pass of more points is drawn as small as the quiet ones

/** @type {MapData} What is shown before the first data. */
export const EMPTY = {
  n: 0,
  ids: [],
  names: [],
  panels: [],
  looks: [],
  scale: null,
  home: [0, 0, 1, 1],
  background: {lines: [], labels: []},
  theme: {accent: '', surface: '', text: '', muted: '', grid: '', card_border: '', quiet: ''},
  height: 0,
  narrowest: 0,
  clickable: false,
  pictures: '',
  label: '',
  labels: null,
  selected: new Uint8Array(0),
};

/**
 * @param {Uint8Array} bytes
 * @returns {MapData}
 */
export function decodeMap(bytes) {
  const {head, arrays} = unpack(bytes);
  const {panels, ...rest} = /** @type {MapHead} */ (head);
  const bytesOf = (/** @type {string} */ name) =>
    /** @type {Uint8Array | undefined} */ (arrays[name]) ?? null;
  const numbersOf = (/** @type {string} */ name) =>
    /** @type {Uint16Array | undefined} */ (arrays[name]) ?? null;
  return {
    ...rest,
    labels: numbersOf('labels'),
    selected: bytesOf('selected') ?? new Uint8Array(rest.n),
    panels: panels.map((panel, i) => ({
      ...panel,
      codes: numbersOf(`xy${i}`) ?? new Uint16Array(2 * rest.n),
      groups: bytesOf(`groups${i}`) ?? new Uint8Array(rest.n),
      predicted: numbersOf(`predicted${i}`),
      confidence: bytesOf(`confidence${i}`),
      moved: bytesOf(`moved${i}`),
    })),
  };
}

/**
 * How many samples are selected.
 * @param {Uint8Array} selected
 * @param {Uint8Array} [groups] Counts only those that a panel shows.
 */
export function countOf(selected, groups) {
  let count = 0;
  for (let i = 0; i < selected.length; i++) if (selected[i] && groups?.[i] !== HIDDEN) count++;
  return count;
}

/**
 * Sort a panel's points into passes, quiet ones first. They are the same at every zoom.
 * @param {MapData} data
 * @param {Uint8Array} groups
 * @param {Uint8Array} selected
 * @returns {Pass[]}
 */
export function passesOf({n, looks, theme}, groups, selected) {
  const some = selected.includes(1);
  const small = n > 3000 ? 1.7 : 2.2;
  const count = looks.length / 2;
  const rows = looks.map(() => /** @type {number[]} */ ([]));
  for (let i = 0; i < groups.length; i++) {
    if (groups[i] === HIDDEN) continue;
    rows[!some ? groups[i] : selected[i] ? count + groups[i] : 0].push(i);
  }
  const passes = rows.map((which, k) => {
    const {colour, symbol, raised} = looks[k];
    const few = which.length <= CROWD;
    return {
      which: Uint32Array.from(which),
      colour,
      symbol,
      radius: !raised ? small : which.length <= 80 ? 3.6 : few ? 2.8 : small + 0.3,
      alpha: raised && few ? 1 : k ? 0.85 : some || count > 1 ? 0.4 : 0.6,
      rim: raised && few ? theme.surface : null,
    };
  });
  return passes.filter(pass => pass.which.length);
}
