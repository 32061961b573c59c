// How the slices of a series lie in the patient, and the three planes in which people look at them.
// Acquired axes: 0 along the normal (slices), 1 down a column (rows), 2 along a row (columns). Lengths in mm, LPS.

import { letters } from "./letters.js";

export const PLANES = ["axial", "coronal", "sagittal"];
const AXIS_NAMES = ["z", "y", "x"];

/** From this many times the usual distance on, slices are missing; when many are that wide, the spacing is uneven. */
const GAP_FACTOR = 1.5;
const MOST_GAPS_PART = 0.1;

const dot = (one, other) => one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
const cross = ([a, b, c], [x, y, z]) => [b * z - c * y, c * x - a * z, a * y - b * x];

function unit(vector) {
  const length = Math.hypot(...vector);
  return vector.map((component) => component / length);
}

function signed(value) {
  const written = value.toFixed(1);
  return written === "-0.0" ? "0.0" : written.replace("-", "−");
}

function median(numbers) {
  const sorted = [...numbers].sort((one, other) => one - other);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** What an index of a series (docs/viewer.md) says of its geometry. */
export class Geometry {
  constructor(index) {
    this.count = index.numbers.length;
    this.rows = index.rows;
    this.columns = index.columns;
    this.isVolume = index.volume;
    this.isScaled = index.spacing_mm !== null;
    this.axes = index.axes;
    this.flipped = index.flipped;
    this.positions = index.positions_mm;
    const [down, right] = index.spacing_mm ?? [1, 1];
    this.units = null;
    if (index.directions) {
      const [row, column] = [unit(index.directions.slice(0, 3)), unit(index.directions.slice(3))];
      this.units = [unit(cross(row, column)), column, row];
    }
    this.steps = [1, down, right];
    if (this.isVolume) this.#measure();
  }

  /** Places of the slices along the three axes, relative to the first, and the grid on which reformats stand. */
  #measure() {
    const first = this.positions[0];
    const offsets = this.positions.map((position) => position.map((value, axis) => value - first[axis]));
    const [along, down, right] = this.units.map((direction) => offsets.map((offset) => dot(offset, direction)));
    const distances = along.slice(1).map((height, at) => height - along[at]);
    const usual = median(distances);
    const wide = distances.filter((distance) => distance > GAP_FACTOR * usual).length;
    const hasGaps = distances.length > 2 && wide <= Math.max(2, MOST_GAPS_PART * distances.length);
    this.along = along;
    this.steps[0] = Math.max(Math.min(...distances), usual / 4);
    /** Where the grid begins along each axis, in mm from the first voxel of the first slice. */
    this.begins = [0, Math.min(...down), Math.min(...right)];
    /** Offsets of each slice down and to the right, in pixels, from the outermost slice: a tilted gantry moves them. */
    this.shift = [down, right].map((beside, at) => {
      return beside.map((offset) => Math.round((offset - this.begins[at + 1]) / this.steps[at + 1]));
    });
    this.sizes = [
      Math.round((along.at(-1) - along[0]) / this.steps[0]) + 1,
      this.rows + Math.max(...this.shift[0]),
      this.columns + Math.max(...this.shift[1]),
    ];
    this.levels = this.#levels(distances, usual, hasGaps);
  }

  /** Per level of the grid the nearest slice, -1 where slices are missing. */
  #levels(distances, usual, hasGaps) {
    const levels = new Int32Array(this.sizes[0]);
    let below = 0;
    for (let level = 0; level < levels.length; level += 1) {
      const height = this.along[0] + level * this.steps[0];
      while (below < this.count - 2 && this.along[below + 1] <= height) below += 1;
      const [low, high] = [height - this.along[below], this.along[below + 1] - height];
      const nearest = low <= high ? below : below + 1;
      const isGap = hasGaps && distances[below] > GAP_FACTOR * usual;
      levels[level] = isGap && Math.min(Math.abs(low), Math.abs(high)) > usual / 2 + 0.01 ? -1 : nearest;
    }
    return levels;
  }

  /** The plane in which the slices were acquired. */
  get plane() {
    return PLANES[this.axes.indexOf(0)];
  }
}

// Screen axes as canonical axes (0 z, 1 y, 2 x) and their sign: head up, the patient's right on the left.
const SCREEN = {
  axial: { through: [0, -1], right: [2, 1], down: [1, 1] },
  coronal: { through: [1, 1], right: [2, 1], down: [0, -1] },
  sagittal: { through: [2, 1], right: [1, 1], down: [0, -1] },
};
const PICTURE_AXES = [
  [2, 1],
  [2, 0],
  [1, 0],
];

/** One plane of a volume, or the images of a series that is none as they lie. */
export class View {
  constructor(geometry, plane) {
    const asAcquired = !geometry.isVolume;
    const { through, right, down } = SCREEN[plane];
    const acquired = ([axis, sign]) => [geometry.axes[axis], geometry.flipped[axis] ? -sign : sign];
    const [throughAxis, throughSign] = asAcquired ? [0, 1] : acquired(through);
    const [rightAxis, rightSign] = asAcquired ? [2, 1] : acquired(right);
    const [downAxis, downSign] = asAcquired ? [1, 1] : acquired(down);
    const [x, y] = PICTURE_AXES[throughAxis];
    this.geometry = geometry;
    this.plane = plane;
    this.through = throughAxis;
    this.backwards = throughSign < 0;
    this.isReformat = throughAxis !== 0;
    const sizes = this.isReformat ? geometry.sizes : [geometry.count, geometry.rows, geometry.columns];
    this.count = sizes[throughAxis];
    this.width = sizes[x];
    this.height = sizes[y];
    this.stepX = geometry.steps[x];
    this.stepY = geometry.steps[y];
    this.swap = rightAxis !== x;
    this.mirrorX = rightSign < 0;
    this.mirrorY = downSign < 0;
    this.letters = geometry.units ? this.#letters(rightAxis, rightSign, downAxis, downSign) : null;
    this.axis = through[0];
  }

  #letters(rightAxis, rightSign, downAxis, downSign) {
    const towards = (axis, sign) => letters(this.geometry.units[axis].map((component) => component * sign));
    return {
      left: towards(rightAxis, -rightSign),
      right: towards(rightAxis, rightSign),
      top: towards(downAxis, -downSign),
      bottom: towards(downAxis, downSign),
    };
  }

  /** Where the place `at`, counted as people scroll (from head, front, right), lies along the acquired axis; and back. */
  acquired(at) {
    return this.backwards ? this.count - 1 - at : at;
  }

  /** "z −512.5 mm": the first voxel's place along the patient's axis that is nearest; empty where it is not known. */
  position(at) {
    const { geometry } = this;
    const axis = 2 - this.axis;
    const place = this.acquired(at);
    let value;
    if (!this.isReformat) {
      value = geometry.positions[place]?.[axis];
    } else {
      const along = geometry.begins[this.through] + place * geometry.steps[this.through];
      value = geometry.positions[0][axis] + along * geometry.units[this.through][axis];
    }
    return value === undefined ? "" : `${AXIS_NAMES[this.axis]} ${signed(value)} mm`;
  }
}
