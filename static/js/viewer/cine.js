// Plays slices one after the other, as fast as the reader wants and never faster than they come.

export const PACES = [2, 5, 10, 15, 20, 30];

export class Cine {
  #show;
  #pace = 15;
  #frame = 0;
  #due = 0;

  /** `show(step)` shows the next slice, or answers false while it is not there. */
  constructor(show) {
    this.#show = show;
  }

  get isOn() {
    return this.#frame !== 0;
  }

  start() {
    if (this.isOn) return;
    this.#due = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#tick(now));
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  slower() {
    return this.#setPace(PACES.findLast((pace) => pace < this.#pace));
  }

  faster() {
    return this.#setPace(PACES.find((pace) => pace > this.#pace));
  }

  #setPace(pace = this.#pace) {
    this.#pace = pace;
    return pace;
  }

  #tick(now) {
    this.#frame = requestAnimationFrame((later) => this.#tick(later));
    if (now < this.#due) return;
    const isShown = this.#show(1);
    // After a pause it goes on at its pace instead of catching up.
    this.#due = isShown ? Math.max(this.#due + 1000 / this.#pace, now - 1000 / this.#pace) : now;
  }
}
