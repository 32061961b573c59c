// JPEG that the codecs at hand do not decode: lossless (process 14, any predictor) and 12 bits with loss (processes 2
// and 4), Huffman coded (ITU-T T.81). The inverse DCT is the "islow" one of libjpeg, step by step, so that its values
// are those of the server.

/** A code stream that makes no sense. */
export class BadStream extends Error {}

const ZIGZAG = Uint8Array.of(
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55,
  62, 63,
);

const LOSSLESS = 0xc3;
const SEQUENTIAL = [0xc0, 0xc1];

/** Return {values, rows, columns, samples} of one image. */
export function decodeJpeg(coded) {
  const tables = { huffman: new Map(), quantisation: [], restart: 0 };
  let frame = null;
  let at = 2;
  for (;;) {
    while (coded[at] === 0xff && coded[at + 1] === 0xff) at += 1;
    const marker = coded[at + 1];
    if (coded[at] !== 0xff || marker === undefined || at + 4 > coded.length) throw new BadStream();
    const length = coded[at + 2] * 256 + coded[at + 3];
    const segment = coded.subarray(at + 4, at + 2 + length);
    at += 2 + length;
    if (marker === 0xc4) readHuffman(segment, tables.huffman);
    else if (marker === 0xdb) readQuantisation(segment, tables.quantisation);
    else if (marker === 0xdd) tables.restart = segment[0] * 256 + segment[1];
    else if (marker === LOSSLESS || SEQUENTIAL.includes(marker)) frame = readFrame(segment, marker);
    else if (marker >= 0xc0 && marker <= 0xcf) throw new BadStream();
    else if (marker === 0xda) {
      if (!frame) throw new BadStream();
      const scan = readScan(segment, frame, tables);
      const decode = frame.marker === LOSSLESS ? lossless : sequential;
      const values = decode(new Bits(coded, at), frame, scan);
      return { values, rows: frame.rows, columns: frame.columns, samples: frame.components.length };
    }
  }
}

function readFrame(segment, marker) {
  const count = segment[5];
  const components = Array.from({ length: count }, (_, one) => ({
    id: segment[6 + 3 * one],
    sampling: segment[7 + 3 * one],
    quantisation: segment[8 + 3 * one],
  }));
  const several = components.some(({ sampling }) => sampling !== components[0].sampling);
  if (several || (marker !== LOSSLESS && count !== 1)) throw new BadStream();
  return {
    marker,
    precision: segment[0],
    rows: segment[1] * 256 + segment[2],
    columns: segment[3] * 256 + segment[4],
    components,
  };
}

function readScan(header, frame, tables) {
  const count = header[0];
  if (count !== frame.components.length) throw new BadStream();
  const coding = Array.from({ length: count }, (_, one) => {
    const selectors = header[2 + 2 * one];
    const dc = tables.huffman.get(selectors >> 4);
    if (!dc) throw new BadStream();
    return { dc, ac: tables.huffman.get(16 | (selectors & 15)) };
  });
  return {
    coding,
    quantisation: tables.quantisation,
    restart: tables.restart,
    predictor: header[1 + 2 * count],
    shift: header[3 + 2 * count] & 15,
  };
}

// Per 16 bits that may lie ahead: the length of the code that they begin with, and its symbol.
function readHuffman(segment, tables) {
  let at = 0;
  while (at + 17 <= segment.length) {
    const table = new Uint16Array(1 << 16);
    let code = 0;
    let symbolAt = at + 17;
    for (let length = 1; length <= 16; length += 1) {
      for (let one = 0; one < segment[at + length]; one += 1) {
        const from = code << (16 - length);
        table.fill((length << 8) | segment[symbolAt], from, from + (1 << (16 - length)));
        code += 1;
        symbolAt += 1;
      }
      code <<= 1;
    }
    tables.set(segment[at], table);
    at = symbolAt;
  }
}

function readQuantisation(segment, tables) {
  let at = 0;
  while (at < segment.length) {
    const wide = segment[at] >> 4;
    const table = new Int32Array(64);
    for (let one = 0; one < 64; one += 1) {
      const from = at + 1 + one * (wide ? 2 : 1);
      table[ZIGZAG[one]] = wide ? segment[from] * 256 + segment[from + 1] : segment[from];
    }
    tables[segment[at] & 15] = table;
    at += 1 + (wide ? 128 : 64);
  }
}

/** The bits of a scan, with stuffed bytes taken out; behind its end there are zeros, for a few bytes. */
class Bits {
  constructor(coded, at) {
    this.coded = coded;
    this.at = at;
    this.held = 0;
    this.count = 0;
    this.beyond = 0;
  }

  fill() {
    while (this.count <= 16) {
      let byte = this.coded[this.at];
      if (byte === 0xff && this.coded[this.at + 1] !== 0) byte = undefined;
      if (byte === undefined) {
        byte = 0;
        this.beyond += 1;
      } else {
        this.at += byte === 0xff ? 2 : 1;
      }
      this.held = (this.held << 8) | byte;
      this.count += 8;
    }
  }

  symbol(table) {
    if (this.count < 16) this.fill();
    const entry = table[(this.held >>> (this.count - 16)) & 0xffff];
    const length = entry >> 8;
    if (length === 0) throw new BadStream();
    this.count -= length;
    return entry & 255;
  }

  /** Return the signed number of `size` bits that follows (T.81 figure F.12). */
  number(size) {
    if (size === 0) return 0;
    if (this.count < size) this.fill();
    this.count -= size;
    const value = (this.held >>> this.count) & ((1 << size) - 1);
    return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
  }

