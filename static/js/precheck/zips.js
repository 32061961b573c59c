// Zip archives, opened where they lie: the table of contents is read from the end, and a member is unpacked whenever it
// is needed. Names are never used as paths; sizes are counted, not believed (sources/archives.py on the server).

import { fflate } from "../vendor.js";
import { Refused, unreadable } from "./refusals.js";
import { bytesOf } from "./source.js";
import { latin1 } from "./values.js";

const MOST_FILES = 100_000;
const LARGEST_DIRECTORY = 64 * 2 ** 20;
const LARGEST_MEMBER = 2 ** 30;
const RATIO = 100;
const RATIO_FREE = 512 * 2 ** 20;
const PIECE = 2 ** 20;

const END = 0x06054b50;
const LARGE_END = 0x06064b50;
const LARGE_END_AT = 0x07064b50;
const ENTRY = 0x02014b50;
const MEMBER = 0x04034b50;
const TAIL = 2 ** 16 + 128;

const ENCRYPTED = 1;
const IN_UTF8 = 0x800;
const STORED = 0;
const DEFLATED = 8;

const BROKEN = "is damaged: it cannot be unpacked; copy or export the archive again";
const BROKEN_MEMBER = "is damaged: it cannot be unpacked; copy or export it again";
const LISTS_TOO_MUCH = `lists more than ${MOST_FILES.toLocaleString("en")} files; send one examination at a time`;
const SYSTEM = "belongs to the computer, not to the scan; you need not send it";
const LOCKED = "is locked with a password; send it without one";
const LINK = "is a link, not a file, and was not followed; send the file itself";
const NO_FILE = "is no ordinary file; you need not send it";
const LEADS_OUT = "has a path that leads out of the archive and was not unpacked; make the archive anew";
const UNUSUAL = "is packed in an unusual way and was not unpacked; make a plain zip archive";
const TOO_LARGE = "unpacks to more than a browser can hold (1 GB); unpack the archive and add the files";

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whether a file begins like a zip archive; its name is not asked. */
export async function isZip(file) {
  if (file.size < 4) return false;
  const word = viewOf(await bytesOf(file, 0, 4)).getUint32(0, true);
  return word === MEMBER || word === END;
}

/** Return the members of an archive: {path, source} of those to be read, {path, reason, code} of the others. */
export async function membersOf(archive) {
  const { count, at, size } = await directoryOf(archive);
  if (count > MOST_FILES || size > LARGEST_DIRECTORY) throw new Refused("unsafe", LISTS_TOO_MUCH);
  const bytes = await bytesOf(archive, at, at + size);
  const view = viewOf(bytes);
  const members = [];
  let position = 0;
  while (position + 46 <= bytes.length && view.getUint32(position, true) === ENTRY) {
    const lengths = [28, 30, 32].map((field) => view.getUint16(position + field, true));
    const end = position + 46 + lengths[0] + lengths[1] + lengths[2];
    const member = entryAt(view, bytes, position, lengths);
    if (!member.path.endsWith("/")) members.push(seen(member, archive));
    position = end;
  }
  return members;
}

async function directoryOf(archive) {
  const start = Math.max(0, archive.size - TAIL);
  const tail = await bytesOf(archive, start, archive.size);
  const view = viewOf(tail);
  let at = tail.length - 22;
  while (at >= 0 && view.getUint32(at, true) !== END) at -= 1;
  if (at < 0) throw unreadable(BROKEN);
  let [count, size, offset] = [view.getUint16(at + 10, true), view.getUint32(at + 12, true), view.getUint32(at + 16, true)];
  if (at >= 20 && view.getUint32(at - 20, true) === LARGE_END_AT) {
    const large = viewOf(await bytesOf(archive, Number(view.getBigUint64(at - 12, true)), archive.size));
    if (large.byteLength < 56 || large.getUint32(0, true) !== LARGE_END) throw unreadable(BROKEN);
    [count, size, offset] = [32, 40, 48].map((field) => Number(large.getBigUint64(field, true)));
  }
  if (offset + size > archive.size) throw unreadable(BROKEN);
  return { count, size, at: offset };
}

