// Runs before Gradio's own code, right after <head>. `window.bibier` already holds the page's language and sentences.
// Everything that a person typed or that a file said reaches the page through textContent alone.
(() => {
  const b = window.bibier;

  // --- language -----------------------------------------------------------------------------------------------
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* storage is switched off */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  const chosen = recall("bibier_language");
  if (chosen in b.languages) b.language = chosen; // also where cookies are refused, as in a framed page
  b.say = b.languages[b.language];
  document.documentElement.lang = b.language;
  // Gradio's own labels follow the navigator
  Object.defineProperty(navigator, "language", { get: () => b.language });
  Object.defineProperty(navigator, "languages", { get: () => [b.language] });

  b.speak = (language) => {
    remember("bibier_language", language);
    const crossSite = location.protocol === "https:" ? "; SameSite=None; Secure; Partitioned" : "; SameSite=Lax";
    document.cookie = `bibier_language=${language}; path=/; max-age=31536000${crossSite}`;
    location.reload();
  };

  // --- what the server is told with each event --------------------------------------------------------------------
  const token = () => { // names this tab, so that a reload finds its last result
    let name = null;
    try { name = sessionStorage.getItem("bibier_tab"); } catch { return ""; }
    if (!name) {
      name = Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");
      sessionStorage.setItem("bibier_tab", name);
    }
    return name;
  };
  // which checkpoint this tab uses, "" for that of the start
  b.checkpoint = (chosen) => {
    try {
      if (chosen !== undefined) sessionStorage.setItem("bibier_checkpoint", chosen);
      return sessionStorage.getItem("bibier_checkpoint") || "";
    } catch { return chosen || ""; }
  };
  const dark = () => document.body.classList.contains("dark");
  const narrow = () => {
    const chart = document.querySelector("#chart");
    return (chart && chart.clientWidth ? chart.clientWidth : innerWidth) < 560;
  };
  b.view = () => JSON.stringify({ language: b.language, dark: dark(), narrow: narrow(), token: token(), checkpoint: b.checkpoint() });
  // Gradio hands over an event's inputs; the last is always the view
  b.with_view = (...inputs) => [...inputs.slice(0, -1), b.view()];
  b.begin = (...inputs) => { b.stage("stage_queued"); return b.with_view(...inputs); };
  // said here and not by the server, whose answer could come after that of the analysis which has stopped
  b.end = (...inputs) => { b.stage("timeline_stopping"); return b.with_view(...inputs); };
  b.stop = (...inputs) => { b.stage("stage_stopping"); return b.with_view(...inputs); };

  // --- microphone ---------------------------------------------------------------------------------------------------
  const mic = (key) => {
    const box = document.querySelector("#microphone .slot");
    if (!box) return;
    box.replaceChildren(...(key ? [make("p", { class: "alert", role: "alert" }, b.say[key])] : []));
  };
  const media = navigator.mediaDevices;
  if (media && media.getUserMedia) {
    const ask = media.getUserMedia.bind(media);
    media.getUserMedia = async (wanted) => {
      const audio = wanted && wanted.audio;
      if (audio) { // speech processing distorts what a voice expresses
        const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
        wanted = { ...wanted, audio: { ...(audio === true ? {} : audio), ...plain } };
      }
      try {
        const stream = await ask(wanted);
        mic(null);
        return stream;
      } catch (error) {
        const missing = error.name === "NotFoundError" || error.name === "OverconstrainedError";
        mic(error.name === "NotAllowedError" ? "mic_denied" : missing ? "mic_missing" : "mic_busy");
        throw error;
      }
    };
  } else {
    addEventListener("click", (event) => {
      if (event.target.closest && event.target.closest("#voice .record-button")) mic("mic_insecure");
    }, true);
  }

  // --- files --------------------------------------------------------------------------------------------------------
  // Gradio drops a file in silence when the browser does not call it audio (a webm recording is "video/webm"). Every
  // file goes to the server instead, which reads it or says why it can't.
  const retyped = (files) => {
    const carrier = new DataTransfer();
    for (const file of files) carrier.items.add(new File([file], file.name, { type: "audio/wav" }));
    return carrier.files;
  };
  const foreign = (files) => Array.from(files || []).some((file) => !file.type.startsWith("audio/"));
  addEventListener("change", (event) => {
    const input = event.target;
    if (input.matches && input.matches("#voice input[type=file]") && foreign(input.files)) input.files = retyped(input.files);
  }, true);
  addEventListener("drop", (event) => {
    const input = event.target.closest && event.target.closest("#voice") && document.querySelector("#voice input[type=file]");
    if (!input || !foreign(event.dataTransfer.files)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    input.files = retyped(event.dataTransfer.files);
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, true);

  // --- building the page ----------------------------------------------------------------------------------------------
  const make = (tag, facts = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(facts)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  };
  const tip = (text, technical, facts = {}) =>
    make("span", { ...facts, class: `tip ${facts.class || ""}`, tabindex: 0, "data-tip": technical,
      "aria-label": `${text} (${technical})` }, text);

  // Not in page.css: Gradio narrows its rules to parts of the page.
  document.head.append(make("style", {}, "@media (prefers-reduced-motion: reduce) { *, *::before, *::after { transition: none !important; "
    + "animation-duration: 1ms !important; animation-iteration-count: 1 !important; } }"));

  Object.assign(b, { make, remember, recall });
  const draw = b.draw = {};

  draw.header = (slot) => {
    const button = (code, name) => make("button", { type: "button", lang: code, "aria-pressed": String(b.language === code),
      onclick: () => b.language === code || b.speak(code) }, name);
    slot.replaceChildren(
      make("div", { class: "brand" }, make("h1", {}, "BiBiER"), make("p", {}, b.say.tagline)),
      make("div", { class: "languages", role: "group", "aria-label": b.say.language },
        button("en", "English"), button("ru", "Русский")),
    );
  };

  draw.note = (slot) => slot.replaceChildren(make("p", { class: "note" }, b.say.perceived));
  draw.microphone = () => {};
  draw.consent = () => {};
  draw.sentence = (slot, value) => slot.replaceChildren(make("p", { class: "small" }, b.say[value]));
  draw.line = (slot, value) => slot.replaceChildren(make("p", { class: "small" }, value || "\u00a0"));

  // value: {key} for a sentence of the page, {text} for one made by the server; error: true for a failure,
  // stop: true while it can be cancelled
  draw.stage = (slot, value) => {
    const text = value && (value.text || b.say[value.key]);
    const failed = Boolean(value && value.error);
    const busy = Boolean(text) && !failed && !value.still;
    slot.replaceChildren(text
      ? make("p", { class: failed ? "alert" : busy ? "busy" : "small", role: failed ? "alert" : "status" }, text) : "");
    const stoppable = Boolean(value && (value.stop || value.key === "stage_queued"));
    const acts = document.querySelector("#acts");
    if (acts) acts.toggleAttribute("data-stoppable", stoppable);
    const right = document.querySelector("#results");
    if (right) right.setAttribute("aria-busy", String(busy && value.key !== "stage_loading"));
  };
  b.stage = (key) => {
    const slot = document.querySelector("#stage .slot");
    if (slot) draw.stage(slot, { key });
  };

  draw.verdict = (slot, value) => {
    if (!value || !value.sentence) {
      slot.replaceChildren(make("p", { class: "idle" }, b.say[(value && value.key) || "idle"]));
      return;
    }
    const badge = value.badge;
    slot.replaceChildren(
      ...value.notices.map((notice) => make("p", { class: "notice" }, notice)),
      make("p", { class: "sentence", "data-emotion": value.winner }, value.sentence),
      make("p", { class: "sure" }, value.sure,
        badge ? tip(badge.text, badge.technical, { class: `badge ${badge.kind}` }) : null),
      ...(value.made ? [make("p", { class: "small made" }, value.made)] : []),
    );
  };

  draw.table = (slot, value) => {
    const head = value ? value.head : [];
    const rows = value ? value.rows : [];
    const open = slot.querySelector("details") ? slot.querySelector("details").open : false;
    slot.replaceChildren(make("details", { open, hidden: !rows.length }, make("summary", {}, b.say.table),
      make("div", { class: "scroll" }, make("table", {},
        make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
        make("tbody", {}, ...rows.map(([name, ...cells]) =>
          make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell)))))))));
    const chart = document.querySelector("#chart");
    if (chart) { chart.setAttribute("role", "group"); chart.setAttribute("aria-label", b.say.chart); }
  };

  // --- words --------------------------------------------------------------------------------------------------------
  const player = new Audio();
  let playing = 0;
  const play = (file, start, end) => {
    const root = (window.gradio_config && window.gradio_config.root) || ".";
    const url = `${root.replace(/\/$/, "")}/gradio_api/file=${encodeURIComponent(file)}`;
    if (player.dataset.file !== file) { player.src = url; player.dataset.file = file; }
    const turn = ++playing;
    player.currentTime = Math.max(0, start - 0.05);
    const watch = () => {
      if (turn !== playing) return;
      if (player.currentTime >= end + 0.05 || player.ended) player.pause();
      else requestAnimationFrame(watch);
    };
    // a file that this browser can't play is simply not played: its figure is shown all the same
    player.play().then(watch, () => {});
  };
  Object.assign(b, { player, play });

  draw.words = (slot, value) => {
    const rows = (value && value.words) || [];
    const title = make("h2", { id: "words-title" }, b.say.weights);
    if (!rows.length) {
      slot.replaceChildren(title, make("p", { class: "idle" }, b.say.weights_none));
      return;
    }
    const how = recall("bibier_weights") === "attention" ? "attention" : "occlusion";
    const hint = value.path ? b.say.weights_hint_play : b.say.weights_hint;
    const detail = make("p", { class: "detail", role: "status" }, hint);
    const explain = make("p", { class: "small explain" });
    const text = make("div", { class: "text", role: "group", "aria-labelledby": "words-title" });
    const buttons = [];

    const choose = (kind) => {
      text.dataset.kind = kind;
      explain.textContent = b.say[`${kind}_is`].replace("{emotion}", value.emotion);
      rows.forEach((row, index) => {
        const button = buttons[index];
        button.style.setProperty("--weight", Math.abs(row[kind]).toFixed(3));
        button.classList.toggle("against", row[kind] < 0);
        button.setAttribute("aria-label", row[`${kind}_text`]);
      });
      const selected = text.querySelector("[aria-pressed=true]");
      if (selected) select(buttons.indexOf(selected), false);
    };
    const select = (index, sound) => {
      const row = rows[index];
      const kind = text.dataset.kind;
      buttons.forEach((button, i) => {
        button.setAttribute("aria-pressed", String(i === index));
        button.tabIndex = i === index ? 0 : -1;
      });
      detail.textContent = row[`${kind}_text`] + (row.time ? ` · ${row.time}` : "");
      if (sound && value.path && row.start !== null) play(value.path, row.start, row.end);
    };

    const letters = Array.from(value.text); // offsets count characters as Python does, not UTF-16 units
    let shown = 0;
    rows.forEach((row, index) => {
      text.append(letters.slice(shown, row.begin).join(""));
      const button = make("button", { type: "button", class: "word", "aria-pressed": "false",
        tabindex: index ? -1 : 0, onclick: () => select(index, true) }, letters.slice(row.begin, row.stop).join(""));
      shown = row.stop;
      buttons.push(button);
      text.append(button);
    });
    text.append(letters.slice(shown).join(""));
    // one stop of the Tab key for all words; the arrows move among them
    text.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const now = buttons.indexOf(document.activeElement);
      if (now < 0 || !(step || event.key === "Home" || event.key === "End")) return;
      event.preventDefault();
      const to = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1 : now + step;
      const button = buttons[Math.min(buttons.length - 1, Math.max(0, to))];
      buttons.forEach((other) => { other.tabIndex = -1; });
      button.tabIndex = 0;
      button.focus();
    });
    text.style.setProperty("--light", value.colours[0]);
    text.style.setProperty("--dark", value.colours[1]);

    const radio = (kind) => make("label", {}, make("input", { type: "radio", name: "weights", value: kind,
      checked: kind === how, onchange: () => { remember("bibier_weights", kind); choose(kind); } }), b.say[kind]);
    const pick = make("fieldset", {}, make("legend", { class: "hidden" }, b.say.weights), radio("occlusion"),
      radio("attention"));
    slot.replaceChildren(make("div", { class: "row" }, title, pick), explain, text, detail);
    choose(how);
  };

  // --- names of buttons that Gradio leaves in English ---------------------------------------------------------------
  const names = [[/^Upload file/, "label_upload"], [/^Record audio/, "label_record"], [/^Adjust volume/, "label_volume"],
    [/^Adjust playback speed/, "label_speed"], [/^Skip backwards/, "label_back"], [/^Skip forward/, "label_forward"],
    [/^Select input device/, "label_device"]];
  const rename = () => {
    for (const node of document.querySelectorAll("#voice [aria-label]")) {
      const known = names.find(([pattern]) => pattern.test(node.getAttribute("aria-label")));
      if (known) node.setAttribute("aria-label", b.say[known[1]]);
    }
  };

  // --- wiring: each gr.HTML has one constant, empty slot, filled here ---------------------------------------------
  b.mount = (name, element, props, watch) => {
    const slot = element.querySelector(".slot");
    const show = () => draw[name](slot, props.value);
    watch("value", show);
    show();
  };

  // the stage carries the events that the page itself raises
  b.signals = (trigger) => {
    const parts = ["#voice", "#transcript", "#recogniser", "#verdict .slot", "#chart", "#words .slot"];
    const open = () => {
      if (!parts.every((part) => document.querySelector(part))) { setTimeout(open, 30); return; }
      trigger("opened");
      measure.observe(document.querySelector("#bars"));
      rename();
      new MutationObserver(rename).observe(document.querySelector("#voice"),
        { subtree: true, childList: true, attributeFilter: ["aria-label"] });
    };
    let waiting = 0;
    const soon = (name, delay) => { clearTimeout(waiting); waiting = setTimeout(() => trigger(name), delay); };
    const edited = (event) => event.target.matches && event.target.matches("#transcript textarea");
    document.addEventListener("input", (event) => {
      if (!edited(event)) return;
      setTimeout(() => trigger("typed")); // once Gradio has taken the value over
      soon("edit", 700);
    });
    document.addEventListener("focusout", (event) => edited(event) && soon("edit", 150));
    let seen = null;
    const look = () => {
      const now = `${dark()} ${narrow()}`;
      if (seen !== null && now !== seen) trigger("redraw");
      seen = now;
    };
    new MutationObserver(look).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    const settle = () => { clearTimeout(look.timer); look.timer = setTimeout(look, 250); };
    const measure = new ResizeObserver(settle);
    open();
  };
})();
