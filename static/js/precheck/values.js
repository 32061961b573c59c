// Raw bytes of an element as text and numbers, as the server reads them (headers/values.py). What makes no sense is
// absent.

import { CASE_FOLDS, CHARACTER_SETS, ESCAPES, SINGLE_BYTE } from "./tables.js";

const ESCAPE = 0x1b;
const DEFAULT_SET = "iso8859";
const DELIMITERS = new Set([..."\\\r\n\t\f^="].map((character) => character.charCodeAt(0)));
const REMOVED_BY_DECODER = new Set(["iso2022_jp", "iso2022_jp_2", "iso_ir_58"]);

/** What the character sets of several bytes are called in browsers. */
const LABELS = {
  shift_jis: "shift_jis",
  iso2022_jp: "iso-2022-jp",
  euc_kr: "euc-kr",
  UTF8: "utf-8",
  GB18030: "gb18030",
  GBK: "gbk",
  GB2312: "gbk",
  iso_ir_58: "gbk",
};

/** Return bytes as characters of the same number: ASCII, Latin-1. */
export function latin1(raw) {
  let text = "";
  for (let at = 0; at < raw.length; at += 8192) text += String.fromCharCode(...raw.subarray(at, at + 8192));
  return text;
}

/** Return bytes as ASCII; others become U+FFFD. */
const ascii = (raw) => latin1(raw).replace(/[\x80-\xff]/g, "\ufffd");

/** Return the names of the character sets that (0008,0005) declares. */
export function encodingsOf(raw) {
  if (!raw?.length) return [];
  const names = ascii(raw).replaceAll("\0", " ").split("\\").map((name) => name.trim());
  return names.filter((name) => Object.hasOwn(CHARACTER_SETS, name)).map((name) => CHARACTER_SETS[name]);
}

// Throws over bytes that the character set does not define, unless they may be replaced.
function decoded(raw, encoding, replace = false) {
  if (encoding in SINGLE_BYTE) {
    const upper = SINGLE_BYTE[encoding];
    const text = latin1(raw).replace(/[\x80-\xff]/g, (character) => upper[character.charCodeAt(0) - 128]);
    if (!text.includes("\uffff")) return text;
    if (!replace) throw new TypeError(`not in ${encoding}`);
    return text.replaceAll("\uffff", "\ufffd");
  }
  if (encoding === "iso2022_jp_2") return decodedJapanese(raw, replace);
  return new TextDecoder(LABELS[encoding], { fatal: !replace, ignoreBOM: true }).decode(raw);
}

// JIS X 0212 is known to browsers as the third set of EUC-JP only.
function decodedJapanese(raw, replace) {
  const supplementary = raw[0] === ESCAPE && raw[1] === 0x24 && raw[2] === 0x28 && raw[3] === 0x44;
  if (!supplementary) return decoded(raw, "iso2022_jp", replace);
  const bytes = [];
  let at = 4;
  for (; at + 1 < raw.length && raw[at] > 0x20 && raw[at] < 0x7f; at += 2) {
    bytes.push(0x8f, raw[at] | 0x80, raw[at + 1] | 0x80);
  }
  bytes.push(...raw.subarray(at));
  return new TextDecoder("euc-jp", { fatal: !replace }).decode(Uint8Array.from(bytes));
}

function decodedFragment(raw, encodings) {
  try {
    return raw[0] === ESCAPE ? decodedEscaped(raw, encodings) : decoded(raw, encodings[0]);
  } catch {
    return decoded(raw, encodings[0], true);
  }
}

