// The progress of a transfer: how much has arrived, how fast, how long still; pause, go on, stop.

import { rateOf, size, time } from "../../upload/batches.js";
import { counted, perFrame } from "./dom.js";

const SAMPLE_MS = 500;

// on: {pause, resume, stop}
export function sendingView(box, on) {
  const part = (name) => box.querySelector(`[data-sending-${name}]`);
  const pauseButton = part("pause");
  let samples = [];
  let paused = false;
  let here = 0;
  let total = 0;
  let images = 0;

  const draw = perFrame((sent, bytes, arrived) => {
    part("bar").max = Math.max(1, bytes);
    part("bar").value = sent;
    const now = performance.now();
    if (!samples.length || now - samples.at(-1)[0] > SAMPLE_MS) samples.push([now, sent]);
    const rate = rateOf(samples);
    const much = bytes ? `, ${size(sent)} of ${size(bytes)}` : "";
    part("count").textContent = `${here + arrived} of ${counted(total, "image")}${much}`;
    if (!paused) part("rate").textContent = rate > 0 ? `${size(rate)}/s, about ${time((bytes - sent) / rate)} left` : "Begins";
  });

  function setPaused(value) {
    paused = value;
    samples = [];
    pauseButton.disabled = false;
    pauseButton.textContent = value ? "Go on" : "Pause";
    part("name").textContent = value ? "Paused" : "Sending";
    if (value) part("rate").textContent = "Nothing is lost. Go on when you like, even on another day.";
  }

  pauseButton.addEventListener("click", () => {
    setPaused(!paused);
    (paused ? on.pause : on.resume)();
  });
  part("stop").addEventListener("click", on.stop);

  return {
    // before: images that are at the core lab already; wanted: images sent now; all: of the transfer.
    begin(before, wanted, all) {
      samples = [];
      here = before;
      images = wanted;
      total = all;
      setPaused(false);
      box.hidden = false;
      draw(0, 0, 0);
    },
    progress(sent, bytes) {
      // What arrived damaged is asked for again.
      if (pauseButton.disabled) setPaused(false);
      draw(sent, bytes, Math.min(images, Math.floor((images * sent) / Math.max(1, bytes))));
    },
    rest(error, ms) {
      part("rate").textContent = `${error?.message ?? "The connection broke off."} Trying again in ${time(ms / 1000)}; nothing is lost.`;
    },
    whole() {
      draw.forget();
      pauseButton.disabled = true;
      part("name").textContent = "All images are sent";
      part("count").textContent = counted(total, "image");
      part("bar").value = part("bar").max;
      part("rate").textContent = "The core lab compares them with what was checked; then you get the receipt.";
    },
    end() {
      box.hidden = true;
    },
  };
}
