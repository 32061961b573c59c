// What happens when a fragment cannot be had: said in words, and a lost sign-in leads to the sign-in page.

import { say } from "./toast.js";

document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.responseURL && new URL(xhr.responseURL).pathname.startsWith("/accounts/login/")) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// What replaces a fragment takes the focus over, when it stood in there: the field with the same id (htmx sees to that),
// else the fragment itself, so that Tab goes on from here and not from the top of the page.
let heldFocus = false;
document.addEventListener("htmx:beforeSwap", (event) => {
  heldFocus = event.detail.target.contains(document.activeElement);
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (!heldFocus || document.activeElement !== document.body) return;
  heldFocus = false;
  const fragment = event.detail.elt;
  fragment.tabIndex = -1;
  fragment.focus({ preventScroll: true });
});

document.addEventListener("htmx:sendError", () => {
  say("The server cannot be reached. Nothing is lost; the page goes on by itself when it answers again.", "warn");
});

document.addEventListener("htmx:responseError", (event) => {
  const { status } = event.detail.xhr;
  if (status === 403) say("You may not do this. Ask the trial's administrator if you think you should.", "block");
  else if (status === 404) say("This is no longer here. Load the page again to see what is.", "warn");
  else if (status === 409) say("Somebody else was quicker. Load the page again to see how it stands.", "warn");
  else say("The server could not do this. Nothing was changed; please try again.", "block");
});
