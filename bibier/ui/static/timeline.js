// The ribbon of a long recording. Runs after page.js. Words are text and nothing else.
(() => {
  const b = window.bibier;
  const { make } = b;
  const BRANCHES = ["bimodal", "audio", "text"];
  const READABLE = 70; // pixels a second from which on each word stands at its own time
  const CLOSEST = 140; // pixels a second
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200]; // s between two marks
  const SVG = "http://www.w3.org/2000/svg";

  const clock = (s, digits = 1) => {
    const tenths = Math.round(s * 10);
    const [h, m] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60];
    const rest = (tenths % 600) / 10;
    const seconds = (digits ? rest.toFixed(1) : String(Math.floor(rest))).padStart(digits ? 4 : 2, "0");
    return `${h ? `${h}:${String(m).padStart(2, "0")}` : m}:${seconds}`;
  };
  const local = (text) => (b.language === "ru" ? text.replace(".", ",") : text);
  const fill = (key, values) => b.say[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const colours = () => (document.body.classList.contains("dark") ? b.colours_dark : b.colours);

  let asked = -1; // the stretch that the server is asked for
  b.with_stretch = (...inputs) => [...inputs.slice(0, -1), JSON.stringify({ ...JSON.parse(b.view()), stretch: asked })];
  let raise = () => {};
  b.ribbon = (trigger) => { raise = trigger; };

  let now = null; // what is drawn: its value and its nodes
  const branch = () => (BRANCHES.includes(b.recall("bibier_ribbon")) ? b.recall("bibier_ribbon") : BRANCHES[0]);

  // the strongest emotion of a stretch, in words
  const told = (row, name) => {
    const shares = row.shares && row.shares[name];
    if (row.error) return row.error;
    if (!row.shares) return b.say.timeline_pending;
    if (!shares) return b.say.timeline_none;
    const best = shares.indexOf(Math.max(...shares));
    return `${b.names[b.language][b.emotions[best]]} ${Math.round(shares[best] / 10)}\u00a0%`;
  };
  const shown = (row) => { // what is judged by both, else by the voice, else by the words
    const wanted = branch();
    if (!row.shares || row.shares[wanted] || wanted !== "bimodal") return wanted;
    return BRANCHES.find((name) => row.shares[name]) || wanted;
  };
  const span = (row) => `${local(clock(row.a))}–${local(clock(row.b))}`;

  const paint = (button, row, index) => {
    const name = shown(row);
    const shares = row.shares && row.shares[name];
    const tones = colours();
    if (shares) {
      const all = shares.reduce((sum, one) => sum + one, 0) || 1;
      let at = 0;
      const bands = shares.map((share, i) => {
        const from = at;
        at += (100 * share) / all;
        return `${tones[b.emotions[i]]} ${from.toFixed(2)}% ${at.toFixed(2)}%`;
      });
      button.style.background = `linear-gradient(to top, ${bands.join(", ")})`;
    } else button.style.background = "";
    button.classList.toggle("none", Boolean(row.error) || Boolean(row.shares && !shares));
    button.setAttribute("aria-pressed", String(now.value.chosen === index));
    button.setAttribute("aria-label", `${span(row)}: ${told(row, name)}${row.text ? `. “${row.text}”` : ""}`);
    button.title = `${span(row)} · ${told(row, name)}`;
    button.disabled = !row.shares && !row.error;
  };

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

  // words and marks depend on how much room a second has
  const measure = () => {
    const { value, said, axis, track, view, closer, farther } = now;
    const fit = view.clientWidth / value.seconds;
    if (!fit) return;
    const most = Math.max(0, Math.ceil(Math.log2(CLOSEST / fit)));
    now.zoom = Math.min(now.zoom, most);
    const room = fit * 2 ** now.zoom;
    track.style.width = `${100 * 2 ** now.zoom}%`;
    closer.disabled = now.zoom >= most;
    farther.disabled = now.zoom <= 0;
    const at = (s) => `${(100 * s) / value.seconds}%`;
    const place = (text, from, to) => make("span", { style: { left: at(from), width: at(to - from) } }, text);
    said.replaceChildren(...value.rows.flatMap((row) => {
      if (!row.text) return [];
      if (room >= READABLE && row.words.length) return row.words.map(([text, from, to]) => {
        const node = place(text, from, to);
        node.style.width = "auto";
        return node;
      });
      return room * (row.b - row.a) >= 32 ? [place(row.text, row.a, row.b)] : [];
    }));
    const step = STEPS.find((one) => one * room >= 64) || STEPS.at(-1);
    axis.replaceChildren(...Array.from({ length: Math.floor(value.seconds / step) + 1 }, (_, i) =>
      make("span", { style: { left: at(i * step) } }, clock(i * step, 0))));
  };

  const grow = (by) => {
    const middle = (now.view.scrollLeft + now.view.clientWidth / 2) / now.track.clientWidth;
    now.zoom = Math.max(0, now.zoom + by);
    measure();
    const row = now.value.rows[now.value.chosen];
    const centre = row ? (row.a + row.b) / 2 / now.value.seconds : middle;
    now.view.scrollLeft = centre * now.track.clientWidth - now.view.clientWidth / 2;
  };

  const choose = (index) => {
    const row = now.value.rows[index];
    asked = index;
    now.value.chosen = index;
    now.buttons.forEach((button, i) => {
      button.setAttribute("aria-pressed", String(i === index));
      if (row) button.tabIndex = i === index ? 0 : -1;
    });
    tell();
    if (row && !row.error) { b.play(now.value.path, row.a, row.b); follow(); }
    raise("pick");
  };

  // where the sound is
  const follow = () => {
    if (!now) return;
    const mine = b.player.dataset.file === now.value.path && !b.player.paused;
    now.head.hidden = !mine;
    if (mine) now.head.style.left = `${(100 * b.player.currentTime) / now.value.seconds}%`;
    if (mine) requestAnimationFrame(follow);
  };
  b.player.addEventListener("playing", () => follow());

  const tell = () => {
    const row = now.value.rows[now.value.chosen];
    now.shown.textContent = row
      ? fill("timeline_shows_part", { start: local(clock(row.a)), end: local(clock(row.b)) })
      : now.value.rows.some((one) => one.shares) && !now.value.running ? b.say.timeline_shows_whole : b.say.timeline_hint;
    now.all.disabled = !row;
  };

  const table = () => {
    if (!now.details.open) return;
    const head = ["timeline_time", "panel_audio", "panel_text", "panel_bimodal", "timeline_said"].map((key) => b.say[key]);
    now.scroll.replaceChildren(make("table", {},
      make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...now.value.rows.map((row) => make("tr", {}, make("th", { scope: "row" }, span(row)),
        ...["audio", "text", "bimodal"].map((name) => make("td", {}, told(row, name))), make("td", {}, row.text || ""))))));
  };

  const repaint = () => {
    if (!now) return;
    now.value.rows.forEach((row, i) => paint(now.buttons[i], row, i));
    now.legend.replaceChildren(...b.emotions.map((emotion) => make("li", {},
      make("i", { "aria-hidden": "true", style: { background: colours()[emotion] } }), b.names[b.language][emotion])));
    tell();
    table();
  };

  const build = (slot, value) => {
    const radio = (name) => make("label", {}, make("input", { type: "radio", name: "ribbon", value: name,
      checked: name === branch(), onchange: () => { b.remember("bibier_ribbon", name); repaint(); } }), b.say[`panel_${name}`]);
    const tool = (label, act, facts = {}) => make("button", { type: "button", onclick: act, ...facts }, label);
    now = { value, zoom: 0, buttons: [],
      view: make("div", { class: "window", tabindex: -1 }), track: make("div", { class: "track" }),
      lane: make("div", { class: "stretches", role: "group", "aria-label": b.say.timeline }),
      said: make("div", { class: "said", "aria-hidden": "true" }), axis: make("div", { class: "axis", "aria-hidden": "true" }),
      head: make("div", { class: "head", hidden: true }), legend: make("ul", { class: "legend" }),
      shown: make("p", { class: "shown", role: "status" }), scroll: make("div", { class: "scroll" }),
      closer: tool("+", () => grow(1), { "aria-label": b.say.timeline_closer, title: b.say.timeline_closer }),
      farther: tool("−", () => grow(-1), { "aria-label": b.say.timeline_farther, title: b.say.timeline_farther }),
      all: tool(b.say.timeline_whole, () => choose(-1)), stop: tool(b.say.timeline_stop, () => raise("stop"), { class: "stop" }),
    };
    now.details = make("details", { ontoggle: () => table() }, make("summary", {}, b.say.timeline_table), now.scroll);
    now.track.append(outline(value.peaks), now.lane, now.said, now.axis, now.head);
    now.view.append(now.track);
    // one stop of the Tab key for all stretches; the arrows move among them
    now.lane.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const ready = now.buttons.filter((button) => !button.disabled);
      const at = ready.indexOf(document.activeElement);
      if (at < 0 || !(step || event.key === "Home" || event.key === "End")) return;
      event.preventDefault();
      const to = event.key === "Home" ? 0 : event.key === "End" ? ready.length - 1 : at + step;
      const button = ready[Math.min(ready.length - 1, Math.max(0, to))];
      now.buttons.forEach((other) => { other.tabIndex = -1; });
      button.tabIndex = 0;
      button.focus();
    });
    slot.replaceChildren(make("div", { class: "ribbon" },
      make("div", { class: "row" }, make("h2", {}, b.say.timeline),
        make("div", { class: "tools" }, now.stop, now.all, now.farther, now.closer)),
      make("fieldset", {}, make("legend", { class: "hidden" }, b.say.timeline_branch), ...BRANCHES.map(radio)),
      now.view, now.legend, now.shown, now.details));
    new ResizeObserver(() => now && measure()).observe(now.view);
  };

  b.draw.ribbon = (slot, value) => {
    if (!value) { now = null; slot.replaceChildren(); return; }
    // Gradio may change a value in place while the next comes, so a copy is kept
    const fresh = JSON.parse(JSON.stringify(value));
    if (!now || !slot.contains(now.view) || now.value.path !== fresh.path || now.value.seconds !== fresh.seconds) build(slot, fresh);
    now.value = fresh;
    if (now.buttons.length !== fresh.rows.length) {
      now.buttons = fresh.rows.map((row, i) => make("button", { type: "button", class: "stretch", tabindex: i ? -1 : 0,
        onclick: () => choose(i), style: { left: `${(100 * row.a) / fresh.seconds}%`,
          width: `${(100 * (row.b - row.a)) / fresh.seconds}%` } }));
      now.lane.replaceChildren(...now.buttons);
    }
    now.stop.style.display = fresh.running ? "" : "none";
    repaint();
    measure();
  };

  addEventListener("DOMContentLoaded", () =>
    new MutationObserver(repaint).observe(document.body, { attributes: true, attributeFilter: ["class"] }));
})();
