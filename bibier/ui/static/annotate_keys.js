// @ts-check
// The keys of the Annotate tab, by their place on the keyboard. Runs after editor.js.
(() => {
  const { say } = bibier;

  bibier.listenToKeys = ({ host, view, editor, player, acts, hasClip }) => {
    const { guide, note, skipping } = view;
    /** @type {Record<string, () => void>} */
    const presses = {
      Enter: acts.commit, NumpadEnter: acts.commit, Backspace: acts.back, KeyV: acts.reveal,
      KeyM: () => { if (view.canAsk()) acts.ask(); },
      KeyC: acts.nextConfidence, KeyS: () => skipping.showModal(), KeyG: view.openGuide, KeyN: () => note.focus(),
    };
    const isEnter = (/** @type {KeyboardEvent} */ event) => event.code === "Enter" || event.code === "NumpadEnter";

    const inSkipping = (/** @type {KeyboardEvent} */ event) => {
      const pressed = bibier.isTyping(event.target) ? null : bibier.digitKey(event);
      if (pressed && view.skipFor(pressed.digit)) event.preventDefault();
    };
    const inGuide = (/** @type {KeyboardEvent} */ event) => {
      if (event.code !== "KeyG") return;
      event.preventDefault();
      guide.close();
    };
    const inNote = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") note.blur();
      else if (isEnter(event) && (event.ctrlKey || event.metaKey) && !event.repeat) {
        event.preventDefault();
        note.blur();
        acts.commit();
      }
    };
    /**
     * Enter and Space are a button's own; the click that opened this page left the focus on its tab. A button that has
     * gone keeps the focus until the page is drawn anew: whoever types faster means the clip, not that button.
     * @param {KeyboardEvent} event
     */
    const isButtons = (event) => {
      const target = event.target instanceof HTMLElement && event.target.closest("button, a, summary, [role=tab]");
      if (!target || !(isEnter(event) || event.code === "Space")) return false;
      if (!target.checkVisibility()) {
        /** @type {HTMLElement} */ (event.target).blur();
        return false;
      }
      return !target.matches("[role=tab][aria-selected=true]");
    };

    document.addEventListener("keydown", (event) => {
      if (host.offsetParent === null || event.defaultPrevented) return;
      if (view.isCovered()) return;
      if (skipping.open) { inSkipping(event); return; }
      if (guide.open) { inGuide(event); return; }
      if (event.target === note) { inNote(event); return; }
      if (bibier.isTyping(event.target) || event.altKey) return;
      if (event.ctrlKey || event.metaKey) {
        if (event.code !== "KeyZ") return;
        event.preventDefault();
        if (event.shiftKey) acts.redo(); else acts.undo();
        return;
      }
      if (!hasClip()) { // all is done, and the last one can be had back; or the next one is on its way
        if (event.code === "Backspace") acts.back();
        else if (!isButtons(event) && (presses[event.code] || bibier.digitKey(event))) view.tell(() => say.no_clip_key);
        return;
      }
      if (isButtons(event) || editor.key(event) || player.key(event)) return;
      const press = presses[event.code];
      if (!press || event.shiftKey) return;
      event.preventDefault();
      if (!event.repeat) press();
    });
  };
})();
