// @ts-check
// The recorder: record, drop or choose a file, hear it again. What has come goes to the server by Gradio's way for
// uploads; what is wrong is said at the verdict. Runs after capture.js, live.js and analyse.js.
(() => {
  const { UploadRefused, make, say, sound } = bibier;
  const BARS = 120; // of the outline
  const SHORT = 300; // s: of a longer recording no outline is drawn
  const SMALL = 12_000_000; // bytes, likewise
  const DECODED = 8000; // Hz, which is enough for an outline
  const STEP = 1; // s of an arrow key
  const ACCEPT = "audio/*,video/webm,video/mp4,.wav,.flac,.mp3,.ogg,.opus,.m4a,.webm";

  const clock = (/** @type {number} */ seconds) => {
    const whole = Math.floor(Number.isFinite(seconds) ? seconds : 0);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  };
  /** @type {(stage: Stage | null) => void} */
  const tell = (stage) => {
    const slot = /** @type {HTMLElement | null} */ (document.querySelector("#stage .slot"));
    if (slot) bibier.draw.stage(slot, stage);
  };

  // --- hearing the clip --------------------------------------------------------------------------------------------
  /**
   * The outline of a file in [0, 1]; nothing where it is long or can't be read here.
   * @param {string} address
   * @returns {Promise<number[]>}
   */
  const outline = async (address) => {
    try {
      const answer = await fetch(address);
      const bytes = await answer.arrayBuffer();
      if (!answer.ok || bytes.byteLength > SMALL) return [];
      const decoded = await new OfflineAudioContext(1, 1, DECODED).decodeAudioData(bytes);
      if (decoded.duration > SHORT) return [];
      const samples = decoded.getChannelData(0);
      const part = samples.length / BARS;
      const peaks = Array.from({ length: BARS }, (_, i) => {
        let most = 0;
        for (let at = Math.floor(i * part); at < (i + 1) * part; at += 1) {
          most = Math.max(most, Math.abs(samples[at] || 0));
        }
        return most;
      });
      const loudest = Math.max(...peaks, 0.01);
      return peaks.map((peak) => peak / loudest);
    } catch {
      return []; // it is played without a picture, or not at all: the server says what is wrong with it
    }
  };

  const createClip = () => {
    let file = "";
    /** @type {number[]} */
    let peaks = [];
    const canvas = make("canvas", { "aria-hidden": "true" });
    const bar = make("div", { class: "outline", role: "slider", tabindex: 0, "data-say-aria-label": "position",
      "aria-valuemin": 0 }, canvas);
    const time = make("span", { class: "clock" });
    const button = make("button", { type: "button", class: "play", onclick: () => toggle() });
    const node = make("div", { class: "playback" }, button, bar, time);
    const mine = () => sound.dataset.file === file;
    const seconds = () => (mine() && Number.isFinite(sound.duration) ? sound.duration : 0);
    const take = () => {
      if (mine()) return;
      sound.src = bibier.fileUrl(file);
      sound.dataset.file = file;
    };
    const toggle = () => {
      take();
      bibier.playOn();
      if (!sound.paused) sound.pause();
      else { if (sound.ended) sound.currentTime = 0; void sound.play().catch(() => {}); }
    };
    /** @param {number} at */
    const seek = (at) => {
      take();
      if (seconds()) sound.currentTime = Math.max(0, Math.min(seconds(), at));
    };

    const paint = () => {
      const [width, height] = [bar.clientWidth, bar.clientHeight];
      const density = devicePixelRatio || 1;
      const pen = canvas.getContext("2d");
      if (!pen || !width) return;
      canvas.width = width * density;
      canvas.height = height * density;
      pen.scale(density, density);
      const style = getComputedStyle(bar);
      const done = seconds() ? sound.currentTime / seconds() : 0;
      const each = width / BARS;
      for (let i = 0; i < BARS; i += 1) {
        pen.fillStyle = style.getPropertyValue((i + 1) / BARS <= done ? "--accent" : "--wave");
        const tall = Math.max(2, (peaks[i] || 0) * (height - 4));
        pen.fillRect(i * each, (height - tall) / 2, Math.max(1, each - 1.5), tall);
      }
    };
    let frame = 0;
    const show = () => {
      if (!node.isConnected) return;
      const playing = mine() && !sound.paused;
      button.setAttribute("aria-label", playing ? say.voice_pause : say.voice_play);
      button.classList.toggle("playing", playing);
      const at = mine() ? sound.currentTime : 0;
      time.textContent = seconds() ? `${clock(at)} / ${clock(seconds())}` : "";
      bar.setAttribute("aria-valuemax", String(Math.round(seconds())));
      bar.setAttribute("aria-valuenow", String(Math.round(at)));
      bar.setAttribute("aria-valuetext", clock(at));
      paint();
      cancelAnimationFrame(frame);
      if (playing) frame = requestAnimationFrame(show);
    };
    for (const name of ["play", "pause", "ended", "loadedmetadata", "seeked", "emptied"]) {
      sound.addEventListener(name, show);
    }
    bibier.onTheme(show);
    bibier.onLanguage(show);
    new ResizeObserver(show).observe(bar);

    /** @param {PointerEvent} event */
    const drag = (event) => {
      const { left, width } = bar.getBoundingClientRect();
      seek((seconds() * (event.clientX - left)) / width);
    };
    bar.addEventListener("pointerdown", (event) => {
      take();
      bar.setPointerCapture(event.pointerId);
      drag(event);
    });
    bar.addEventListener("pointermove", (event) => { if (bar.hasPointerCapture(event.pointerId)) drag(event); });
    bar.addEventListener("keydown", (event) => {
      /** @type {Record<string, number>} */
      const places = { ArrowRight: sound.currentTime + STEP, ArrowLeft: sound.currentTime - STEP, Home: 0,
        End: seconds() };
      if (!(event.key in places)) return;
      event.preventDefault();
      seek(places[event.key]);
    });
    return {
      node,
      toggle,
      /** @param {SentFile} sent */
      show: async ({ path, size }) => {
        file = path;
        peaks = [];
        if (size === 0) { show(); return; } // nothing to hear: the server says so
        take();
        show();
        const made = await outline(bibier.fileUrl(path));
        if (file !== path) return;
        peaks = made;
        show();
      },
      leave: () => {
        if (!file) return;
        if (mine()) { sound.pause(); sound.removeAttribute("src"); delete sound.dataset.file; }
        file = "";
      },
    };
  };

  // --- sending -----------------------------------------------------------------------------------------------------
  /**
   * Sends a file and gives what Gradio knows it by. Fails with an UploadRefused; with null when it was taken back.
   * @type {(file: File, request: XMLHttpRequest, progress: (share: number) => void) => Promise<SentFile>}
   */
  const send = (file, request, progress) => new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("files", file, file.name);
    request.open("POST", `${(window.gradio_config?.root || ".").replace(/\/$/, "")}/gradio_api/upload`);
    request.upload.onprogress = ({ loaded, total }) => { if (total) progress(loaded / total); };
    request.onerror = () => reject(new UploadRefused("", "upload_lost"));
    request.onabort = () => reject(null);
    request.onload = () => {
      /** @type {unknown} */
      let answer = null;
      try { answer = JSON.parse(request.responseText); } catch { /* a sentence, or nothing of ours */ }
      if (request.status === 200 && Array.isArray(answer)) {
        resolve({ path: answer[0], ["orig_name"]: file.name, size: file.size, ["mime_type"]: file.type,
          meta: { _type: "gradio.FileData" } });
      } else reject(new UploadRefused(request.responseText));
    };
    request.send(form);
  });

  // --- the card ----------------------------------------------------------------------------------------------------
  bibier.createRecorder = (element, props, watch, trigger) => {
    const slot = /** @type {HTMLElement} */ (element.querySelector(".slot"));
    /** @type {Recording | null} */
    let recording = null;
    let starting = false;
    /** @type {XMLHttpRequest | null} */
    let sending = null;
    let ticking = 0;
    const clip = createClip();
    const contour = bibier.createContour();
    const button = make("button", { type: "button", class: "record record-button", onclick: () => toggle() },
      make("i", { "aria-hidden": "true" }));
    const label = make("span", { class: "label" });
    const time = make("span", { class: "clock", role: "timer" });
    const live = make("div", { class: "live-slot" });
    const field = make("input", { type: "file", class: "hidden", tabindex: -1,
      "data-say-aria-label": "upload_choose" });
    field.accept = ACCEPT;
    const choose = make("button", { type: "button", class: "link", "data-say": "upload_choose",
      onclick: () => field.click() });
    const drop = make("p", { class: "drop" }, make("span", { "data-say": "upload_drop" }), " ", choose);
    const hint = make("p", { class: "small hint", "data-say": "voice_hint" });
    const clear = make("button", { type: "button", class: "clear", "data-say-title": "voice_clear",
      "data-say-aria-label": "voice_clear", onclick: () => { void put(null); } }, "✕");
    const name = make("span", { class: "name" });
    const loaded = make("div", { class: "loaded" },
      make("div", { class: "row" }, name, contour.choice, clear), clip.node, contour.node);
    const box = make("div", { class: "recorder" }, make("div", { class: "main" }, button,
      make("div", { class: "beside" }, make("p", {}, label, make("kbd", { "data-say": "key_space" })), time), live),
    loaded, drop, hint, field);

    const show = () => {
      const state = recording ? "recording" : starting ? "starting" : sending ? "sending"
        : props.value ? "clip" : "empty";
      const began = state === "recording" && box.dataset.state !== "recording";
      box.dataset.state = state;
      const going = Boolean(recording);
      button.classList.toggle("stop-button", going);
      button.classList.toggle("record-button", !going);
      button.disabled = starting || Boolean(sending);
      const words = going ? say.record_stop : props.value ? say.record_again : say.record;
      label.textContent = words;
      button.setAttribute("aria-label", words);
      box.querySelector("kbd")?.toggleAttribute("hidden", !going && Boolean(props.value));
      name.title = name.textContent = props.value?.["orig_name"] || "";
      contour.put(props.value?.path ?? "");
      if (began) tell({ key: "stage_recording", stop: false });
      document.dispatchEvent(new CustomEvent("bibier-recorder"));
    };
    /** @param {SentFile | null} file */
    const put = async (file) => {
      sending?.abort();
      sending = null;
      props.value = file;
      if (!file) { clip.leave(); field.value = ""; tell(null); bibier.live.forget(); }
      else void clip.show(file);
      show();
      trigger(file ? "input" : "clear");
    };
    /** @param {File} file */
    const upload = async (file) => {
      sending?.abort();
      const request = sending = new XMLHttpRequest();
      tell({ key: "stage_sending" });
      show();
      try {
        const sent = await send(file, request, (share) => {
          if (share < 1) tell({ text: `${say.stage_sending} ${bibier.percent(share)}` });
        });
        sending = null;
        await put(sent);
      } catch (error) {
        bibier.live.forget();
        if (sending === request) {
          sending = null;
          tell(error instanceof UploadRefused ? { texts: error.texts, error: true } : null);
        }
      }
      field.value = "";
      show();
    };
    /** @param {FileList | null | undefined} files */
    const receive = (files) => {
      if (!files?.length || recording || starting) return;
      void upload(files[0]); // several at once are a table's: results_batch.js takes them before
    };

    const tick = () => {
      if (!recording) return;
      time.textContent = clock(recording.seconds);
    };
    const end = async (keep = true) => {
      const done = recording;
      if (!done) return;
      recording = null;
      clearInterval(ticking);
      button.style.removeProperty("--level");
      time.textContent = "";
      if (!keep) { done.cancel(); tell(null); show(); return; }
      const wav = await done.stop();
      await upload(new File([wav], `${say.recording_name}.wav`, { type: "audio/wav" }));
    };
    const toggle = async () => {
      if (recording) { await end(); return; }
      if (starting || sending) return;
      starting = true;
      sound.pause();
      show();
      try {
        /** @type {string | null} */
        let over = null;
        recording = await bibier.capture.start({
          // an ear hears ratios: −50 dB is the smallest ring, −10 dB the largest
          onLevel: (level) => {
            if (!recording) return; // the last one may come after Stop
            const ring = Math.max(0, Math.min(1, (20 * Math.log10(level + 1e-6) + 50) / 40));
            button.style.setProperty("--level", ring.toFixed(2));
          },
          onEnd: (key) => {
            over = key;
            void end().then(() => tell({ key, still: true }));
          },
        });
        if (over === null) ticking = setInterval(tick, 200);
        time.textContent = clock(0);
      } catch (error) {
        tell({ key: /** @type {{ key?: string }} */ (error).key || "mic_busy", error: true });
      }
      starting = false;
      show();
    };

    field.addEventListener("change", () => receive(field.files));
    let leaving = 0; // what is dragged tells several times a second that it is still here
    box.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      box.classList.add("over");
      clearTimeout(leaving);
      leaving = setTimeout(() => box.classList.remove("over"), 250);
    });
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      receive(event.dataTransfer?.files);
    });
    document.addEventListener("keydown", (event) => {
      const free = !(event.target instanceof Element)
        || !event.target.closest("input, textarea, select, button, a, summary, dialog, [role=slider], [tabindex]");
      if (!box.checkVisibility() || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.code === "Escape" && recording) { event.preventDefault(); void end(false); }
      if (event.code !== "Space" || !free || event.repeat) return;
      event.preventDefault();
      if (props.value && !recording) clip.toggle();
      else button.click(); // which asks for consent first
    });

    const arrived = () => {
      const file = props.value;
      if (file) void clip.show(file);
      else clip.leave();
      show();
    };
    bibier.recorder = { button, get recording() { return Boolean(recording); } };
    watch("value", arrived);
    bibier.onLanguage(show);
    slot.replaceChildren(box);
    arrived();
  };
})();
