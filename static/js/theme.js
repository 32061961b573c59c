// The reader's choice of theme. It is kept in a cookie, so that the server draws the page in it from the first pixel.

const COOKIE = "coreqc_theme";
const A_YEAR = 365 * 24 * 60 * 60;

function choose(theme) {
  document.cookie = theme
    ? `${COOKIE}=${theme}; path=/; max-age=${A_YEAR}; samesite=lax`
    : `${COOKIE}=; path=/; max-age=0; samesite=lax`;
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-choice]");
  if (button) choose(button.dataset.themeChoice);
});
