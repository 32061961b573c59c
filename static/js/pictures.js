// Enlarges a[data-picture]; the arrow keys step through the pictures of the same [data-pictures].
// Without script the link simply opens the picture.

import { openDialog } from "./dialog.js";

let shown = [];
let at = 0;

function show(dialog, index) {
  at = (index + shown.length) % shown.length;
  const link = shown[at];
  const image = dialog.querySelector("img");
  image.src = link.href;
  image.alt = link.querySelector("img").alt;
  const place = shown.length > 1 ? ` (${at + 1} of ${shown.length})` : "";
  dialog.querySelector("h2").textContent = image.alt + place;
  dialog.querySelector("[data-picture-map]").hidden = !link.dataset.map;
  for (const button of dialog.querySelectorAll("[data-picture-step]")) button.hidden = shown.length < 2;
}

document.addEventListener("click", (event) => {
  const dialog = document.getElementById("picture-dialog");
  const step = event.target.closest("[data-picture-step]");
  if (step) {
    show(dialog, at + Number(step.dataset.pictureStep));
    return;
  }
  const link = event.target.closest("a[data-picture]");
  if (!link || !dialog || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  const group = link.closest("[data-pictures]");
  shown = group ? [...group.querySelectorAll("a[data-picture]")] : [link];
  show(dialog, shown.indexOf(link));
  openDialog(dialog);
});

// The pictures themselves were exchanged, for those with their evidence over them.
document.addEventListener("pictures:changed", () => {
  const dialog = document.getElementById("picture-dialog");
  if (dialog?.open) show(dialog, at);
});

document.addEventListener("keydown", (event) => {
  const dialog = document.getElementById("picture-dialog");
  if (!dialog?.open) return;
  if (event.key === "ArrowRight" || event.key === "ArrowDown") show(dialog, at + 1);
  else if (event.key === "ArrowLeft" || event.key === "ArrowUp") show(dialog, at - 1);
  else return;
  event.preventDefault();
});
