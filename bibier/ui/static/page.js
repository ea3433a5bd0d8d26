// @ts-check
// Runs before Gradio's own code, right after <head>. `bibier` already holds the page's language and sentences.
// Everything that a person typed or that a file said reaches the page through textContent alone.
// What all parts of the page share stands here; its types are in bibier.d.ts.
(() => {
  // --- language ----------------------------------------------------------------------------------------------------
  bibier.remember = (key, value) => {
    try { localStorage.setItem(key, value); } catch { /* storage is switched off */ }
  };
  bibier.recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  const stored = bibier.recall("bibier_language");
  // also where cookies are refused, as in a framed page
  if (stored !== null && Object.hasOwn(bibier.languages, stored)) bibier.language = /** @type {Language} */ (stored);
  const say = bibier.say = { ...bibier.languages[bibier.language] }; // one object for good: a switch fills it anew
  document.documentElement.lang = bibier.language;
  // Gradio's own labels follow the navigator
  Object.defineProperty(navigator, "language", { get: () => bibier.language });
  Object.defineProperty(navigator, "languages", { get: () => [bibier.language] });

  /** @type {Set<() => void>} */
  const redraws = new Set();
  bibier.onLanguage = (redraw) => {
    redraws.add(redraw);
    return () => { redraws.delete(redraw); };
  };
  const SAID = "data-say"; // … an element's text, and data-say-NAME an attribute: the key of its sentence
  /** @param {Element} node */
  const spell = (node) => {
    for (const { name, value } of [...node.attributes]) {
      if (name === SAID) node.textContent = say[value];
      else if (name.startsWith(`${SAID}-`)) node.setAttribute(name.slice(SAID.length + 1), say[value]);
    }
  };
  const TABS = ["tab_analyse", "tab_annotate", "tab_agreement", "tab_models"];
  // Gradio's own labels: its script changes those that are shown, and the names of the tabs are set here
  const renameGradio = async () => {
    if (bibier.locale) {
      const address = new URL(bibier.locale, document.baseURI).href;
      try { (await import(address)).changeLocale(bibier.language); } catch { /* there is no connection now */ }
    }
    // also those by which their room is measured
    document.querySelectorAll("#tabs .tab-wrapper button").forEach((tab) => {
      const key = TABS.find((one) => Object.values(bibier.languages).some((words) => words[one] === tab.textContent));
      if (key && tab.textContent !== say[key]) tab.textContent = say[key];
    });
  };
  bibier.setLanguage = (language) => {
    bibier.remember("bibier_language", language);
    const crossSite = location.protocol === "https:" ? "; SameSite=None; Secure; Partitioned" : "; SameSite=Lax";
    document.cookie = `bibier_language=${language}; path=/; max-age=31536000${crossSite}`;
    bibier.language = language;
    Object.assign(say, bibier.languages[language]);
    document.documentElement.lang = language;
    document.querySelectorAll("*").forEach((node) => { if (node.hasAttributes()) spell(node); });
    redraws.forEach((redraw) => redraw());
    void renameGradio();
  };

  // --- what the server is told with each event ---------------------------------------------------------------------
  const token = () => { // names this tab, so that a reload finds its last result
    let name = null;
    try { name = sessionStorage.getItem("bibier_tab"); } catch { return ""; }
    if (!name) {
      name = Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");
      sessionStorage.setItem("bibier_tab", name);
    }
    return name;
  };
  bibier.checkpoint = (key) => {
    try {
      if (key !== undefined) sessionStorage.setItem("bibier_checkpoint", key);
      return sessionStorage.getItem("bibier_checkpoint") || "";
    } catch { return key || ""; }
  };
  bibier.isDark = () => document.body.classList.contains("dark");
  bibier.isNarrow = () => (document.querySelector("#bars")?.clientWidth || innerWidth) < 560;
  bibier.view = (more = {}) => JSON.stringify({ language: bibier.language,
    narrow: bibier.isNarrow(), token: token(), checkpoint: bibier.checkpoint(), ...more });
  // Gradio hands over an event's inputs; the last is always the view
  bibier.withView = (...inputs) => [...inputs.slice(0, -1), bibier.view()];
  /** @type {(key: string) => Preprocess} */
  const saying = (key) => (...inputs) => { bibier.showStage(key); return bibier.withView(...inputs); };
  bibier.startAnalysis = (...inputs) => {
    bibier.spoken = bibier.language;
    bibier.showStage("stage_queued");
    return [...inputs.slice(0, -1), bibier.view({ live: bibier.live.take() })];
  };
  bibier.stopAnalysis = saying("stage_stopping");
  // said here and not by the server, whose answer could come after that of the analysis which has stopped
  bibier.stopTimeline = saying("timeline_stopping");

  // --- building the page -------------------------------------------------------------------------------------------
  const make = bibier.make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
      else if (typeof value === "object") {
        for (const [key, text] of Object.entries(value)) node.style.setProperty(key, String(text));
      } else node.setAttribute(name, value === true ? "" : String(value));
    }
    for (const child of children) if (child) node.append(child);
    spell(node);
    return node;
  };
  bibier.table = ({ head, rows }) => make("div", { class: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...rows.map(([name, ...cells]) =>
      make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell)))))));
  bibier.createLine = (node) => {
    /** @type {Said} */
    let now = "";
    const show = () => { node.textContent = typeof now === "function" ? now() : now; };
    bibier.onLanguage(show);
    return (said) => { now = said; show(); };
  };
  bibier.local = (number) => (bibier.language === "ru" ? number.replace(".", ",") : number);
  bibier.both = (key) => ({ en: bibier.languages.en[key], ru: bibier.languages.ru[key] });
  bibier.UploadRefused = class extends Error {
    /**
     * @param {string} body what was answered: our JSON, a sentence of somebody between, or nothing that people read
     * @param {string} [key] of what is said then
     */
    constructor(body, key = "upload_failed") {
      super();
      /** @type {any} */
      let answer = body;
      try { answer = JSON.parse(body); } catch { /* no JSON */ }
      const told = typeof answer === "string" ? answer : answer?.detail || answer?.error;
      const plain = typeof told === "string" && told && told.length < 500 && !told.includes("<");
      /** @type {Record<Language, string>} */
      this.texts = answer?.sentences ?? (plain ? { en: told, ru: told } : bibier.both(key));
    }

    get message() { return this.texts[bibier.language]; }
  };
  bibier.fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, key) => String(values[key]));
  bibier.rove = (group, buttons, steps) => group.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    const ready = buttons().filter((button) => !button.disabled);
    const at = ready.findIndex((button) => button === document.activeElement);
    if (at < 0 || !(step || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    const to = event.key === "Home" ? 0 : event.key === "End" ? ready.length - 1 : at + step;
    const button = ready[Math.min(ready.length - 1, Math.max(0, to))];
    buttons().forEach((other) => { other.tabIndex = -1; });
    button.tabIndex = 0;
    button.focus();
  });
  bibier.onTheme = (redraw) =>
    new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });

  // Not in page.css: Gradio narrows its rules to parts of the page. The scheme is of the browser's own boxes.
  document.head.append(make("style", {}, ":root { color-scheme: light; } :root:has(> .dark) { color-scheme: dark; } "
    + "@media (prefers-reduced-motion: reduce) { *, *::before, *::after { "
    + "transition: none !important; animation-duration: 1ms !important; animation-iteration-count: 1 !important; } }"));

  // The parts arrive one after the other. They are shown together, so that nothing moves under the reader's eyes.
  const PARTS = ["#header .brand", "#judgement .slot > *", "#voice .slot > *", "#outlets .outlet-row"];
  const LONGEST = 8000; // ms; whatever is there by then is shown
  document.documentElement.classList.add("laying-out");
  document.head.append(make("style", {}, ".laying-out :is(#header, #tabs, #foot) { visibility: hidden; }"));
  const uncover = () => {
    if (performance.now() < LONGEST && !PARTS.every((part) => document.querySelector(part))) {
      requestAnimationFrame(uncover);
      return;
    }
    requestAnimationFrame(() => requestAnimationFrame(() => document.documentElement.classList.remove("laying-out")));
  };
  requestAnimationFrame(uncover);

  // --- drawing: each gr.HTML has one constant, empty slot, filled here ---------------------------------------------
  const draw = bibier.draw = /** @type {Drawings} */ ({});
  bibier.mount = (name, element, props, watch) => {
    const slot = /** @type {HTMLElement} */ (element.querySelector(".slot"));
    const show = () => draw[name](slot, props.value);
    watch("value", show);
    bibier.onLanguage(() => (name === "stage" ? draw.stage(slot, staged) : show()));
    show();
  };

  draw.note = (slot) => slot.replaceChildren(make("p", { class: "note" }, say.perceived));
  draw.consent = () => {};
  // the key stands in an object: a text of that name Gradio would translate by itself
  draw.sentence = (slot, { key }) => slot.replaceChildren(make("p", { class: "small", "data-say": key }));
  draw.line = (slot, text) => slot.replaceChildren(make("p", { class: "small" }, text || "\u00a0"));

  /** @type {Stage | null} */
  let staged = null; // what stands there, from the server or from here
  draw.stage = (slot, value) => {
    staged = value;
    const text = value && (value.texts?.[bibier.language] || value.text || say[value.key ?? ""]);
    const failed = Boolean(value?.error);
    const busy = Boolean(text) && !failed && !value?.still && value?.key !== "stage_recording";
    const going = slot.querySelector("p.busy");
    if (busy && going) going.textContent = text; // a line that comes anew is not seen for a moment
    else slot.replaceChildren(text ? make("p", { class: failed ? "alert" : value?.key === "stage_recording" ? "heard"
      : busy ? "busy" : "small",
      role: failed ? "alert" : "status" }, text) : "");
    const stoppable = Boolean(value?.stop || value?.key === "stage_queued");
    const card = /** @type {HTMLElement | null} */ (document.querySelector("#verdict"));
    if (card) {
      const ended = card.dataset.state === "busy" && !busy;
      card.dataset.state = failed ? "error" : value?.key === "stage_recording" ? "recording" : busy ? "busy" : "still";
      card.toggleAttribute("data-stoppable", stoppable);
      if (failed || ended || stoppable) bibier.reveal(card);
      if (ended) document.dispatchEvent(new CustomEvent("bibier-ended"));
    }
    document.querySelector("#results")?.setAttribute("aria-busy", String(busy && value?.key !== "stage_loading"));
  };
  bibier.reveal = (part) => {
    const { top, bottom } = part.getBoundingClientRect();
    const writing = document.activeElement?.matches("textarea, input[type=text]");
    if (!part.checkVisibility() || writing || (top >= 0 && bottom <= innerHeight)) return;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    part.scrollIntoView({ block: "start", behavior: still ? "instant" : "smooth" });
  };
  bibier.showStage = (key) => {
    const slot = document.querySelector("#stage .slot");
    if (slot) draw.stage(/** @type {HTMLElement} */ (slot), { key });
  };
})();
