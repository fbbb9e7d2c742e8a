// The row above the maps: the legend and the buttons.
import {make} from './util.js';

/** @typedef {'lasso' | 'move'} Mode What dragging does. */

/**
 * @typedef {object} ToolEvents
 * @property {(mode: Mode) => void} onMode
 * @property {(times: number) => void} onZoom
 * @property {() => void} onReset
 */

/**
 * Make the buttons. Returns those of the modes.
 * @param {HTMLElement} parent
 * @param {ToolEvents} events
 */
export function makeTools(parent, {onMode, onZoom, onReset}) {
  /** @type {(text: string, title: string, act: () => void) => HTMLButtonElement} */
  const button = (text, title, act) => {
    const element = make('button', parent, '', text);
    element.type = 'button';
    element.title = title;
    element.setAttribute('aria-label', title);
    element.addEventListener('click', act);
    return element;
  };
  const modes = {
    lasso: button('Lasso', 'Select by drawing around points', () => onMode('lasso')),
    move: button('Move', 'Move the map by dragging', () => onMode('move')),
  };
  button('+', 'Zoom in', () => onZoom(1.5));
  button('−', 'Zoom out', () => onZoom(1 / 1.5));
  button('Reset', 'Show the whole map', onReset);
  return modes;
}

/**
 * Write the legend of the colours: their names, or the ends of a scale.
 * @param {HTMLElement} legend
 * @param {import('./scatter_data.js').MapData} data
 */
export function fillLegend(legend, {looks, scale}) {
  const groups = looks.slice(1, looks.length / 2);
  legend.replaceChildren();
  if (scale) {
    const [title, low, high] = scale;
    make('span', legend, '', title);
    make('span', legend, 'muted', String(low));
    const colours = groups.map(look => look.colour).join(',');
    make('span', legend, 'bar').style.background = `linear-gradient(90deg, ${colours})`;
    make('span', legend, 'muted', String(+high.toFixed(2)));
    return;
  }
  for (const {name, colour, symbol} of groups) {
    const item = make('span', legend, 'item');
    make('span', item, `dot ${symbol}`).style.background = colour;
    item.append(name);
  }
}
