// The header record that may leave the browser: read from the de-identified header, so it says what will be sent and
// no more. Free text that names a part of the patient's identity is left out even where the profile would keep it.

import { writingIn } from "../deidentify/burned-in.js";
import { deidentify, Unreadable } from "../deidentify/engine.js";
import { hmac, sha256 } from "../vendor.js";
import { LONG_VRS, readDataSet } from "../deidentify/dataset.js";
import { joined } from "../deidentify/values.js";
import { patientOf } from "./header.js";
import { objectIn } from "./reading.js";
import { unreadable } from "./refusals.js";
import { bytesOf } from "./source.js";
import { IMPLICIT } from "./transfer-syntaxes.js";
import { latin1 } from "./values.js";

const SEQUENCE_END = Uint8Array.of(0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0);

/**
 * Return {record, writing} of `found` (what readHeader gave for `file`): the record as it may be told to the server, and
 * why there may be writing in the picture, "" where nothing says so. With writing, neither record nor picture leaves.
 */
export async function leavingRecord(file, found, profile) {
  const { identity } = found;
  const { header, pixels } = await deidentifiedHeader(file, found, profile);
  const { index, pixels: layout, facts } = found.record;
  const told = objectIn(header).told({ index, fileSize: file.size, pixels: layout, identity });
  return {
    record: { ...told, facts: withOwnWord(told.facts, facts), patient_key: keyOf(identity, profile) },
    writing: writingIn(readDataSet(joined([header, pixels]))),
  };
}

// Every header says that it is de-identified once this engine has been over it. The rules for dates ask whether the scan
// had been through another one before.
function withOwnWord(told, { PatientIdentityRemoved: before }) {
  const { PatientIdentityRemoved, ...facts } = told;
  return PatientIdentityRemoved && ["YES", "NO"].includes(before) ? { ...facts, PatientIdentityRemoved: before } : facts;
}

async function deidentifiedHeader(file, { record, pixelsAt, inflated }, profile) {
  const bytes = inflated ? await bytesOf(file, 0, file.size) : await withoutPixels(file, record, pixelsAt);
  return treated(bytes, profile, inflated);
}

/** Return what the engine makes of an object; what it refuses is refused with its sentence. */
export function treated(bytes, profile, inflated) {
  try {
    return deidentify(bytes, profile, { inflate: () => inflated });
  } catch (error) {
    if (error instanceof Unreadable) throw unreadable(error.message);
    throw error;
  }
}

// The file up to its pixels, which are declared to be none: pixels are no part of the header, and large.
async function withoutPixels(file, { pixels, transfer_syntax: syntax }, pixelsAt) {
  const head = await bytesOf(file, 0, pixelsAt);
  if (pixels.transfer_syntax !== IMPLICIT && !LONG_VRS.has(latin1(head.subarray(pixelsAt - 8, pixelsAt - 6)))) {
    head.fill(0, pixelsAt - 2);
    return head;
  }
  const length = new DataView(head.buffer, head.byteOffset + pixelsAt - 4, 4);
  if (length.getUint32(0, true) !== 0xffffffff) {
    length.setUint32(0, 0, true);
    return head;
  }
  const closed = new Uint8Array(head.length + SEQUENCE_END.length);
  closed.set(head);
  closed.set(SEQUENCE_END, head.length);
  return closed;
}

const hexBytes = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

// The same patient has the same key in every file of the visit, and nobody can guess names until one fits.
function keyOf(identity, profile) {
  const patient = patientOf(identity);
  if (!patient) return "";
  const key = hmac(sha256, hexBytes(profile.key), new TextEncoder().encode(`patient:${patient}`));
  return Array.from(key, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
