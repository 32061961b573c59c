// Keys: [data-key="a"] is pressed (or, when it is a field, focused) by the key a; "g w" is g, then w.
// Where several have the same key, the one of the series that the reader looks at is meant. A key that opens a <summary>
// puts the focus into its first field, Esc closes it again.
// `?` lists the keys of the page with their data-key-label. j and k step through the rows of [data-rows], else through
// the series of the page.
// WCAG 2.1.4: the list has a switch that turns single keys off; it is remembered in this browser.

import { seriesInView } from "./viewer/in-view.js";

const OFF = "coreqc_keys_off";
const SEQUENCE_MS = 1200;
const FIELDS = "input, select, textarea";

let first = "";
let timer = 0;

const keysAreOn = () => localStorage.getItem(OFF) === null;

function usable(element) {
  return !element.disabled && element.getAttribute("aria-disabled") !== "true" && element.checkVisibility();
}

function find(keys) {
  const dialog = document.querySelector("dialog[open]");
  const scope = dialog ?? document;
  const found = [...scope.querySelectorAll("[data-key]")].filter((element) => element.dataset.key === keys && usable(element));
  if (found.length < 2) return found[0];
  const inView = seriesInView();
  return found.find((element) => inView && element.closest("[data-series]")?.dataset.series === inView) ?? found[0];
}

function act(element) {
  if (element.matches("input:not([type=checkbox], [type=radio], [type=submit]), select, textarea")) element.focus();
  else element.click();
  if (element.matches("summary")) (openedBy(element)?.querySelector(`:is(${FIELDS}):not([type=hidden])`) ?? element).focus();
}

function openedBy(summary) {
  return summary.parentElement.open ? summary.parentElement : null;
}

function stepTo(stops, now, by) {
  const next = now < 0 ? (by > 0 ? 0 : stops.length - 1) : Math.min(Math.max(now + by, 0), stops.length - 1);
  stops[next]?.focus();
  return stops[next];
}

const seriesStops = () => [...document.querySelectorAll("[data-series] [data-viewer]")].filter(usable);

function step(by) {
  const links = [...document.querySelectorAll("[data-rows] .row-link")];
  if (links.length) {
    stepTo(links, links.indexOf(document.activeElement), by);
    return;
  }
  const stops = seriesStops();
  const at = stops.findIndex((stop) => stop.closest("[data-series]").contains(document.activeElement));
  stepTo(stops, at, by)?.closest("[data-series]").scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const target = event.target;
  const typing = target instanceof Element && (target.isContentEditable || target.matches(FIELDS));
  if (typing && !target.matches("[type=checkbox], [type=radio], [type=submit], [type=button], [type=range]")) return;
  if (!keysAreOn() && event.key !== "?") return;
  if (event.key.length !== 1 || event.key === " ") return;

  const key = event.key;
  const element = find(first ? `${first} ${key}` : key) ?? find(key);
  clearTimeout(timer);
  first = "";
  if (element) {
    event.preventDefault();
    act(element);
  } else if ((key === "j" || key === "k") && !document.querySelector("dialog[open]")) {
    step(key === "j" ? 1 : -1);
  } else {
    first = key;
    timer = setTimeout(() => {
      first = "";
    }, SEQUENCE_MS);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const opened = document.activeElement?.closest("details[open]");
  const summary = opened?.querySelector(":scope > summary[data-key]");
  if (!summary) return;
  event.preventDefault();
  opened.open = false;
  summary.focus();
});

function line(keys, label) {
  const name = document.createElement("dt");
  for (const key of keys.split(" ")) {
    const kbd = document.createElement("kbd");
    kbd.className = "kbd";
    kbd.textContent = key;
    name.append(kbd, " ");
  }
  const text = document.createElement("dd");
  text.textContent = label;
  return [name, text];
}

function listKeys(list) {
  const seen = new Map();
  for (const element of document.querySelectorAll("[data-key][data-key-label]")) {
    if (!seen.has(element.dataset.key) && !element.closest("dialog")) seen.set(element.dataset.key, element.dataset.keyLabel);
  }
  if (document.querySelector("[data-rows] .row-link")) seen.set("j k", "Next row, row before; Enter opens it");
  else if (seriesStops().length > 1) seen.set("j k", "Next series, series before");
  if (document.querySelector("a[data-picture]")) seen.set("← →", "Step through enlarged pictures");
  seen.set("Esc", "Close what is open");
  list.replaceChildren(...[...seen].flatMap(([keys, label]) => line(keys, label)));
}

const dialog = document.getElementById("keys-dialog");
if (dialog) {
  const toggle = dialog.querySelector("[data-keys-switch]");
  toggle.checked = keysAreOn();
  toggle.addEventListener("change", () => {
    if (toggle.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });
  document.addEventListener(
    "click",
    (event) => {
      if (event.target.closest("[data-opens='keys-dialog']")) listKeys(dialog.querySelector("[data-keys-list]"));
    },
    true,
  );
}