function entryAt(view, bytes, position, [nameLength, extraLength]) {
  const flags = view.getUint16(position + 8, true);
  const name = bytes.subarray(position + 46, position + 46 + nameLength);
  const extra = viewOf(bytes.subarray(position + 46 + nameLength, position + 46 + nameLength + extraLength));
  const [packed, size] = [20, 24].map((field) => view.getUint32(position + field, true));
  const at = view.getUint32(position + 42, true);
  const large = largeFields(extra, [size, packed, at]);
  return {
    path: printable(flags & IN_UTF8 ? new TextDecoder().decode(name) : latin1(name)),
    flags,
    method: view.getUint16(position + 10, true),
    kind: (view.getUint32(position + 38, true) >>> 16) & 0xf000,
    size: large[0],
    packed: large[1],
    at: large[2],
  };
}

// Sizes and places beyond 4 GB stand in an extra field of their own, in this order.
function largeFields(extra, fields) {
  let at = 0;
  while (at + 4 <= extra.byteLength) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === 1) {
      let from = at + 4;
      return fields.map((value) => {
        if (value !== 0xffffffff || from + 8 > at + 4 + length) return value;
        from += 8;
        return Number(extra.getBigUint64(from - 8, true));
      });
    }
    at += 4 + length;
  }
  return fields;
}

function seen({ path, flags, method, kind, size, packed, at }, archive) {
  const refused = (code, reason) => ({ path, reason, code, harmless: code === "system" });
  if (isSystemFile(path)) return refused("system", SYSTEM);
  if (flags & ENCRYPTED) return refused("encrypted", LOCKED);
  if (kind === 0xa000) return refused("unsafe", LINK);
  if (kind !== 0 && kind !== 0x8000) return refused("unsafe", NO_FILE);
  const parts = path.replaceAll("\\", "/").split("/");
  if (parts.includes("..") || parts[0] === "" || parts[0].includes(":")) return refused("unsafe", LEADS_OUT);
  if (method !== STORED && method !== DEFLATED) return refused("unsafe", UNUSUAL);
  return { path, source: { archive, at, method, size, packed } };
}

const SYSTEM_NAMES = [".ds_store", "thumbs.db", "desktop.ini", "autorun.inf", "ehthumbs.db", ".directory"];
const SYSTEM_FOLDERS = ["__macosx", ".git", "$recycle.bin", "system volume information"];

/** Whether a file is one that computers leave beside what people put in a folder. */
export function isSystemFile(path) {
  const parts = path.replaceAll("\\", "/").toLowerCase().split("/");
  const name = parts.at(-1);
  if (SYSTEM_NAMES.includes(name) || name.startsWith("._")) return true;
  return parts.slice(0, -1).some((folder) => SYSTEM_FOLDERS.includes(folder));
}

const printable = (name) => name.replace(/(?! )[\p{C}\p{Z}]/gu, "\ufffd");

/** Return a member of an archive as a Blob. */
export async function unpacked({ archive, at, method, packed }) {
  const head = viewOf(await bytesOf(archive, at, at + 30));
  if (head.byteLength < 30 || head.getUint32(0, true) !== MEMBER) throw unreadable(BROKEN_MEMBER);
  const start = at + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  if (start + packed > archive.size) throw unreadable(BROKEN_MEMBER);
  if (method === STORED) return archive.slice(start, start + packed);
  return new Blob(await inflated(archive, start, packed));
}

async function inflated(archive, start, packed) {
  const { Inflate } = await fflate();
  const most = Math.min(LARGEST_MEMBER, Math.max(RATIO_FREE, RATIO * packed));
  const chunks = [];
  let total = 0;
  let ended = false;
  const inflater = new Inflate((chunk, final) => {
    chunks.push(chunk);
    total += chunk.length;
    ended ||= final;
  });
  for (let at = start; at < start + packed; at += PIECE) {
    const piece = await bytesOf(archive, at, Math.min(at + PIECE, start + packed));
    try {
      inflater.push(piece, at + PIECE >= start + packed);
    } catch {
      throw unreadable(BROKEN_MEMBER);
    }
    if (total > most) throw new Refused("unsafe", TOO_LARGE);
  }
  if (!ended) throw unreadable(BROKEN_MEMBER);
  return chunks;
}
