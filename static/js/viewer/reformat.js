// Planes across the slices: every voxel lies where its slice's position says, so gaps, uneven spacing and a tilted gantry
// are drawn as they are. Nothing is interpolated: what is under the pointer is a value of the scan.

import { NOTHING } from "./windowing.js";

/**
 * Fill `values` (Int16Array, view.width x view.height) with the plane at `place` of the view's axis.
 * `sliceAt(k)` gives { values, columns, factor } of slice k (every factor-th pixel of every factor-th row), or nothing.
 */
export function reformat(view, place, sliceAt, values) {
  const { geometry, width, height } = view;
  const [shiftDown, shiftRight] = geometry.shift;
  const alongRows = view.through === 1;
  values.fill(NOTHING);
  for (let level = 0; level < height; level += 1) {
    const slice = geometry.levels[level];
    const source = slice < 0 ? undefined : sliceAt(slice);
    if (!source) continue;
    const fixed = place - (alongRows ? shiftDown : shiftRight)[slice];
    if (fixed < 0 || fixed >= (alongRows ? geometry.rows : geometry.columns)) continue;
    const start = (alongRows ? shiftRight : shiftDown)[slice];
    const length = Math.min(alongRows ? geometry.columns : geometry.rows, width - start);
    const { factor, columns } = source;
    const near = Math.floor(fixed / factor);
    let at = level * width + start;
    if (alongRows) {
      const row = near * columns;
      for (let x = 0; x < length; x += 1, at += 1) values[at] = source.values[row + Math.floor(x / factor)];
    } else {
      for (let x = 0; x < length; x += 1, at += 1) values[at] = source.values[Math.floor(x / factor) * columns + near];
    }
  }
  return values;
}

/** Every factor-th pixel of every factor-th row. */
export function thinned(values, rows, columns, factor) {
  const [fewRows, fewColumns] = [Math.ceil(rows / factor), Math.ceil(columns / factor)];
  const few = new Int16Array(fewRows * fewColumns);
  for (let row = 0; row < fewRows; row += 1) {
    for (let column = 0; column < fewColumns; column += 1) {
      few[row * fewColumns + column] = values[row * factor * columns + column * factor];
    }
  }
  return few;
}
