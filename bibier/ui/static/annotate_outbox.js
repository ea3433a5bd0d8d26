// @ts-check
// What waits in this browser until it is on the server's disk: labels and skips in the order in which they were given,
// and a draft for each clip. One entry of the storage for each, so that two tabs don't overwrite each other's. It is
// there for the whole page: what waits is sent when the page starts, whichever tab is open. Runs after annotate_api.js.
(() => {
  const { createCall, isLost, isOthers, notSaved, plainServer, uuid } = bibier.annotateApi;
  const AGAIN = 2000; // ms until what did not arrive is sent again
  const ACT = "bibier_act:";
  const OLD_ACTS = "bibier_waiting:"; // a list for each project and person, of before
  const OLD_WHO = 3; // parts of its key

  // --- this browser's storage, or memory where it is switched off or full ------------------------------------------
  /** @type {Map<string, string>} */
  const memory = new Map();
  const write = (/** @type {string} */ key, /** @type {unknown} */ value) => {
    const text = JSON.stringify(value);
    try { localStorage.setItem(key, text); memory.delete(key); } catch { memory.set(key, text); }
  };
  const remove = (/** @type {string} */ key) => {
    memory.delete(key);
    try { localStorage.removeItem(key); } catch { /* it is switched off */ }
  };
  const read = (/** @type {string} */ key) => {
    try { return JSON.parse(memory.get(key) ?? bibier.recall(key) ?? "null"); } catch { return null; }
  };
  const keys = (/** @type {string} */ prefix) => {
    let stored = /** @type {string[]} */ ([]);
    try { stored = Object.keys(localStorage); } catch { /* it is switched off */ }
    return [...new Set([...stored, ...memory.keys()])].filter((key) => key.startsWith(prefix)).sort();
  };

  // --- acts on their way -------------------------------------------------------------------------------------------
  /** @returns {WaitingAct[]} */
  const waiting = () => keys(ACT).map(read).filter(Boolean);
  const DIGITS = 15; // of the milliseconds in a key
  const put = (/** @type {WaitingAct} */ act) => { // after what waits already, also when the clock was set back
    const last = Number(keys(ACT).at(-1)?.slice(ACT.length, ACT.length + DIGITS)) || 0;
    write(`${ACT}${String(Math.max(Date.now(), last + 1)).padStart(DIGITS, "0")}:${act.uuid}`, act);
  };
  const drop = (/** @type {WaitingAct} */ act) =>
    keys(ACT).filter((key) => key.endsWith(`:${act.uuid}`)).forEach(remove);
  const takeOver = () => { // what an earlier version of the page left
    for (const key of keys(OLD_ACTS)) {
      const [, project, annotator, ...more] = key.split(":");
      if (key.split(":").length !== OLD_WHO || more.length) continue;
      const acts = read(key);
      for (const act of Array.isArray(acts) ? acts : []) put({ ...act, project, annotator });
      remove(key);
    }
  };

  /** @type {Call | null} */
  let call = null;
  /** @type {OutboxEvents} */
  let events = { arrived: () => {}, refused: () => {}, delayed: () => {} };
  /** @type {Promise<void> | null} */
  let sending = null;
  let timer = 0;
  const saved = async (/** @type {WaitingAct} */ act) => {
    const answer = call && await call(act.act, act);
    // what stands between here and the server may answer anything, and all of it would pass for "saved"
    if (answer?.saved !== act.uuid) throw notSaved();
    return answer;
  };
  const sendAll = async () => {
    const others = new Set(); // of somebody else, who is not signed in now
    const behind = new Set(); // people of whom one act was not answered: their later ones wait, in order, nobody else's
    let lost = null;
    const next = () => waiting().find((act) => !others.has(act.uuid) && !behind.has(lateKey(act)));
    for (let act = next(); act && call; act = next()) {
      let answer;
      try { answer = await saved(act); } catch (error) {
        if (isOthers(error)) { others.add(act.uuid); continue; }
        if (isLost(error)) { lost = error; behind.add(lateKey(act)); continue; }
        drop(act); // sending it again won't help
        events.refused(act, error);
        continue;
      }
      drop(act);
      events.arrived(act, answer);
    }
    if (lost) throw lost;
  };
  // Who had to wait, until they act again. It outlives a reload: Gradio loads the page anew as soon as a lost server
  // answers, often before anybody has read that all was saved.
  const lateKey = (/** @type {Annotator} */ { project, annotator }) => `bibier_late:${project}:${annotator}`;
  const flush = () => {
    clearTimeout(timer);
    sending = sending || sendAll().catch((error) => {
      waiting().forEach((act) => write(lateKey(act), true));
      timer = setTimeout(trySending, AGAIN);
      events.delayed(error);
      throw error;
    }).finally(() => { sending = null; });
    return sending;
  };
  const trySending = () => { if (call && waiting().length) flush().catch(() => {}); };

  const place = (/** @type {Annotator} */ { project, annotator }) => `bibier_draft:${project}:${annotator}`;
  bibier.outbox = {
    connect: (to) => { call = to; takeOver(); trySending(); },
    listen: (to) => { events = to; },
    waiting,
    wasLate: (who) => read(lateKey(who)) !== null,
    add: (act, seconds) => {
      if (!waiting().some((other) => lateKey(other) === lateKey(act))) remove(lateKey(act));
      put({ ...act, uuid: uuid(), seconds: Math.round(seconds * 10) / 10 });
      trySending();
    },
    flush: () => (waiting().length ? flush() : Promise.resolve()),
    draft: (who, clip) => {
      const old = read(place(who)); // an earlier version of the page kept one
      return read(`${place(who)}:${clip}`) ?? (old?.clip === clip ? old : null);
    },
    keepDraft: (who, draft) => write(`${place(who)}:${draft.clip}`, draft),
    dropDraft: (who, clip) => {
      remove(`${place(who)}:${clip}`);
      if (read(place(who))?.clip === clip) remove(place(who));
    },
  };
  addEventListener("load", () => { // whichever tab is open
    if (call || !(waiting().length || keys(OLD_ACTS).length)) return;
    const server = plainServer();
    if (server) bibier.outbox.connect(createCall(server, () => ({})));
  });
  addEventListener("online", trySending);
  addEventListener("beforeunload", (event) => { if (waiting().length) event.preventDefault(); });
})();
