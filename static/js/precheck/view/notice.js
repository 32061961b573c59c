// What stands between the coordinator and the next step, with that step as a button.

import { el, icon } from "./dom.js";

const ICONS = { ok: "check-circle", warn: "warn", block: "block", info: "info" };

// notice.show({tone, title, text, actions: [[words, act, primary]]}), notice.clear()
export function noticeIn(box) {
  const clear = () => {
    box.hidden = true;
    box.replaceChildren();
  };
  return {
    clear,
    show({ tone = "warn", title, text = "", actions = [] }) {
      const buttons = actions.map(([words, act, primary]) =>
        el(
          "button",
          {
            class: primary ? "button button-primary" : "button",
            type: "button",
            onclick: () => {
              clear();
              act();
            },
          },
          words,
        ),
      );
      box.replaceChildren(
        el(
          "div",
          { class: `notice tone-${tone}`, role: "note" },
          icon(ICONS[tone]),
          el("div", {}, el("p", { class: "notice-title" }, title), text && el("p", {}, text)),
          buttons.length ? el("div", { class: "notice-actions" }, ...buttons) : null,
        ),
      );
      box.hidden = false;
    },
  };
}
