// @ts-check
// Sheets over the Annotate tab: the clips of a project to search, how far everybody is, and the folders of the computer
// that the app runs on. Runs after page.js.
(() => {
  const { fill, make, say } = bibier;
  const WAIT = 250; // ms after the last letter until it is searched for
  const FILTERS = ["all", "left", "done", "skipped", "review"];
  const MINUTE = 60; // s

  /** @type {(title: string, ...content: Node[]) => HTMLDialogElement} */
  const sheet = (title, ...content) => {
    const dialog = make("dialog", { class: "sheet list", "data-say-aria-label": title },
      make("div", { class: "row" }, make("h2", { "data-say": title }),
        make("button", { type: "button", onclick: () => { dialog.close(); }, "data-say": "close" })), ...content);
    return dialog;
  };
  const time = (/** @type {string} */ text) => {
    const date = new Date(text);
    return Number.isNaN(date.valueOf()) ? "" : date.toLocaleString(bibier.language,
      { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  };

  /** @type {Bibier["createClipList"]} */
  bibier.createClipList = ({ run, open }) => {
    const query = make("input", { type: "text", "data-say-placeholder": "list_search",
      "data-say-aria-label": "list_search" });
    const filter = make("select", { "data-say-aria-label": "list_filter" },
      ...FILTERS.map((value) => make("option", { value, "data-say": `list_${value}` })));
    const found = make("p", { class: "small", role: "status" });
    const tellFound = bibier.createLine(found);
    const list = make("ul", { class: "clips" });
    const more = make("button", { type: "button", hidden: true, "data-say": "list_more" });
    const dialog = sheet("list_title", make("div", { class: "fresh" }, query, filter), found, list, more);
    let shown = 0;
    let asked = 0;
    /** @type {(() => void)[]} */
    let facts = []; // of each row, in the page's language
    bibier.onLanguage(() => facts.forEach((spell) => spell()));
    /** @type {(row: ListedClip, review: boolean) => HTMLElement} */
    const rowOf = ({ clip, text, state, labels }, review) => {
      const said = make("span", { class: "facts" });
      const spell = () => {
        said.textContent = `${say[`list_${state}`]} · ${fill(say.list_labels, { count: labels })}`;
      };
      facts.push(spell);
      spell();
      return make("li", {}, make("button", { type: "button", onclick: () => {
        dialog.close();
        if (document.activeElement instanceof HTMLElement) document.activeElement.blur(); // Enter is to save
        open(clip, review);
      } }, make("b", {}, clip.slice(0, 6)),
      make("span", { class: "words", "data-say": text ? null : "transcript_none" }, text), said));
    };
    const load = (/** @type {boolean} */ on) => run(async (call) => {
      asked += 1;
      const turn = asked;
      const start = on ? shown : 0;
      const answer = await call("clips", { query: query.value, filter: filter.value, start });
      if (turn !== asked) return; // the search has gone on
      const review = filter.value === "review";
      if (!on) facts = [];
      const rows = answer.clips.map((row) => rowOf(row, review));
      if (on) list.append(...rows); else list.replaceChildren(...rows);
      shown = start + answer.clips.length;
      tellFound(() => fill(say.list_found, { count: answer.found }));
      more.hidden = shown >= answer.found;
    });
    let timer = 0;
    query.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => load(false), WAIT); });
    filter.addEventListener("change", () => load(false));
    more.addEventListener("click", () => load(true));
    return { dialog, show: () => { dialog.showModal(); load(false); } };
  };

  /** @type {Bibier["createPeopleList"]} */
  bibier.createPeopleList = ({ run }) => {
    const slot = make("div", {});
    const dialog = sheet("people_title", slot);
    /** @type {PersonsPace[] | null} */
    let people = null;
    const draw = () => {
      if (!people) return;
      const rows = people.map(({ name, done, seconds, last }) => [name, String(done),
        fill(say.spent_seconds, { value: Math.round(seconds) }),
        seconds ? String(Math.round(MINUTE / seconds * MINUTE)) : "—", time(last)]);
      slot.replaceChildren(rows.length ? bibier.table({ head: [say.people_name, say.people_done, say.people_seconds,
        say.people_pace, say.people_last], rows }) : make("p", { class: "small" }, say.people_none));
    };
    bibier.onLanguage(draw);
    return { dialog, show: () => {
      dialog.showModal();
      run(async (call) => {
        ({ people } = await call("people"));
        draw();
      });
    } };
  };

  /** @type {Bibier["createPathPicker"]} */
  bibier.createPathPicker = ({ run, picked }) => {
    const here = make("p", { class: "small path" });
    const list = make("ul", { class: "clips" });
    const take = make("button", { type: "button", class: "primary", "data-say": "browse_take" });
    const dialog = sheet("browse_title", here, list, take);
    let folder = "";
    const choose = (/** @type {string} */ path) => { dialog.close(); picked(path); };
    take.addEventListener("click", () => choose(folder));
    const show = (/** @type {string} */ path) => run(async (call) => {
      const answer = await call("browse", { folder: path });
      ({ folder } = answer);
      here.textContent = folder;
      const join = (/** @type {string} */ name) => `${folder.replace(/[\\/]$/, "")}/${name}`;
      /** @type {(name: string, act: () => void) => HTMLElement} */
      const row = (name, act) => make("li", {}, make("button", { type: "button", onclick: act }, name));
      list.replaceChildren(row("↑", () => show(answer.above)),
        ...answer.folders.map((name) => row(`${name}/`, () => show(join(name)))),
        ...answer.files.map((name) => row(name, () => choose(join(name)))));
    });
    return { dialog, show: (path = "") => { dialog.showModal(); show(path); } };
  };
})();
