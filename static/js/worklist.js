// The key t takes the case of the row in which the focus stands; without such a row it does nothing.

document.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "t" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
    if (localStorage.getItem("coreqc_keys_off") !== null) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // not the first button of the page that has this key
    document.activeElement?.closest("tr")?.querySelector("[data-take]")?.click();
  },
  true,
);
