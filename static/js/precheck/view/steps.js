// The three steps before the slot board, with what each has done so far: headers, pictures, the core lab's check.

import { counted, el, perFrame } from "./dom.js";

export function stepsOf(root) {
  const part = (name) => root.querySelector(`[data-scan-${name}]`);
  const work = part("work");
  const list = part("series");
  const step = (name) => work.querySelector(`[data-step="${name}"]`);
  const rows = new Map();
  let slices = 0;
  let sliceTotal = 0;

  function stage(name, value) {
    step(name).dataset.stage = value;
  }

  function tell(name, done, total, note) {
    const bar = step(name).querySelector("progress");
    if (bar) {
      bar.max = Math.max(1, total);
      bar.value = done;
    }
    step(name).querySelector("[data-step-note]").textContent = note;
  }

  const headers = perFrame((done, total) => tell("headers", done, total, `${done} of ${counted(total, "file")}`));

  const drawPictures = perFrame(() => {
    const finished = [...rows.values()].filter((row) => row.finished).length;
    tell("pictures", slices, sliceTotal, `${finished} of ${rows.size} series`);
    for (const row of rows.values()) {
      row.bar.value = row.done;
      row.note.textContent = row.words ?? (row.done ? `${row.done} of ${row.total} slices` : "Waits");
      row.item.toggleAttribute("data-done", row.finished);
    }
  });

  return {
    begin() {
      work.hidden = false;
      list.replaceChildren();
      rows.clear();
      slices = 0;
      for (const name of ["headers", "pictures", "check"]) {
        stage(name, "waiting");
        tell(name, 0, 1, "");
      }
      stage("headers", "now");
    },
    headers,
    // series: [{key, title, slices}], those that are scans.
    pictures(series) {
      stage("headers", "done");
      stage("pictures", "now");
      sliceTotal = series.reduce((sum, each) => sum + each.slices, 0);
      for (const { key, title, slices: total } of series) {
        const bar = el("progress", { "aria-label": title, value: 0, max: Math.max(1, total) });
        const note = el("span", { class: "progress-count" }, "Waits");
        const item = el("li", { class: "progress" }, el("span", { class: "truncate" }, title), note, bar);
        rows.set(key, { item, bar, note, total, done: 0, finished: false });
        list.append(item);
      }
      drawPictures();
    },
    slices(key, done) {
      const row = rows.get(key);
      slices += done - row.done;
      row.done = done;
      drawPictures();
    },
    seriesDone(key, words = "Ready") {
      const row = rows.get(key);
      slices += row.total - row.done;
      row.done = row.total;
      row.finished = true;
      row.words = words;
      drawPictures();
    },
    check() {
      stage("headers", "done");
      stage("pictures", "done");
      stage("check", "now");
      tell("check", 0, 1, "under way");
    },
    // While the coordinator is asked something, the question stands alone.
    hold() {
      work.hidden = true;
    },
    goOn() {
      work.hidden = false;
    },
    end() {
      work.hidden = true;
    },
  };
}
