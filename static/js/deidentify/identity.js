// What in an object names somebody, and how it is taken out of the texts that stay. The twin of
// apps/imaging/deidentification/identity.py, which says why.
import { characterSet, decoded, isPlain } from "./charsets.js";
import { latin1, trimmed } from "./dataset.js";
import { DUMMY_TEXT, bytesOf } from "./values.js";

export const CHARACTER_SET = 0x00080005;
const NUMBERED = new Set([0x00100020, 0x00101000, 0x00101090, 0x00380010]);
const WHOLE = new Set([
  0x00080050, 0x00080080, 0x00080081, 0x00101040, 0x00102154, 0x00101050, 0x00321064, 0x00401001,
]);
const BORN = new Set([0x00100030]);
const SHORTEST_WHOLE = 4;
const SHORTEST_IN_PIXELS = 6;
const FRAGMENT_HEAD = 4096;

export const TEXT = new Set(["AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"]);
/** The characters that values of these kinds may have: nothing else hides among them. */
const LETTERS = new Map(
  Object.entries({ AS: "DWMY", DA: ".:-", DS: ".Ee+-", DT: ".+-", IS: "+-", TM: ".:-", UI: "." }).map(([vr, more]) => [
    vr,
    Uint8Array.from({ length: 256 }, (_, byte) => Number(`0123456789 \0\\${more}`.includes(String.fromCharCode(byte)))),
  ]),
);

/** Return whether a representation has characters of its own. */
export const hasLetters = (vr) => LETTERS.has(vr);

/** Return whether a value has the characters of its representation alone. */
export function fitsLetters(raw, vr) {
  const letters = LETTERS.get(vr);
  for (let at = 0; at < raw.length; at += 1) if (!letters[raw[at]]) return false;
  return true;
}

const KNOWN_TERMS = new Set([
  "CT", "MR", "PT", "HFS", "HFP", "FFS", "FFP", "HFDR", "HFDL", "FFDR", "FFDL", "YES", "NO", "HU", "US",
  "ORIGINAL", "DERIVED", "MIXED", "PRIMARY", "SECONDARY", "AXIAL", "LOCALIZER", "VOLUME", "NONE", "OTHER",
  "MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR", "MM", "CM", "REMOVED", "MODIFIED", "UNMODIFIED",
  "HELICAL", "SPIRAL", "SEQUENCED", "STATIONARY", "CONSTANT_ANGLE", "FREE", "LUNG", "CHEST", "HEAD", "NECK",
  "ABDOMEN", "PELVIS", "SPINE", "STANDARD", "CODE", "TEXT", "CONTAINER", "DCM", "SRT", "SCT", "UCUM",
]);

const W = "[\\p{L}\\p{N}_]";
const NOT_A_WORD = /[^\p{L}\p{N}_]+/u;
const WORD = /[\p{L}\p{N}_]/u;
const MARK = /\p{M}/u;
const FIRST_IDEOGRAPH = 0x2e80;

const TELLING = new RegExp(
  [
    "(?<![0-9])(?:19|20)[0-9]{2}([-./]?)(?:0[1-9]|1[0-2])\\1(?:0[1-9]|[12][0-9]|3[01])(?![0-9])",
    "(?<![0-9])(?:0?[1-9]|[12][0-9]|3[01])([-./])(?:0?[1-9]|1[0-2])\\2(?:19|20)[0-9]{2}(?![0-9])",
    "(?<![0-9])(?:0?[1-9]|1[0-2])([-./])(?:0?[1-9]|[12][0-9]|3[01])\\3(?:19|20)[0-9]{2}(?![0-9])",
    "[^ \\t\\n\\r\\f\\v@]+@[^ \\t\\n\\r\\f\\v@]+\\.[^ \\t\\n\\r\\f\\v@]+",
    "[0-9]{7,}",
  ].join("|"),
  "gu",
);

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
const length = (text) => [...text].length;
const isAscii = (text) => /^[\0-\x7f]*$/.test(text);

