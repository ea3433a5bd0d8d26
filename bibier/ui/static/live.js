// @ts-check
// Live: while a recording runs, its blocks go to the server, the bars follow the voice, and each utterance that a pause
// has closed is shown. The recording itself is the recorder's: what is lost on the way here is not lost there.
// Runs after capture.js and analyse.js.
(() => {
  const { make, names, recall, remember, say } = bibier;
  const MODALITIES = /** @type {const} */ (["audio", "text", "bimodal"]);
  const MOST = 5; // s of sound in a request
  const SHORTEST = 20; // s that the ribbon shows at least
  const AGAIN = 1000; // ms before a request that failed is sent again
  const TRIES = 12; // … so often in a row
  const KEPT = 5000; // ms between two signs of life, while the recording is sent that takes its results over
  const MOST_KEPT = 60; // … so many at most

  const address = (path = "") => `${(window.gradio_config?.root || ".").replace(/\/$/, "")}/bibier/live${path}`;
  const sleep = (/** @type {number} */ ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  /** @type {(path: string, body: BodyInit) => Promise<{ status: number, answer: any, after: number }>} */
  const post = async (path, body) => {
    try {
      const response = await fetch(address(path), { method: "POST", body });
      const after = 1000 * Number(response.headers.get("retry-after") || 0);
      return { status: response.status, answer: await response.json(), after };
    } catch {
      return { status: 0, answer: {}, after: AGAIN }; // no answer, or none of ours
    }
  };

  /**
   * Sends blocks in order, one request at a time; what comes meanwhile goes with the next.
   * @param {LiveEvents} events
   */
  const createSession = (events) => {
    /** @type {Int16Array<ArrayBuffer>[]} */
    let blocks = [];
    let session = ""; // its name on the server
    let at = 0, seen = 0; // samples heard there, utterances known here
    let rate = 0, tries = 0;
    let state = /** @type {"open" | "ending" | "over"} */ ("open");
    let kept = false; // until the recording has come
    let wake = () => {};

    const take = () => { // what waits, joined
      const parts = [];
      let length = 0;
      while (blocks.length && (!length || length + blocks[0].length <= MOST * rate)) {
        const block = /** @type {Int16Array<ArrayBuffer>} */ (blocks.shift());
        parts.push(block);
        length += block.length;
      }
      const whole = new Int16Array(length);
      let place = 0;
      for (const part of parts) { whole.set(part, place); place += part.length; }
      return whole;
    };
    /** @param {LiveView} view */
    const show = (view) => {
      if (state === "over") return;
      seen += view.utterances.length;
      if (view.utterances.length) events.utterances(view.utterances);
      events.view(view);
    };
    /** @param {Stage} [reason] */
    const close = (reason) => {
      if (state === "over") return;
      state = "over";
      blocks = [];
      wake();
      events.over(reason);
    };
    const leave = () => {
      if (session) navigator.sendBeacon(address(`/${session}/leave`));
      session = "";
    };
    /** @type {(path: string, body: BodyInit) => Promise<any>} the answer, null when it is over */
    const insist = async (path, body) => {
      for (;;) {
        const { status, answer, after } = await post(path, body);
        if (state === "over") return null;
        if (status >= 200 && status < 300) { tries = 0; return answer; }
        tries += 1;
        const passing = status === 0 || status === 429 || status === 502 || status === 504;
        if (!session || !passing || tries > TRIES) {
          close(!session && answer.detail ? { text: answer.detail, texts: answer.sentences } : { key: "live_lost" });
          return null;
        }
        await sleep(Math.max(after, 200));
      }
    };

    const run = async () => {
      const opened = await insist("", JSON.stringify({ rate, checkpoint: bibier.checkpoint(),
        recogniser: bibier.recogniser }));
      if (!opened) return;
      session = opened.session;
      addEventListener("pagehide", leave);
      while (state !== "over") {
        if (!blocks.length) {
          if (state === "ending") break;
          await new Promise((resolve) => { wake = () => resolve(null); });
          continue;
        }
        const block = take();
        const view = await insist(`/${session}?at=${at}&seen=${seen}`, block);
        if (!view) break;
        at = view.heard;
        show(view);
      }
      for (let lives = 0; state === "ending"; lives += 1) {
        const view = await insist(`/${session}/end?seen=${seen}`, "");
        if (!view) break; // also when the server has taken the results over
        show(view);
        if (!view.done) continue;
        if (!kept || lives > MOST_KEPT) close();
        else await sleep(KEPT);
      }
      leave();
      removeEventListener("pagehide", leave);
    };

    return {
      /** @type {(block: Int16Array<ArrayBuffer>, rate: number) => void} */
      hear: (block, hertz) => {
        if (state !== "open") return;
        blocks.push(block);
        if (!rate) { rate = hertz; void run(); }
        wake();
      },
      /** Ends, and keeps what was judged for the recording; gives the name by which the server knows it. */
      hand: () => {
        if (state !== "open") return "";
        kept = true;
        state = rate ? "ending" : "over";
        wake();
        return session;
      },
      /** Sends nothing more: the server has taken the results over. */
      drop: () => {
        state = "over";
        session = "";
        wake();
      },
      leave: () => { close(); leave(); },
    };
  };

  // --- what is shown -----------------------------------------------------------------------------------------------
  let barred = /** @type {LiveResult | null} */ (null); // what the bars show
  let respell = () => {};
  bibier.onLanguage(() => {
    if (barred) showBars(barred);
    respell();
  });
  const colours = () => (bibier.isDark() ? bibier.coloursDark : bibier.colours);
  /** @type {(result: LiveResult, key: "error" | `${Modality}_doubt`) => string | null | undefined} */
  const reason = (result, key) => result.sentences?.[bibier.language][key] ?? result[key];
  /** @param {LiveResult} result */
  const showBars = (result) => {
    barred = result;
    const doubts = Object.fromEntries(MODALITIES.flatMap((name) => {
      const doubt = reason(result, `${name}_doubt`);
      return doubt ? [[name, doubt]] : [];
    }));
    const rows = bibier.emotions.map((name) => ({ name, label: names[bibier.language][name],
      colour: colours()[name], audio: result.audio?.[name] ?? null, text: result.text?.[name] ?? null,
      bimodal: result.bimodal?.[name] ?? null }));
    bibier.showBars?.({ rows, doubts });
  };
  /** @param {LiveResult} result */
  const strongest = (result) => {
    const shares = result.bimodal || result.audio || result.text;
    if (!shares) return null;
    const winner = bibier.emotions.reduce((best, name) => (shares[name] > shares[best] ? name : best));
    return `${names[bibier.language][winner]} ${bibier.percent(shares[winner])}`;
  };
  const clock = (/** @type {number} */ s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

  /** @param {Record<string, number>} shares */
  const gradient = (shares) => {
    let at = 0;
    const bands = bibier.emotions.map((name) => {
      const from = at;
      at += 100 * shares[name];
      return `var(--emotion-${name}) ${from.toFixed(2)}% ${at.toFixed(2)}%`;
    });
    return `linear-gradient(to top, ${bands.join(", ")})`;
  };

  /** The utterances so far, where the ribbon of the recording will stand: it grows with time. */
  const createRibbon = () => {
    let seconds = SHORTEST;
    /** @type {LiveUtterance[]} */
    const utterances = [];
    const lane = make("div", { class: "stretches", role: "group",
      "data-say-aria-label": "live_utterances" });
    const words = make("div", { class: "said", "aria-hidden": "true" });
    const box = make("div", { class: "ribbon live" }, make("h2", { "data-say": "live_utterances" }), lane, words);
    const place = () => {
      for (const part of [lane, words]) {
        utterances.forEach(({ start, end }, i) => {
          const { style } = /** @type {HTMLElement} */ (part.children[i]);
          style.left = `${(100 * start) / seconds}%`;
          style.width = `${(100 * (end - start)) / seconds}%`;
        });
      }
    };
    const spell = () => utterances.forEach((utterance, i) => {
      const { start, end, transcript } = utterance;
      const text = [`${clock(start)}–${clock(end)}`, strongest(utterance) || reason(utterance, "error")
        || say.timeline_none, transcript].filter(Boolean).join(" · ");
      /** @type {HTMLElement} */ (lane.children[i]).title = text;
      lane.children[i].setAttribute("aria-label", text);
    });
    const put = () => document.querySelector("#ribbon .slot")?.replaceChildren(box);
    respell = () => {
      spell();
      queueMicrotask(put); // after what stood there before has been drawn in the other language
    };
    put(); // now, so that nothing jumps later
    return {
      grow: (/** @type {number} */ heard) => {
        if (heard <= seconds) return;
        seconds = 1.5 * heard;
        place();
      },
      add: (/** @type {LiveUtterance} */ utterance) => {
        utterances.push(utterance);
        const shares = utterance.bimodal || utterance.audio || utterance.text;
        lane.append(make("button", { type: "button", class: shares ? "stretch" : "stretch none",
          style: shares ? { background: gradient(shares) } : {}, onclick: () => showBars(utterance) }));
        spell();
        words.append(make("span", {}, utterance.transcript));
        place();
      },
    };
  };

  /** @returns {LiveEvents & { stop(): void }} */
  const createDisplay = () => {
    const ribbon = createRibbon();
    let stopped = false;
    let last = "";
    const tell = (/** @type {string} */ key) => {
      if (key !== last && !stopped) bibier.showStage(key);
      last = key;
    };
    tell("live_ready");
    return {
      view: (view) => {
        if (stopped) return;
        ribbon.grow(view.bars ? view.bars.end : 0);
        if (view.bars) showBars(view.bars);
        tell(view.bars?.audio_doubt ? "live_unlike" : view.bars ? "live_hearing"
          : view.waiting ? "live_judging" : "live_listening");
      },
      utterances: (utterances) => {
        if (stopped) return;
        utterances.forEach(ribbon.add);
        showBars(utterances[utterances.length - 1]);
      },
      over: (why) => {
        const slot = /** @type {HTMLElement | null} */ (document.querySelector("#stage .slot"));
        if (why && slot && !stopped) bibier.draw.stage(slot, { ...why, error: true });
      },
      stop: () => { // the analysis of the whole recording takes its place
        tell("");
        stopped = true;
        barred = null;
        respell = () => {};
      },
    };
  };

  // --- the switch --------------------------------------------------------------------------------------------------
  let on = recall("bibier_live") === "1";
  const boxes = () => /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(".live-slot input"));
  /** @param {boolean} wanted */
  const turn = (wanted) => {
    on = wanted;
    remember("bibier_live", on ? "1" : "");
    boxes().forEach((box) => { box.checked = on; });
  };
  /** @typedef {{ name: string, leave(): void, drop(): void }} Handed */
  let handed = /** @type {Handed | null} */ (null); // what heard the recording that is on its way
  let taken = /** @type {Handed | null} */ (null); // … and is being taken over
  bibier.live = {
    get on() { return on; },
    take: () => {
      const name = handed?.name ?? "";
      if (handed) taken = handed;
      handed = null;
      return name;
    },
    arrived: () => {
      taken?.drop();
      taken = null;
    },
    forget: () => {
      handed?.leave();
      handed = null;
    },
    get handed() { return Boolean(handed?.name); },
    toggle: () => turn(!on),
    mount: (slot) => {
      const box = make("input", { type: "checkbox", role: "switch", checked: on,
        onchange: (event) => turn(event.currentTarget.checked) });
      slot.replaceChildren(make("label", { class: "live-switch", "data-say-title": "live_hint" }, box,
        make("span", { "data-say": "live" })));
    },
  };
  addEventListener("DOMContentLoaded", () => {
    const find = () => document.querySelectorAll(".live-slot:empty").forEach((slot) =>
      bibier.live.mount(/** @type {HTMLElement} */ (slot)));
    new MutationObserver(find).observe(document.body, { subtree: true, childList: true });
    find();
  });

  const start = bibier.capture.start;
  bibier.capture.start = async (options = {}) => {
    if (!on) return start(options);
    const display = createDisplay();
    const session = createSession(display);
    const recording = await start({ ...options, onBlock: (block, rate) => {
      options.onBlock?.(block, rate);
      session.hear(block, rate);
    } }).catch((error) => { display.stop(); throw error; });
    return {
      rate: recording.rate,
      get seconds() { return recording.seconds; },
      stop: async () => {
        const wav = await recording.stop();
        display.stop();
        bibier.live.forget();
        handed = { name: session.hand(), leave: session.leave, drop: session.drop };
        return wav;
      },
      cancel: () => { recording.cancel(); display.stop(); session.leave(); },
    };
  };
})();
