// Arrow keys step through the wall as the eye does: left and right along a row, up and down to the tile above or below.

const middle = (link) => {
  const box = link.getBoundingClientRect();
  return { x: box.left + box.width / 2, y: box.top + box.height / 2 };
};

/** Return the link of the next row in this direction that lies nearest to `from`. */
function inNextRow(links, from, down) {
  const here = middle(from);
  const beyond = links
    .map((link) => ({ link, ...middle(link) }))
    .filter((tile) => (down ? tile.y > here.y + 4 : tile.y < here.y - 4));
  if (!beyond.length) return undefined;
  const row = down ? Math.min(...beyond.map((tile) => tile.y)) : Math.max(...beyond.map((tile) => tile.y));
  const inRow = beyond.filter((tile) => Math.abs(tile.y - row) <= 4);
  return inRow.reduce((best, tile) => (Math.abs(tile.x - here.x) < Math.abs(best.x - here.x) ? tile : best)).link;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const at = document.activeElement?.closest(".wall .row-link");
  if (!at || !event.key.startsWith("Arrow")) return;
  const links = [...document.querySelectorAll(".wall .row-link")];
  const next = {
    ArrowLeft: () => links[links.indexOf(at) - 1],
    ArrowRight: () => links[links.indexOf(at) + 1],
    ArrowUp: () => inNextRow(links, at, false),
    ArrowDown: () => inNextRow(links, at, true),
  }[event.key]?.();
  if (!next) return;
  event.preventDefault();
  next.focus();
});
