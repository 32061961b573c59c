// The slices of one series as they come: the one looked at first, then its neighbours, a few requests at a time.

import { nextToFetch, toLetGo } from "./order.js";
import { thinned } from "./reformat.js";

/** Bytes that whole slices may take: 400 of 512 x 512. A longer series keeps those around the one looked at. */
export const ROOM = 400 * 512 * 512 * 2;

/** Bytes for the thinned copy from which a longer series is reformatted. */
export const ROOM_THINNED = ROOM / 2;

const AT_ONCE = 4;
const AGAIN_MS = 2000;

/** A slice that will never come; the message is a sentence. */
export class Undrawable extends Error {}

/** By how much a series has to be thinned so that it fits: 1, 2, 4 … */
export function thinning(count, rows, columns, room = ROOM_THINNED) {
  let factor = 1;
  while (count * Math.ceil(rows / factor) * Math.ceil(columns / factor) * 2 > room && factor < 64) factor *= 2;
  return factor;
}

export class Slices {
  #fetchOne;
  #arrived;
  #whole = new Map();
  #thin = new Map();
  #failed = new Map();
  #onTheWay = new Set();
  #direction = 0;
  #all = false;
  #closed = new AbortController();
  #pause = 0;

  /** `fetchOne(place, signal, isUrgent)` resolves to an Int16Array, or throws Undrawable; `arrived(place)` is told. */
  constructor({ count, rows, columns }, fetchOne, arrived, { room = ROOM, roomThinned = ROOM_THINNED } = {}) {
    this.count = count;
    this.rows = rows;
    this.columns = columns;
    this.room = Math.max(8, Math.floor(room / (rows * columns * 2)));
    this.fitsWhole = count <= this.room;
    this.factor = this.fitsWhole ? 1 : Math.max(2, thinning(count, rows, columns, roomThinned));
    this.at = count >> 1;
    this.#fetchOne = fetchOne;
    this.#arrived = arrived;
  }

  /** Begin with a slice, or go on from it. */
  goTo(place) {
    this.#direction = Math.sign(place - this.at);
    this.at = place;
    this.#letGo();
    this.#fill();
  }

  /** Fetch the whole series, thinned where it does not fit: reformats need it. */
  wantAll() {
    this.#all = true;
    this.#fill();
  }

  get(place) {
    return this.#whole.get(place);
  }

  /** What reformats read: the whole slice where it fits, else the thinned one. */
  source(place) {
    if (this.fitsWhole) {
      const values = this.#whole.get(place);
      return values && { values, columns: this.columns, factor: 1 };
    }
    const values = this.#thin.get(place);
    return values && { values, columns: Math.ceil(this.columns / this.factor), factor: this.factor };
  }

  /** Why a slice will never come, in a sentence. */
  failure(place) {
    return this.#failed.get(place);
  }

  /** How many have come, of those that are wanted. */
  get here() {
    return this.fitsWhole ? this.#whole.size : this.#thin.size;
  }

  close() {
    clearTimeout(this.#pause);
    this.#closed.abort();
    this.#whole.clear();
    this.#thin.clear();
  }

  #isNear(place) {
    return this.fitsWhole || Math.abs(place - this.at) <= (this.room - AT_ONCE) / 2;
  }

  #isWanted(place) {
    if (this.#failed.has(place) || this.#onTheWay.has(place)) return false;
    if (this.#isNear(place)) return !this.#whole.has(place);
    return this.#all && !this.#thin.has(place);
  }

  #fill() {
    clearTimeout(this.#pause);
    this.#pause = 0;
    while (this.#onTheWay.size < AT_ONCE && !this.#closed.signal.aborted) {
      const place = nextToFetch(this.at, this.count, this.#direction, (one) => this.#isWanted(one));
      if (place === undefined) return;
      this.#fetch(place);
    }
  }

  async #fetch(place) {
    this.#onTheWay.add(place);
    try {
      const values = await this.#fetchOne(place, this.#closed.signal, place === this.at);
      if (this.#closed.signal.aborted) return;
      if (!this.fitsWhole) this.#thin.set(place, thinned(values, this.rows, this.columns, this.factor));
      if (this.#isNear(place)) this.#whole.set(place, values);
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      if (error instanceof Undrawable) {
        this.#failed.set(place, error.message);
      } else {
        // The line is broken: a moment later it may be there again.
        this.#onTheWay.delete(place);
        if (!this.#pause) this.#pause = setTimeout(() => this.#fill(), AGAIN_MS);
        return;
      }
    }
    this.#onTheWay.delete(place);
    this.#letGo();
    this.#arrived(place);
    if (!this.#pause) this.#fill();
  }

  #letGo() {
    if (this.fitsWhole) return;
    for (const place of toLetGo([...this.#whole.keys()], this.at, this.room)) this.#whole.delete(place);
  }
}
