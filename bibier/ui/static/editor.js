// @ts-check
// The soft-label editor: bars that share out 100 points, one a label. Runs after label_bars.js and points.js. It knows
// nothing of clips and servers: `bibier.createEditor(host, {sum, changed, tell})` gives an object to drive it; `sum` is
// where the sum is written.
(() => {
  const { fill, make, say } = bibier;
  const FULL = 100; // points
  const SAME_STEP = 800; // ms within which a drag or a run of one key is one step of the undo
  const RULES = /** @type {FillRule[]} */ (["proportion", "neutral", "even"]);
  /** @type {("ctrlKey" | "altKey" | "metaKey")[]} */
  const MODIFIERS = ["ctrlKey", "altKey", "metaKey"];
  // With NumLock on, Shift+digit of the number pad arrives as one of these, and Shift itself is not reported.
  const SHIFTED = ["End", "ArrowDown", "PageDown", "ArrowLeft", "Clear", "ArrowRight", "Home", "ArrowUp", "PageUp",
    "Insert"];
  const NO_TEXT = ["range", "checkbox", "radio", "button", "submit"]; // inputs that nobody types into

  // A digit by the key's place on the keyboard, whatever its layout; `less` when Shift was held.
  bibier.digitKey = (event) => {
    const match = /^(Digit|Numpad)([0-9])$/.exec(event.code);
    if (!match || MODIFIERS.some((name) => event[name])) return null;
    const pad = match[1] === "Numpad" && event.getModifierState("NumLock") && SHIFTED.includes(event.key);
    return { digit: Number(match[2]), less: event.shiftKey || pad };
  };

  // Text is typed into these; their keys are theirs.
  bibier.isTyping = (node) => node instanceof HTMLElement && (node.isContentEditable
    || ["TEXTAREA", "SELECT"].includes(node.tagName)
    || (node instanceof HTMLInputElement && !NO_TEXT.includes(node.type)));

  bibier.createEditor = (host, { sum, changed = () => {}, tell = () => {} }) => {
    let bars = bibier.seven;
    let label = bibier.createPoints();
    let last = 0; // the bar that L and H are about
    /** @type {number[] | null} */
    let chosen = null; // the classes of a preset being entered; null when none is
    /** @type {((rule: FillRule, rest: number) => void) | null} */
    let whenFilled = null; // while it is asked what becomes of the points that are open
    /** @type {string[]} */
    const past = []; // local steps of this clip, for undo
    /** @type {string[]} */
    const future = [];

    const name = (/** @type {number} */ i) => bibier.titleOf(bars[i]);
    const tellOf = (/** @type {number} */ i, /** @type {string} */ key) => {
      const bar = bars[i]; // there may be others when it is said in another language
      tell(() => fill(say[key], { name: bibier.titleOf(bar) }));
    };
    const tellEmpty = () => tell(() => fill(say.bars_nothing, { last: bars.length }));
    let lastStep = { kind: "", time: 0 };
    const step = (kind = "") => {
      const time = performance.now();
      if (!(kind && kind === lastStep.kind && time - lastStep.time < SAME_STEP)) past.push(label.snapshot());
      lastStep = { kind, time };
      future.length = 0;
    };
    const endStep = () => { lastStep = { kind: "", time: 0 }; };
    const done = () => { whenFilled = null; show(); changed(); };

    /** @type {(i: number, change: () => void) => void} */
    const change = (i, act) => {
      last = i;
      if (label.locked[i]) { tellOf(i, "bar_locked"); show(); return; }
      step(`bar${i}`);
      act();
      done();
    };
    const set = (/** @type {number} */ i, /** @type {number} */ value) => change(i, () => label.set(i, value));
    /**
     * A digit, or a click on the name: the first takes all, each further one so many points more.
     * @type {(i: number, less: boolean) => void}
     */
    const give = (i, less) => {
      if (!label.offered[i]) return;
      if (label.points === null && less) { tellEmpty(); return; }
      change(i, () => label.give(i, less));
    };
    const lock = (/** @type {number} */ i) => {
      last = i;
      step();
      label.lock(i);
      tellOf(i, label.locked[i] ? "bar_is_locked" : "bar_is_free");
      done();
    };
    const clear = () => {
      if (label.points === null && !label.locked.includes(true)) return;
      step();
      label.empty();
      tell(() => say.bars_cleared);
      done();
    };
    const hard = () => {
      const { points } = label;
      if (points === null && !rows.some((row) => row.box.contains(document.activeElement))) {
        tellEmpty();
        return;
      }
      // the largest, among equals the one that was touched last
      const best = points === null ? last : points.reduce((top, value, i, all) =>
        (value > all[top] || (value === all[top] && i === last) ? i : top), 0);
      step();
      label.alone(best);
      last = best;
      done();
    };
    const preset = (/** @type {boolean} */ on) => {
      chosen = on ? [] : null;
      tell(() => (on ? say.preset_first : ""));
      show();
    };
    /** @type {(i: number, picked: number[]) => void} */
    const choose = (i, picked) => {
      if (picked.includes(i) || !label.offered[i]) return;
      if (!picked.length) step();
      picked.push(i);
      last = picked[0];
      label.preset(picked);
      if (picked.length === bibier.PRESET_SIZE) { chosen = null; tell(""); } else tell(() => say.preset_second);
      done();
    };

    // --- points that are open: asked about when the label is to be saved --------------------------------------------
    const asking = make("div", { class: "filling", role: "group", hidden: true });
    const stopAsking = () => {
      const focused = asking.contains(document.activeElement);
      whenFilled = null;
      show();
      if (focused) rows[last].range.focus();
    };
    const whole = (/** @type {number[]} */ points) => points.flatMap((value, i) => (value ? [[value, i]] : []))
      .sort(([a], [b]) => b - a).map(([value, i]) => `${name(i)} ${value}`).join(", ");
    const drawAsking = () => {
      const { rest } = label;
      const ask = fill(say.fill_ask, { rest });
      asking.setAttribute("aria-label", ask);
      asking.replaceChildren(make("p", {}, ask), ...RULES.flatMap((rule) => {
        const points = label.filled(rule);
        return points ? [make("button", { type: "button", "data-rule": rule, onclick: () => {
          const go = whenFilled;
          if (!go) return; // it was answered: this would be the next clip's
          step();
          label.shape(points);
          whenFilled = null;
          show();
          go(rule, rest / FULL);
        } }, make("b", {}, say[`fill_${rule}`]), make("span", {}, whole(points)))] : [];
      }), make("button", { type: "button", class: "quiet", onclick: stopAsking }, say.fill_back));
    };
    /** @type {Editor["complete"]} */
    const complete = (then) => {
      if (label.rest === 0) { then("", 0); return; }
      whenFilled = then;
      show();
      drawAsking();
      asking.querySelector("button")?.focus();
      asking.scrollIntoView({ block: "nearest" });
    };
    asking.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.repeat) event.preventDefault(); // of the Enter that asked
      if (event.key !== "Escape") return;
      event.preventDefault();
      stopAsking();
    });

    // --- what is seen ----------------------------------------------------------------------------------------------
    const field = make("fieldset", { class: "soft" }, make("legend", { class: "hidden", "data-say": "bars" }));
    const build = () => bars.map((bar, i) => {
      const id = `bar-${i}`;
      const range = make("input", { type: "range", min: 0, max: FULL, step: 1, "aria-labelledby": id });
      const number = make("input", { type: "number", min: 0, max: FULL, step: 1, inputmode: "numeric",
        placeholder: "–", "aria-labelledby": id });
      const named = make("span", { class: "name", id,
        onclick: (event) => { if (chosen) choose(i, chosen); else give(i, event.shiftKey); } });
      const marks = make("div", { class: "marks" });
      const padlock = make("button", { type: "button", class: "lock", "aria-pressed": "false" });
      const box = make("div", { class: "bar", "data-emotion": bar.name, style: bibier.hues(bar) },
      make("kbd", { "aria-hidden": "true" }, String(i + 1)), named,
      make("div", { class: "track" }, range, marks), number, padlock);
      return { box, range, number, marks, padlock, named };
    });
    let rows = build();
    const spell = () => rows.forEach(({ named, padlock }, i) => {
      named.textContent = name(i);
      named.title = fill(say.bar_give, { name: name(i), key: i + 1 });
      padlock.title = fill(say.bar_lock, { name: name(i) });
      padlock.setAttribute("aria-label", padlock.title);
    });
    field.append(...rows.map((row) => row.box));
    host.replaceChildren(field, asking);

    const at = (/** @type {EventTarget | null} */ node) =>
      rows.findIndex((row) => node instanceof Node && row.box.contains(node));
    field.addEventListener("input", (event) => {
      event.stopPropagation();
      const i = at(event.target);
      const { range, number } = rows[i];
      if (event.target === range) set(i, Number(range.value));
      else if (number.value !== "" && Number.isFinite(Number(number.value))) set(i, Number(number.value));
    });
    field.addEventListener("change", (event) => { event.stopPropagation(); show(); }); // an emptied number is put back
    field.addEventListener("focusin", (event) => { last = at(event.target); show(); });
    field.addEventListener("focusout", () => show());
    field.addEventListener("click", (event) => {
      const button = event.target instanceof Element && event.target.closest(".lock");
      if (button) lock(at(button));
    });
    field.addEventListener("keydown", (event) => {
      const i = at(event.target);
      if (i < 0 || event.target !== rows[i].number) return;
      if (event.key === "Enter" || event.key === "Escape") { // typed: from here on the keys work again
        event.preventDefault();
        event.stopPropagation();
        rows[i].range.focus();
      }
    });

    const show = () => {
      const { points, rest, locked } = label;
      rows.forEach((row, i) => {
        const value = points === null ? 0 : points[i];
        row.box.hidden = !label.offered[i];
        row.range.value = String(value);
        row.box.style.setProperty("--share", String(value / FULL));
        row.range.setAttribute("aria-valuetext", points === null ? say.bar_unset
          : `${value} %${locked[i] ? `, ${say.bar_locked_word}` : ""}`);
        if (document.activeElement !== row.number) row.number.value = points === null ? "" : String(value);
        row.padlock.setAttribute("aria-pressed", String(locked[i]));
        row.box.toggleAttribute("data-none", value === 0);
        row.box.classList.toggle("locked", locked[i]);
        row.box.classList.toggle("current", i === last && points !== null);
      });
      field.classList.toggle("untouched", points === null);
      field.classList.toggle("presetting", chosen !== null);
      asking.hidden = whenFilled === null;
      sum.textContent = points === null ? fill(say.sum_none, { last: bars.length }) : rest === 0 ? say.sum_whole
        : fill(say.sum_open, { given: FULL - rest, rest });
      sum.classList.toggle("open", points !== null && rest > 0);
    };

    // each proposal is a thin mark under its bar with its number, never a bar of its own
    /** @type {Editor["mark"]} */
    const mark = (proposals) => rows.forEach((row, i) => row.marks.replaceChildren(...proposals.map((proposal, k) =>
      make("span", { class: `mark mark-${k % 2}`, style: { "--at": `${proposal.points[i]}%` } },
        make("span", { class: "hidden" }, `${proposal.name}: `), make("b", {}, `${proposal.points[i]}`)))));

    /** @type {(from: string[], to: string[]) => boolean} */
    const travel = (from, to) => {
      const state = from.pop();
      if (state === undefined) return false;
      to.push(label.snapshot());
      label.restore(state);
      endStep();
      done();
      return true;
    };
    /** @type {Editor["key"]} */
    const key = (event) => {
      if (bibier.isTyping(event.target) || MODIFIERS.some((modifier) => event[modifier])) return false;
      const pressed = bibier.digitKey(event);
      if (pressed && pressed.digit > 0) {
        if (!chosen) give(pressed.digit - 1, pressed.less);
        else if (!event.repeat) choose(pressed.digit - 1, chosen);
      } else if (pressed && !event.repeat) clear();
      else if (event.code === "KeyL" && !event.repeat) lock(last);
      else if (event.code === "KeyH" && !event.repeat) hard();
      else if (event.code === "KeyP" && !event.repeat) preset(chosen === null);
      else if (event.code === "Escape" && chosen) preset(false);
      else return false;
      event.preventDefault();
      return true;
    };
    spell();
    show();
    bibier.onLanguage(() => {
      spell();
      show();
      if (!whenFilled) return;
      const place = [...asking.querySelectorAll("button")].findIndex((button) => button === document.activeElement);
      drawAsking();
      asking.querySelectorAll("button")[place]?.focus();
    });
    return {
      key, clear, hard, mark,
      undo: () => travel(past, future),
      redo: () => travel(future, past),
      preset: () => preset(chosen === null),
      complete,
      get points() { return label.points; },
      get draft() { return label.snapshot(); },
      offer: (wanted) => {
        if (JSON.stringify(wanted) === JSON.stringify(bars)) return;
        rows.forEach((row) => row.box.remove());
        bars = wanted;
        label = bibier.createPoints(bars.map((bar) => bar.name));
        bars.forEach((bar, i) => { label.offered[i] = bar.offered; });
        last = past.length = future.length = 0;
        rows = build();
        field.append(...rows.map((row) => row.box));
        spell();
        show();
      },
      load: (values, draft = null) => { // another clip: its label or null, or a draft; local steps begin anew
        label.empty();
        if (values?.length === bars.length) label.shape(values); // a draft may be of other labels
        if (draft) label.restore(draft);
        const { points } = label;
        chosen = whenFilled = null;
        last = points ? points.indexOf(Math.max(...points)) : 0;
        past.length = future.length = 0;
        endStep();
        show();
      },
    };
  };
})();
