// @ts-check
// The Annotate tab's calls of the server (ui/annotate/tab.py). Runs after page.js.
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

  const PAGE = "bibier_page";
  const pageId = () => { // a second tab is opened while the first is there, and finds no name
    try {
      const id = sessionStorage.getItem(PAGE) || uuid();
      sessionStorage.removeItem(PAGE);
      addEventListener("pagehide", () => sessionStorage.setItem(PAGE, id));
      return id;
    } catch { return uuid(); } // storage is switched off
  };

  class LostError extends Error {}
  /** The server can't save now, and says so: sending the same again may help. */
  class RefusedForNowError extends LostError {}
  /** The act is of somebody else than who is signed in. */
  class OthersError extends RefusedForNowError {}

  /** @type {<E extends Error>(error: E, texts: Record<Language, string>) => E} */
  const saying = (error, texts) => // in the page's language, also when that is switched
    Object.defineProperty(error, "message", { get: () => texts[bibier.language] });

  // Half a sign, as a cut through an emoji leaves, has no UTF-8: the server takes no text with one.
  const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
  /** @type {<T extends object>(sent: T) => T} */
  const whole = (sent) =>
    JSON.parse(JSON.stringify(sent), (_, value) => (typeof value === "string" ? value.replace(HALF, "\ufffd") : value));

  /** @type {AnnotateApi["createCall"]} */
  const createCall = (server, who) => async (act, facts = {}, patience = PATIENCE) => {
    let timer = 0;
    /** @type {Promise<never>} */
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error("late")), patience); });
    let answer;
    try { answer = await Promise.race([server[act](whole({ ...who(), ...facts })), late]); }
    catch (error) { throw new LostError(say.offline, { cause: error }); }
    finally { clearTimeout(timer); }
    // Gradio swallows a failed request: every answer of ours is an object
    if (!answer) throw new LostError(say.offline);
    if ("error" in answer) {
      if (answer.others) throw saying(new OthersError(), answer.error);
      throw saying(answer.passing ? new RefusedForNowError() : new Error(), answer.error);
    }
    return answer;
  };

  // Gradio builds a tab when it is first opened; what waits is sent before, by the same route.
  /** @type {AnnotateApi["plainServer"]} */
  const plainServer = () => {
    const config = window.gradio_config;
    const component = config?.components?.find(({ props }) => props?.elem_id === "annotate");
    if (!component) return null;
    const tab = uuid().replace(/-/g, "").slice(0, 11);
    const post = async (/** @type {string} */ act, /** @type {object} */ sent) => {
      const answer = await fetch(`${(config?.root || "").replace(/\/$/, "")}/gradio_api/component_server`, {
        method: "POST", headers: { "content-type": "application/json" },
        body: JSON.stringify({ data: [sent], "component_id": component.id, "fn_name": act,
          "session_hash": tab }) });
      return answer.ok ? answer.json() : null;
    };
    return /** @type {AnnotateServer} */ (/** @type {unknown} */ (
      new Proxy({}, { get: (_, act) => (/** @type {object} */ sent) => post(String(act), sent) })));
  };

  bibier.annotateApi = { THINKING, uuid, pageId, createCall, plainServer, isLost: (error) => error instanceof LostError,
    isOthers: (error) => error instanceof OthersError, notSaved: () => new LostError(say.offline),
    reasonOf: (error) => (error instanceof RefusedForNowError ? error.message : "") };
})();
