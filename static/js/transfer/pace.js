// Pure: how fast a transfer goes and how long it will take, from what it told of its progress.

import { rateOf, size, time } from "../upload/batches.js";

const SAMPLE_MS = 250;

/** Keeps the last progress; `words` is what people read: "3.1 MB/s, about 2 min left". */
export class Pace {
  #samples = [];

  add(bytes, total, nowMs = performance.now()) {
    this.bytes = bytes;
    this.total = total;
    const last = this.#samples.at(-1);
    // What a new round of the same transfer tells begins at its own start.
    if (last && bytes < last[1]) this.#samples = [];
    if (!last || nowMs - last[0] >= SAMPLE_MS) this.#samples.push([nowMs, bytes]);
    if (this.#samples.length > 400) this.#samples.splice(0, 200);
  }

  /** After a pause the time in which nothing was sent does not count. */
  restart() {
    this.#samples = [];
  }

  get rate() {
    return rateOf(this.#samples);
  }

  get words() {
    if (!(this.rate > 0)) return "";
    return `${size(this.rate)}/s, about ${time((this.total - this.bytes) / this.rate)} left`;
  }
}
