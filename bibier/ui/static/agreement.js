// The Agreement tab. Runs after page.js. Names of people and projects are text and nothing else.
(() => {
  const b = window.bibier;
  const { make } = b;

  const table = ({ head, rows }) => make("div", { class: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, ...rows.map(([name, ...cells]) =>
      make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell)))))));

  let chosen = null; // the project, null for the one that was annotated last
  let ask = () => {};
  b.with_project = () => [JSON.stringify({ ...JSON.parse(b.view()), project: chosen ?? b.recall("bibier_project") })];

  b.draw.agreement = (slot, value) => {
    if (!value || value.error) {
      slot.replaceChildren(value ? make("p", { class: "alert", role: "alert" }, value.error) : "");
      return;
    }
    const cards = (value.tables || []).map((one) => make("section", { class: "card" }, make("h2", {}, one.title),
      one.hint ? make("p", { class: "small" }, one.hint) : null, one.rows.length ? table(one) : null,
      one.reason ? make("p", { class: "small" }, one.reason) : null));
    const worst = value.worst && make("section", { class: "card" }, make("h2", {}, b.say.agree_worst),
      make("p", { class: "small" }, value.worst.length ? b.say.agree_worst_is : b.say.agree_worst_none),
      make("ol", { class: "worst" }, ...value.worst.map((one) => make("li", {},
        make("button", { type: "button", onclick: () => b.carry({ project: one.project, clip: one.clip }) }, one.text)))));
    const choice = value.projects.length > 1 ? make("label", { class: "who" }, b.say.agree_project, make("select", {
      onchange: (event) => { chosen = event.target.value; ask("redraw"); } },
    ...value.projects.map((one) => make("option", { value: one, selected: one === value.project }, one)))) : null;
    slot.replaceChildren(choice || "", make("p", { class: "said", role: "status" }, value.sentence),
      make("div", { class: "cards" }, ...cards, worst || null));
  };

  b.draw.numbers = (slot, value) => {
    slot.replaceChildren(value ? make("details", {}, make("summary", {}, b.say.agree_table), table(value)) : "");
    const picture = slot.closest("#agree-picture");
    picture.hidden = !value;
    picture.setAttribute("role", "group");
    picture.setAttribute("aria-label", b.say.agree_picture);
  };

  // drawn anew when the theme or the width changes while the tab is seen
  b.facts = (trigger) => {
    ask = trigger;
    let seen = null;
    const look = () => {
      const now = b.view();
      if (seen !== null && now !== seen && document.querySelector("#agree-facts")?.offsetParent) trigger("redraw");
      seen = now;
    };
    new MutationObserver(look).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    let timer = 0;
    addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(look, 250); });
    look();
  };
})();
