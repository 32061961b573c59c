// The elements of one object on their way to a header record (headers/objects.py on the server).

import { fragments, UNDEFINED } from "./elements.js";
import { digestHex } from "./hashing.js";
import { CUT_SHORT, damaged, grouped, HEADER_CUT_SHORT, Malformed, Refused, unreadable } from "./refusals.js";
import { CT_CLASSES, FACT_KINDS, FREE_TEXT, IDENTITY_TAGS, NOT_IMAGES, NUMBERS, TAGS, UID_NAMES } from "./tables.js";
import { BIG_ENDIAN, COMPRESSED, ENCODINGS } from "./transfer-syntaxes.js";
import * as values from "./values.js";

const LARGEST_SIDE = 8192;
const MOST_FRAMES = 20_000;

const uidName = (uid) => (Object.hasOwn(UID_NAMES, uid) && UID_NAMES[uid]) || `unknown kind ${uid}`.trim();

/** What the elements of an object say; `source` has the bytes that they were read from. */
export class ImageObject {
  constructor(meta, dataSetAt, walk, source) {
    this.meta = meta;
    this.dataSetAt = dataSetAt;
    this.walk = walk;
    this.source = source;
    this.elements = walk.elements;
    this.little = meta.transferSyntax !== BIG_ENDIAN;
    this.encodings = values.encodingsOf(this.raw("SpecificCharacterSet"));
  }

  raw(keyword, elements = this.elements) {
    const value = elements.get(TAGS[keyword]);
    return value instanceof Uint8Array ? value : null;
  }

  items(keyword, elements = this.elements) {
    const value = elements.get(TAGS[keyword]);
    return Array.isArray(value) ? value : [];
  }

  text(keyword) {
    return values.text(this.raw(keyword) ?? new Uint8Array(0), this.encodings);
  }

  short(keyword, fallback = 0, signed = false) {
    const raw = this.raw(keyword);
    if (!raw || raw.length < 2) return fallback;
    const view = new DataView(raw.buffer, raw.byteOffset, 2);
    return signed ? view.getInt16(0, this.little) : view.getUint16(0, this.little);
  }

  /** Return {record, identity, spans}: what the header says, whom it names, where its pixels lie. */
  async header(index, fileSize) {
    const sopClass = this.#sopClass();
    this.#refuseWhatIsNoImage(sopClass);
    const seriesUid = values.uid(this.raw("SeriesInstanceUID"));
    if (!seriesUid) throw unreadable(damaged("it does not say to which series it belongs (SeriesInstanceUID)"));
    const { rows, columns, count } = this.#size();
    const { pixels, spans } = await this.#layout(rows, columns, count);
    const frames = this.#frames(count);
    const identity = IDENTITY_TAGS.map((tag) => {
      const value = this.elements.get(tag);
      return value instanceof Uint8Array ? values.text(value, this.encodings) : "";
    });
    const record = this.#record({ index, fileSize, sopClass, pixels, frames, rows, columns, identity });
    return { record: { ...record, patient_key: patientKey(identity) }, identity, spans };
  }

  /** Return the record of a de-identified header whose pixels lie elsewhere; `identity` is whom it named before. */
  told({ index, fileSize, pixels, identity }) {
    const { rows, columns, count } = this.#size();
    const frames = this.#frames(count);
    const named = { ...pixels, transfer_syntax: this.meta.transferSyntax, little_endian: this.little };
    return this.#record({ index, fileSize, sopClass: this.#sopClass(), pixels: named, frames, rows, columns, identity });
  }

