// One task a line on standard input, {"does": name, ...}; prints what the viewer's module answers, one line each.
import { readFileSync } from "node:fs";
import { Geometry, View } from "../../static/js/viewer/geometry.js";
import { Wheel } from "../../static/js/viewer/hands.js";
import { mostInView } from "../../static/js/viewer/in-view.js";
import { letters } from "../../static/js/viewer/letters.js";
import { outwards, toLetGo } from "../../static/js/viewer/order.js";
import { barLength, extent, fitScale, matrix, pixelUnder, zoomed } from "../../static/js/viewer/placing.js";
import { firstPlaces } from "../../static/js/viewer/prefetch.js";
import { reformat, thinned } from "../../static/js/viewer/reformat.js";
import { Slices, Undrawable } from "../../static/js/viewer/slices.js";
import { changed, dragged, gray, NOTHING, paint, PRESETS, table } from "../../static/js/viewer/windowing.js";

// A picture as it stands on the screen: rows from the top, columns from the left.
function onScreen(view, values) {
  const [width, height] = view.swap ? [view.height, view.width] : [view.width, view.height];
  const rows = [];
  for (let down = 0; down < height; down += 1) {
    const row = [];
    for (let right = 0; right < width; right += 1) {
      const x = view.mirrorX ? width - 1 - right : right;
      const y = view.mirrorY ? height - 1 - down : down;
      const value = values[view.swap ? x * view.width + y : y * view.width + x];
      row.push(value === NOTHING ? null : value);
    }
    rows.push(row);
  }
  return rows;
}

function shown({ index, slices, plane, at, factor = 1 }) {
  const geometry = new Geometry(index);
  const view = new View(geometry, plane);
  const arrays = slices.map((slice) => slice && Int16Array.from(slice.flat()));
  const place = view.acquired(at);
  const sourceAt = (k) =>
    arrays[k] && {
      values: thinned(arrays[k], geometry.rows, geometry.columns, factor),
      columns: Math.ceil(geometry.columns / factor),
      factor,
    };
  const values = view.isReformat
    ? reformat(view, place, sourceAt, new Int16Array(view.width * view.height))
    : arrays[place];
  return {
    picture: onScreen(view, values),
    count: view.count,
    letters: view.letters,
    position: view.position(at),
    extent: extent(view).map((length) => Math.round(length * 1000) / 1000),
    acquired: geometry.isVolume ? geometry.plane : "",
  };
}

async function fetched({ shape, begin, goes = [], room, roomThinned, whole, fails = [], breaks = [] }) {
  const asked = [];
  const broken = new Set(breaks);
  let most = 0;
  let open = 0;
  const waiting = [];
  const slices = new Slices(
    shape,
    async (place) => {
      asked.push(place);
      open += 1;
      most = Math.max(most, open);
      await new Promise((goOn) => waiting.push(goOn));
      open -= 1;
      if (fails.includes(place)) throw new Undrawable("damaged");
      if (broken.delete(place)) throw new TypeError("no line");
      return new Int16Array(shape.rows * shape.columns).fill(place);
    },
    () => {},
    { room, roomThinned },
  );
  if (whole) slices.wantAll();
  slices.goTo(begin);
  const rest = [...goes];
  let quiet = 0;
  while (quiet < (breaks.length ? 2200 : 5)) {
    await new Promise((goOn) => setTimeout(goOn, 1));
    if (rest.length) slices.goTo(rest.shift());
    quiet = waiting.length ? 0 : quiet + 1;
    for (const goOn of waiting.splice(0, 1)) goOn();
  }
  const kept = [...Array(shape.count).keys()].filter((place) => slices.get(place) !== undefined);
  const sources = [...Array(shape.count).keys()].filter((place) => slices.source(place) !== undefined);
  return { asked, most, kept, sources: sources.length, factor: slices.factor, here: slices.here, failure: fails.map((one) => slices.failure(one)) };
}

function painted({ values, window }) {
  const pixels = new Uint32Array(values.length);
  paint(Int16Array.from(values), table(window), pixels);
  return [...new Uint8Array(pixels.buffer)];
}

const DOES = {
  letters: ({ vector }) => letters(vector),
  gray: ({ values, window }) => values.map((value) => gray(value, window)),
  painted,
  presets: () => PRESETS,
  changed: ({ window, by }) => changed(window, ...by),
  dragged: ({ window, by }) => dragged(window, ...by),
  outwards: ({ at, count, direction }) => [...outwards(at, count, direction)],
  letGo: ({ places, at, room }) => toLetGo(places, at, room).sort((one, other) => one - other),
  first: ({ count }) => firstPlaces({ numbers: Array(count).fill(1) }),
  placed: ({ view, place, size, point }) => {
    const put = matrix(view, place, size);
    return { scale: fitScale(view, size), matrix: put, pixel: pixelUnder(put, view, point) };
  },
  zoomed: ({ place, factor, point, size }) => zoomed(place, factor, point, size),
  bar: ({ scales }) => scales.map((scale) => barLength(scale, 160)),
  wheel: ({ turns }) => {
    const wheel = new Wheel();
    return turns.map((pixels) => wheel.turn(pixels));
  },
  inView: ({ boxes, height }) => mostInView(boxes, height),
  shown,
  fetched,
};

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const { does, ...given } = JSON.parse(line);
  console.log(JSON.stringify(await DOES[does](given)));
}
