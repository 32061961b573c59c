// The number beside the bell, kept right on a page that stays open. A growing number is said once, in the corner.
// A page that is not looked at asks nothing; a lost connection or sign-in is for the page's own work to tell.

import { say } from "./toast.js";

const ASK_AGAIN_MS = 60_000;

const bell = document.querySelector("[data-notices]");
const count = bell?.querySelector("[data-notices-count]");

async function unread() {
  const answer = await fetch(bell.dataset.notices, { headers: { Accept: "application/json" }, redirect: "error" });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return (await answer.json()).unread;
}

async function look() {
  if (document.visibilityState !== "visible") return;
  let now;
  try {
    now = await unread();
  } catch {
    return;
  }
  const more = now - Number(count.textContent);
  count.textContent = count.dataset.noticesCount = String(now);
  if (more > 0) say(more === 1 ? "There is a new notice. The bell above leads to it." : `There are ${more} new notices. The bell above leads to them.`);
}

if (bell) {
  setInterval(look, ASK_AGAIN_MS);
  document.addEventListener("visibilitychange", look);
}
