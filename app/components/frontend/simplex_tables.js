// The four small tables beside the triangle: probabilities of both models, and the cosines of rows and of columns.
import {colourScale, make, textOn} from './util.js';

/** @typedef {import('./simplex_text.js').SimplexData} SimplexData */
/** @typedef {import('./simplex_text.js').Focus} Focus */
/** @typedef {'S' | 'T' | 'R' | 'K'} TableName Student, teacher, cosines of rows, cosines of columns. */
/** @typedef {(cell: HTMLTableCellElement, i: number) => void} Heading Writes the heading of a row or column. */

/**
 * @typedef {object} TableLayout
 * @property {string} title
 * @property {string} note
 * @property {Heading | null} rowHeading
 * @property {Heading} columnHeading
 * @property {number} rows
 * @property {number} columns
 * @property {(i: number, c: number) => void} onLook A person points at a cell.
 */

export const TIGHT = 350; // a triangle below this many pixels is the presenter's, which has shorter texts

/** The four tables. */
export class Tables {
  /**
   * @param {HTMLElement} parent
   * @param {SimplexData} data
   * @param {(sample: number | null, c: number) => void} onLook A person points at a sample and a class.
   */
  constructor(parent, data, onLook) {
    const {classes, inks, truth, pictures} = data;
    this.parent = parent;
    this.shade = colourScale(data.stops);
    /** @type {Heading} */
    const classHeading = (cell, c) => {
      cell.textContent = classes[c];
      cell.title = classes[c];
      cell.style.color = inks[c];
    };
    /** @type {Heading} */
    const sampleHeading = (cell, i) => {
      cell.textContent = String(i + 1);
      cell.style.color = inks[truth[i]];
    };
    /** @type {Heading} */
    const pictureHeading = (cell, i) => {
      sampleHeading(cell, i);
      const source = pictures[i];
      if (!source) return;
      const image = make('img', cell);
      image.src = source;
      image.alt = classes[truth[i]];
    };
    const samples = truth.length;
    const repeated = new Set(truth).size < samples;
    const sides = data.height < TIGHT ? ', student × teacher' : ': student’s down, teacher’s across';
    const probabilities = {note: '', columnHeading: classHeading, rows: samples, columns: 3, onLook};
    /** @type {Record<TableName, HTMLTableCellElement[][]>} */
    this.cells = {
      S: this.build('wide', {...probabilities, title: 'P student', rowHeading: pictureHeading}),
      T: this.build('wide', {...probabilities, title: 'P teacher', rowHeading: null}),
      R: this.build('', {
        title: 'R',
        note: `rows${sides}${repeated ? '; in brackets: same class, left out' : ''}`,
        rowHeading: sampleHeading,
        columnHeading: sampleHeading,
        rows: samples,
        columns: samples,
        onLook: i => onLook(i, truth[i]),
      }),
      K: this.build('wide', {
        title: 'K',
        note: `columns${sides}`,
        rowHeading: classHeading,
        columnHeading: classHeading,
        rows: 3,
        columns: 3,
        onLook: c => onLook(null, c),
      }),
    };
  }

  /**
   * Build a table.
   * @param {string} className
   * @param {TableLayout} layout
   */
  build(className, {title, note, rowHeading, columnHeading, rows, columns, onLook}) {
    const table = make('table', this.parent, className);
    make('small', make('caption', table, '', `${title} `), '', note);
    const top = make('tr', table);
    if (rowHeading) make('th', top);
    for (let c = 0; c < columns; c++) {
      const heading = make('th', top);
      heading.scope = 'col';
      columnHeading(heading, c);
    }
    return Array.from({length: rows}, (_row, i) => {
      const line = make('tr', table);
      if (rowHeading) {
        const heading = make('th', line, 'row');
        heading.scope = 'row';
        rowHeading(heading, i);
      }
      return Array.from({length: columns}, (_column, c) => {
        const cell = make('td', line);
        cell.addEventListener('pointerenter', () => onLook(i, c));
        return cell;
      });
    });
  }

  /**
   * Write a table's values.
   * @param {TableName} name
   * @param {number[][]} values
   * @param {(i: number, c: number) => boolean} lit Whether a cell is marked.
   * @param {(i: number, c: number) => boolean} leftOut Whether a cell is in brackets.
   */
  fill(name, values, lit, leftOut = () => false) {
    for (const [i, line] of this.cells[name].entries())
      for (const [c, cell] of line.entries()) {
        const value = values[i][c];
        const background = this.shade(value);
        const figure = value >= 0.995 ? '1' : value.toFixed(2).replace('0.', '.');
        const text = leftOut(i, c) ? `(${figure})` : figure;
        if (cell.textContent !== text) cell.textContent = text;
        cell.style.background = `rgb(${background.join()})`;
        cell.style.color = textOn(background);
        cell.classList.toggle('lit', lit(i, c));
      }
  }
}
