// Says something to the reader in the corner of the page, in the look of Django's messages.
// From a module: say("Transferred.", "ok"). From the server: the header HX-Trigger: {"say": {"text": …, "tone": "ok"}}.

import { icon } from "./icon.js";

const ICONS = { ok: "check-circle", warn: "warn", block: "block", info: "info" };

/** Show a sentence; the answer takes it away again, where it is true no more. */
export function say(text, tone = "info") {
  const box = document.getElementById("toasts");
  for (const earlier of box.querySelectorAll(".toast")) {
    if (earlier.querySelector("div").textContent.trim() === text) earlier.remove();
  }
  const toast = document.createElement("div");
  toast.className = `toast tone-${tone}`;
  const words = document.createElement("div");
  words.textContent = text;
  const close = document.createElement("button");
  close.className = "button button-quiet button-small";
  close.type = "button";
  close.dataset.dismisses = "";
  close.title = "Dismiss";
  close.setAttribute("aria-label", "Dismiss");
  close.append(icon("cross"));
  toast.append(icon(ICONS[tone]), words, close);
  box.append(toast);
  return () => toast.remove();
}

document.addEventListener("click", (event) => {
  event.target.closest("[data-dismisses]")?.closest(".toast").remove();
});

document.addEventListener("say", (event) => say(event.detail.text, event.detail.tone));
