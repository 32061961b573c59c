// Stored pixel values out of one object, uncompressed or compressed (pixels.py on the server).

import { claimOf, decoderOf } from "./codecs.js";
import { CUT_SHORT, damaged, unreadable } from "./refusals.js";
import { ENCODINGS, RLE } from "./transfer-syntaxes.js";

const NOT_DECODED = damaged("its compressed image cannot be decoded");
const by = (rows, columns) => `${rows} × ${columns}`;

/**
 * Return what turns the bytes of one frame into stored values: typed arrays of `rows * columns * samples` numbers, a
 * view of the frame's own bytes where nothing has to be changed.
 */
export async function frameDecoder(record) {
  if (ENCODINGS.has(record.pixels.transfer_syntax)) return (coded) => native(coded, record);
  const decode = await decoderOf(record.pixels.transfer_syntax);
  return (coded) => decompressed(coded, decode, record);
}

function native(coded, { rows, columns, pixels }) {
  const width = pixels.bits_allocated / 8;
  const count = rows * columns * pixels.samples;
  if (coded.length < count * width) throw unreadable(damaged(CUT_SHORT));
  const Kind = kindOf(pixels.signed, width);
  if (!pixels.little_endian && width > 1) {
    const turned = coded.slice(0, count * width);
    for (let at = 0; at < turned.length; at += width) turned.subarray(at, at + width).reverse();
    return withoutUnusedBits(new Kind(turned.buffer), pixels);
  }
  const aligned = coded.byteOffset % width === 0 ? coded : coded.slice(0, count * width);
  return withoutUnusedBits(new Kind(aligned.buffer, aligned.byteOffset, count), pixels);
}

function kindOf(signed, width) {
  if (width === 1) return signed ? Int8Array : Uint8Array;
  if (width === 2) return signed ? Int16Array : Uint16Array;
  return signed ? Int32Array : Uint32Array;
}

// The bits above BitsStored are cleared, or filled with the sign (overlays once lived there).
function withoutUnusedBits(stored, { bits_stored: bitsStored, signed }) {
  const unused = stored.BYTES_PER_ELEMENT * 8 - bitsStored;
  if (unused <= 0) return stored;
  if (signed) {
    const shift = 32 - bitsStored;
    if (stored.every((value) => (value << shift) >> shift === value)) return stored;
    return stored.map((value) => (value << shift) >> shift);
  }
  const most = 2 ** bitsStored - 1;
  if (isWithin(stored, most)) return stored;
  return stored.map((value) => value & most);
}

function isWithin(stored, most) {
  for (let at = 0; at < stored.length; at += 1) if (stored[at] > most) return false;
  return true;
}

function decompressed(coded, decode, record) {
  const { rows, columns, pixels } = record;
  checkClaim(coded, record);
  let decoded;
  try {
    decoded = decode(coded, record);
  } catch {
    // Codecs throw what they like over damaged bytes.
    throw unreadable(NOT_DECODED);
  }
  if (decoded.rows !== rows || decoded.columns !== columns || decoded.samples !== pixels.samples) {
    const sizes = `its image is ${by(decoded.rows, decoded.columns)} pixels, the header says ${by(rows, columns)}`;
    throw unreadable(damaged(sizes));
  }
  return normalised(decoded.values, pixels);
}

// Compares the size that a code stream claims with the header's, before a decoder allocates it.
function checkClaim(coded, { rows, columns, pixels }) {
  if (pixels.transfer_syntax === RLE) return;
  const claim = claimOf(coded, pixels.transfer_syntax);
  if (!claim) throw unreadable(NOT_DECODED);
  if (claim[0] !== rows || claim[1] !== columns) {
    throw unreadable(damaged(`its image is ${by(...claim)} pixels, the header says ${by(rows, columns)}`));
  }
  if (claim[2] !== pixels.samples) {
    throw unreadable(damaged(`its image has ${claim[2]} values a pixel, the header says ${pixels.samples}`));
  }
}

// Decoded values in the type that the header gives them, whatever the codec thought of their sign.
function normalised(values, pixels) {
  let wide = values;
  if (values.BYTES_PER_ELEMENT === 1 && pixels.bits_allocated > 8) {
    wide = values instanceof Int8Array ? Int16Array.from(values) : Uint16Array.from(values);
  }
  const Kind = kindOf(pixels.signed, wide.BYTES_PER_ELEMENT);
  return withoutUnusedBits(new Kind(wide.buffer, wide.byteOffset, wide.length), pixels);
}

/** Return stored values as the bytes that are hashed: little-endian words of 16 bits, of 32 where so many are. */
export function wordsOf(stored) {
  const words = stored.BYTES_PER_ELEMENT > 1 ? stored : Uint16Array.from(stored);
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
