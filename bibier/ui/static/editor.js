// @ts-check
// The soft-label editor: seven bars that sum to exactly 100 as soon as one was touched. Runs after page.js. It knows
// nothing of clips and servers: `bibier.createEditor(host, {sum, changed, tell})` gives an object to drive it; `sum` is
// where the sum is written.
(() => {
  const { emotions, fill, make, say } = bibier;
  const CLASSES = emotions.length;
  const FULL = 100; // points
  const STEP = 5; // of a digit key
  const PRESET = [70, 30];
  const SAME_STEP = 800; // ms within which a drag or a run of one key goes on
  /** @type {("ctrlKey" | "altKey" | "metaKey")[]} */
  const MODIFIERS = ["ctrlKey", "altKey", "metaKey"];
  // With NumLock on, Shift+digit of the number pad arrives as one of these, and Shift itself is not reported.
  const SHIFTED = ["End", "ArrowDown", "PageDown", "ArrowLeft", "Clear", "ArrowRight", "Home", "ArrowUp", "PageUp",
    "Insert"];
  const NO_TEXT = ["range", "checkbox", "radio", "button", "submit"]; // inputs that nobody types into

  const add = (/** @type {number} */ a, /** @type {number} */ b) => a + b;
  /** @returns {number[]} */
  const zeros = () => new Array(CLASSES).fill(0);

  // [7.5, 2.5], 9 → [7, 2]: whole numbers with the given sum, nearest to the proportions
  bibier.largestRemainder = (weights, sum) => {
    const total = weights.reduce(add, 0);
    const exact = weights.map((w) => (total > 0 ? (w / total) * sum : sum / weights.length));
    const points = exact.map((x) => Math.floor(x + 1e-9));
    const order = exact.map((x, i) => [x - points[i], i]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    for (let left = sum - points.reduce(add, 0), k = 0; left > 0; left -= 1, k += 1) points[order[k][1]] += 1;
    return points;
  };

  // A digit 0–7 by the key's place on the keyboard, whatever its layout; `less` when Shift was held.
  bibier.digitKey = (event) => {
    const match = /^(Digit|Numpad)([0-7])$/.exec(event.code);
    if (!match || MODIFIERS.some((name) => event[name])) return null;
    const pad = match[1] === "Numpad" && event.getModifierState("NumLock") && SHIFTED.includes(event.key);
    return { digit: Number(match[2]), less: event.shiftKey || pad };
  };

  // Text is typed into these; their keys are theirs.
  bibier.isTyping = (node) => node instanceof HTMLElement && (node.isContentEditable
    || ["TEXTAREA", "SELECT"].includes(node.tagName)
    || (node instanceof HTMLInputElement && !NO_TEXT.includes(node.type)));

  bibier.createEditor = (host, { sum, changed = () => {}, tell = () => {} }) => {
    /** @type {number[] | null} */
    let exact = null; // shares before rounding, so that ratios do not drift; null while untouched
    /** @type {number[] | null} */
    let points = null;
    let ratio = zeros(); // the others' last shares, remembered while they are all 0
    /** @type {boolean[]} */
    const locked = new Array(CLASSES).fill(false);
    let last = 0; // the bar that L and H are about
    /** @type {number[] | null} */
    let chosen = null; // the classes of a preset being entered; null when none is
    /** @type {string[]} */
    const past = []; // local steps of this clip, for undo
    /** @type {string[]} */
    const future = [];

    const name = (/** @type {number} */ i) => bibier.names[bibier.language][emotions[i]];
    const snapshot = () => JSON.stringify({ exact, points, ratio, locked });
    const restore = (/** @type {string} */ text) => {
      /** @type {{ exact: number[] | null, points: number[] | null, ratio: number[], locked: boolean[] }} */
      const state = JSON.parse(text);
      ({ exact, points, ratio } = state);
      state.locked.forEach((on, i) => { locked[i] = on; });
    };
    // a drag, a run of one arrow key or of one digit is a single step of the undo
    let lastStep = { kind: "", time: 0 };
    const step = (kind = "") => {
      const time = performance.now();
      if (!(kind && kind === lastStep.kind && time - lastStep.time < SAME_STEP)) past.push(snapshot());
      lastStep = { kind, time };
      future.length = 0;
    };
    const endStep = () => { lastStep = { kind: "", time: 0 }; };

    /** @type {(i: number, wanted: number) => void} */
    const put = (i, wanted) => {
      const others = exact ?? zeros();
      const before = points ?? zeros();
      const fixed = locked.map((on, j) => (on && j !== i ? before[j] : 0));
      const free = emotions.map((_, j) => j).filter((j) => j !== i && !locked[j]);
      const most = FULL - fixed.reduce(add, 0);
      const value = free.length ? Math.min(most, Math.max(0, Math.round(wanted))) : most;
      let shares = free.map((j) => others[j]);
      if (shares.some((share) => share > 1e-9)) free.forEach((j) => { ratio[j] = others[j]; });
      else shares = free.map((j) => ratio[j]);
      const total = shares.reduce(add, 0);
      const rest = most - value;
      const parts = shares.map((share) => rest * (total > 0 ? share / total : 1 / free.length));
      const rounded = bibier.largestRemainder(parts, rest);
      exact = fixed.slice();
      points = fixed.slice();
      exact[i] = points[i] = value;
      for (const [k, j] of free.entries()) { exact[j] = parts[k]; points[j] = rounded[k]; }
    };
    const shape = (/** @type {number[]} */ values) => { exact = values.slice(); points = values.slice(); };
    const empty = () => {
      exact = points = null;
      ratio = zeros();
      locked.fill(false);
    };
    const done = () => { show(); changed(); };

    /** @type {(i: number, value: number, kind: string) => void} */
    const set = (i, value, kind) => {
      last = i;
      if (locked[i]) { tell(fill(say.bar_locked, { name: name(i) })); show(); return; }
      step(kind);
      put(i, value);
      done();
    };
    /**
     * The first point of an empty label makes it that class; from there others take their share.
     * @type {(i: number, less: boolean) => void}
     */
    const give = (i, less) => {
      if (points === null) {
        if (less) { tell(say.bars_empty); return; }
        set(i, FULL, `digit${i}`);
      } else set(i, points[i] + (less ? -STEP : STEP), `digit${i}`);
    };
    const lock = (/** @type {number} */ i) => {
      last = i;
      step();
      locked[i] = !locked[i];
      if (locked[i] && points && exact) exact[i] = points[i];
      tell(fill(locked[i] ? say.bar_is_locked : say.bar_is_free, { name: name(i) }));
      done();
    };
    const clear = () => {
      if (points === null && !locked.includes(true)) return;
      step();
      empty();
      tell(say.bars_cleared);
      done();
    };
    const hard = () => {
      if (points === null && !rows.some((row) => row.box.contains(document.activeElement))) {
        tell(say.bars_empty);
        return;
      }
      // the largest, among equals the one that was touched last
      const best = points === null ? last : points.reduce((top, value, i, all) =>
        (value > all[top] || (value === all[top] && i === last) ? i : top), 0);
      step();
      locked.fill(false);
      if (points) ratio = points.map((value, i) => (i === best ? 0 : value));
      shape(emotions.map((_, i) => (i === best ? FULL : 0)));
      last = best;
      done();
    };
    const preset = (/** @type {boolean} */ on) => {
      chosen = on ? [] : null;
      tell(on ? say.preset_first : "");
      show();
    };
    /** @type {(i: number, picked: number[]) => void} */
    const choose = (i, picked) => {
      if (picked.includes(i)) return;
      if (!picked.length) { step(); locked.fill(false); }
      picked.push(i);
      last = picked[0];
      const shares = picked.length === 1 ? [FULL] : PRESET;
      shape(emotions.map((_, j) => (picked.includes(j) ? shares[picked.indexOf(j)] : 0)));
      ratio = zeros();
      if (picked.length === PRESET.length) { chosen = null; tell(""); } else tell(say.preset_second);
      done();
    };

    // --- what is seen ----------------------------------------------------------------------------------------------
    const field = make("fieldset", { class: "soft" }, make("legend", { class: "hidden" }, say.bars));
    const rows = emotions.map((emotion, i) => {
      const id = `bar-${emotion}`;
      const range = make("input", { type: "range", min: 0, max: FULL, step: 1, "aria-labelledby": id });
      const number = make("input", { type: "number", min: 0, max: FULL, step: 1, inputmode: "numeric",
        placeholder: "–", "aria-labelledby": id });
      const label = make("span", { class: "name", id,
        onclick: () => (chosen ? choose(i, chosen) : range.focus()) }, name(i));
      const marks = make("div", { class: "marks" });
      const lockName = fill(say.bar_lock, { name: name(i) });
      const padlock = make("button", { type: "button", class: "lock", "aria-pressed": "false",
        "aria-label": lockName, title: lockName });
      const box = make("div", { class: "bar", "data-emotion": emotion,
        style: { "--light": bibier.colours[emotion], "--dark": bibier.coloursDark[emotion] } },
      make("kbd", { "aria-hidden": "true" }, String(i + 1)), label,
      make("div", { class: "track" }, range, marks), number, padlock);
      return { box, range, number, marks, padlock };
    });
    field.append(...rows.map((row) => row.box));
    host.replaceChildren(field);

    const at = (/** @type {EventTarget | null} */ node) =>
      rows.findIndex((row) => node instanceof Node && row.box.contains(node));
    field.addEventListener("input", (event) => {
      event.stopPropagation();
      const i = at(event.target);
      const { range, number } = rows[i];
      if (event.target === range) set(i, Number(range.value), `range${i}`);
      else if (number.value !== "" && Number.isFinite(Number(number.value))) {
        set(i, Number(number.value), `number${i}`);
      }
    });
    field.addEventListener("change", (event) => { event.stopPropagation(); show(); }); // an emptied number is put back
    field.addEventListener("focusin", (event) => { last = at(event.target); show(); });
    field.addEventListener("focusout", () => show());
    field.addEventListener("click", (event) => {
      const button = event.target instanceof Element && event.target.closest(".lock");
      if (button) lock(at(button));
    });
    // an untouched slider stands at 0: a click there must count as well, and the browser reports no change
    field.addEventListener("pointerup", (event) => {
      const i = at(event.target);
      if (i >= 0 && event.target === rows[i].range && points === null) {
        set(i, Number(rows[i].range.value), `range${i}`);
      }
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
      rows.forEach((row, i) => {
        const value = points === null ? 0 : points[i];
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
      sum.textContent = points === null ? say.sum_none : say.sum_whole;
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
      to.push(snapshot());
      restore(state);
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
    show();
    return {
      key, clear, hard, mark,
      undo: () => travel(past, future),
      redo: () => travel(future, past),
      preset: () => preset(chosen === null),
      get points() { return points && points.slice(); },
      get draft() { return snapshot(); },
      load: (values, draft = null) => { // another clip: its label or null, or a draft; local steps begin anew
        empty();
        if (values) shape(values);
        if (draft) restore(draft);
        chosen = null;
        last = points ? points.indexOf(Math.max(...points)) : 0;
        past.length = future.length = 0;
        endStep();
        show();
      },
    };
  };
})();
