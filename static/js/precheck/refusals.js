// Why a file is not read: sentences that begin where "<file> …" ends, the same as the server's (headers/refusals.py).

import { HARMLESS, MAGIC } from "./tables.js";

/** A file that ends in no series; `code` says of which kind it is. */
export class Refused extends Error {
  constructor(code, reason) {
    super(reason);
    this.code = code;
  }

  get harmless() {
    return HARMLESS.includes(this.code);
  }
}

/** The bytes are no DICOM data set; the text says what is wrong and where. */
export class Malformed extends Error {}

/** The data set goes on behind the bytes at hand; `needed` says up to which byte at least. */
export class TooShort extends Error {
  constructor(needed) {
    super(`${needed} bytes needed`);
    this.needed = needed;
  }
}

export const CUT_SHORT = "the file ends in the middle of the image";
export const HEADER_CUT_SHORT = "the file ends in the middle of the header";

export const damaged = (how) => `is damaged: ${how}; copy or export it again`;

/** A file that should be an image and cannot be read as one. */
export const unreadable = (reason) => new Refused("damaged", reason);

/** Numbers in sentences have commas: 526,336. */
export const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

const beginsWith = (head, magic) => {
  for (let at = 0; at * 2 < magic.length; at += 1) {
    if (head[at] !== Number.parseInt(magic.slice(2 * at, 2 * at + 2), 16)) return false;
  }
  return true;
};

/** Return why a file that does not begin like DICOM is not read, by what it begins with. */
export function whatItIs(head, size) {
  for (const [magic, kind] of MAGIC) {
    if (!beginsWith(head, magic)) continue;
    const advice = kind.includes("archive") ? "unpack it and add the files" : "you need not send it";
    return new Refused("not_dicom", `is ${kind}, not a DICOM file; ${advice}`);
  }
  if (head.every((byte) => byte === 0)) {
    return new Refused("damaged", "holds nothing but zeros; copy or export it again");
  }
  if (isText(head.subarray(0, 4096))) {
    return new Refused("not_dicom", "is a text file, not a DICOM file; you need not send it");
  }
  const bytes = grouped(size);
  return new Refused(
    "not_dicom",
    `is not a DICOM file (${bytes} bytes of another kind); if it should be one, export it again`,
  );
}

function isText(head) {
  for (let cut = 0; cut < 4; cut += 1) {
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(head.subarray(0, head.length - cut));
    } catch {
      continue; // a character may be cut in two where the piece ends
    }
    return /^(?:[^\p{C}\p{Z}]|[\s\x1c-\x1f\x85])*$/u.test(text.replaceAll("\ufeff", "\0"));
  }
  return false;
}
