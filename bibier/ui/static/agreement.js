// @ts-check
// The Agreement tab. Runs after page.js. Names of people and projects are text and nothing else.
(() => {
  const { draw, fill, make, recall, say, table } = bibier;
  const LEAST = -0.2; // of alpha's scale, which ends at 1
  const MARKS = [0, 0.67, 0.8];
  /** @type {string | null} */
  let chosen = null; // the project, null for the one that was annotated last
  /** @type {Trigger} */
  let raise = () => {};
  bibier.withProject = () => [bibier.view({ project: chosen ?? recall("bibier_project"),
    annotator: recall("bibier_annotator") })]; // whose labels open the clips, where nobody signs in

  /** @param {string | undefined} text */
  const small = (text) => (text ? make("p", { class: "small" }, text) : null);

  // --- alpha as a dot with its interval as a whisker ---------------------------------------------------------------
  const at = (/** @type {number} */ value) => `${(100 * (Math.max(LEAST, value) - LEAST)) / (1 - LEAST)}%`;
  /** @param {[number, number, number] | null} dot */
  const scale = (dot) => {
    const [value, low, high] = dot ?? [0, 0, 0];
    return make("span", { class: "alpha", "aria-hidden": "true" },
      ...MARKS.map((mark) => make("i", { class: mark ? "" : "chance", style: { left: at(mark) } })),
      dot && make("i", { class: "whisker", style: { left: at(low), right: `calc(100% - ${at(high)})` } }),
      dot && make("b", { style: { left: at(value) } }));
  };
  /** @param {AgreementTable} part */
  const drawn = (part) => {
    const node = table(part);
    node.querySelectorAll("tbody tr").forEach((row, i) => {
      if (part.dots) row.children[0].after(make("td", { class: "drawn" }, scale(part.dots[i])));
      part.shades?.[i].forEach((share, j) =>
        /** @type {HTMLElement} */ (row.children[j + 1]).style.setProperty("--share", String(share)));
    });
    if (part.dots) node.querySelector("thead th")?.after(make("th", { scope: "col", class: "drawn" }, "0 … 1"));
    if (part.shades) node.classList.add("shaded");
    return node;
  };

  // --- the worst clips, played in place ----------------------------------------------------------------------------
  const sound = new Audio();
  /** @type {HTMLButtonElement | null} */
  let playing = null;
  const showPlaying = () => document.querySelectorAll("#agree-facts .worst .play").forEach((node) => {
    const button = /** @type {HTMLButtonElement} */ (node);
    const on = button === playing && !sound.paused;
    const name = fill(on ? say.agree_worst_pause : say.agree_worst_play, { id: button.dataset.id ?? "" });
    button.textContent = on ? "❚❚" : "▶";
    button.setAttribute("aria-label", name);
    button.title = name;
  });
  for (const event of ["play", "pause", "ended"]) sound.addEventListener(event, showPlaying);
  /** @type {(button: HTMLButtonElement, clip: string) => void} */
  const toggle = (button, clip) => {
    if (playing === button && !sound.paused) { sound.pause(); return; }
    if (playing !== button) {
      playing = button;
      const root = (window.gradio_config?.root || "").replace(/\/$/, "");
      sound.src = `${root}/bibier/clip/${clip}`;
    }
    sound.play().catch((error) => {
      if (error.name === "AbortError") return; // another was chosen
      button.disabled = true;
      button.title = say.agree_worst_lost;
    });
  };
  /** @type {(disputed: DisputedClip, bars: LabelBar[]) => HTMLElement} */
  const worst = ({ project, clip, text, words, people }, bars) => {
    const play = make("button", { type: "button", class: "play", "data-id": clip.slice(0, 6) });
    play.addEventListener("click", () => toggle(play, clip));
    return make("li", {}, make("div", { class: "top" }, play, make("span", { class: "facts" }, text),
      make("button", { type: "button", class: "open", "aria-label": `${say.agree_worst_open}: ${clip.slice(0, 6)}`,
        onclick: () => bibier.openInAnnotate({ project, clip }) }, say.agree_worst_open)),
    words ? make("p", { class: "words" }, words) : null,
    make("ul", { class: "said-by" }, ...people.map((person) => bibier.saidBy(bars, person))));
  };

  draw.agreement = (slot, value) => {
    if (!value || "error" in value) {
      slot.replaceChildren(value ? make("p", { class: "alert", role: "alert" }, value.error) : "");
      return;
    }
    sound.pause();
    playing = null;
    const cards = (value.tables ?? []).map((part) => make("section", { class: "card" }, make("h2", {}, part.title),
      small(part.hint), part.rows.length ? drawn(part) : null, small(part.reason)));
    const disputed = value.worst && make("section", { class: "card disputed" }, make("h2", {}, say.agree_worst),
      small(value.worst.length ? say.agree_worst_is : value.unseen ? "" : say.agree_worst_none),
      make("ol", { class: "worst" }, ...value.worst.map((clip) => worst(clip, value.labels ?? bibier.seven))),
      small(value.unseen));
    const select = make("select", { onchange: () => { chosen = select.value; raise("redraw"); } },
      ...value.projects.map((name) => make("option", { value: name, selected: name === value.project }, name)));
    slot.replaceChildren(
      value.projects.length > 1 ? make("label", { class: "who" }, say.agree_project, select) : "",
      value.verdict ? make("p", { class: "headline" }, value.verdict) : "",
      make("p", { class: "said", role: "status" }, value.sentence),
      make("div", { class: "cards" }, ...cards), disputed ?? "");
    showPlaying();
  };

  draw.numbers = (slot, value) => {
    slot.replaceChildren(value ? make("details", {}, make("summary", {}, say.agree_table), table(value)) : "");
    const picture = /** @type {HTMLElement | null} */ (slot.closest("#agree-picture"));
    if (!picture) return;
    picture.hidden = !value;
    picture.setAttribute("role", "group");
    picture.setAttribute("aria-label", say.agree_picture);
  };

  // drawn anew when the language or the width changes while the tab is seen
  bibier.agreementEvents = (trigger) => {
    raise = trigger;
    let seen = bibier.view();
    const look = () => {
      const now = bibier.view();
      const facts = /** @type {HTMLElement | null} */ (document.querySelector("#agree-facts"));
      if (now !== seen && facts?.offsetParent) trigger("redraw");
      seen = now;
    };
    bibier.onLanguage(look);
    let timer = 0;
    addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(look, 250); });
  };
})();
