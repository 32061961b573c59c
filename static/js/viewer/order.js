// In which order slices are fetched, and which go first when there is no room.

/** Yield all places from `at` outwards; two of three lie ahead when the reader moves (direction 1 or -1). */
export function* outwards(at, count, direction = 0) {
  const inside = (place) => place >= 0 && place < count;
  const sign = direction < 0 ? -1 : 1;
  const pace = direction === 0 ? 1 : 2;
  if (inside(at)) yield at;
  for (let ahead = 1, behind = 1; ahead <= count || behind <= count; behind += 1) {
    for (let step = 0; step < pace; step += 1, ahead += 1) if (inside(at + sign * ahead)) yield at + sign * ahead;
    if (inside(at - sign * behind)) yield at - sign * behind;
  }
}

/** The next place to fetch, or undefined when none is wanted. */
export function nextToFetch(at, count, direction, isWanted) {
  for (const place of outwards(at, count, direction)) if (isWanted(place)) return place;
  return undefined;
}

/** The places to let go of so that `room` stay: the farthest from `at`. */
export function toLetGo(places, at, room) {
  return [...places].sort((one, other) => Math.abs(other - at) - Math.abs(one - at)).slice(0, Math.max(0, places.length - room));
}
