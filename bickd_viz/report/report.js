// Draws the charts of an HTML report, in the colours of the reader's system, and in light colours for print.

/**
 * A chart, as `build.py` writes it.
 * @typedef {object} ReportChart
 * @property {string} id Of its element.
 * @property {{data: object[], layout: Record<string, unknown>}} figure
 * @property {[path: (string | number)[], value: unknown][]} dark What differs in dark colours: where, and its value.
 */

/** @typedef {Record<string | number, unknown>} Branch A part of a figure. */

/** @type {{react: (...parts: unknown[]) => void}} */
const plotly = /** @type {typeof window & {Plotly: typeof plotly}} */ (window).Plotly;
const PRINT_WIDTH = 620; // pixels

/** @type {ReportChart[]} */
const charts = JSON.parse(String(document.getElementById('charts')?.textContent));
const dark = matchMedia('(prefers-color-scheme: dark)');

/**
 * Draw all charts.
 * @param {boolean} inDark
 * @param {number} [width] By default that of the page.
 */
function draw(inDark, width) {
  for (const chart of charts) {
    const figure = structuredClone(chart.figure);
    if (inDark) for (const [path, value] of chart.dark) set(figure, path, value);
    figure.layout.width = width;
    figure.layout.autosize = width === undefined;
    const settings = {displayModeBar: false, responsive: true};
    plotly.react(document.getElementById(chart.id), figure.data, figure.layout, settings);
  }
}

/**
 * Set a value at a path in a figure.
 * @param {object} figure
 * @param {(string | number)[]} path
 * @param {unknown} value
 */
function set(figure, path, value) {
  let node = /** @type {Branch} */ (figure);
  for (const key of path.slice(0, -1)) {
    node[key] ??= {};
    node = /** @type {Branch} */ (node[key]);
  }
  node[path[path.length - 1]] = value;
}

draw(dark.matches);
dark.addEventListener('change', () => draw(dark.matches));
addEventListener('beforeprint', () => draw(false, PRINT_WIDTH));
addEventListener('afterprint', () => draw(dark.matches));
document.documentElement.dataset.drawn = String(charts.length);
