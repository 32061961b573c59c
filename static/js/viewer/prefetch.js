// While a case is open and nobody waits: the first slices of its series, then pictures and slices of the case that comes
// next, so that both are there at once. Nothing is claimed by it, nothing counts as work, and not where data is saved.

import { outwards } from "./order.js";
import { fetchIndex, fetchSlice, middleOf } from "./source.js";

/** Slices of a series that are fetched ahead. */
export const AHEAD = 5;

/** The places with which a viewer of this series begins. */
export function firstPlaces(index, most = AHEAD) {
  return [...outwards(middleOf(index), index.numbers.length)].slice(0, most);
}

const QUIET = { priority: "low" };
const IDLE_MS = 5000;

/** Wait until nobody looks at slices, the page is in sight and the browser has nothing to do. */
async function quiet(dialog) {
  while (dialog.open || document.visibilityState !== "visible") {
    await new Promise((goOn) => {
      dialog.addEventListener("close", goOn, { once: true });
      document.addEventListener("visibilitychange", goOn, { once: true });
    });
  }
  await new Promise((goOn) => (globalThis.requestIdleCallback ?? setTimeout)(goOn, { timeout: IDLE_MS }));
}

async function fetchSeries(address, dialog) {
  const index = await fetchIndex(address, QUIET);
  for (const place of firstPlaces(index)) {
    await quiet(dialog);
    await fetchSlice(address, index, place, QUIET);
  }
}

async function fetchAhead(dialog) {
  const tryIt = async (fetching) => {
    await quiet(dialog);
    // What cannot be had ahead is said when it is asked for.
    return fetching().catch(() => undefined);
  };
  const own = new Set([...document.querySelectorAll("[data-viewer]")].map((opener) => opener.dataset.viewer));
  for (const address of own) await tryIt(() => fetchSeries(address, dialog));
  if (!dialog.dataset.upcoming) return;
  const next = await tryIt(() => fetchIndex(dialog.dataset.upcoming, QUIET));
  for (const address of next?.pictures ?? []) await tryIt(async () => (await fetch(address, QUIET)).arrayBuffer());
  for (const address of next?.slices ?? []) await tryIt(() => fetchSeries(address, dialog));
}

const dialog = globalThis.document?.getElementById("viewer");
if (dialog && !navigator.connection?.saveData) {
  if (document.readyState === "complete") fetchAhead(dialog);
  else addEventListener("load", () => fetchAhead(dialog), { once: true });
}
