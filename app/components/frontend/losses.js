// The losses of bickd_core.losses and their gradients, for a batch small enough to be moved by hand. This is the twin
// of bickd_core/comparing/gradients.py, and tests compare the two. T is the temperature, tau that of the contrast.

/** @typedef {number[][]} Matrix Rows of numbers. Logits are [B][C]: samples by classes. */
/** @typedef {{value: number, gradient: Matrix}} Loss The gradient is that of the student's logits. */

/**
 * log softmax of each row at temperature T.
 * @param {Matrix} rows
 * @param {number} T
 * @returns {Matrix}
 */
export function logSoftmax(rows, T) {
  return rows.map(row => {
    const top = Math.max(...row);
    const scaled = row.map(z => (z - top) / T);
    const log = Math.log(scaled.reduce((sum, z) => sum + Math.exp(z), 0));
    return scaled.map(z => z - log);
  });
}

/**
 * Probabilities of each row at temperature T.
 * @param {Matrix} rows
 * @param {number} T
 * @returns {Matrix}
 */
export const softmax = (rows, T) => logSoftmax(rows, T).map(row => row.map(Math.exp));

/** @param {Matrix} rows */
const transposed = rows => rows[0].map((_, c) => rows.map(row => row[c]));

/**
 * @param {number[]} u
 * @param {number[]} v
 */
const dot = (u, v) => u.reduce((sum, x, i) => sum + x * v[i], 0);

/**
 * exp of each row, at length 1. The largest entry is taken off first, so no column of probabilities becomes zero.
 * @param {Matrix} logRows
 */
function unit(logRows) {
  return logRows.map(row => {
    const top = Math.max(...row);
    const scaled = row.map(x => Math.exp(x - top));
    const length = Math.hypot(...scaled);
    return scaled.map(x => x / length);
  });
}

/**
 * dL/dz from h = dL / d log P.
 * @param {Matrix} h
 * @param {Matrix} logP
 * @param {number} T
 */
function toLogits(h, logP, T) {
  return h.map((row, i) => {
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((x, c) => (x - Math.exp(logP[i][c]) * sum) / T);
  });
}

/**
 * T^2 KL(teacher || student), mean over samples.
 * @param {Matrix} student Logits.
 * @param {Matrix} teacher Logits.
 * @param {number} T
 * @returns {Loss}
 */
export function kd(student, teacher, T) {
  const s = logSoftmax(student, T);
  const t = logSoftmax(teacher, T);
  const B = s.length;
  let value = 0;
  const gradient = s.map((row, i) =>
    row.map((x, c) => {
      value += Math.exp(t[i][c]) * (t[i][c] - x);
      return (T * (Math.exp(x) - Math.exp(t[i][c]))) / B;
    }),
  );
  return {value: (T * T * value) / B, gradient};
}

/**
 * @param {Matrix} u Rows of length 1.
 * @param {Matrix} v Rows of length 1.
 */
const cosines = (u, v) => u.map(row => v.map(other => dot(row, other)));

/**
 * R[i][j]: cosine of the student's row i with the teacher's row j.
 * @param {Matrix} student Logits.
 * @param {Matrix} teacher Logits.
 * @param {number} T
 */
export const rowCosines = (student, teacher, T) =>
  cosines(unit(logSoftmax(student, T)), unit(logSoftmax(teacher, T)));

/**
 * K[c][d]: cosine of the student's column c with the teacher's column d.
 * @param {Matrix} student Logits.
 * @param {Matrix} teacher Logits.
 * @param {number} T
 */
export const columnCosines = (student, teacher, T) =>
  cosines(unit(transposed(logSoftmax(student, T))), unit(transposed(logSoftmax(teacher, T))));

/**
 * The contrast of u's rows with v's rows in both directions, and h = dL / d log u.
 * @param {Matrix} u Rows of length 1.
 * @param {Matrix} v Rows of length 1.
 * @param {number} tau
 * @param {(i: number, j: number) => boolean} ignored Whether a pair is left out.
 * @returns {{value: number, h: Matrix}}
 */
function contrast(u, v, tau, ignored = () => false) {
  const n = u.length;
  const scaled = cosines(u, v).map((row, i) => row.map((x, j) => (ignored(i, j) ? -Infinity : x / tau)));
  const rows = logSoftmax(scaled, 1);
  const columns = transposed(logSoftmax(transposed(scaled), 1));
  let value = 0;
  for (let i = 0; i < n; i++) value -= (rows[i][i] + columns[i][i]) / (2 * n);
  const h = u.map((row, i) => {
    const g = row.map(() => 0);
    for (let j = 0; j < n; j++) {
      const toward = (Math.exp(rows[i][j]) + Math.exp(columns[i][j]) - (i === j ? 2 : 0)) / (2 * n * tau);
      for (let k = 0; k < g.length; k++) g[k] += toward * v[j][k];
    }
    const along = dot(g, row);
    return row.map((x, k) => x * (g[k] - along * x));
  });
  return {value, h};
}

/**
 * Whether two samples of a batch have the same label.
 * @param {number[]} labels
 * @returns {(i: number, j: number) => boolean}
 */
export const sameClass = labels => (i, j) => i !== j && labels[i] === labels[j];

/**
 * BicKD's sample-wise side: the contrast over rows, without pairs of the same label.
 * @param {Matrix} student Logits.
 * @param {Matrix} teacher Logits.
 * @param {number[]} labels
 * @param {number} T
 * @param {number} tau
 * @returns {Loss}
 */
export function bickdSample(student, teacher, labels, T, tau) {
  const log = logSoftmax(student, T);
  const {value, h} = contrast(unit(log), unit(logSoftmax(teacher, T)), tau, sameClass(labels));
  return {value, gradient: toLogits(h, log, T)};
}

/**
 * BicKD's class-wise side: the contrast over columns.
 * @param {Matrix} student Logits.
 * @param {Matrix} teacher Logits.
 * @param {number} T
 * @param {number} tau
 * @returns {Loss}
 */
export function bickdClass(student, teacher, T, tau) {
  const log = logSoftmax(student, T);
  const {value, h} = contrast(unit(transposed(log)), unit(transposed(logSoftmax(teacher, T))), tau);
  return {value, gradient: toLogits(transposed(h), log, T)};
}
