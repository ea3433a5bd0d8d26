// @ts-check
// What the Annotate tab shows: built once, then filled by annotate.js. It knows nothing of the server. After page.js.
(() => {
  const { fill, make, say } = bibier;
  const CONFIDENCE = bibier.CONFIDENCE = [0.25, 0.5, 0.75, 1];
  const REASONS = ["skip_unclear", "skip_voices", "skip_silent", "skip_later"];
  const GUIDE = ["guide_1", "guide_2", "guide_3", "guide_4", "guide_5"];
  const KEYS = [["1–7", "key_add"], ["⇧ 1–7", "key_less"], ["L", "key_lock"], ["0", "key_clear"], ["H", "key_hard"],
    ["P", "key_preset"], ["Enter", "key_save"], ["⌫", "key_back"], ["S", "key_skip"], ["V", "key_reveal"],
    ["M", "key_advise"], ["Ctrl Z", "key_undo"], ["C", "key_confidence"], ["N", "key_note"], ["Space", "key_play"],
    ["R", "key_replay"], ["− =", "key_speed"], ["[ ] \\", "key_loop"]];

  const keycap = (/** @type {string} */ key) => make("kbd", { "aria-hidden": "true" }, key);
  const said = (/** @type {string} */ key) => make("span", { "data-say": key });
  // a click leaves the focus where the keys work
  const leave = (/** @type {MouseEvent & { currentTarget: HTMLElement }} */ event) => {
    if (event.detail) event.currentTarget.blur();
  };
  /** @type {(name: string, label: string, key: string, run: () => void, keyShown?: string) => HTMLButtonElement} */
  const button = (name, label, key, run, keyShown = key) => make("button", { type: "button", class: name,
    "aria-keyshortcuts": key, onclick: (event) => { run(); leave(event); } }, said(label), keycap(keyShown));

  const createGuide = () => {
    const own = make("div", { class: "own-guide" });
    const caps = KEYS.map(([key]) => make("kbd", key === "Space" ? { "data-say": "key_space" } : {}, key));
    const guide = make("dialog", { class: "sheet", "data-say-aria-label": "guide" },
      make("h2", { "data-say": "guide" }), own,
      make("ol", {}, ...GUIDE.map((key) => make("li", { "data-say": key }))),
      make("h3", { "data-say": "keys" }), make("dl", {}, ...KEYS.flatMap(([, what], i) =>
        [make("dt", {}, caps[i]), make("dd", { "data-say": what })])));
    guide.append(make("button", { type: "button", onclick: () => guide.close(), "data-say": "close" }));
    const count = (/** @type {number} */ labels) => // each has a digit
      caps.forEach((cap, i) => {
        const [key] = KEYS[i];
        if (key.includes("1–7")) cap.textContent = key.replace("1–7", `1–${labels}`);
      });
    return { guide, own, count };
  };
  /** @type {(skip: (reason: string) => void) => { dialog: HTMLDialogElement, skip: (reason: string) => void }} */
  const createSkipping = (skip) => {
    const reason = make("input", { type: "text", maxlength: 400, "data-say-aria-label": "skip_other",
      "data-say-placeholder": "skip_other" });
    const ownReason = make("form", { onsubmit: (event) => {
      event.preventDefault();
      if (reason.value.trim()) leaveWith(reason.value.trim());
    } }, reason, make("button", { type: "submit", "data-say": "skip" }));
    const dialog = make("dialog", { class: "sheet", "data-say-aria-label": "skip_why" },
      make("h2", { "data-say": "skip_why" }),
      make("div", { class: "reasons" }, ...REASONS.map((key, i) => make("button", { type: "button",
        onclick: () => leaveWith(say[key]) }, make("kbd", {}, String(i + 1)), said(key)))),
      ownReason, make("button", { type: "button", onclick: () => { dialog.close(); }, "data-say": "close" }));
    const leaveWith = (/** @type {string} */ text) => {
      if (!dialog.open) return; // the clip is another
      dialog.close();
      reason.value = "";
      skip(text);
    };
    return { dialog, skip: leaveWith };
  };

  /** @type {(node: CardNode) => Node | string} */
  const built = (node) => {
    if (typeof node === "string") return node;
    const [tag, ...inside] = node;
    return make(/** @type {keyof HTMLElementTagNameMap} */ (tag), {}, ...inside.map(built));
  };

  bibier.createAnnotateView = ({ host, acts, annotator, createPanel, run }) => {
    const status = make("p", { class: "status", role: "status", "aria-live": "polite" });
    const top = make("div", {}, status);
    /** @type {Tell} */
    const tell = (text, kind = "small") => { status.className = `status ${kind}`; write(text); };
    const write = bibier.createLine(status);

    let drawn = bibier.seven; // the project's labels
    let judged = true; // by models, which know the seven emotions alone

    // --- who and which project -------------------------------------------------------------------------------------
    const project = make("select", { "data-say-aria-label": "project",
      onchange: () => { acts.enter({ project: project.value }); } });
    const name = make("input", { type: "text", maxlength: 80, autocomplete: "off", value: annotator,
      "data-say-placeholder": "annotator_hint", onchange: () => { acts.enter({ annotator: name.value.trim() }); },
      onkeydown: (event) => { if (event.key === "Enter") name.blur(); } });
    const source = make("input", { type: "text", "data-say-placeholder": "source_hint", size: 30 });
    const picker = bibier.createPathPicker({ run, picked: (path) => { source.value = path; source.focus(); } });
    const title = make("input", { type: "text", maxlength: 80, "data-say-placeholder": "project_name" });
    const labels = bibier.createLabelsEditor();
    const creating = make("details", {}, make("summary", { "data-say": "project_new" }),
      make("form", { class: "fresh", onsubmit: (event) => {
        event.preventDefault();
        acts.create(source.value, title.value, labels.value);
      } }, make("label", {}, said("source"), source),
      make("button", { type: "button", onclick: () => picker.show(source.value), "data-say": "browse" }),
      make("label", {}, said("project_name"), title), labels.node,
      make("button", { type: "submit", "data-say": "project_make" })));
    const bar = make("progress", { max: 1, value: 0, "data-say-aria-label": "progress" });
    const far = make("span", { class: "far" });
    const writeFar = bibier.createLine(far);
    const panel = createPanel(tell);
    const clips = bibier.createClipList({ run, open: (clip, review) => acts.open(clip, review) });
    const people = bibier.createPeopleList({ run });
    const lists = make("div", { class: "lists", hidden: true },
      make("button", { type: "button", "data-say": "list_title",
        onclick: (event) => { leave(event); clips.show(); } }),
      make("button", { type: "button", "data-say": "people_title",
        onclick: (event) => { leave(event); people.show(); } }));
    const more = make("details", { class: "more" }, make("summary", { "data-say": "project_more" }),
      make("div", { class: "parts" }, creating, ...panel.nodes));
    // on a phone all of it folds into one line while there is a clip
    const folded = make("span", {});
    const fold = make("button", { type: "button", class: "fold", "aria-expanded": "false" }, folded);
    const choosing = make("label", {}, said("project"), project);
    const progress = make("div", { class: "progress" }, bar, far);
    const who = make("div", { class: "card who" }, fold, choosing,
      make("label", {}, said("annotator"), name), lists, more, progress);
    const setFolded = (/** @type {boolean} */ on) => {
      who.classList.toggle("folded", on);
      fold.setAttribute("aria-expanded", String(!on));
      placeStatus();
    };
    let here = false; // a clip is on the page
    // beside what it is about: the clip, or the project while its panel is open
    const placeStatus = () => {
      (more.open && more.checkVisibility() ? more : here ? beside : top).append(status);
    };
    more.addEventListener("toggle", () => {
      if (!more.open && status.classList.contains("alert")) tell(""); // what was refused here is nothing of the clip
      placeStatus();
    });
    fold.addEventListener("click", () => setFolded(!who.classList.contains("folded")));
    const showFolded = () => {
      const parts = [project.value, name.value, progress.hidden ? "" : far.textContent];
      folded.textContent = parts.filter(Boolean).join(" · ");
    };
    bibier.onLanguage(showFolded);
    const storage = make("p", { class: "kept", role: "status" });
    const writeStorage = bibier.createLine(storage);
    const also = make("p", { class: "also", role: "status" });
    const writeAlso = bibier.createLine(also);
    const empty = make("p", { class: "idle" });
    const writeEmpty = bibier.createLine(empty);
    const reopen = button("reopen", "reopen", "Control+Z", () => acts.undo(), "Ctrl Z");
    reopen.hidden = true;
    const begin = make("section", { class: "card begin", hidden: true },
      make("h2", { "data-say": "begin_title" }), make("p", { "data-say": "begin_words" }), make("div", { class: "row" },
        make("button", { type: "button", class: "primary", "data-say": "begin_demo",
          onclick: () => acts.create("", "", []) }),
        make("button", { type: "button", "data-say": "begin_own",
          onclick: () => { more.open = creating.open = true; source.focus(); } })));

    // --- the clip --------------------------------------------------------------------------------------------------
    const player = make("div", { class: "player" });
    const clipName = make("h2", {});
    const spent = make("span", { class: "spent", "data-say-title": "spent" });
    const writeSpent = bibier.createLine(spent);
    const words = make("p", { class: "transcript" });
    const mode = make("p", { class: "mode" });
    const others = make("ul", { class: "said-by" });
    /** @type {ClipView | null} */
    let shown = null;
    const nameClip = () => {
      if (!shown) return;
      // a file's name may give the label away
      clipName.textContent = fill(say.clip_id, { id: shown.clip.slice(0, 6) });
      words.textContent = shown.text || say.transcript_none;
      mode.textContent = shown.mode === "review" ? say.mode_review : ""; // a repeat comes unannounced
      others.replaceChildren(...shown.people.map((person) => bibier.saidBy(drawn, person)));
    };
    bibier.onLanguage(nameClip);
    const clipCard = make("section", { class: "card clip", "data-say-aria-label": "clip" },
      make("div", { class: "row" }, clipName, spent), player, mode, words, others);

    // --- the label -------------------------------------------------------------------------------------------------
    const { guide, own, count } = createGuide();
    // The focus goes to the button at the end, and on a phone the page would follow it past the guidelines.
    const openGuide = () => { guide.showModal(); guide.scrollTop = 0; };
    const skipping = createSkipping((reason) => acts.skip(reason));
    const bars = make("div", { class: "bars" });
    const choices = CONFIDENCE.map((value, i) => make("button", { type: "button", class: "choice",
      "data-say": `confidence_${i}`, "aria-pressed": "false",
      onclick: (event) => { acts.toggleConfidence(value); leave(event); } }));
    const sure = make("div", { class: "sure-row", role: "group", "data-say-aria-label": "confidence" },
      make("span", { class: "label" }, said("confidence"), keycap("C")), ...choices);
    const note = make("textarea", { rows: 1, "data-say-placeholder": "note_hint",
      "data-say-aria-label": "note_label", oninput: () => acts.changed() });
    const beside = make("div", {}); // the status stands here while there is a clip
    const sum = make("p", { class: "sum" });
    const opinion = make("div", { class: "opinion" });
    /** @type {{ proposals: (Proposal & { name: string })[], revealed: boolean }} */
    let opinions = { proposals: [], revealed: false };
    const drawOpinions = () => {
      const { proposals, revealed } = opinions;
      opinion.replaceChildren(...proposals.map((proposal, i) => make("p", { class: `small source mark-${i % 2}` },
        fill(say[proposal.source.startsWith("llm") ? "opinion_words" : "opinion_model"], { name: proposal.name }))));
      if (proposals.length) return;
      opinion.append(make("p", { class: "small" }, !judged ? say.opinion_other_labels
        : revealed ? say.opinion_none : say.opinion_hidden));
    };
    bibier.onLanguage(drawOpinions);
    const reveal = button("compare", "reveal", "V", () => acts.reveal());
    const ask = button("advise", "advise", "M", () => acts.ask());
    ask.hidden = true;
    const delivery = make("p", { class: "delivery", role: "status", "aria-live": "polite" });
    const writeDelivery = bibier.createLine(delivery);
    const actions = make("div", { class: "actions" },
      button("save primary", "save", "Enter", () => acts.commit()),
      button("back", "back", "Backspace", () => acts.back(), "⌫"),
      button("skip", "skip", "S", () => skipping.dialog.showModal()),
      button("undo", "undo", "Control+Z", () => acts.undo(), "Ctrl Z"),
      button("redo", "redo", "Control+Shift+Z", () => acts.redo(), "Ctrl ⇧ Z"), delivery);
    const tools = make("div", { class: "tools" },
      button("preset", "preset", "P", () => acts.preset()), button("hard", "hard", "H", () => acts.hard()),
      button("clear", "clear", "0", () => acts.clear()), button("guide", "guide", "G", openGuide));
    const labelCard = make("section", { class: "card label-card", "data-say-aria-label": "label_card" },
      make("div", { class: "row" }, make("h2", { "data-say": "question" }), tools), bars,
      make("div", { class: "under" }, beside, sum), make("div", { class: "opinions" }, opinion, reveal, ask),
      make("div", { class: "beside" }, sure, note), actions);
    const desk = make("div", { class: "desk", hidden: true }, clipCard, labelCard);
    host.addEventListener("click", ({ target, detail }) => { // a click on a fold leaves the keys where they were
      const opener = target instanceof Element && detail && target.closest("summary");
      if (opener) opener.blur();
    });
    host.replaceChildren(who, storage, also, top, empty, reopen, begin, desk, guide, skipping.dialog, clips.dialog,
      people.dialog, picker.dialog);

    return {
      tell, bars, sum, player, note, guide, openGuide,
      told: () => status.textContent ?? "",
      skipping: skipping.dialog,
      isCovered: () => [clips, people, picker].some(({ dialog }) => dialog.open),
      showGuide: (nodes, key) => {
        own.replaceChildren(...nodes.map(built));
        if (!nodes.length || bibier.recall(key) === "seen") return;
        bibier.remember(key, "seen");
        openGuide();
      },
      skipFor: (number) => {
        const reason = REASONS[number - 1];
        if (reason) skipping.skip(say[reason]);
        return Boolean(reason);
      },
      showProjects: (answer, chosen) => {
        project.replaceChildren(...answer.projects.map((value) =>
          make("option", { value, selected: value === chosen }, value)));
        choosing.hidden = !answer.projects.length;
        if (answer.bars) ({ bars: drawn, judged = true } = answer);
        count(drawn.length);
        if (answer.paths === undefined) return;
        creating.hidden = !answer.paths;
        panel.show(answer);
        more.hidden = !answer.paths && !answer.settings;
        lists.hidden = !answer.settings;
        begin.hidden = !answer.paths || answer.projects.length > 0;
      },
      showStorage: (state) => {
        writeStorage(() => state?.texts[bibier.language] ?? "");
        storage.classList.toggle("warns", Boolean(state?.warns));
      },
      showAlso: (kind) => writeAlso(() => (kind ? say[`also_${kind}`] : "")),
      showDelivery: (text, kind) => {
        writeDelivery(text);
        delivery.className = `delivery ${kind}`;
        delivery.setAttribute("role", kind === "alert" ? "alert" : "status");
        (desk.hidden ? top : actions).append(delivery);
      },
      showName: (value) => { name.value = value; showFolded(); },
      showProgress: ({ done, total }) => {
        if (done === undefined || total === undefined) return;
        progress.hidden = !total;
        bar.max = Math.max(1, total);
        bar.value = done;
        writeFar(() => fill(say.far, { done, total }));
        showFolded();
      },
      showClip: (clip) => {
        if (desk.hidden === Boolean(clip)) setFolded(Boolean(clip));
        desk.hidden = !clip;
        here = Boolean(clip);
        placeStatus();
        (clip ? actions : top).append(delivery);
        empty.hidden = Boolean(clip);
        reopen.hidden = true;
        shown = clip;
        if (!clip) return;
        nameClip();
        words.classList.toggle("idle", !clip.text);
        words.lang = clip.language || "";
      },
      showEmpty: (text, done = false) => {
        writeEmpty(begin.hidden ? text : "");
        reopen.hidden = !done;
      },
      showOpinions: (proposals, revealed) => {
        opinions = { proposals, revealed };
        drawOpinions();
      },
      showConfidence: (value) => choices.forEach((choice, i) =>
        choice.setAttribute("aria-pressed", String(CONFIDENCE[i] === value))),
      offer: (offers) => { reveal.hidden = !offers.reveal || !judged; ask.hidden = !offers.ask; },
      canAsk: () => !ask.hidden,
      showSeconds: (seconds) => writeSpent(() => fill(say.spent_seconds, { value: Math.round(seconds) })),
      closeCreating: () => { creating.open = more.open = false; },
    };
  };
})();
