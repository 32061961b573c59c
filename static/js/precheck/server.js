// What the page says to the server before the transfer: header records that name nobody, and pictures. Never a file.

import { Refused, SignedOut } from "../upload/sending.js";

export { Refused, SignedOut };

const RECORDS_AT_ONCE = 400;
const RESTS_MS = [1000, 4000, 10000];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Tried again and again, in vain: the line or the server is down.
export class Unreachable extends Error {}

// The connection breaks off or the server is restarted: tried again after a rest. What it refuses stays refused.
async function patiently(act, signal) {
  for (const rest of RESTS_MS) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof Refused || signal?.aborted) throw error;
      await pause(rest);
    }
  }
  try {
    return await act();
  } catch (error) {
    throw error instanceof Refused || signal?.aborted ? error : new Unreachable(error.message);
  }
}

async function answerOf(response) {
  if (new URL(response.url).pathname.startsWith("/accounts/login/")) throw new SignedOut();
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const sentence = answer.detail ?? REFUSALS[response.status];
  if (sentence || response.status < 500) throw new Refused(sentence ?? `The server could not do this (${response.status}).`);
  throw new Error(`The server answered with error ${response.status}.`);
}

const REFUSALS = {
  403: "You may not send for this visit, or you signed in anew in another tab. Load the page again.",
  404: "This visit is no longer here. Load the page again to see what is.",
  413: "A server on the way refuses requests of this size. Tell the core lab: error 413.",
};

export class Server {
  constructor(scan) {
    this.beginAt = scan.dataset.begin;
    this.page = scan.dataset.page;
    this.csrf = scan.querySelector("[name=csrfmiddlewaretoken]").value;
    this.to = scan.dataset.addresses ? JSON.parse(scan.dataset.addresses) : null;
  }

  // The addresses of the submission at hand; begun when there is none.
  async begin() {
    this.to ??= await this.post(this.beginAt);
    return this.to;
  }

  // Whoever signs in again gets a new token; it stands on each page.
  async renew() {
    const response = await fetch(this.page);
    if (new URL(response.url).pathname.startsWith("/accounts/login/")) throw new SignedOut();
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    this.csrf = page.querySelector("[name=csrfmiddlewaretoken]")?.value ?? this.csrf;
  }

  get(url, signal) {
    return patiently(async () => answerOf(await fetch(url, { headers: { Accept: "application/json" }, signal })), signal);
  }

  post(url, body = null, { signal, type } = {}) {
    const headers = { Accept: "application/json", "X-CSRFToken": this.csrf, ...(type && { "Content-Type": type }) };
    return patiently(async () => answerOf(await fetch(url, { method: "POST", body, headers, signal })), signal);
  }

  // One reading plan per series, in their order; asked for in requests of bounded size.
  async describe(series, signal) {
    const plans = [];
    let some = [];
    let records = 0;
    const ask = async () => {
      if (!some.length) return;
      const body = JSON.stringify({ series: some.map((each) => ({ headers: each.records })) });
      const answer = await this.post(this.to.describe, body, { signal, type: "application/json" });
      plans.push(...answer.series.map((each) => each.plan));
      some = [];
      records = 0;
    };
    for (const each of series) {
      if (records + each.records.length > RECORDS_AT_ONCE) await ask();
      some.push(each);
      records += each.records.length;
    }
    await ask();
    return plans;
  }

  async digest(series, { reading, pictures }, signal) {
    const form = new FormData();
    const json = JSON.stringify({ headers: series.records, reading });
    form.append("series", new Blob([json], { type: "application/json" }), "series.json");
    for (const [name, picture] of Object.entries(pictures)) {
      form.append(name, new Blob([await deflated(picture)]), name);
    }
    return this.post(this.to.digest, form, { signal });
  }
}

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}
