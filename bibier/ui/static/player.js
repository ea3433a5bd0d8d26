// The clip in the Annotate tab: fetched ahead, drawn as a waveform, played at a speed and in an A–B loop. After page.js.
(() => {
  const b = window.bibier;
  const { make } = b;
  const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
  const KEPT = 6; // clips held in memory: the last ones, this one and the next
  const PEAKS = 240;

  b.player_of = (host, { told = () => {} } = {}) => {
    const sound = new Audio();
    const kept = new Map(); // clip → promise of {url, peaks}
    let now = null;
    let loop = [null, null]; // s
    let peaks = [];
    let turn = 0;
    let speed = Number(b.recall("bibier_speed")) || 1;
    let auto = b.recall("bibier_autoplay") !== "no";

    const button = (name, label, key, act) => make("button", { type: "button", class: name, onclick: act,
      "aria-keyshortcuts": key, title: `${label} (${key})` }, label);
    const play = button("play", b.say.play, "Space", () => toggle());
    const again = button("again", b.say.replay, "R", () => replay());
    const a = button("mark-a", "A", "[", () => at(0));
    const z = button("mark-b", "B", "]", () => at(1));
    const none = button("mark-none", b.say.loop_off, "\\", () => at(null));
    const canvas = make("canvas", { class: "wave", "aria-hidden": "true" });
    const seek = make("input", { type: "range", class: "seek", min: 0, max: 1000, value: 0, "aria-label": b.say.position });
    const time = make("span", { class: "time" }, "0:00");
    const rate = make("select", { "aria-label": b.say.speed, onchange: () => hurry(Number(rate.value)) },
      ...SPEEDS.map((one) => make("option", { value: one, selected: one === speed }, `${one}×`)));
    const box = make("input", { type: "checkbox", checked: auto,
      onchange: () => { auto = box.checked; b.remember("bibier_autoplay", auto ? "yes" : "no"); } });
    host.replaceChildren(
      make("div", { class: "strip" }, canvas, seek),
      make("div", { class: "controls" }, play, again, time, rate,
        make("span", { class: "loop", role: "group", "aria-label": b.say.loop }, make("span", { class: "small" }, b.say.loop), a, z, none),
        make("label", { class: "auto" }, box, b.say.autoplay)),
    );

    const clock = (s) => `${Math.floor(s / 60)}:${(s % 60).toFixed(1).padStart(4, "0")}`;
    const length = () => (Number.isFinite(sound.duration) ? sound.duration : 0);
    const draw = () => {
      const whole = length();
      const done = whole ? sound.currentTime / whole : 0;
      if (document.activeElement !== seek || !sound.paused) seek.value = done * 1000;
      seek.setAttribute("aria-valuetext", `${sound.currentTime.toFixed(1)} s`);
      time.textContent = `${clock(sound.currentTime)} / ${clock(whole)}`;
      play.textContent = sound.paused ? b.say.play : b.say.pause;
      const { width, height } = canvas.getBoundingClientRect();
      const scale = devicePixelRatio || 1;
      canvas.width = width * scale;
      canvas.height = height * scale;
      const pen = canvas.getContext("2d");
      const ink = getComputedStyle(canvas);
      const gap = canvas.width / PEAKS;
      loop.forEach((edge, k) => [a, z][k].setAttribute("aria-pressed", String(edge !== null)));
      if (whole && loop[0] !== null && loop[1] !== null) {
        pen.fillStyle = ink.getPropertyValue("--loop-fill");
        pen.fillRect((loop[0] / whole) * canvas.width, 0, ((loop[1] - loop[0]) / whole) * canvas.width, canvas.height);
      }
      peaks.forEach((peak, i) => {
        pen.fillStyle = ink.getPropertyValue(i / PEAKS < done ? "--accent" : "--wave");
        const tall = Math.max(2 * scale, peak * canvas.height * 0.92);
        pen.fillRect(i * gap, (canvas.height - tall) / 2, Math.max(1, gap * 0.66), tall);
      });
      for (const edge of loop) {
        if (edge === null || !whole) continue;
        pen.fillStyle = ink.getPropertyValue("--ink");
        pen.fillRect((edge / whole) * canvas.width - scale, 0, 2 * scale, canvas.height);
      }
    };
    const follow = () => {
      const mine = ++turn;
      const frame = () => {
        if (mine !== turn) return;
        if (loop[0] !== null && loop[1] !== null && sound.currentTime >= loop[1]) sound.currentTime = loop[0];
        draw();
        if (!sound.paused) requestAnimationFrame(frame);
      };
      frame();
    };
    sound.addEventListener("play", follow);
    for (const event of ["pause", "ended", "loadedmetadata", "seeked"]) sound.addEventListener(event, draw);
    sound.addEventListener("ended", () => { // a loop that reaches the clip's end
      if (loop[0] !== null && loop[1] !== null) { sound.currentTime = loop[0]; begin(); }
    });
    new ResizeObserver(draw).observe(canvas);
    new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    seek.addEventListener("input", (event) => {
      event.stopPropagation();
      sound.currentTime = (Number(seek.value) / 1000) * length();
      draw();
    });

    // a browser may refuse to begin by itself: the button is there
    const begin = () => sound.play().then(() => {}, () => {});
    const toggle = () => { if (!sound.src) return; if (sound.paused) begin(); else sound.pause(); };
    const replay = () => { if (!sound.src) return; sound.currentTime = loop[0] !== null && loop[1] !== null ? loop[0] : 0; begin(); };
    const hurry = (value) => {
      speed = value;
      sound.playbackRate = value;
      rate.value = value;
      b.remember("bibier_speed", String(value));
    };
    const at = (k) => {
      if (k === null) loop = [null, null];
      else loop[k] = sound.currentTime;
      if (loop[0] !== null && loop[1] !== null && loop[0] >= loop[1]) loop[1 - k] = null;
      draw();
    };

    let hearing = null;
    const shape = async (bytes) => { // the peaks of PEAKS stretches, the loudest being 1
      hearing = hearing || new OfflineAudioContext(1, 1, 16000);
      const samples = (await hearing.decodeAudioData(bytes)).getChannelData(0);
      const size = Math.max(1, Math.floor(samples.length / PEAKS));
      const found = Array.from({ length: PEAKS }, (_, i) => {
        let most = 0;
        for (let n = i * size; n < Math.min(samples.length, (i + 1) * size); n += 1) most = Math.max(most, Math.abs(samples[n]));
        return most;
      });
      const loudest = Math.max(...found, 1e-6);
      return found.map((peak) => peak / loudest);
    };
    const root = () => ((window.gradio_config && window.gradio_config.root) || "").replace(/\/$/, "");
    const fetched = (clip) => {
      if (!kept.has(clip)) {
        const job = (async () => {
          const answer = await fetch(`${root()}/bibier/clip/${clip}`);
          if (!answer.ok) throw new Error(String(answer.status));
          const blob = await answer.blob();
          return { url: URL.createObjectURL(blob), peaks: shape(await blob.arrayBuffer()).catch(() => []) };
        })();
        job.catch(() => kept.delete(clip)); // asked again when it is needed
        kept.set(clip, job);
        if (kept.size > KEPT) {
          const [oldest, old] = kept.entries().next().value;
          kept.delete(oldest);
          old.then(({ url }) => URL.revokeObjectURL(url), () => {});
        }
      }
      return kept.get(clip);
    };

    const show = async (clip) => {
      now = clip;
      loop = [null, null];
      peaks = [];
      sound.pause();
      sound.removeAttribute("src");
      draw();
      if (!clip) return;
      try {
        const one = await fetched(clip);
        if (now !== clip) return;
        sound.src = one.url;
        sound.playbackRate = sound.defaultPlaybackRate = speed;
        if (auto && host.offsetParent !== null) begin();
        const found = await one.peaks;
        if (now === clip) { peaks = found; draw(); }
      } catch (error) {
        if (now === clip) told(error.message === "409" ? b.say.clip_changed : error.message === "404" ? b.say.clip_gone : b.say.clip_lost);
      }
    };
    hurry(speed);
    const keys = { Space: toggle, KeyR: replay, BracketLeft: () => at(0), BracketRight: () => at(1), Backslash: () => at(null),
      Minus: () => hurry(SPEEDS[Math.max(0, SPEEDS.indexOf(speed) - 1)]),
      Equal: () => hurry(SPEEDS[Math.min(SPEEDS.length - 1, SPEEDS.indexOf(speed) + 1)]) };
    return { show, ahead: (clip) => clip && fetched(clip).catch(() => {}), stop: () => sound.pause(), sound,
      key: (event) => {
        if (!keys[event.code]) return false;
        event.preventDefault();
        keys[event.code]();
        return true;
      } };
  };
})();
