// @ts-check
// The Analyse tab: what is said of a clip, its figures, its words, and the events that the page raises. After page.js.
(() => {
  const { draw, fill, make, recall, remember, rove, say } = bibier;

  draw.verdict = (slot, value) => {
    slot.setAttribute("aria-live", "polite");
    if (!value?.sentence) {
      const key = value && "key" in value ? value.key : "";
      slot.replaceChildren(make("p", { class: "idle" }, say[key || "idle"]));
      return;
    }
    const { badge } = value;
    slot.replaceChildren(
      ...value.notices.map((notice) => make("p", { class: "notice" }, notice)),
      make("p", { class: "sentence", "data-emotion": value.winner }, value.sentence),
      make("p", { class: "sure" }, value.sure,
        badge && make("span", { class: `tip badge ${badge.kind}`, tabindex: 0, "data-tip": badge.technical,
          "aria-label": `${badge.text} (${badge.technical})` }, badge.text)),
      ...(value.made ? [make("p", { class: "small made" }, value.made)] : []),
    );
  };

  draw.table = (slot, value) => {
    const { head, rows } = value || { head: [], rows: [] };
    const open = Boolean(slot.querySelector("details")?.open);
    slot.replaceChildren(make("details", { open, hidden: !rows.length }, make("summary", {}, say.table),
      bibier.table({ head, rows })));
    const chart = document.querySelector("#chart");
    chart?.setAttribute("role", "group");
    chart?.setAttribute("aria-label", say.chart);
  };

  // --- words -------------------------------------------------------------------------------------------------------
  const sound = bibier.sound = new Audio();
  let turn = 0;
  bibier.playPart = (file, start, end) => {
    const root = window.gradio_config?.root || ".";
    const url = `${root.replace(/\/$/, "")}/gradio_api/file=${encodeURIComponent(file)}`;
    if (sound.dataset.file !== file) { sound.src = url; sound.dataset.file = file; }
    const mine = ++turn;
    sound.currentTime = Math.max(0, start - 0.05);
    const watch = () => {
      if (mine !== turn) return;
      if (sound.currentTime >= end + 0.05 || sound.ended) sound.pause();
      else requestAnimationFrame(watch);
    };
    // a file that this browser can't play is simply not played: its figure is shown all the same
    sound.play().then(watch, () => {});
  };

  draw.words = (slot, value) => {
    const title = make("h2", { id: "words-title" }, say.weights);
    if (!value || !("text" in value) || !value.words.length) {
      slot.replaceChildren(title, make("p", { class: "idle" }, say.weights_none));
      return;
    }
    const rows = value.words;
    /** @type {WordWeight} */
    let kind = recall("bibier_weights") === "attention" ? "attention" : "occlusion";
    const detail = make("p", { class: "detail", role: "status" },
      value.path ? say.weights_hint_play : say.weights_hint);
    const explain = make("p", { class: "small explain" });
    const text = make("div", { class: "text", role: "group", "aria-labelledby": "words-title" });
    /** @type {HTMLButtonElement[]} */
    const buttons = [];

    /** @param {WordWeight} chosen */
    const choose = (chosen) => {
      kind = chosen;
      text.dataset.kind = kind;
      explain.textContent = fill(say[`${kind}_is`], { emotion: value.emotion });
      rows.forEach((row, index) => {
        const button = buttons[index];
        button.style.setProperty("--weight", Math.abs(row[kind]).toFixed(3));
        button.classList.toggle("against", row[kind] < 0);
        button.setAttribute("aria-label", row[`${kind}_text`]);
      });
      const selected = buttons.findIndex((button) => button.getAttribute("aria-pressed") === "true");
      if (selected >= 0) select(selected, false);
    };
    /** @type {(index: number, aloud: boolean) => void} */
    const select = (index, aloud) => {
      const row = rows[index];
      buttons.forEach((button, i) => {
        button.setAttribute("aria-pressed", String(i === index));
        button.tabIndex = i === index ? 0 : -1;
      });
      detail.textContent = row[`${kind}_text`] + (row.time ? ` · ${row.time}` : "");
      if (aloud && value.path && row.start !== null && row.end !== null) {
        bibier.playPart(value.path, row.start, row.end);
      }
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
    rove(text, () => buttons, { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 });
    text.style.setProperty("--light", value.colours[0]);
    text.style.setProperty("--dark", value.colours[1]);

    /** @param {WordWeight} name */
    const radio = (name) => make("label", {}, make("input", { type: "radio", name: "weights", value: name,
      checked: name === kind, onchange: () => { remember("bibier_weights", name); choose(name); } }), say[name]);
    const pick = make("fieldset", {}, make("legend", { class: "hidden" }, say.weights), radio("occlusion"),
      radio("attention"));
    slot.replaceChildren(make("div", { class: "row" }, title, pick), explain, text, detail);
    choose(kind);
  };

  // --- names of buttons that Gradio leaves in English --------------------------------------------------------------
  /** @type {[RegExp, string][]} */
  const names = [[/^Upload file/, "label_upload"], [/^Record audio/, "label_record"],
    [/^Adjust volume/, "label_volume"], [/^Adjust playback speed/, "label_speed"], [/^Skip backwards/, "label_back"],
    [/^Skip forward/, "label_forward"], [/^Select input device/, "label_device"]];
  const rename = () => {
    for (const node of document.querySelectorAll("#voice [aria-label]")) {
      const known = names.find(([pattern]) => pattern.test(node.getAttribute("aria-label") ?? ""));
      if (known) node.setAttribute("aria-label", say[known[1]]);
    }
  };

  // --- events: the stage carries those that the page itself raises -------------------------------------------------
  bibier.pageEvents = (trigger) => {
    const parts = ["#voice", "#transcript", "#recogniser", "#judgement .slot", "#chart", "#words .slot"];
    const open = () => {
      const voice = document.querySelector("#voice");
      const bars = document.querySelector("#bars");
      if (!voice || !bars || !parts.every((part) => document.querySelector(part))) { setTimeout(open, 30); return; }
      trigger("opened");
      size.observe(bars);
      rename();
      new MutationObserver(rename).observe(voice, { subtree: true, childList: true, attributeFilter: ["aria-label"] });
    };
    let waiting = 0;
    /** @type {(name: string, delay: number) => void} */
    const soon = (name, delay) => { clearTimeout(waiting); waiting = setTimeout(() => trigger(name), delay); };
    /** @param {Event} event */
    const edited = ({ target }) => target instanceof Element && target.matches("#transcript textarea");
    document.addEventListener("input", (event) => {
      if (!edited(event)) return;
      setTimeout(() => trigger("typed")); // once Gradio has taken the value over
      soon("edit", 700);
    });
    document.addEventListener("focusout", (event) => edited(event) && soon("edit", 150));
    let seen = "";
    const look = () => {
      const now = `${bibier.isDark()} ${bibier.isNarrow()}`;
      if (seen && now !== seen) trigger("redraw");
      seen = now;
    };
    bibier.onTheme(look);
    let settling = 0;
    const size = new ResizeObserver(() => { clearTimeout(settling); settling = setTimeout(look, 250); });
    open();
  };
})();
