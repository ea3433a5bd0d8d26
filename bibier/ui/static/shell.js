// @ts-check
// Around the tabs: language, theme, the keys, the tab in the address, and on a phone the bar at the bottom.
// Runs after page.js.
(() => {
  const { draw, make, recall, remember, rove, say } = bibier;

  // --- theme: as the system has it, or as was chosen ---------------------------------------------------------------
  const THEMES = /** @type {const} */ (["system", "light", "dark"]);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => THEMES.find((name) => name === recall("bibier_theme")) ?? "system";
  const apply = () => {
    const wanted = chosen() === "dark" || (chosen() === "system" && dark.matches);
    if (new URLSearchParams(location.search).has("__theme") && chosen() === "system") return; // Gradio's own choice
    if (document.body && bibier.isDark() !== wanted) document.body.classList.toggle("dark", wanted);
  };
  dark.addEventListener("change", apply);
  addEventListener("DOMContentLoaded", () => { bibier.onTheme(apply); apply(); }); // Gradio sets its own when it starts

  // --- Gradio's own messages, which know English alone ---------------------------------------------------------------
  const LOST = "Connection to the server was lost";
  const TITLES = Object.entries({ error: "toast_error", warning: "toast_warning", info: "toast_info",
    success: "toast_success" });
  const spellToasts = () => document.querySelectorAll(".toast-body").forEach((toast) => {
    const [, key = ""] = TITLES.find(([kind]) => toast.classList.contains(kind)) ?? [];
    const title = toast.querySelector(".toast-title")?.firstChild;
    const named = `${say[key]} `;
    if (key && title && title.textContent !== named) title.textContent = named;
    toast.querySelector(".toast-close, [data-testid=toast-close]")?.setAttribute("aria-label", say.close);
    toast.querySelectorAll(".toast-message-text").forEach((text) => {
      if (!text.textContent?.startsWith(LOST)) return;
      text.setAttribute("data-say", "connection_lost");
      text.textContent = say.connection_lost;
    });
  });
  addEventListener("DOMContentLoaded", () =>
    new MutationObserver(spellToasts).observe(document.body, { subtree: true, childList: true }));
  bibier.onLanguage(spellToasts);

  // --- the keys ----------------------------------------------------------------------------------------------------
  const KEYS = [["key_space", "keys_record"], ["Esc", "keys_cancel"], ["← →", "keys_move"],
    ["Enter", "keys_choose"], ["?", "keys_help"]];
  const openKeys = () => {
    const close = make("button", { type: "button", class: "quiet" }, say.keys_close);
    const dialog = make("dialog", { class: "keys", "aria-labelledby": "keys-title",
      onclose: (event) => event.currentTarget.remove(),
      onclick: (event) => event.target === event.currentTarget && event.currentTarget.close() },
    make("div", {}, make("h2", { id: "keys-title" }, say.keys),
      make("dl", {}, ...KEYS.flatMap(([key, what]) => [make("dt", {}, make("kbd", {}, say[key] ?? key)),
        make("dd", {}, say[what])])),
      make("p", { class: "small" }, say.keys_annotate),
      close));
    close.addEventListener("click", () => dialog.close());
    (document.querySelector("#header") ?? document.body).append(dialog);
    dialog.showModal();
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input:not([type=radio]), textarea, select");
    if (event.key !== "?" || typing || document.querySelector("dialog[open]")) return;
    if (document.querySelector("#annotate")?.checkVisibility()) return; // it has a page of keys of its own
    event.preventDefault();
    openKeys();
  });

  draw.header = (slot) => {
    if (slot.firstElementChild) return; // the language's button keeps the focus
    /** @type {(code: Language, name: string) => HTMLElement} */
    const button = (code, name) => make("button", { type: "button", lang: code,
      "aria-pressed": String(bibier.language === code),
      onclick: () => bibier.language === code || bibier.setLanguage(code) }, name);
    const theme = make("button", { type: "button", class: "round", onclick: () => {
      remember("bibier_theme", THEMES[(THEMES.indexOf(chosen()) + 1) % THEMES.length]);
      apply();
      showTheme();
    } });
    const showTheme = () => {
      theme.dataset.theme = chosen();
      theme.textContent = { system: "◐", light: "☀", dark: "☾" }[chosen()];
      theme.title = `${say.theme}: ${say[`theme_${chosen()}`]}`;
      theme.setAttribute("aria-label", theme.title);
    };
    showTheme();
    bibier.onLanguage(() => {
      showTheme();
      slot.querySelectorAll(".languages button").forEach((one) =>
        one.setAttribute("aria-pressed", String(one.getAttribute("lang") === bibier.language)));
    });
    slot.replaceChildren(
      make("div", { class: "brand" }, make("h1", {}, "BiBiER"), make("p", { "data-say": "tagline" })),
      make("div", { class: "tools" },
        make("div", { class: "languages", role: "group", "data-say-aria-label": "language" },
          button("en", "English"), button("ru", "Русский")),
        theme,
        make("button", { type: "button", class: "round", "data-say-aria-label": "keys", "data-say-title": "keys",
          onclick: openKeys }, "?")),
    );
  };

  // --- the tab in the address, and arrows among the tabs -----------------------------------------------------------
  const tabs = () => /** @type {HTMLButtonElement[]} */ ([...document.querySelectorAll("#tabs [role=tab]")]
    .filter((tab) => tab instanceof HTMLElement && tab.checkVisibility()));
  /** @param {Element} tab */
  const named = (tab) => /** @type {HTMLElement} */ (tab).dataset.tabId ?? "";
  const mark = () => {
    const open = tabs().find((tab) => tab.getAttribute("aria-selected") === "true");
    if (!open) return;
    tabs().forEach((tab) => { tab.tabIndex = tab === open ? 0 : -1; });
    const address = new URL(location.href);
    if ((address.searchParams.get("tab") ?? "analyse") === named(open)) return;
    if (named(open) === "analyse") address.searchParams.delete("tab");
    else address.searchParams.set("tab", named(open));
    history.replaceState(history.state, "", address);
  };
  bibier.watchTabs = () => {
    const wanted = new URLSearchParams(location.search).get("tab");
    const row = document.querySelector("#tabs [role=tablist]");
    const tab = tabs().find((one) => named(one) === wanted);
    if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
    if (row instanceof HTMLElement) {
      rove(row, tabs, { ArrowRight: 1, ArrowLeft: -1 });
      row.addEventListener("focusin", (event) => {
        const to = event.target instanceof Element ? event.target.closest("[role=tab]") : null;
        if (to instanceof HTMLElement && to.matches(":focus-visible") && to.getAttribute("aria-selected") !== "true") {
          to.click();
        }
      });
      new MutationObserver(mark).observe(row, { subtree: true, attributeFilter: ["aria-selected"] });
    }
    mark();
  };

  // --- what is folded away -----------------------------------------------------------------------------------------
  draw.options = (slot, value) => {
    if (value) bibier.recogniser = value.recogniser;
    if (slot.firstElementChild) return;
    const box = document.querySelector("#options");
    const button = make("button", { type: "button", class: "fold", "aria-expanded": "false",
      "aria-controls": "options", "data-say": "options" });
    button.addEventListener("click", () => open(button.getAttribute("aria-expanded") !== "true"));
    const open = (/** @type {boolean} */ wanted) => {
      button.setAttribute("aria-expanded", String(wanted));
      (box ?? document.querySelector("#options"))?.classList.toggle("open", wanted);
    };
    slot.replaceChildren(button);
  };

  // --- on a phone: Record and Analyse are always in reach ----------------------------------------------------------
  draw.dock = (slot) => {
    if (slot.firstElementChild) return;
    const record = make("button", { type: "button", class: "record",
      onclick: () => bibier.recorder?.button.click() }, make("i", { "aria-hidden": "true" }));
    const words = make("span", {});
    const start = make("button", { type: "button", class: "primary", "data-say": "analyse", onclick: () => {
      /** @type {HTMLElement | null} */ (document.querySelector("#analyse"))?.click();
    } });
    slot.replaceChildren(make("div", { class: "dock", role: "group", "data-say-aria-label": "dock" }, record, words,
      start));
    const show = () => {
      const analyse = /** @type {HTMLButtonElement | null} */ (document.querySelector("#analyse"));
      const closed = !analyse || analyse.disabled;
      if (start.disabled !== closed) start.disabled = closed; // what is set anew is a change, even to the same
      const going = Boolean(bibier.recorder?.recording);
      record.classList.toggle("stop-button", going);
      record.setAttribute("aria-label", `${going ? say.record_stop : say.record} (${say.dock})`);
      const text = going ? say.record_stop : say.record;
      if (words.textContent !== text) words.textContent = text;
    };
    document.addEventListener("bibier-recorder", show);
    bibier.onLanguage(show);
    new MutationObserver(show).observe(document.body, { subtree: true, attributeFilter: ["disabled"] });
    show();
  };
})();
