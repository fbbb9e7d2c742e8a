// The browser's Back and Forward buttons step through views. Each view has one entry in the browser's history, and
// the entry's address says what it shows. Streamlit adds one entry for a page and a second one for its query, and
// leaves the view as it is on Back. In a busy browser the two come in the other order: the new page's query is set
// on the page before, then the path.

/**
 * @typedef {object} Steps
 * @property {string | null} went The query of the entry that a person went back or forward to, until Python has it.
 * @property {boolean} following Whether the page still follows such a step.
 * @property {boolean} early Whether the query of the next page came before its path.
 */

const page = /** @type {typeof window & {bickdHistory?: Steps}} */ (window);

/** @returns {Steps} */
function watchHistory() {
  /** @type {Steps} */
  const steps = {went: null, following: false, early: false};
  const push = history.pushState.bind(history);
  history.pushState = (state, title, url) => {
    const next = new URL(url ?? location.href, location.href);
    const here = next.pathname === location.pathname;
    if (here && location.search && !next.search) return; // Streamlit drops the query before it leaves a page
    if (!here && steps.following) return; // from a page that the person has since left by another step
    const known = next.search === location.search;
    const replaces = here ? steps.following || !location.search || known : steps.early && known;
    if (replaces) history.replaceState(state, title, url);
    else push(state, title, url);
    steps.early = here && !known; // until the person acts, a path with this same query belongs to the same step
  };
  const went = () => {
    steps.went = location.search;
    steps.following = true;
  };
  const acted = () => {
    steps.following = false;
    steps.early = false;
  };
  addEventListener('popstate', went, true);
  for (const kind of ['pointerdown', 'keydown']) addEventListener(kind, acted, true);
  return steps;
}

page.bickdHistory ??= watchHistory();
const steps = page.bickdHistory;

/**
 * @typedef {object} HistoryData
 * @property {number} run Counts the runs, so that this script is called in each of them.
 * @property {string} page The path of the page that runs.
 */

/** @param {import('./util.js').Component<HistoryData>} component */
export default function ({data, setTriggerValue}) {
  // If a second step came before the first one's page ran, this is the first page, and the second one's run follows.
  if (steps.went === null || location.pathname.split('/').pop() !== data.page) return;
  const query = steps.went;
  steps.went = null;
  setTriggerValue('went', query || '?');
}
