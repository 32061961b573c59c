// The case page: keys that choose a verdict, a note that survives, pictures by key.

const PREFIX = "coreqc_case_";
const KEPT_DAYS = 7;

/** What an analyst began to decide stays in this browser, also when its window is closed, until it is decided. */
const kept = ({ dataset }) => `${PREFIX}${dataset.decision ?? dataset.decided}_${dataset.analyst}`;

function forgetOld() {
  const oldest = Date.now() - KEPT_DAYS * 86_400_000;
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(PREFIX) && !(JSON.parse(localStorage.getItem(key)).at > oldest)) localStorage.removeItem(key);
  }
}

function fieldsOf(form) {
  return {
    verdict: form.querySelector("[name=verdict]:checked")?.value ?? "",
    reasons: [...form.querySelectorAll("[name=reasons]:checked")].map((box) => box.value),
    note: form.elements.note.value,
    at: Date.now(),
  };
}

function restore(form, { verdict, reasons, note }) {
  const choice = form.querySelector(`[name=verdict][value="${CSS.escape(verdict)}"]`);
  if (choice) choice.checked = true;
  for (const box of form.querySelectorAll("[name=reasons]")) box.checked = reasons.includes(box.value);
  form.elements.note.value = note;
}

function startDecision(form) {
  const key = kept(form);
  const confirm = form.querySelector(".decision-confirm");
  const refused = document.querySelector(".decision-error");
  const pressedEarly = form.querySelector("[name=verdict]:checked");
  const before = localStorage.getItem(key);
  if (before && !refused && !pressedEarly) restore(form, JSON.parse(before));

  const toSetRight = ["[aria-invalid=true]", "[name=reasons]:checked", "[name=reasons]", "[name=verdict]:checked"];
  if (refused) toSetRight.map((asked) => form.querySelector(asked)).find((asked) => asked?.checkVisibility())?.focus();

  form.addEventListener("input", () => localStorage.setItem(key, JSON.stringify(fieldsOf(form))));
  form.addEventListener("submit", () => {
    confirm.setAttribute("aria-disabled", "true");
  });

  // A plain accept needs one more key, Enter, and the first of a sitting the password; the others go on to their reasons.
  const goOn = (verdict) => {
    if (verdict === "accept") {
      for (const box of form.querySelectorAll("[name=reasons]:checked")) box.checked = false;
      (form.elements.password ?? confirm).focus();
    } else if (!form.querySelector("[name=reasons]:checked")) {
      form.querySelector("[name=reasons]").focus();
    }
  };
  // A verdict that was kept from before is pressed again without a change.
  form.addEventListener("click", (event) => {
    if (event.target.name === "verdict") goOn(event.target.value);
  });
  if (pressedEarly && !refused) goOn(pressedEarly.value);

  form.addEventListener("keydown", (event) => {
    const inNote = event.target === form.elements.note;
    if (event.key === "Enter" && (inNote ? event.ctrlKey || event.metaKey : event.target.matches("input"))) {
      event.preventDefault();
      form.requestSubmit(confirm);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (document.activeElement === form.elements.note) {
      if (confirm.disabled) document.activeElement.blur();
      else confirm.focus();
      return;
    }
    const chosen = form.querySelector("[name=verdict]:checked");
    if (!chosen) return;
    chosen.checked = false;
    form.dispatchEvent(new Event("input"));
    document.activeElement?.blur();
  });
}

forgetOld();
const form = document.querySelector("[data-decision]");
if (form) startDecision(form);
const decided = document.querySelector("[data-decided]");
if (decided) {
  localStorage.removeItem(kept(decided));
  // What was decided stands at the top: the focus goes on without scrolling there.
  document.querySelector("[data-next]")?.focus({ preventScroll: true });
}

// Pictures are square whatever the scan covers, as the ensemble sees them; the analyst sees them in true proportions.
export function proportions([width, height]) {
  if (!(width > 0 && height > 0)) return "";
  const longest = Math.max(width, height);
  return `scale(${(width / longest).toFixed(4)}, ${(height / longest).toFixed(4)})`;
}

function inProportion(image, link) {
  const extent = link?.closest("[data-extent]")?.dataset.extent ?? "";
  image.style.transform = proportions(extent.split(" ").map(Number));
}

for (const image of document.querySelectorAll("[data-extent] img")) inProportion(image, image);
document.addEventListener("htmx:load", (event) => {
  for (const image of event.detail.elt.querySelectorAll("[data-extent] img")) inProportion(image, image);
});
const enlarged = document.querySelector("#picture-dialog img");
new MutationObserver(() => {
  const { pathname, search } = new URL(enlarged.src);
  inProportion(enlarged, document.querySelector(`a[data-picture][href="${CSS.escape(pathname + search)}"]`));
}).observe(enlarged, { attributeFilter: ["src"] });

document.querySelector("[data-views]")?.addEventListener("click", () => {
  document.querySelector("a[data-picture]")?.click();
});
