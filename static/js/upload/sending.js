// Sends batches, a few at a time; a batch that fails is tried again after a rest, then given back to the caller.

import { batchesOf, bytesOf } from "./batches.js";

const AT_ONCE = 3;
const RESTS_MS = [1000, 4000, 10000];
const HASHED_UP_TO = 64 * 1024 * 1024;

// The server says no, in a sentence: trying again would not help.
export class Refused extends Error {}

export class SignedOut extends Refused {
  constructor() {
    super("You were signed out. Sign in again in another tab, then press Send what is missing.");
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function post(url, csrf, body = null) {
  const response = await fetch(url, {
    method: "POST",
    body,
    headers: { Accept: "application/json", "X-CSRFToken": csrf },
  });
  if (new URL(response.url).pathname.startsWith("/accounts/login/")) throw new SignedOut();
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.detail ?? `The server could not do this (${response.status}).`);
  return answer;
}

// XMLHttpRequest, because fetch does not tell how much of a request has gone out.
function sendBatch(url, csrf, batch, onSent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("more", "true");
    for (const { file, path } of batch) {
      form.append("path", path);
      form.append("files", file, file.name);
    }
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", csrf);
    request.upload.onprogress = (event) => onSent(event.loaded / Math.max(1, event.total));
    request.onerror = () => reject(new Error("The connection broke off."));
    request.ontimeout = request.onerror;
    request.onload = () => {
      if (new URL(request.responseURL, location.href).pathname.startsWith("/accounts/login/")) {
        reject(new SignedOut());
      } else if (request.status >= 200 && request.status < 300) {
        resolve(JSON.parse(request.responseText).outcomes);
      } else if (request.status === 409 || request.status === 403 || request.status === 404) {
        let detail = "This submission takes no files any more. Load the page again to see where it stands.";
        try {
          detail = JSON.parse(request.responseText).detail ?? detail;
        } catch {
          // An answer that is no JSON comes from a proxy; the sentence above stands.
        }
        reject(new Refused(detail));
      } else if (request.status === 413) {
        reject(new Refused("A server on the way refuses requests of this size. Tell the core lab: error 413."));
      } else {
        reject(new Error(`The server answered with error ${request.status}.`));
      }
    };
    request.send(form);
  });
}

async function patiently(act, onRest) {
  for (const rest of RESTS_MS) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof Refused) throw error;
      onRest(error, rest);
      await pause(rest);
    }
  }
  return act();
}

// Sends `items`; returns those that did not arrive and why. `on` is told: progress(bytes, files), rest(error, ms).
export async function sendAll(items, { url, csrf, on }) {
  const waiting = batchesOf(items);
  const unsent = [];
  const partly = new Map();
  let bytes = 0;
  let count = 0;
  let refusal = null;
  let trouble = null;
  const tell = () => on.progress(bytes + [...partly.values()].reduce((sum, part) => sum + part, 0), count);

  async function sender() {
    for (let batch = waiting.shift(); batch; batch = waiting.shift()) {
      if (refusal) {
        unsent.push(...batch);
        continue;
      }
      const size = bytesOf(batch);
      try {
        await patiently(
          () =>
            sendBatch(url, csrf, batch, (share) => {
              partly.set(batch, share * size);
              tell();
            }),
          on.rest,
        );
        bytes += size;
        count += batch.length;
      } catch (error) {
        if (error instanceof Refused) refusal = error;
        trouble = error;
        unsent.push(...batch);
      }
      partly.delete(batch);
      tell();
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  return { unsent, refusal, trouble };
}

async function sha256(file) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Leaves out what the server has already. Where the browser cannot hash, everything is sent: the server keeps it once.
export async function missing(items, url, onLooked) {
  if (!crypto.subtle) return items;
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) return items;
  const arrived = new Set((await response.json()).sha256);
  const left = [];
  for (const [index, item] of items.entries()) {
    const known = item.file.size > 0 && item.file.size <= HASHED_UP_TO && arrived.has(await sha256(item.file));
    if (!known) left.push(item);
    onLooked(index + 1);
  }
  return left;
}
