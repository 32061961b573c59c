// The drop zone of the visit page: takes folders, files and zips, sends them, then has them checked.
// Without script the form underneath does the same for files.

import { bytesOf, files as filesWords, rateOf, size, time } from "./batches.js";
import { chosen, dropped } from "./folders.js";
import { missing, post, Refused, sendAll } from "./sending.js";

const INTERRUPTED = "coreqc_upload";
const SAMPLE_MS = 250;

function start(form) {
  const part = (name) => form.querySelector(`[data-upload-${name}]`);
  const says = part("says");
  const csrf = form.querySelector("[name=csrfmiddlewaretoken]").value;
  let busy = false;
  let left = [];
  let addresses = form.dataset.submission ? { ...form.dataset } : null;

  part("plain").hidden = true;
  part("buttons").hidden = false;

  async function begin() {
    if (!addresses) addresses = await post(form.dataset.begin, csrf);
    return addresses;
  }

  function show(name, note = "") {
    part("ask").hidden = true;
    part("progress").hidden = false;
    part("rescue").hidden = true;
    part("name").textContent = name;
    part("note").textContent = note;
    part("rate").textContent = "";
    says.textContent = "";
  }

  function rescue(sentence) {
    busy = false;
    says.textContent = sentence;
    part("name").textContent = "Stopped";
    part("rescue").hidden = false;
  }

  async function take(items) {
    if (busy) return;
    if (!items.length) {
      show("Nothing to send", "");
      part("ask").hidden = false;
      part("progress").hidden = false;
      says.textContent = "There is no file in what you chose. Choose the folder that holds the scan.";
      return;
    }
    busy = true;
    left = items;
    const total = items.length;
    show(`Preparing ${filesWords(total)}`);
    try {
      const to = await begin();
      localStorage.setItem(INTERRUPTED, JSON.stringify({ submission: String(to.submission), total }));
      if (Number(form.dataset.arrived) > 0 || form.dataset.tried) {
        left = await missing(items, to.received, (looked) => {
          part("note").textContent = `${looked} of ${filesWords(total)} compared with what has arrived`;
        });
      }
      form.dataset.tried = "yes";
      await send(to, total);
    } catch (error) {
      rescue(error instanceof Refused ? error.message : "The server cannot be reached. Nothing is lost; try again.");
    }
  }

  async function send(to, total) {
    const before = total - left.length;
    const allBytes = bytesOf(left);
    const samples = [];
    show("Sending", `${before} of ${filesWords(total)}`);
    part("bar").max = Math.max(1, allBytes);
    const progress = (bytes, count) => {
      part("bar").value = bytes;
      part("note").textContent = `${before + count} of ${filesWords(total)}, ${size(bytes)} of ${size(allBytes)}`;
      const now = performance.now();
      if (!samples.length || now - samples.at(-1)[0] > SAMPLE_MS) samples.push([now, bytes]);
      const rate = rateOf(samples);
      part("rate").textContent = rate > 0 ? `${size(rate)}/s, about ${time((allBytes - bytes) / rate)} left` : "";
      if (says.textContent) says.textContent = "";
    };
    const rest = (error, ms) => {
      says.textContent = `${error.message} Trying again in ${time(ms / 1000)}; nothing is lost.`;
    };
    const { unsent, refusal, trouble } = await sendAll(left, { url: to.files, csrf, on: { progress, rest } });
    left = unsent;
    if (refusal) return rescue(refusal.message);
    if (unsent.length) {
      return rescue(`${filesWords(unsent.length)} did not arrive. ${trouble.message} Send them again, or check what has arrived.`);
    }
    return check(to);
  }

  async function check(to) {
    show("Everything has arrived", "The check begins");
    part("bar").value = part("bar").max;
    await post(to.check, csrf);
    busy = false;
    localStorage.removeItem(INTERRUPTED);
    location.assign(form.dataset.page);
  }

  function choose(folder) {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.webkitdirectory = folder;
    input.addEventListener("change", () => take(chosen(input.files)));
    input.click();
  }

  part("folder").addEventListener("click", () => choose(true));
  part("files").addEventListener("click", () => choose(false));
  part("again").addEventListener("click", () => take(left));
  part("check-now").addEventListener("click", async () => {
    try {
      await check(await begin());
    } catch (error) {
      rescue(error instanceof Refused ? error.message : "The server cannot be reached. Nothing is lost; try again.");
    }
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.dataset.over = "";
  });
  form.addEventListener("dragleave", (event) => {
    if (!form.contains(event.relatedTarget)) delete form.dataset.over;
  });
  form.addEventListener("drop", async (event) => {
    event.preventDefault();
    delete form.dataset.over;
    if (busy) return;
    const items = await dropped(event.dataTransfer);
    if (items.every(({ file }) => file)) return take(items);
    show("Not read");
    part("ask").hidden = false;
    says.textContent = "The browser may not read this folder. Copy it to another place on this computer and drop it again.";
  });
  window.addEventListener("beforeunload", (event) => {
    if (busy) event.preventDefault();
  });
}

// After an interruption the server knows what arrived, and only this browser how much there was.
function sayInterrupted(form) {
  const words = document.querySelector("[data-arrived-words]");
  const stored = JSON.parse(localStorage.getItem(INTERRUPTED) ?? "null");
  if (!words || !stored || stored.submission !== form.dataset.submission) return;
  if (stored.total > Number(form.dataset.arrived)) {
    words.textContent = `${form.dataset.arrived} of ${filesWords(stored.total)} arrived before the upload was interrupted`;
  }
}

// A file that misses the zone would otherwise replace the page.
for (const type of ["dragover", "drop"]) window.addEventListener(type, (event) => event.preventDefault());

for (const form of document.querySelectorAll("form[data-upload]")) {
  start(form);
  sayInterrupted(form);
}
