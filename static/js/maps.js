// The evidence for the labels over the pictures of a case: [data-maps-switch] lays it over all that have one, and off again.
// Without script the switch is a link to the page with the pictures as they then are.

const WITH_EVIDENCE = "a[data-map]";

export function laidOver({ plain, map, mapWords, picture }, on) {
  return { address: on ? map : plain, alt: on ? `${picture}, evidence for ${mapWords}` : picture };
}

function isNear(link) {
  const { top, bottom } = link.getBoundingClientRect();
  return link.checkVisibility() && bottom > 0 && top < innerHeight;
}

// A picture in view stays until the other one is there, so that nothing goes black; the others come when they are near.
async function exchange(link, on) {
  const image = link.querySelector("img");
  const { address, alt } = laidOver(link.dataset, on);
  link.href = address;
  image.alt = alt;
  if (isNear(link)) {
    const next = new Image();
    next.src = address;
    await next.decode().catch(() => {});
    if (link.getAttribute("href") !== address) return;
  }
  image.src = address;
  link.toggleAttribute("data-mapped", on);
}

function start(control) {
  const page = document.querySelector("main");
  const isOn = () => page.classList.contains("maps-on");
  const draw = (part) => {
    for (const link of part.querySelectorAll(WITH_EVIDENCE)) exchange(link, isOn());
  };
  control.setAttribute("role", "button");
  control.setAttribute("aria-pressed", String(isOn()));
  control.addEventListener("click", (event) => {
    event.preventDefault();
    page.classList.toggle("maps-on");
    control.setAttribute("aria-pressed", String(isOn()));
    draw(page);
    document.dispatchEvent(new Event("pictures:changed"));
  });
  document.addEventListener("htmx:load", (event) => draw(event.detail.elt));
  document.querySelector("#picture-dialog [data-picture-map]")?.addEventListener("click", () => control.click());
}

const control = globalThis.document?.querySelector("[data-maps-switch]");
if (control) start(control);
