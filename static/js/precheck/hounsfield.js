// Stored values to Hounsfield units within the window of the pictures (hounsfield.py on the server).

import { HIGHEST_HU, LOWEST_HU } from "./projector.js";

const PADDING_HU = -1024;
const MOST_KEPT = 32;

function windowedValue(stored, { slope, intercept, padding }) {
  if (padding && stored >= padding[0] && stored <= padding[1]) return clipped(PADDING_HU, LOWEST_HU, HIGHEST_HU);
  const exact = Math.floor(stored * slope + intercept + 0.5);
  return clipped(clipped(exact, -32768, 32767), LOWEST_HU, HIGHEST_HU);
}

const clipped = (value, least, most) => (value < least ? least : value > most ? most : value);

const tables = new Map();

// The windowed HU of every 16-bit stored value, indexed by its bits; most series need one.
function tableOf(rescale, signed) {
  const key = JSON.stringify([rescale.slope, rescale.intercept, rescale.padding, signed]);
  let table = tables.get(key);
  if (!table) {
    table = new Int16Array(1 << 16);
    for (let bits = 0; bits < 1 << 16; bits += 1) {
      table[bits] = windowedValue(signed ? (bits << 16) >> 16 : bits, rescale);
    }
    if (tables.size >= MOST_KEPT) tables.delete(tables.keys().next().value);
    tables.set(key, table);
  }
  return table;
}

/** Return {table, bits}: the windowed HU of value `i` is `table[bits[i]]`. */
export function lookUp(stored, rescale) {
  if (stored.BYTES_PER_ELEMENT === 4) {
    const table = new Int16Array(stored.length);
    const bits = new Uint32Array(stored.length);
    for (let at = 0; at < stored.length; at += 1) {
      table[at] = windowedValue(stored[at], rescale);
      bits[at] = at;
    }
    return { table, bits };
  }
  const signed = stored instanceof Int16Array || stored instanceof Int8Array;
  const wide = stored.BYTES_PER_ELEMENT === 2 ? stored : Int16Array.from(stored);
  return { table: tableOf(rescale, signed), bits: new Uint16Array(wide.buffer, wide.byteOffset, wide.length) };
}
