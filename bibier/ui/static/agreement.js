// @ts-check
// The Agreement tab. Runs after page.js. Names of people and projects are text and nothing else.
(() => {
  const { draw, make, recall, say, table } = bibier;
  /** @type {string | null} */
  let chosen = null; // the project, null for the one that was annotated last
  /** @type {Trigger} */
  let raise = () => {};
  bibier.withProject = () => [bibier.view({ project: chosen ?? recall("bibier_project") })];

  /** @param {string | undefined} text */
  const small = (text) => (text ? make("p", { class: "small" }, text) : null);
  draw.agreement = (slot, value) => {
    if (!value || "error" in value) {
      slot.replaceChildren(value ? make("p", { class: "alert", role: "alert" }, value.error) : "");
      return;
    }
    const cards = (value.tables ?? []).map((part) => make("section", { class: "card" }, make("h2", {}, part.title),
      small(part.hint), part.rows.length ? table(part) : null, small(part.reason)));
    const disputed = value.worst && make("section", { class: "card" }, make("h2", {}, say.agree_worst),
      small(value.worst.length ? say.agree_worst_is : say.agree_worst_none),
      make("ol", { class: "worst" }, ...value.worst.map(({ project, clip, text }) => make("li", {},
        make("button", { type: "button", onclick: () => bibier.openInAnnotate({ project, clip }) }, text)))));
    const select = make("select", { onchange: () => { chosen = select.value; raise("redraw"); } },
      ...value.projects.map((name) => make("option", { value: name, selected: name === value.project }, name)));
    slot.replaceChildren(
      value.projects.length > 1 ? make("label", { class: "who" }, say.agree_project, select) : "",
      make("p", { class: "said", role: "status" }, value.sentence),
      make("div", { class: "cards" }, ...cards, disputed));
  };

  draw.numbers = (slot, value) => {
    slot.replaceChildren(value ? make("details", {}, make("summary", {}, say.agree_table), table(value)) : "");
    const picture = /** @type {HTMLElement | null} */ (slot.closest("#agree-picture"));
    if (!picture) return;
    picture.hidden = !value;
    picture.setAttribute("role", "group");
    picture.setAttribute("aria-label", say.agree_picture);
  };

  // drawn anew when the theme or the width changes while the tab is seen
  bibier.agreementEvents = (trigger) => {
    raise = trigger;
    let seen = bibier.view();
    const look = () => {
      const now = bibier.view();
      const facts = /** @type {HTMLElement | null} */ (document.querySelector("#agree-facts"));
      if (now !== seen && facts?.offsetParent) trigger("redraw");
      seen = now;
    };
    bibier.onTheme(look);
    let timer = 0;
    addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(look, 250); });
  };
})();
