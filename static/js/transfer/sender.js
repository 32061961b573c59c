// Sends de-identified objects in parts, a few at a time. A broken connection, a restarted server or a full disk make it
// rest and go on where it stopped, for as long as it takes; only a refusal ends it.

import { tus } from "../vendor.js";
import { partsOf, sizeOf, tableOf } from "./packing.js";
import { Cancelled, judged, Refused, SignedOut } from "./refusals.js";

const AT_ONCE = 3;
const CHUNK_BYTES = 8 * 1024 * 1024;
const RESTS_MS = [1000, 2000, 5000, 10_000, 20_000, 30_000];
const ASK_AGAIN_MS = 2000;
const TRIES = 3;

const CHANGED =
  "A file is not what it was when it was checked. Choose the folder again, so that it is read once more; nothing is lost.";

const UNREADABLE = "A file of the scan cannot be read any more. Choose its folder again; only what is missing is sent.";

/**
 * Send instances and return {done, pause, resume, cancel}.
 *
 * `done` resolves when every byte is at the core lab, and rejects with Refused, SignedOut, Cancelled or what `objectOf`
 * says. `parts` are those that the server has begun to receive, as it tells them. `on` is told progress(bytes, total) and
 * rest(error, ms). `rests` and `httpStack` are for places that are no browser.
 */
export function send({ instances, parts: begun = [], objectOf, partsUrl, csrf, on, rests = RESTS_MS, httpStack }) {
  const parts = partsOf(instances, begun);
  const total = parts.reduce((sum, part) => sum + sizeOf(part.instances), 0);
  const sent = new Map(parts.map((part) => [part, part.offset]));
  const tell = () => on.progress([...sent.values()].reduce((sum, bytes) => sum + bytes, 0), total);
  const gate = new Gate();
  const waiting = [...parts];

  async function sender() {
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      await gate.open();
      await sendPart(part);
      sent.set(part, sizeOf(part.instances));
      tell();
    }
  }

  async function sendPart(part) {
    const upload = new (await tus()).Upload(await packed(part, objectOf), {
      endpoint: partsUrl,
      uploadUrl: part.url && new URL(part.url, globalThis.location?.href ?? partsUrl).href,
      chunkSize: CHUNK_BYTES,
      retryDelays: null,
      storeFingerprintForResuming: false,
      ...(httpStack && { httpStack }),
      onBeforeRequest: (request) => {
        request.setHeader("Accept", "application/json");
        request.setHeader("X-CSRFToken", token(csrf));
      },
      onProgress: (bytes) => {
        sent.set(part, bytes);
        tell();
      },
    });
    let fruitless = 0;
    for (;;) {
      await gate.open();
      const before = sent.get(part);
      const trouble = await attempt(upload, gate);
      if (!trouble) return;
      if (trouble === Gate.CLOSED) continue;
      const error = judged(trouble);
      if (error instanceof Refused) throw error;
      fruitless = sent.get(part) > before ? 0 : fruitless + 1;
      const ms = rests[Math.min(fruitless, rests.length - 1)];
      on.rest(error, ms);
      await gate.pause(ms);
    }
  }

  const work = Promise.all(Array.from({ length: Math.min(AT_ONCE, parts.length) }, sender));
  // One sender that is refused stops the others; what they were sending stays where it is.
  const done = Promise.race([work, gate.ended]).then(tell, (error) => {
    gate.end(error);
    throw error;
  });
  work.catch(() => {});
  return {
    done,
    pause: () => gate.close(),
    resume: () => gate.reopen(),
    cancel: () => gate.end(new Cancelled()),
  };
}

/**
 * Send what the server says is missing until nothing is, and wait for what becomes of it; `done` resolves with its
 * answer: state "transferred", or another when the transfer was stopped or something was set aside. `on.whole()` tells
 * that nothing is missing any more.
 */
