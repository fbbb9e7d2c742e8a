// A table whose rows a person chooses with a click, or with arrow keys and Enter. One row at a time has the Tab focus.
import {make} from './util.js';

/**
 * @typedef {object} RowsData
 * @property {string[]} columns
 * @property {string[][]} rows
 * @property {number} numbers The first column of figures, which are aligned right.
 * @property {number | null} selected The marked row.
 * @property {string} label For screen readers.
 */

/**
 * @param {HTMLTableSectionElement} section
 * @param {'th' | 'td'} tag
 * @param {string[]} texts
 * @param {number} numbers
 */
function addRow(section, tag, texts, numbers) {
  const row = make('tr', section);
  texts.forEach((text, i) => {
    const cell = make(tag, row, i >= numbers ? 'number' : '', text);
    if (tag === 'th') cell.scope = 'col';
    else cell.setAttribute('role', 'gridcell');
  });
}

/**
 * @param {HTMLTableElement} table
 * @param {RowsData} data
 */
function draw(table, {columns, rows, numbers}) {
  table.replaceChildren();
  addRow(make('thead', table), 'th', columns, numbers);
  const body = make('tbody', table);
  for (const texts of rows) addRow(body, 'td', texts, numbers);
}

/** @param {import('./util.js').Component<RowsData>} component */
export default function ({parentElement, data, setTriggerValue}) {
  const table = /** @type {HTMLTableElement & {drawn?: string}} */ (parentElement.querySelector('table'));
  const content = JSON.stringify([data.columns, data.rows]);
  if (table.drawn !== content) {
    draw(table, data); // only if the text changed: a new choice leaves the rows and the focus where they are
    table.drawn = content;
  }
  table.setAttribute('aria-label', data.label);
  const rows = [...table.tBodies[0].rows];
  const giveFocus = (/** @type {number} */ chosen) => {
    rows.forEach((row, i) => {
      row.tabIndex = i === chosen ? 0 : -1;
    });
  };
  const root = /** @type {Document | ShadowRoot} */ (table.getRootNode());
  const focused = rows.indexOf(/** @type {HTMLTableRowElement} */ (root.activeElement));
  rows.forEach((row, i) => {
    row.setAttribute('aria-selected', String(i === data.selected));
  });
  giveFocus(focused >= 0 ? focused : (data.selected ?? 0));
  const placeOf = (/** @type {Event} */ event) => {
    const row = /** @type {Element} */ (event.target).closest('tr');
    return row === null ? -1 : rows.indexOf(row);
  };
  table.onclick = event => {
    const place = placeOf(event);
    if (place < 0) return;
    giveFocus(place);
    setTriggerValue('row', place);
  };
  table.onkeydown = event => {
    const place = placeOf(event);
    /** @type {Record<string, number | undefined>} */
    const targets = {ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: rows.length - 1};
    const target = targets[event.key];
    if (place >= 0 && (event.key === 'Enter' || event.key === ' ')) setTriggerValue('row', place);
    else if (target === undefined) return;
    else if (place >= 0 && rows[target]) {
      giveFocus(target);
      rows[target].focus();
    }
    event.preventDefault();
  };
}
