// Wheel, mouse, pen and finger on the picture.

const WHEEL_STEP = 60;

/** Counts a wheel in whole slices: a notch is one, a touchpad sends many small steps. */
export class Wheel {
  #rest = 0;

  /** Slices to go after a turn by so many pixels. */
  turn(pixels) {
    if (Math.abs(pixels) >= WHEEL_STEP) {
      this.#rest = 0;
      return Math.sign(pixels);
    }
    if (Math.sign(pixels) !== Math.sign(this.#rest)) this.#rest = 0;
    this.#rest += pixels;
    const steps = Math.trunc(this.#rest / WHEEL_STEP);
    this.#rest -= steps * WHEEL_STEP;
    return steps;
  }
}

/**
 * Listen on `stage`; points are those of `canvas`, in pixels of the page.
 * acts: scroll(slices), zoom(isLarger, point), move(right, down), window(right, down), fit(), point(point or null).
 */
export function listen(stage, canvas, acts) {
  const wheel = new Wheel();
  const pointOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  let drag = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button === 1) return;
    drag = { act: event.button === 2 || event.shiftKey ? acts.window : acts.move, x: event.clientX, y: event.clientY };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    acts.point(pointOf(event));
    if (!drag) return;
    drag.act(event.clientX - drag.x, event.clientY - drag.y);
    drag = { act: drag.act, x: event.clientX, y: event.clientY };
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, () => {
      drag = null;
    });
  }
  stage.addEventListener("pointerleave", () => acts.point(null));
  // The focus stays on the slider, where a screen reader reads the place.
  stage.addEventListener("mousedown", (event) => event.preventDefault());
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("dblclick", () => acts.fit());
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (event.ctrlKey) {
        acts.zoom(event.deltaY < 0, pointOf(event));
        return;
      }
      const isInPixels = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL;
      const steps = wheel.turn(isInPixels ? event.deltaY : Math.sign(event.deltaY) * WHEEL_STEP);
      if (steps) acts.scroll(steps);
    },
    { passive: false },
  );
}
