// Runs the browser's de-identification: a line of standard input is {profile, content, what} with the content in
// base64, a line of output what came of it. `what` is deidentify, residuals or explain.
import { createInterface } from "node:readline";

import { Unreadable, deidentify, residuals } from "../../static/js/deidentify/engine.js";
import { explain } from "../../static/js/deidentify/explain.js";
import { fflate } from "../../static/js/vendor.js";

const { inflateSync: inflate } = await fflate();
const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const profiles = new Map();

const does = {
  deidentify(bytes, profile) {
    const { header, pixels, pixelAt, pixelEnd, changes } = deidentify(bytes, profile, { inflate });
    return { header: base64(header), pixels: base64(pixels), pixelAt, pixelEnd, changes };
  },
  residuals: (bytes, profile) => residuals(bytes, profile, { inflate }),
  explain: (bytes, profile) => explain(bytes, profile, { inflate }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { profile, content, what } = JSON.parse(line);
  if (!profiles.has(profile)) profiles.set(profile, JSON.parse(profile));
  try {
    console.log(JSON.stringify(does[what](new Uint8Array(Buffer.from(content, "base64")), profiles.get(profile))));
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    console.log(JSON.stringify({ refused: error.message }));
  }
}