  #sopClass() {
    return values.uid(this.raw("SOPClassUID")) || this.meta.sopClass;
  }

  #record({ index, fileSize, sopClass, pixels, frames, rows, columns, identity }) {
    const parts = values.identifyingParts(identity);
    const description = this.text("SeriesDescription");
    return {
      index,
      file_size: fileSize,
      sop_instance_uid: values.uid(this.raw("SOPInstanceUID")) || this.meta.sopInstance,
      sop_class_uid: sopClass,
      series_uid: values.uid(this.raw("SeriesInstanceUID")),
      study_uid: values.uid(this.raw("StudyInstanceUID")),
      patient_key: "",
      modality: this.text("Modality") || (CT_CLASSES.includes(sopClass) ? "CT" : ""),
      image_type: frames[0].image_type,
      description: values.identifies(description, parts) ? "" : description,
      series_number: values.whole(this.raw("SeriesNumber")),
      acquisition_number: values.whole(this.raw("AcquisitionNumber")),
      instance_number: values.whole(this.raw("InstanceNumber")),
      transfer_syntax: this.meta.transferSyntax,
      rows,
      columns,
      frames,
      pixels,
      facts: this.#facts(sopClass, parts),
    };
  }

  #refuseWhatIsNoImage(sopClass) {
    if (Object.hasOwn(NOT_IMAGES, sopClass)) throw new Refused(...NOT_IMAGES[sopClass]);
    if (this.walk.floatPixels) {
      throw new Refused("not_an_image", "is a map of computed values, not a CT image; you need not send it");
    }
    if (this.walk.pixelsAt !== null) return;
    if (!this.elements.size) throw new Malformed(HEADER_CUT_SHORT);
    if (!sopClass && !this.raw("SeriesInstanceUID")?.length) {
      throw new Refused("not_an_image", "has no image in it; you need not send it");
    }
    const kind = uidName(sopClass);
    if (kind.includes("Image Storage")) throw new Malformed("it calls itself an image, but holds no pixels");
    throw new Refused("not_an_image", `is a DICOM object without an image (${kind}); you need not send it`);
  }

  #size() {
    const rows = this.short("Rows");
    const columns = this.short("Columns");
    const frames = this.raw("NumberOfFrames");
    const count = frames?.length ? values.whole(frames) : 1;
    if (!rows || !columns) throw new Malformed("the header does not say how large the image is (Rows, Columns)");
    if (Math.max(rows, columns) > LARGEST_SIDE) {
      throw unreadable(`claims an image of ${rows} × ${columns} pixels, more than CT has; export it again`);
    }
    if (count === null || count < 1 || count > MOST_FRAMES) {
      throw new Malformed(`the number of images in it makes no sense (${this.text("NumberOfFrames")})`);
    }
    return { rows, columns, count };
  }

  async #layout(rows, columns, count) {
    const syntax = this.meta.transferSyntax;
    const allocated = this.short("BitsAllocated", 16);
    const samples = this.short("SamplesPerPixel", 1);
    let stored = this.short("BitsStored", allocated);
    if (![8, 16, 32].includes(allocated) || ![1, 3, 4].includes(samples)) {
      throw unreadable(
        `holds pixels of ${samples} × ${allocated} bits, which are not read; export it again as CT images`,
      );
    }
    if (stored < 1 || stored > allocated || this.short("HighBit", stored - 1) !== stored - 1) {
      // Bits placed elsewhere are retired (PS3.5 section 8.1.1); a header that says so is not to be believed.
      stored = allocated;
    }
    const spans = ENCODINGS.has(syntax)
      ? this.#nativeSpans((rows * columns * samples * allocated) / 8, count)
      : await this.#encapsulatedSpans(count);
    const signed = this.short("PixelRepresentation") !== 0;
    return {
      spans,
      pixels: {
        transfer_syntax: syntax,
        bits_allocated: allocated,
        bits_stored: stored,
        signed,
        samples,
        padding: this.#padding(signed),
        little_endian: this.little,
      },
    };
  }

  #padding(signed) {
    if (!this.raw("PixelPaddingValue")) return null;
    const value = this.short("PixelPaddingValue", 0, signed);
    const limit = this.short("PixelPaddingRangeLimit", value, signed);
    return [Math.min(value, limit), Math.max(value, limit)];
  }

  #nativeSpans(frameBytes, count) {
    const { pixelsAt, pixelsLength } = this.walk;
    if (pixelsLength === UNDEFINED) {
      throw new Malformed("its pixels are compressed, but the header says that they are not");
    }
    const needed = frameBytes * count;
    const present = Math.min(pixelsLength, this.source.size - pixelsAt);
    if (present < needed) {
      const promised = `${grouped(needed)} bytes of pixels promised, ${grouped(present)} there`;
      throw new Malformed(`${CUT_SHORT} (${promised})`);
    }
    return Array.from({ length: count }, (_, frame) => [[pixelsAt + frame * frameBytes, frameBytes]]);
  }

  async #encapsulatedSpans(count) {
    const syntax = this.meta.transferSyntax;
    if (!COMPRESSED.has(syntax)) {
      throw unreadable(
        `its pixels are stored in a way that is not read (${uidName(syntax)}); ` +
          "export the series again, uncompressed or in a lossless JPEG",
      );
    }
    if (this.walk.pixelsLength !== UNDEFINED) {
      throw new Malformed("its pixels should be compressed, but are not cut into items");
    }
    const [table, ...pieces] = await fragments(this.source, this.walk.pixelsAt);
    if (pieces.length < count) throw new Malformed(`${count} images promised, ${pieces.length} there`);
    if (count === 1) return [pieces];
    if (pieces.length === count) return pieces.map((piece) => [piece]);
    return framesOfFragments(await this.source.read(...table), pieces, count);
  }

  // The frames; of an Enhanced object from its functional groups (PS3.3 section C.7.6.16).
  #frames(count) {
    const shared = flat(this.items("SharedFunctionalGroupsSequence"));
    const groups = this.items("PerFrameFunctionalGroupsSequence");
    const whole = new Map([...this.elements, ...shared]);
    if (!groups.length) return new Array(count).fill(this.#frame(whole));
    if (groups.length !== count) throw new Malformed(`${count} images promised, ${groups.length} described`);
    this.elements = new Map([...whole, ...flat(groups.slice(0, 1))]);
    return groups.map((group) => {
      const own = flat([group]);
      return this.#frame({ get: (tag) => (own.has(tag) ? own.get(tag) : whole.get(tag)) });
    });
  }

  #frame(elements) {
    const spacing = values.finite(this.raw("PixelSpacing", elements), 2);
    const thickness = values.finite(this.raw("SliceThickness", elements), 1);
    const frameType = this.raw("FrameType", elements);
    const imageType = frameType?.length ? frameType : (this.raw("ImageType", elements) ?? new Uint8Array(0));
    return {
      position: said(values.finite(this.raw("ImagePositionPatient", elements), 3)),
      orientation: said(values.finite(this.raw("ImageOrientationPatient", elements), 6)),
      spacing: spacing && Math.min(...spacing) > 0 ? spacing : null,
      thickness: thickness && thickness[0] > 0 ? thickness[0] : null,
      slope: said(this.#firstNumber("RescaleSlope", elements)),
      intercept: said(this.#firstNumber("RescaleIntercept", elements)),
      image_type: values.texts(imageType, []).map((value) => value.toUpperCase()),
    };
  }

  #firstNumber(keyword, elements) {
    const raw = this.raw(keyword, elements);
    return raw?.some((byte) => byte !== 0x20 && byte !== 0) ? values.numbers(raw)[0] : null;
  }

  // The allow-listed facts; a text in which a part of the patient's identity stands is left out.
  #facts(sopClass, parts) {
    const facts = { SOPClassUID: sopClass, TransferSyntaxUID: this.meta.transferSyntax };
    for (const [keyword, kind] of Object.entries(FACT_KINDS)) {
      const raw = this.raw(keyword);
      if (!raw?.length) continue;
      if (NUMBERS.includes(kind)) {
        const numbers = this.#numbers(raw, kind);
        if (numbers.length && numbers.every(Number.isFinite)) {
          facts[keyword] = said(numbers.length > 1 ? numbers : numbers[0]);
        }
      } else if (kind !== "UI") {
        const told = values.texts(raw, this.encodings);
        const hidden = FREE_TEXT.includes(kind) && told.some((value) => values.identifies(value, parts));
        if (told.length && !hidden) facts[keyword] = told.length > 1 || keyword === "ImageType" ? told : told[0];
      }
    }
    for (const item of this.items("ContrastBolusAgentSequence")) {
      const meaning = values.text(this.raw("CodeMeaning", item) ?? new Uint8Array(0), this.encodings);
      if (meaning && !("ContrastBolusAgent" in facts) && !values.identifies(meaning, parts)) {
        facts.ContrastBolusAgent = meaning;
      }
    }
    return facts;
  }

  #numbers(raw, kind) {
    if (kind === "DS" || kind === "IS") return values.numbers(raw);
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    const [width, get] = { FD: [8, "getFloat64"], FL: [4, "getFloat32"], US: [2, "getUint16"] }[kind];
    return Array.from({ length: Math.floor(raw.length / width) }, (_, at) => view[get](at * width, this.little));
  }
}

