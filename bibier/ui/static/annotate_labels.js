// @ts-check
// Which labels a project has: the seven emotions, some of them, or a list of its own. Runs after label_bars.js.
(() => {
  const { make, seven, titleOf } = bibier;
  const MOST = 9; // each has one of the keys 1 to 9
  const LONGEST = 40; // characters of a name in the log
  const SHOWN = 60; // characters of a name on the page
  const FIRST = 2; // rows of an empty list
  const COLOURS = [...seven.map((bar) => bar.colour), "#8856A7", "#9C6B30"]; // as label_list.py has them

  // "Very calm!" → "Very calm": what a label is called in the log and in exports
  const nameFrom = (/** @type {string} */ title) =>
    title.replace(/[^\p{L}\p{N}_ -]+/gu, " ").replace(/\s+/g, " ").trim().slice(0, LONGEST).trim();

  bibier.createLabelsEditor = () => {
    const kind = make("select", { "data-say-aria-label": "set_labels" },
      make("option", { value: "seven", "data-say": "labels_seven" }),
      make("option", { value: "own", "data-say": "labels_own" }));
    const boxes = seven.map((bar) => make("input", { type: "checkbox", name: bar.name, checked: true }));
    const shown = seven.map(() => make("span", {}));
    const spell = () => shown.forEach((title, i) => { title.textContent = titleOf(seven[i]); });
    bibier.onLanguage(spell);
    spell();
    const some = make("div", { class: "offered" }, ...boxes.map((box, i) => make("label", {}, box, shown[i])));
    const list = make("ol", { class: "own-labels" });
    const more = make("button", { type: "button", "data-say": "labels_add",
      onclick: () => { add(); showMore(); } });
    const own = make("div", {}, make("p", { class: "small", "data-say": "labels_own_is" }), list, more);

    /** @type {{ row: HTMLElement, read(): OwnLabel | null }[]} */
    let rows = [];
    const add = (/** @type {Partial<OwnLabel>} */ label = {}) => {
      let { colour = "" } = label;
      const english = make("input", { type: "text", maxlength: SHOWN, value: label.en ?? label.name ?? "",
        placeholder: "English", "data-say-aria-label": "labels_english" });
      const russian = make("input", { type: "text", maxlength: SHOWN, value: label.ru ?? "", placeholder: "Русский",
        "data-say-aria-label": "labels_russian" });
      const usual = seven.find((bar) => bar.name === label.name)?.colour ?? COLOURS[rows.length % MOST];
      const hue = make("input", { type: "color", value: colour || usual,
        "data-say-aria-label": "labels_colour", oninput: () => { colour = hue.value; } });
      const row = make("li", {}, hue, english, russian,
        make("button", { type: "button", class: "remove", "data-say-aria-label": "labels_remove",
          "data-say-title": "labels_remove",
          onclick: () => { rows = rows.filter((one) => one.row !== row); row.remove(); showMore(); } }, "×"));
      const read = () => {
        const titles = { en: english.value.trim(), ru: russian.value.trim() };
        const said = titles.en || titles.ru;
        return said ? { name: label.name || nameFrom(said), ...titles, colour } : null;
      };
      rows.push({ row, read });
      list.append(row);
    };
    const showMore = () => { more.hidden = rows.length >= MOST; };
    const showKind = () => {
      some.hidden = kind.value === "own";
      own.hidden = !some.hidden;
      if (!own.hidden && !rows.length) { for (let i = 0; i < FIRST; i += 1) add(); }
      showMore();
    };
    kind.addEventListener("change", showKind);

    const show = (/** @type {LabelsSetting} */ setting) => {
      const names = setting.map((label) => (typeof label === "string" ? label : label.name));
      const isOwn = !names.every((name) => seven.some((bar) => bar.name === name));
      kind.value = isOwn ? "own" : "seven";
      boxes.forEach((box) => { box.checked = isOwn || !names.length || names.includes(box.name); });
      rows = [];
      list.replaceChildren();
      if (isOwn) for (const label of setting) add(typeof label === "string" ? { name: label } : label);
      showKind();
    };
    show([]);
    return {
      node: make("fieldset", { class: "labels wide" }, make("legend", { "data-say": "set_labels" }), kind, some, own),
      show,
      /** @returns {LabelsSetting} */
      get value() {
        if (kind.value === "own") return rows.flatMap(({ read }) => read() ?? []);
        const names = boxes.filter((box) => box.checked).map((box) => box.name);
        return names.length === boxes.length ? [] : names;
      },
    };
  };
})();
