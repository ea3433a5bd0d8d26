// The Models tab. Runs after page.js. What a checkpoint says of itself is foreign: text and nothing else.
(() => {
  const b = window.bibier;
  const { make, draw } = b;
  const asked = {}; // what the next event is about
  b.with_models = (...inputs) =>
    [...inputs.slice(0, -1), JSON.stringify({ ...JSON.parse(b.view()), models: asked })];

  // Filling a part anew keeps the focus and what was unfolded.
  const fill = (slot, ...nodes) => {
    const mark = slot.contains(document.activeElement) ? document.activeElement.dataset.mark : null;
    const open = new Set([...slot.querySelectorAll("details[open]")].map((one) => one.dataset.mark));
    slot.replaceChildren(...nodes.filter(Boolean));
    for (const one of slot.querySelectorAll("details")) one.open = open.has(one.dataset.mark);
    if (mark) [...slot.querySelectorAll("[data-mark]")].find((one) => one.dataset.mark === mark && one.tagName !== "DETAILS")?.focus();
  };
  const line = (value) => value && value.said
    ? make("p", { class: value.error ? "alert" : value.busy ? "busy" : "small strong", role: value.error ? "alert" : "status" }, value.said) : null;
  const table = (head, rows) => make("div", { class: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...rows.map(([name, ...cells]) =>
      make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell)))))));

  // --- the list -----------------------------------------------------------------------------------------------------
  const TAGS = new Set(["p", "blockquote", "ul", "ol", "li", "strong", "em", "s", "code", "pre", "hr", "table", "thead",
    "tbody", "tr", "th", "td", "h4", "h5", "h6"]);
  const grow = (node) => (typeof node === "string" ? node
    : make(TAGS.has(node[0]) ? node[0] : "span", {}, ...node.slice(1).map(grow)));

  let use = () => {};
  b.models = (trigger) => { use = (key) => { asked.key = key; trigger("use"); }; };
  const card = (one, busy, closed) => {
    const id = `model-${one.key.replace(/[^\w-]/g, "_")}`;
    const button = one.chosen ? make("p", { class: "in-use" }, b.say.models_in_use)
      : one.problem || closed ? null
        : make("button", { type: "button", class: "choose", disabled: busy, "data-mark": `use ${one.key}`,
          "aria-label": b.say.models_use_name.replace("{name}", () => one.title), onclick: () => use(one.key) }, b.say.models_use);
    return make("li", { class: `card${one.chosen ? " chosen" : ""}`, "aria-labelledby": id },
      make("div", { class: "top" }, make("h3", { id }, one.title), button),
      one.start ? make("p", { class: "small" }, b.say.models_start) : null,
      one.problem ? make("p", { class: "notice" }, one.problem) : null,
      one.facts.length ? make("dl", {}, ...one.facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])) : null,
      one.figures ? make("div", {}, make("p", { class: "small" }, b.say.models_figures),
        one.figures.length ? make("ul", { class: "figures" }, ...one.figures.map(([split, found]) =>
          make("li", {}, make("strong", {}, found), ` — ${split}`))) : make("p", {}, b.say.models_no_figures)) : null,
      one.parts.length ? make("details", { "data-mark": `parts ${one.key}` },
        make("summary", { "data-mark": `parts ${one.key}` }, b.say.models_parts),
        table([b.say.models_part, b.say.models_kind, b.say.models_parameters], one.parts)) : null,
      one.card.length ? make("details", { "data-mark": `card ${one.key}` },
        make("summary", { "data-mark": `card ${one.key}` }, b.say.models_card),
        make("p", { class: "small" }, b.say.models_card_whose),
        make("div", { class: "foreign", tabindex: 0, role: "group", "aria-label": `${b.say.models_card}: ${one.title}` },
          ...one.card.map(grow))) : make("p", { class: "small" }, b.say.models_card_none));
  };
  draw.models = (slot, value) => {
    if (!value) { slot.replaceChildren(); return; }
    if (value.chosen !== undefined) b.checkpoint(value.chosen);
    fill(slot, value.cards ? make("h2", {}, b.say.models_list) : null,
      ...(value.lines || []).map((text) => make("p", { class: "small" }, text)),
      value.closed ? make("p", { class: "notice" }, value.closed) : null,
      make("div", { class: "told" }, line(value)),
      value.cards ? make("ul", { class: "cards" }, ...value.cards.map((one) => card(one, value.busy, value.closed))) : null);
  };

  // --- the Hub ------------------------------------------------------------------------------------------------------
  let typed = "";
  let act = () => {};
  b.hub = (trigger) => { act = (name) => { asked.name = typed; trigger(name); }; };
  draw.hub = (slot, value) => {
    if (!value || value.hidden) { slot.replaceChildren(); return; }
    const title = make("h2", {}, b.say.models_hub);
    if (value.closed) { fill(slot, title, make("p", { class: "small" }, value.closed)); return; }
    const field = make("input", { type: "text", value: typed, maxlength: 200, autocomplete: "off", spellcheck: "false",
      autocapitalize: "off", "data-mark": "name", oninput: () => { typed = field.value; } });
    const submit = (event) => { event.preventDefault(); if (typed.trim() && !value.busy) act("ask"); };
    fill(slot, title, make("p", { class: "small" }, b.say.models_hub_how),
      make("form", { onsubmit: submit }, make("label", {}, make("span", {}, b.say.models_hub_name), field),
        make("button", { type: "submit", disabled: value.busy, "data-mark": "ask" }, b.say.models_ask)),
      make("div", { class: "told" }, line(value),
        value.share === undefined ? null : make("progress", { max: 1, value: value.share, "aria-label": value.said }),
        value.offer ? make("button", { type: "button", class: "choose", "data-mark": "fetch", onclick: () => act("fetch") }, value.offer) : null));
  };

  // --- comparing ----------------------------------------------------------------------------------------------------
  let raise = () => {};
  b.comparing = (trigger) => {
    raise = trigger;
    const dark = () => document.body.classList.contains("dark");
    let seen = dark();
    new MutationObserver(() => {
      if (dark() === seen) return;
      seen = dark();
      if (document.querySelector("#models-pair")?.offsetParent) trigger("redraw");
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };
  draw.comparing = (slot, value) => {
    const pair = document.querySelector("#models-pair");
    if (pair) { pair.hidden = !(value && value.result); pair.setAttribute("role", "group"); pair.setAttribute("aria-label", b.say.models_pair); }
    if (!value) { slot.replaceChildren(); return; }
    [asked.first, asked.second] = value.chosen;
    const pick = (name, label) => make("label", {}, make("span", {}, label), make("select", { disabled: value.busy,
      "data-mark": name, onchange: (event) => { asked[name] = event.target.value; } },
    ...value.choices.map(([key, title]) => make("option", { value: key, selected: key === asked[name] }, title))));
    const button = value.busy
      ? make("button", { type: "button", "data-mark": "go", onclick: () => raise("stop") }, b.say.cancel)
      : make("button", { type: "button", class: "choose", "data-mark": "go", onclick: () => raise("compare") }, b.say.models_compare_go);
    const result = value.result;
    fill(slot, make("h2", {}, b.say.models_compare), make("p", { class: "small" }, b.say.models_compare_how),
      value.why ? make("p", { class: "idle" }, value.why)
        : make("div", { class: "choice" }, pick("first", b.say.models_first), pick("second", b.say.models_second), button),
      make("div", { class: "told" }, line(value)),
      result ? make("div", { class: "verdicts" }, make("p", { class: "small" }, result.words), table(result.head, result.rows),
        make("p", { class: "small" }, b.say.models_distance_hint),
        make("details", { "data-mark": "numbers" }, make("summary", { "data-mark": "numbers" }, b.say.models_numbers),
          ...result.numbers.flatMap((one) => [make("h3", {}, one.title), table(one.head, one.rows)]))) : null);
  };
  draw.model_name = (slot, value) => slot.replaceChildren(value ? make("h3", {}, value) : "");
})();
