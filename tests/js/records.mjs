// Reads files as the browser does and prints what it says of each: one JSON value a line of standard input's paths.
import { openAsBlob } from "node:fs";
import { createInterface } from "node:readline";

import { Refused } from "../../static/js/precheck/refusals.js";
import { readHeader } from "../../static/js/precheck/reading.js";

let index = 0;
for await (const path of createInterface({ input: process.stdin })) {
  try {
    const { record, spans } = await readHeader(await openAsBlob(path), index);
    console.log(JSON.stringify({ record, spans }));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(JSON.stringify({ code: error.code, reason: error.message }));
  }
  index += 1;
}
