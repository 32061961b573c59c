// One file -> its header record, or the sentence that says why there is none (headers/reading.py on the server).

import { Walker } from "./elements.js";
import { ImageObject } from "./header.js";
import { damaged, HEADER_CUT_SHORT, Malformed, Refused, TooShort, unreadable, whatItIs } from "./refusals.js";
import { FileSource, MemorySource, Vanished, bytesOf } from "./source.js";
import { BIG_ENDIAN, DEFLATED, encodingOf, EXPLICIT, IMPLICIT, inflate } from "./transfer-syntaxes.js";
import { uid } from "./values.js";

/** How much of a file is read at first: most headers end within it. */
const HEAD_BYTES = 1 << 15;

/** Bytes before the pixels; Enhanced CT of some thousand frames needs a few million. */
const LONGEST_HEADER = 1 << 28;

/**
 * Return {record, identity, spans, dataSetAt, pixelsAt, inflated} of a File or Blob; throws Refused with the sentence
 * otherwise. Places count in `inflated`, the data set of a deflated file, where there is one.
 */
export async function readHeader(file, index = 0) {
  try {
    return await headerOf(file, index);
  } catch (error) {
    if (error instanceof Malformed) throw unreadable(damaged(error.message));
    if (error instanceof Vanished) throw unreadable(error.message);
    throw error;
  }
}

async function headerOf(file, index) {
  const { size } = file;
  if (!size) throw new Refused("empty", "is empty; copy or export it again");
  const head = await bytesOf(file, 0, HEAD_BYTES);
  const start = startOf(head, size);
  if (!start) throw whatItIs(head, size);
  const deflated = start.transferSyntax === DEFLATED;
  let walk;
  let source;
  if (deflated) {
    const content = await inflate(await bytesOf(file, start.at, size));
    walk = walkInflated(content);
    source = new MemorySource(content);
  } else {
    source = new FileSource(file);
    walk = await walkFile(source, head, start);
  }
  const found = await new ImageObject(start, start.at, walk, source).header(index, size);
  return { ...found, dataSetAt: start.at, pixelsAt: walk.pixelsAt, inflated: deflated ? source.content : null };
}

// Walks over the header, reading on where it is longer than the bytes at hand.
async function walkFile(source, head, start) {
  let content = head;
  for (;;) {
    try {
      return new Walker(content, source.size, encodingOf(start.transferSyntax)).walk(start.at);
    } catch (error) {
      if (!(error instanceof TooShort)) throw error;
      if (content.length >= source.size) throw new Malformed(HEADER_CUT_SHORT);
      if (error.needed > LONGEST_HEADER) throw new Malformed("the header is longer than any CT header");
      content = await bytesOf(source.file, 0, Math.max(error.needed, 2 * content.length));
    }
  }
}

function walkInflated(content) {
  try {
    return new Walker(content, content.length, encodingOf(DEFLATED)).walk(0);
  } catch (error) {
    if (error instanceof TooShort) throw new Malformed(HEADER_CUT_SHORT);
    throw error;
  }
}

/** Return the ImageObject of a header that is in memory whole. */
export function objectIn(content) {
  const start = startOf(content, content.length);
  const walk = new Walker(content, content.length, encodingOf(start.transferSyntax)).walk(start.at);
  return new ImageObject(start, start.at, walk, new MemorySource(content));
}

const says = (head, at, word) => [...word].every((one, offset) => head[at + offset] === one.charCodeAt(0));

// Finds where the data set begins: behind preamble and file meta, or at once where an export left them out.
function startOf(head, size) {
  let at = says(head, 128, "DICM") ? 132 : says(head, 0, "DICM") ? 4 : 0;
  let meta = new Map();
  if (head[at] === 2 && head[at + 1] === 0) ({ at, meta } = fileMeta(head, at, size));
  const declared = uid(meta.get(0x00020010));
  const transferSyntax = syntaxAt(head, at, size, declared);
  if (!transferSyntax) {
    if (at) throw new Malformed("behind the word DICM nothing follows that can be read");
    return null;
  }
  return { at, transferSyntax, sopClass: uid(meta.get(0x00020002)), sopInstance: uid(meta.get(0x00020003)) };
}

/** Whether a file of `size` bytes that begins with `head` may be DICOM, with or without preamble. */
export function beginsLikeDicom(head, size) {
  try {
    return head.length > 0 && startOf(head, size) !== null;
  } catch (error) {
    if (error instanceof Malformed) return true;
    throw error;
  }
}

// The declared transfer syntax, unless the first element is written otherwise.
function syntaxAt(head, at, size, declared) {
  if (declared && declared !== EXPLICIT && declared !== IMPLICIT) return declared;
  return guessedSyntax(head, at, size) || declared;
}

// Group 0002 is always explicit little endian (PS3.10 section 7.1).
function fileMeta(head, start, size) {
  const walker = new Walker(head, size, encodingOf(EXPLICIT));
  const meta = new Map();
  let at = start;
  try {
    while (head[at] === 2 && head[at + 1] === 0) {
      const { tag, valueAt, length } = walker.element(at);
      at = valueAt + length;
      if (at > head.length) throw new TooShort(at);
      meta.set(tag, head.subarray(valueAt, at));
    }
  } catch (error) {
    if (error instanceof TooShort) throw new Malformed(HEADER_CUT_SHORT);
    throw error;
  }
  return { at, meta };
}

// The transfer syntax of a data set that does not declare it, empty when it looks like none.
function guessedSyntax(head, at, size) {
  if (head.length < at + 8) return "";
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const little = view.getUint16(at, true);
  const big = view.getUint16(at, false);
  const isCapital = (byte) => byte >= 65 && byte <= 90;
  const explicit = isCapital(head[at + 4]) && isCapital(head[at + 5]);
  if ([0x0002, 0x0004, 0x0008, 0x0010].includes(little)) {
    if (explicit) return EXPLICIT;
    return view.getUint32(at + 4, true) <= size - at - 8 ? IMPLICIT : "";
  }
  return (big === 0x0004 || big === 0x0008) && explicit ? BIG_ENDIAN : "";
}
