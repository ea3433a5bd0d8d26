// The soft-label editor: seven bars that sum to exactly 100 as soon as one was touched. Runs after page.js, in the same
// script. It knows nothing of clips and servers: `bibier.editor(host, {sum, changed, told})` gives an object
// to drive it; `sum` is where the sum is written.
(() => {
  const b = window.bibier;
  const { make } = b;
  const CLASSES = b.emotions.length;
  const WHOLE = 100;
  const STEP = 5; // of a digit key
  const PRESET = [70, 30];
  const MODIFIERS = ["ctrlKey", "altKey", "metaKey"];
  // With NumLock on, Shift+digit of the number pad arrives as one of these, and Shift itself is not reported.
  const SHIFTED = ["End", "ArrowDown", "PageDown", "ArrowLeft", "Clear", "ArrowRight", "Home", "ArrowUp", "PageUp", "Insert"];

  // [7.5, 2.5], 9 → [7, 2]: whole numbers with the given sum, nearest to the proportions (largest remainder)
  b.whole = (weights, sum) => {
    const total = weights.reduce((a, w) => a + w, 0);
    const exact = weights.map((w) => (total > 0 ? (w / total) * sum : sum / weights.length));
    const points = exact.map((x) => Math.floor(x + 1e-9));
    const order = exact.map((x, i) => [x - points[i], i]).sort((a, c) => c[0] - a[0] || a[1] - c[1]);
    for (let left = sum - points.reduce((a, p) => a + p, 0), k = 0; left > 0; left -= 1, k += 1) points[order[k][1]] += 1;
    return points;
  };

  // A digit 0–7 by the key's place on the keyboard, whatever its layout; `less` when Shift was held.
  b.digit = (event) => {
    const found = /^(Digit|Numpad)([0-7])$/.exec(event.code);
    if (!found || MODIFIERS.some((name) => event[name])) return null;
    const pad = found[1] === "Numpad" && event.getModifierState("NumLock") && SHIFTED.includes(event.key);
    return { at: Number(found[2]), less: event.shiftKey || pad };
  };

  // Text is typed into these; their keys are theirs.
  b.typing = (node) => Boolean(node) && (node.isContentEditable || ["TEXTAREA", "SELECT"].includes(node.tagName)
    || (node.tagName === "INPUT" && !["range", "checkbox", "radio", "button", "submit"].includes(node.type)));

  b.editor = (host, { sum, changed = () => {}, told = () => {} } = {}) => {
    let exact = null; // shares before rounding, so that ratios do not drift; null while untouched
    let points = null;
    let ratio = new Array(CLASSES).fill(0); // the others' last shares, remembered while they are all 0
    const locked = new Array(CLASSES).fill(false);
    let last = 0; // the bar that L and H are about
    let chosen = null; // the classes of a preset being entered; null when none is
    const past = []; // local steps of this clip, for undo
    const future = [];
    const rows = [];

    const name = (i) => b.names[b.language][b.emotions[i]];
    const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
    const snapshot = () => JSON.stringify({ exact, points, ratio, locked });
    const restore = (text) => {
      const kept = JSON.parse(text);
      ({ exact, points, ratio } = kept);
      kept.locked.forEach((on, i) => { locked[i] = on; });
    };
    let settled = 0;
    const step = (kind) => { // a drag, a run of one arrow key or of one digit is a single step of the undo
      const now = performance.now();
      if (!(kind && kind === step.kind && now - settled < 800)) past.push(snapshot());
      step.kind = kind;
      settled = now;
      future.length = 0;
    };

    const put = (i, wanted) => {
      const others = exact === null ? new Array(CLASSES).fill(0) : exact;
      const kept = locked.reduce((sum, on, j) => sum + (on && j !== i ? points ? points[j] : 0 : 0), 0);
      const free = b.emotions.map((_, j) => j).filter((j) => j !== i && !locked[j]);
      const most = WHOLE - kept;
      const value = free.length ? Math.min(most, Math.max(0, Math.round(wanted))) : most;
      let shares = free.map((j) => others[j]);
      if (shares.some((share) => share > 1e-9)) free.forEach((j) => { ratio[j] = others[j]; });
      else shares = free.map((j) => ratio[j]);
      const total = shares.reduce((a, s) => a + s, 0);
      const rest = most - value;
      const before = points || new Array(CLASSES).fill(0);
      exact = b.emotions.map((_, j) => (j === i ? value : locked[j] ? before[j] : 0));
      free.forEach((j, k) => { exact[j] = rest * (total > 0 ? shares[k] / total : 1 / free.length); });
      const rounded = b.whole(free.map((j) => exact[j]), rest);
      points = b.emotions.map((_, j) => (j === i ? value : locked[j] ? before[j] : 0));
      free.forEach((j, k) => { points[j] = rounded[k]; });
    };
    const shape = (values) => { exact = values.slice(); points = values.slice(); };
    const done = () => { show(); changed(points); };

    const set = (i, value, kind) => {
      last = i;
      if (locked[i]) { told(fill(b.say.bar_locked, { name: name(i) })); show(); return; }
      step(kind);
      put(i, value);
      done();
    };
    // The first point of an empty label makes it that class; from there others take their share.
    const add = (i, less) => {
      if (points === null) {
        if (less) { told(b.say.bars_empty); return; }
        set(i, WHOLE, `digit${i}`);
      } else set(i, points[i] + (less ? -STEP : STEP), `digit${i}`);
    };
    const lock = (i) => {
      last = i;
      step();
      locked[i] = !locked[i];
      if (locked[i] && points) exact[i] = points[i];
      told(fill(locked[i] ? b.say.bar_is_locked : b.say.bar_is_free, { name: name(i) }));
      done();
    };
    const clear = () => {
      if (points === null && !locked.includes(true)) return;
      step();
      exact = points = null;
      ratio = ratio.map(() => 0);
      locked.fill(false);
      told(b.say.bars_cleared);
      done();
    };
    const hard = () => {
      const best = points === null ? last : points.reduce((top, p, i) => (p > points[top] || (p === points[top] && i === last)
        ? i : top), 0);
      if (points === null && !rows.some((row) => row.box.contains(document.activeElement))) { told(b.say.bars_empty); return; }
      step();
      locked.fill(false);
      if (points) ratio = points.map((p, i) => (i === best ? 0 : p));
      shape(b.emotions.map((_, i) => (i === best ? WHOLE : 0)));
      last = best;
      done();
    };
    const preset = (on) => {
      chosen = on ? [] : null;
      told(on ? b.say.preset_first : "");
      show();
    };
    const choose = (i) => {
      if (chosen.includes(i)) return;
      if (!chosen.length) { step(); locked.fill(false); }
      chosen.push(i);
      last = chosen[0];
      const shares = chosen.length === 1 ? [WHOLE] : PRESET;
      shape(b.emotions.map((_, j) => (chosen.includes(j) ? shares[chosen.indexOf(j)] : 0)));
      ratio = ratio.map(() => 0);
      if (chosen.length === PRESET.length) { chosen = null; told(""); } else told(b.say.preset_second);
      done();
    };

    // --- what is seen ---------------------------------------------------------------------------------------------
    const field = make("fieldset", { class: "soft" }, make("legend", { class: "hidden" }, b.say.bars));
    b.emotions.forEach((emotion, i) => {
      const id = `bar-${emotion}`;
      const label = make("span", { class: "name", id, onclick: () => (chosen ? choose(i) : row.range.focus()) }, name(i));
      const row = { marks: make("div", { class: "marks" }) };
      row.range = make("input", { type: "range", min: 0, max: WHOLE, step: 1, "aria-labelledby": id });
      row.number = make("input", { type: "number", min: 0, max: WHOLE, step: 1, inputmode: "numeric", placeholder: "–",
        "aria-labelledby": id });
      row.lock = make("button", { type: "button", class: "lock", "aria-pressed": "false",
        "aria-label": fill(b.say.bar_lock, { name: name(i) }), title: fill(b.say.bar_lock, { name: name(i) }) });
      row.box = make("div", { class: "bar", "data-emotion": emotion,
        style: { "--light": b.colours[emotion], "--dark": b.colours_dark[emotion] } },
      make("kbd", { "aria-hidden": "true" }, String(i + 1)), label,
      make("div", { class: "track" }, row.range, row.marks), row.number, row.lock);
      rows.push(row);
      field.append(row.box);
    });
    host.replaceChildren(field);

    const at = (node) => rows.findIndex((row) => row.box.contains(node));
    field.addEventListener("input", (event) => {
      event.stopPropagation();
      const i = at(event.target);
      if (event.target === rows[i].range) set(i, Number(event.target.value), `range${i}`);
      else if (event.target.value !== "" && Number.isFinite(Number(event.target.value))) {
        set(i, Number(event.target.value), `number${i}`);
      }
    });
    field.addEventListener("change", (event) => { event.stopPropagation(); show(); }); // an emptied number is put back
    field.addEventListener("focusin", (event) => { last = at(event.target); show(); });
    field.addEventListener("focusout", () => show());
    field.addEventListener("click", (event) => {
      const button = event.target.closest(".lock");
      if (button) lock(at(button));
    });
    // an untouched slider stands at 0: a click there must count as well, and the browser reports no change
    field.addEventListener("pointerup", (event) => {
      const i = at(event.target);
      if (i >= 0 && event.target === rows[i].range && points === null) set(i, Number(event.target.value), `range${i}`);
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

    function show() {
      rows.forEach((row, i) => {
        const value = points === null ? 0 : points[i];
        row.range.value = value;
        row.box.style.setProperty("--share", value / WHOLE);
        row.range.setAttribute("aria-valuetext", points === null ? b.say.bar_unset : `${value} %${locked[i]
          ? `, ${b.say.bar_locked_word}` : ""}`);
        if (document.activeElement !== row.number) row.number.value = points === null ? "" : value;
        row.lock.setAttribute("aria-pressed", String(locked[i]));
        row.box.toggleAttribute("data-none", value === 0);
        row.box.classList.toggle("locked", locked[i]);
        row.box.classList.toggle("current", i === last && points !== null);
      });
      field.classList.toggle("untouched", points === null);
      field.classList.toggle("presetting", chosen !== null);
      sum.textContent = points === null ? b.say.sum_none : b.say.sum_whole;
    }

    // proposals: [{name, points}], each a thin mark under its bar with its number, never a bar of its own
    const mark = (proposals) => rows.forEach((row, i) => row.marks.replaceChildren(...proposals.map((one, k) =>
      make("span", { class: `mark mark-${k % 2}`, style: { "--at": `${one.points[i]}%` } },
        make("span", { class: "hidden" }, `${one.name}: `), make("b", {}, `${one.points[i]}`)))));

    const undo = () => {
      if (!past.length) return false;
      future.push(snapshot());
      restore(past.pop());
      step.kind = null;
      done();
      return true;
    };
    const redo = () => {
      if (!future.length) return false;
      past.push(snapshot());
      restore(future.pop());
      step.kind = null;
      done();
      return true;
    };
    // Tells whether the key was one of the editor's.
    const key = (event) => {
      if (b.typing(event.target) || MODIFIERS.some((held) => event[held])) return false;
      const digit = b.digit(event);
      if (digit && digit.at > 0) {
        if (chosen) { if (!event.repeat) choose(digit.at - 1); } else add(digit.at - 1, digit.less);
      } else if (digit && !event.repeat) clear();
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
      key, undo, redo, clear, hard, mark, lock: () => lock(last), preset: () => preset(chosen === null),
      get points() { return points && points.slice(); },
      get draft() { return snapshot(); },
      load: (values, draft = null) => { // another clip: its label or null, or a draft; local steps begin anew
        locked.fill(false);
        ratio = ratio.map(() => 0);
        exact = points = null;
        if (values) shape(values);
        if (draft) restore(draft);
        chosen = null;
        last = points ? points.indexOf(Math.max(...points)) : 0;
        past.length = future.length = 0;
        step.kind = null;
        show();
      },
    };
  };
})();
