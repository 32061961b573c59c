// The entry of the visit page: the check at the site where the browser can do it, else the plain form, whose files are
// de-identified already and checked at the core lab.

import "../upload/page.js";

const scan = document.getElementById("scan");
const able = "Worker" in window && "WebAssembly" in window && "CompressionStream" in window;

// Until it is known which of the two forms this browser gets, neither is shown (crc.css).
async function open() {
  if (able && !("plain" in scan.dataset)) {
    // What cannot be loaded leaves the plain form, which says what it takes.
    const visit = await import("./visit.js").catch((error) => console.error(error));
    visit?.start(scan);
  }
  scan.dataset.ready = "";
}

if (scan) open();