function decodedEscaped(raw, encodings) {
  const length = raw[1] === 0x24 && (raw[2] === 0x28 || raw[2] === 0x29) ? 4 : 3;
  const code = [...raw.subarray(0, length)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const encoding = ESCAPES[code] ?? "";
  if (!encoding || (!encodings.includes(encoding) && encoding !== DEFAULT_SET)) {
    return decoded(raw, encodings[0], true);
  }
  if (REMOVED_BY_DECODER.has(encoding)) return decoded(raw, encoding);
  const rest = raw.subarray(length);
  const end = rest.findIndex((byte) => DELIMITERS.has(byte));
  if (end < 0) return decoded(rest, encoding);
  return decoded(rest.subarray(0, end), encoding) + decoded(rest.subarray(end), encodings[0]);
}

function decodedWithEscapes(raw, encodings) {
  const fragments = [];
  let start = 0;
  for (let at = 1; at <= raw.length; at += 1) {
    if (at === raw.length || raw[at] === ESCAPE) {
      fragments.push(decodedFragment(raw.subarray(start, at), encodings));
      start = at;
    }
  }
  return fragments.join("");
}

function decodedPlain(raw, encodings) {
  for (const encoding of [...encodings.slice(0, 1), "UTF8"]) {
    try {
      return decoded(raw, encoding);
    } catch {
      // The next one is tried; Latin-1 fits everything.
    }
  }
  return latin1(raw);
}

/** Return `raw` as one line of text without padding and control characters. */
export function text(raw, encodings) {
  const escaped = raw.includes(ESCAPE);
  let found;
  if (!escaped && raw.every((byte) => byte < 128)) found = latin1(raw);
  else if (escaped && encodings.length) found = decodedWithEscapes(raw, encodings);
  else found = decodedPlain(raw, encodings);
  return trimmed(found.replace(/(?! )[\p{C}\p{Z}]/gu, " "));
}

const trimmed = (text) => text.replace(/^ +| +$/g, "");

/** Return the values of a text attribute of several values; empty ones are dropped. */
export const texts = (raw, encodings) => text(raw, encodings).split("\\").map(trimmed).filter(Boolean);

const NUMBER = /^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/** Return the values of a number string (DS, IS); what is no number is NaN, so that it can be told. */
export function numbers(raw) {
  return ascii(raw)
    .replaceAll("\0", " ")
    .split("\\")
    .map((part) => {
      const word = part.replace(/^[\t-\r\x1c-\x20]+|[\t-\r\x1c-\x20]+$/g, "");
      if (NUMBER.test(word)) return Number(word.replaceAll("_", ""));
      const infinite = INFINITE.exec(word);
      if (infinite) return infinite[1] === "-" ? -Infinity : Infinity;
      return Number.NaN;
    });
}

/** Return exactly `count` finite numbers, null when the attribute does not hold them. */
export function finite(raw, count) {
  if (!raw) return null;
  const values = numbers(raw);
  return values.length === count && values.every(Number.isFinite) ? values : null;
}

/** Return a number string as a whole number, null when it is none. */
export function whole(raw) {
  const value = finite(raw, 1);
  return value && Math.abs(value[0]) < 2 ** 31 ? Math.trunc(value[0]) + 0 : null;
}

/** Return a unique identifier, empty when it is absent or cannot be one. */
export function uid(raw) {
  if (!raw) return "";
  const value = ascii(raw).replace(/^[\0 ]+|[\0 ]+$/g, "");
  return /^[0-9A-Za-z._-]{1,64}$/.test(value) ? value : "";
}

const caseFolded = (text) => Array.from(text, (one) => CASE_FOLDS[one] ?? one.toLowerCase()).join("");

/** Return a name or number as it compares between exports: case, spaces and name separators do not count. */
export function normalised(value) {
  return trimmed(caseFolded(value.normalize("NFKC")).split(/[\s^=,]+/).join(" "));
}

const parsed = { pattern: null, of: null };

/** Return what must not stand in a free text: the parts of name and number, null when there are none. */
export function identifyingParts(identity) {
  const key = JSON.stringify(identity);
  if (parsed.of !== key) {
    parsed.of = key;
    parsed.pattern = partsOf(identity);
  }
  return parsed.pattern;
}

function partsOf(identity) {
  const whole = identity.map(normalised);
  const long = (part, least) => [...part].length > least;
  const pieces = whole.flatMap((value) => value.split(/[^\p{L}\p{N}_]+/u)).filter((part) => long(part, 1));
  const parts = new Set([...pieces, ...whole.filter((value) => long(value, 3))]);
  const patterns = [...parts].map((part) => {
    const literal = part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    return long(part, 3) ? literal : `(?<![\\p{L}\\p{N}_])${literal}(?![\\p{L}\\p{N}_])`;
  });
  return patterns.length ? new RegExp(patterns.join("|"), "u") : null;
}

export const identifies = (text, parts) => parts !== null && parts.test(normalised(text));
