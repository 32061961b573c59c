// Dialogs: [data-opens="id"] opens <dialog id="id">, [data-closes] inside closes it, so does a click beside it.
// The browser keeps the focus inside and gives it back. With data-focus on a field, that field gets it first.

export function openDialog(dialog) {
  if (dialog.open) return;
  dialog.showModal();
  dialog.querySelector("[data-focus]")?.focus();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    event.preventDefault();
    openDialog(document.getElementById(opener.dataset.opens));
    return;
  }
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog").close();
});

// A press that began inside (marking text, say) and ended beside the dialog does not close it.
let pressedOn = null;
document.addEventListener("pointerdown", (event) => {
  pressedOn = event.target;
});
document.addEventListener("click", (event) => {
  const dialog = event.target;
  if (!(dialog instanceof HTMLDialogElement) || pressedOn !== dialog) return;
  const box = dialog.getBoundingClientRect();
  const inside =
    event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  if (!inside) dialog.close();
});
