// What a worker does, one function per kind of work: nothing here knows of workers, so Node.js can do the same.

import { explain } from "../deidentify/explain.js";
import { contentOf, digestObject, inflatedContent, wholeOf } from "./digesting.js";
import { leavingRecord, treated } from "./leaving.js";
import { Projector } from "./projector.js";
import { readHeader } from "./reading.js";
import { Refused } from "./refusals.js";
import { Vanished } from "./source.js";
import { DEFLATED } from "./transfer-syntaxes.js";
import { isZip, membersOf, unpacked } from "./zips.js";

const projectors = new Map();

/** A file as it lies, or a member of an archive, unpacked whenever it is needed. */
async function fileOf(source) {
  return source.archive ? unpacked(source) : source.file;
}

/** Return per item what its header says, or why it is not read, or what an archive holds. */
export async function read({ items, profile }) {
  return Promise.all(items.map((item) => readOne(item, profile)));
}

async function readOne({ index, source }, profile) {
  try {
    const file = await fileOf(source);
    if (await isZip(file)) {
      if (!source.archive) return { index, members: await membersOf(file) };
      throw new Refused(
        "unsafe",
        "is an archive within the archive and was not opened; unpack it and add what it holds",
      );
    }
    const found = await readHeader(file, index);
    const { record, spans, dataSetAt, identity } = found;
    const { transfer_syntax: syntax, rows, columns, pixels } = record;
    return {
      index,
      ...(profile ? await leavingRecord(file, found, profile) : { record, writing: "" }),
      local: { patientName: identity[0], patientId: identity[1], birthDate: identity[2] },
      place: { layout: { rows, columns, pixels }, spans, dataSetAt, size: file.size, deflated: syntax === DEFLATED },
    };
  } catch (error) {
    if (error instanceof Vanished) return { index, reason: error.message, code: "damaged", harmless: false };
    if (!(error instanceof Refused)) throw error;
    return { index, reason: error.message, code: error.code, harmless: error.harmless };
  }
}

/** Read one object of a series; its slices go into the projector that this worker keeps for the run. */
export async function digest({ run, volume, one, profile }) {
  if (volume && !projectors.has(run)) projectors.set(run, new Projector(volume));
  const file = await fileOf(one.source);
  return digestObject({ ...one, file }, projectors.get(run) ?? null, profile);
}

/** Hand over what this worker gathered in a run, and forget it. */
export async function gathered({ run }) {
  const projector = projectors.get(run);
  projectors.delete(run);
  return projector?.parts ?? null;
}

/** Return the pictures of what several workers gathered, and the part of them that shows a patient. */
export async function pictures({ volume, parts }) {
  const projector = new Projector(volume);
  for (const part of parts) projector.merge(part);
  return { pictures: projector.pictures(), bodyPart: projector.bodyPart() };
}

/** Return an object as it is sent. */
export async function object({ one, profile }) {
  const { content, inflated } = await wholeContent(one);
  return wholeOf(treated(content, profile, inflated));
}

/** Return what de-identification does to an object, value by value. */
export async function changes({ one, profile }) {
  const { content, inflated } = await wholeContent(one);
  return explain(content, profile, { inflate: () => inflated });
}

async function wholeContent(one) {
  const content = await contentOf({ ...one, file: await fileOf(one.source) });
  return { content, inflated: one.deflated ? await inflatedContent(content, one) : null };
}
