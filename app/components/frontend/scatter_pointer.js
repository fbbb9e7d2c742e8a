// What the pointer does on a panel of the maps: hover, click, drag, and draw a lasso.
import {pointsInside} from './scatter_points.js';

/** @typedef {import('./util.js').XY} XY */
/** @typedef {import('./scatter_maps.js').Maps} Maps */

/**
 * What the pointer needs to know, and what it causes.
 * @typedef {object} PointerEvents
 * @property {() => boolean} moves Whether dragging moves the maps.
 * @property {() => boolean} selects Whether samples can be selected.
 * @property {(panel: number, place: XY) => void} onHover
 * @property {() => void} onLeave
 * @property {(dx: number, dy: number) => void} onShift
 * @property {() => void} onLasso A lasso grows.
 * @property {(rows: number[], add: boolean) => void} onCaught A lasso has caught samples.
 * @property {(panel: number, place: XY, add: boolean) => void} onClick
 * @property {() => void} onDoubleClick
 */

/**
 * A movement of the pressed pointer.
 * @typedef {object} Drag
 * @property {number} panel
 * @property {XY} from
 * @property {XY} last
 * @property {boolean} far Whether it is more than a click.
 * @property {boolean} pan Whether it moves the maps.
 */

const FAR = 5; // pixels that the pointer moves before a click becomes a drag

/**
 * The place of the pointer in its canvas, in CSS pixels.
 * @param {MouseEvent} event
 * @returns {XY}
 */
export function placeIn(event) {
  const canvas = /** @type {Element} */ (event.target);
  const rect = canvas.getBoundingClientRect();
  const zoom = rect.width / canvas.clientWidth || 1; // a presenter's page is enlarged
  return [(event.clientX - rect.left) / zoom, (event.clientY - rect.top) / zoom];
}

/** The pointer on all panels. */
export class Pointer {
  /**
   * @param {Maps} maps
   * @param {PointerEvents} events
   */
  constructor(maps, events) {
    this.maps = maps;
    this.events = events;
    /** @type {Drag | null} */
    this.drag = null;
  }

  /**
   * Listen on a panel's canvas.
   * @param {HTMLCanvasElement} canvas
   * @param {number} panel
   */
  listen(canvas, panel) {
    canvas.addEventListener('pointermove', event => this.moved(event, panel));
    canvas.addEventListener('pointerleave', event => {
      if (!this.drag && event.pointerType !== 'touch') this.events.onLeave(); // what a tap shows stays
    });
    canvas.addEventListener('pointerdown', event => this.pressed(event, panel));
    canvas.addEventListener('pointerup', event => this.released(event, panel));
    canvas.addEventListener('pointercancel', () => this.end());
    canvas.addEventListener('dblclick', () => this.events.onDoubleClick());
  }

  /**
   * @param {PointerEvent} event
   * @param {number} panel
   */
  pressed(event, panel) {
    if (event.button > 1 || !event.isPrimary) return;
    this.maps.plots.focus({preventScroll: true});
    const from = placeIn(event);
    this.drag = {panel, from, last: from, far: false, pan: this.events.moves() || event.button === 1};
    this.maps.lasso = null;
    /** @type {Element} */ (event.target).setPointerCapture?.(event.pointerId);
  }

  /**
   * @param {PointerEvent} event
   * @param {number} panel
   */
  moved(event, panel) {
    if (!event.isPrimary) return;
    const here = placeIn(event);
    const drag = this.drag;
    if (!drag) {
      this.events.onHover(panel, here);
      return;
    }
    if (!drag.far && Math.hypot(here[0] - drag.from[0], here[1] - drag.from[1]) < FAR) return;
    drag.far = true;
    if (drag.pan) this.events.onShift(here[0] - drag.last[0], here[1] - drag.last[1]);
    else if (this.events.selects()) {
      this.maps.lasso ??= {panel: drag.panel, points: [drag.from]};
      this.maps.lasso.points.push(here);
      this.events.onLasso();
    }
    drag.last = here;
  }

  /**
   * @param {PointerEvent} event
   * @param {number} panel
   */
  released(event, panel) {
    if (!event.isPrimary) return;
    const {drag, maps} = this;
    this.drag = null;
    if (!drag) return;
    if (maps.lasso) {
      const caught = pointsInside(maps.panels[panel], maps.lasso.points, maps.size);
      this.end();
      if (caught.length) this.events.onCaught(caught, event.shiftKey);
    } else if (!drag.far) this.events.onClick(panel, placeIn(event), event.shiftKey);
  }

  end() {
    this.drag = null;
    this.maps.lasso = null;
    this.maps.mark();
  }
}
