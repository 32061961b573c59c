// The bytes of a DICOM object as a tree of elements, each with its place in the bytes. The twin of
// apps/imaging/deidentification/dataset.py: every element is seen, and what overlaps or ends elsewhere than it says is
// refused, with the same sentences.
import { representationOf } from "./dictionary.js";

export const PIXEL_DATA = 0x7fe00010;
export const ITEM = 0xfffee000;
export const ITEM_END = 0xfffee00d;
export const SEQUENCE_END = 0xfffee0dd;
export const UNDEFINED = 0xffffffff;
const DEEPEST = 12;
const LARGEST_INFLATED = 2 ** 28;

const IMPLICIT = "1.2.840.10008.1.2";
const EXPLICIT = "1.2.840.10008.1.2.1";
const DEFLATED = "1.2.840.10008.1.2.1.99";
const BIG_ENDIAN = "1.2.840.10008.1.2.2";
const COMPRESSED = new Set([
  "1.2.840.10008.1.2.5",
  ...["50", "51", "57", "70", "80", "81", "90", "91", "201", "202", "203"].map((one) => `1.2.840.10008.1.2.4.${one}`),
]);

/** Value representations whose length has four bytes when it is written out. */
export const LONG_VRS = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);

const LITTLE = { explicit: true, little: true };
const BIG = { explicit: true, little: false };
const IMPLICIT_LITTLE = { explicit: false, little: true };

/** An object that cannot be read; the message ends the sentence "<file> …". */
export class Unreadable extends Error {}
class Malformed extends Error {}

const damaged = (how) => `is damaged: ${how}; copy or export it again`;
const hex = (number, digits = 4) => number.toString(16).toUpperCase().padStart(digits, "0");
const hasWord = (bytes, at, word) => [...word].every((letter, place) => bytes[at + place] === letter.charCodeAt(0));