/** Return one character without case, accents and other marks. */
function foldedCharacter(character) {
  if (character <= "\x7f") return character.toLowerCase();
  const bare = [...character.normalize("NFKD")].filter((one) => !MARK.test(one)).join("");
  return bare.normalize("NFC").toLowerCase().replaceAll("ß", "ss");
}

/** Return a text as it compares. */
export const folded = (text) =>
  isAscii(text) ? text.toLowerCase() : Array.from(text, foldedCharacter).join("");

const normalised = (value) => stripped(folded(value).replace(/[\s\x1c-\x1f\x85^=,]+/g, " "));
const stripped = (text) => text.replace(/^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g, "");

const anyOf = (parts) => (parts.length ? new RegExp(parts.map(escaped).join("|"), "u") : null);

/** Takes out of texts what names somebody; made from the values of one object. */
export class Sweep {
  constructor(values, harmless) {
    const known = new Set([...harmless, DUMMY_TEXT].map(folded));
    const anywhere = new Set();
    const asWord = new Set();
    for (const [value, kind] of values) {
      const whole = normalised(value);
      if (!whole || known.has(stripped(folded(value)))) continue;
      for (const part of partsOf(whole, value, kind)) {
        const long = length(part);
        if (long > 3 || (long > 1 && part.codePointAt(0) >= FIRST_IDEOGRAPH)) anywhere.add(part);
        else if (long > 1) asWord.add(part);
      }
    }
    const said = [...new Set([...anywhere, ...asWord])].sort((one, other) => length(other) - length(one));
    const patterns = said.map((part) => (anywhere.has(part) ? escaped(part) : `(?<!${W})${escaped(part)}(?!${W})`));
    this.naming = patterns.length ? new RegExp(patterns.join("|"), "gu") : null;
    this.inBytes = anyOf([...anywhere]);
    this.inFragments = anyOf([...anywhere].filter((part) => length(part) >= SHORTEST_IN_PIXELS));
  }

  /** Return `raw` without what names somebody, null when there is nothing to take out. */
  cleaned(raw, charset, vr, thoroughly) {
    let changed = null;
    for (;;) {
      const shorter = this.once(raw, charset, vr, thoroughly);
      if (shorter === null) return changed;
      changed = raw = shorter;
    }
  }

  /** Return whether bytes that are no text hold a name all the same. */
  namesInBytes(raw) {
    return this.inBytes !== null && this.inBytes.test(latin1(raw).toLowerCase());
  }

  /** Return whether a name stands at the head of a fragment of compressed pixels, where JPEG has its comments. */
  namesInFragments(content, pixels) {
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    let at = pixels.valueAt;
    while (this.inFragments !== null && at + 8 <= pixels.end) {
      const long = view.getUint32(at + 4, true);
      const head = content.subarray(at + 8, at + 8 + Math.min(long, FRAGMENT_HEAD));
      if (this.inFragments.test(latin1(head).toLowerCase())) return true;
      at += 8 + long;
    }
    return false;
  }

  tells(plain, thoroughly) {
    return (this.naming !== null && plain.search(this.naming) >= 0) || (thoroughly && plain.search(TELLING) >= 0);
  }

  once(raw, charset, vr, thoroughly) {
    if (isPlain(raw) && !this.tells(latin1(raw).toLowerCase(), thoroughly)) return null; // nearly every text
    const { text, places } = decoded(raw, charset);
    const folds = text.map(foldedCharacter);
    const plain = folds.join("");
    const found = [
      ...(this.naming ? plain.matchAll(this.naming) : []),
      ...(thoroughly ? plain.matchAll(TELLING) : []),
    ];
    let spans = found.map((match) => [match.index, match.index + match[0].length]);
    if (vr === "CS") spans = spans.filter((span) => !withinATerm(plain, span));
    if (!spans.length) return null;
    if (places === null) return new Uint8Array();
    const letters = [...plain];
    const sources = folds.flatMap((fold, place) => Array.from(fold, () => place));
    const letterAt = unitsToLetters(letters);
    const gone = new Uint8Array(raw.length);
    for (const [from, to] of spans) {
      let [start, end] = [letterAt[from], letterAt[to]];
      while (start > 0 && WORD.test(letters[start - 1])) start -= 1;
      while (end < letters.length && WORD.test(letters[end])) end += 1;
      gone.fill(1, places[sources[start]], places[sources[end - 1] + 1]);
    }
    return tidied(raw.filter((_, at) => !gone[at]));
  }
}

