// A worker of the pool: does one task after the other, as they are asked for.

import * as tasks from "./tasks.js";

self.addEventListener("message", async ({ data: { id, kind, given } }) => {
  try {
    const answer = await tasks[kind](given);
    self.postMessage({ id, answer }, transferable(answer));
  } catch (error) {
    self.postMessage({ id, error: { message: error.message, code: error.code, name: error.name } });
  }
});

// What is large is handed over instead of copied.
function transferable(answer) {
  if (answer instanceof Uint8Array) return [answer.buffer];
  if (answer?.highest) return [...answer.highest, ...answer.sums, ...answer.middles].map((values) => values.buffer);
  return answer?.pictures ? Object.values(answer.pictures).map((values) => values.buffer) : [];
}
