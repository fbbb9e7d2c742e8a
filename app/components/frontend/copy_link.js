// The button that copies the address bar, which always describes what the page shows.

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain http from another machine there is no clipboard. An old command still copies a selection.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

/**
 * @typedef {object} CopyLinkData
 * @property {string} label The button's text.
 * @property {string} done Shown for two seconds after copying.
 */

/** @param {import('./util.js').Component<CopyLinkData>} component */
export default function ({parentElement, data}) {
  const button = /** @type {HTMLButtonElement} */ (parentElement.querySelector('button'));
  const status = /** @type {HTMLElement} */ (parentElement.querySelector('[role=status]'));
  button.textContent = data.label;
  button.onclick = async () => {
    await copy(window.location.href);
    status.textContent = data.done;
    setTimeout(() => {
      status.textContent = '';
    }, 2000);
  };
}
