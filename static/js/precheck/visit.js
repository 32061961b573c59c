// The check at the site, as the coordinator sees it: choose a folder, whose is it, what is in it, send it.
// What was chosen stays in this page's memory alone; names of patients are kept nowhere and sent nowhere.

import { bitByBit, chosenBitByBit, dropped } from "../upload/folders.js";
import { leaves, onChange, onTransfer, refresh, standing } from "./board.js";
import { checkFiles, Empty, objectsOf, Unknown } from "./check.js";
import { sendMissing } from "./transfer.js";
import { Server, SignedOut, Unreachable } from "./server.js";
import { counted } from "./view/dom.js";
import { showFound } from "./view/found.js";
import { noticeIn } from "./view/notice.js";
import { sendingView } from "./view/sending.js";
import { stepsOf } from "./view/steps.js";

const OPEN = ["fresh", "draft", "checking", "checked", "sending"];
const ASKS = { sending: "Choose the same folder again to send the rest" };
const ASKS_MORE = "Drop more files here, or another folder";

export function start(scan) {
  const part = (name) => scan.querySelector(`[data-scan-${name}]`);
  const zone = part("zone");
  const server = new Server(scan);
  const notice = noticeIn(part("notice"));
  const steps = stepsOf(scan);
  const seen = { people: new Set(), chosen: "" };
  const posted = new Map();
  const known = new Set();
  let held = null;
  let controller = null;
  let transfer = null;
  let fresh = scan.dataset.state === "fresh";

  const say = (words) => {
    part("says").textContent = words;
  };

  function arrange() {
    const status = fresh ? "fresh" : standing();
    scan.dataset.state = status;
    scan.hidden = !OPEN.includes(status);
    zone.hidden = Boolean(controller || transfer) || status === "checking";
    if (part("other")) part("other").hidden = zone.hidden;
    // The board knows before this page that all has arrived, or that somebody stopped it elsewhere.
    if (transfer && status !== "sending") sending.end();
    if (fresh) return;
    zone.classList.add("upload-small");
    part("folder").classList.remove("button-primary");
    document.getElementById("scan-title").textContent = "On this computer";
    part("asks").textContent = ASKS[status] ?? ASKS_MORE;
  }

  // One thing at a time; what stops it is said with the way to go on.
  async function run(work) {
    controller = new AbortController();
    const { signal } = controller;
    notice.clear();
    arrange();
    try {
      await work(signal);
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") cancelled();
      else stopped(error, () => run(work));
    } finally {
      controller = null;
      part("identity").hidden = true;
      steps.end();
      arrange();
    }
  }

  function cancelled() {
    say("Cancelled.");
    notice.show({
      tone: "info",
      title: "Cancelled",
      text:
        standing() === "sending"
          ? "What has arrived stays at the core lab. Drop the folder again to send the rest."
          : "No image has left this computer. Drop the folder again when you are ready.",
    });
  }

  function stopped(error, again) {
    const empty = error instanceof Empty;
    if (error.read) showFound(part("found"), { scans: [], others: [], unseen: [], ...error.read });
    const lost = error instanceof Unreachable;
    const title = empty ? error.title : lost ? "The server cannot be reached" : "Stopped";
    const text = lost
      ? "Nothing is lost; go on when the connection is back."
      : error instanceof SignedOut
        ? "You were signed out. Sign in again in another tab, then go on here; nothing is lost."
        : error.message;
    say(`${title}. ${text}`);
    const goOn = async () => {
      await server.renew().catch(() => {});
      again();
    };
    notice.show({ tone: empty ? "warn" : "block", title, text, actions: empty ? [] : [["Go on", goOn, true]] });
  }

  async function check(items, signal) {
    await server.begin();
    const found = await checkFiles(items, held, { server, steps, seen, posted, signal, scan });
    showFound(part("found"), found);
    if (!found.scans.length) {
      throw new Empty("No CT scan is in these files", "See below what was found, then choose the folder of the scan.");
    }
    steps.check();
    say("Pictures and header facts were sent, no image. The core lab checks them.");
    await server.post(server.to.check, null, { signal });
    held = found;
    part("cancel").hidden = true;
    fresh = false;
    await refresh(server.to.progress);
    await leaves("checking");
    say(document.querySelector("#submission .notice-title")?.textContent ?? "");
  }

  async function findAgain(items, signal) {
    held = await objectsOf(items, held, { server, steps, signal });
  }

  async function send() {
    try {
      transfer = sendMissing({ server, held, on: sending });
      arrange();
      const { state, absent } = await transfer.done;
      if (absent) {
        notice.show({
          title: `${counted(absent, "image")} of the checked scan ${absent === 1 ? "is" : "are"} not in this folder`,
          text: "What is in it has been sent. Choose the folder that holds the others.",
        });
      } else if (state === "transferred") say("All images have arrived at the core lab, and the receipt is issued.");
    } catch (error) {
      if (error instanceof Unknown) notice.show({ tone: "block", title: error.title, text: error.message });
      else if (!transfer?.stopped) stopped(error, send);
    } finally {
      transfer = null;
      sending.end();
      arrange();
      await refresh(server.to.progress).catch(() => {});
    }
  }

  const sending = sendingView(document.getElementById("sending"), {
    pause: () => transfer?.pause(),
    resume: () => transfer?.resume(),
    stop: async () => {
      await transfer?.stop();
      await run(async (signal) => {
        await server.post(server.to.stop, null, { signal });
        await refresh(server.to.progress);
        notice.show({ tone: "info", title: "Stopped", text: "What has arrived stays at the core lab, unread. Transfer again to send the rest, or add files." });
      });
    },
  });

  async function transferBy(form) {
    if (controller || transfer) return;
    await run(async (signal) => {
      await server.post(form.action, wordsOf(form), { signal });
      await refresh(server.to.progress);
    });
    if (standing() !== "sending") return;
    if (held) {
      await send();
      return;
    }
    notice.show({
      title: "Choose the folder of the scan again",
      text: "This page was loaded anew since the check, and the images lie only on your computer. They are sent as soon as you choose the folder.",
    });
    zone.scrollIntoView({ block: "nearest" });
    part("folder").focus();
  }

  async function newAmong(found) {
    const added = [];
    await bitByBit(found, (item) => {
      const name = nameOf(item);
      if (!known.has(name)) added.push({ ...item, name });
    });
    return added;
  }

  // `choosing` resolves with the files once the browser has walked the folder, which takes its time on a disc.
  async function take(choosing) {
    if (controller || transfer) return;
    const resuming = standing() === "sending";
    let whole = false;
    await run(async (signal) => {
      steps.begin();
      if (!held) part("found").hidden = true;
      part("cancel").hidden = false;
      say("Looking through the folder.");
      const found = await unless(signal, choosing);
      if (!found.length) throw new Empty("There is no file in what you chose", "Choose the folder that holds the scan.");
      const added = await unless(signal, newAmong(found));
      say("Reading the files.");
      await (resuming ? findAgain(added, signal) : check(added, signal));
      for (const { name } of added) known.add(name);
      whole = true;
    });
    if (whole && resuming) await send();
  }

  function choose(folder) {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.webkitdirectory = folder;
    input.addEventListener("change", () => take(chosenBitByBit(input.files)));
    input.click();
  }

  part("folder").addEventListener("click", () => choose(true));
  part("files").addEventListener("click", () => choose(false));
  part("cancel").addEventListener("click", () => controller?.abort());
  part("plainly")?.addEventListener("click", () => plainly(scan));
  zone.addEventListener("submit", (event) => event.preventDefault());
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.dataset.over = "";
  });
  zone.addEventListener("dragleave", (event) => {
    if (!zone.contains(event.relatedTarget)) delete zone.dataset.over;
  });
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    delete zone.dataset.over;
    take(dropped(event.dataTransfer));
  });
  window.addEventListener("beforeunload", (event) => {
    if ((controller && standing() !== "checking") || transfer) event.preventDefault();
  });
  onTransfer(transferBy);
  onChange(arrange);
  part("plain").hidden = true;
  arrange();
}

// The token of the form may be older than the one of a new sign-in, which travels as a header.
function wordsOf(form) {
  const words = new FormData(form);
  words.delete("csrfmiddlewaretoken");
  return words;
}

const unless = (signal, work) =>
  Promise.race([work, new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }))]);

// The same file chosen twice is one file.
const nameOf = ({ file, path }) => `${path}\n${file?.size}\n${file?.lastModified}`;

function plainly(scan) {
  scan.querySelector("[data-scan-zone]").hidden = true;
  scan.querySelector("[data-scan-other]").hidden = true;
  scan.querySelector("[data-scan-plain]").hidden = false;
  scan.querySelector("[data-upload-folder]").focus();
}
