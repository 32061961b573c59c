// The plan of a study: asks before scans are removed while reference labels that were chosen are not saved yet.

const scans = document.querySelector("[data-plan-scans]");

if (scans) {
  let unsaved = false;
  scans.addEventListener("change", (event) => {
    if (event.target.matches("select")) unsaved = true;
  });
  scans.addEventListener("submit", (event) => {
    const removes = event.submitter?.hasAttribute("data-removes");
    if (removes && unsaved && !confirm("Reference labels on this page are not saved yet and would be lost. Remove the scans all the same?")) {
      event.preventDefault();
      return;
    }
    unsaved = false;
  });
  addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
}
