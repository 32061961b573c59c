// The transfer syntaxes that are read, and how their data sets are written (PS3.5 sections 10 and A).

import { fflate } from "../vendor.js";
import { unreadable } from "./refusals.js";

export const IMPLICIT = "1.2.840.10008.1.2";
export const EXPLICIT = "1.2.840.10008.1.2.1";
export const DEFLATED = "1.2.840.10008.1.2.1.99";
export const BIG_ENDIAN = "1.2.840.10008.1.2.2";

const PLAIN = { explicit: true, littleEndian: true };

/** Uncompressed pixels. */
export const ENCODINGS = new Map([
  [IMPLICIT, { ...PLAIN, explicit: false }],
  [EXPLICIT, PLAIN],
  [DEFLATED, PLAIN],
  [BIG_ENDIAN, { ...PLAIN, littleEndian: false }],
]);

export const encodingOf = (syntax) => ENCODINGS.get(syntax) ?? PLAIN;

export const RLE = "1.2.840.10008.1.2.5";
export const JPEG = ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"];
export const JPEG_LOSSLESS = ["1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"];
export const JPEG_LS = ["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"];
export const JPEG_2000 = ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"];
export const HTJ2K = ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"];

export const COMPRESSED = new Set([RLE, ...JPEG, ...JPEG_LOSSLESS, ...JPEG_LS, ...JPEG_2000, ...HTJ2K]);

const LARGEST_INFLATED = 2 ** 28;
const INFLATED_AT_ONCE = 1 << 16;
const NOT_INFLATED = "is damaged: it cannot be inflated; copy or export it again";

/** Return what a deflated data set inflates to (PS3.5 section A.5), never more than is allowed. */
export async function inflate(deflated) {
  const { Inflate } = await fflate();
  const chunks = [];
  let total = 0;
  let ended = false;
  const inflater = new Inflate((chunk, final) => {
    chunks.push(chunk);
    total += chunk.length;
    ended ||= final;
  });
  for (let at = 0; at < deflated.length && !ended; at += INFLATED_AT_ONCE) {
    try {
      inflater.push(deflated.subarray(at, at + INFLATED_AT_ONCE), at + INFLATED_AT_ONCE >= deflated.length);
    } catch {
      throw unreadable(NOT_INFLATED);
    }
    if (total > LARGEST_INFLATED) {
      throw unreadable(
        `inflates to more than ${LARGEST_INFLATED >> 20} MB, more than one CT object holds; ` +
          "export it again without deflating it",
      );
    }
  }
  if (!ended) throw unreadable(NOT_INFLATED);
  const content = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    content.set(chunk, at);
    at += chunk.length;
  }
  return content;
}
