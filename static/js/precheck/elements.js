// Walks through the elements of a DICOM data set and keeps the few that are wanted, as the server does
// (headers/elements.py). Nothing is allocated on the word of a header: a length is believed only as far as there are
// bytes behind it.

import { CUT_SHORT, Malformed, TooShort } from "./refusals.js";
import { WANTED } from "./tables.js";

const PIXEL_DATA = 0x7fe00010;
const FLOAT_PIXELS = [0x7fe00008, 0x7fe00009];
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
export const UNDEFINED = 0xffffffff;
const DEEPEST = 12;
const HEAD_ROOM = 1 << 16;

const LONG_VR = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);
const IS_WANTED = new Map(Object.entries(WANTED).map(([tag, sequence]) => [Number(tag), sequence]));

const hexadecimal = (number) => number.toString(16).toUpperCase().padStart(4, "0");

/** Walks over `content`, of which `size` bytes exist in all (more than are at hand, perhaps). */
export class Walker {
  constructor(content, size, { explicit, littleEndian }, wanted = IS_WANTED) {
    this.content = content;
    this.view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    this.size = size;
    this.explicit = explicit;
    this.little = littleEndian;
    this.wanted = wanted;
  }

  /** Return the wanted elements {tag: bytes or items} of the data set at `start`, and where its pixels are. */
  walk(start = 0) {
    const found = { elements: new Map(), pixelsAt: null, pixelsLength: 0, floatPixels: false };
    let position = start;
    try {
      while (position < this.size) {
        if (this.size - position < 8) break;
        const element = this.#any(position, this.explicit);
        if (element.tag === PIXEL_DATA) {
          found.pixelsAt = element.valueAt;
          found.pixelsLength = element.length;
          break;
        }
        if (FLOAT_PIXELS.includes(element.tag)) {
          found.floatPixels = true;
          break;
        }
        position = this.#take(found.elements, element, this.explicit, 0);
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new TooShort(Math.max(position, this.content.length) + HEAD_ROOM);
    }
    return found;
  }

  /** Return {tag, valueAt, length} of the element at `position`. */
  element(position) {
    try {
      return this.#any(position, this.explicit);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new TooShort(position + HEAD_ROOM);
    }
  }

  #any(position, explicit) {
    const { view, little } = this;
    const group = view.getUint16(position, little);
    const tag = group * 65536 + view.getUint16(position + 2, little);
    if (group === 0xfffe || !explicit) {
      return { tag, valueAt: position + 8, length: view.getUint32(position + 4, little), isSequence: false };
    }
    const first = view.getUint8(position + 4);
    const second = view.getUint8(position + 5);
    const vr = String.fromCharCode(first, second);
    if (LONG_VR.has(vr)) {
      return { tag, valueAt: position + 12, length: view.getUint32(position + 8, little), isSequence: vr === "SQ" };
    }
    if (first < 65 || first > 90 || second < 65 || second > 90) {
      throw new Malformed(`no value representation at byte ${position + 4}`);
    }
    return { tag, valueAt: position + 8, length: view.getUint16(position + 6, little), isSequence: false };
  }

  // Keeps the element when it is wanted and returns where the next one begins.
  #take(into, { tag, valueAt, length, isSequence }, explicit, depth) {
    if (length === UNDEFINED) {
      // An undefined length outside SQ is UN, whose content is implicit VR (PS3.5 section 6.2.2, note 2).
      const { items, end } = this.#items(valueAt, null, explicit && isSequence, depth + 1);
      if (this.wanted.has(tag)) into.set(tag, items);
      return end;
    }
    const end = valueAt + length;
    if (end > this.size) {
      const name = `${hexadecimal(Math.floor(tag / 65536))},${hexadecimal(tag % 65536)}`;
      throw new Malformed(`element ${name} claims ${length} bytes, past the end of the file`);
    }
    const sequence = this.wanted.get(tag);
    if (sequence === undefined) return end;
    if (end > this.content.length) throw new TooShort(end + HEAD_ROOM);
    if (sequence && length) into.set(tag, this.#items(valueAt, end, explicit, depth + 1).items);
    else into.set(tag, this.content.subarray(valueAt, end));
    return end;
  }

  // Returns the items of a sequence and where it ends; `end` is null when a delimiter tells.
  #items(start, end, explicit, depth) {
    if (depth > DEEPEST) throw new Malformed(`sequences nested more than ${DEEPEST} deep`);
    const items = [];
    let position = start;
    while (end === null || position + 8 <= end) {
      if (position + 8 > this.size) throw new Malformed("a sequence does not end within the file");
      const { tag, valueAt, length } = this.#any(position, explicit);
      if (tag === SEQUENCE_END) return { items, end: valueAt };
      if (tag !== ITEM) throw new Malformed(`no sequence item at byte ${position}`);
      const item = new Map();
      position = this.#item(item, valueAt, length === UNDEFINED ? null : valueAt + length, explicit, depth);
      items.push(item);
    }
    return { items, end };
  }

  #item(into, start, end, explicit, depth) {
    if (end !== null && end > this.size) throw new Malformed("a sequence item is longer than the file");
    let position = start;
    while (end === null || position + 8 <= end) {
      if (position + 8 > this.size) throw new Malformed("a sequence item does not end within the file");
      const element = this.#any(position, explicit);
      if (element.tag === ITEM_END) return element.valueAt;
      if (Math.floor(element.tag / 65536) === 0xfffe) throw new Malformed(`a stray delimiter at byte ${position}`);
      position = this.#take(into, element, explicit, depth);
    }
    return end;
  }
}

/** Return [offset, length] of the items of encapsulated pixel data at `position`, the offset table included. */
export async function fragments(source, position) {
  const found = [];
  let at = position;
  for (;;) {
    if (at + 8 > source.size) {
      // Some archives drop the delimiter at the very end; the pixels before it are whole.
      if (at === source.size && found.length > 1) return found;
      throw new Malformed(CUT_SHORT);
    }
    const bytes = await source.read(at, 8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
    const tag = view.getUint16(0, true) * 65536 + view.getUint16(2, true);
    const length = view.getUint32(4, true);
    if (tag === SEQUENCE_END) return found;
    if (tag !== ITEM || length === UNDEFINED) {
      throw new Malformed("the compressed image is not cut into items as it should be");
    }
    if (at + 8 + length > source.size) throw new Malformed(CUT_SHORT);
    found.push([at + 8, length]);
    at += 8 + length;
  }
}
