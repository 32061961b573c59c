// Tells the server every ten seconds that the analyst is at work on the case; the server alone counts the time.
// At work: the page is visible, and a hand was on mouse, wheel, screen or keys in the last half minute.

import { say } from "./toast.js";
import { seriesInView } from "./viewer/in-view.js";

export const BEAT_MS = 10_000;
export const STILL_AT_WORK_MS = 30_000;
export const WARN_BEFORE_MS = 3 * 60_000;

/** Whether a sign of work is due. Times in milliseconds; lastBeat is when the last one was sent. */
export function beatIsDue({ now, lastSign, lastBeat, visible }) {
  return visible && now - lastSign <= STILL_AT_WORK_MS && now - lastBeat >= BEAT_MS;
}

/** Whether to warn that the case is about to go back to the queue for want of a sign of work. */
export function leaveIsNear({ now, lastBeat, backAfter }) {
  return now - lastBeat >= backAfter - WARN_BEFORE_MS && now - lastBeat < backAfter;
}

/** Seconds as the page writes them: "45 s", "1 min 20 s". */
export function inWords(seconds) {
  const whole = Math.round(seconds);
  const parts = [
    [Math.floor(whole / 3600), "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ].filter(([number]) => number > 0);
  return (parts.length ? parts.slice(0, 2) : [[0, "s"]]).map(([number, unit]) => `${number}\u00a0${unit}`).join("\u00a0");
}

function start(clock) {
  const time = clock.querySelector("[data-clock-time]");
  const token = document.querySelector("#decision [name=csrfmiddlewaretoken]").value;
  let lastSign = Date.now();
  let lastBeat = -Infinity;
  let ticking = 0;
  let unwarn = null;
  const backAfter = Number(clock.dataset.backAfter) * 1000;

  const stop = (sentence) => {
    clearInterval(ticking);
    unwarn?.();
    document.querySelector("[data-case-lost] [data-sentence]").textContent = sentence;
    document.querySelector("[data-case-lost]").hidden = false;
    document.querySelector("#decision .decision-confirm").disabled = true;
  };

  const beat = async () => {
    const now = Date.now();
    if (!unwarn && leaveIsNear({ now, lastBeat, backAfter })) {
      unwarn = say("No sign of work for a while: this case goes back to the queue in 3 minutes. Press a key or move the mouse to keep it.", "warn");
    }
    if (!beatIsDue({ now, lastSign, lastBeat, visible: document.visibilityState === "visible" })) return;
    lastBeat = now;
    try {
      const body = new URLSearchParams({ series: seriesInView() ?? "" });
      const answer = await fetch(clock.dataset.clock, { method: "POST", headers: { "X-CSRFToken": token }, body });
      if (answer.redirected) {
        stop("You are signed out. Sign in again; what you have typed stays in this browser.");
      } else if (answer.ok) {
        unwarn?.();
        unwarn = null;
        time.textContent = inWords((await answer.json()).active_seconds);
      } else if (answer.status === 403) {
        stop((await answer.json()).detail);
      }
    } catch {
      say("The server cannot be reached, so no time is counted now. The page goes on by itself.", "warn");
    }
  };

  const sign = () => {
    lastSign = Date.now();
    if (lastSign - lastBeat >= BEAT_MS) beat();
  };
  for (const event of ["pointerdown", "pointermove", "wheel", "keydown", "scroll", "touchmove"]) {
    addEventListener(event, sign, { passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", beat);
  // Who comes back to a case after a pause is at work from here on, not only from the first beat after it.
  beat();
  lastBeat = Math.max(lastBeat, lastSign);
  ticking = setInterval(beat, 1000);
}

if (typeof document !== "undefined") {
  const clock = document.querySelector("[data-clock]");
  if (clock) start(clock);
}
