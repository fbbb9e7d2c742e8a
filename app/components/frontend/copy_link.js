// Copies the address bar, which always says what is shown.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Over plain http from another machine there is no clipboard; an old command still copies a selection.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

export default function ({parentElement, data}) {
  const button = parentElement.querySelector('button');
  const status = parentElement.querySelector('[role=status]');
  button.textContent = data.label;
  button.onclick = async () => {
    await copy(window.location.href);
    status.textContent = data.done;
    setTimeout(() => {
      status.textContent = '';
    }, 2000);
  };
}