/** Return bytes as characters of one byte each. */
export function latin1(bytes) {
  if (bytes.length <= 64) return String.fromCharCode.apply(null, bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/** Return a text without the blanks and zeros around it. */
export const trimmed = (text) => text.replace(/^[ \0]+|[ \0]+$/g, "");

/**
 * Return the tree of an object: {content, preamble, meta, transferSyntax, encoding, elements, pixels, strays}.
 * `inflate(bytes)` returns what deflated bytes inflate to; only deflated objects need it.
 */
export function readDataSet(content, { inflate } = {}) {
  try {
    return read(content, inflate);
  } catch (error) {
    if (error instanceof Malformed) throw new Unreadable(damaged(error.message));
    if (error instanceof RangeError) throw new Unreadable(damaged("the file ends in the middle of the header"));
    throw error;
  }
}

function read(content, inflate) {
  let at = hasWord(content, 128, "DICM") ? 132 : hasWord(content, 0, "DICM") ? 4 : 0;
  const preamble = at === 132 ? content.subarray(0, 128) : content.subarray(0, 0);
  let meta = new Map();
  if (content[at] === 2 && content[at + 1] === 0) [at, meta] = fileMeta(content, at);
  const declared = trimmed(latin1(meta.get(0x00020010) ?? new Uint8Array()));
  let transferSyntax = ["", EXPLICIT, IMPLICIT].includes(declared) ? guessed(content, at) || declared : declared;
  if (!transferSyntax) throw new Unreadable("is not a DICOM file; leave it out");
  if (transferSyntax === DEFLATED) {
    content = inflated(content.subarray(at), inflate);
    at = 0;
    transferSyntax = EXPLICIT;
  } else if (![IMPLICIT, EXPLICIT, BIG_ENDIAN].includes(transferSyntax) && !COMPRESSED.has(transferSyntax)) {
    const named = /^[0-9.]+$/.test(transferSyntax) ? transferSyntax : "unknown";
    throw new Unreadable(
      `is written in a way that is not read (${named}); export the series again, uncompressed or in a ` +
        "lossless JPEG",
    );
  }
  const encoding = transferSyntax === IMPLICIT ? IMPLICIT_LITTLE : transferSyntax === BIG_ENDIAN ? BIG : LITTLE;
  const walker = new Walker(content);
  const { elements, pixels, end } = walker.dataSet(at, encoding);
  const strays = pixels ? walker.countBehind(end, encoding) : 0;
  return { content, preamble, meta, transferSyntax, encoding, elements, pixels, strays };
}

function inflated(deflated, inflate) {
  let content;
  try {
    content = inflate(deflated);
  } catch {
    throw new Unreadable(damaged("it cannot be inflated"));
  }
  if (content.length > LARGEST_INFLATED) {
    throw new Unreadable(
      `inflates to more than ${LARGEST_INFLATED / 2 ** 20} MB, more than one CT object holds; ` +
        "export it again without deflating it",
    );
  }
  return content;
}

function fileMeta(content, at) {
  const meta = new Map();
  const walker = new Walker(content);
  while (content[at] === 2 && content[at + 1] === 0) {
    const element = walker.head(at, content.length, LITTLE);
    if (element.undefined) throw new Malformed("its file meta group does not end");
    meta.set(element.tag, content.subarray(element.valueAt, element.end));
    at = element.end;
  }
  return [at, meta];
}

const isCapital = (byte) => byte >= 65 && byte <= 90;

function guessed(content, at) {
  if (content.length < at + 8) return "";
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const little = view.getUint16(at, true);
  const big = view.getUint16(at, false);
  const explicit = isCapital(content[at + 4]) && isCapital(content[at + 5]);
  if ([2, 4, 8, 16].includes(little)) {
    if (explicit) return EXPLICIT;
    return view.getUint32(at + 4, true) <= content.length - at - 8 ? IMPLICIT : "";
  }
  return [4, 8].includes(big) && explicit ? BIG_ENDIAN : "";
}

class Walker {
  constructor(content) {
    this.content = content;
    this.view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  }

  dataSet(at, encoding) {
    const elements = [];
    const size = this.content.length;
    while (size - at >= 8) {
      const element = this.element(at, size, encoding, 0);
      at = element.end;
      if (element.tag === PIXEL_DATA) return { elements, pixels: element, end: at };
      elements.push(element);
    }
    return { elements, pixels: null, end: at };
  }

  /** Return how many elements lie behind the pixels; what cannot be read there counts as one. */
  countBehind(at, encoding) {
    const size = this.content.length;
    let count = 0;
    try {
      while (size - at >= 8) {
        at = this.element(at, size, encoding, 0).end;
        count += 1;
      }
    } catch (error) {
      if (!(error instanceof Malformed || error instanceof RangeError)) throw error;
      count += 1;
    }
    return count || Number(at < size);
  }

  tagAt(at, little) {
    return this.view.getUint16(at, little) * 0x10000 + this.view.getUint16(at + 2, little);
  }

  /** Return the element at `at`, without looking into it. */
  head(at, limit, encoding) {
    const { little } = encoding;
    const tag = this.tagAt(at, little);
    let written = "";
    let valueAt = at + 8;
    let length;
    if (!encoding.explicit || (tag >= 0xfffe0000 && tag <= 0xfffeffff)) {
      length = this.view.getUint32(at + 4, little);
    } else {
      const [first, second] = [this.content[at + 4], this.content[at + 5]];
      if (!(isCapital(first) && isCapital(second))) throw new Malformed(`no value representation at byte ${at + 4}`);
      written = String.fromCharCode(first, second);
      if (LONG_VRS.has(written)) {
        valueAt = at + 12;
        length = this.view.getUint32(at + 8, little);
      } else {
        length = this.view.getUint16(at + 6, little);
      }
    }
    const vr = written === "" || written === "UN" ? (representationOf(tag) ?? "UN") : written;
    const undefinedLength = length === UNDEFINED;
    const end = undefinedLength ? valueAt : valueAt + length;
    if (end > limit) {
      throw new Malformed(
        `element ${hex(Math.floor(tag / 0x10000))},${hex(tag % 0x10000)} claims ${length} bytes, past the end of ` +
          (limit === this.content.length ? "the file" : "what it lies in"),
      );
    }
    return {
      tag, vr, writtenVr: written, start: at, valueAt, end, encoding, undefined: undefinedLength, items: null, ragged: false,
    };
  }

  /** Return the element at `at` with all that lies in it. */
  element(at, limit, encoding, depth) {
    const element = this.head(at, limit, encoding);
    // UN holds implicit little endian, whatever lies around it (PS3.5 section 6.2.2, note 2).
    const inner = element.writtenVr === "UN" ? IMPLICIT_LITTLE : encoding;
    if (element.undefined) {
      if (element.tag === PIXEL_DATA || element.writtenVr === "OB" || element.writtenVr === "OW") {
        element.end = this.fragments(element.valueAt, limit, encoding);
      } else {
        this.items(element, null, limit, inner, depth + 1);
      }
    } else if (element.vr === "SQ") {
      if (element.writtenVr === "UN") this.perhapsItems(element, inner, depth + 1);
      else this.items(element, element.end, element.end, inner, depth + 1);
    }
    return element;
  }

  /** Read items where somebody wrote UN; what cannot be read stays UN, and goes. */
  perhapsItems(element, encoding, depth) {
    try {
      this.items(element, element.end, element.end, encoding, depth);
    } catch (error) {
      if (!(error instanceof Malformed || error instanceof RangeError)) throw error;
      element.vr = "UN";
      element.items = null;
    }
  }

  /** Read the items of a sequence; `end` is null when a delimiter tells where it ends. */
  items(element, end, limit, encoding, depth) {
    if (depth > DEEPEST) throw new Malformed(`sequences nested more than ${DEEPEST} deep`);
    const items = [];
    let at = element.valueAt;
    while (end === null || at + 8 <= end) {
      if (at + 8 > limit) throw new Malformed("a sequence does not end within the file");
      const tag = this.tagAt(at, encoding.little);
      if (tag === SEQUENCE_END && end === null) {
        at += 8;
        break;
      }
      if (tag !== ITEM) throw new Malformed(`no sequence item at byte ${at}`);
      const item = this.item(at, this.view.getUint32(at + 4, encoding.little), limit, encoding, depth);
      items.push(item);
      at = item.end;
    }
    element.items = items;
    element.vr = "SQ";
    element.ragged = end !== null && at !== end;
    element.end = end === null ? at : end;
  }

  item(start, length, limit, encoding, depth) {
    let at = start + 8;
    const end = length === UNDEFINED ? null : at + length;
    if (end !== null && end > limit) throw new Malformed("a sequence item is longer than what it lies in");
    const elements = [];
    const border = end ?? limit;
    while (end === null || at < end) {
      if (at + 8 > border) throw new Malformed("a sequence item does not end where it says");
      const tag = this.tagAt(at, encoding.little);
      if (tag >= 0xfffe0000 && tag <= 0xfffeffff) {
        if (end === null && tag === ITEM_END) return { start, end: at + 8, undefined: true, elements, encoding };
        throw new Malformed(`a stray delimiter at byte ${at}`);
      }
      const element = this.element(at, border, encoding, depth);
      elements.push(element);
      at = element.end;
    }
    return { start, end: at, undefined: false, elements, encoding };
  }

  /** Return where encapsulated pixels end (PS3.5 section A.4). */
  fragments(at, limit, encoding) {
    while (at + 8 <= limit) {
      const tag = this.tagAt(at, encoding.little);
      if (tag === SEQUENCE_END) return at + 8;
      const length = this.view.getUint32(at + 4, encoding.little);
      if (tag !== ITEM || at + 8 + length > limit) {
        throw new Malformed("its compressed pixels are damaged, or cut short");
      }
      at += 8 + length;
    }
    // Some archives drop the delimiter at the very end; the pixels before it are whole.
    return at;
  }
}