  /** Go to behind the next restart marker. */
  restart() {
    this.check();
    this.held = 0;
    this.count = 0;
    this.beyond = 0;
    if (this.coded[this.at] !== 0xff || (this.coded[this.at + 1] & 0xf8) !== 0xd0) throw new BadStream();
    this.at += 2;
  }

  /** What was read must have been there. */
  check() {
    if (8 * this.beyond > this.count) throw new BadStream();
  }
}

function lossless(bits, { rows, columns, precision, components }, { coding, restart, predictor, shift }) {
  if (predictor < 1 || predictor > 7 || precision < 2 || precision > 16) throw new BadStream();
  const samples = components.length;
  const width = columns * samples;
  const values = new (precision > 8 ? Uint16Array : Uint8Array)(rows * width);
  const first = 1 << (precision - shift - 1);
  let left = restart;
  let fresh = 0; // the row that began the image or the restart interval
  for (let row = 0, at = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      if (restart && left === 0) {
        bits.restart();
        left = restart;
        fresh = row;
      }
      left -= 1;
      for (let sample = 0; sample < samples; sample += 1, at += 1) {
        const size = bits.symbol(coding[sample].dc);
        const difference = size === 16 ? 32768 : bits.number(size);
        let guess;
        if (row === fresh) guess = column === 0 ? first : values[at - samples];
        else if (column === 0) guess = values[at - width];
        else guess = predicted(predictor, values[at - samples], values[at - width], values[at - width - samples]);
        values[at] = (guess + difference) & 0xffff;
      }
    }
  }
  bits.check();
  if (shift) for (let at = 0; at < values.length; at += 1) values[at] <<= shift;
  return values;
}

// T.81 table H.1: a is left, b is above, c is above left.
function predicted(predictor, a, b, c) {
  switch (predictor) {
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return c;
    case 4:
      return a + b - c;
    case 5:
      return a + ((b - c) >> 1);
    case 6:
      return b + ((a - c) >> 1);
    default:
      return (a + b) >> 1;
  }
}

function sequential(bits, { rows, columns, precision, components }, { coding, quantisation, restart }) {
  const steps = quantisation[components[0].quantisation];
  const { dc, ac } = coding[0];
  if (!steps || !ac || (precision !== 8 && precision !== 12)) throw new BadStream();
  const values = new (precision > 8 ? Uint16Array : Uint8Array)(rows * columns);
  const block = new Int32Array(64);
  const room = new Float64Array(64);
  const shown = new Uint16Array(64);
  let before = 0;
  let left = restart;
  for (let top = 0; top < rows; top += 8) {
    for (let side = 0; side < columns; side += 8) {
      if (restart && left === 0) {
        bits.restart();
        left = restart;
        before = 0;
      }
      left -= 1;
      block.fill(0);
      before += bits.number(bits.symbol(dc));
      block[0] = before * steps[0];
      for (let index = 1; index < 64; index += 1) {
        const symbol = bits.symbol(ac);
        const size = symbol & 15;
        if (size === 0) {
          if (symbol !== 0xf0) break;
          index += 15;
          continue;
        }
        index += symbol >> 4;
        if (index > 63) throw new BadStream();
        const place = ZIGZAG[index];
        block[place] = bits.number(size) * steps[place];
      }
      inverse(block, room, shown, precision);
      for (let row = 0; row < 8 && top + row < rows; row += 1) {
        for (let column = 0; column < 8 && side + column < columns; column += 1) {
          values[(top + row) * columns + side + column] = shown[8 * row + column];
        }
      }
    }
  }
  bits.check();
  return values;
}

// libjpeg's accurate integer inverse DCT; doubles hold its 64-bit numbers exactly.
function inverse(block, room, shown, precision) {
  const extra = precision === 8 ? 2 : 1;
  for (let column = 0; column < 8; column += 1) {
    half(block, column, 8, room, 2 ** (13 - extra));
  }
  const middle = 1 << (precision - 1);
  const most = (1 << precision) - 1;
  for (let row = 0; row < 64; row += 8) {
    half(room, row, 1, room, 2 ** (13 + extra + 3));
    for (let at = row; at < row + 8; at += 1) shown[at] = Math.min(Math.max(room[at] + middle, 0), most);
  }
}

// Eight values in a line, `step` apart, transformed and divided by `scale` with rounding.
function half(from, start, step, into, scale) {
  const at = (index) => from[start + index * step];
  const shared = (at(2) + at(6)) * 4433;
  const even2 = shared - at(6) * 15137;
  const even3 = shared + at(2) * 6270;
  const even0 = (at(0) + at(4)) * 8192;
  const even1 = (at(0) - at(4)) * 8192;
  const [s7, s5, s3, s1] = [at(7), at(5), at(3), at(1)];
  const all = (s7 + s3 + s5 + s1) * 9633;
  const z1 = (s7 + s1) * -7373;
  const z2 = (s5 + s3) * -20995;
  const z3 = (s7 + s3) * -16069 + all;
  const z4 = (s5 + s1) * -3196 + all;
  const odd0 = s7 * 2446 + z1 + z3;
  const odd1 = s5 * 16819 + z2 + z4;
  const odd2 = s3 * 25172 + z2 + z3;
  const odd3 = s1 * 12299 + z1 + z4;
  const put = (index, value) => {
    into[start + index * step] = Math.floor((value + scale / 2) / scale);
  };
  put(0, even0 + even3 + odd3);
  put(7, even0 + even3 - odd3);
  put(1, even1 + even2 + odd2);
  put(6, even1 + even2 - odd2);
  put(2, even1 - even2 + odd1);
  put(5, even1 - even2 - odd1);
  put(3, even0 - even3 + odd0);
  put(4, even0 - even3 - odd0);
}
