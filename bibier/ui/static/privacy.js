// Consent before the first recording, where recordings go, and "Delete my recordings".
(() => {
  const b = window.bibier;
  const { make, draw, recall, remember } = b;
  const HERE = ["localhost", "127.0.0.1", "[::1]"];

  const facts = () => [
    HERE.includes(location.hostname) ? b.say.privacy_here : b.say.privacy_there.replace("{host}", location.hostname),
    b.hours === null ? b.say.privacy_unlimited
      : b.say.privacy_hours.replace("{hours}", b.hours.toLocaleString(b.language)),
    b.say.privacy_annotate,
  ].join(" ");

  // --- consent: a click on Record asks first, once for this browser ---------------------------------------------------
  let agreed = recall("bibier_consent") === "1";
  const ask = (button) => {
    const box = document.querySelector("#consent .slot");
    const close = () => { box.replaceChildren(); button.focus(); };
    const agree = make("button", { type: "button", class: "yes", onclick: () => {
      agreed = true;
      remember("bibier_consent", "1");
      close();
      button.click();
    } }, b.say.consent_agree);
    box.replaceChildren(make("div", { class: "consent", role: "alertdialog", "aria-labelledby": "consent-title",
      "aria-describedby": "consent-text", onkeydown: (event) => event.key === "Escape" && close() },
      make("h2", { id: "consent-title" }, b.say.consent_title), make("p", { id: "consent-text" }, facts()),
      make("div", { class: "row" }, agree, make("button", { type: "button", onclick: close }, b.say.consent_later))));
    agree.focus();
  };
  addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("#voice .record-button");
    if (!button || agreed) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(button);
  }, true);

  // --- deleting: asked twice, since it can't be undone ----------------------------------------------------------------
  let erase = () => {};
  b.erasing = (trigger) => { erase = () => trigger("erase"); };
  draw.privacy = (slot, value) => {
    const told = make("p", { class: "small", role: "status" }, (value && value.text) || "");
    const start = (focus) => {
      const button = make("button", { type: "button", onclick: sure }, b.say.erase);
      slot.replaceChildren(make("p", { class: "small" }, facts()), make("div", { class: "row" }, button, told));
      if (focus) button.focus();
    };
    const sure = () => {
      const yes = make("button", { type: "button", class: "yes", onclick: () => { yes.disabled = true; b.player.pause();
        b.player.removeAttribute("src"); delete b.player.dataset.file; erase(); } }, b.say.erase_yes);
      const no = make("button", { type: "button", onclick: () => { told.textContent = ""; start(true); } }, b.say.erase_no);
      slot.replaceChildren(make("p", { class: "small strong", role: "alert" }, b.say.erase_sure),
        make("div", { class: "row" }, yes, no));
      no.focus();
    };
    start(false);
  };
})();
