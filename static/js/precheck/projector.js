// Nine pictures of a volume that is never held (projections.py on the server; docs/pictures.md defines them).

export const LOWEST_HU = -450;
export const HIGHEST_HU = 550;
const AIR_HU = -300;
export const PICTURE_SIZE = 512;
const CONVERSIONS = ["mip", "aip", "mid"];
const LOOKED_ALONG = { axial: 0, sagittal: 2, coronal: 1 };

/** Gathers acquired slices, one at a time and in any order; `parts` of several projectors are merged. */
export class Projector {
  constructor({ shape, axes, flipped }) {
    const [slices, rows, columns] = shape;
    this.shape = shape;
    this.axes = axes;
    this.flipped = flipped;
    const across = [rows * columns, slices * columns, slices * rows];
    this.highest = across.map((size) => new Int16Array(size).fill(LOWEST_HU));
    this.sums = across.map((size) => new Int32Array(size));
    this.middles = across.map((size) => new Int16Array(size).fill(LOWEST_HU));
    this.middleIndex = [0, 0, 0];
    axes.forEach((axis, canonical) => {
      const count = shape[axis];
      this.middleIndex[axis] = flipped[canonical] ? count - 1 - (count >> 1) : count >> 1;
    });
  }

  /** Take acquired slice `index`; the value of pixel `i` is `table[bits[i]]`, within the window. */
  add(index, { table, bits }) {
    const [, rows, columns] = this.shape;
    const [highestAlong, highestDown, highestAcross] = this.highest;
    const [sumAlong, sumDown, sumAcross] = this.sums;
    const [middleSlice, middleRow, middleColumn] = this.middleIndex;
    const atColumns = index * columns;
    const atRows = index * rows;
    for (let row = 0, pixel = 0; row < rows; row += 1) {
      let highest = LOWEST_HU;
      let sum = 0;
      for (let column = 0; column < columns; column += 1, pixel += 1) {
        const value = table[bits[pixel]];
        sum += value;
        if (value > highest) highest = value;
        if (value > highestAlong[pixel]) highestAlong[pixel] = value;
        sumAlong[pixel] += value;
        const below = atColumns + column;
        if (value > highestDown[below]) highestDown[below] = value;
        sumDown[below] += value;
      }
      highestAcross[atRows + row] = highest;
      sumAcross[atRows + row] = sum;
      this.middles[2][atRows + row] = table[bits[row * columns + middleColumn]];
    }
    for (let column = 0; column < columns; column += 1) {
      this.middles[1][atColumns + column] = table[bits[middleRow * columns + column]];
    }
    if (index === middleSlice) {
      for (let pixel = 0; pixel < rows * columns; pixel += 1) this.middles[0][pixel] = table[bits[pixel]];
    }
  }

  get parts() {
    return { highest: this.highest, sums: this.sums, middles: this.middles };
  }

  /** Take over what another projector of the same volume gathered from other slices. */
  merge({ highest, sums, middles }) {
    for (let axis = 0; axis < 3; axis += 1) {
      keepHighest(this.highest[axis], highest[axis]);
      keepHighest(this.middles[axis], middles[axis]);
      const mine = this.sums[axis];
      const theirs = sums[axis];
      for (let at = 0; at < mine.length; at += 1) mine[at] += theirs[at];
    }
  }

  /** Return the part of the MIP along the slices that is more than air. */
  bodyPart() {
    let body = 0;
    for (const value of this.highest[0]) if (value > AIR_HU) body += 1;
    return body / this.highest[0].length;
  }

  /** Return the nine pictures by name, 512 x 512 bytes each. */
  pictures() {
    const pictures = {};
    for (const conversion of CONVERSIONS) {
      for (const plane of Object.keys(LOOKED_ALONG)) {
        pictures[`${conversion}_${plane}`] = toGray(resize(this.#displayed(conversion, plane)));
      }
    }
    return pictures;
  }

  // A projection in HU at the volume's own size, its rows and columns as people look at it.
  #displayed(conversion, plane) {
    const along = this.axes[LOOKED_ALONG[plane]];
    const values = { mip: this.highest, aip: this.sums, mid: this.middles }[conversion][along];
    const count = conversion === "aip" ? this.shape[along] : 1;
    const [first, second] = [0, 1, 2].filter((axis) => axis !== along);
    const [down, right] = [0, 1, 2].filter((axis) => axis !== LOOKED_ALONG[plane]);
    const turned = this.axes[down] !== first;
    const rows = this.shape[turned ? second : first];
    const columns = this.shape[turned ? first : second];
    // Coronal and sagittal pictures show the head at the top, canonical slices begin at the feet.
    const upsideDown = this.flipped[down] !== (plane !== "axial");
    const mirrored = this.flipped[right];
    const shown = new Float64Array(rows * columns);
    for (let row = 0, to = 0; row < rows; row += 1) {
      const fromRow = upsideDown ? rows - 1 - row : row;
      for (let column = 0; column < columns; column += 1, to += 1) {
        const fromColumn = mirrored ? columns - 1 - column : column;
        shown[to] = values[turned ? fromColumn * rows + fromRow : fromRow * columns + fromColumn] / count;
      }
    }
    return { values: shown, rows, columns };
  }
}

function keepHighest(mine, theirs) {
  for (let at = 0; at < mine.length; at += 1) if (theirs[at] > mine[at]) mine[at] = theirs[at];
}

// Where each of `size` targets lies among `count` sources: bilinear, half-pixel centres, edges repeated.
function steps(count, size) {
  const first = new Int32Array(size);
  const second = new Int32Array(size);
  const part = new Float64Array(size);
  for (let target = 0; target < size; target += 1) {
    const source = ((target + 0.5) * count) / size - 0.5;
    const before = Math.floor(source);
    part[target] = source - before;
    first[target] = Math.min(Math.max(before, 0), count - 1);
    second[target] = Math.min(Math.max(before + 1, 0), count - 1);
  }
  return { first, second, part };
}

/** Return values at `size` x `size`: columns first, then rows, each as `a + (b - a) * t`. */
export function resize({ values, rows, columns }, size = PICTURE_SIZE) {
  let wide = values;
  if (columns !== size) {
    const { first, second, part } = steps(columns, size);
    wide = new Float64Array(rows * size);
    for (let row = 0, to = 0; row < rows; row += 1) {
      const from = row * columns;
      for (let column = 0; column < size; column += 1, to += 1) {
        const a = values[from + first[column]];
        wide[to] = a + (values[from + second[column]] - a) * part[column];
      }
    }
  }
  if (rows === size) return wide;
  const { first, second, part } = steps(rows, size);
  const square = new Float64Array(size * size);
  for (let row = 0, to = 0; row < size; row += 1) {
    const above = first[row] * size;
    const below = second[row] * size;
    for (let column = 0; column < size; column += 1, to += 1) {
      const a = wide[above + column];
      square[to] = a + (wide[below + column] - a) * part[row];
    }
  }
  return square;
}

/** Return HU as 8-bit gray: the lower end of the window is 0, the upper end 255, halves rounded up. */
export function toGray(values) {
  const gray = new Uint8Array(values.length);
  for (let at = 0; at < values.length; at += 1) {
    gray[at] = Math.floor(((values[at] - LOWEST_HU) * 255) / (HIGHEST_HU - LOWEST_HU) + 0.5);
  }
  return gray;
}
