// The Annotate tab. Runs after page.js, editor.js and player.js, in the same script. `server` calls Python (annotate.py).
// What is not on the server's disk yet is in this browser's storage: a draft of the clip, and labels that wait for a connection.
(() => {
  const b = window.bibier;
  const { make } = b;
  const THINKING = 180000; // ms that a language model may take
  const PATIENCE = 20000; // ms until a silent server counts as gone; the same save may then be sent again
  const CONFIDENCE = [0.25, 0.5, 0.75, 1];
  const REASONS = ["skip_unclear", "skip_voices", "skip_silent", "skip_later"];

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const uuid = () => { // crypto.randomUUID is only there on https and localhost
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = Array.from(bytes, (n) => n.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  };
  const memory = {}; // where storage is switched off
  const keep = (key, value) => { memory[key] = value; b.remember(key, JSON.stringify(value)); };
  const kept = (key) => { try { return JSON.parse(b.recall(key)) ?? memory[key] ?? null; } catch { return memory[key] ?? null; } };

  b.studio = (host, server) => {
    let who = { project: "", annotator: b.recall("bibier_annotator") || "" };
    let now = null; // the clip on the page, as the server described it
    let after = null; // the one that is fetched ahead
    let trail = []; // clips shown before, for going back
    let seconds = 0; // on this clip while the page was seen
    let confidence = null;
    let touched = false; // something differs from what is saved
    let busy = false;
    let advised = false; // a language model can be asked
    let wanted = null; // a clip that was asked for before the person had a name

    const call = async (act, facts = {}, patience = PATIENCE) => {
      let timer = 0;
      const late = new Promise((_, no) => { timer = setTimeout(() => no(new Error("late")), patience); });
      let answer;
      try { answer = await Promise.race([server[act]({ ...who, ...facts }), late]); }
      catch (error) { throw Object.assign(new Error(b.say.offline), { lost: true, cause: error }); }
      finally { clearTimeout(timer); }
      // Gradio swallows a failed request: every answer of ours is an object
      if (!answer) throw Object.assign(new Error(b.say.offline), { lost: true });
      if (answer.error) throw new Error(answer.error);
      return answer;
    };

    // --- the page ---------------------------------------------------------------------------------------------------
    const act = (name, label, key, run, facts = {}) => make("button", { type: "button", class: name, "aria-keyshortcuts": key,
      ...facts, onclick: (event) => { run(); if (event.detail) event.currentTarget.blur(); } }, label,
    make("kbd", { "aria-hidden": "true" }, facts.shown || key));
    const status = make("p", { class: "status", role: "status", "aria-live": "polite" });
    const top = make("div", {}, status);
    const tell = (text, kind = "small") => { status.textContent = text; status.className = `status ${kind}`; };

    const project = make("select", { "aria-label": b.say.project, onchange: () => enter({ project: project.value }) });
    const name = make("input", { type: "text", maxlength: 80, autocomplete: "off", value: who.annotator,
      placeholder: b.say.annotator_hint, onchange: () => enter({ annotator: name.value.trim() }),
      onkeydown: (event) => { if (event.key === "Enter") name.blur(); } });
    const source = make("input", { type: "text", placeholder: b.say.source_hint, size: 30 });
    const title = make("input", { type: "text", maxlength: 80, placeholder: b.say.project_name });
    const fresh = make("form", { class: "fresh" }, make("label", {}, b.say.source, source),
      make("label", {}, b.say.project_name, title), make("button", { type: "submit" }, b.say.project_make));
    const creating = make("details", {}, make("summary", {}, b.say.project_new), fresh);
    const bar = make("progress", { max: 1, value: 0, "aria-label": b.say.progress });
    const far = make("span", { class: "far" });
    const empty = make("p", { class: "idle" });

    const listen = make("div", { class: "player" });
    const clipname = make("h2", {});
    const spent = make("span", { class: "spent", title: b.say.spent });
    const words = make("p", { class: "transcript" });
    const clipcard = make("section", { class: "card clip", "aria-label": b.say.clip },
      make("div", { class: "row" }, clipname, spent), listen, words);

    const bars = make("div", { class: "bars" });
    const sure = make("div", { class: "sure-row", role: "group", "aria-label": b.say.confidence },
      make("span", { class: "label" }, b.say.confidence, make("kbd", { "aria-hidden": "true" }, "C")),
      ...CONFIDENCE.map((value, i) => make("button", { type: "button", class: "choice", "aria-pressed": "false",
        onclick: (event) => { certain(confidence === value ? null : value); if (event.detail) event.currentTarget.blur(); } },
      b.say[`confidence_${i}`])));
    const note = make("textarea", { rows: 1, placeholder: b.say.note_hint, "aria-label": b.say.note_label });
    const place_of_status = make("div", {});
    const sum = make("p", { class: "sum" });
    const opinion = make("div", { class: "opinion" });
    const save = act("save primary", b.say.save, "Enter", () => commit());
    const compare = act("compare", b.say.reveal, "V", () => reveal());
    const advise = act("advise", b.say.advise, "M", () => reveal("ask"), { hidden: true });
    const actions = make("div", { class: "actions" }, save,
      act("back", b.say.back, "Backspace", () => back(), { shown: "⌫" }), act("skip", b.say.skip, "S", () => skipping.showModal()),
      act("undo", b.say.undo, "Control+Z", () => step(false), { shown: "Ctrl Z" }),
      act("redo", b.say.redo, "Control+Shift+Z", () => step(true), { shown: "Ctrl ⇧ Z" }));
    const tools = make("div", { class: "tools" },
      act("preset", b.say.preset, "P", () => editor.preset()), act("hard", b.say.hard, "H", () => editor.hard()),
      act("clear", b.say.clear, "0", () => editor.clear()), act("guide", b.say.guide, "G", () => guiding()));
    const labelcard = make("section", { class: "card label-card", "aria-label": b.say.label_card },
      make("div", { class: "row" }, make("h2", {}, b.say.question), tools), bars,
      make("div", { class: "under" }, place_of_status, sum), make("div", { class: "opinions" }, opinion, compare, advise),
      make("div", { class: "beside" }, sure, note), actions);
    const desk = make("div", { class: "desk", hidden: true }, clipcard, labelcard);

    const shut = (dialog) => make("button", { type: "button", onclick: () => dialog().close() }, b.say.close);
    const keys = [["1–7", "key_add"], ["⇧ 1–7", "key_less"], ["L", "key_lock"], ["0", "key_clear"], ["H", "key_hard"], ["P", "key_preset"],
      ["Enter", "key_save"], ["⌫", "key_back"], ["S", "key_skip"], ["V", "key_reveal"], ["M", "key_advise"], ["Ctrl Z", "key_undo"], ["C", "key_confidence"],
      ["N", "key_note"], ["Space", "key_play"], ["R", "key_replay"], ["− =", "key_speed"], ["[ ] \\", "key_loop"]];
    const guide = make("dialog", { class: "sheet", "aria-label": b.say.guide }, make("h2", {}, b.say.guide),
      make("ol", {}, ...["guide_1", "guide_2", "guide_3", "guide_4", "guide_5"].map((key) => make("li", {}, b.say[key]))),
      make("h3", {}, b.say.keys), make("dl", {}, ...keys.flatMap(([key, what]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, b.say[what])])),
      shut(() => guide));
    const reason = make("input", { type: "text", maxlength: 400, "aria-label": b.say.skip_other, placeholder: b.say.skip_other });
    const skipping = make("dialog", { class: "sheet", "aria-label": b.say.skip_why }, make("h2", {}, b.say.skip_why),
      make("div", { class: "reasons" }, ...REASONS.map((key, i) => make("button", { type: "button", onclick: () => skip(b.say[key]) },
        make("kbd", {}, String(i + 1)), b.say[key]))),
      make("form", { onsubmit: (event) => { event.preventDefault(); if (reason.value.trim()) skip(reason.value.trim()); } }, reason,
        make("button", { type: "submit" }, b.say.skip)), shut(() => skipping));
    const home = make("p", { class: "kept", role: "status" });
    const panel = b.project_panel({ act: (run) => once(() => run(call)), tell, name: () => who.project,
      settled: (answer) => { projects(answer); onward(answer); } });
    host.replaceChildren(
      make("div", { class: "card who" }, make("label", {}, b.say.project, project), make("label", {}, b.say.annotator, name), creating, ...panel.nodes,
        make("div", { class: "progress" }, bar, far)),
      home, top, empty, desk, guide, skipping);

    const editor = b.editor(bars, { sum, changed: () => changed(), told: (text) => tell(text) });
    const player = b.player_of(listen, { told: (text) => tell(text, "alert") });

    // --- drafts and labels that wait ----------------------------------------------------------------------------------
    const place = (what) => `bibier_${what}:${who.project}:${who.annotator}`;
    const facts = () => ({ clip: now.clip, points: editor.points, confidence, note: note.value });
    const changed = () => {
      touched = true;
      if (now) keep(place("draft"), { ...facts(), draft: editor.draft, seconds });
      buttons();
    };
    const undraft = () => keep(place("draft"), null);
    const waiting = () => kept(place("waiting")) || [];
    let flushing = null;
    let retry = 0;
    // Sends what waits, the oldest first; the answer to the last is returned, or null when the server is not there.
    const flush = () => {
      flushing = flushing || (async () => {
        clearTimeout(retry);
        try {
          let answer = null;
          for (let queue = waiting(); queue.length; queue = waiting()) {
            try { answer = await call(queue[0].act, queue[0]); }
            catch (error) {
              if (!error.lost) keep(place("waiting"), waiting().slice(1)); // refused, and told so: sending it again won't help
              throw error;
            }
            keep(place("waiting"), waiting().slice(1));
          }
          return answer;
        } finally { flushing = null; }
      })();
      return flushing;
    };
    const lost = (error) => {
      if (!error.lost) { tell(error.message, "alert"); return; }
      tell(waiting().length ? fill(b.say.offline_kept, { count: waiting().length }) : b.say.offline, "alert");
      clearTimeout(retry);
      if (waiting().length) retry = setTimeout(again, 2000);
    };
    const again = async () => {
      if (!waiting().length || busy) return;
      try { const answer = await flush(); if (answer) { tell(b.say.saved_late, "good"); undraft(); onward(answer); } }
      catch (error) { lost(error); }
    };
    addEventListener("online", again);
    addEventListener("offline", () => now && tell(b.say.offline, "alert"));

    // --- showing ------------------------------------------------------------------------------------------------------
    const certain = (value) => {
      confidence = value;
      if (now) changed();
    };
    const buttons = () => {
      sure.querySelectorAll(".choice").forEach((one, i) => one.setAttribute("aria-pressed", String(CONFIDENCE[i] === confidence)));
      const known = (kind) => Boolean(now && now.proposals.some((one) => one.source.startsWith(kind)));
      compare.hidden = known("model:");
      advise.hidden = !advised || known("llm:");
    };
    const opinions = () => {
      const named = (now.proposals || []).map((one) => ({ ...one, name: one.source.replace(/^(model|llm):/, "") }));
      editor.mark(named);
      opinion.replaceChildren(...(named.length ? named.map((one, i) => make("p", { class: `small source mark-${i % 2}` },
        fill(b.say[one.source.startsWith("llm") ? "opinion_words" : "opinion_model"], { name: one.name })))
        : [make("p", { class: "small" }, now.revealed ? b.say.opinion_none : b.say.opinion_hidden)]));
    };
    const progress = (answer) => {
      if (answer.total === undefined) return;
      bar.max = Math.max(1, answer.total);
      bar.value = answer.done;
      far.textContent = fill(b.say.far, { done: answer.done, total: answer.total });
    };
    const show = (view, { keepdraft = true } = {}) => {
      now = view;
      desk.hidden = !view;
      (view ? place_of_status : top).append(status); // beside what it is about
      empty.hidden = Boolean(view);
      if (!view) { player.show(null); return; }
      const draft = keepdraft ? kept(place("draft")) : null;
      const mine = draft && draft.clip === view.clip ? draft : null;
      const saved = view.label;
      clipname.textContent = fill(b.say.clip_id, { id: view.clip.slice(0, 6) }); // a file's name may give the label away
      words.textContent = view.text || b.say.transcript_none;
      words.classList.toggle("idle", !view.text);
      words.lang = view.language || "";
      const shape = mine || saved || { points: null, confidence: null, note: "" };
      try { editor.load(shape.points, mine ? mine.draft : null); }
      catch { editor.load(shape.points); } // a draft of another version
      confidence = shape.confidence;
      note.value = shape.note || "";
      seconds = mine ? mine.seconds || 0 : 0;
      touched = Boolean(mine);
      opinions();
      buttons();
      tick();
      player.show(view.clip);
      if (mine) tell(b.say.draft_back);
      else if (view.skipped) tell(fill(b.say.skipped_before, { reason: view.skipped }));
    };
    // the clip that the server says is next, and the one to fetch ahead
    const onward = (answer) => {
      if (now && (!answer.now || answer.now.clip !== now.clip)) trail.push(now.clip);
      progress(answer);
      show(answer.now);
      after = answer.after;
      if (after) player.ahead(after.clip);
      if (!answer.now) empty.textContent = answer.total ? b.say.all_done : b.say.project_empty;
    };
    const tick = () => { spent.textContent = fill(b.say.spent_seconds, { value: Math.round(seconds) }); };
    let beat = performance.now();
    setInterval(() => {
      const then = beat;
      beat = performance.now();
      if (!now || document.hidden || host.offsetParent === null || beat - then > 5000) return;
      seconds += (beat - then) / 1000;
      tick();
    }, 250);

    // --- acts ---------------------------------------------------------------------------------------------------------
    const once = async (run) => { // one act at a time: a second Enter is not a second label
      if (busy) return;
      busy = true;
      try { await run(); } catch (error) { lost(error); } finally { busy = false; }
    };
    const store = async (doing) => {
      const queue = waiting();
      const same = queue.find((one) => one.act === doing.act && one.clip === doing.clip && one.note === doing.note
        && JSON.stringify([one.points, one.confidence]) === JSON.stringify([doing.points, doing.confidence]));
      if (!same) keep(place("waiting"), [...queue, { ...doing, uuid: uuid(), seconds: Math.round(seconds * 10) / 10 }]);
      tell(b.say.saving);
      const answer = await flush();
      undraft();
      touched = false;
      return answer;
    };
    const commit = () => once(async () => {
      if (!now) return;
      if (!editor.points) { tell(b.say.untouched, "alert"); return; }
      const answer = touched || !now.label ? await store({ act: "save", ...facts() }) : await call("open");
      tell(answer.saved ? b.say.saved : b.say.unchanged, answer.saved ? "good" : "small");
      onward(answer);
    });
    const skip = (why) => {
      skipping.close();
      reason.value = "";
      return once(async () => {
        if (!now) return;
        const answer = await store({ act: "skip", clip: now.clip, note: why });
        tell(fill(b.say.skipped, { reason: why }), "good");
        onward(answer);
      });
    };
    // Saves first if something is unsaved: whoever looks has committed.
    const reveal = (how = "reveal") => once(async () => {
      if (!now) return;
      if (!editor.points) { tell(b.say.untouched, "alert"); return; }
      const here = now.clip;
      if (touched || !now.label) {
        const answer = await store({ act: "save", ...facts() });
        progress(answer);
        after = answer.now;
        trail = trail.filter((one) => one !== here);
      }
      if (how === "ask") tell(b.say.advising);
      const answer = await call(how, { clip: here, uuid: uuid() }, how === "ask" ? THINKING : PATIENCE);
      const time = seconds;
      now = { ...answer.now };
      seconds = time;
      opinions();
      buttons();
      tell(now.proposals.length ? b.say.revealed : b.say.opinion_none);
    });
    const back = () => once(async () => {
      const to = trail.pop();
      if (!to) { tell(b.say.back_none); return; }
      show((await call("visit", { clip: to })).now);
    });
    const step = (forward) => {
      if (forward ? editor.redo() : editor.undo()) return undefined;
      return once(async () => {
        const answer = await call("step", { forward });
        if (answer.nothing) { tell(forward ? b.say.redo_none : b.say.undo_none); return; }
        undraft();
        progress(answer);
        if (now && now.clip !== answer.now.clip) trail.push(now.clip);
        show(answer.now);
        tell(forward ? b.say.redone : b.say.undone);
      });
    };
    const projects = (answer) => {
      project.replaceChildren(...answer.projects.map((one) => make("option", { value: one, selected: one === who.project }, one)));
      if (answer.paths === undefined) return;
      creating.hidden = !answer.paths;
      advised = answer.advice;
      panel.show(answer);
    };
    const enter = async (chosen = {}) => {
      while (busy) await new Promise((soon) => { setTimeout(soon, 30); }); // a choice of project or name is never dropped
      return once(() => entered(chosen));
    };
    const entered = async (chosen) => {
      who = { project: chosen.project ?? who.project, annotator: chosen.annotator ?? who.annotator };
      if (chosen.annotator !== undefined) b.remember("bibier_annotator", who.annotator);
      trail = [];
      now = null;
      wanted = chosen.clip || (chosen.project ? null : wanted);
      let answer = await call("open", wanted ? { clip: wanted } : {});
      if (!answer.project && answer.projects.length) { // the last one, or the first
        const last = b.recall("bibier_project");
        who.project = answer.projects.includes(last) ? last : answer.projects[0];
        who.annotator ||= answer.annotator; // of who has signed in
        if (who.annotator) answer = await call("open");
      }
      projects(answer);
      home.textContent = answer.kept?.text ?? "";
      home.classList.toggle("warns", Boolean(answer.kept?.warns));
      if (answer.project) {
        wanted = null;
        b.remember("bibier_project", answer.project);
        who.annotator = answer.annotator;
        name.value = answer.annotator;
        tell("");
        const waited = waiting().length ? await flush() : null;
        if (waited) { tell(b.say.saved_late, "good"); undraft(); }
        onward(waited || answer);
      } else {
        show(null);
        empty.textContent = answer.projects.length ? b.say.annotator_first : b.say.project_first;
      }
    };
    fresh.addEventListener("submit", (event) => {
      event.preventDefault();
      once(async () => {
        tell(b.say.project_making);
        const answer = await call("enter", { source: source.value, name: title.value });
        creating.open = false;
        who.project = answer.project;
        projects(answer);
        setTimeout(() => enter({ project: answer.project }));
      });
    });
    note.addEventListener("input", () => changed());

    // --- keys, by their place on the keyboard ----------------------------------------------------------------------------
    // The focus goes to the button at the end, and on a phone the page would follow it past the guidelines.
    const guiding = () => { guide.showModal(); guide.scrollTop = 0; };
    const presses = { KeyS: () => skipping.showModal(), KeyG: guiding, KeyV: () => reveal(), KeyM: () => advise.hidden || reveal("ask"), Backspace: back,
      KeyN: () => note.focus(),
      KeyC: () => certain(CONFIDENCE[(CONFIDENCE.indexOf(confidence) + 1) % CONFIDENCE.length]) };
    document.addEventListener("keydown", (event) => {
      if (host.offsetParent === null || event.defaultPrevented) return;
      if (skipping.open) {
        const digit = b.typing(event.target) ? null : b.digit(event);
        if (digit && digit.at && REASONS[digit.at - 1]) { event.preventDefault(); skip(b.say[REASONS[digit.at - 1]]); }
        return;
      }
      if (guide.open) { if (event.code === "KeyG") { event.preventDefault(); guide.close(); } return; }
      const command = event.ctrlKey || event.metaKey;
      const enters = event.code === "Enter" || event.code === "NumpadEnter";
      if (event.target === note) {
        if (event.key === "Escape") note.blur();
        else if (enters && command && !event.repeat) { event.preventDefault(); note.blur(); commit(); }
        return;
      }
      if (!now || b.typing(event.target) || event.altKey) return;
      if (command) {
        if (event.code === "KeyZ") { event.preventDefault(); step(event.shiftKey); }
        return;
      }
      const target = event.target.closest && event.target.closest("button, a, summary, [role=tab]");
      const opened = target && target.matches("[role=tab][aria-selected=true]"); // the click that opened this page left it focused
      if (target && !opened && (enters || event.code === "Space")) return; // a button's own keys
      if (editor.key(event) || player.key(event)) return;
      const press = enters ? commit : presses[event.code];
      if (!press || event.shiftKey) return;
      event.preventDefault();
      if (!event.repeat) press();
    });
    new IntersectionObserver(([seen]) => { if (!seen.isIntersecting) player.stop(); }).observe(host);
    b.relabel = (chosen) => enter(chosen);
    enter(errand || {});
    errand = null;
  };

  // From another tab: {project, clip} is to be labelled. The Annotate tab is built when it is first opened.
  let errand = null;
  b.carry = (chosen) => {
    if (!chosen) return;
    if (b.relabel) b.relabel(chosen); else errand = chosen;
    const tab = document.querySelectorAll("#tabs [role=tab]")[1];
    if (tab) tab.click();
  };
})();
