// One DICOM object in, the same object without what identifies somebody out. No DOM: it runs in a page, in a worker and
// in Node.js. apps/imaging/deidentification/engine.py gives the same bytes for the same object and profile; a test
// compares them.
import { overlayInPixels } from "./burned-in.js";
import { isCharacterSet } from "./charsets.js";
import { ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, Unreadable, latin1, readDataSet, trimmed } from "./dataset.js";
import { isPublic } from "./dictionary.js";
import { CHARACTER_SET, Sweep, TEXT, charsetOf, fitsLetters, hasLetters, identifyingValues } from "./identity.js";
import { bytesOf, dummy, head, joined, keyBytes, keyedUid, padded, shiftedDate, shiftedDateTime, written } from "./values.js";

export { Unreadable } from "./dataset.js";
export { residuals } from "./residuals.js";

const IMPLEMENTATION_UID = "2.25.94418367523011962385410397627834420981";
const IMPLEMENTATION_VERSION = "COREQC_DEID_1";

const SOP_CLASS_UID = 0x00080016;
const SOP_INSTANCE_UID = 0x00080018;
export const IDENTITY_REMOVED = 0x00120062;
export const METHOD = 0x00120063;
export const METHOD_CODES = 0x00120064;
export const LONGITUDINAL = 0x00280303;
export const WRITTEN_BY_US = new Set([IDENTITY_REMOVED, METHOD, METHOD_CODES, LONGITUDINAL]);
const ENHANCED = new Set(["1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"]);
const LARGEST_SEARCHED = 2 ** 16;

const PRIVATE = "a private attribute: nobody can say what it holds";
export const GROUP_LENGTH = "a group length, which would be wrong now";
const OVERLAY = "an overlay, which may hold writing";
const CURVE = "a curve, which may hold measurements with names";
const UNKNOWN = "not an attribute of the standard: nobody can say what it holds";
export const BY_TABLE = "by the table";
const NAMED = "held what names somebody";
const NO_DATE = "no date that could be shifted";
const OURS = "written for the trial";
const NO_CHARACTER_SET = "names no character set";
const NAMED_IN_PIXELS = "holds a name among its compressed pixels; export the series again, uncompressed";
const OTHER_LETTERS = "holds other characters than its kind has";
const RAGGED = "held bytes behind its last item";
const NOT_TEXT = "cannot be cleaned: it is no text";

const LITTLE = { explicit: true, little: true };
const NOTHING = new Uint8Array();
const plain = ({ little }) => ({ explicit: false, little });
export const tagName = (tag) => tag.toString(16).toUpperCase().padStart(8, "0");

/**
 * Return {header, pixels, pixelAt, pixelEnd, content, changes} of an object de-identified by `profile`.
 *
 * header + pixels is the whole object; `pixels` is a view of the bytes as they were (of what a deflated object inflates
 * to: it comes out inflated). `changes` are {path, tag, action, why}: removed, emptied, replaced, cleaned, shifted,
 * mapped or added. Deflated objects need `inflate`, fflate's inflateSync.
 * Throws Unreadable, whose message ends the sentence "<file> …".
 */
export function deidentify(bytes, profile, options = {}) {
  return new Engine(readDataSet(bytes, options), preparedProfile(profile)).run();
}

/** Return the UID that stands for `uid` in the trial of `profile`. */
export const uidOf = (uid, profile) => uidIn(preparedProfile(profile), uid);

/** Return a DICOM date as the profile has it: shifted, as it was, or empty when dates are removed. */
export function shiftDate(date, profile) {
  if (profile.dates === "keep") return date;
  return profile.dates === "shift" ? shiftedDate(date, profile.date_shift_days) : "";
}

const prepared = new WeakMap();

/** Return the profile with its tags as numbers; made once, for a series asks a thousand times. */
export function preparedProfile(profile) {
  let ready = prepared.get(profile);
  if (!ready) {
    const numbered = (table) => Object.entries(table).map(([tag, said]) => [Number.parseInt(tag, 16), said]);
    const actions = new Map(numbered(profile.actions));
    ready = {
      ...profile,
      key: keyBytes(profile.key),
      actions,
      enhanced: new Map([...actions, ...numbered(profile.enhanced)]),
      identifiers: new Map(numbered(profile.identifiers)),
      uids: new Map(),
    };
    prepared.set(profile, ready);
  }
  return ready;
}

function uidIn(ready, uid) {
  let keyed = ready.uids.get(uid);
  if (keyed === undefined) {
    keyed = keyedUid(uid, ready.key);
    ready.uids.set(uid, keyed);
  }
  return keyed;
}

/** Return what takes names out of texts; the objects of a series name the same people. */
function sweepOf(values, ready) {
  const said = JSON.stringify(values);
  if (ready.sweep?.said !== said) ready.sweep = { said, made: new Sweep(values, ready.identifiers.values()) };
  return ready.sweep.made;
}

