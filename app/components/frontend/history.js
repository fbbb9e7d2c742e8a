// Back and Forward step through views: one entry in the browser's history for each, and what an entry shows is what its
// address says. Streamlit adds an entry for a page and a second one for its query, and keeps the view as it is on Back.
// On a busy browser it adds the two the other way round: the new page's query is put on the page before, then the path.
const HISTORY = (window.bickdHistory ??= (() => {
  const own = {went: null, following: false, early: false};
  const push = history.pushState.bind(history);
  history.pushState = (state, title, url) => {
    const next = new URL(url ?? location.href, location.href);
    const here = next.pathname === location.pathname;
    if (here && location.search && !next.search) return; // Streamlit drops the query before it leaves a page
    if (!here && own.following) return; // of a page that the person has left by another step meanwhile
    const known = next.search === location.search;
    if (here ? own.following || !location.search || known : own.early && known)
      history.replaceState(state, title, url);
    else push(state, title, url);
    own.early = here && !known; // until the person acts, a path with this same query belongs to the same step
  };
  addEventListener(
    'popstate',
    () => {
      own.went = location.search;
      own.following = true;
    },
    true,
  );
  for (const kind of ['pointerdown', 'keydown'])
    addEventListener(
      kind,
      () => {
        own.following = own.early = false;
      },
      true,
    );
  return own;
})());

export default function ({data, setTriggerValue}) {
  // Where a second step came before the first one's page ran, this is that page, and its own run is on the way.
  if (HISTORY.went === null || location.pathname.split('/').pop() !== data.page) return;
  const query = HISTORY.went;
  HISTORY.went = null;
  setTriggerValue('went', query || '?');
}
