// The canvas: draws one picture through a window, where zoom and drag have put it.

import { barLength, fitScale, matrix, pixelUnder, zoomed } from "./placing.js";
import { paint } from "./windowing.js";

const AS_FITTED = { zoom: 1, x: 0, y: 0 };

/** From this many screen pixels per voxel on, voxels are drawn as squares. */
const SQUARES_FROM = 8;

const BAR_ROOM = 160;

export class Screen {
  #canvas;
  #context;
  #film = document.createElement("canvas");
  #pixels = null;
  #image = null;
  #painted = {};
  #place = AS_FITTED;
  #view = null;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
  }

  /** Screen pixels of the page, not of the display. */
  get size() {
    return [this.#canvas.clientWidth, this.#canvas.clientHeight];
  }

  get zoom() {
    return this.#place.zoom;
  }

  /** The view whose pictures come next; where it was put is forgotten. */
  show(view) {
    this.#view = view;
    this.#place = AS_FITTED;
    this.#film.width = view.width;
    this.#film.height = view.height;
    this.#image = this.#film.getContext("2d").createImageData(view.width, view.height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
    this.#painted = {};
  }

  fit() {
    this.#place = AS_FITTED;
  }

  moveBy(x, y) {
    this.#place = { ...this.#place, x: this.#place.x + x, y: this.#place.y + y };
  }

  zoomBy(factor, point = this.#middle) {
    this.#place = zoomed(this.#place, factor, point, this.size);
  }

  /** The picture pixel (column, row) under a point of the page, or null. */
  pixelAt(point) {
    return this.#view && pixelUnder(matrix(this.#view, this.#place, this.size), this.#view, point);
  }

  /** The bar that tells how long things are: its length in mm and in screen pixels. */
  get bar() {
    const scale = fitScale(this.#view, this.size) * this.#place.zoom;
    const mm = barLength(scale, BAR_ROOM);
    return { mm, pixels: mm * scale };
  }

  /** Draw values through a table of colours; `version` tells whether the same array has been filled anew. */
  draw(values, colours, version = 0) {
    const isNew = this.#painted.values !== values || this.#painted.colours !== colours || this.#painted.version !== version;
    if (isNew) {
      paint(values, colours, this.#pixels);
      this.#film.getContext("2d").putImageData(this.#image, 0, 0);
      this.#painted = { values, colours, version };
    }
    const ratio = this.#sizeCanvas();
    const put = matrix(this.#view, this.#place, this.size).map((number) => number * ratio);
    this.clear();
    this.#context.setTransform(...put);
    this.#context.fillStyle = getComputedStyle(this.#canvas).color;
    this.#context.fillRect(0, 0, this.#view.width, this.#view.height);
    this.#context.imageSmoothingEnabled = Math.hypot(put[0], put[1]) < SQUARES_FROM;
    this.#context.drawImage(this.#film, 0, 0);
  }

  clear() {
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  get #middle() {
    return this.size.map((length) => length / 2);
  }

  #sizeCanvas() {
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = this.size.map((length) => Math.max(1, Math.round(length * ratio)));
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    return ratio;
  }
}
