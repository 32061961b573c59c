// Values to gray: the window of DICOM PS3.3 section C.11.2.1.2.1 (LINEAR), as a table of all 16-bit values.

/** What a pixel holds where nothing was measured or nothing has come yet; drawn as no pixel at all. */
export const NOTHING = -32768;

/** Level and width in HU by the key that chooses them. */
export const PRESETS = {
  1: { name: "Soft tissue", level: 40, width: 400 },
  2: { name: "Lung", level: -600, width: 1500 },
  3: { name: "Bone", level: 500, width: 2000 },
  4: { name: "Brain", level: 40, width: 80 },
};

const LOWEST = -1024;
const HIGHEST = 3071;

/** Gray of one value, 0 to 255. */
export function gray(value, { level, width }) {
  const part = (value - (level - 0.5)) / (width - 1) + 0.5;
  return Math.round(Math.min(Math.max(part, 0), 1) * 255);
}

/** RGBA of every 16-bit value, indexed by its bits. */
export function table(window) {
  const colours = new Uint32Array(1 << 16);
  const bytes = new Uint8ClampedArray(colours.buffer);
  for (let value = -32768; value < 32768; value += 1) {
    bytes.fill(gray(value, window), (value & 0xffff) * 4, (value & 0xffff) * 4 + 3);
    bytes[(value & 0xffff) * 4 + 3] = 255;
  }
  colours[NOTHING & 0xffff] = 0;
  return colours;
}

/** Draw values (Int16Array) into pixels (Uint32Array) of the same length. */
export function paint(values, colours, pixels) {
  const bits = new Uint16Array(values.buffer, values.byteOffset, values.length);
  for (let at = 0; at < bits.length; at += 1) pixels[at] = colours[bits[at]];
}

/** A window changed by so much, within what CT can hold. */
export function changed({ level, width }, byLevel, byWidth) {
  return {
    level: Math.round(Math.min(Math.max(level + byLevel, LOWEST), HIGHEST)),
    width: Math.round(Math.min(Math.max(width + byWidth, 2), 2 * (HIGHEST - LOWEST))),
  };
}

/** The window after a drag of so many pixels: to the right wider, downwards darker; faster where it is wide. */
export function dragged(window, right, down) {
  const pace = Math.max(1, window.width / 300);
  return changed(window, down * pace, right * pace);
}
