// What an object still holds of a person: the engine's rules once more. The twin of
// apps/imaging/deidentification/residuals.py, which says why; the server has the last word.
import { signs } from "./burned-in.js";
import { latin1, readDataSet, trimmed } from "./dataset.js";
import {
  BY_TABLE, Engine, GROUP_LENGTH, IDENTITY_REMOVED, METHOD, METHOD_CODES, WRITTEN_BY_US, preparedProfile, same, tagName,
} from "./engine.js";
import { charsetOf, fitsLetters } from "./identity.js";
import { STANDARD_UID, dummy, padded } from "./values.js";

const CODE_VALUE = 0x00080100;
const META_WE_WRITE = new Set([0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013]);

const META_UIDS = new Set([0x00020002, 0x00020003, 0x00020010]);

const NOT_MARKED = "does not say that the identity was removed as this trial asks";
const NOT_OURS = "is not what this trial writes there";
const NOT_REMOVED = "should have been removed";
const NOT_EMPTIED = "should be empty";
const NOT_REPLACED = "should hold a value that says nothing";
const NOT_MAPPED = "is not a UID of this trial";
const NO_DATE = "holds no date";
const TELLS = "holds words, days or numbers that may name somebody";
const HIDDEN = "holds bytes behind its last item";
const PREAMBLE = "the bytes before the file's first word are not empty";
const BEHIND = "something stands behind the pixels";
const META = "should not stand in the file meta group";

const KEYED_UID = /^2\.25\.(?:0|[1-9][0-9]{0,38})$/;
const DATE = /^[0-9]{4}(\.?)[0-9]{2}\1[0-9]{2}$/;
const DATE_TIME = /^[0-9]{8}[0-9]{0,6}(?:\.[0-9]{1,6})?(?:[+-][0-9]{4})?$/;

const isOurs = (uid) => !uid || STANDARD_UID.test(uid) || KEYED_UID.test(uid);
const textOf = (raw) => trimmed(latin1(raw));

/** Return [{tag, reason}] of what `deidentify` would still change, and signs of writing in the picture. */
export function residuals(bytes, profile, options = {}) {
  const found = new Verification(readDataSet(bytes, options), preparedProfile(profile)).run();
  const known = new Set();
  return found.filter(({ tag, reason }) => {
    const words = `${tag} ${reason}`;
    return !known.has(words) && known.add(words);
  });
}

class Verification {
  constructor(dataSet, profile) {
    this.dataSet = dataSet;
    this.content = dataSet.content;
    this.profile = profile;
    this.engine = new Engine(dataSet, profile);
    this.found = [];
  }

  run() {
    const { elements } = this.dataSet;
    this.file();
    this.marks();
    const treated = elements.filter(({ tag }) => !WRITTEN_BY_US.has(tag) && !this.profile.identifiers.has(tag));
    this.elements(treated, charsetOf(elements, this.content, ""));
    for (const [tag, reason] of signs(this.dataSet, this.engine.sopClass)) this.add(tag, reason);
    return this.found;
  }

  /** Look at what lies around the data set. */
  file() {
    if (this.dataSet.preamble.some(Boolean)) this.found.push({ tag: "", reason: PREAMBLE });
    for (const [tag, value] of this.dataSet.meta) {
      if (!META_WE_WRITE.has(tag)) this.add(tag, META);
      else if (META_UIDS.has(tag) && !isOurs(textOf(value))) this.add(tag, NOT_MAPPED);
      else if (tag === 0x00020012 && !fitsLetters(value, "UI")) this.add(tag, META);
    }
    if (this.dataSet.strays) this.found.push({ tag: "", reason: BEHIND });
  }

  /** Look for what the engine writes: without it nothing else can be believed. */
  marks() {
    const atHand = new Map();
    for (const element of this.dataSet.elements) {
      atHand.set(element.tag, [...(atHand.get(element.tag) ?? []), element]);
    }
    for (const [tag, vr, value] of this.engine.ours()) {
      const marks = [IDENTITY_REMOVED, METHOD].includes(tag) || Math.floor(tag / 0x10000) === 0x0028;
      const written = atHand.get(tag) ?? [];
      if (written.length !== 1 || !same(this.engine.valueOf(written[0]), padded(value, vr))) {
        this.add(tag, marks ? NOT_MARKED : NOT_OURS);
      }
    }
    const codes = atHand.get(METHOD_CODES) ?? [];
    const wanted = this.profile.codes.map(([code]) => code);
    if (codes.length !== 1 || this.codes(codes[0]).join("\\") !== wanted.join("\\")) {
      this.add(METHOD_CODES, NOT_MARKED);
    } else if (!same(this.content.subarray(codes[0].start, codes[0].end), this.engine.codesElement())) {
      this.add(METHOD_CODES, NOT_OURS);
    }
  }

  codes(sequence) {
    const elements = (sequence.items ?? []).flatMap((item) => item.elements);
    return elements.filter(({ tag }) => tag === CODE_VALUE).map((element) => textOf(this.engine.valueOf(element)));
  }

  elements(elements, charset) {
    for (const element of elements) {
      const [action, why] = this.engine.actionOf(element);
      if (why === GROUP_LENGTH) continue; // wrong perhaps, but a number that names nobody
      if (action === "X") {
        this.add(element.tag, why === BY_TABLE ? NOT_REMOVED : `should have been removed: ${why}`);
      } else if (element.items === null) {
        this.value(element, action, charset);
      } else if (action === "Z" || action === "D") {
        if (element.items.length) this.add(element.tag, NOT_EMPTIED);
      } else {
        if (element.ragged) this.add(element.tag, HIDDEN);
        for (const item of element.items) this.elements(item.elements, charsetOf(item.elements, this.content, charset));
      }
    }
  }

  value(element, action, charset) {
    const { tag, vr } = element;
    const raw = this.engine.valueOf(element);
    if (action === "Z") {
      if (raw.length) this.add(tag, NOT_EMPTIED);
    } else if (action === "U" || (action === "D" && vr === "UI")) {
      if (vr !== "UI" || !valuesOf(raw).every(isOurs)) this.add(tag, NOT_MAPPED);
    } else if (action === "D") {
      if (raw.length && !same(raw, padded(dummy(vr), vr))) this.add(tag, NOT_REPLACED);
    } else if (action === "C" && (vr === "DA" || vr === "DT")) {
      const form = vr === "DA" ? DATE : DATE_TIME;
      if (!valuesOf(raw).every((value) => !value || form.test(value))) this.add(tag, NO_DATE);
    } else if (this.engine.newValue(element, charset)[1]) {
      this.add(tag, TELLS);
    }
  }

  add(tag, reason) {
    this.found.push({ tag: tagName(tag), reason });
  }
}

const valuesOf = (raw) => latin1(raw).split("\\").map(trimmed);