/** Return which letter each place of a string of UTF-16 units belongs to. */
function unitsToLetters(letters) {
  const places = [];
  letters.forEach((letter, place) => {
    for (let unit = 0; unit < letter.length; unit += 1) places.push(place);
  });
  return [...places, letters.length];
}

/** Return whether a match lies in a coded value that stays. */
function withinATerm(plain, [from, to]) {
  const start = from > 0 ? plain.lastIndexOf("\\", from - 1) + 1 : 0;
  const end = plain.indexOf("\\", to);
  return KNOWN_TERMS.has(trimmed(plain.slice(start, end >= 0 ? end : undefined)).toUpperCase());
}

/** Return a text without the gaps that words left. */
function tidied(raw) {
  const values = latin1(raw).replace(/ {2,}/g, " ").split("\\");
  return bytesOf(values.map((value) => value.replace(/^[ ^,;:/\-_\0]+|[ ^,;:/\-_\0]+$/g, "")).join("\\"));
}

/** Return what must not stand in a text because of one value. */
function partsOf(whole, value, kind) {
  if (kind === "birth") {
    const day = /^(\d{4})\.?(\d\d)\.?(\d\d)$/.exec(value);
    if (!day) return new Set();
    const [, y, m, d] = day;
    const orders = [[y, m, d], [d, m, y], [m, d, y]];
    return new Set([y + m + d, d + m + y, ...[..."-./"].flatMap((sign) => orders.map((order) => order.join(sign)))]);
  }
  if (kind === "whole") return new Set(length(whole) >= SHORTEST_WHOLE ? [whole] : []);
  const parts = whole.split(NOT_A_WORD).filter((part) => !(/^[0-9]+$/.test(part) && length(part) < SHORTEST_WHOLE));
  if (kind === "name") return new Set([...parts, normalised(value.split("=")[0]).split(NOT_A_WORD).join("")]);
  return new Set([...parts, whole]);
}

/** Return the character set of a data set: its own, or the one around it. */
export function charsetOf(elements, content, around) {
  for (const element of elements) {
    if (element.tag === CHARACTER_SET && element.items === null) {
      return characterSet(content.subarray(element.valueAt, element.end));
    }
    if (element.tag > CHARACTER_SET) break;
  }
  return around;
}

/** Return [value, kind] of all that names somebody in a data set. */
export function identifyingValues(elements, content) {
  const found = [];
  gather(elements, content, "", found);
  return found;
}

function gather(elements, content, around, found) {
  const charset = charsetOf(elements, content, around);
  for (const element of elements) {
    if (element.items !== null) {
      for (const item of element.items) gather(item.elements, content, charset, found);
    } else if (element.valueAt !== element.end && element.tag !== CHARACTER_SET) {
      const kind = kindOf(element);
      if (!kind) continue;
      const raw = content.subarray(element.valueAt, element.end);
      const text = isPlain(raw) ? latin1(raw) : decoded(raw, charset).text.join("");
      for (const value of text.split("\\")) found.push([trimmed(value), kind]);
    }
  }
}

function kindOf({ tag, vr }) {
  if (vr === "PN") return "name";
  if (NUMBERED.has(tag)) return "number";
  if (WHOLE.has(tag)) return "whole";
  return BORN.has(tag) ? "birth" : "";
}
