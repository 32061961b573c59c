// What was found in the files, told on this computer only: which series were looked at, what is left out and why.

import { counted, el, icon, titleOf } from "./dom.js";
import { leaving } from "./diff.js";

const NAMES_SHOWN = 50;

function group(title, number, items, { open = false, id }) {
  return el(
    "details",
    { class: "left-out", open },
    el("summary", {}, el("h3", { id }, `${title} `, el("span", { class: "count" }, String(number)))),
    el("ul", { class: "left-out-groups", role: "list", "aria-labelledby": id }, ...items),
  );
}

function notPart({ series, why }) {
  return el(
    "li",
    { class: "not-part" },
    el("p", {}, el("span", { class: "strong" }, titleOf(series)), el("span", { class: "muted small" }, ` · ${counted(series.records.length, "file")}`)),
    el("p", { class: "muted" }, why),
  );
}

function byReason(strays) {
  const reasons = new Map();
  for (const { path, reason } of strays) {
    if (!reasons.has(reason)) reasons.set(reason, []);
    reasons.get(reason).push(path);
  }
  return [...reasons].sort(([, one], [, other]) => other.length - one.length);
}

function strayGroup([reason, paths]) {
  const more = paths.length - NAMES_SHOWN;
  return el(
    "li",
    {},
    el("p", {}, `${paths.length === 1 ? "This file" : `Each of these ${paths.length} files`} ${reason.replace(/\.$/, "")}.`),
    el(
      "p",
      { class: "muted small names" },
      ...paths.slice(0, NAMES_SHOWN).map((path) => el("span", {}, path)),
      more > 0 ? el("span", {}, `and ${more} more`) : null,
    ),
  );
}

// found: {files, scans, others: [{series, why}], strays, unseen: [{title, why}], profile, changesOf}
export function showFound(box, found) {
  const { files, scans, others, strays, unseen } = found;
  const parts = [
    el(
      "p",
      { class: "muted small" },
      `Read on this computer: ${counted(files, "file")}, ${counted(scans.length + others.length, "series", "series")}. `,
      scans.length ? "This page remembers which files they are until it is closed." : "",
    ),
  ];
  if (unseen.length) {
    parts.push(
      el(
        "div",
        { class: "notice tone-warn", role: "note" },
        icon("warn"),
        el(
          "div",
          {},
          el("p", { class: "notice-title" }, `${counted(unseen.length, "series", "series")} cannot be looked at in this browser`),
          el("ul", { class: "blockers" }, ...unseen.map(({ title, why }) => el("li", {}, `${title}: ${why} It is checked after the transfer.`))),
        ),
      ),
    );
  }
  if (others.length) parts.push(group("Not part of this visit, stays here", others.length, others.map(notPart), { open: others.length <= 3, id: "others-title" }));
  if (strays.length) parts.push(group("Other files, stay here", strays.length, byReason(strays).map(strayGroup), { open: !scans.length, id: "strays-title" }));
  if (scans.length) parts.push(leaving(found));
  box.replaceChildren(...parts);
  box.hidden = false;
}