/** The rules of a profile, applied to one object. */
export class Engine {
  constructor(dataSet, profile) {
    this.dataSet = dataSet;
    this.content = dataSet.content;
    this.profile = profile;
    this.sopClass = this.uidAt(SOP_CLASS_UID) || trimmed(latin1(dataSet.meta.get(0x00020002) ?? NOTHING));
    this.sopInstance = this.uidAt(SOP_INSTANCE_UID) || trimmed(latin1(dataSet.meta.get(0x00020003) ?? NOTHING));
    this.actions = ENHANCED.has(this.sopClass) ? profile.enhanced : profile.actions;
    this.sweep = sweepOf(identifyingValues(dataSet.elements, this.content), profile);
    this.changes = [];
  }

  run() {
    const { elements, pixels, strays } = this.dataSet;
    const hidden = overlayInPixels(elements, this.content);
    if (hidden) throw new Unreadable(hidden);
    const charset = charsetOf(elements, this.content, "");
    const top = [];
    for (const element of elements) {
      if (WRITTEN_BY_US.has(element.tag) || this.profile.identifiers.has(element.tag)) continue;
      const taken = this.taken(element, charset, "");
      if (taken.length) top.push([element.tag, taken]);
    }
    top.push(...this.written());
    top.sort(([one], [other]) => one - other);
    const pieces = [new Uint8Array(128), bytesOf("DICM"), this.meta(), ...top.map(([, taken]) => taken)];
    if (pixels?.undefined && this.sweep.namesInFragments(this.content, pixels)) throw new Unreadable(NAMED_IN_PIXELS);
    if (pixels) pieces.push(this.content.subarray(pixels.start, pixels.valueAt));
    if (strays) this.tell("", "behind the pixels", "removed", "what stands behind the pixels is not read by anybody");
    const [pixelAt, pixelEnd] = pixels ? [pixels.valueAt, pixels.end] : [this.content.length, this.content.length];
    return {
      header: joined(pieces),
      pixels: this.content.subarray(pixelAt, pixelEnd),
      pixelAt,
      pixelEnd,
      content: this.content,
      changes: this.changes,
    };
  }

  /** Return [action, why] for an element. */
  actionOf({ tag }) {
    const group = Math.floor(tag / 0x10000);
    if (group % 2) return ["X", PRIVATE];
    if (tag % 0x10000 === 0) return ["X", GROUP_LENGTH];
    if (group >= 0x5000 && group <= 0x50ff) return ["X", CURVE];
    if (group >= 0x6000 && group <= 0x60ff) return ["X", OVERLAY];
    const named = this.actions.get(tag);
    if (named !== undefined) return [named, BY_TABLE];
    return isPublic(tag) ? ["K", ""] : ["X", UNKNOWN];
  }

  valueOf(element) {
    return this.content.subarray(element.valueAt, element.end);
  }

  /** Return [new value, what was done, why]; the value is null when the element goes, done "" when it stays. */
  newValue(element, charset) {
    const [action, why] = this.actionOf(element);
    const raw = this.valueOf(element);
    const { vr } = element;
    if (action === "X") return [null, "removed", why];
    if (action === "Z") return [NOTHING, raw.length ? "emptied" : "", why];
    if (action === "D") {
      if (vr === "UI") return [this.mapped(raw), "mapped", why];
      const fresh = padded(dummy(vr), vr);
      return [fresh, same(fresh, raw) ? "" : "replaced", why];
    }
    if (action === "U") {
      if (vr !== "UI") return [null, "removed", NOT_TEXT];
      const fresh = this.mapped(raw);
      return [fresh, same(fresh, raw) ? "" : "mapped", why];
    }
    if (action === "C" && (vr === "DA" || vr === "DT")) {
      const fresh = this.shifted(raw, vr);
      return [fresh, same(fresh, raw) ? "" : "shifted", fresh.length || !trimmed(latin1(raw)) ? why : NO_DATE];
    }
    if (action === "C" && !TEXT.has(vr) && vr !== "TM") return [null, "removed", NOT_TEXT];
    if (element.tag === CHARACTER_SET) {
      return isCharacterSet(raw) ? [raw, "", why] : [null, "removed", NO_CHARACTER_SET];
    }
    if (TEXT.has(vr)) {
      const cleaned = this.sweep.cleaned(raw, charset, vr, action === "C" && this.profile.dates !== "keep");
      if (cleaned !== null) return [padded(cleaned, vr), "cleaned", NAMED];
    } else if (hasLetters(vr)) {
      if (!fitsLetters(raw, vr)) return [null, "removed", OTHER_LETTERS];
    } else if (raw.length <= LARGEST_SEARCHED && this.sweep.namesInBytes(raw)) {
      return [null, "removed", NAMED];
    }
    return [raw, "", why];
  }

