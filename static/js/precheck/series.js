// One series from the files of a plan to its reading and pictures; `pool` does the tasks, here or in workers.

let runs = 0;

/**
 * Return {reading, pictures} of the files in `known` (index -> {source, path, place}), read as `plan` says.
 *
 * Where some files are damaged, `replan(indices)` is asked for the plan of the others, as the server makes it.
 */
export async function digestFiles(known, plan, { pool, profile, signal, onProgress, replan }) {
  const started = performance.now();
  const first = await readAll(known, plan, { pool, profile, signal, onProgress });
  let last = first;
  const broken = plan.slices.some(({ index }) => first.objects.get(index).failure);
  if (broken && !first.notHere) {
    const whole = [...known.keys()].filter((index) => !first.objects.get(index).failure);
    const rest = whole.length ? await replan(whole) : { slices: [], same_place: [] };
    const inVolume = new Set([...rest.slices.map(({ index }) => index), ...rest.same_place.flat().map(([index]) => index)]);
    const some = new Map([...known].filter(([index]) => inVolume.has(index)));
    last = await readAll(some, rest, { pool, signal });
  }
  const { pictures, bodyPart } = await picturesOf(last, pool);
  return { reading: readingOf(first, last, bodyPart, performance.now() - started), pictures };
}

async function readAll(known, plan, { pool, profile, signal, onProgress }) {
  const run = (runs += 1);
  const volume = plan.slices.length ? { shape: plan.shape, axes: plan.axes, flipped: plan.flipped } : null;
  const slices = grouped(plan.slices);
  const compared = grouped(plan.same_place.flat().map(([index, frame]) => ({ index, frame })));
  const objects = new Map();
  let parts = [];
  try {
    await Promise.all(
      [...known].map(async ([index, { source, path, place }]) => {
        const one = {
          source,
          ...place,
          slices: slices.get(index) ?? [],
          compared: (compared.get(index) ?? []).map(({ frame }) => frame),
        };
        const found = await pool.run("digest", { run, volume, one, profile }, { signal });
        if (!found.sha256) throw new Error(`${path} ${found.failure}.`);
        objects.set(index, found);
        onProgress?.(objects.size, known.size);
      }),
    );
  } finally {
    // Also when reading was stopped: the workers forget what they gathered.
    parts = (await pool.everywhere("gathered", { run })).filter(Boolean);
  }
  const notHere = [...objects.values()].find((found) => found.notHere)?.notHere;
  return { objects, volume, parts, notHere };
}

function grouped(entries) {
  const groups = new Map();
  for (const entry of entries) {
    if (!groups.has(entry.index)) groups.set(entry.index, []);
    groups.get(entry.index).push(entry);
  }
  return groups;
}

async function picturesOf({ volume, parts, notHere }, pool) {
  if (!volume || notHere || !parts.length) return { pictures: {}, bodyPart: null };
  return pool.run("pictures", { volume, parts });
}

function readingOf(first, last, bodyPart, milliseconds) {
  const reading = {
    instances: [],
    failures: {},
    frame_hashes: {},
    body_part_of_mip: bodyPart,
    not_here: first.notHere ?? "",
    seconds: milliseconds / 1000,
  };
  for (const [index, { sha256, size, pixel_sha256: pixels, failure }] of first.objects) {
    reading.instances.push({ index, sha256, size, pixel_sha256: pixels });
    if (failure) reading.failures[index] = failure;
  }
  for (const { objects } of [first, last]) {
    for (const [index, { frameHashes }] of objects) {
      for (const [frame, hash] of Object.entries(frameHashes)) reading.frame_hashes[`${index}:${frame}`] = hash;
    }
  }
  reading.instances.sort((one, other) => one.index - other.index);
  return reading;
}
