// The reading page of a study: tells the server every ten seconds that the analyst works on the scan in view, covers
// the scan and lets the clock stand when they look away, and saves with Enter. The server alone counts the time.

import { beatIsDue, inWords, STILL_AT_WORK_MS } from "./review-clock.js";
import { say } from "./toast.js";

const desk = document.querySelector("[data-reading]");
const form = desk.querySelector("[data-reading-form]");
const cover = desk.querySelector("[data-cover]");
const shown = desk.querySelectorAll("[data-uncovered]");
const save = form.querySelector("[data-save]");
const time = document.querySelector("[data-clock-time]");
const token = form.querySelector("[name=csrfmiddlewaretoken]").value;

let lastSign = Date.now();
let lastBeat = Date.now();
let covered = false;
let leaving = false;
let ticking = 0;

const ask = (address) =>
  fetch(address, { method: "POST", headers: { "X-CSRFToken": token }, keepalive: true, redirect: "manual" });

function lost(sentence) {
  leaving = true;
  clearInterval(ticking);
  for (const part of shown) part.hidden = true;
  save.disabled = true;
  document.querySelector("[data-lost] [data-sentence]").textContent = sentence;
  document.querySelector("[data-lost]").hidden = false;
}

function show(isCovered) {
  covered = isCovered;
  for (const part of shown) part.hidden = isCovered;
  if (isCovered) document.getElementById("picture-dialog")?.close();
  cover.hidden = !isCovered;
  for (const control of form.elements) control.disabled = isCovered;
  if (isCovered && document.visibilityState === "visible") cover.querySelector("[data-uncover]").focus();
}

async function pause() {
  if (covered || leaving) return;
  show(true);
  try {
    await ask(desk.dataset.pause);
  } catch {
    // The server counts no gap of more than its limit, so a pause that is not heard of costs nothing false.
  }
}

async function goOn() {
  try {
    const answer = await ask(desk.dataset.begin);
    // A redirect leads to the scan to read: this one, unless another window went on.
    if (answer.type !== "opaqueredirect" && !answer.ok) {
      lost("This scan cannot be read on. Your readings say what is open.");
      return;
    }
    lastSign = lastBeat = Date.now();
    show(false);
    save.focus();
    await beat();
  } catch {
    say("The server cannot be reached, so the scan stays covered. Try again in a moment.", "warn");
  }
}

async function beat() {
  lastBeat = Date.now();
  try {
    const answer = await ask(desk.dataset.beat);
    if (answer.ok) time.textContent = inWords((await answer.json()).active_seconds);
    else if (answer.type === "opaqueredirect") lost("You are signed out. Sign in again and go on with this scan.");
    else if (answer.status === 409 && !leaving) lost((await answer.json()).detail);
  } catch {
    say("The server cannot be reached, so no time is counted now. The page goes on by itself.", "warn");
  }
}

function tick() {
  if (covered || leaving) return;
  const now = Date.now();
  const visible = document.visibilityState === "visible";
  if (now - lastSign > STILL_AT_WORK_MS) pause();
  else if (beatIsDue({ now, lastSign, lastBeat, visible })) beat();
}

for (const event of ["pointerdown", "pointermove", "wheel", "keydown", "scroll", "touchmove"]) {
  addEventListener(
    event,
    () => {
      lastSign = Date.now();
    },
    { passive: true, capture: true },
  );
}
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") pause();
});
cover.querySelector("[data-uncover]").addEventListener("click", goOn);

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.altKey || covered || leaving) return;
  if (document.querySelector("dialog[open]") || event.target.closest?.("a, button, summary")) return;
  event.preventDefault();
  form.requestSubmit(save);
});

form.addEventListener("submit", (event) => {
  if (leaving) event.preventDefault();
  leaving = true;
});

show(false);
ticking = setInterval(tick, 1000);
