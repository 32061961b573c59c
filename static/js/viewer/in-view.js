// Which series the reader looks at.

/** Which of some boxes ({ top, bottom }) takes most of a screen of this height; -1 when there is none. */
export function mostInView(boxes, height) {
  const shown = boxes.map(({ top, bottom }) => Math.min(bottom, height) - Math.max(top, 0));
  return shown.indexOf(Math.max(...shown));
}

/** The button of the series that the reader looks at: the one with the focus, else the one that fills the screen most. */
export function openerInView() {
  const openers = [...document.querySelectorAll("[data-viewer]")];
  const seriesOf = (opener) => opener.closest("[data-series]") ?? opener;
  const focused = openers.find((opener) => seriesOf(opener).contains(document.activeElement));
  const visible = openers.filter((opener) => seriesOf(opener).checkVisibility());
  const boxes = visible.map((opener) => seriesOf(opener).getBoundingClientRect());
  return focused ?? visible[mostInView(boxes, innerHeight)] ?? openers[0];
}

/** The key of the series that the reader looks at; undefined on a case without any. */
export function seriesInView() {
  return openerInView()?.closest("[data-series]")?.dataset.series;
}
