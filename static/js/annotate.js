// Arrows and circles on a picture, for the site to see: drawn by hand, or added by key and moved with the arrow keys.
// Places are parts of the picture's sides, from 0 to 1. The server paints them; here they are only shown.

import { openDialog } from "./dialog.js";
import { head, inside, moved, shapeOfDrag, shapeToBeginWith, STEP } from "./shapes.js";

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

function drawn(shape, index) {
  const group = element("g", {
    tabindex: "0",
    role: "img",
    "aria-label": `${shape.kind === "arrow" ? "Arrow" : "Circle"} ${index + 1}`,
    "data-shape": index,
  });
  const parts =
    shape.kind === "arrow"
      ? [[shape.x1, shape.y1, shape.x2, shape.y2], ...head(shape)].map(([x1, y1, x2, y2]) => ["line", { x1, y1, x2, y2 }])
      : [["ellipse", { cx: shape.x, cy: shape.y, rx: shape.rx, ry: shape.ry }]];
  for (const look of ["edge", "stroke"]) {
    for (const [name, places] of parts) group.append(element(name, { ...places, class: look }));
  }
  return group;
}

function start(dialog) {
  const form = dialog.querySelector("[data-annotation]");
  const { picture, series, shapes: field } = form.elements;
  const image = dialog.querySelector(".annotate-area img");
  const canvas = dialog.querySelector(".annotate-area svg");
  let shapes = [];
  let kind = "arrow";
  let from = null;

  const show = (focused = -1) => {
    canvas.replaceChildren(...shapes.map(drawn));
    field.value = JSON.stringify(shapes);
    canvas.querySelector(`[data-shape="${focused}"]`)?.focus();
  };
  const choose = (chosen) => {
    kind = chosen;
    for (const button of dialog.querySelectorAll("[data-add]")) button.setAttribute("aria-pressed", button.dataset.add === chosen);
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  };
  const load = () => {
    const option = picture.selectedOptions[0];
    image.src = option.dataset.url;
    image.alt = option.textContent;
    shapes = [];
    show();
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-annotate]");
    if (!opener) return;
    const of = opener.closest("[data-series]");
    series.value = opener.dataset.annotate;
    const options = [...of.querySelectorAll("a[data-picture]")].map((link) => {
      const option = new Option(link.dataset.picture, link.dataset.pictureName);
      option.dataset.url = link.dataset.plain ?? link.href;
      return option;
    });
    picture.replaceChildren(...options);
    form.elements.note.value = "";
    load();
    openDialog(dialog);
  });
  picture.addEventListener("change", load);

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    from = place(event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    show();
    const now = shapeOfDrag(kind, from, place(event));
    if (now) canvas.append(drawn(now, shapes.length));
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!from) return;
    const made = shapeOfDrag(kind, from, place(event));
    from = null;
    if (made) shapes.push(made);
    show(made ? shapes.length - 1 : -1);
  });
  canvas.addEventListener("pointercancel", () => {
    from = null;
    show();
  });
  canvas.addEventListener("keydown", (event) => {
    const index = Number(event.target.dataset.shape ?? -1);
    const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (index < 0) return;
    if (step) shapes[index] = moved(shapes[index], step, event.shiftKey);
    else if (event.key === "Delete" || event.key === "Backspace") shapes.splice(index, 1);
    else return;
    event.preventDefault();
    show(step ? index : -1);
  });
  for (const button of dialog.querySelectorAll("[data-add]")) {
    button.addEventListener("click", (event) => {
      choose(button.dataset.add);
      if (event.detail > 0) return; // with the mouse, the shape is dragged
      shapes.push(shapeToBeginWith(kind));
      show(shapes.length - 1);
    });
  }
  dialog.querySelector("[data-undo]").addEventListener("click", () => {
    shapes.pop();
    show();
  });
}

const dialog = document.getElementById("annotate-dialog");
if (dialog) start(dialog);
