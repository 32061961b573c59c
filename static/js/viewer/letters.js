// Which way a direction points in the patient, in the letters that radiographs carry.

/** Components below this (10 degrees off an axis) get no letter. */
export const LEAST_COMPONENT = 0.1736;

const ENDS = [
  ["L", "R"],
  ["P", "A"],
  ["H", "F"],
];

/** Letters of a unit vector in LPS, the nearest axis first: "L", "AH". H is towards the head, F towards the feet. */
export function letters(vector) {
  return vector
    .map((component, axis) => [Math.abs(component), ENDS[axis][component < 0 ? 1 : 0]])
    .filter(([size]) => size >= LEAST_COMPONENT)
    .sort(([one], [other]) => other - one)
    .map(([, letter]) => letter)
    .join("");
}
