// @ts-check
// The sign-in page's script, put into login.html: sends the form and says what the server answers.
(() => {
  const form = /** @type {HTMLFormElement} */ (document.querySelector("form"));
  const outcome = /** @type {HTMLElement} */ (document.querySelector("#said"));
  const enter = /** @type {HTMLButtonElement} */ (document.querySelector("#enter"));
  const password = /** @type {HTMLInputElement} */ (document.querySelector("#password"));
  const send = async () => {
    // as a form's own submission; there is no file in it
    const fields = /** @type {[string, string][]} */ ([...new FormData(form)]);
    const answer = await fetch("login", { method: "POST", body: new URLSearchParams(fields) });
    if (answer.ok) { location.reload(); return; }
    outcome.textContent = (await answer.json()).detail;
    password.value = "";
    password.focus();
    enter.disabled = false;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    outcome.textContent = "";
    enter.disabled = true;
    send().catch(() => {
      outcome.textContent = outcome.dataset.broken ?? "";
      enter.disabled = false;
    });
  });
  document.querySelector("#other")?.addEventListener("click", () => {
    const language = document.documentElement.lang === "ru" ? "en" : "ru";
    document.cookie = `bibier_language=${language}; path=/; max-age=31536000; samesite=lax`;
    try { localStorage.setItem("bibier_language", language); } catch { /* the cookie holds it */ }
    location.reload();
  });
})();
