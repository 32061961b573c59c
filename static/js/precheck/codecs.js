// Compressed frames -> {values, rows, columns, samples}: values as the codec gives them, 8 or 16 bits, signed or not.

import { charls, libjpeg, openjpeg, openjph } from "../vendor.js";
import { BadStream, decodeJpeg } from "./jpeg.js";
import { HTJ2K, JPEG, JPEG_2000, JPEG_LOSSLESS, JPEG_LS, RLE } from "./transfer-syntaxes.js";

const DECODERS = new Map([
  ...JPEG.map((syntax) => [syntax, jpeg]),
  ...JPEG_LOSSLESS.map((syntax) => [syntax, decodeJpeg]),
  ...JPEG_LS.map((syntax) => [syntax, byCodec(charls, "JpegLSDecoder")]),
  ...JPEG_2000.map((syntax) => [syntax, byCodec(openjpeg, "J2KDecoder")]),
  ...HTJ2K.map((syntax) => [syntax, byCodec(openjph, "HTJ2KDecoder")]),
]);

/** This browser has no decoder: WebAssembly is turned off, or the decoder could not be loaded. */
export class NoDecoder extends Error {}

/** Return what decodes frames of a transfer syntax; loads it where it must. */
export async function decoderOf(syntax) {
  if (syntax === RLE) return rle;
  const decoder = DECODERS.get(syntax);
  try {
    await decoder.load?.();
  } catch (error) {
    throw new NoDecoder(error.message);
  }
  return decoder;
}

// The codecs built with Emscripten all have one face. Memory of theirs grows with the largest image, never with their
// number: each decoder is given back.
function byCodec(load, name) {
  let codec;
  const decode = (coded) => {
    const decoder = new codec[name]();
    try {
      decoder.getEncodedBuffer(coded.length).set(coded);
      decoder.decode();
      const { width, height, bitsPerSample, componentCount, isSigned } = decoder.getFrameInfo();
      const bytes = decoder.getDecodedBuffer().slice();
      const count = width * height * componentCount;
      const Kind = bitsPerSample > 8 ? (isSigned ? Int16Array : Uint16Array) : isSigned ? Int8Array : Uint8Array;
      if (bitsPerSample > 16 || bytes.length < count * Kind.BYTES_PER_ELEMENT) throw new BadStream();
      return { values: new Kind(bytes.buffer, 0, count), rows: height, columns: width, samples: componentCount };
    } finally {
      decoder.delete();
    }
  };
  decode.load = async () => {
    codec ??= await load();
  };
  return decode;
}

const eightBits = byCodec(libjpeg, "JPEGDecoder");

jpeg.load = eightBits.load;
function jpeg(coded) {
  return precisionOf(coded) === 12 ? decodeJpeg(coded) : eightBits(coded);
}

// RLE (PS3.5 Annex G): per sample a segment of high bytes, then of low bytes.
function rle(coded, { rows, columns, pixels }) {
  const width = pixels.bits_allocated / 8;
  const count = rows * columns;
  const view = new DataView(coded.buffer, coded.byteOffset, coded.byteLength);
  const segments = view.getUint32(0, true);
  if (segments !== width * pixels.samples) throw new BadStream();
  const bounds = Array.from({ length: segments }, (_, at) => view.getUint32(4 + 4 * at, true));
  bounds.push(coded.length);
  const stride = segments;
  const bytes = new Uint8Array(count * stride);
  for (let segment = 0; segment < segments; segment += 1) {
    const sample = Math.floor(segment / width);
    const lowness = width - 1 - (segment % width);
    unpackBits(coded.subarray(bounds[segment], bounds[segment + 1]), bytes, sample * width + lowness, stride, count);
  }
  const Kind = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[width];
  return { values: new Kind(bytes.buffer), rows, columns, samples: pixels.samples };
}

// Writes the `count` bytes of a segment to every `stride`-th byte; what would unpack to more or less is refused.
function unpackBits(segment, into, first, stride, count) {
  let at = 0;
  let written = 0;
  const end = first + count * stride;
  let to = first;
  while (at < segment.length) {
    const run = segment[at];
    at += 1;
    if (run === 128) continue;
    const repeated = run > 128;
    const length = repeated ? 257 - run : run + 1;
    // Segments of odd length are padded with a zero, which reads as the beginning of one more run.
    if (at === segment.length && run === 0) break;
    if (at + (repeated ? 1 : length) > segment.length || to + length * stride > end + stride - 1) throw new BadStream();
    for (let one = 0; one < length; one += 1) {
      into[to] = segment[repeated ? at : at + one];
      to += stride;
    }
    at += repeated ? 1 : length;
    written += length;
  }
  if (written !== count) throw new BadStream();
}

/** Return [rows, columns, samples] that a code stream claims, null when it claims nothing that makes sense. */
export function claimOf(coded, syntax) {
  if (JPEG_2000.includes(syntax) || HTJ2K.includes(syntax)) return j2kClaim(coded);
  // CharLS reads on for ever where a stream ends without its end marker.
  if (JPEG_LS.includes(syntax) && !endsWell(coded)) return null;
  const at = frameHeaderAt(coded);
  if (at < 0) return null;
  return [coded[at + 5] * 256 + coded[at + 6], coded[at + 7] * 256 + coded[at + 8], coded[at + 9]];
}

const precisionOf = (coded) => coded[frameHeaderAt(coded) + 4];

// The frame header of a JPEG or JPEG-LS stream (ITU-T T.81 section B.2.2).
function frameHeaderAt(coded) {
  if (coded[0] !== 0xff || coded[1] !== 0xd8) return -1;
  let at = 2;
  while (at + 10 <= coded.length && coded[at] === 0xff) {
    const marker = coded[at + 1];
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const starts = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (marker === 0xf7 || starts) return at;
    at += 2 + coded[at + 2] * 256 + coded[at + 3];
  }
  return -1;
}

function endsWell(coded) {
  let end = coded.length;
  while (end > 0 && coded[end - 1] === 0) end -= 1;
  return end >= 2 && coded[end - 2] === 0xff && coded[end - 1] === 0xd9;
}

// The SIZ marker of a JPEG 2000 code stream (ITU-T T.800 section A.5.1).
function j2kClaim(coded) {
  const view = new DataView(coded.buffer, coded.byteOffset, coded.byteLength);
  for (let at = 0; at + 42 <= coded.length && at + 4 <= 1024; at += 1) {
    if (view.getUint32(at) !== 0xff4fff51) continue;
    const [width, height, left, top] = [8, 12, 16, 20].map((field) => view.getUint32(at + field));
    return [height - top, width - left, view.getUint16(at + 40)];
  }
  return null;
}
