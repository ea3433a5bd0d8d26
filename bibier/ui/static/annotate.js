// @ts-check
// The Annotate tab: what each act does. Runs after editor.js, player.js, project.js and annotate_*.js.
(() => {
  const { fill, recall, remember, say } = bibier;
  const TICK = 250; // ms
  const HOLD = 30000; // ms after which the server is told that the clip is still before somebody
  const ASLEEP = 5000; // ms between two ticks from which on the computer slept

  /** @type {((clip: ClipAddress) => void) | null} */
  let openClip = null; // once the tab is built, which it is when it is first opened
  /** @type {ClipAddress | null} */
  let pendingOpen = null;
  bibier.openInAnnotate = (clip) => {
    if (!clip) return;
    if (openClip) openClip(clip); else pendingOpen = clip;
    const tab = /** @type {HTMLElement | undefined} */ (document.querySelectorAll("#tabs [role=tab]")[1]);
    tab?.click();
  };

  bibier.createAnnotator = (host, server) => {
    const { CONFIDENCE } = bibier;
    const { THINKING, uuid, createCall, createOutbox, isLost, reasonOf } = bibier.annotateApi;
    let who = { project: "", annotator: recall("bibier_annotator") || "" };
    /** @type {ClipView | null} */
    let current = null; // the clip on the page, as the server described it
    /** @type {string[]} */
    let trail = []; // clips shown before, for going back
    let seconds = 0; // on this clip while the page was seen
    /** @type {number | null} */
    let confidence = null;
    let touched = false; // something differs from what is saved
    let busy = false;
    let canAdvise = false; // a language model can be asked
    /** @type {string | null} */
    let wanted = null; // a clip that was asked for before the person had a name

    const call = createCall(server, () => who);
    const outbox = createOutbox(call, () => who);

    // --- errors, and acts that wait for a connection ---------------------------------------------------------------
    let retry = 0;
    const flush = () => { clearTimeout(retry); return outbox.flush(); };
    const tellError = (/** @type {unknown} */ error) => {
      if (!isLost(error)) { view.tell(error instanceof Error ? error.message : String(error), "alert"); return; }
      const [reason, count] = [reasonOf(error), outbox.count()];
      const kept = reason ? fill(say.refused_kept, { reason, count }) : fill(say.offline_kept, { count });
      view.tell(count ? kept : reason || say.offline, "alert");
      clearTimeout(retry);
      if (outbox.count()) retry = setTimeout(flushAgain, 2000);
    };
    const flushAgain = async () => {
      if (!outbox.count() || busy) return;
      try {
        const answer = await flush();
        if (answer) { view.tell(say.saved_late, "good"); outbox.keepDraft(null); showNext(answer); }
      } catch (error) { tellError(error); }
    };
    addEventListener("online", flushAgain);
    addEventListener("offline", () => current && view.tell(say.offline, "alert"));
    /**
     * One act at a time: a second Enter is not a second label.
     * @param {() => Promise<void>} run
     */
    const once = async (run) => {
      if (busy) return;
      busy = true;
      try { await run(); } catch (error) { tellError(error); } finally { busy = false; }
    };

    // --- showing ---------------------------------------------------------------------------------------------------
    const label = () => ({ points: editor.points, confidence, note: view.note.value });
    const changed = () => {
      touched = true;
      if (current) outbox.keepDraft({ clip: current.clip, ...label(), draft: editor.draft, seconds });
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
      view.offer({ reveal: !isShown("model:"), ask: canAdvise && !isShown("llm:") });
    };
    const showOpinions = (/** @type {ClipView} */ clip) => {
      const proposals = clip.proposals.map((proposal) =>
        ({ ...proposal, name: proposal.source.replace(/^(model|llm):/, "") }));
      editor.mark(proposals);
      view.showOpinions(proposals, clip.revealed);
    };
    const show = (/** @type {ClipView | null} */ clip) => {
      current = clip;
      view.showClip(clip);
      if (!clip) { player.show(null); return; }
      const stored = outbox.draft();
      const draft = stored?.clip === clip.clip ? stored : null;
      const shape = draft || clip.label || { points: null, confidence: null, note: "" };
      try { editor.load(shape.points, draft?.draft); }
      catch { editor.load(shape.points); } // a draft of another version
      confidence = shape.confidence;
      view.note.value = shape.note || "";
      seconds = draft?.seconds || 0;
      touched = Boolean(draft);
      showOpinions(clip);
      showButtons();
      view.showSeconds(seconds);
      player.show(clip.clip);
      if (draft) view.tell(say.draft_back);
      else if (clip.skipped) view.tell(fill(say.skipped_before, { reason: clip.skipped }));
    };
    /**
     * Shows the clip that the server says is next, and fetches the one after it.
     * @param {Partial<Coming>} answer
     */
    const showNext = ({ now = null, after, ...progress }) => {
      if (current && now?.clip !== current.clip) trail.push(current.clip);
      view.showProgress(progress);
      show(now);
      if (after) player.prefetch(after.clip);
      if (!now) view.showEmpty(progress.total ? say.all_done : say.project_empty);
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
    const hold = (/** @type {string | null} */ clip) => {
      if (who.project && who.annotator) call("hold", { clip }).catch(() => {});
    };
    setInterval(() => { if (current && !document.hidden) hold(current.clip); }, HOLD);
    addEventListener("pagehide", () => hold(null));

    // --- acts on a clip --------------------------------------------------------------------------------------------
    /** @type {(act: UnsentAct) => Promise<SaveAnswer>} */
    const send = async (act) => {
      outbox.add(act, seconds);
      view.tell(say.saving);
      const answer = await flush();
      if (!answer) throw new Error(say.offline);
      outbox.keepDraft(null);
      touched = false;
      return answer;
    };
    const commit = () => once(async () => {
      if (!current) return;
      if (!editor.points) { view.tell(say.untouched, "alert"); return; }
      if (touched || !current.label) {
        const answer = await send({ act: "save", clip: current.clip, ...label() });
        view.tell(say.saved, "good");
        showNext(answer);
      } else {
        const answer = await call("open");
        view.tell(say.unchanged);
        showNext(answer);
      }
    });
    const skip = (/** @type {string} */ reason) => once(async () => {
      if (!current) return;
      const answer = await send({ act: "skip", clip: current.clip, note: reason });
      view.tell(fill(say.skipped, { reason }), "good");
      showNext(answer);
    });
    /**
     * Saves first if something is unsaved: whoever looks has committed.
     * @param {"reveal" | "ask"} act
     */
    const look = (act) => once(async () => {
      if (!current) return;
      if (!editor.points) { view.tell(say.untouched, "alert"); return; }
      const { clip } = current;
      if (touched || !current.label) {
        const answer = await send({ act: "save", clip, ...label() });
        view.showProgress(answer);
        trail = trail.filter((visited) => visited !== clip);
      }
      if (act === "ask") view.tell(say.advising);
      const { now } = await call(act, { clip, uuid: uuid() }, act === "ask" ? THINKING : undefined);
      current = now;
      showOpinions(now);
      showButtons();
      view.tell(now.proposals.length ? say.revealed : say.opinion_none);
    });
    const back = () => once(async () => {
      const clip = trail.pop();
      if (!clip) { view.tell(say.back_none); return; }
      show((await call("visit", { clip })).now);
    });
    const step = (/** @type {boolean} */ forward) => {
      if (forward ? editor.redo() : editor.undo()) return;
      once(async () => {
        const answer = await call("step", { forward });
        if (!answer.now) { view.tell(forward ? say.redo_none : say.undo_none); return; }
        outbox.keepDraft(null);
        view.showProgress(answer);
        if (current && current.clip !== answer.now.clip) trail.push(current.clip);
        show(answer.now);
        view.tell(forward ? say.redone : say.undone);
      });
    };

    // --- project and name ------------------------------------------------------------------------------------------
    const showProjects = (/** @type {ProjectList} */ answer) => {
      view.showProjects(answer, who.project);
      if (answer.advice !== undefined) canAdvise = answer.advice;
    };
    /** @param {{ project?: string, annotator?: string, clip?: string }} chosen */
    const openProject = async (chosen) => {
      who = { project: chosen.project ?? who.project, annotator: chosen.annotator ?? who.annotator };
      if (chosen.annotator !== undefined) remember("bibier_annotator", who.annotator);
      trail = [];
      current = null;
      wanted = chosen.clip || (chosen.project ? null : wanted);
      let answer = await call("open", wanted ? { clip: wanted } : {});
      if (!answer.project && answer.projects.length) { // the last one, or the first
        const last = recall("bibier_project");
        who.project = last !== null && answer.projects.includes(last) ? last : answer.projects[0];
        who.annotator ||= answer.annotator; // of who has signed in
        if (who.annotator) answer = await call("open");
      }
      showProjects(answer);
      view.showStorage(answer.kept);
      if (!answer.project) {
        show(null);
        view.showEmpty(answer.projects.length ? say.annotator_first : say.project_first);
        return;
      }
      wanted = null;
      remember("bibier_project", answer.project);
      who.annotator = answer.annotator;
      view.showName(answer.annotator);
      view.tell("");
      const late = outbox.count() ? await flush() : null;
      if (late) { view.tell(say.saved_late, "good"); outbox.keepDraft(null); }
      showNext(late || answer);
    };
    /** @param {{ project?: string, annotator?: string, clip?: string }} chosen */
    const enter = async (chosen) => {
      // a choice of project or name is never dropped
      while (busy) await new Promise((soon) => { setTimeout(soon, 30); });
      await once(() => openProject(chosen));
    };
    /** @type {AnnotateActs["create"]} */
    const create = (source, name) => once(async () => {
      view.tell(say.project_making);
      const answer = await call("enter", { source, name });
      view.closeCreating();
      who.project = answer.project;
      showProjects(answer);
      setTimeout(() => enter({ project: answer.project }));
    });

    /** @type {AnnotateActs} */
    const acts = {
      enter, create, changed, commit, skip, back,
      reveal: () => look("reveal"), ask: () => look("ask"), undo: () => step(false), redo: () => step(true),
      toggleConfidence: (value) => setConfidence(confidence === value ? null : value),
      nextConfidence: () =>
        setConfidence(CONFIDENCE[confidence === null ? 0 : (CONFIDENCE.indexOf(confidence) + 1) % CONFIDENCE.length]),
      preset: () => editor.preset(), hard: () => editor.hard(), clear: () => editor.clear(),
    };
    const view = bibier.createAnnotateView({ host, acts, annotator: who.annotator,
      createPanel: (tell) => bibier.createProjectPanel({ tell, name: () => who.project,
        run: (job) => once(() => job(call)), settled: (answer) => { showProjects(answer); showNext(answer); } }) });
    const editor = bibier.createEditor(view.bars, { sum: view.sum, changed, tell: (text) => view.tell(text) });
    const player = bibier.createPlayer(view.player, { tell: (text) => view.tell(text, "alert") });
    bibier.listenToKeys({ host, view, editor, player, acts, hasClip: () => current !== null });
    new IntersectionObserver(([seen]) => { if (!seen.isIntersecting) player.stop(); }).observe(host);
    openClip = enter;
    enter(pendingOpen || {});
    pendingOpen = null;
  };
})();
