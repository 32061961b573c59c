// Small tools for the parts of the page that scripts draw.

export { icon } from "../../icon.js";

// el("p", { class: "muted" }, "words", node …): text is set as text, never as markup.
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

// Calls `draw` with the latest values, at most once per frame: thousands of reports a second cost no more than sixty.
// `forget` drops what has not been drawn yet.
export function perFrame(draw) {
  let latest = null;
  let asked = false;
  const flush = () => {
    const values = latest;
    latest = null;
    asked = false;
    if (values) draw(...values);
  };
  const drawn = (...values) => {
    if (!asked) requestAnimationFrame(flush);
    asked = true;
    latest = values;
  };
  drawn.forget = () => {
    latest = null;
  };
  return drawn;
}

export const counted = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

// What people call a series: "Series 7, PV 3.0", as the server's pages do.
export function titleOf({ title, records }) {
  const number = records.find((record) => record.series_number !== null)?.series_number ?? null;
  if (number === null || title === `Series ${number}`) return title;
  return `Series ${number}, ${title}`;
}
