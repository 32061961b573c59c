// SHA-256 of what is in memory at once by the browser itself where it lets us (https, localhost), of long and piecewise
// things by @noble/hashes.

import { sha256 } from "../vendor.js";

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Return the hash of a few bytes, at once. */
export const digestHex = (bytes) => hex(sha256(bytes));

/** Return the hash of `bytes`. */
export async function hashOf(bytes) {
  if (globalThis.crypto?.subtle) return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  return digestHex(bytes);
}

/** A hash over pieces that come one after another. */
export class PiecewiseHash {
  constructor() {
    this.hash = sha256.create();
  }

  add(bytes) {
    this.hash.update(bytes);
  }

  done() {
    return hex(this.hash.digest());
  }
}
