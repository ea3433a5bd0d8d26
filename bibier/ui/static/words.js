// @ts-check
// The words, coloured by what they weigh, on one scale for all texts. Runs after analyse.js.
// Words are text and nothing else.
(() => {
  const { draw, fill, make, recall, remember, rove, say } = bibier;
  const FULL = 0.3; // of probability or attention: the deepest colour
  const LEAST = 0.01; // below this nothing is shown
  const STEPS = [0.01, 0.05, 0.1, 0.2, FULL];

  /** @param {number} weight */
  const depth = (weight) => (Math.abs(weight) < LEAST ? 0 : Math.min(1, 0.12 + (0.88 * Math.abs(weight)) / FULL));
  /** @type {(weight: number, text: string) => HTMLElement} */
  const sample = (weight, text) => make("li", {}, make("i", { class: weight < 0 ? "sample against" : "sample",
    "aria-hidden": "true", style: { "--weight": depth(weight).toFixed(3) } }), text);

  draw.words = (slot, value) => {
    const title = make("h2", { id: "words-title" }, say.weights);
    const card = document.querySelector("#words");
    card?.classList.toggle("none", !value || !("text" in value) || !value.words.length);
    if (!value || !("text" in value) || !value.words.length) { slot.replaceChildren(); return; }
    const rows = value.words;
    /** @type {WordWeight} */
    let kind = recall("bibier_weights") === "attention" ? "attention" : "occlusion";
    const hint = value.path ? say.weights_hint_play : say.weights_hint;
    const detail = make("p", { class: "detail", role: "status" }, hint);
    const explain = make("p", { class: "small explain" });
    const scale = make("ul", { class: "scale", "aria-label": say.weights_scale });
    const text = make("div", { class: "text", role: "group", "aria-labelledby": "words-title" });
    /** @type {HTMLButtonElement[]} */
    const buttons = [];

    /** @param {WordWeight} chosen */
    const choose = (chosen) => {
      kind = chosen;
      explain.textContent = fill(say[`${kind}_is`], { emotion: value.emotion });
      const steps = kind === "occlusion" ? [...STEPS.slice(1).reverse().map((step) => -step), ...STEPS] : STEPS;
      scale.replaceChildren(...steps.map((step) => {
        const points = Math.round(100 * Math.abs(step));
        const sign = step < 0 ? "−" : kind === "occlusion" ? "+" : "";
        return sample(step, `${sign}${points}${Math.abs(step) === FULL ? "…" : ""}`);
      }), make("li", { class: "unit" }, say[`${kind}_unit`]));
      rows.forEach((row, index) => {
        const button = buttons[index];
        button.style.setProperty("--weight", depth(row[kind]).toFixed(3));
        button.classList.toggle("against", row[kind] < 0);
        button.setAttribute("aria-label", row[`${kind}_text`]);
      });
      tell(selected());
    };
    const selected = () => buttons.findIndex((button) => button.getAttribute("aria-pressed") === "true");
    /** @param {number} index */
    const tell = (index) => {
      const row = rows[index];
      const said = row ? row[`${kind}_text`] + (row.time ? ` · ${row.time}` : "") : hint;
      if (detail.textContent !== said) detail.textContent = said;
    };
    /** @param {number} index */
    const select = (index) => {
      const row = rows[index];
      buttons.forEach((button, i) => {
        button.setAttribute("aria-pressed", String(i === index));
        button.tabIndex = i === index ? 0 : -1;
      });
      tell(index);
      if (value.path && row.start !== null && row.end !== null) bibier.playPart(value.path, row.start, row.end);
    };

    const letters = Array.from(value.text); // offsets count characters as Python does, not UTF-16 units
    let shown = 0;
    rows.forEach((row, index) => {
      text.append(letters.slice(shown, row.begin).join(""));
      const button = make("button", { type: "button", class: "word", "aria-pressed": "false",
        tabindex: index ? -1 : 0, onclick: () => select(index), onfocus: () => tell(index),
        onmouseenter: () => tell(index), onmouseleave: () => tell(selected()) },
      letters.slice(row.begin, row.stop).join(""));
      shown = row.stop;
      buttons.push(button);
      text.append(button);
    });
    text.append(letters.slice(shown).join(""));
    rove(text, () => buttons, { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 });

    /** @param {WordWeight} name */
    const radio = (name) => make("label", {}, make("input", { type: "radio", name: "weights", value: name,
      checked: name === kind, onchange: () => { remember("bibier_weights", name); choose(name); } }),
    make("span", {}, say[name]));
    const pick = make("fieldset", { class: "switch" }, make("legend", { class: "hidden" }, say.weights),
      radio("occlusion"), radio("attention"));
    slot.replaceChildren(make("div", { class: "row" }, title, pick), explain, text, detail, scale);
    choose(kind);
  };
})();
