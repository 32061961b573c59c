// Where a picture lies on the screen: fitted, zoomed and moved, in true proportion.

export const LEAST_ZOOM = 0.5;
export const MOST_ZOOM = 32;

/** Width and height on the screen in mm of a picture as a view turns it. */
export function extent({ width, height, stepX, stepY, swap }) {
  return swap ? [height * stepY, width * stepX] : [width * stepX, height * stepY];
}

/** Screen pixels per mm at which all of a view fits. */
export function fitScale(view, [across, down]) {
  const [width, height] = extent(view);
  return Math.min(across / width, down / height);
}

/** The canvas matrix [a, b, c, d, e, f] that takes picture pixels to the screen. `place` is { zoom, x, y }, x and y in
 *  screen pixels off the middle. */
export function matrix(view, place, size) {
  const scale = fitScale(view, size) * place.zoom;
  const right = (view.mirrorX ? -1 : 1) * scale;
  const down = (view.mirrorY ? -1 : 1) * scale;
  const middle = [size[0] / 2 + place.x, size[1] / 2 + place.y];
  const [a, b, c, d] = view.swap
    ? [0, down * view.stepX, right * view.stepY, 0]
    : [right * view.stepX, 0, 0, down * view.stepY];
  return [
    a,
    b,
    c,
    d,
    middle[0] - (a * view.width + c * view.height) / 2,
    middle[1] - (b * view.width + d * view.height) / 2,
  ];
}

/** The picture pixel (column, row) under a point of the screen, whole numbers; null beside the picture. */
export function pixelUnder([a, b, c, d, e, f], view, [x, y]) {
  const determinant = a * d - b * c;
  const column = Math.floor((d * (x - e) - c * (y - f)) / determinant);
  const row = Math.floor((a * (y - f) - b * (x - e)) / determinant);
  return column >= 0 && column < view.width && row >= 0 && row < view.height ? [column, row] : null;
}

/** Zoomed by a factor; what lies under `point` (screen pixels) stays there. */
export function zoomed(place, factor, point, size) {
  const zoom = Math.min(Math.max(place.zoom * factor, LEAST_ZOOM), MOST_ZOOM);
  const real = zoom / place.zoom;
  const from = [point[0] - size[0] / 2, point[1] - size[1] / 2];
  return { zoom, x: from[0] + (place.x - from[0]) * real, y: from[1] + (place.y - from[1]) * real };
}

/** The longest round length in mm that takes at most `room` screen pixels. */
export function barLength(pixelsPerMm, room) {
  const lengths = [200, 100, 50, 20, 10, 5, 2, 1];
  return lengths.find((length) => length * pixelsPerMm <= room) ?? 0.5;
}
