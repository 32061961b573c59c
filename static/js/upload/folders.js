// What was dropped or chosen, as [{file, path}]: folders are walked to the end, names say where a file lay. Of what the
// browser may not open, `file` is null; the rest goes on.

// The browser hands out a folder in portions (Chrome: at most 100 entries), so it is asked until it gives none.
async function entriesOf(directory) {
  const reader = directory.createReader();
  const found = [];
  for (;;) {
    const portion = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!portion.length) return found;
    found.push(...portion);
  }
}

async function walk(entry, found) {
  const path = entry.fullPath.replace(/^\//, "");
  try {
    if (entry.isFile) {
      found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path });
    } else if (entry.isDirectory) {
      for (const inside of await entriesOf(entry)) await walk(inside, found);
    }
  } catch {
    found.push({ file: null, path });
  }
}

export async function dropped(transfer) {
  // The list of items is emptied when the event has been handled: entries are taken out before anything is awaited.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const loose = entries.length ? [] : chosen(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return [...found, ...loose];
}

export function chosen(files) {
  return [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

const BREATH_MS = 20;

// `act` for each of thousands of files: the browser looks a file up when it is first asked for something, so the page is
// left alone for a moment again and again.
export async function bitByBit(files, act) {
  let since = performance.now();
  for (let index = 0; index < files.length; index += 1) {
    act(files[index]);
    if (performance.now() - since > BREATH_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      since = performance.now();
    }
  }
}

// The same as `chosen`, for a folder of thousands of files.
export async function chosenBitByBit(files) {
  const found = [];
  await bitByBit(files, (file) => found.push(...chosen([file])));
  return found;
}
