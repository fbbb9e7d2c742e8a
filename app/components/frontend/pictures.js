// Keeps sheets of images for the charts of the page. Asks Python for a sheet when one of its images is first needed.
import {unpack} from './util.js';

const REST_MS = 90; // how long the pointer rests before a sheet is requested

/**
 * The JSON head of the bytes from Python. The array `image` is a WebP, empty before the first request.
 * @typedef {object} SheetHead
 * @property {string} name The feed's name.
 * @property {number | null} sheet The number of the sheet in `image`.
 * @property {number} columns Of a sheet.
 * @property {number} rows Of a sheet.
 */

/** @typedef {(row: number) => HTMLElement | null} Picture Gives the image of a sample, or null while it is loading. */
/** @typedef {{requested?: number | null, timer?: number}} Feed */

const page =
  /** @type {typeof window & {bkSheets?: Map<string, string>, bkPictures?: Record<string, Picture>}} */ (
    window
  );
page.bkSheets ??= new Map(); // "name/number" -> address of the image
page.bkPictures ??= {};
const sheets = page.bkSheets;
const pictures = page.bkPictures;

/** @param {import('./util.js').Component<Uint8Array>} component */
export default function ({data, parentElement, setTriggerValue}) {
  const {head, arrays} = unpack(/** @type {Uint8Array} */ (data));
  const {name, sheet, columns, rows} = /** @type {SheetHead} */ (head);
  const image = /** @type {Uint8Array<ArrayBuffer>} */ (arrays.image);
  if (image.length && !sheets.has(`${name}/${sheet}`)) {
    sheets.set(`${name}/${sheet}`, URL.createObjectURL(new Blob([image], {type: 'image/webp'})));
  }
  const root = /** @type {HTMLElement & {bkFeed?: Feed}} */ (parentElement);
  root.bkFeed ??= {};
  const feed = root.bkFeed;
  feed.requested = null;
  pictures[name] = row => {
    const number = Math.floor(row / (columns * rows));
    const address = sheets.get(`${name}/${number}`);
    clearTimeout(feed.timer);
    if (address) return picture(address, row % (columns * rows), columns, rows);
    if (feed.requested !== number)
      feed.timer = setTimeout(() => {
        feed.requested = number;
        setTriggerValue('want', number);
      }, REST_MS);
    return null;
  };
  window.dispatchEvent(new CustomEvent('bk-pictures', {detail: {name}}));
}

/**
 * Show one image of a sheet.
 * @param {string} address
 * @param {number} place The image's place on the sheet, row by row.
 * @param {number} columns
 * @param {number} rows
 */
function picture(address, place, columns, rows) {
  const made = document.createElement('div');
  const x = (100 * (place % columns)) / (columns - 1);
  const y = (100 * Math.floor(place / columns)) / (rows - 1);
  made.className = 'picture';
  made.style.backgroundImage = `url(${address})`;
  made.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
  made.style.backgroundPosition = `${x}% ${y}%`;
  return made;
}
