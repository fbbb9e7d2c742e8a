// Keys of the presenter's view, and the scale at which its page fills the window.
const PAGE = [1120, 630];
const NARROW = 900; // px of a window in which nothing is enlarged

export default function (component) {
  component.parentElement.replaceChildren(document.createElement('span')); // a part that shows nothing, yet is there
  let told = null;
  const scale = () => {
    const fit =
      innerWidth < NARROW ? 1 : Math.floor(100 * Math.min(innerWidth / PAGE[0], innerHeight / PAGE[1])) / 100;
    document.documentElement.style.setProperty('--bk-present', String(fit));
    if (fit !== told) component.setStateValue('scale', (told = fit)); // charts enlarge what stands in them
  };
  const typed = event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const paged = {PageDown: 'next', PageUp: 'previous'}[event.key]; // what a remote control sends
    const arrow = {ArrowRight: 'next', ArrowLeft: 'previous'}[event.key];
    const go = paged ?? (event.key === 'Escape' ? 'leave' : takesArrows(event) ? undefined : arrow);
    if (!go) return;
    if (event.key === 'Escape' && closed()) return event.stopPropagation(); // what lies over the page goes first
    event.preventDefault();
    event.stopPropagation(); // before a slider takes Page Down for itself
    component.setTriggerValue('go', go);
  };
  scale();
  window.addEventListener('resize', scale);
  document.addEventListener('keydown', typed, true);
  return () => {
    window.removeEventListener('resize', scale);
    document.removeEventListener('keydown', typed, true);
  };
}

// Closes an open answer or help; true where something was open. A list of choices closes itself.
function closed() {
  const opener = document.querySelector('[data-testid="stPopover"] button[aria-expanded="true"]');
  opener?.click();
  return Boolean(opener ?? document.querySelector('[data-testid="stPopoverBody"], [role="listbox"]'));
}

// Sliders, boxes, choices and the movable points keep their arrow keys; the row of lessons is what the arrows turn anyway.
function takesArrows(event) {
  const turned = '.st-key-learn-step';
  const own =
    'input, textarea, select, [role="slider"], [role="radio"], [role="radiogroup"], [role="application"], [role="combobox"]';
  const path = event.composedPath().filter(part => part instanceof Element);
  return path.some(part => part.matches(own)) && !path.some(part => part.matches(turned));
}
