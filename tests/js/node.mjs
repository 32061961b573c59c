// What Node.js lacks of a browser, for modules of static/js: `node --import ./tests/js/node.mjs …`.
// Everything else that they use (Blob, crypto.subtle, TextDecoder) is the same there.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

// fetch() knows no files in Node.js.
const overTheNetwork = globalThis.fetch;
globalThis.fetch = async (address, options) => {
  const url = new URL(address);
  if (url.protocol !== "file:") return overTheNetwork(address, options);
  return new Response(await readFile(fileURLToPath(url)));
};

// The codecs see Node.js and expect what its older kind of module had.
globalThis.require = createRequire(import.meta.url);
globalThis.__dirname = import.meta.dirname;
