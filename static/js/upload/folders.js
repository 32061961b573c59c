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

const AT_ONCE = 50;

// The same for a folder of thousands of files: the page stays usable while the browser makes them known one by one.
export async function chosenInPortions(files) {
  const found = [];
  for (let start = 0; start < files.length; start += AT_ONCE) {
    for (let index = start; index < Math.min(start + AT_ONCE, files.length); index += 1) {
      found.push(...chosen([files[index]]));
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
  return found;
}
