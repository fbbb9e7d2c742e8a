// Keys of the presenter's view, and the scale at which its page fills the window.
const PAGE = [1120, 630];

export default function (component) {
  component.parentElement.replaceChildren(document.createElement('span')); // a part that shows nothing, yet is there
  const scale = () => document.documentElement.style.setProperty(
    '--bk-present', String(Math.min(innerWidth / PAGE[0], innerHeight / PAGE[1])));
  const typed = event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const paged = {PageDown: 'next', PageUp: 'previous'}[event.key]; // what a remote control sends
    const arrow = {ArrowRight: 'next', ArrowLeft: 'previous'}[event.key];
    const go = paged ?? (event.key === 'Escape' ? 'leave' : takesArrows(event) ? undefined : arrow);
    if (event.key === 'Escape' && document.querySelector('[data-baseweb="popover"]')) return; // it closes that first
    if (!go || event.defaultPrevented) return;
    event.preventDefault();
    component.setTriggerValue('go', go);
  };
  scale();
  window.addEventListener('resize', scale);
  document.addEventListener('keydown', typed);
  return () => {
    window.removeEventListener('resize', scale);
    document.removeEventListener('keydown', typed);
  };
}

// Sliders, boxes, choices and the movable points keep their arrow keys.
function takesArrows(event) {
  const own = 'input, textarea, select, [role="slider"], [role="radio"], [role="radiogroup"], [role="application"], [role="combobox"]';
  return event.composedPath().some(part => part instanceof Element && part.matches(own));
}
