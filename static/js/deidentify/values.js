// Values that replace others: keyed UIDs, shifted dates, dummies; and how an element is written. The twin of
// apps/imaging/deidentification/values.py.
import { hmac, sha256 } from "../vendor.js";
import { LONG_VRS, Unreadable } from "./dataset.js";

/** What the standard itself names. */
export const STANDARD_UID = /^1\.2\.840\.10008(?:\.[0-9]{1,3}){1,9}$/;
const OUR_UIDS = "2.25.";
export const DUMMY_TEXT = "ANONYMOUS";

const DUMMIES = {
  AS: "000Y", DA: "19000101", DT: "19000101000000", TM: "000000", DS: "0", IS: "0", UR: "http://anonymous.invalid",
  US: "\0\0", SS: "\0\0", AT: "\0\0\0\0", UL: "\0\0\0\0", SL: "\0\0\0\0", FL: "\0\0\0\0", OF: "\0\0\0\0", OL: "\0\0\0\0",
  FD: "\0".repeat(8), OD: "\0".repeat(8), OV: "\0".repeat(8), SV: "\0".repeat(8), UV: "\0".repeat(8),
  OB: "\0\0", OW: "\0\0", UN: "\0\0", SQ: "",
};

/** Return the bytes of a text of characters below 256. */
export function bytesOf(text) {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Return a value that says nothing. */
export const dummy = (vr) => bytesOf(DUMMIES[vr] ?? DUMMY_TEXT);

/** Return the bytes of a key written in hexadecimal digits. */
export const keyBytes = (key) => Uint8Array.from(key.match(/../g), (pair) => Number.parseInt(pair, 16));

/** Return the UID that stands for `uid` in a trial: 2.25. and half of a keyed hash as a number. */
export function keyedUid(uid, key) {
  if (!uid || STANDARD_UID.test(uid)) return uid;
  const digest = hmac(sha256, key, bytesOf(uid));
  let number = 0n;
  for (const byte of digest.subarray(0, 16)) number = number * 256n + BigInt(byte);
  return OUR_UIDS + number.toString();
}

const FIRST_DAY = -719162; // 0001-01-01
const LAST_DAY = 2932896; // 9999-12-31

/** Return a DICOM date moved by `days`, empty when it is no date. */
export function shiftedDate(value, days) {
  const match = /^(\d{4})(\.?)(\d\d)\2(\d\d)$/.exec(value);
  if (!match) return "";
  const number = dayNumber(Number(match[1]), Number(match[3]), Number(match[4]));
  if (number === null || number + days < FIRST_DAY || number + days > LAST_DAY) return "";
  const [year, month, day] = civil(number + days);
  return [String(year).padStart(4, "0"), String(month).padStart(2, "0"), String(day).padStart(2, "0")].join(match[2]);
}

/** Return a DICOM date and time moved by `days`, empty when it is none or names no day. */
export function shiftedDateTime(value, days) {
  const match = /^(\d{8})([0-9]{0,6}(?:\.[0-9]{1,6})?(?:[+-][0-9]{4})?)$/.exec(value);
  const moved = match ? shiftedDate(match[1], days) : "";
  return moved ? moved + match[2] : "";
}

function dayNumber(year, month, day) {
  if (month < 1 || month > 12 || day < 1 || day > 31 || year < 1) return null;
  const shifted = year - (month <= 2 ? 1 : 0);
  const era = Math.floor(shifted / 400);
  const ofEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const number =
    era * 146097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + dayOfYear - 719468;
  const back = civil(number);
  return back[0] === year && back[1] === month && back[2] === day ? number : null;
}

function civil(number) {
  number += 719468;
  const era = Math.floor(number / 146097);
  const ofEra = number - era * 146097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36524) - Math.floor(ofEra / 146096)) / 365,
  );
  const dayOfYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}

const PADDED_WITH_ZERO = new Set(["UI", "OB", "UN"]);

/** Return `value` with an even length. */
export function padded(value, vr) {
  if (value.length % 2 === 0) return value;
  const even = new Uint8Array(value.length + 1);
  even.set(value);
  even[value.length] = PADDED_WITH_ZERO.has(vr) ? 0 : 32;
  return even;
}

/** Return pieces as one array. */
export function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Return an element as it is written. */
export const written = (tag, vr, value, encoding) => joined([head(tag, vr, value.length, encoding), value]);

/** Return what stands before an element's value: tag, representation, length. */
export function head(tag, vr, length, { explicit, little }) {
  const long = explicit && LONG_VRS.has(vr);
  const bytes = new Uint8Array(long ? 12 : 8);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(tag / 0x10000), little);
  view.setUint16(2, tag % 0x10000, little);
  if (!explicit) {
    view.setUint32(4, length, little);
    return bytes;
  }
  bytes[4] = vr.charCodeAt(0);
  bytes[5] = vr.charCodeAt(1);
  if (long) {
    view.setUint32(8, length, little);
  } else {
    if (length > 0xffff) throw new Unreadable("holds a list that is too long to be written; export the series again");
    view.setUint16(6, length, little);
  }
  return bytes;
}
