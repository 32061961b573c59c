// Sends the files of a folder, each named by its SHA-256, as the page does; prints what became of it as one JSON value.
// Standard input: {origin, missing, parts, cookie, csrf, folder, pauseAt, cancelAt, rests, aloud}.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { transfer } from "../../static/js/transfer/sender.js";
import { FetchStack } from "./http_stack.mjs";

const given = JSON.parse(await new Response(process.stdin).text());
const headers = { Cookie: given.cookie, Referer: `${given.origin}/` };
const told = { progress: [], rests: [], sent_seconds: null };
const started = performance.now();
const running = transfer({
  missingUrl: given.origin + given.missing,
  partsUrl: given.origin + given.parts,
  csrf: given.csrf,
  objectOf: async (sha256) => new Uint8Array(await readFile(join(given.folder, sha256))),
  fetcher: (url, options) => fetch(url, { ...options, headers: { ...options.headers, ...headers } }),
  httpStack: new FetchStack(headers),
  rests: given.rests ?? [50],
  askAgainMs: 50,
  on: {
    progress(bytes, total) {
      told.progress.push([bytes, total]);
      if (given.aloud) console.error(bytes);
      if (bytes === total) told.sent_seconds = (performance.now() - started) / 1000;
      if (bytes >= given.cancelAt) running.cancel();
      if (bytes >= given.pauseAt) {
        given.pauseAt = Infinity;
        running.pause();
        setTimeout(running.resume, 200);
      }
    },
    rest: (error, ms) => told.rests.push([error.message, ms]),
  },
});
const outcome = await running.done.then(
  (answer) => ({ state: answer.state }),
  (error) => ({ refused: error.constructor.name, sentence: error.message }),
);
console.log(JSON.stringify({ ...outcome, ...told }));
// A rest of a sender that was stopped is not waited for.
process.exit(0);
