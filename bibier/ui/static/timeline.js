// @ts-check
// The timeline of a long recording. Runs after analyse.js. Words are text and nothing else.
(() => {
  const { draw, fill, local, make, names, playPart, recall, remember, rove, say, sound } = bibier;
  /** @type {Modality[]} */
  const MODALITIES = ["bimodal", "audio", "text"];
  /** @type {Modality[]} */
  const COLUMNS = ["audio", "text", "bimodal"];
  const READABLE = 70; // pixels a second from which on each word stands at its own time
  const CLOSEST = 140; // pixels a second
  const LABEL = 40; // pixels of a mark's time
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200]; // s between two marks
  const SVG = "http://www.w3.org/2000/svg";
  const WHOLE = -1; // in place of a segment's number

  const clock = bibier.clock = (/** @type {number} */ s, digits = 1) => {
    const tenths = Math.round(s * 10);
    const [h, m] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
    const rest = (tenths % 600) / 10;
    const seconds = (digits ? rest.toFixed(1) : String(Math.floor(rest))).padStart(digits ? 4 : 2, "0");
    return `${h ? `${h}:${String(m).padStart(2, "0")}` : m}:${local(seconds)}`;
  };
  const colours = () => (bibier.isDark() ? bibier.coloursDark : bibier.colours);
  const emotionName = (/** @type {number} */ index) => names[bibier.language][bibier.emotions[index]];

  let asked = WHOLE; // the segment that the server is asked for
  bibier.withStretch = (...inputs) => [...inputs.slice(0, -1), bibier.view({ stretch: asked })];
  /** @type {Trigger} */
  let raise = () => {};
  bibier.timelineEvents = (trigger) => { raise = trigger; };

  /**
   * What a recording's segments are coloured by: what was chosen, where any of them says anything of it.
   * @type {(value: Timeline) => Modality}
   */
  const modality = (value) => {
    const wanted = MODALITIES.find((name) => name === recall("bibier_ribbon")) ?? MODALITIES[0];
    return says(value, wanted) ? wanted : MODALITIES.find((name) => says(value, name)) ?? wanted;
  };
  /** @type {(value: Timeline, name: Modality) => boolean} false once it is known that no segment says it */
  const says = ({ rows, running }, name) =>
    running || rows.some(({ shares }) => shares?.[name]) || !rows.some(({ shares }) => shares);

  /**
   * The strongest emotion of a segment, in words.
   * @type {(segment: TimelineSegment, name: Modality) => string}
   */
  const verdict = (segment, name) => {
    if (segment.error) return segment.error;
    if (!segment.shares) return say.timeline_pending;
    const shares = segment.shares[name];
    if (!shares) return say.timeline_none;
    if (segment.unlike?.includes(name)) return say.unreliable;
    const best = shares.indexOf(Math.max(...shares));
    return `${emotionName(best)} ${Math.round(shares[best] / 10)}${bibier.language === "ru" ? "\u00a0" : ""}%`;
  };
  /**
   * What is judged by both, else by the voice, else by the words; first what may be relied on.
   * @type {(segment: TimelineSegment, wanted: Modality) => Modality}
   */
  const shownModality = ({ shares, unlike = [] }, wanted) => {
    if (!shares || wanted !== "bimodal") return wanted;
    const there = MODALITIES.filter((name) => shares[name]);
    return there.find((name) => !unlike.includes(name)) || there[0] || wanted;
  };
  /** @param {TimelineSegment} segment */
  const span = ({ a, b }) => `${clock(a)}–${clock(b)}`;

  /** @param {number[]} shares */
  const gradient = (shares) => {
    const tones = colours();
    const total = shares.reduce((sum, share) => sum + share, 0) || 1;
    let at = 0;
    const bands = shares.map((share, i) => {
      const from = at;
      at += (100 * share) / total;
      return `${tones[bibier.emotions[i]]} ${from.toFixed(2)}% ${at.toFixed(2)}%`;
    });
    return `linear-gradient(to top, ${bands.join(", ")})`;
  };

  /** @param {number[]} peaks */
  const outline = (peaks) => {
    const most = Math.max(1, ...peaks);
    const up = peaks.map((peak, i) => `${i} ${(50 - (46 * peak) / most).toFixed(1)}`);
    const down = peaks.map((peak, i) => `${i} ${(50.8 + (46 * peak) / most).toFixed(1)}`).reverse();
    const svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    svg.setAttribute("viewBox", `0 0 ${peaks.length - 1} 100`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", `M${up.join("L")}L${down.join("L")}Z`);
    path.setAttribute("fill", "currentColor");
    svg.append(path);
    return svg;
  };

  /**
   * Builds the timeline of one recording into a slot, at the place at which it stood before in another language.
   * @typedef {{ path: string, zoom: number, middle: number, scrolled: [number, number] }} Place
   * @type {(slot: HTMLElement, value: Timeline, before: Place | null) => { update: (value: Timeline) => void,
   *   repaint: () => void, fits: (value: Timeline) => boolean, follow: () => void, place: () => Place }}
   */
  const createTimeline = (slot, first, before) => {
    let value = first;
    let zoom = before?.zoom ?? 0;
    let frame = 0;
    /** @type {HTMLButtonElement[]} */
    let buttons = [];

    /** @type {(label: string, act: () => void, attributes?: Attributes<HTMLButtonElement>) => HTMLButtonElement} */
    const tool = (label, act, attributes = {}) =>
      make("button", { type: "button", onclick: act, ...attributes }, label);
    const view = make("div", { class: "window", tabindex: -1 });
    const track = make("div", { class: "track" });
    const lane = make("div", { class: "stretches", role: "group", "aria-label": say.timeline });
    const spoken = make("div", { class: "said", "aria-hidden": "true" });
    const axis = make("div", { class: "axis", "aria-hidden": "true" });
    const head = make("div", { class: "head", hidden: true });
    const legend = make("ul", { class: "legend" });
    const shown = make("p", { class: "shown", role: "status" });
    const closer = tool("+", () => magnify(1), { "aria-label": say.timeline_closer, title: say.timeline_closer });
    const farther = tool("−", () => magnify(-1), { "aria-label": say.timeline_farther, title: say.timeline_farther });
    const whole = tool(say.timeline_whole, () => choose(WHOLE));
    const stop = tool(say.timeline_stop, () => raise("stop"), { class: "stop" });
    let numbers = make("div", { class: "scroll" });
    const details = make("details", { ontoggle: () => tabulate() }, make("summary", {}, say.timeline_table), numbers);
    /** @param {Modality} name */
    const radio = (name) => make("input", { type: "radio", name: "ribbon", value: name,
      onchange: () => { remember("bibier_ribbon", name); repaint(); } });
    const radios = MODALITIES.map(radio);

    // words and marks depend on how much room a second has
    const measure = () => {
      const fit = view.clientWidth / value.seconds;
      if (!fit) return;
      const most = Math.max(0, Math.ceil(Math.log2(CLOSEST / fit)));
      zoom = Math.min(zoom, most);
      const room = fit * 2 ** zoom;
      track.style.width = `${100 * 2 ** zoom}%`;
      closer.disabled = zoom >= most;
      farther.disabled = zoom <= 0;
      const at = (/** @type {number} */ s) => `${(100 * s) / value.seconds}%`;
      /** @type {(text: string, from: number, to: number) => HTMLElement} */
      const place = (text, from, to) => make("span", { style: { left: at(from), width: at(to - from) } }, text);
      spoken.replaceChildren(...value.rows.flatMap(({ a, b, text, words }) => {
        if (!text) return [];
        if (room >= READABLE && words?.length) {
          return words.map(([word, from]) => make("span", { style: { left: at(from), width: "auto" } }, word));
        }
        return room * (b - a) >= 32 ? [place(text, a, b)] : [];
      }));
      const step = STEPS.find((seconds) => seconds * room >= 64) ?? STEPS[STEPS.length - 1];
      const last = Math.max(0, value.seconds - LABEL / room); // where a mark's time is read whole
      axis.replaceChildren(...Array.from({ length: Math.floor(last / step) + 1 }, (_, i) =>
        make("span", { style: { left: at(i * step) } }, clock(i * step, 0))));
    };

    const middleOf = () => (view.scrollLeft + view.clientWidth / 2) / track.clientWidth;
    const moveTo = (/** @type {number} */ middle) => {
      view.scrollLeft = middle * track.clientWidth - view.clientWidth / 2;
    };
    const magnify = (/** @type {number} */ by) => {
      const middle = middleOf();
      zoom = Math.max(0, zoom + by);
      measure();
      const segment = value.rows[value.chosen];
      moveTo(segment ? (segment.a + segment.b) / 2 / value.seconds : middle);
    };

    const choose = (/** @type {number} */ index) => {
      const segment = value.rows[index];
      asked = index;
      value.chosen = index;
      buttons.forEach((button, i) => {
        button.setAttribute("aria-pressed", String(i === index));
        if (segment) button.tabIndex = i === index ? 0 : -1;
      });
      tell();
      if (segment && player.through) player.jump(index);
      else if (segment && !segment.error) playPart(value.path, segment.a, segment.b);
      follow();
      raise("pick");
    };

    // where the sound is
    const follow = () => {
      if (current?.follow !== follow) return;
      cancelAnimationFrame(frame);
      const mine = sound.dataset.file === value.path;
      const place = (track.clientWidth * sound.currentTime) / value.seconds;
      head.hidden = !mine || !sound.currentTime;
      if (mine) head.style.left = `${(100 * sound.currentTime) / value.seconds}%`;
      player.follow();
      if (!mine || sound.paused) return;
      const seen = place - view.scrollLeft;
      if (player.through && (seen < 0 || seen > view.clientWidth - 24)) view.scrollLeft = place - 24;
      frame = requestAnimationFrame(follow);
    };
    const player = bibier.createRibbonPlayer({ value: () => value, heard: (index) => buttons.forEach((button, i) => {
      if (i === index) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }) });

    const tell = () => {
      const segment = value.rows[value.chosen];
      if (segment) {
        shown.textContent = fill(say.timeline_shows_part, { start: clock(segment.a), end: clock(segment.b) });
      } else {
        const judged = value.rows.some((row) => row.shares) && !value.running;
        shown.textContent = judged ? say.timeline_shows_whole : say.timeline_hint;
      }
      whole.disabled = !segment;
    };

    const tabulate = () => {
      if (!details.open) return;
      const titles = ["timeline_time", ...COLUMNS.map((name) => `panel_${name}`), "timeline_said"];
      const table = bibier.table({ head: titles.map((key) => say[key]), rows: value.rows.map((segment) =>
        [span(segment), ...COLUMNS.map((name) => verdict(segment, name)), segment.text || ""]) });
      const { scrollLeft, scrollTop } = numbers;
      numbers.replaceWith(table);
      table.scrollTo(scrollLeft, scrollTop);
      numbers = table;
    };

    /** @type {(button: HTMLButtonElement, segment: TimelineSegment, index: number) => void} */
    const paint = (button, segment, index) => {
      const name = shownModality(segment, modality(value));
      const shares = segment.shares?.[name];
      button.style.background = shares ? gradient(shares) : "";
      button.classList.toggle("none", Boolean(segment.error || (segment.shares && !shares)));
      button.classList.toggle("unlike", Boolean(segment.unlike?.includes(name)));
      button.setAttribute("aria-pressed", String(value.chosen === index));
      const words = segment.text ? `. “${segment.text}”` : "";
      button.setAttribute("aria-label", `${span(segment)}: ${verdict(segment, name)}${words}`);
      button.title = `${span(segment)} · ${verdict(segment, name)}`;
      button.disabled = !segment.shares && !segment.error;
    };

    const repaint = () => {
      radios.forEach((one, i) => {
        one.disabled = !says(value, MODALITIES[i]);
        one.checked = MODALITIES[i] === modality(value);
      });
      slot.firstElementChild?.classList.toggle("wordless", !value.running && !value.rows.some(({ text }) => text));
      value.rows.forEach((segment, i) => paint(buttons[i], segment, i));
      legend.replaceChildren(...bibier.emotions.map((emotion, i) => make("li", {},
        make("i", { "aria-hidden": "true", style: { background: colours()[emotion] } }), emotionName(i))));
      tell();
      tabulate();
    };

    track.append(outline(value.peaks), lane, spoken, axis, head);
    view.append(track);
    rove(lane, () => buttons, { ArrowRight: 1, ArrowLeft: -1 });
    details.open = Boolean(slot.querySelector("details[open]")); // as it was before, in another language
    slot.replaceChildren(make("div", { class: "ribbon" },
      make("div", { class: "row" }, make("h2", {}, say.timeline),
        make("div", { class: "tools" }, stop, whole, farther, closer)),
      make("fieldset", {}, make("legend", { class: "hidden" }, say.timeline_branch), 
        ...radios.map((one, i) => make("label", {}, one, say[`panel_${MODALITIES[i]}`]))),
      view, player.node, legend, shown, details));
    new ResizeObserver(measure).observe(view);
    return {
      repaint,
      follow,
      fits: (next) => slot.contains(view) && value.path === next.path && value.seconds === next.seconds,
      update: (next) => {
        value = next;
        if (buttons.length !== value.rows.length) {
          buttons = value.rows.map(({ a, b }, i) => make("button", { type: "button", class: "stretch",
            tabindex: i ? -1 : 0, onclick: () => choose(i), style: { left: `${(100 * a) / value.seconds}%`,
              width: `${(100 * (b - a)) / value.seconds}%` } }));
          lane.replaceChildren(...buttons);
        }
        stop.style.display = value.running ? "" : "none";
        repaint();
        measure();
        if (before) {
          moveTo(before.middle);
          numbers.scrollTo(...before.scrolled);
        }
        before = null;
        follow();
      },
      place: () => ({ path: value.path, zoom, middle: middleOf(),
        scrolled: [numbers.scrollLeft, numbers.scrollTop] }),
    };
  };

  /** @type {ReturnType<typeof createTimeline> | null} */
  let current = null;
  /** @type {Place | null} */
  let left = null; // where it stood when it was to be built anew
  for (const name of ["playing", "pause", "ended", "seeked", "emptied"]) {
    sound.addEventListener(name, () => current?.follow());
  }
  draw.ribbon = (slot, value) => {
    if (!value) {
      current = null;
      if (!bibier.live.handed) slot.replaceChildren(); // else what was heard live stays until the recording's is here
      return;
    }
    bibier.live.arrived();
    // Gradio may change a value in place while the next comes, so a copy is kept
    /** @type {Timeline} */
    const copy = JSON.parse(JSON.stringify(value));
    if (!current?.fits(copy)) current = createTimeline(slot, copy, left?.path === copy.path ? left : null);
    left = null;
    current.update(copy);
  };
  bibier.onLanguage(() => {
    left = current && current.place();
    current = null; // it is built anew
  });
  addEventListener("DOMContentLoaded", () => bibier.onTheme(() => current?.repaint()));
})();
