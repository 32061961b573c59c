// Arrows and circles on a picture. Places are parts of the picture's sides, from 0 to 1.

/** How far an arrow key moves a shape. */
export const STEP = 0.01;

/** A shorter drag was a click. */
export const SMALLEST = 0.02;

/** A place within the picture, as it is kept. */
export const inside = (number) => Math.round(Math.min(Math.max(number, 0), 1) * 10_000) / 10_000;

/** The shape that a drag from one place to another draws; null when it was a click. */
export function shapeOfDrag(kind, [x1, y1], [x2, y2]) {
  if (Math.hypot(x2 - x1, y2 - y1) < SMALLEST) return null;
  if (kind === "arrow") return { kind, x1: inside(x1), y1: inside(y1), x2: inside(x2), y2: inside(y2) };
  return {
    kind,
    x: inside((x1 + x2) / 2),
    y: inside((y1 + y2) / 2),
    rx: inside(Math.abs(x2 - x1) / 2),
    ry: inside(Math.abs(y2 - y1) / 2),
  };
}

/** A shape to begin with in the middle of the picture, for who has no mouse. */
export function shapeToBeginWith(kind) {
  return kind === "arrow" ? { kind, x1: 0.35, y1: 0.65, x2: 0.5, y2: 0.5 } : { kind, x: 0.5, y: 0.5, rx: 0.12, ry: 0.12 };
}

/** The shape after an arrow key: moved, or with `resize` changed at its tip or its radii. */
export function moved(shape, [dx, dy], resize) {
  const by = (names) => Object.fromEntries(names.map(([name, delta]) => [name, inside(shape[name] + delta)]));
  if (shape.kind === "arrow") {
    const tail = resize ? [["x1", dx], ["y1", dy]] : [["x1", dx], ["y1", dy], ["x2", dx], ["y2", dy]];
    return { ...shape, ...by(tail) };
  }
  if (!resize) return { ...shape, ...by([["x", dx], ["y", dy]]) };
  const { rx, ry } = { ...shape, ...by([["rx", dx], ["ry", -dy]]) };
  return { ...shape, rx: Math.max(rx, SMALLEST), ry: Math.max(ry, SMALLEST) };
}

/** Two short lines that make the head of an arrow: four places each. */
export function head({ x1, y1, x2, y2 }) {
  const backwards = Math.atan2(y1 - y2, x1 - x2);
  return [-0.5, 0.5].map((angle) => [x2, y2, x2 + 0.028 * Math.cos(backwards + angle), y2 + 0.028 * Math.sin(backwards + angle)]);
}
