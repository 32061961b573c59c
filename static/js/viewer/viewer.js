// The viewer of raw slices: [data-viewer] opens its series in the dialog #viewer, [data-viewer-in-view] the one that the
// reader looks at. Keys, wheel and mouse do the same things.

import { openDialog } from "../dialog.js";
import { Cine } from "./cine.js";
import { Geometry, PLANES, View } from "./geometry.js";
import { listen } from "./hands.js";
import { openerInView } from "./in-view.js";
import { reformat } from "./reformat.js";
import { Screen } from "./screen.js";
import { Slices, Undrawable } from "./slices.js";
import { fetchIndex, fetchSlice, middleOf } from "./source.js";
import { dragged, NOTHING, PRESETS, table } from "./windowing.js";

const PAGE = 10;
const ZOOM_STEP = 1.25;
const PAN_STEP = 40;

const minus = (number) => String(number).replace("-", "−");

export class Viewer {
  #dialog;
  #stage;
  #screen;
  #cine;
  #parts = {};
  #opener = null;
  #address = "";
  #index = null;
  #geometry = null;
  #views = {};
  #view = null;
  #slices = null;
  #at = {};
  #plane = "";
  #window = { ...PRESETS[1] };
  #colours = table(PRESETS[1]);
  #values = null;
  #filled = { version: 0 };
  #pointer = null;
  #readsMiddle = false;
  #frame = 0;
  #opened = 0;

