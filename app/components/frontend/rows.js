// A table whose rows are chosen: by a click, or with arrow keys and Enter. One row at a time takes the focus of Tab.
const cell = (tag, text, number) => {
  const made = document.createElement(tag);
  made.textContent = text;
  if (tag === 'th') made.scope = 'col';
  else made.setAttribute('role', 'gridcell');
  if (number) made.className = 'number';
  return made;
};

const line = (tag, texts, numbers) => {
  const row = document.createElement('tr');
  row.append(...texts.map((text, i) => cell(tag, text, i >= numbers)));
  return row;
};

function draw(table, {columns, rows, numbers}) {
  const [head, body] = ['thead', 'tbody'].map(tag => document.createElement(tag));
  head.append(line('th', columns, numbers));
  body.append(...rows.map(texts => line('td', texts, numbers)));
  table.replaceChildren(head, body);
}

export default function ({parentElement, data, setTriggerValue}) {
  const table = parentElement.querySelector('table');
  const words = JSON.stringify([data.columns, data.rows]);
  if (table.drawn !== words) {
    // a choice alone leaves the rows, and the focus, where they are
    draw(table, data);
    table.drawn = words;
  }
  table.setAttribute('aria-label', data.label);
  const rows = [...table.tBodies[0].rows];
  const focusable = at =>
    rows.forEach((row, i) => {
      row.tabIndex = i === at ? 0 : -1;
    });
  const inside = rows.indexOf(table.getRootNode().activeElement);
  rows.forEach((row, i) => row.setAttribute('aria-selected', String(i === data.selected)));
  focusable(inside >= 0 ? inside : (data.selected ?? 0));
  const placeOf = event => rows.indexOf(event.target.closest('tr'));
  table.onclick = event => {
    const at = placeOf(event);
    if (at >= 0) {
      focusable(at);
      setTriggerValue('row', at);
    }
  };
  table.onkeydown = event => {
    const at = placeOf(event);
    const to = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1}[event.key];
    if (at >= 0 && (event.key === 'Enter' || event.key === ' ')) setTriggerValue('row', at);
    else if (at >= 0 && rows[to]) {
      focusable(to);
      rows[to].focus();
    } else if (to === undefined) return;
    event.preventDefault();
  };
}
