// @ts-check
// The Annotate tab on the page: begun when it is first seen, or when another tab opens a clip in it. Runs after
// annotate.js.
(() => {
  const { outbox, recall, remember } = bibier;
  const NEAR = "10000px"; // the tab counts as seen wherever one has scrolled to

  /** @type {((clip: ClipAddress) => void) | null} */
  let openClip = null; // once the tab is built, which it is when it is first opened
  /** @type {ClipAddress | null} */
  let pending = null;
  bibier.openInAnnotate = (clip) => {
    if (!clip) return;
    if (openClip) openClip(clip); else pending = clip;
    const tab = /** @type {HTMLElement | undefined} */ (document.querySelectorAll("#tabs [role=tab]")[1]);
    tab?.click();
  };

  bibier.createAnnotator = (host, server) => {
    const { uuid, createCall, pageId } = bibier.annotateApi;
    const page = pageId();
    const seat = recall("bibier_seat") || uuid(); // the same in every tab of this browser
    remember("bibier_seat", seat);
    /** @type {() => Annotator} */
    let who = () => ({ project: "", annotator: "" });
    const call = createCall(server, () => ({ ...who(), page, seat }));
    outbox.connect(call);
    /** @type {AnnotateDesk | null} */
    let desk = null;
    const begin = (/** @type {{ project?: string, clip?: string }} */ chosen) => {
      if (desk) { desk.enter(chosen); return; }
      const made = bibier.createDesk(host, call);
      ({ who } = made);
      desk = made;
      desk.enter(chosen);
    };
    openClip = begin;
    new IntersectionObserver(([seen]) => {
      if (seen.isIntersecting && !desk) begin(pending || {});
      if (!seen.isIntersecting) desk?.stop();
    }, { rootMargin: NEAR }).observe(host);
  };
})();
