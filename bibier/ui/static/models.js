// @ts-check
// The Models tab. Runs after page.js. What a checkpoint says of itself is foreign: text and nothing else.
(() => {
  const { draw, fill, make, say, table } = bibier;
  /** @type {{ key?: string, name?: string, first?: string, second?: string }} */
  const asked = {}; // what the next event is about
  bibier.withModels = (...inputs) => [...inputs.slice(0, -1), bibier.view({ models: asked })];

  /**
   * Fills a part anew; the focus and what was unfolded are as before.
   * @type {(slot: HTMLElement, ...nodes: (Node | null)[]) => void}
   */
  const refill = (slot, ...nodes) => {
    const active = document.activeElement;
    const mark = active instanceof HTMLElement && slot.contains(active) ? active.dataset.mark : null;
    const open = new Set([...slot.querySelectorAll("details")].filter((part) => part.open)
      .map((part) => part.dataset.mark));
    slot.replaceChildren(...nodes.filter((node) => node !== null));
    for (const part of slot.querySelectorAll("details")) part.open = open.has(part.dataset.mark);
    if (!mark) return;
    for (const node of slot.querySelectorAll("[data-mark]")) {
      if (!(node instanceof HTMLElement) || node.dataset.mark !== mark || node.tagName === "DETAILS") continue;
      node.focus();
      return;
    }
  };
  /** @param {Progress} value */
  const line = ({ said, texts, busy, error }) => (said ? make("p", { class: error ? "alert" : busy ? "busy"
    : "small strong", role: error ? "alert" : "status" }, texts?.[bibier.language] ?? said) : null);
  const seen = () => Boolean(document.querySelector("#models")?.checkVisibility());
  /**
   * What went wrong in a part stays when the server draws the tab anew in the other language.
   * @type {<P extends Progress>() => (value: P) => P}
   */
  const keeping = () => {
    /** @type {Progress | null} */
    let last = null;
    let awaited = false;
    bibier.onLanguage(() => { awaited = seen(); });
    return (value) => {
      const stays = awaited && !value.said && last?.texts;
      if (stays) value = { ...value, said: last?.said, texts: stays, error: true };
      awaited &&= !stays && Boolean(value.texts); // it is drawn again, as it was, before the server has spoken
      last = value;
      return value;
    };
  };
  const small = (/** @type {string} */ text) => make("p", { class: "small" }, text);
  const notice = (/** @type {string | undefined} */ text) => (text ? make("p", { class: "notice" }, text) : null);
  /** @type {(mark: string, title: string, ...children: Child[]) => HTMLElement} */
  const folded = (mark, title, ...children) =>
    make("details", { "data-mark": mark }, make("summary", { "data-mark": mark }, title), ...children);

  // --- the list -----------------------------------------------------------------------------------------------------
  const TAGS = new Set(["p", "blockquote", "ul", "ol", "li", "strong", "em", "s", "code", "pre", "hr", "table", "thead",
    "tbody", "tr", "th", "td", "h4", "h5", "h6"]);
  /** @type {(node: CardNode) => Node | string} */
  const grow = (node) => {
    if (typeof node === "string") return node;
    const [tag, ...children] = node;
    return make(TAGS.has(tag) ? /** @type {keyof HTMLElementTagNameMap} */ (tag) : "span", {}, ...children.map(grow));
  };

  /** @type {(key: string) => void} */
  let use = () => {};
  bibier.modelsEvents = (trigger) => {
    use = (key) => { asked.key = key; trigger("use"); };
    bibier.onLanguage(() => { if (seen()) trigger("language"); });
  };
  /** @type {(model: ModelCard, list: ModelList) => HTMLElement} */
  const card = (model, { busy, closed }) => {
    const { key, title, facts, figures, parts } = model;
    const id = `model-${key.replace(/[^\w-]/g, "_")}`;
    const button = make("button", { type: "button", class: "choose", disabled: busy, "data-mark": `use ${key}`,
      "aria-label": fill(say.models_use_name, { name: title }), onclick: () => use(key) }, say.models_use);
    const choice = model.chosen ? make("p", { class: "in-use" }, say.models_in_use)
      : model.problem || closed ? null : button;
    const results = figures && (figures.rows.length ? table(figures) : make("p", {}, say.models_no_figures));
    return make("li", { class: `card${model.chosen ? " chosen" : ""}`, "aria-labelledby": id },
      make("div", { class: "top" }, make("h3", { id }, title), choice),
      model.start ? small(say.models_start) : null,
      notice(model.problem),
      facts.length ? make("dl", {}, ...facts.flatMap(([name, value]) =>
        [make("dt", {}, name), make("dd", {}, value)])) : null,
      results && make("div", { class: "figures" }, small(say.models_figures), results),
      make("div", { class: "push" }),
      parts.length ? folded(`parts ${key}`, say.models_parts,
        table({ head: [say.models_part, say.models_kind, say.models_parameters], rows: parts })) : null,
      model.card.length ? folded(`card ${key}`, say.models_card, small(say.models_card_whose),
        make("div", { class: "foreign", tabindex: 0, role: "group", "aria-label": `${say.models_card}: ${title}` },
          ...model.card.map(grow))) : small(say.models_card_none));
  };
  /** @type {(value: ModelList) => ModelList} */
  const listed = keeping();
  draw.models = (slot, given) => {
    if (!given) { // the server is being asked: the place is taken at once
      slot.replaceChildren(make("h2", {}, say.models_list), make("p", { class: "busy", role: "status" },
        say.models_opening), make("ul", { class: "cards", "aria-hidden": "true" },
        make("li", { class: "card ghost" })));
      return;
    }
    const value = listed(given);
    if (value.chosen !== undefined) bibier.checkpoint(value.chosen);
    refill(slot, value.cards ? make("h2", {}, say.models_list) : null,
      ...(value.lines ?? []).map(small),
      notice(value.closed),
      make("div", { class: "told" }, line(value)),
      value.cards ? make("ul", { class: "cards" }, ...value.cards.map((model) => card(model, value))) : null);
  };

  // --- the Hub ------------------------------------------------------------------------------------------------------
  let typed = "";
  /** @type {Trigger} */
  let askHub = () => {};
  bibier.hubEvents = (trigger) => { askHub = (name) => { asked.name = typed; trigger(name); }; };
  /** @type {(value: HubOffer) => HubOffer} */
  const offered = keeping();
  draw.hub = (slot, given) => {
    if (!given || given.hidden) { slot.replaceChildren(); return; }
    const value = offered(given);
    const title = make("h2", {}, say.models_hub);
    if (value.closed) { refill(slot, title, small(value.closed)); return; }
    const field = make("input", { type: "text", value: typed, maxlength: 200, autocomplete: "off", spellcheck: "false",
      autocapitalize: "off", "data-mark": "name", oninput: () => { typed = field.value; } });
    const form = make("form", { onsubmit: (event) => {
      event.preventDefault();
      if (typed.trim() && !value.busy) askHub("ask");
    } }, make("label", {}, make("span", {}, say.models_hub_name), field),
    make("button", { type: "submit", disabled: value.busy, "data-mark": "ask" }, say.models_ask));
    refill(slot, title, small(say.models_hub_how), form,
      make("div", { class: "told" }, line(value),
        value.share === undefined ? null
          : make("progress", { max: 1, value: value.share, "aria-label": value.said }),
        value.offer ? make("button", { type: "button", class: "choose", "data-mark": "fetch",
          onclick: () => askHub("fetch") }, value.offer) : null));
  };

  // --- comparing ----------------------------------------------------------------------------------------------------
  /** @type {Trigger} */
  let raise = () => {};
  bibier.comparisonEvents = (trigger) => { raise = trigger; };

  /** The two marks of a row and the line between them: place and shape tell whose they are, the colour the emotion.
   * @type {(row: ComparedAxis["rows"][number], most: number) => HTMLElement} */
  const track = ({ emotion, shares, texts }, most) => {
    const places = shares.map((share) => (share === null ? null : 100 * Math.min(1, share / most)));
    const there = places.filter((place) => place !== null);
    const [low, high] = [Math.min(...there), Math.max(...there)];
    return make("div", { class: "row", style: { "--hue": `var(--emotion-${emotion})` } },
      make("span", { class: "name" }, bibier.names[bibier.language][emotion]),
      make("span", { class: "track", "aria-hidden": "true" },
        there.length === 2 ? make("i", { class: "gap", style: { left: `${low}%`, width: `${high - low}%` } }) : null,
        ...places.map((place, at) => (place === null ? null
          : make("i", { class: at ? "pin second" : "pin first", style: { left: `${place}%` } })))),
      make("span", { class: "value" }, texts[0]), make("span", { class: "value" }, texts[1]));
  };
  const chart = bibier.axesChart = ({ axes, most, titles, label }) => make("div", { class: "pair", role: "group",
    "aria-label": label },
  make("p", { class: "legend" }, make("span", {}, make("i", { class: "pin first" }), titles[0]),
    make("span", {}, make("i", { class: "pin second" }), titles[1])),
  make("div", { class: "axes" }, ...axes.map((axis) => make("div", { class: "axis" }, make("h3", {}, axis.title),
    ...axis.rows.map((row) => track(row, most))))));
  /** @type {Language | null} */
  let spoken = null; // the language of the comparison that stands there
  /** @type {(value: Comparison) => Comparison} */
  const compared = keeping();
  draw.comparing = (slot, given) => {
    if (!given) { slot.replaceChildren(); return; }
    const value = compared(given);
    const { busy, choices, result } = value;
    const { first, second } = asked;
    if (value === given) [asked.first, asked.second] = value.chosen;
    if (result) spoken ??= bibier.language; // it is drawn again, as it was, before the server has spoken
    else if (!busy) {
      const again = spoken !== null && spoken !== bibier.language && !value.said && !value.why;
      spoken = null;
      if (again) { // in the other language
        Object.assign(asked, { first, second });
        setTimeout(() => raise("compare"), 0);
      }
    }
    /** @type {(place: "first" | "second", label: string) => HTMLElement} */
    const pick = (place, label) => {
      const select = make("select", { disabled: busy, "data-mark": place,
        onchange: () => { asked[place] = select.value; } },
      ...choices.map(([key, title]) => make("option", { value: key, selected: key === asked[place] }, title)));
      return make("label", {}, make("span", {}, label), select);
    };
    const button = make("button", { type: "button", class: busy ? null : "choose", "data-mark": "go",
      onclick: () => raise(busy ? "stop" : "compare") }, busy ? say.cancel : say.models_compare_go);
    refill(slot, make("h2", {}, say.models_compare), small(say.models_compare_how),
      value.why ? make("p", { class: "idle" }, value.why) : make("div", { class: "choice" },
        pick("first", say.models_first), pick("second", say.models_second), button),
      make("div", { class: "told" }, line(value)),
      result ? make("div", { class: "verdicts" }, small(result.words),
        chart({ ...result, label: say.models_pair }), table(result),
        small(say.models_distance_hint),
        folded("numbers", say.models_numbers,
          ...result.numbers.flatMap((part) => [make("h3", {}, part.title), table(part)]))) : null);
  };
  document.head.append(make("style", {}, [["", bibier.colours], [".dark ", bibier.coloursDark]].map(([place, hues]) =>
    `${place || ":root"} { ${Object.entries(hues).map(([name, hue]) => `--emotion-${name}: ${hue};`).join(" ")} }`)
    .join(" ")));
})();