// JSON knows neither NaN nor infinity nor minus zero: such a number is a word.
function said(value) {
  if (Array.isArray(value)) return value.map(said);
  if (typeof value !== "number" || (Number.isFinite(value) && !Object.is(value, -0))) return value;
  if (Number.isNaN(value)) return "nan";
  return value === 0 ? "-0" : value > 0 ? "inf" : "-inf";
}

const keys = new Map();

/** Return how a patient compares between exports: normalised name, number and birth date; empty when none is given. */
export function patientOf(identity) {
  const told = identity.slice(0, 3).map(values.normalised);
  return told.some(Boolean) ? told.join("|") : "";
}

function patientKey(identity) {
  const patient = patientOf(identity);
  if (patient && !keys.has(patient)) keys.set(patient, digestHex(new TextEncoder().encode(patient)));
  return patient && keys.get(patient);
}

// Functional groups without their nesting: no two groups share an attribute.
function flat(groups) {
  const found = new Map();
  for (const group of groups) {
    for (const value of group.values()) {
      for (const item of Array.isArray(value) ? value : []) {
        for (const [tag, inner] of item) found.set(tag, inner);
      }
    }
  }
  return found;
}

// Gathers the fragments of each frame by the basic offset table (PS3.5 section A.4).
function framesOfFragments(table, pieces, count) {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const first = pieces[0][0] - 8;
  const starts = new Set();
  for (let at = 0; at + 4 <= table.length; at += 4) starts.add(first + view.getUint32(at, true));
  const gathered = [];
  for (const piece of pieces) {
    if (starts.has(piece[0] - 8)) gathered.push([]);
    gathered.at(-1)?.push(piece);
  }
  if (gathered.length !== count) throw new Malformed("it does not say where each of its images begins");
  return gathered;
}
