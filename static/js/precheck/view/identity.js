// Whose scan is it? Names and numbers of patients are shown here and nowhere else: they are neither sent nor stored.

import { counted, el, icon, titleOf } from "./dom.js";

const SEPARATORS = /[-_/ ]/;

// A PatientID in the very form of the trial's screening numbers that is not this subject's: "101-009" for 101-004.
// Numbers without a separator are not judged: a hospital's own patient number may look the same.
export function otherSubject(local, subject) {
  if (!SEPARATORS.test(subject) || !/\d/.test(subject)) return "";
  const shape = new RegExp(`^${subject.replace(/./g, (sign) => (/\d/.test(sign) ? "\\d" : /[A-Za-z]/.test(sign) ? "[A-Za-z]" : `\\${sign}`))}$`);
  const said = [local.patientId, local.patientName].map((value) => (value ?? "").trim().replace(/\^+$/, ""));
  if (said.some((value) => value.toUpperCase() === subject.toUpperCase())) return "";
  return said.find((value) => shape.test(value)) ?? "";
}

function birthday(value) {
  const parts = /^(\d{4})(\d{2})(\d{2})$/.exec(value ?? "");
  if (!parts) return value || "not said";
  const day = new Date(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]));
  return day.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

function person(patient, series, number, chosen) {
  const mine = series.filter((each) => patient.seriesKeys.includes(each.key));
  const facts = el(
    "dl",
    { class: "facts" },
    ...[
      ["Name", (patient.local.patientName || "not said").replaceAll("^", " ").trim()],
      ["Patient ID", patient.local.patientId || "not said"],
      ["Born", birthday(patient.local.birthDate)],
      ["Has", `${counted(mine.length, "series", "series")}, ${counted(mine.reduce((sum, each) => sum + each.records.length, 0), "file")}`],
    ].flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
  const titles = mine.slice(0, 4).map((each) => titleOf(each)).join("; ");
  const radio = el("input", { type: "radio", name: "patient", value: number, id: `patient-${number}`, checked: chosen });
  return el(
    "div",
    { class: "person" },
    el("label", { class: "choice strong", for: `patient-${number}` }, radio, `Patient ${number + 1}`),
    facts,
    el("p", { class: "muted small" }, titles + (mine.length > 4 ? " …" : "")),
  );
}

// Asks for the patient whose series belong to the visit; null when the coordinator cancels.
export function askPatient(box, { patients, series, subject, title, text }) {
  return new Promise((resolve) => {
    const several = patients.length > 1;
    const go = el("button", { class: "button button-primary", type: "submit", disabled: several }, several ? "Go on with this patient" : `It is ${subject}; go on`);
    const form = el(
      "form",
      { class: "stack", "aria-labelledby": "identity-title" },
      el("div", { class: "row" }, icon("block"), el("h3", { id: "identity-title", tabindex: "-1" }, title)),
      el("p", {}, text),
      el(
        "fieldset",
        { class: "people" },
        el("legend", { class: "strong" }, several ? `Whose scan belongs to subject ${subject}?` : "What the files say"),
        ...patients.map((patient, number) => person(patient, series, number, !several)),
      ),
      el("p", { class: "muted small" }, icon("lock"), " These names and numbers never leave this computer. Nothing has been sent."),
      el("div", { class: "row" }, go, el("button", { class: "button", type: "button", "data-identity-cancel": true }, "Cancel, choose another folder")),
    );
    const end = (patient) => {
      box.hidden = true;
      box.replaceChildren();
      resolve(patient);
    };
    form.addEventListener("change", () => (go.disabled = false));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      end(patients[Number(new FormData(form).get("patient") ?? 0)]);
    });
    form.querySelector("[data-identity-cancel]").addEventListener("click", () => end(null));
    box.replaceChildren(form);
    box.hidden = false;
    form.querySelector("h3").focus();
  });
}
