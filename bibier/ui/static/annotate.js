// @ts-check
// The Annotate tab: what each act does. Runs after editor.js, player.js, project.js and annotate_*.js.
(() => {
  const { fill, outbox, recall, remember, say } = bibier;
  const TICK = 250; // ms
  const HOLD = 30000; // ms after which the server is told that the clip is still before somebody
  const ASLEEP = 5000; // ms between two ticks from which on the computer slept
  const AGAIN = 2000; // ms until the next clip is asked for again
  const LOOK = 1000; // ms between two looks at how much of a new project is read
  const WHOLE = 3600000; // ms that reading it may take
  const SOUNDS = 3; // clips whose sound is fetched ahead

  bibier.createDesk = (host, call) => {
    const { CONFIDENCE } = bibier;
    const { THINKING, uuid, isLost, reasonOf } = bibier.annotateApi;
    let who = { project: "", annotator: recall("bibier_annotator") || "" };
    /** @type {ClipView | null} */
    let current = null; // the clip on the page, with what this person said of it last
    /** @type {ClipView[]} */
    let trail = []; // clips shown before, for going back
    /** @type {ClipView[]} */
    let coming = []; // clips that the server would show next
    let seconds = 0; // on this clip while the page was seen
    /** @type {number | null} */
    let confidence = null;
    let touched = false; // something differs from what was saved or is on its way
    let canAdvise = false; // a language model can be asked
    /** @type {string | null} */
    let wanted = null; // a clip that was asked for before the person had a name

    // --- what waits, and errors ------------------------------------------------------------------------------------
    const isMine = (/** @type {WaitingAct} */ act) => act.project === who.project && act.annotator === who.annotator;
    const waiting = () => outbox.waiting().filter(isMine);
    const tellError = (/** @type {unknown} */ error) => {
      view.tell(() => (isLost(error) ? reasonOf(error) || say.offline
        : error instanceof Error ? error.message : String(error)), "alert");
    };
    /** @param {unknown} error */
    const showDelivery = (error = null) => {
      const count = waiting().length;
      const saved = outbox.wasLate(who) ? "saved_late" : "saved";
      if (!count) view.showDelivery(() => say[saved], "good");
      else if (error || !navigator.onLine) {
        view.showDelivery(() => {
          const reason = error ? reasonOf(error) : "";
          return reason ? fill(say.refused_kept, { reason, count }) : fill(say.offline_kept, { count });
        }, "alert");
      } else view.showDelivery(() => fill(say.saving, { count }), "small");
    };
    outbox.listen({
      arrived: (act, answer) => {
        if (!isMine(act)) return;
        showDelivery();
        take(answer);
      },
      delayed: (error) => { if (waiting().length) showDelivery(error); },
      refused: (act, error) => { // it is a draft again, and before the person
        const clip = trail.find((view_) => view_.clip === act.clip);
        if (act.act !== "skip") {
          const { points = null, confidence: sure = null, note = "" } = act;
          outbox.keepDraft(act, { clip: clip ? draftOf(clip) : act.clip, points, confidence: sure, note, draft: "",
            seconds: act.seconds });
        }
        if (isMine(act)) {
          if (clip) {
            trail = trail.filter((view_) => view_ !== clip);
            if (current) coming.unshift(current);
            show({ ...clip, label: null });
          }
          showDelivery();
        }
        tellError(error);
      },
    });
    addEventListener("offline", () => {
      if (!current) return;
      if (waiting().length) showDelivery(new Error(say.offline)); else view.tell(() => say.offline, "alert");
    });
    addEventListener("online", () => { if (view.told() === say.offline) view.tell(""); });

    // Acts that ask the server are done one after the other, after what waits has arrived.
    let turn = Promise.resolve();
    const inTurn = (/** @type {() => Promise<void>} */ run) => {
      turn = turn.then(run).catch(tellError);
      return turn;
    };

    // --- showing ---------------------------------------------------------------------------------------------------
    const label = () => ({ points: editor.points, confidence, note: view.note.value });
    // a clip that comes again, or is decided on, has a draft of its own
    const draftOf = (/** @type {ClipView} */ clip) => (clip.mode ? `${clip.clip}:${clip.mode}` : clip.clip);
    const changed = () => {
      touched = true;
      if (view.told() === say.untouched) view.tell("");
      if (current) outbox.keepDraft(who, { clip: draftOf(current), ...label(), draft: editor.draft, seconds });
      showButtons();
    };
    const setConfidence = (/** @type {number | null} */ value) => {
      confidence = value;
      if (current) changed();
    };
    const showButtons = () => {
      view.showConfidence(confidence);
      const isShown = (/** @type {string} */ kind) =>
        Boolean(current?.proposals.some((proposal) => proposal.source.startsWith(kind)));
      const mayLook = !current?.mode;
      view.offer({ reveal: mayLook && !isShown("model:"), ask: mayLook && canAdvise && !isShown("llm:") });
    };
    const showOpinions = (/** @type {ClipView} */ clip) => {
      const proposals = clip.proposals.map((proposal) =>
        ({ ...proposal, name: proposal.source.replace(/^(model|llm):/, "") }));
      editor.mark(proposals);
      view.showOpinions(proposals, clip.revealed);
    };
    /** @type {(clip: ClipView | null, undone?: Label | null) => void} */
    const show = (clip, undone = null) => {
      current = clip;
      view.showClip(clip);
      if (!clip) { player.show(null); return; }
      const draft = outbox.draft(who, draftOf(clip));
      const shape = draft || clip.label || undone || { points: null, confidence: null, note: "" };
      try { editor.load(shape.points, draft?.draft || null); }
      catch { editor.load(shape.points); } // a draft of another version
      confidence = shape.confidence;
      view.note.value = shape.note || "";
      seconds = draft?.seconds || 0;
      touched = Boolean(draft);
      showOpinions(clip);
      showButtons();
      view.showSeconds(seconds);
      player.show(clip.clip);
      if (clip.skipped) view.tell(() => fill(say.skipped_before, { reason: clip.skipped ?? "" }));
      else view.tell(() => (draft ? say.draft_back : ""));
      if (undone && shape === undone) changed(); // so that a reload brings it back
    };
    /**
     * Takes in what the server says comes next. The clip on the page stays, whatever comes.
     * @param {Partial<Coming> & { also?: Also }} answer
     */
    const take = ({ now = null, after = null, later = [], also = "", ...progress }) => {
      view.showProgress(progress);
      view.showAlso(also);
      const known = new Set(waiting().map((act) => act.clip));
      if (current) known.add(current.clip);
      const next = [now, after, ...later].flatMap((clip) => (clip ? [clip] : []));
      const same = next.find((clip) => clip.clip === current?.clip);
      if (current && same && !current.label && same.proposals.length !== current.proposals.length) {
        current = { ...current, proposals: same.proposals, revealed: same.revealed };
        showOpinions(current);
      }
      coming = next.filter((clip) => !known.has(clip.clip));
      if (!current && (coming.length || !waiting().length)) showNext(progress);
      coming.slice(0, SOUNDS).forEach((clip) => player.prefetch(clip.clip));
    };
    const showNext = (/** @type {Partial<Done>} */ progress) => {
      const next = coming.shift() ?? null;
      show(next);
      if (!next) view.showEmpty(() => (progress.total ? say.all_done : say.project_empty), Boolean(progress.total));
    };
    /** Goes on without waiting for the server, as far as it is known what comes. */
    const advance = () => {
      if (current) trail.push(current);
      const next = coming.shift() ?? null;
      show(next);
      coming.slice(0, SOUNDS).forEach((clip) => player.prefetch(clip.clip));
      if (next) return;
      view.showEmpty(() => say.next_waits);
      if (!waiting().length) inTurn(refill);
    };
    const refill = async () => {
      if (current) return;
      try { take(await call("open")); } catch (error) {
        if (isLost(error)) setTimeout(() => inTurn(refill), AGAIN);
        throw error;
      }
    };
    let beat = performance.now();
    setInterval(() => {
      const passed = performance.now() - beat;
      beat += passed;
      if (!current || document.hidden || host.offsetParent === null || passed > ASLEEP) return;
      seconds += passed / 1000;
      view.showSeconds(seconds);
    }, TICK);

    // others get another clip while this one is shown; that it may not be known is no harm
    const hold = async (/** @type {string | null} */ clip) => {
      if (!who.project || !who.annotator) return;
      try { view.showAlso((await call("hold", { clip })).also ?? ""); } catch { /* nor is that it can't be asked */ }
    };
    setInterval(() => { if (current && !document.hidden) hold(current.clip); }, HOLD);
    addEventListener("pagehide", () => hold(null));

    // --- acts on a clip --------------------------------------------------------------------------------------------
    /**
     * The label is on its way from here on: what is changed afterwards is another act.
     * @type {(clip: ClipView, rule: FillRule, rest: number) => void}
     */
    const save = (clip, rule, rest) => {
      const act = clip.mode === "review" ? "decide" : clip.mode || "save";
      outbox.add({ ...who, act, clip: clip.clip, ...label(), fill: rule, rest }, seconds);
      outbox.dropDraft(who, draftOf(clip));
      current = { ...clip, label: label(), skipped: null };
      touched = false;
      showDelivery();
    };
    /**
     * Calls `then` once the label is whole and, if anything differs, on its way.
     * @type {(then: (clip: ClipView, saved: boolean) => void) => void}
     */
    const settle = (then) => {
      if (!current) return;
      if (!editor.points) { view.tell(() => say.untouched, "alert"); return; }
      const clip = current;
      editor.complete((rule, rest) => {
        if (current?.clip !== clip.clip) return;
        const differs = touched || rest > 0 || !current.label;
        if (differs) save(current, rule, rest);
        then(current, differs);
      });
    };
    const commit = () => settle((_, saved) => {
      advance();
      if (!saved) view.tell(() => say.unchanged);
    });
    const skip = (/** @type {string} */ reason) => {
      if (!current) return;
      const note = view.note.value.trim(); // a draft keeps it for when the clip comes back
      const whole = note ? `${reason}\n${note}` : reason;
      outbox.add({ ...who, act: "skip", clip: current.clip, note: whole }, seconds);
      current = { ...current, skipped: reason };
      showDelivery();
      advance();
      view.tell(() => fill(say.skipped, { reason }), "good");
    };
    /**
     * Saves first if something is unsaved: whoever looks has committed.
     * @param {"reveal" | "ask"} act
     */
    const look = (act) => !current?.mode && settle(({ clip }) => inTurn(async () => {
      await outbox.flush();
      if (act === "ask") view.tell(() => say.advising);
      const { now } = await call(act, { clip, uuid: uuid() }, act === "ask" ? THINKING : undefined);
      if (current?.clip !== clip) return;
      current = now;
      showOpinions(now);
      showButtons();
      view.tell(() => (now.proposals.length ? say.revealed : say.opinion_none));
    }));
    const back = () => {
      const clip = trail.pop();
      if (!clip) { view.tell(() => say.back_none); return; }
      if (current) coming.unshift(current);
      show(clip);
    };
    const step = (/** @type {boolean} */ forward) => {
      if (current && (forward ? editor.redo() : editor.undo())) return;
      inTurn(async () => {
        await outbox.flush();
        const answer = await call("step", { forward });
        const { now } = answer;
        if (!now) { view.tell(() => (forward ? say.redo_none : say.undo_none)); return; }
        view.showProgress(answer);
        if (current && current.clip !== now.clip) coming.unshift(current);
        trail = trail.filter(({ clip }) => clip !== now.clip);
        outbox.dropDraft(who, draftOf(now));
        show(now, answer.undone ?? null);
        view.tell(() => (forward ? say.redone : say.undone));
      });
    };

    // --- project and name ------------------------------------------------------------------------------------------
    const guideKey = (/** @type {CardNode[]} */ guide) =>
      `bibier_guide:${who.project}:${JSON.stringify(guide).length}`;
    const showProjects = (/** @type {ProjectList & { guide?: CardNode[] }} */ answer) => {
      view.showProjects(answer, who.project);
      if (answer.advice !== undefined) canAdvise = answer.advice;
      if (answer.bars) editor.offer(answer.bars);
      if (answer.guide) view.showGuide(answer.guide, guideKey(answer.guide));
    };
    bibier.onLanguage(() => inTurn(async () => { // what the server said, in the other language
      const { kept, guide } = await call("open").catch(() => ({ kept: undefined, guide: undefined }));
      if (kept) view.showStorage(kept);
      if (!guide) return;
      remember(guideKey(guide), "seen"); // it was, before
      view.showGuide(guide, guideKey(guide));
    }));
    /** @param {{ project?: string, annotator?: string, clip?: string }} chosen */
    const openProject = async (chosen) => {
      show(null); // what was typed is a draft of that name
      view.showEmpty("");
      who = { project: chosen.project ?? who.project, annotator: chosen.annotator ?? who.annotator };
      if (chosen.annotator !== undefined) remember("bibier_annotator", who.annotator);
      trail = [];
      coming = [];
      wanted = chosen.clip || (chosen.project ? null : wanted);
      await outbox.flush().catch(() => {}); // it stays, and is said
      let answer = await call("open", wanted ? { clip: wanted } : {});
      if (!answer.project && answer.projects.length) { // the chosen one, the last one, or the first
        const wished = [who.project, recall("bibier_project"), answer.projects[0]];
        who.project = wished.find((name) => name && answer.projects.includes(name)) ?? answer.projects[0];
        who.annotator ||= answer.annotator; // of who has signed in
        if (who.annotator) answer = await call("open");
      }
      showProjects(answer);
      view.showStorage(answer.kept);
      if (!answer.project) {
        view.showEmpty(() => (answer.projects.length ? say.annotator_first : say.project_first));
        return;
      }
      wanted = null;
      remember("bibier_project", answer.project);
      who.annotator = answer.annotator;
      view.showName(answer.annotator);
      view.tell("");
      take(answer);
      if (!current) showNext(answer);
      if (waiting().length || outbox.wasLate(who)) showDelivery(); else view.showDelivery("", "small");
    };
    const enter = (/** @type {{ project?: string, annotator?: string, clip?: string }} */ chosen) =>
      inTurn(() => openProject(chosen));
    /** @type {AnnotateActs["create"]} */
    const create = (source, name, labels) => inTurn(async () => {
      view.tell(() => say.project_making);
      let reading = true;
      const looking = setInterval(async () => {
        const { done, total } = await call("making").catch(() => ({ done: 0, total: 0 }));
        if (reading && total) view.tell(() => fill(say.project_read, { done, total }));
      }, LOOK);
      const answer = await call("enter", source ? { source, name, labels } : { demo: true }, WHOLE)
        .finally(() => { reading = false; clearInterval(looking); });
      view.closeCreating();
      view.tell("");
      showProjects(answer);
      enter({ project: answer.project });
    });

    /** @type {AnnotateActs["open"]} */
    const open = (clip, review) => inTurn(async () => {
      const { now } = await call("visit", { clip, review });
      if (current && current.clip !== clip) coming.unshift(current);
      coming = coming.filter((next) => next.clip !== clip);
      show(now);
    });

    /** @type {AnnotateActs} */
    const acts = {
      enter, create, open, changed, commit, skip, back,
      reveal: () => look("reveal"), ask: () => look("ask"), undo: () => step(false), redo: () => step(true),
      toggleConfidence: (value) => setConfidence(confidence === value ? null : value),
      nextConfidence: () =>
        setConfidence(CONFIDENCE[confidence === null ? 0 : (CONFIDENCE.indexOf(confidence) + 1) % CONFIDENCE.length]),
      preset: () => editor.preset(), hard: () => editor.hard(), clear: () => editor.clear(),
    };
    const run = (/** @type {(call: Call) => Promise<void>} */ job) => { inTurn(() => job(call)); };
    const view = bibier.createAnnotateView({ host, acts, annotator: who.annotator, run,
      createPanel: (tell) => bibier.createProjectPanel({ tell, run, name: () => who.project,
        settled: (answer) => { showProjects(answer); show(null); take(answer); if (!current) showNext(answer); },
        taken: (answer) => { enter({ project: answer.project }).then(() => view.tell(answer.told, "good")); } }) });
    const editor = bibier.createEditor(view.bars, { sum: view.sum, changed, tell: view.tell });
    const player = bibier.createPlayer(view.player, { tell: (text) => view.tell(text, "alert") });
    bibier.listenToKeys({ host, view, editor, player, acts, hasClip: () => current !== null });
    return { enter, stop: () => player.stop(), who: () => who };
  };
})();
