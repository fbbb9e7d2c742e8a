// The keys of the presenter's view, and the scale at which its page fills the window.
import {isBrowserKey} from './util.js';

const PAGE = {width: 1120, height: 630};
const NARROW = 900; // in a window below this many pixels nothing is enlarged

/** @type {Record<string, string | undefined>} */
const PAGE_KEYS = {PageDown: 'next', PageUp: 'previous'}; // what a remote control sends
/** @type {Record<string, string | undefined>} */
const ARROW_KEYS = {ArrowRight: 'next', ArrowLeft: 'previous'};

/** @param {import('./util.js').Component<{}>} component */
export default function (component) {
  component.parentElement.replaceChildren(document.createElement('span')); // a component must not be empty
  /** @type {number | null} */
  let sent = null;
  const scale = () => {
    const fit = Math.min(innerWidth / PAGE.width, innerHeight / PAGE.height);
    const factor = innerWidth < NARROW ? 1 : Math.floor(100 * fit) / 100;
    document.documentElement.style.setProperty('--bk-present', String(factor));
    if (factor === sent) return;
    sent = factor;
    component.setStateValue('scale', factor); // Python enlarges the text in the charts
  };
  const typed = (/** @type {KeyboardEvent} */ event) => {
    if (isBrowserKey(event)) return;
    const arrow = takesArrows(event) ? undefined : ARROW_KEYS[event.key];
    const go = PAGE_KEYS[event.key] ?? (event.key === 'Escape' ? 'leave' : arrow);
    if (!go) return;
    if (event.key === 'Escape' && closeOverlay()) {
      event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // before a slider uses Page Down for itself
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

/** Close an open answer or help. Returns whether anything was open. A list of choices closes itself. */
function closeOverlay() {
  /** @type {HTMLElement | null} */
  const opener = document.querySelector('[data-testid="stPopover"] button[aria-expanded="true"]');
  opener?.click();
  return Boolean(opener ?? document.querySelector('[data-testid="stPopoverBody"], [role="listbox"]'));
}

/**
 * Whether an element uses the arrow keys itself: sliders, fields, choices, and points that can be moved. The row of
 * lessons does not count, because the arrows turn its pages anyway.
 * @param {KeyboardEvent} event
 */
function takesArrows(event) {
  const lessons = '.st-key-learn-step';
  const users =
    'input, textarea, select, [role="slider"], [role="radio"], [role="radiogroup"], [role="application"], [role="combobox"]';
  const path = event.composedPath().filter(part => part instanceof Element);
  return path.some(part => part.matches(users)) && !path.some(part => part.matches(lessons));
}
