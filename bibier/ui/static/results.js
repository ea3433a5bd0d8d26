// @ts-check
// What leaves the Analyse tab: Copy, Download, the session's clips. Runs after analyse.js and chart.js.
(() => {
  const { draw, fill, make, say } = bibier;
  /** @type {Modality[]} */
  const MODALITIES = ["audio", "text", "bimodal"];
  const MOST = 20; // clips that are remembered, in this page's memory alone
  const SEGMENTS = ["srt", "vtt", "textgrid", "eaf", "audacity"]; // of long recordings
  /** @type {PastClip[]} */
  const past = [];
  /** @type {ChartValue | null} */
  let bars = null;
  /** @type {() => void} */
  let changed = () => {};

  bibier.saveFile = (name, content) => {
    const url = URL.createObjectURL(content);
    const link = make("a", { href: url, download: name, hidden: true });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  /** @param {number | null | undefined} share */
  const percent = (share) => (share === null || share === undefined ? "—" : bibier.percent(share));

  // --- what is seen is remembered ----------------------------------------------------------------------------------
  const drawChart = draw.chart;
  draw.chart = (slot, value) => {
    drawChart(slot, value);
    bars = value;
  };
  const drawVerdict = draw.verdict;
  draw.verdict = (slot, value) => {
    drawVerdict(slot, value);
    // the bars of the same answer may be drawn after its verdict
    if (value?.sentence) setTimeout(() => remember(/** @type {Verdict} */ (value)), 50);
    else changed();
  };
  /** @param {Verdict} verdict */
  const remember = (verdict) => {
    const sentences = verdict.sentences ?? { en: verdict.sentence, ru: verdict.sentence };
    const shares = bars?.rows.map(({ audio, text, bimodal }) => [audio, text, bimodal]);
    const key = JSON.stringify([verdict.clip, sentences.en, shares]);
    const clip = { name: verdict.clip ?? "", sentences, bars, key };
    if (past.every((other) => other.key !== clip.key)) past.unshift({ ...clip, time: new Date() });
    past.length = Math.min(past.length, MOST);
    changed();
  };

  const nameOf = (/** @type {PastClip} */ { name }) => name || say.results_words_alone;

  // --- two side by side --------------------------------------------------------------------------------------------
  /** @type {(first: PastClip, second: PastClip) => HTMLElement} */
  const sideBySide = (first, second) => {
    const pair = [first, second];
    const shares = pair.map((clip) => new Map(clip.bars?.rows.map((row) => [row.name, row]) ?? []));
    /** @type {(emotion: string, modality: Modality) => ComparedAxis["rows"][number]} */
    const marks = (emotion, modality) => {
      const [a, b] = shares.map((rows) => rows.get(emotion)?.[modality] ?? null);
      return { emotion, shares: [a, b], texts: [percent(a), percent(b)] };
    };
    const axes = MODALITIES.map((modality) => ({ title: say[`panel_${modality}`],
      rows: bibier.emotions.map((emotion) => marks(emotion, modality)) }));
    const all = axes.flatMap((axis) => axis.rows.flatMap((row) => row.shares.map((share) => share ?? 0)));
    const most = Math.min(1, Math.ceil(10 * Math.max(0.1, ...all)) / 10);
    return bibier.axesChart({ axes, most, titles: [nameOf(first), nameOf(second)], label: say.results_pair });
  };

  // --- the part of the page ----------------------------------------------------------------------------------------
  bibier.createOutlets = (host, server) => {
    bibier.contourOf = (path) => server.contour({ view: bibier.view(), path });
    const status = make("p", { class: "small", role: "status" });
    /** @type {(text: string, failed?: boolean) => void} */
    const tell = (text, failed = false) => {
      status.textContent = text;
      status.classList.toggle("alert", failed);
    };
    /** @type {(format: string) => Promise<ExportedFile>} */
    const ask = async (format) => {
      const answer = await server.export({ view: bibier.view(), format });
      if (!answer || "error" in answer) throw new Error(answer ? answer.error[bibier.language] : say.failed);
      return answer;
    };
    /** @type {(job: () => Promise<string>) => () => Promise<void>} */
    const doing = (job) => async () => {
      menu.open = false;
      try { tell(await job()); } catch (error) { tell(error instanceof Error ? error.message : say.failed, true); }
    };
    const copy = async () => {
      const { text } = await ask("json");
      if (!navigator.clipboard) throw new Error(say.results_no_clipboard);
      await navigator.clipboard.writeText(text);
      return say.results_copied;
    };
    /** @type {(format: string) => () => Promise<string>} */
    const file = (format) => async () => {
      const { name, text } = await ask(format);
      const mark = format === "csv" ? "\ufeff" : ""; // by which Excel knows UTF-8
      bibier.saveFile(name, new Blob([mark, text], { type: "text/plain;charset=utf-8" }));
      return fill(say.results_saved, { name });
    };
    /** @type {(format: "png" | "svg") => () => Promise<string>} */
    const picture = (format) => async () => {
      const plot = /** @type {DrawnPlot | null} */ (document.querySelector("#chart .js-plotly-plot"));
      if (!plot) throw new Error(say.results_no_chart);
      const { width, height } = plot.getBoundingClientRect();
      const card = getComputedStyle(document.body).getPropertyValue("--card").trim();
      const layout = { ...plot.layout, "paper_bgcolor": card, "plot_bgcolor": card };
      const url = await (await bibier.plotly()).toImage({ data: plot.data, layout }, { format, width, height });
      const name = `bibier.${format}`;
      bibier.saveFile(name, await (await fetch(url)).blob());
      return fill(say.results_saved, { name });
    };

    const buttons = /** @type {HTMLDivElement} */ (make("div", { class: "choices" }));
    const menu = make("details", { class: "menu", onkeydown: (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary")?.focus();
    } }, make("summary", { "data-say": "results_download" }), buttons);
    addEventListener("click", (event) => {
      if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
    });
    menu.addEventListener("toggle", () => { // upwards where the page ends too soon, as nobody can scroll beyond it
      buttons.classList.remove("up");
      if (!menu.open) return;
      const page = document.querySelector(".gradio-container")?.getBoundingClientRect().bottom ?? Infinity;
      const dock = /** @type {HTMLElement | null} */ (document.querySelector("#dock"))?.offsetHeight ?? 0;
      buttons.classList.toggle("up", buttons.getBoundingClientRect().bottom > page - dock);
      buttons.scrollIntoView({ block: "nearest" });
    });
    const copying = make("button", { type: "button", "data-say": "results_copy", onclick: doing(copy) });
    const batch = bibier.createBatch(server);
    const history = make("section", { class: "history", "data-say-aria-label": "results_history" });
    const row = make("div", { class: "outlet-row" }, copying, menu, batch.button);
    host.replaceChildren(row, status, batch.part, history);

    /** @type {Set<PastClip>} */
    const chosen = new Set();
    const showHistory = () => {
      for (const clip of chosen) if (!past.includes(clip)) chosen.delete(clip);
      history.hidden = past.length < 2;
      if (history.hidden) return;
      const [first, second] = chosen;
      history.replaceChildren(make("h3", {}, say.results_history), make("p", { class: "small" }, say.results_pick_two),
        make("ul", {}, ...past.map((clip) => {
          const box = make("input", { type: "checkbox", checked: chosen.has(clip), onchange: () => {
            if (box.checked) chosen.add(clip); else chosen.delete(clip);
            const [oldest] = chosen;
            if (chosen.size > 2) chosen.delete(oldest);
            showHistory();
            history.querySelectorAll("input")[past.indexOf(clip)]?.focus();
          } });
          const time = clip.time.toLocaleTimeString(bibier.language, { hour: "2-digit", minute: "2-digit" });
          return make("li", {}, make("label", {}, box, make("span", { class: "name" }, nameOf(clip)),
            make("span", {}, clip.sentences[bibier.language]), make("span", { class: "time" }, time)));
        })), ...(second ? [sideBySide(first, second)] : []));
    };
    changed = () => {
      const there = document.querySelector("#verdict .sentence") !== null;
      const long = Boolean(document.querySelector("#ribbon .slot")?.childElementCount);
      copying.disabled = !there;
      menu.toggleAttribute("data-off", !there);
      menu.querySelector("summary")?.setAttribute("aria-disabled", String(!there));
      if (!there) { menu.open = false; tell(""); }
      const formats = ["json", "csv", ...(long ? SEGMENTS : [])];
      buttons.replaceChildren(...formats.map((format) =>
        make("button", { type: "button", onclick: doing(file(format)) }, say[`results_${format}`])),
      ...(/** @type {const} */ (["png", "svg"])).map((format) =>
        make("button", { type: "button", onclick: doing(picture(format)) }, say[`results_${format}`])));
      showHistory();
    };
    changed();
    bibier.onLanguage(() => { tell(""); changed(); });
  };
})();
