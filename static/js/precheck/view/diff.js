// What leaves this computer: an example image of a series before and after the de-identification, row by row.

import { el, icon, titleOf } from "./dom.js";

const KINDS = { changed: "Changed", removed: "Removed", kept: "Kept" };

// What the engine calls "by the table", in words for who sends it.
const BY_TABLE = {
  mapped: "a new UID, the same wherever it stands in this trial",
  shifted: "moved by as many days as all dates of this subject",
  cleaned: "free text, without words that name somebody",
  removed: "may name a person, a place or a day",
  emptied: "may name a person, a place or a day",
  replaced: "may name a person, a place or a day",
};

function whyOf({ action, why }) {
  if (action === "kept") return "names nobody";
  return why === "by the table" ? (BY_TABLE[action] ?? why) : why;
}

const shown = (value) => value || el("span", { class: "faint" }, "empty");

// "(0008,1140)[0] (0008,1150)": an attribute within the first item of a sequence.
const placeOf = ({ path, tag }) => `${path}${tag}`.replace(/([0-9A-F]{4})([0-9A-F]{4})/gi, "($1,$2)").replaceAll(".", " ");

function row(change) {
  return el(
    "tr",
    { "data-kind": change.kind },
    el("th", { scope: "row" }, change.name || "Private", el("span", { class: "mono faint tag" }, ` ${placeOf(change)}`)),
    el("td", { "data-label": "In the scan" }, change.action === "added" ? el("span", { class: "faint" }, "not there") : shown(change.before)),
    el("td", { "data-label": "What leaves" }, change.kind === "removed" ? el("span", { class: "faint" }, "removed") : shown(change.after)),
    el("td", { "data-label": "Why", class: "muted" }, whyOf(change)),
  );
}

function table(changes) {
  return el(
    "div",
    { class: "table-box table-box-tall", tabindex: "0", role: "region", "aria-label": "Attributes before and after" },
    el(
      "table",
      { class: "table table-cards diff" },
      el("thead", {}, el("tr", {}, ...["Attribute", "In the scan", "What leaves", "Why"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...changes.map(row)),
    ),
  );
}

function filters(changes, body) {
  const number = (kind) => changes.filter((change) => change.kind === kind).length;
  const buttons = [["", "All", changes.length], ...Object.entries(KINDS).map(([kind, word]) => [kind, word, number(kind)])].map(
    ([kind, word, count]) =>
      el("button", { type: "button", "data-kind": kind, "aria-pressed": kind ? "false" : "true" }, `${word} `, el("span", { class: "count" }, String(count))),
  );
  const box = el("div", { class: "segments", role: "group", "aria-label": "Show" }, ...buttons);
  box.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (!pressed) return;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === pressed));
    body.replaceChildren(table(changes.filter((change) => !pressed.dataset.kind || change.kind === pressed.dataset.kind)));
  });
  return box;
}

// A closed part that reads its example when it is opened first. found: {scans, profile, changesOf(index)}
export function leaving({ scans, profile, changesOf }) {
  const body = el("div");
  const about = el("div", { class: "row diff-about" });
  const choice = el(
    "select",
    { id: "diff-series" },
    ...scans.map((series, number) => el("option", { value: number }, titleOf(series))),
  );

  async function show() {
    const series = scans[Number(choice.value)];
    const index = series.indices[Math.floor(series.indices.length / 2)];
    body.replaceChildren(el("p", { class: "muted" }, "Reading an image …"));
    try {
      const changes = await changesOf(index);
      about.querySelector(".segments")?.remove();
      about.append(filters(changes, body));
      body.replaceChildren(table(changes));
    } catch (error) {
      body.replaceChildren(el("p", {}, `This image cannot be shown: ${error.message}`));
    }
  }

  about.append(el("div", { class: "field" }, el("label", { for: "diff-series" }, "Example image of"), choice));
  choice.addEventListener("change", show);
  const details = el(
    "details",
    { class: "left-out leaving", id: "leaving" },
    el("summary", {}, el("h3", {}, "What leaves this computer")),
    el(
      "div",
      { class: "stack" },
      el(
        "p",
        {},
        "Before an image is sent, its header is de-identified here; the pixels stay as they are. ",
        el("span", { class: "muted" }, methodWords(profile)),
      ),
      el("p", { class: "muted small" }, icon("lock"), " The values of the scan are shown on this computer only."),
      about,
      body,
    ),
  );
  details.addEventListener("toggle", () => details.open && !body.hasChildNodes() && show());
  return details;
}

function methodWords(profile) {
  const codes = profile.codes.map(([, meaning]) => meaning);
  const version = ` (DICOM ${profile.version})`;
  return `${codes.join("; ")}${version}.`;
}

