// Files that were chosen on this page: read, digested, and given again for sending. The work is done by workers; the
// files stay where they lie, and their names and values stay on this page.

import { Pool } from "./pool.js";
import { digestFiles } from "./series.js";
import { NOT_READ } from "./source.js";
import { isSystemFile } from "./zips.js";

const FILES_AT_ONCE = 8;
const MOST_FILES = 100_000;

const SYSTEM = "belongs to the computer or the disc, not to the scan; you need not send it";
const TOO_MANY = "and the rest were not read: more than 100,000 files at once; add one examination at a time";

/** Index of a file on this page -> {source, path, place, record}. */
const known = new Map();
let next = 0;
let pool;
const workers = () => (pool ??= new Pool());

/**
 * Read the headers of `items` ({file, path}; null is a file that the browser may not open); archives are opened.
 *
 * Returns {series: [{key, records, indices, local, writing, title, modality, bytes}], strays: [{path, reason, harmless}],
 * patients: [{local, seriesKeys}]}. Records are those that may leave the browser when there is a profile; `local` names
 * the patient and stays here. Images with writing in their picture are a series of their own, and `writing` says why.
 */
export async function readFiles(items, { profile = null, signal, onProgress } = {}) {
  const strays = [];
  const images = [];
  let waiting = [];
  let done = 0;
  let total = items.length;
  const queue = [];
  for (const { file, path } of items) {
    if (file) queue.push({ path, source: { file } });
    else strays.push({ path, reason: NOT_READ, harmless: false });
  }
  done += strays.length;
  const take = (entry, answer) => {
    if (answer.record) {
      const place = { ...answer.place };
      known.set(answer.index, { source: entry.source, path: entry.path, place, record: answer.record });
      images.push({ record: answer.record, local: answer.local, writing: answer.writing });
    } else if (answer.members) {
      total += answer.members.length - 1;
      for (const member of answer.members) {
        const path = `${entry.path}: ${member.path}`;
        if (member.source) queue.push({ path, source: member.source });
        else strays.push({ path, reason: member.reason, harmless: member.harmless });
      }
      done += answer.members.filter((member) => !member.source).length - 1;
    } else {
      strays.push({ path: entry.path, reason: answer.reason, harmless: answer.harmless });
    }
    done += 1;
  };
  const readSome = async (entries) => {
    const items = entries.map(({ index, source }) => ({ index, source }));
    const answers = await workers().run("read", { items, profile }, { signal });
    answers.forEach((answer, at) => take(entries[at], answer));
    onProgress?.(done, total);
  };
  while (queue.length || waiting.length) {
    signal?.throwIfAborted();
    const some = [];
    while (queue.length && some.length < FILES_AT_ONCE) {
      const entry = queue.shift();
      if (next >= MOST_FILES) {
        strays.push({ path: entry.path, reason: TOO_MANY, harmless: false });
        queue.length = 0;
      } else if (isSystemFile(entry.path)) {
        strays.push({ path: entry.path, reason: SYSTEM, harmless: true });
        done += 1;
      } else {
        some.push({ ...entry, index: next });
        next += 1;
      }
    }
    if (some.length) waiting.push(readSome(some));
    // A bounded number of files is on its way; archives add to the queue as they are opened.
    if (waiting.length >= 8 || !queue.length) {
      await Promise.all(waiting);
      waiting = [];
    }
  }
  images.sort((one, other) => one.record.index - other.record.index);
  return { series: seriesOf(images), strays, patients: patientsOf(images) };
}

const keyOf = ({ record: { series_uid: series, study_uid: study, patient_key: patient }, writing }) =>
  [series, study, patient, writing ? "writing" : ""].join("|");

function seriesOf(images) {
  const groups = new Map();
  for (const image of images) {
    const { record, local, writing } = image;
    const key = keyOf(image);
    if (!groups.has(key)) groups.set(key, { key, records: [], indices: [], local, writing, bytes: 0 });
    const group = groups.get(key);
    group.records.push(record);
    group.indices.push(record.index);
    group.bytes += record.file_size;
  }
  const numberOf = ({ records }) => records.find(({ series_number: number }) => number !== null)?.series_number ?? null;
  const order = ({ records: [first], ...group }) => [first.patient_key, first.study_uid, numberOf({ records: [first], ...group }) ?? 0, first.series_uid];
  for (const group of groups.values()) {
    const number = numberOf(group);
    const description = mostCommon(group.records.map((record) => record.description));
    group.title = description || (number === null ? "Series" : `Series ${number}`);
    group.modality = mostCommon(group.records.map((record) => record.modality));
  }
  return [...groups.values()].sort((one, other) => compared(order(one), order(other)));
}

function compared(mine, theirs) {
  const at = mine.findIndex((value, place) => value !== theirs[place]);
  return at < 0 ? 0 : mine[at] < theirs[at] ? -1 : 1;
}

function mostCommon(words) {
  const counts = new Map();
  for (const word of words) if (word) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best), ["", 0])[0];
}

function patientsOf(images) {
  const patients = new Map();
  for (const image of images) {
    const key = image.record.patient_key;
    if (!patients.has(key)) patients.set(key, { local: image.local, seriesKeys: new Set() });
    patients.get(key).seriesKeys.add(keyOf(image));
  }
  return [...patients.values()].map(({ local, seriesKeys }) => ({ local, seriesKeys: [...seriesKeys] }));
}

/**
 * Return {reading, pictures} of a series as `plan` says.
 *
 * `replan(records)` asks the server for the plan of those files alone: needed where others turn out to be damaged.
 */
export function digestSeries(series, plan, { profile = null, signal, onProgress, replan } = {}) {
  const files = new Map(series.indices.map((index) => [index, known.get(index)]));
  return digestFiles(files, plan, {
    pool: workers(),
    profile,
    signal,
    onProgress,
    replan: (indices) => replan(indices.map((index) => known.get(index).record)),
  });
}

const one = (index) => {
  const { source, place } = known.get(index);
  return { source, ...place };
};

/** Return the de-identified object of a file, the same bytes each time. */
export const objectOf = (index, { profile }) => workers().run("object", { one: one(index), profile });

const KINDS = { kept: "kept", removed: "removed" };

/** Return what de-identification does to a file, attribute by attribute; values are for this page alone. */
export async function changesOf(index, { profile }) {
  const rows = await workers().run("changes", { one: one(index), profile });
  return rows.map((row) => ({ ...row, kind: KINDS[row.action] ?? "changed" }));
}

/** Forget all files and end the workers. */
export function close() {
  pool?.close();
  pool = undefined;
  known.clear();
}
