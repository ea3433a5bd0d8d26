// @ts-check
// The Annotate tab's calls of the server (ui/annotate/tab.py), and what waits in this browser's storage until it is on
// the server's disk: a draft of the clip, and labels that wait for a connection. Runs after page.js.
(() => {
  const { say } = bibier;
  const THINKING = 180000; // ms
  const PATIENCE = 20000; // ms until a silent server counts as gone; the same save may then be sent again

  const uuid = () => { // crypto.randomUUID is only there on https and localhost
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = Array.from(bytes, (n) => n.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  };

  class LostError extends Error {}
  /** The server can't save now, and says so: sending the same again may help. */
  class RefusedForNowError extends LostError {}

  /** @type {AnnotateApi["createCall"]} */
  const createCall = (server, who) => async (act, facts = {}, patience = PATIENCE) => {
    let timer = 0;
    /** @type {Promise<never>} */
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error("late")), patience); });
    let answer;
    try { answer = await Promise.race([server[act]({ ...who(), ...facts }), late]); }
    catch (error) { throw new LostError(say.offline, { cause: error }); }
    finally { clearTimeout(timer); }
    // Gradio swallows a failed request: every answer of ours is an object
    if (!answer) throw new LostError(say.offline);
    if ("error" in answer) throw answer.passing ? new RefusedForNowError(answer.error) : new Error(answer.error);
    return answer;
  };

  // --- this browser's storage --------------------------------------------------------------------------------------
  /** @type {Record<string, unknown>} */
  const memory = {}; // where storage is switched off
  /** @type {(key: string, value: unknown) => void} */
  const store = (key, value) => { memory[key] = value; bibier.remember(key, JSON.stringify(value)); };
  const stored = (/** @type {string} */ key) => {
    try { return JSON.parse(bibier.recall(key) ?? "null") ?? memory[key] ?? null; }
    catch { return memory[key] ?? null; }
  };

  /** @type {AnnotateApi["createOutbox"]} */
  const createOutbox = (call, who) => {
    const place = (/** @type {string} */ what) => `bibier_${what}:${who().project}:${who().annotator}`;
    /** @returns {WaitingAct[]} */
    const waiting = () => stored(place("waiting")) || [];
    const dropFirst = () => store(place("waiting"), waiting().slice(1));
    /** @type {Promise<SaveAnswer | null> | null} */
    let flushing = null;
    const send = async () => {
      try {
        let answer = null;
        for (let queue = waiting(); queue.length; queue = waiting()) {
          try { answer = await call(queue[0].act, queue[0]); }
          catch (error) {
            if (!(error instanceof LostError)) dropFirst(); // refused for good, and told so: sending it won't help
            throw error;
          }
          dropFirst();
        }
        return answer;
      } finally { flushing = null; } // at once, so that what is added next is not left behind
    };
    return {
      draft: () => stored(place("draft")),
      keepDraft: (draft) => store(place("draft"), draft),
      count: () => waiting().length,
      add: (act, seconds) => { // sent again after a lost answer, it is the same act and keeps its uuid
        const facts = (/** @type {UnsentAct} */ { act: kind, clip, note, points, confidence }) =>
          JSON.stringify([kind, clip, note, points, confidence]);
        const queue = waiting();
        if (queue.some((queued) => facts(queued) === facts(act))) return;
        store(place("waiting"), [...queue, { ...act, uuid: uuid(), seconds: Math.round(seconds * 10) / 10 }]);
      },
      flush: () => {
        if (!waiting().length) return Promise.resolve(null);
        flushing = flushing || send();
        return flushing;
      },
    };
  };

  bibier.annotateApi = { THINKING, uuid, createCall, createOutbox, isLost: (error) => error instanceof LostError,
    reasonOf: (error) => (error instanceof RefusedForNowError ? error.message : "") };
})();
