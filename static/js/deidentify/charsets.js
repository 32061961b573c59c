// Bytes of text -> characters, and where in the bytes each begins. The twin of
// apps/imaging/deidentification/charsets.py, which says why it reads as it does.
import { latin1, trimmed } from "./dataset.js";

const SINGLE_BYTE = {
  100: "iso-8859-1", 101: "iso-8859-2", 109: "iso-8859-3", 110: "iso-8859-4", 144: "iso-8859-5", 127: "iso-8859-6",
  126: "iso-8859-7", 138: "iso-8859-8", 148: "iso-8859-9", 203: "iso-8859-15", 166: "windows-874",
};
const ESCAPES = {
  "-A": "100", "-B": "101", "-C": "109", "-D": "110", "-L": "144", "-G": "127", "-F": "126", "-H": "138", "-M": "148",
  "-b": "203", "-T": "166", ")I": "13", "$)C": "euc-kr", "$)A": "gbk",
};
const TWO_BYTES = { $B: [], "$@": [], "$(D": [0x8f] };
const ESCAPE = /\x1b(\$\)[CA]|\$\(D|\$[B@]|\([BJ]|\)I|-[A-Zb])/g;

const TERM = /^(?:(?:ISO_IR|ISO 2022 IR) [0-9]{1,3}|GB18030|GBK|)$/;

/** Return whether a value of (0008,0005) names character sets and nothing else. */
export const isCharacterSet = (declared) => latin1(declared).split("\\").every((term) => TERM.test(trimmed(term)));

/** Return the set that (0008,0005) gives to text without escape sequences, "" for the default. */
export function characterSet(declared) {
  if (!isCharacterSet(declared)) return "";
  const first = trimmed(latin1(declared).split("\\")[0]);
  if (first === "ISO_IR 192") return "utf-8";
  if (first === "GB18030" || first === "GBK") return "gb18030";
  const number = first.replace(/^ISO_IR /, "").replace(/^ISO 2022 IR /, "");
  return number in SINGLE_BYTE || number === "13" ? number : "";
}

/** Return whether bytes are ASCII without escape sequences, as nearly all are. */
export function isPlain(raw) {
  for (let at = 0; at < raw.length; at += 1) if (raw[at] > 127 || raw[at] === 27) return false;
  return true;
}

const everyByte = (raw) => Array.from({ length: raw.length + 1 }, (_, place) => place);

/** Return {text: [characters], places}: where each character begins, null where they cannot be told apart. */
export function decoded(raw, charset) {
  if (raw.includes(27)) return { text: [...escaped(raw, charset)], places: null };
  if (isPlain(raw)) return { text: [...latin1(raw)], places: everyByte(raw) };
  if (charset === "" || charset === "utf-8") return utf8(raw);
  if (charset === "gb18030") return { text: [...strict(raw, charset)], places: null };
  const table = tableOf(charset);
  return { text: Array.from(raw, (byte) => table[byte]), places: everyByte(raw) };
}

function utf8(raw) {
  try {
    const text = [...new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw)];
    const places = everyByte(raw).filter((place) => place === raw.length || (raw[place] & 0xc0) !== 0x80);
    return { text, places };
  } catch {
    return { text: [...latin1(raw)], places: everyByte(raw) };
  }
}

function strict(raw, label) {
  try {
    return new TextDecoder(label, { fatal: true }).decode(raw);
  } catch {
    return latin1(raw);
  }
}

const tables = new Map();

function tableOf(charset) {
  if (!tables.has(charset)) {
    const ascii = Array.from({ length: 0x80 }, (_, byte) => String.fromCharCode(byte));
    const upper = Array.from({ length: 0x60 }, (_, place) => upperCharacter(charset, 0xa0 + place));
    tables.set(charset, [...ascii, ...Array(0x20).fill(" "), ...upper]);
  }
  return tables.get(charset);
}

function upperCharacter(charset, byte) {
  if (charset === "13") return byte >= 0xa1 && byte <= 0xdf ? String.fromCharCode(0xff61 + byte - 0xa1) : "\ufffd";
  if ((SINGLE_BYTE[charset] ?? "iso-8859-1") === "iso-8859-1") return String.fromCharCode(byte);
  return new TextDecoder(SINGLE_BYTE[charset]).decode(Uint8Array.of(byte));
}

function escaped(raw, charset) {
  const all = latin1(raw);
  let text = "";
  let upper = charset;
  let before = null;
  let at = 0;
  for (const match of [...all.matchAll(ESCAPE), null]) {
    const end = match ? match.index : raw.length;
    text += run(raw.subarray(at, end), upper, before);
    if (!match) break;
    at = match.index + match[0].length;
    const escape = match[1];
    if (escape in TWO_BYTES) before = TWO_BYTES[escape];
    else if (escape in ESCAPES) upper = ESCAPES[escape];
    else before = null;
  }
  return text;
}

function run(raw, upper, before) {
  if (before !== null) {
    const pairs = [];
    for (let at = 0; at + 1 < raw.length; at += 2) {
      if (raw[at] > 0x20) pairs.push(...before, raw[at] | 0x80, raw[at + 1] | 0x80);
    }
    return strict(Uint8Array.from(pairs), "euc-jp");
  }
  if (upper === "euc-kr" || upper === "gbk") return strict(raw, upper);
  return raw.includes(27) ? latin1(raw) : decoded(raw, upper).text.join("");
}
