// The one door to what others wrote. The files lie in static/vendor (tools/browser_packages.py brings them there), so
// the browser and Node.js find them under the same relative address; what is large is loaded when it is asked for.

export { sha256 } from "../vendor/noble-hashes/sha2.js";
export { hmac } from "../vendor/noble-hashes/hmac.js";

const once = (load) => {
  let loaded;
  return () => (loaded ??= load());
};

/** fflate: zip archives and deflated data sets. */
export const fflate = once(() => import("../vendor/fflate/browser.js"));

/** tus-js-client: uploads that go on where they stopped. */
export const tus = once(async () => (await import("../vendor/tus-js-client/tus.min.js")).default);

// The codecs get their WebAssembly as bytes: a plain fetch works in a page, in a worker and under any server that does
// not know the type application/wasm.
async function codec(script, binary) {
  const address = new URL(`../vendor/${binary}`, import.meta.url);
  const [{ default: start }, answer] = await Promise.all([script, fetch(address)]);
  if (!answer.ok) throw new Error(`${address.pathname} could not be loaded (${answer.status})`);
  return start({ wasmBinary: await answer.arrayBuffer(), print() {}, printErr() {} });
}

/** OpenJPEG: JPEG 2000. */
export const openjpeg = once(() =>
  codec(
    import("../vendor/cornerstonejs-codec-openjpeg/openjpegwasm_decode.js"),
    "cornerstonejs-codec-openjpeg/openjpegwasm_decode.wasm",
  ),
);

/** OpenJPH: High-Throughput JPEG 2000. */
export const openjph = once(() =>
  codec(import("../vendor/cornerstonejs-codec-openjph/openjphjs.js"), "cornerstonejs-codec-openjph/openjphjs.wasm"),
);

/** CharLS: JPEG-LS. */
export const charls = once(() =>
  codec(
    import("../vendor/cornerstonejs-codec-charls/charlswasm_decode.js"),
    "cornerstonejs-codec-charls/charlswasm_decode.wasm",
  ),
);

/** libjpeg-turbo: JPEG of 8 bits. */
export const libjpeg = once(() =>
  codec(
    import("../vendor/cornerstonejs-codec-libjpeg-turbo-8bit/libjpegturbowasm_decode.js"),
    "cornerstonejs-codec-libjpeg-turbo-8bit/libjpegturbowasm_decode.wasm",
  ),
);
