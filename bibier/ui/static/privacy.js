// @ts-check
// Consent before the first recording, where recordings go, and "Delete my recordings". Runs after analyse.js.
(() => {
  const { draw, fill, make, recall, remember, say, sound } = bibier;
  const HERE = ["localhost", "127.0.0.1", "[::1]"];

  const facts = () => [
    HERE.includes(location.hostname) ? say.privacy_here : fill(say.privacy_there, { host: location.hostname }),
    bibier.hours === null ? say.privacy_unlimited
      : fill(say.privacy_hours, { hours: bibier.hours.toLocaleString(bibier.language) }),
    say.privacy_annotate,
  ].join(" ");

  // --- consent: a click on Record asks first, once for this browser ------------------------------------------------
  let agreed = recall("bibier_consent") === "1";
  /** @param {HTMLElement} button */
  const ask = (button) => {
    const slot = document.querySelector("#consent .slot");
    const close = () => { slot?.replaceChildren(); button.focus(); };
    const agree = make("button", { type: "button", class: "yes", onclick: () => {
      agreed = true;
      remember("bibier_consent", "1");
      close();
      button.click();
    } }, say.consent_agree);
    slot?.replaceChildren(make("div", { class: "consent", role: "alertdialog", "aria-labelledby": "consent-title",
      "aria-describedby": "consent-text", onkeydown: (event) => event.key === "Escape" && close() },
    make("h2", { id: "consent-title" }, say.consent_title), make("p", { id: "consent-text" }, facts()),
    make("div", { class: "row" }, agree, make("button", { type: "button", onclick: close }, say.consent_later))));
    agree.focus();
  };
  addEventListener("click", (event) => {
    if (agreed || !(event.target instanceof Element)) return;
    const button = /** @type {HTMLElement | null} */ (event.target.closest("#voice .record-button"));
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(button);
  }, true);

  // --- deleting: asked twice, since it can't be undone -------------------------------------------------------------
  let erase = () => {};
  bibier.privacyEvents = (trigger) => { erase = () => trigger("erase"); };
  draw.privacy = (slot, value) => {
    const outcome = make("p", { class: "small", role: "status" }, value?.text);
    /** @param {boolean} focus */
    const start = (focus) => {
      const button = make("button", { type: "button", onclick: confirm }, say.erase);
      slot.replaceChildren(make("p", { class: "small" }, facts()), make("div", { class: "row" }, button, outcome));
      if (focus) button.focus();
    };
    const confirm = () => {
      const yes = make("button", { type: "button", class: "yes", onclick: () => {
        yes.disabled = true;
        sound.pause();
        sound.removeAttribute("src");
        delete sound.dataset.file;
        erase();
      } }, say.erase_yes);
      const no = make("button", { type: "button", onclick: () => { outcome.textContent = ""; start(true); } },
        say.erase_no);
      slot.replaceChildren(make("p", { class: "small strong", role: "alert" }, say.erase_sure),
        make("div", { class: "row" }, yes, no));
      no.focus();
    };
    start(false);
  };
})();
