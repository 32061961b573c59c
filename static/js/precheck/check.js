// From chosen files to digests at the core lab: read headers, ask whose they are, make pictures, send those. And the way
// back to the same files later. No image leaves this computer here.

import { changesOf, digestSeries, objectOf, readFiles } from "./session.js";
import { titleOf } from "./view/dom.js";
import { askPatient, otherSubject } from "./view/identity.js";

// Nothing to go on with, in words for the coordinator; `read` is what was found all the same.
export class Empty extends Error {
  constructor(title, message, read = null) {
    super(message);
    this.title = title;
    this.read = read;
  }
}

// The files do not hold what was checked.
export class Unknown extends Empty {}

const NO_IMAGES = "No DICOM image is in these files";
const CHOOSE = "See below why, then choose the folder of the scan as the scanner or the archive exported it.";
const OF_ANOTHER = "Of another patient than the one that you chose; it stays here.";

// "is a report, in which writing is usual", "says that there is writing in the picture": what the engine says of it.
const whyItStays = (writing) =>
  writing.startsWith("is ")
    ? `This ${writing}, and it may name the patient; it stays here. Nothing needs to be done.`
    : `The header ${writing}, which may name the patient; it stays here. If this is the scan that the visit asks for, export it again without the writing.`;

// `before` is what an earlier call gave: its files need not be read again.
export async function checkFiles(items, before, { server, steps, seen, posted, signal, scan }) {
  const profile = await server.get(server.to.profile, signal);
  const read = await readTogether(items, before, { profile, steps, signal });
  steps.hold();
  const patient = await whose(read, { seen, scan, signal });
  steps.goOn();
  if (!patient) throw new DOMException("Cancelled", "AbortError");
  const mine = read.series.filter((series) => patient.seriesKeys.includes(series.key));
  const told = mine.filter((series) => !series.writing);
  const plans = await server.describe(told, signal);
  told.forEach((series, number) => {
    series.plan = plans[number];
  });
  const scans = told.filter((series) => series.plan.scan);
  const unseen = await digestAll(scans, { server, profile, steps, posted, signal });
  return {
    read,
    files: read.files,
    scans,
    others: [
      ...told.filter((series) => !series.plan.scan).map((series) => ({ series, why: series.plan.why })),
      ...mine.filter((series) => series.writing).map((series) => ({ series, why: whyItStays(series.writing) })),
      ...read.series.filter((series) => !mine.includes(series)).map((series) => ({ series, why: OF_ANOTHER })),
    ],
    strays: read.strays,
    unseen,
    profile,
    changesOf: (index) => changesOf(index, { profile }),
    ...objectsIn(mine, profile),
  };
}

// The same files again, on another day: only their headers are read.
export async function objectsOf(items, before, { server, steps, signal }) {
  const profile = await server.get(server.to.profile, signal);
  const read = await readTogether(items, before, { profile, steps, signal });
  return { read, ...objectsIn(read.series, profile) };
}

async function readTogether(items, before, { profile, steps, signal }) {
  const read = together(before?.read, await readFiles(items, { profile, signal, onProgress: steps.headers }));
  if (!read.series.length) throw new Empty(NO_IMAGES, CHOOSE, read);
  return read;
}

// What was read before and what was added, as if all had been chosen at once.
function together(before, added) {
  const files = (before?.files ?? 0) + added.series.reduce((sum, each) => sum + each.records.length, added.strays.length);
  if (!before) return { ...added, files };
  const series = new Map(before.series.map((each) => [each.key, each]));
  for (const each of added.series) {
    const known = series.get(each.key);
    series.set(each.key, known ? { ...known, records: [...known.records, ...each.records], indices: [...known.indices, ...each.indices], bytes: known.bytes + each.bytes } : each);
  }
  const patients = before.patients.map((patient) => ({ ...patient }));
  for (const patient of added.patients) {
    const known = patients.find((each) => nameOf(each) === nameOf(patient));
    if (known) known.seriesKeys = [...new Set([...known.seriesKeys, ...patient.seriesKeys])];
    else patients.push(patient);
  }
  return { series: [...series.values()], patients, strays: [...before.strays, ...added.strays], files };
}

const nameOf = ({ local }) => JSON.stringify([local.patientName, local.patientId, local.birthDate]);

// De-identified UID -> the files that hold the object, and the way to its de-identified bytes.
function objectsIn(series, profile) {
  const places = new Map();
  for (const each of series) {
    for (const { sop_instance_uid: uid, index } of each.records) {
      if (!places.has(uid)) places.set(uid, []);
      places.get(uid).push(index);
    }
  }
  return { places, objectOf: (index) => objectOf(index, { profile }) };
}

// Who the files are of, null when the coordinator cancels: asked when they name several, or another subject.
async function whose({ patients, series }, { seen, scan, signal }) {
  const { subject } = scan.dataset;
  const known = patients.every((patient) => seen.people.has(nameOf(patient)));
  const before = patients.find((patient) => nameOf(patient) === seen.chosen);
  if (known && before) return before;
  const other = patients.length === 1 ? otherSubject(patients[0].local, subject) : "";
  let patient = patients[0];
  if (patients.length > 1) {
    patient = await asked({
      title: `${patients.length} patients are in these files`,
      text: seen.chosen
        ? "The files that you added name another patient than the ones before. Only one of them can be the subject of this visit."
        : "Only one of them can be the subject of this visit. Choose whose series are checked; the others stay out of it.",
    });
  } else if (other) {
    patient = await asked({
      title: `These files say ${other}`,
      text: `The visit is of subject ${subject}. Choose the folder of that subject, or go on if the files name the same person otherwise.`,
    });
  }
  if (patient) {
    for (const each of patients) seen.people.add(nameOf(each));
    seen.chosen = nameOf(patient);
  }
  return patient;

  async function asked(words) {
    const answer = askPatient(scan.querySelector("[data-scan-identity]"), { patients, series, subject, ...words });
    const cancelled = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
    return Promise.race([answer, cancelled]);
  }
}

// Pictures of one series after the other; while one travels the next is made. What went before is not made again.
async function digestAll(scans, { server, profile, steps, posted, signal }) {
  const unseen = [];
  let travelling = Promise.resolve();
  steps.pictures(scans.map((series) => ({ key: series.key, title: titleOf(series), slices: series.records.length })));
  for (const series of scans) {
    const content = series.records.map((record) => `${record.sop_instance_uid}:${record.file_size}`).join();
    if (posted.get(series.key)?.content === content) {
      unseen.push(...posted.get(series.key).unseen);
      steps.seriesDone(series.key);
      continue;
    }
    const made = await digestSeries(series, series.plan, {
      profile,
      signal,
      onProgress: (done) => steps.slices(series.key, done),
      replan: async (records) => (await server.describe([{ records }], signal))[0],
    });
    await travelling;
    const why = made.reading.not_here;
    const note = why ? [{ title: titleOf(series), why: why.endsWith(".") ? why : `${why}.` }] : [];
    unseen.push(...note);
    travelling = server.digest(series, made, signal).then(() => {
      posted.set(series.key, { content, unseen: note });
      steps.seriesDone(series.key, why ? "Checked after the transfer" : "Ready");
    });
    travelling.catch(() => {});
  }
  await travelling;
  return unseen;
}
