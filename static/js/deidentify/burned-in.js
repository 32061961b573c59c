// Signs that there is writing in the picture itself, where no header rule reaches. The twin of
// apps/imaging/deidentification/burned_in.py.
import { latin1, trimmed } from "./dataset.js";

/** Return why an object cannot be de-identified whose overlay lies in spare bits of the pixels, "" if none does. */
export function overlayInPixels(elements, content) {
  const groups = new Map();
  for (const { tag, valueAt, end } of elements) {
    const group = Math.floor(tag / 0x10000);
    if (group < 0x6000 || group > 0x60ff || group % 2) continue;
    const number = tag % 0x10000;
    if (!groups.has(group)) groups.set(group, new Set());
    if (number !== 0x0102 || content.subarray(valueAt, end).some(Boolean)) groups.get(group).add(number);
  }
  const hidden = [...groups.values()].some((numbers) => numbers.has(0x0102) && !numbers.has(0x3000));
  return hidden
    ? "holds an overlay among its pixels, which cannot be taken out; export the series again without overlays"
    : "";
}

const OTHER_OBJECTS = {
  "1.2.840.10008.5.1.4.1.1.7": "a secondary capture",
  "1.2.840.10008.5.1.4.1.1.104": "a document in a DICOM file",
  "1.2.840.10008.5.1.4.1.1.88": "a report",
  "1.2.840.10008.5.1.4.1.1.11": "a presentation state",
  "1.2.840.10008.5.1.4.1.1.6": "an ultrasound image",
  "1.2.840.10008.5.1.4.1.1.3": "an ultrasound image",
  "1.2.840.10008.5.1.4.1.1.77": "a photograph or a video",
  "1.2.840.10008.5.1.4.1.1.9": "a recorded curve or sound",
  "1.2.840.10008.5.1.4.1.1.66": "raw data or marked regions",
};
const CAPTURES = new Set(["WSD", "SD", "SI", "DRW", "DV"]);
const SCREENS = ["SCREEN SAVE", "SCREENSAVE", "SCREENSHOT", "SCREEN_SAVE", "CAPTURE", "DOSE", "REPORT", " PROT", "PROTOCOL"];
const COLOURS = ["RGB", "PALETTE", "YBR", "ARGB", "CMYK", "HSV"];

const BURNED_IN = "says that there is writing in the picture";
const CAPTURED = "says that the picture is a copy of a screen, a film or a drawing";
const SCREEN = "says that the picture shows a screen, a table or a protocol";
const COLOURED = "says that the picture has colours, which CT has not: such pictures carry writing";

const SOP_CLASS = 0x00080016;
const META_SOP_CLASS = 0x00020002;
const IMAGE_TYPE = 0x00080008;
const CONVERSION_TYPE = 0x00080064;
const PHOTOMETRIC = 0x00280004;
const BURNED_IN_ANNOTATION = 0x00280301;
const TELLING = new Set([IMAGE_TYPE, CONVERSION_TYPE, PHOTOMETRIC, BURNED_IN_ANNOTATION]);

/** Yield [tag, why] of each sign of writing in the picture; a plain CT slice or reformat has none. */
export function* signs({ elements, content }, sopClass) {
  for (const [beginning, kind] of Object.entries(OTHER_OBJECTS)) {
    if (sopClass === beginning || sopClass.startsWith(`${beginning}.`)) {
      yield [SOP_CLASS, `is ${kind}, in which writing is usual`];
    }
  }
  const said = new Map();
  for (const { tag, valueAt, end } of elements) {
    if (TELLING.has(tag)) said.set(tag, trimmed(latin1(content.subarray(valueAt, end)).toUpperCase()));
  }
  if (said.get(BURNED_IN_ANNOTATION) === "YES") yield [BURNED_IN_ANNOTATION, BURNED_IN];
  if (CAPTURES.has(said.get(CONVERSION_TYPE))) yield [CONVERSION_TYPE, CAPTURED];
  const types = (said.get(IMAGE_TYPE) ?? "").split("\\");
  if (types.some((value) => SCREENS.some((word) => value.includes(word)))) yield [IMAGE_TYPE, SCREEN];
  if (COLOURS.some((word) => (said.get(PHOTOMETRIC) ?? "").startsWith(word))) yield [PHOTOMETRIC, COLOURED];
}

/** Return why there may be writing in the picture of a data set, as the server will judge it; "" where there is no sign. */
export function writingIn(dataSet) {
  const own = dataSet.elements.find(({ tag }) => tag === SOP_CLASS);
  const raw = own ? dataSet.content.subarray(own.valueAt, own.end) : (dataSet.meta.get(META_SOP_CLASS) ?? new Uint8Array());
  const [sign] = signs(dataSet, trimmed(latin1(raw)));
  return sign ? sign[1] : "";
}
