// @ts-check
// The microphone and the files of the Analyse tab: what Gradio's own recorder doesn't do or say. Runs after page.js.
(() => {
  const { make, say } = bibier;

  // --- microphone --------------------------------------------------------------------------------------------------
  /** @param {string | null} key */
  const warn = (key) => {
    document.querySelector("#microphone .slot")
      ?.replaceChildren(...(key ? [make("p", { class: "alert", role: "alert" }, say[key])] : []));
  };
  /** @param {DOMException} error */
  const reason = (error) => {
    if (error.name === "NotAllowedError") return "mic_denied";
    return ["NotFoundError", "OverconstrainedError"].includes(error.name) ? "mic_missing" : "mic_busy";
  };
  /** @type {MediaDevices | undefined} */
  const media = navigator.mediaDevices; // only on https and localhost
  if (media?.getUserMedia) {
    const ask = media.getUserMedia.bind(media);
    media.getUserMedia = async (wanted) => {
      const audio = wanted?.audio;
      if (audio) { // speech processing distorts what a voice expresses
        const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
        wanted = { ...wanted, audio: { ...(audio === true ? {} : audio), ...plain } };
      }
      try {
        const stream = await ask(wanted);
        warn(null);
        return stream;
      } catch (error) {
        warn(reason(/** @type {DOMException} */ (error)));
        throw error;
      }
    };
  } else {
    addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("#voice .record-button")) warn("mic_insecure");
    }, true);
  }

  // --- files -------------------------------------------------------------------------------------------------------
  // Gradio drops a file in silence when the browser does not call it audio (a webm recording is "video/webm"). Every
  // file goes to the server instead, which reads it or says why it can't.
  /** @param {FileList} files */
  const retyped = (files) => {
    const carrier = new DataTransfer();
    for (const file of files) carrier.items.add(new File([file], file.name, { type: "audio/wav" }));
    return carrier.files;
  };
  /**
   * @param {FileList | null | undefined} files
   * @returns {files is FileList}
   */
  const isForeign = (files) => Array.from(files || []).some((file) => !file.type.startsWith("audio/"));
  const FIELD = "#voice input[type=file]";
  addEventListener("change", (event) => {
    const input = event.target;
    if (input instanceof HTMLInputElement && input.matches(FIELD) && isForeign(input.files)) {
      input.files = retyped(input.files);
    }
  }, true);
  addEventListener("drop", (event) => {
    if (!(event.target instanceof Element && event.target.closest("#voice"))) return;
    const input = /** @type {HTMLInputElement | null} */ (document.querySelector(FIELD));
    const files = event.dataTransfer?.files;
    if (!input || !isForeign(files)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    input.files = retyped(files);
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, true);
})();
