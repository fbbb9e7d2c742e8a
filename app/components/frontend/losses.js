// The losses of bickd_core.losses and their gradients, for a batch small enough to be moved by hand: the twin of
// bickd_core/comparing/gradients.py, held against it in tests. Logits are arrays of rows [B][C]; each loss gives
// {value, gradient}, the gradient with respect to the student's logits.

export function logSoftmax(rows, T) {
  return rows.map(row => {
    const top = Math.max(...row);
    const scaled = row.map(z => (z - top) / T);
    const log = Math.log(scaled.reduce((sum, z) => sum + Math.exp(z), 0));
    return scaled.map(z => z - log);
  });
}

export const softmax = (rows, T) => logSoftmax(rows, T).map(row => row.map(Math.exp));

const transposed = rows => rows[0].map((_, c) => rows.map(row => row[c]));
const dot = (u, v) => u.reduce((sum, x, i) => sum + x * v[i], 0);

// Rows at length 1, each scaled by its largest entry before exp: no column of probabilities is ever zero.
function unit(logRows) {
  return logRows.map(row => {
    const top = Math.max(...row);
    const scaled = row.map(x => Math.exp(x - top));
    const length = Math.hypot(...scaled);
    return scaled.map(x => x / length);
  });
}

// dL/dz from h = dL / d log P.
function toLogits(h, logP, T) {
  return h.map((row, i) => {
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((x, c) => (x - Math.exp(logP[i][c]) * sum) / T);
  });
}

// T^2 KL(teacher || student), mean over samples.
export function kd(student, teacher, T) {
  const s = logSoftmax(student, T),
    t = logSoftmax(teacher, T),
    B = s.length;
  let value = 0;
  const gradient = s.map((row, i) =>
    row.map((x, c) => {
      value += Math.exp(t[i][c]) * (t[i][c] - x);
      return (T * (Math.exp(x) - Math.exp(t[i][c]))) / B;
    }),
  );
  return {value: (T * T * value) / B, gradient};
}

const cosines = (u, v) => u.map(row => v.map(other => dot(row, other)));

// R[i][j] = cos(student's row i, teacher's row j).
export const rowCosines = (student, teacher, T) =>
  cosines(unit(logSoftmax(student, T)), unit(logSoftmax(teacher, T)));

// K[c][d] = cos(student's column c, teacher's column d).
export const columnCosines = (student, teacher, T) =>
  cosines(unit(transposed(logSoftmax(student, T))), unit(transposed(logSoftmax(teacher, T))));

function contrast(u, v, tau) {
  const n = u.length;
  const scaled = cosines(u, v).map(row => row.map(x => x / tau));
  const rows = logSoftmax(scaled, 1),
    columns = transposed(logSoftmax(transposed(scaled), 1));
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

// The sample-wise side: contrast over rows.
export function bickdSample(student, teacher, T, tau) {
  const log = logSoftmax(student, T);
  const {value, h} = contrast(unit(log), unit(logSoftmax(teacher, T)), tau);
  return {value, gradient: toLogits(h, log, T)};
}

// The class-wise side: contrast over columns.
export function bickdClass(student, teacher, T, tau) {
  const log = logSoftmax(student, T);
  const {value, h} = contrast(unit(transposed(log)), unit(transposed(logSoftmax(teacher, T))), tau);
  return {value, gradient: toLogits(transposed(h), log, T)};
}
