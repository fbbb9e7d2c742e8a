// The data of the triangle lesson, and the sentence below it.
import {minus} from './util.js';

/** @typedef {import('./losses.js').Matrix} Matrix */
/** @typedef {import('./losses.js').Loss} Loss */
/** @typedef {'kl' | 'sample' | 'class'} Term */
/** @typedef {Record<Term, Loss>} Losses */
/** @typedef {{row: number, column: number}} Focus The sample and the class that a person looks at. */

/**
 * What simplex.py sends: B samples, three classes.
 * @typedef {object} SimplexData
 * @property {Matrix} student Logits [B][3].
 * @property {Matrix} teacher Logits [B][3].
 * @property {string[]} classes
 * @property {number[]} truth The true class of each sample.
 * @property {(string | null)[]} pictures A data URI for each sample.
 * @property {string} name Of the student.
 * @property {string} colour Of the student.
 * @property {string} teacher_colour
 * @property {string[]} colours Of the classes.
 * @property {string[]} inks The same, for text.
 * @property {number} temperature
 * @property {number[]} temperatures The steps of the slider.
 * @property {number} tau
 * @property {Record<Term, number>} weights
 * @property {number} height Pixels of the triangle.
 * @property {import('./util.js').Stops} stops
 * @property {import('./util.js').Theme & {quiet: string}} theme
 */

/** @type {{term: Term, title: string, owner: string}[]} */
export const TERMS = [
  {term: 'kl', title: 'T² KL', owner: "KL's"},
  {term: 'sample', title: 'sample-wise (rows)', owner: "the sample-wise side's"},
  {term: 'class', title: 'class-wise (columns)', owner: "the class-wise side's"},
];

/** @param {number} x */
export const number = x => minus(x.toFixed(Math.abs(x) >= 10 ? 1 : 2));

/** @param {number} x */
const percentOf = x => `${Math.round(100 * x)}%`;

/**
 * Say which of the chosen losses pull on a sample.
 * @param {number} row
 * @param {Losses} losses
 * @param {Record<Term, number>} weights
 * @param {Record<Term, boolean>} chosen
 */
function pullOn(row, losses, weights, chosen) {
  const pulls = TERMS.filter(({term}) => chosen[term]).map(({term, owner}) => ({
    owner,
    size: weights[term] * Math.hypot(...losses[term].gradient[row]),
  }));
  const all = pulls.reduce((sum, {size}) => sum + size, 0);
  if (all < 1e-3) return 'nothing pulls on it';
  if (pulls.length === 1) return `all of the pull on it is ${pulls[0].owner}`;
  const parts = pulls.map(({owner, size}, k) => `${percentOf(size / all)} ${k ? '' : 'is '}${owner}`);
  return `of the pull on it ${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`;
}

/**
 * Describe the sample and the class in focus.
 * @param {SimplexData} data
 * @param {Focus} focus
 * @param {object} shown
 * @param {Matrix} shown.P The student's probabilities.
 * @param {Matrix} shown.Q The teacher's probabilities.
 * @param {Matrix} shown.K Cosines of columns.
 * @param {Losses} shown.losses
 * @param {Record<Term, boolean>} chosen
 */
export function sentence({classes, truth, weights}, {row, column}, {P, Q, K, losses}, chosen) {
  const label = truth[row];
  const cosines = K[column];
  const others = [0, 1, 2].filter(c => c !== column);
  const far = others.reduce((a, b) => (cosines[a] > cosines[b] ? a : b));
  const student = `the student gives it ${percentOf(P[row][label])}`;
  const teacher = `the teacher ${percentOf(Q[row][label])}`;
  const pull = pullOn(row, losses, weights, chosen);
  const own = `cosine ${cosines[column].toFixed(2)} with the teacher's own`;
  const other = `${cosines[far].toFixed(2)} with its ${classes[far]}`;
  return (
    `Sample ${row + 1} is of class ${classes[label]}: ${student}, ${teacher}; ${pull}. ` +
    `The student's column ${classes[column]} has ${own} and ${other}.`
  );
}
