// Draws an icon of the sprite, as {% icon %} does in templates.

const SVG = "http://www.w3.org/2000/svg";
const sprite = document.querySelector(".brand-mark use")?.getAttribute("href").split("#")[0] ?? "";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}
