// Digests series as the browser does. A line of standard input is {files: [[index, path]…], plan, profile}; a line of
// output {replan: [index…]} asks for one more plan, a line {reading, pictures} (base64) is the answer.
import { openAsBlob } from "node:fs";
import { createInterface } from "node:readline";

import { digestFiles } from "../../static/js/precheck/series.js";
import * as tasks from "../../static/js/precheck/tasks.js";

// Two workers would share the tasks; here one does them all, which changes nothing in what comes out.
const pool = {
  run: (kind, given) => tasks[kind](given),
  everywhere: async (kind, given) => [await tasks[kind](given)],
};

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const nextLine = async () => JSON.parse((await lines.next()).value ?? "null");

for (let asked = await nextLine(); asked; asked = await nextLine()) {
  const { files, plan, profile = null } = asked;
  const known = new Map();
  for (const [index, path] of files) {
    const source = { file: await openAsBlob(path) };
    const [{ place }] = await tasks.read({ items: [{ index, source }] });
    known.set(index, { source, path, place });
  }
  const replan = (indices) => {
    console.log(JSON.stringify({ replan: indices }));
    return nextLine();
  };
  const { reading, pictures } = await digestFiles(known, plan, { pool, profile, replan });
  for (const [name, picture] of Object.entries(pictures)) pictures[name] = Buffer.from(picture).toString("base64");
  console.log(JSON.stringify({ reading, pictures }));
}
