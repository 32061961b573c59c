// One object of a series, read once: its hashes, and its slices into the projector.

import { NoDecoder } from "./codecs.js";
import { hashOf, PiecewiseHash } from "./hashing.js";
import { lookUp } from "./hounsfield.js";
import { treated } from "./leaving.js";
import { frameDecoder, wordsOf } from "./pixels.js";
import { Refused, unreadable } from "./refusals.js";
import { bytesOf, Vanished } from "./source.js";
import { DEFLATED, inflate } from "./transfer-syntaxes.js";

/** What a tab can be asked to hold of one object; an Enhanced CT of 1000 frames has 500 MB. */
const LARGEST_OBJECT = 2 ** 30;

const CHANGED = "was changed while it was read; add it again";
const TOO_LARGE = "is larger than a browser can hold (1 GB); send it to the core lab in another way";

/**
 * Return {sha256, size, pixel_sha256, failure, notHere, frameHashes} of one object.
 *
 * `one` is {file, layout, spans, dataSetAt, size, slices, compared}: where its pixels lie, which frames belong to the
 * volume ({frame, place, slope, intercept, padding}) and which are compared with others. With a profile, the hash is of
 * the object as it will be sent.
 */
export async function digestObject(one, projector, profile) {
  let content;
  try {
    content = await contentOf(one);
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Vanished)) throw error;
    return { sha256: "", size: one.size, pixel_sha256: "", failure: error.message, notHere: "", frameHashes: {} };
  }
  const inflated = one.layout.pixels.transfer_syntax === DEFLATED ? await inflatedContent(content, one) : null;
  const object = profile ? wholeOf(treated(content, profile, inflated)) : content;
  // Hashing goes on in a thread of the browser's own while the pixels are decoded here.
  const hashed = hashOf(object);
  const found = await pixelsInto(one, inflated ?? content, projector);
  return { sha256: await hashed, size: object.length, ...found };
}

/** Return the object as it will be sent: header and pixels in one piece. */
export function wholeOf({ header, pixels }) {
  const object = new Uint8Array(header.length + pixels.length);
  object.set(header);
  object.set(pixels, header.length);
  return object;
}

/** Return all bytes of a file that must not have changed since its header was read. */
export async function contentOf({ file, size }) {
  if (file.size !== size) throw unreadable(CHANGED);
  if (size > LARGEST_OBJECT) throw unreadable(TOO_LARGE);
  return bytesOf(file, 0, size);
}

export const inflatedContent = (content, { dataSetAt }) => inflate(content.subarray(dataSetAt));

async function pixelsInto({ layout, spans, slices, compared }, content, projector) {
  const bySlice = new Map(slices.map((slice) => [slice.frame, slice]));
  const hash = spans.length > 1 ? new PiecewiseHash() : null;
  const frameHashes = {};
  let single = "";
  try {
    const decode = await frameDecoder(layout);
    for (let frame = 0; frame < spans.length; frame += 1) {
      const stored = decode(codedFrame(content, spans[frame]));
      const words = wordsOf(stored);
      const hashing = hash ? hash.add(words) : hashOf(words);
      const slice = bySlice.get(frame);
      if (slice && projector) projector.add(slice.place, lookUp(stored, slice));
      if (!hash) single = await hashing;
      if (compared.includes(frame)) {
        frameHashes[frame] = await hashOf(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength));
      }
    }
  } catch (error) {
    if (error instanceof NoDecoder) return { pixel_sha256: "", failure: "", notHere: error.message, frameHashes };
    if (!(error instanceof Refused)) throw error;
    return { pixel_sha256: "", failure: error.message, notHere: "", frameHashes };
  }
  return { pixel_sha256: hash ? hash.done() : single, failure: "", notHere: "", frameHashes };
}

function codedFrame(content, pieces) {
  if (pieces.length === 1) return content.subarray(pieces[0][0], pieces[0][0] + pieces[0][1]);
  const coded = new Uint8Array(pieces.reduce((sum, [, length]) => sum + length, 0));
  let at = 0;
  for (const [offset, length] of pieces) {
    coded.set(content.subarray(offset, offset + length), at);
    at += length;
  }
  return coded;
}
