// @ts-check
// The clip in the Annotate tab: fetched ahead, drawn as a waveform, played at a speed and in an A–B loop. Runs after
// page.js.
(() => {
  const { local, make, recall, remember, say } = bibier;
  const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
  const MOST_CLIPS = 6; // held in memory: the last ones, this one and the next
  const PEAKS = 240;

  const clock = (/** @type {number} */ s) =>
    `${Math.floor(s / 60)}:${local((s % 60).toFixed(1).padStart(4, "0"))}`;

  // --- fetching -----------------------------------------------------------------------------------------------------
  /** @type {OfflineAudioContext | null} */
  let decoder = null;
  /**
   * The peaks of PEAKS stretches, the loudest being 1.
   * @param {ArrayBuffer} bytes
   */
  const peaksOf = async (bytes) => {
    decoder = decoder || new OfflineAudioContext(1, 1, 16000);
    const samples = (await decoder.decodeAudioData(bytes)).getChannelData(0);
    const size = Math.max(1, Math.floor(samples.length / PEAKS));
    const peaks = Array.from({ length: PEAKS }, (_, i) => {
      let most = 0;
      const end = Math.min(samples.length, (i + 1) * size);
      for (let n = i * size; n < end; n += 1) most = Math.max(most, Math.abs(samples[n]));
      return most;
    });
    const loudest = Math.max(...peaks, 1e-6);
    return peaks.map((peak) => peak / loudest);
  };
  const createCache = () => {
    /** @type {Map<string, Promise<{ url: string, peaks: Promise<number[]> }>>} */
    const clips = new Map();
    const load = async (/** @type {string} */ clip) => {
      const root = (window.gradio_config?.root || "").replace(/\/$/, "");
      const answer = await fetch(`${root}/bibier/clip/${clip}`);
      if (!answer.ok) throw new Error(String(answer.status));
      const blob = await answer.blob();
      return { url: URL.createObjectURL(blob), peaks: peaksOf(await blob.arrayBuffer()).catch(() => []) };
    };
    return (/** @type {string} */ clip) => {
      const known = clips.get(clip);
      if (known) return known;
      const job = load(clip);
      job.catch(() => clips.delete(clip)); // asked again when it is needed
      clips.set(clip, job);
      if (clips.size > MOST_CLIPS) {
        const [[oldest, old]] = clips;
        clips.delete(oldest);
        old.then(({ url }) => URL.revokeObjectURL(url), () => {});
      }
      return job;
    };
  };

  bibier.createPlayer = (host, { tell = () => {} } = {}) => {
    const sound = new Audio();
    const fetched = createCache();
    /** @type {string | null} */
    let shown = null; // clip
    /** @type {[number | null, number | null]} */
    let loop = [null, null]; // s
    /** @type {number[]} */
    let peaks = [];
    let turn = 0;
    let speed = Number(recall("bibier_speed")) || 1;
    let auto = recall("bibier_autoplay") !== "no";

    /** @type {(name: string, label: string, key: string, act: () => void) => HTMLButtonElement} */
    const button = (name, label, key, act) => {
      const node = make("button", { type: "button", class: name, onclick: act, "aria-keyshortcuts": key });
      const spell = () => {
        node.textContent = say[label] ?? label;
        node.title = `${node.textContent} (${key === "Space" ? say.key_space : key})`;
      };
      bibier.onLanguage(spell);
      spell();
      return node;
    };
    const play = button("play", "play", "Space", () => toggle());
    const again = button("again", "replay", "R", () => replay());
    const edges = [button("mark-a", "A", "[", () => setEdge(0)), button("mark-b", "B", "]", () => setEdge(1))];
    const none = button("mark-none", "loop_off", "\\", () => endLoop());
    const canvas = make("canvas", { class: "wave", "aria-hidden": "true" });
    const seek = make("input", { type: "range", class: "seek", min: 0, max: 1000, value: 0,
      "data-say-aria-label": "position" });
    const time = make("span", { class: "time" }, "0:00");
    const rate = make("select", { "data-say-aria-label": "speed", onchange: () => { setSpeed(Number(rate.value)); } },
      ...SPEEDS.map((value) => make("option", { value, selected: value === speed }, `${value}×`)));
    const box = make("input", { type: "checkbox", checked: auto,
      onchange: () => { auto = box.checked; remember("bibier_autoplay", auto ? "yes" : "no"); } });
    host.replaceChildren(
      make("div", { class: "strip" }, canvas, seek),
      make("div", { class: "controls" }, play, again, time, rate,
        make("span", { class: "loop", role: "group", "data-say-aria-label": "loop" },
          make("span", { class: "small", "data-say": "loop" }), ...edges, none),
        make("label", { class: "auto" }, box, make("span", { "data-say": "autoplay" }))),
    );

    const duration = () => (Number.isFinite(sound.duration) ? sound.duration : 0);
    /**
     * The loop once both of its ends are set.
     * @returns {{ from: number, to: number } | null}
     */
    const section = () => (loop[0] === null || loop[1] === null ? null : { from: loop[0], to: loop[1] });
    /** @type {(pen: CanvasRenderingContext2D, whole: number, scale: number) => void} */
    const paint = (pen, whole, scale) => {
      const { width, height } = canvas;
      const ink = getComputedStyle(canvas);
      const gap = width / PEAKS;
      const within = section();
      if (whole && within) {
        pen.fillStyle = ink.getPropertyValue("--loop-fill");
        pen.fillRect((within.from / whole) * width, 0, ((within.to - within.from) / whole) * width, height);
      }
      const done = whole ? sound.currentTime / whole : 0;
      peaks.forEach((peak, i) => {
        pen.fillStyle = ink.getPropertyValue(i / PEAKS < done ? "--accent" : "--wave");
        const tall = Math.max(2 * scale, peak * height * 0.92);
        pen.fillRect(i * gap, (height - tall) / 2, Math.max(1, gap * 0.66), tall);
      });
      for (const edge of loop) {
        if (edge === null || !whole) continue;
        pen.fillStyle = ink.getPropertyValue("--ink");
        pen.fillRect((edge / whole) * width - scale, 0, 2 * scale, height);
      }
    };
    const draw = () => {
      const whole = duration();
      if (document.activeElement !== seek || !sound.paused) {
        seek.value = String(whole ? (sound.currentTime / whole) * 1000 : 0);
      }
      seek.setAttribute("aria-valuetext", `${local(sound.currentTime.toFixed(1))}${say.seconds_sign}`);
      time.textContent = `${clock(sound.currentTime)} / ${clock(whole)}`;
      play.textContent = sound.paused ? say.play : say.pause;
      edges.forEach((edge, k) => edge.setAttribute("aria-pressed", String(loop[k] !== null)));
      const { width, height } = canvas.getBoundingClientRect();
      const scale = devicePixelRatio || 1;
      canvas.width = width * scale;
      canvas.height = height * scale;
      const pen = canvas.getContext("2d");
      if (pen) paint(pen, whole, scale);
    };
    const follow = () => {
      const mine = ++turn;
      const frame = () => {
        if (mine !== turn) return;
        const within = section();
        if (within && sound.currentTime >= within.to) sound.currentTime = within.from;
        draw();
        if (!sound.paused) requestAnimationFrame(frame);
      };
      frame();
    };
    sound.addEventListener("play", follow);
    for (const event of ["pause", "ended", "loadedmetadata", "seeked"]) sound.addEventListener(event, draw);
    sound.addEventListener("ended", () => { // a loop that reaches the clip's end
      const within = section();
      if (within) { sound.currentTime = within.from; begin(); }
    });
    new ResizeObserver(draw).observe(canvas);
    bibier.onTheme(draw);
    bibier.onLanguage(draw);
    seek.addEventListener("input", (event) => {
      event.stopPropagation();
      sound.currentTime = (Number(seek.value) / 1000) * duration();
      draw();
    });

    // a browser may refuse to begin by itself: the button is there
    const begin = () => { sound.play().catch(() => {}); };
    const toggle = () => { if (!sound.src) return; if (sound.paused) begin(); else sound.pause(); };
    const replay = () => { if (!sound.src) return; sound.currentTime = section()?.from ?? 0; begin(); };
    const setSpeed = (/** @type {number} */ value) => {
      speed = value;
      sound.playbackRate = value;
      rate.value = String(value);
      remember("bibier_speed", String(value));
    };
    const setEdge = (/** @type {0 | 1} */ k) => {
      loop[k] = sound.currentTime;
      const within = section();
      if (within && within.from >= within.to) loop[1 - k] = null;
      draw();
    };
    const endLoop = () => { loop = [null, null]; draw(); };

    /** @type {Player["show"]} */
    const show = async (clip) => {
      shown = clip;
      loop = [null, null];
      peaks = [];
      sound.pause();
      sound.removeAttribute("src");
      draw();
      if (!clip) return;
      try {
        const loaded = await fetched(clip);
        if (shown !== clip) return;
        sound.src = loaded.url;
        sound.playbackRate = sound.defaultPlaybackRate = speed;
        if (auto && host.offsetParent !== null) begin();
        const outline = await loaded.peaks;
        if (shown === clip) { peaks = outline; draw(); }
      } catch (error) {
        const status = error instanceof Error ? error.message : "";
        const reason = status === "409" ? "clip_changed" : status === "404" ? "clip_gone" : "clip_lost";
        if (shown === clip) tell(() => say[reason]);
      }
    };
    setSpeed(speed);
    /** @type {Record<string, () => void>} */
    const keys = {
      Space: toggle, KeyR: replay,
      BracketLeft: () => setEdge(0), BracketRight: () => setEdge(1), Backslash: endLoop,
      Minus: () => setSpeed(SPEEDS[Math.max(0, SPEEDS.indexOf(speed) - 1)]),
      Equal: () => setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, SPEEDS.indexOf(speed) + 1)]),
    };
    return {
      show,
      prefetch: (clip) => { fetched(clip).catch(() => {}); },
      stop: () => sound.pause(),
      key: (event) => {
        if (!keys[event.code]) return false;
        event.preventDefault();
        keys[event.code]();
        return true;
      },
    };
  };
})();
