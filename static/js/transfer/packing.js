// Pure: how de-identified objects are put into parts, and what stands before them (apps/intake/part_format.py reads it).

export const PART_BYTES = 16 * 1024 * 1024;

const MAGIC = [0x43, 0x51, 0x50, 0x31]; // "CQP1"
const HEAD_BYTES = 8;
const ENTRY_BYTES = 40;

export const bytesOf = (instances) => instances.reduce((sum, instance) => sum + instance.size, 0);

/** Bytes of a part: its table of contents, and the objects. */
export const sizeOf = (instances) => HEAD_BYTES + ENTRY_BYTES * instances.length + bytesOf(instances);

/** The table of contents of a part: number of objects, then SHA-256 and size of each, little-endian. */
export function tableOf(instances) {
  const table = new Uint8Array(HEAD_BYTES + ENTRY_BYTES * instances.length);
  const view = new DataView(table.buffer);
  table.set(MAGIC);
  view.setUint32(4, instances.length, true);
  instances.forEach(({ sha256, size }, index) => {
    const at = HEAD_BYTES + ENTRY_BYTES * index;
    table.set(fromHex(sha256), at);
    view.setBigUint64(at + 32, BigInt(size), true);
  });
  return table;
}

/**
 * What is to be sent, as parts {instances, url, offset}. Parts that are half there go on where they stopped, first;
 * the rest is packed in order, an object larger than a part alone.
 */
export function partsOf(instances, half = [], maxBytes = PART_BYTES) {
  const left = new Map(instances.map((instance) => [instance.sha256, instance]));
  const parts = [];
  for (const { url, offset, size, sha256 } of half) {
    const inside = sha256.map((hash) => left.get(hash));
    if (inside.includes(undefined) || sizeOf(inside) !== size) continue;
    for (const hash of sha256) left.delete(hash);
    parts.push({ instances: inside, url, offset });
  }
  let open = [];
  for (const instance of left.values()) {
    if (open.length && sizeOf([...open, instance]) > maxBytes) {
      parts.push({ instances: open, url: null, offset: 0 });
      open = [];
    }
    open.push(instance);
  }
  if (open.length) parts.push({ instances: open, url: null, offset: 0 });
  return parts;
}

function fromHex(text) {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new TypeError("a SHA-256 has 64 hexadecimal digits");
  return Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
}