  constructor(dialog) {
    this.#dialog = dialog;
    for (const part of dialog.querySelectorAll("[data-part]")) this.#parts[part.dataset.part] = part;
    this.#stage = this.#parts.stage;
    this.#screen = new Screen(this.#parts.canvas);
    this.#cine = new Cine((step) => this.#play(step));
    dialog.addEventListener("close", () => this.#closed());
    dialog.addEventListener("click", (event) => this.#pressed(event.target.closest("[data-does]")));
    document.addEventListener("keydown", (event) => {
      if (dialog.open && this.#key(event)) event.preventDefault();
    });
    this.#parts.slider.addEventListener("input", () => this.#goTo(Number(this.#parts.slider.value)));
    listen(this.#stage, this.#parts.canvas, this.#acts);
    new ResizeObserver(() => this.#redraw()).observe(this.#stage);
  }

  /** Open the series of a button. */
  async open(opener) {
    this.#forget();
    this.#opener = opener;
    this.#address = opener.dataset.viewer;
    this.#dialog.dataset.series = opener.closest("[data-series]")?.dataset.series ?? "";
    this.#parts.title.textContent = opener.dataset.viewerTitle;
    this.#say("Opening");
    openDialog(this.#dialog);
    const opening = (this.#opened += 1);
    try {
      const index = await fetchIndex(this.#address);
      if (opening === this.#opened && this.#dialog.open) this.#begin(index);
    } catch (error) {
      if (opening !== this.#opened) return;
      const sentence =
        error instanceof Undrawable
          ? error.message
          : "The server cannot be reached. Close the viewer and open it again when you are connected.";
      this.#say(sentence);
      this.#announce(sentence);
    }
  }

  #begin(index) {
    this.#index = index;
    this.#geometry = new Geometry(index);
    const geometry = this.#geometry;
    const planes = geometry.isVolume ? PLANES : [PLANES[0]];
    this.#views = Object.fromEntries(planes.map((plane) => [plane, new View(geometry, plane)]));
    this.#slices = new Slices(
      geometry,
      (place, signal, isUrgent) =>
        fetchSlice(this.#address, index, place, { signal, priority: isUrgent ? "high" : "auto" }),
      (place) => this.#arrived(place),
    );
    for (const plane of planes) this.#at[plane] = this.#views[plane].count >> 1;
    const acquired = geometry.isVolume ? geometry.plane : PLANES[0];
    this.#at[acquired] = this.#views[acquired].acquired(middleOf(index));
    const notes = [...index.notes];
    if (!this.#slices.fitsWhole) {
      notes.push(
        `This series is long: only the slices around the one you look at are kept, and reformats show every ${this.#slices.factor}. pixel.`,
      );
    }
    this.#parts.notes.replaceChildren(...notes.map((note) => Object.assign(document.createElement("p"), { textContent: note })));
    for (const plane of PLANES) this.#button(`plane-${plane}`).disabled = !planes.includes(plane);
    this.#show(acquired);
  }

  #show(plane) {
    if (!this.#views[plane] || plane === this.#plane) return;
    this.#plane = plane;
    this.#view = this.#views[plane];
    const view = this.#view;
    this.#screen.show(view);
    this.#values = view.isReformat ? new Int16Array(view.width * view.height).fill(NOTHING) : null;
    this.#filled = { version: this.#filled.version + 1 };
    for (const each of PLANES) this.#button(`plane-${each}`).setAttribute("aria-pressed", String(each === plane));
    const { letters } = view;
    for (const side of ["left", "right", "top", "bottom"]) this.#parts[side].textContent = letters?.[side] ?? "";
    this.#parts.slider.max = view.count - 1;
    this.#stage.toggleAttribute("data-volume", this.#geometry.isVolume);
    if (view.isReformat || this.#slices.fitsWhole) this.#slices.wantAll();
    this.#goTo(this.#at[plane]);
    if (view.isReformat) this.#announce(`${this.#words}, ${view.count} positions`);
  }

  #goTo(at, { speaks = true } = {}) {
    if (!this.#view) return;
    const place = Math.min(Math.max(at, 0), this.#view.count - 1);
    this.#at[this.#plane] = place;
    if (!this.#view.isReformat) this.#slices.goTo(this.#view.acquired(place));
    const { slider } = this.#parts;
    slider.value = place;
    if (speaks) slider.setAttribute("aria-valuetext", this.#placeWords);
    this.#redraw();
  }

  /** A step of the cine: false while the slice that comes next is not here. */
  #play(step) {
    if (!this.#view) return false;
    const next = (this.#at[this.#plane] + step + this.#view.count) % this.#view.count;
    const isHere = this.#view.isReformat || this.#isReady(this.#view.acquired(next));
    if (isHere) this.#goTo(next, { speaks: false });
    return isHere;
  }

  #isReady(place) {
    return this.#slices.get(place) !== undefined || this.#slices.failure(place) !== undefined;
  }

  #arrived(place) {
    this.#filled.stale = true;
    if (this.#view.isReformat || place === this.#view.acquired(this.#at[this.#plane])) this.#redraw();
    else this.#tellLoaded();
  }

  #redraw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.#view && this.#dialog.open) this.#draw();
    });
  }

  #draw() {
    const at = this.#at[this.#plane];
    const place = this.#view.acquired(at);
    let failure = "";
    if (this.#view.isReformat) {
      if (this.#filled.place !== place || this.#filled.stale) {
        reformat(this.#view, place, (slice) => this.#slices.source(slice), this.#values);
        this.#filled = { place, stale: false, version: this.#filled.version + 1 };
      }
      this.#screen.draw(this.#values, this.#colours, this.#filled.version);
    } else {
      const values = this.#slices.get(place);
      failure = this.#slices.failure(place) ?? "";
      if (values) {
        this.#values = values;
        this.#screen.draw(values, this.#colours);
      } else if (failure) {
        this.#values = null;
        this.#screen.clear();
      } else if (this.#values) {
        // The picture before stays, dimmed, until this one has come.
        this.#screen.draw(this.#values, this.#colours);
      }
      this.#stage.toggleAttribute("data-waits", !values && !failure);
    }
    if (this.#view.isReformat) this.#stage.removeAttribute("data-waits");
    const isDrawn = this.#view.isReformat || (this.#values && !this.#stage.hasAttribute("data-waits"));
    if (isDrawn) this.#parts.canvas.dataset.drawn = `${this.#plane} ${at}`;
    this.#say(failure || (this.#values ? "" : "Loading"));
    if (failure) this.#announce(failure);
    this.#tell();
  }

  #tell() {
    const { isScaled } = this.#geometry;
    this.#parts.place.textContent = this.#placeWords;
    this.#parts.image.textContent = this.#view.isReformat ? "" : `Image ${this.#index.numbers[this.#view.acquired(this.#at[this.#plane])]}`;
    this.#parts.window.textContent = `L ${minus(this.#window.level)} W ${this.#window.width}`;
    this.#parts.zoom.textContent = `${Math.round(this.#screen.zoom * 100)} %`;
    for (const key of Object.keys(PRESETS)) {
      const { level, width } = PRESETS[key];
      const isOn = level === this.#window.level && width === this.#window.width;
      this.#button(`window-${key}`).setAttribute("aria-pressed", String(isOn));
    }
    this.#parts.bar.hidden = !isScaled;
    if (isScaled) {
      const { mm, pixels } = this.#screen.bar;
      this.#parts.bar.style.width = `${pixels}px`;
      this.#parts.length.textContent = `${mm} mm`;
    }
    this.#parts.canvas.setAttribute("aria-label", `${this.#parts.title.textContent}, ${this.#words.toLowerCase()}`);
    this.#tellValue();
    this.#tellLoaded();
  }

  #tellValue() {
    const middle = this.#readsMiddle && !this.#pointer;
    const point = middle ? this.#screen.size.map((length) => length / 2) : this.#pointer;
    const pixel = point && this.#values ? this.#screen.pixelAt(point) : null;
    const value = pixel && this.#values[pixel[1] * this.#view.width + pixel[0]];
    const isThere = pixel !== null && value !== NOTHING;
    this.#parts.value.textContent = isThere ? `${minus(value)} ${this.#index.units === "HU" ? "HU" : "as stored"}` : "";
    this.#parts.cross.hidden = !middle;
  }

  #tellLoaded() {
    const { here, count } = this.#slices;
    const isDone = here >= count - this.#index.damaged.length;
    this.#parts.loaded.textContent = isDone || (!this.#slices.fitsWhole && !this.#view.isReformat) ? "" : `${here} of ${count} loaded`;
  }

  get #words() {
    return this.#geometry.isVolume ? this.#plane[0].toUpperCase() + this.#plane.slice(1) : "Image by image";
  }

  get #placeWords() {
    const at = this.#at[this.#plane];
    const noun = this.#view.isReformat ? this.#words : this.#geometry.isVolume ? "Slice" : "Image";
    const position = this.#view.position(at);
    return `${noun} ${at + 1} of ${this.#view.count}${position && `, ${position}`}`;
  }

  #setWindow(window) {
    this.#window = window;
    this.#colours = table(window);
    this.#redraw();
  }

  #button(does) {
    return this.#dialog.querySelector(`[data-does="${does}"]`);
  }

  #pressed(button) {
    if (!button) return;
    const [what, which] = button.dataset.does.split("-");
    const acts = {
      plane: () => this.#show(which),
      window: () => this.#setWindow({ ...PRESETS[which] }),
      cine: () => this.#setCine(!this.#cine.isOn),
      slower: () => this.#tellPace(this.#cine.slower()),
      faster: () => this.#tellPace(this.#cine.faster()),
      in: () => this.#screen.zoomBy(ZOOM_STEP),
      out: () => this.#screen.zoomBy(1 / ZOOM_STEP),
      fit: () => this.#screen.fit(),
      value: () => this.#setReading(button, !this.#readsMiddle),
      series: () => this.#step(Number(which === "next" ? 1 : -1)),
      keys: () => this.#setKeys(button, this.#parts.keys.hidden),
    };
    acts[what]?.();
    this.#redraw();
  }

  #setReading(button, on) {
    this.#readsMiddle = on;
    button.setAttribute("aria-pressed", String(on));
    this.#announce(on ? "The value in the middle is shown." : "");
  }

  #setKeys(button, on) {
    this.#parts.keys.hidden = !on;
    button.setAttribute("aria-expanded", String(on));
  }

  #setCine(on) {
    if (on && this.#view) this.#cine.start();
    else this.#cine.stop();
    this.#button("cine").setAttribute("aria-pressed", String(this.#cine.isOn));
    if (!on && this.#view) this.#parts.slider.setAttribute("aria-valuetext", this.#placeWords);
  }

  #tellPace(framesPerSecond) {
    this.#parts.pace.textContent = `${framesPerSecond}/s`;
  }

  #step(by) {
    const openers = [...document.querySelectorAll("[data-viewer]")];
    if (openers.length > 1) this.open(openers[(openers.indexOf(this.#opener) + by + openers.length) % openers.length]);
  }

  #scroll(by) {
    this.#setCine(false);
    this.#goTo(this.#at[this.#plane] + by);
  }

  get #acts() {
    const withPicture = (act) => (...given) => {
      if (!this.#view) return;
      act(...given);
      this.#redraw();
    };
    return {
      scroll: withPicture((steps) => this.#scroll(steps)),
      zoom: withPicture((isLarger, point) => this.#screen.zoomBy(isLarger ? ZOOM_STEP : 1 / ZOOM_STEP, point)),
      move: withPicture((right, down) => this.#screen.moveBy(right, down)),
      window: withPicture((right, down) => this.#setWindow(dragged(this.#window, right, down))),
      fit: withPicture(() => this.#screen.fit()),
      point: withPicture((point) => {
        this.#pointer = point;
      }),
    };
  }

  /** Act on a key that is no letter (those belong to the buttons); whether it was one. */
  #key(event) {
    if (!this.#view || event.altKey || event.metaKey) return false;
    const arrows = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    const arrow = arrows[event.key];
    if (arrow && event.ctrlKey) {
      this.#screen.moveBy(arrow[0] * PAN_STEP, arrow[1] * PAN_STEP);
      this.#redraw();
    } else if (arrow && event.shiftKey) {
      this.#setWindow(dragged(this.#window, arrow[0] * 10, arrow[1] * 10));
    } else if (arrow) {
      this.#scroll(arrow[0] + arrow[1]);
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      this.#scroll(event.key === "PageUp" ? -PAGE : PAGE);
    } else if (event.key === "Home" || event.key === "End") {
      this.#scroll(event.key === "Home" ? -this.#view.count : this.#view.count);
    } else {
      return false;
    }
    return true;
  }

  /** Over the picture: why there is none. */
  #say(sentence) {
    if (this.#parts.said.textContent !== sentence) this.#parts.said.textContent = sentence;
  }

  /** To those who hear the page. */
  #announce(sentence) {
    if (this.#parts.spoken.textContent !== sentence) this.#parts.spoken.textContent = sentence;
  }

  #forget() {
    this.#setCine(false);
    this.#slices?.close();
    this.#slices = this.#view = this.#geometry = this.#values = this.#index = null;
    this.#views = {};
    this.#at = {};
    this.#plane = "";
    this.#pointer = null;
    for (const name of ["notes", "place", "image", "value", "loaded", "left", "right", "top", "bottom"]) this.#parts[name].textContent = "";
    this.#parts.bar.hidden = true;
    this.#stage.removeAttribute("data-waits");
    delete this.#parts.canvas.dataset.drawn;
    this.#screen.clear();
    this.#announce("");
  }

  #closed() {
    this.#opened += 1;
    this.#forget();
    delete this.#dialog.dataset.series;
  }
}

function start(dialog) {
  const viewer = new Viewer(dialog);
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-viewer], [data-viewer-in-view]");
    const opener = pressed?.matches("[data-viewer]") ? pressed : pressed && openerInView();
    if (opener) viewer.open(opener);
  });
}

const dialog = globalThis.document?.getElementById("viewer");
if (dialog) start(dialog);
