// What happens to each attribute of an object, in words, for the person who sends it. Values are shown: this is for the
// page of the site and goes nowhere else.
import { decoded } from "./charsets.js";
import { latin1, readDataSet, trimmed } from "./dataset.js";
import { deidentify, tagName } from "./engine.js";
import { TEXT, charsetOf } from "./identity.js";
import { NAMES } from "./names.js";
import { joined } from "./values.js";

const LONGEST = 80;

/**
 * Return [{path, tag, name, action, why, before, after}] of every attribute before the pixels, in the order of tags.
 *
 * Deflated objects need `inflate`, as in `deidentify`. `action` is kept, removed, emptied, replaced, cleaned, shifted,
 * mapped or added; `before` and `after` are texts, empty where there is nothing to show. Attributes inside a sequence
 * that goes as a whole are not listed.
 */
export function explain(bytes, profile, options = {}) {
  const { header, pixels, changes } = deidentify(bytes, profile, options);
  const before = valuesOf(readDataSet(bytes, options));
  const after = valuesOf(readDataSet(joined([header, pixels])));
  const changed = new Map(changes.map((change) => [change.path + change.tag, change]));
  const places = [...new Set([...before.keys(), ...after.keys(), ...changed.keys()])];
  const rows = [];
  for (const place of places) {
    const change = changed.get(place);
    const goneWithAnother = !change && !after.has(place);
    if (goneWithAnother) continue;
    const [path, tag] = [place.slice(0, -8), place.slice(-8)];
    const was = before.get(place) ?? "";
    const is = after.get(place) ?? "";
    const whole = change ?? writtenAround(path, changed);
    rows.push({
      path,
      tag,
      name: NAMES[tag] ?? (Number.parseInt(tag.slice(0, 4), 16) % 2 ? "private attribute" : tag),
      action: actionOf(whole, was, is, before.has(place)),
      why: whole?.why ?? "",
      before: was,
      after: is,
    });
  }
  return rows.sort((one, other) => (one.path + one.tag < other.path + other.tag ? -1 : 1));
}

// What stands in a sequence that was written for the trial came with it: (0012,0064) for its items.
function writtenAround(path, changed) {
  const around = changed.get(path.split("[")[0]);
  return around?.action === "added" ? around : undefined;
}

function actionOf(change, was, is, stoodThere) {
  if (!change) return "kept";
  if (change.action !== "added" || !stoodThere) return change.action;
  return was === is ? "kept" : "replaced";
}

/** Return path and tag -> value as text, of every element before the pixels. */
function valuesOf({ elements, content }) {
  const values = new Map();
  gather(elements, content, "", "", values);
  return values;
}

function gather(elements, content, around, path, values) {
  const charset = charsetOf(elements, content, around);
  for (const element of elements) {
    const place = path + tagName(element.tag);
    if (element.items === null) {
      values.set(place, shown(element, content, charset));
      continue;
    }
    values.set(place, element.items.length === 1 ? "1 item" : `${element.items.length} items`);
    element.items.forEach((item, number) => gather(item.elements, content, charset, `${place}[${number}].`, values));
  }
}

const NUMBERS = {
  US: ["getUint16", 2],
  SS: ["getInt16", 2],
  UL: ["getUint32", 4],
  SL: ["getInt32", 4],
  FL: ["getFloat32", 4],
  FD: ["getFloat64", 8],
};
const STRINGS = new Set(["AS", "DA", "DS", "DT", "IS", "TM", "UI"]);

function shown({ vr, valueAt, end, encoding }, content, charset) {
  const raw = content.subarray(valueAt, end);
  if (TEXT.has(vr)) return cut(trimmed(decoded(raw, charset).text.join("")));
  if (STRINGS.has(vr)) return cut(trimmed(latin1(raw)));
  if (vr in NUMBERS && raw.length <= 64) {
    const [read, size] = NUMBERS[vr];
    const view = new DataView(content.buffer, content.byteOffset + valueAt, raw.length);
    const count = Math.floor(raw.length / size);
    return Array.from({ length: count }, (_, place) => view[read](place * size, encoding.little)).join("\\");
  }
  return raw.length ? `${raw.length} bytes` : "";
}

const cut = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
