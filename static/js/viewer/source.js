// What the server says of a series' slices: their index, and the values of one.

import { Undrawable } from "./slices.js";

const SIGNED_OUT = "You are signed out. Close the viewer and sign in again.";

async function refusal(answer) {
  const told = answer.headers.get("Content-Type")?.startsWith("application/json") ? (await answer.json()).detail : "";
  return new Undrawable(told || `The server answered with error ${answer.status}. Close the viewer and open it again.`);
}

/** The index of a series. Throws Undrawable with the sentence that says why there is none. */
export async function fetchIndex(address, options = {}) {
  const answer = await fetch(address, { headers: { Accept: "application/json" }, ...options });
  if (answer.redirected) throw new Undrawable(SIGNED_OUT);
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

/** Where the values of a slice stand; under this address they never change. */
export function sliceAddress(address, index, place) {
  return `${address}${place}/?v=${index.version}`;
}

/** The values of one slice, row by row. */
export async function fetchSlice(address, index, place, options = {}) {
  const answer = await fetch(sliceAddress(address, index, place), options);
  if (answer.redirected) throw new Undrawable(SIGNED_OUT);
  if (answer.status >= 500) throw new Error(`${answer.status}`);
  if (!answer.ok) throw await refusal(answer);
  const values = new Int16Array(await answer.arrayBuffer());
  if (values.length !== index.rows * index.columns) throw new Undrawable(`Slice ${place + 1} came incomplete.`);
  return values;
}

/** Where the viewer begins: the slice in the middle of the series. */
export function middleOf(index) {
  return index.numbers.length >> 1;
}