export function transfer({ missingUrl, askAgainMs = ASK_AGAIN_MS, fetcher = fetch, ...options }) {
  let current = null;
  let cancelled = false;
  let paused = false;

  async function run() {
    const rounds = new Map();
    for (;;) {
      const left = await patiently(() => ask(missingUrl, fetcher), options);
      if (cancelled) throw new Cancelled();
      if (left.state !== "sending") return left;
      if (left.instances.length) {
        refuseWhatNeverArrives(left.instances, rounds);
        current = send({ ...options, instances: left.instances, parts: left.parts });
        if (paused) current.pause();
        await current.done;
        current = null;
      } else {
        options.on.whole?.();
        await rest(askAgainMs);
      }
    }
  }

  return {
    done: run(),
    pause() {
      paused = true;
      current?.pause();
    },
    resume() {
      paused = false;
      current?.resume();
    },
    cancel() {
      cancelled = true;
      current?.cancel();
    },
  };
}

/** The gate that all senders pass: closed while paused, ended for good by a refusal or by the person. */
class Gate {
  static CLOSED = Symbol("closed");

  #opened = Promise.resolve();
  #letThrough = null;
  #uploads = new Set();
  #end;

  constructor() {
    this.ended = new Promise((_, reject) => {
      this.#end = reject;
    });
    this.ended.catch(() => {});
  }

  open() {
    return Promise.race([this.ended, this.#opened]);
  }

  pause(ms) {
    return Promise.race([this.ended, restUntilOnline(ms)]);
  }

  watch(stop) {
    this.#uploads.add(stop);
    return () => this.#uploads.delete(stop);
  }

  close() {
    if (this.#letThrough) return;
    this.#opened = new Promise((resolve) => {
      this.#letThrough = resolve;
    });
    for (const stop of [...this.#uploads]) stop();
  }

  reopen() {
    this.#letThrough?.();
    this.#letThrough = null;
  }

  end(error) {
    this.#end(error);
    for (const stop of [...this.#uploads]) stop();
  }
}

/** Let an upload run; null when it has arrived, Gate.CLOSED when it was stopped, else what went wrong. */
function attempt(upload, gate) {
  return new Promise((resolve) => {
    const leave = gate.watch(async () => {
      await upload.abort().catch(() => {});
      end(Gate.CLOSED);
    });
    const end = (outcome) => {
      leave();
      resolve(outcome);
    };
    upload.options.onSuccess = () => end(null);
    upload.options.onError = end;
    upload.start();
  });
}

async function packed(part, objectOf) {
  const objects = [];
  for (const { sha256, size } of part.instances) {
    const object = await objectOf(sha256).catch((error) => {
      // What the browser says of a file that was moved, or of a disc that was taken out.
      throw error instanceof DOMException ? new Refused(UNREADABLE) : error;
    });
    if (object.byteLength !== size) throw new Refused(CHANGED);
    objects.push(object);
  }
  return new Blob([tableOf(part.instances), ...objects]);
}

async function ask(url, fetcher) {
  const response = await fetcher(url, { headers: { Accept: "application/json" }, cache: "no-store" });
  if (response.redirected && new URL(response.url).pathname.startsWith("/accounts/login/")) throw new SignedOut();
  if (response.ok) return response.json();
  const { detail } = await response.json().catch(() => ({}));
  const sentence = detail ?? `The server answered with error ${response.status}.`;
  throw response.status < 500 && response.status !== 429 ? new Refused(sentence) : new Error(sentence);
}

async function patiently(act, { on, rests = RESTS_MS }) {
  for (let tried = 0; ; tried += 1) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof Refused) throw error;
      const ms = rests[Math.min(tried, rests.length - 1)];
      on.rest(error instanceof TypeError ? new Error("The server cannot be reached.") : error, ms);
      await restUntilOnline(ms);
    }
  }
}

// What arrives damaged is asked for again; what never arrives whole will not do so the next time either.
function refuseWhatNeverArrives(instances, rounds) {
  for (const { sha256 } of instances) {
    rounds.set(sha256, (rounds.get(sha256) ?? 0) + 1);
    if (rounds.get(sha256) > TRIES) throw new Refused(CHANGED);
  }
}

const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A laptop that is opened again, or a cable that is back, need not wait for the rest to be over.
function restUntilOnline(ms) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    globalThis.addEventListener?.("online", end);
  });
}

// After signing in again in another tab the form of this page holds an old token; the cookie has the new one.
function token(given) {
  const cookie = globalThis.document?.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  return cookie ? cookie[1] : given;
}
