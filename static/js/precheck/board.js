// The part of the page that the server draws: where the submission stands, the slot board, its series.

const board = () => document.getElementById("submission");

export const standing = () => board()?.dataset.status ?? "";

let refreshed = Promise.resolve();

// One after the other: asked while another is on its way, htmx would queue it and say at once that it is done.
export function refresh(url) {
  const ask = () => window.htmx.ajax("GET", url, { target: "#submission", swap: "outerHTML" });
  refreshed = refreshed.then(ask, ask);
  return refreshed;
}

export function onChange(act) {
  document.addEventListener("htmx:afterSettle", () => act());
}

// Resolves when the submission stands elsewhere than at `status`: the board asks the server by itself until then.
export function leaves(status) {
  return new Promise((resolve) => {
    const look = () => {
      if (standing() === status) return;
      document.removeEventListener("htmx:afterSettle", look);
      resolve();
    };
    document.addEventListener("htmx:afterSettle", look);
    look();
  });
}

// The transfer is this script's business; every other form of the board swaps the board and leaves the page as it is.
export function onTransfer(act) {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest?.("form[data-transfer]");
    if (!form) return;
    event.preventDefault();
    act(form);
  });
}