  /** Return what is written for an element, nothing when it goes. */
  taken(element, charset, path) {
    const tag = element.tag;
    if (element.items === null) {
      const [value, done, why] = this.newValue(element, charset);
      if (!done) return this.content.subarray(element.start, element.end);
      this.tell(path, tagName(tag), done, why);
      return value === null ? NOTHING : written(tag, element.vr, value, element.encoding);
    }
    const [action, why] = this.actionOf(element);
    if (action === "X") {
      this.tell(path, tagName(tag), "removed", why);
      return NOTHING;
    }
    if (action === "Z" || action === "D") {
      if (element.items.length) this.tell(path, tagName(tag), "emptied", why);
      return head(tag, "SQ", 0, element.encoding);
    }
    return this.sequence(element, charset, path);
  }

  /** Return a sequence with its items treated; as it was when nothing in it changed. */
  sequence(element, charset, path) {
    const { tag, items, encoding } = element;
    const before = this.changes.length;
    const treated = items.map((item, number) => this.item(item, charset, `${path}${tagName(tag)}[${number}].`));
    if (element.ragged) this.tell(path, tagName(tag), "cleaned", RAGGED);
    if (this.changes.length === before) return this.content.subarray(element.start, element.end);
    const value = joined(treated);
    const vr = element.writtenVr || "SQ";
    if (!element.undefined) return joined([head(tag, vr, value.length, encoding), value]);
    const inner = items.length ? items[0].encoding : encoding;
    return joined([head(tag, vr, UNDEFINED, encoding), value, head(SEQUENCE_END, "", 0, plain(inner))]);
  }

  item(item, around, path) {
    const charset = charsetOf(item.elements, this.content, around);
    const value = joined(item.elements.map((element) => this.taken(element, charset, path)));
    const bare = plain(item.encoding);
    if (!item.undefined) return joined([head(ITEM, "", value.length, bare), value]);
    return joined([head(ITEM, "", UNDEFINED, bare), value, head(ITEM_END, "", 0, bare)]);
  }

  /** Return UIDs replaced by those that stand for them. */
  mapped(raw) {
    const told = latin1(raw).split("\\");
    return padded(bytesOf(told.map((uid) => uidIn(this.profile, trimmed(uid))).join("\\")), "UI");
  }

  /** Return dates moved by the profile's days; what is no date becomes empty. */
  shifted(raw, vr) {
    const shift = vr === "DA" ? shiftedDate : shiftedDateTime;
    const moved = latin1(raw).split("\\").map((value) => shift(trimmed(value), this.profile.date_shift_days));
    return padded(bytesOf(moved.join("\\")), vr);
  }

  /** Return [tag, element] of what is written for the trial. */
  written() {
    const { encoding } = this.dataSet;
    const elements = this.ours().map(([tag, vr, value]) => {
      this.tell("", tagName(tag), "added", OURS);
      return [tag, written(tag, vr, padded(value, vr), encoding)];
    });
    this.tell("", tagName(METHOD_CODES), "added", OURS);
    return [...elements, [METHOD_CODES, this.codesElement()]];
  }

  /** Return [tag, representation, value without padding] of what is written for the trial, codes apart. */
  ours() {
    const { identifiers, method, longitudinal } = this.profile;
    return [
      ...Array.from(identifiers, ([tag, value]) => [tag, tag === 0x00100010 ? "PN" : "LO", bytesOf(value)]),
      [IDENTITY_REMOVED, "CS", bytesOf("YES")],
      [METHOD, "LO", bytesOf(method.join("\\"))],
      [LONGITUDINAL, "CS", bytesOf(longitudinal)],
    ];
  }

  /** Return (0012,0064): the codes of the profile and its options. */
  codesElement() {
    const { encoding } = this.dataSet;
    const items = joined(
      this.profile.codes.map(([code, meaning]) => {
        const told = [[0x00080100, "SH", code], [0x00080102, "SH", "DCM"], [0x00080104, "LO", meaning]];
        const value = joined(told.map(([tag, vr, text]) => written(tag, vr, padded(bytesOf(text), vr), encoding)));
        return joined([head(ITEM, "", value.length, plain(encoding)), value]);
      }),
    );
    return written(METHOD_CODES, "SQ", items, encoding);
  }

  /** Return the file meta group: what a reader needs, and who wrote it (PS3.10 section 7.1). */
  meta() {
    const told = [
      [0x00020001, "OB", "\0\x01"],
      [0x00020002, "UI", uidIn(this.profile, this.sopClass)],
      [0x00020003, "UI", uidIn(this.profile, this.sopInstance)],
      [0x00020010, "UI", this.dataSet.transferSyntax],
      [0x00020012, "UI", IMPLEMENTATION_UID],
      [0x00020013, "SH", IMPLEMENTATION_VERSION],
    ];
    const group = joined(told.map(([tag, vr, value]) => written(tag, vr, padded(bytesOf(value), vr), LITTLE)));
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, group.length, true);
    return joined([written(0x00020000, "UL", size, LITTLE), group]);
  }

  uidAt(tag) {
    const element = this.dataSet.elements.find((one) => one.tag === tag);
    return element ? trimmed(latin1(this.valueOf(element))) : "";
  }

  tell(path, tag, action, why) {
    this.changes.push({ path, tag, action, why });
  }
}

/** Return whether two arrays hold the same bytes. */
export function same(one, other) {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false;
  return true;
}
