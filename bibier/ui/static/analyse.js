// @ts-check
// The Analyse tab: what is said of a clip, its figures, its words, and the events that the page raises. After page.js.
(() => {
  const { draw, make, say } = bibier;

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
      value.below ? make("p", { class: "below" }, value.below) : "",
      make("p", { class: "sure" }, value.sure, ...[badge, value.rough].map((one) => one
        && make("span", { class: `tip badge ${one.kind}`, tabindex: 0, "data-tip": one.technical,
          "aria-label": `${one.text} (${one.technical})` }, one.text))),
      ...(value.made ? [make("p", { class: "small made" }, value.made)] : []),
    );
  };

  draw.table = (slot, value) => {
    const { head, rows } = value || { head: [], rows: [] };
    const open = Boolean(slot.querySelector("details")?.open);
    slot.replaceChildren(make("details", { open, hidden: !rows.length }, make("summary", { "data-say": "table" }),
      bibier.table({ head, rows })));
  };

  // --- sound -------------------------------------------------------------------------------------------------------
  const sound = bibier.sound = new Audio();
  let turn = 0;
  bibier.playOn = () => { turn += 1; };
  bibier.playPart = (file, start, end) => {
    if (sound.dataset.file !== file) { sound.src = bibier.fileUrl(file); sound.dataset.file = file; }
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

  // --- events: the stage carries those that the page itself raises -------------------------------------------------
  bibier.pageEvents = (trigger) => {
    const parts = ["#voice", "#transcript", "#recogniser", "#judgement .slot", "#chart", "#words .slot"];
    const open = () => {
      if (!parts.every((part) => document.querySelector(part))) { setTimeout(open, 30); return; }
      trigger("opened");
      bibier.watchTabs();
    };
    const again = () => trigger("language");
    bibier.onLanguage(again);
    document.addEventListener("bibier-ended", () => { // what was begun in another language has spoken that one
      if ((bibier.spoken ?? bibier.language) === bibier.language) return;
      bibier.spoken = bibier.language;
      again();
    });
    let waiting = 0;
    /** @type {(name: string, delay: number) => void} */
    const soon = (name, delay) => { clearTimeout(waiting); waiting = setTimeout(() => trigger(name), delay); };
    /** @param {Event} event */
    const words = ({ target }) => target instanceof HTMLTextAreaElement && target.matches("#transcript textarea")
      ? target.value.trim() : null;
    document.addEventListener("input", (event) => {
      const typed = words(event);
      if (typed === null) return;
      // The server says whether Analyse can be pressed: asked where the words may change that, and not at each key.
      if (!typed || document.querySelector("#analyse:disabled")) {
        setTimeout(() => trigger("typed")); // once Gradio has taken the value over
      }
      soon("edit", 700);
    });
    document.addEventListener("focusout", (event) => words(event) !== null && soon("edit", 150));
    open();
  };
})();
