// The bytes of one file where it lies, read piece by piece; the last piece is kept, as the next read is often in it.

const PIECE = 1 << 15;

export const NOT_READ = "could not be opened (the browser may no longer read it); check the file and add it again";

/** A File or Blob. */
export class FileSource {
  constructor(file) {
    this.file = file;
    this.size = file.size;
    this.at = 0;
    this.held = new Uint8Array(0);
  }

  /** Return `length` bytes at `offset`, fewer where the file ends. */
  async read(offset, length) {
    const end = Math.min(offset + length, this.size);
    if (offset < this.at || end > this.at + this.held.length) {
      const until = Math.min(Math.max(end, offset + PIECE), this.size);
      this.held = await bytesOf(this.file, offset, until);
      this.at = offset;
    }
    return this.held.subarray(offset - this.at, Math.max(end, offset) - this.at);
  }
}

/** Bytes that are in memory already: an inflated data set. */
export class MemorySource {
  constructor(content) {
    this.content = content;
    this.size = content.length;
  }

  async read(offset, length) {
    return this.content.subarray(offset, offset + length);
  }
}

/** The file was moved, changed or unplugged since it was chosen. */
export class Vanished extends Error {}

export async function bytesOf(file, start, end) {
  try {
    return new Uint8Array(await file.slice(start, end).arrayBuffer());
  } catch {
    throw new Vanished(NOT_READ);
  }
}
