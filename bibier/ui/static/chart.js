// @ts-check
// The chart: what the voice, the words and both together say, drawn by Plotly in the browser. Runs after page.js.
// Plotly comes after the first paint. A chart is changed in place, and a theme or a width needs no server.
(() => {
  const { draw, make, recall, remember, say } = bibier;
  /** @type {Modality[]} */
  const MODALITIES = ["audio", "text", "bimodal"];
  const PATTERNS = { audio: "/", text: ".", bimodal: "" }; // of the three panels
  const SYMBOLS = { audio: "diamond", text: "circle" };
  const ROW = 50; // pixels of an emotion
  const LEFT = { en: 92, ru: 104 }; // pixels for the emotions' names
  const NUMBER = 46; // pixels for a number beside a mark
  const SPANS = [10, 20, 30, 40, 50, 60, 80, 100]; // per cent that the axis may reach
  const STEPS = [5, 10, 20, 50]; // points between two ticks
  const TICK = 44; // pixels that a tick's number takes
  const PANELS_WIDE = 310, PANELS_NARROW = 720; // pixels
  const REACH = 127; // per cent where a panel ends: room for the number behind a full bar
  const sign = () => (bibier.language === "ru" ? "\u00a0%" : "%");
  const labelled = (/** @type {ChartRow} */ { name, label }) => bibier.names[bibier.language][name] ?? label;
  const FAINT = 0.3; // opacity of what is not to be relied on
  const FONT = "'Source Sans Pro', ui-sans-serif, system-ui, sans-serif";
  const CONFIG = { displayModeBar: false, doubleClick: false, showTips: false, responsive: false };

  const root = () => (window.gradio_config?.root || ".").replace(/\/$/, "");
  bibier.fileUrl = (file) => `${root()}/gradio_api/file=${encodeURIComponent(file)}`;
  /** @type {Promise<PlotlyBundle> | undefined} */
  let loading;
  bibier.plotly = () => {
    loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${root()}/bibier/plotly.js`;
      script.onload = () => resolve(/** @type {PlotlyBundle} */ (window.Plotly));
      script.onerror = () => { script.remove(); loading = undefined; reject(new Error("no chart")); };
      document.head.append(script);
    });
    return loading;
  };

  const ink = () => (bibier.isDark()
    ? { text: "#eceef5", soft: "#a6adc0", grid: "#343a4a", outline: "rgba(255,255,255,.35)", card: "#1a1e29",
      pattern: "rgba(10,12,20,.5)" }
    : { text: "#1b1d26", soft: "#5a6072", grid: "#e3e5ec", outline: "rgba(27,29,38,.45)", card: "#ffffff",
      pattern: "rgba(255,255,255,.6)" });
  /** @param {number} share */
  const percent = bibier.percent = (share) => {
    const whole = Math.round(100 * share);
    return `${whole === 0 && share > 0 ? "<1" : whole}${sign()}`;
  };
  /** @type {(value: ChartValue, modality: Modality) => boolean} */
  const has = (value, modality) => value.rows.some((row) => row[modality] !== null && row[modality] !== undefined);
  /** @type {(value: ChartValue, modality: Modality) => number} */
  const best = (value, modality) => {
    const shares = value.rows.map((row) => row[modality] ?? -1);
    return shares.indexOf(Math.max(...shares));
  };
  /** @param {ChartValue} value */
  const colours = (value) => {
    const tones = bibier.isDark() ? bibier.coloursDark : bibier.colours;
    return value.rows.map(({ name }) => tones[name]);
  };
  const CLEAR = "rgba(0,0,0,0)";
  const layout = (/** @type {number} */ height) => ({ height, ["paper_bgcolor"]: CLEAR, ["plot_bgcolor"]: CLEAR,
    font: { family: FONT, size: 14, color: ink().text }, showlegend: false,
    hoverlabel: { font: { family: FONT, size: 14 } }, dragmode: false });

  /**
   * One chart: a bar for both together, below it the voice and the words as two marks with the gap between them.
   * @type {(value: ChartValue, width: number) => PlotlyFigure}
   */
  const oneChart = (value, width) => {
    const tones = colours(value), tint = ink();
    const doubts = value.doubts || {};
    const shares = value.rows.flatMap((row) => MODALITIES.map((modality) => 100 * (row[modality] ?? 0)));
    const most = Math.max(...shares);
    const span = SPANS.find((end) => end >= most) ?? 100;
    const plot = Math.max(120, width - LEFT[bibier.language] - 2 * NUMBER);
    const points = (/** @type {number} */ pixels) => (span * pixels) / plot; // on the axis
    const step = STEPS.find((size) => span <= 5 * size && points(TICK) <= size) ?? span;
    const ticks = [0, 1, 2, 3, 4, 5].map((i) => step * i).filter((tick) => tick <= span);
    const winner = has(value, "bimodal") && !doubts.bimodal ? best(value, "bimodal") : -1;
    const bars = {
      type: "bar", orientation: "h", width: 0.36, cliponaxis: false, textposition: "outside", hoverinfo: "text",
      x: value.rows.map(({ bimodal }) => (bimodal === null || bimodal === undefined ? null : 100 * bimodal)),
      y: value.rows.map((_, i) => i - 0.2),
      text: value.rows.map((row, i) => (row.bimodal === null || row.bimodal === undefined ? ""
        : i === winner ? `<b>${percent(row.bimodal)}</b>` : percent(row.bimodal))),
      hovertext: value.rows.map((row) => `${labelled(row)}: ${percent(row.bimodal ?? 0)} (${say.technical_bimodal})`),
      textfont: { color: tint.text, size: 14 },
      marker: { color: tones, opacity: doubts.bimodal ? FAINT : 1, line: { color: tint.outline, width: 1 } },
    };
    const marks = (/** @type {"audio" | "text"} */ modality) => {
      const other = modality === "audio" ? "text" : "audio";
      const there = value.rows.flatMap((row, i) => (row[modality] === null || row[modality] === undefined ? [] : [i]));
      const share = (/** @type {number} */ i) => value.rows[i][modality] ?? 0;
      const before = (/** @type {number} */ i) => { // whether the number stands to the left: where the other is larger
        const rest = value.rows[i][other];
        if (rest === null || rest === undefined) return false;
        return share(i) < rest || (share(i) === rest && modality === "audio");
      };
      return {
        type: "scatter", mode: "markers+text", cliponaxis: false, hoverinfo: "text",
        x: there.map((i) => 100 * share(i)), y: there.map((i) => i + 0.22),
        text: there.map((i) => (before(i) ? `${percent(share(i))}\u2002` : `\u2002${percent(share(i))}`)),
        textposition: there.map((i) => (before(i) ? "middle left" : "middle right")),
        hovertext: there.map((i) =>
          `${labelled(value.rows[i])}: ${percent(share(i))} (${say[`technical_${modality}`]})`),
        textfont: { color: tint.soft, size: 13 },
        marker: { symbol: SYMBOLS[modality], size: modality === "audio" ? 13 : 11,
          opacity: doubts[modality] ? FAINT : 1, color: there.map((i) => (modality === "audio" ? tones[i] : tint.card)),
          line: { color: there.map((i) => (modality === "audio" ? tint.outline : tones[i])),
            width: modality === "audio" ? 1 : 3 } },
      };
    };
    const gaps = value.rows.flatMap((row, i) => (has(value, "audio") && has(value, "text") ? [{
      type: "line", layer: "below", x0: 100 * (row.audio ?? 0), x1: 100 * (row.text ?? 0), y0: i + 0.22, y1: i + 0.22,
      line: { color: tones[i], width: 4 }, opacity: doubts.audio || doubts.text ? FAINT / 2 : 0.45 }] : []));
    return { data: [bars, marks("audio"), marks("text")], layout: { ...layout(value.rows.length * ROW + 34),
      margin: { l: LEFT[bibier.language], r: 0, t: 4, b: 30, autoexpand: false }, shapes: gaps,
      xaxis: { range: [-points(NUMBER), span + points(NUMBER)], tickmode: "array",
        tickvals: ticks, ticktext: ticks.map((tick) => `${tick}${sign()}`), tickfont: { size: 12, color: tint.soft },
        gridcolor: tint.grid, zeroline: false, fixedrange: true },
      yaxis: { range: [value.rows.length - 0.5, -0.5], tickmode: "array", tickvals: value.rows.map((_, i) => i),
        ticktext: value.rows.map((row, i) => (i === winner ? `<b>${labelled(row)}</b>` : labelled(row))),
        showgrid: false,
        zeroline: false, fixedrange: true, ticklabelstandoff: 6 } } };
  };

  /**
   * Three panels on one scale, side by side or below each other.
   * @type {(value: ChartValue, width: number) => PlotlyFigure}
   */
  const panels = (value, width) => {
    const narrow = width < 560, tones = colours(value), tint = ink();
    const names = value.rows.map(labelled);
    /** @type {object[]} */
    const annotations = [];
    /** @type {Record<string, object>} */
    const axes = {};
    const data = MODALITIES.map((modality, index) => {
      const axis = index ? String(index + 1) : "";
      const x = narrow ? [0, 1] : [0.3475 * index, 0.3475 * index + 0.305];
      const y = narrow ? [0.3675 * (2 - index), 0.3675 * (2 - index) + 0.265] : [0, 1];
      const doubt = Boolean(value.doubts?.[modality]), there = has(value, modality), top = best(value, modality);
      axes[`xaxis${axis}`] = { domain: x, anchor: `y${axis}`, range: [0, REACH], tickvals: [0, 50, 100],
        ticktext: ["0", "50", `100${sign()}`], tickfont: { size: 12, color: tint.soft }, gridcolor: tint.grid,
        zeroline: false, fixedrange: true };
      axes[`yaxis${axis}`] = { domain: y, anchor: `x${axis}`, range: [names.length - 0.5, -0.5], tickmode: "array",
        tickvals: names.map((_, i) => i), ticktext: names, showticklabels: narrow || index === 0, ticklabelstandoff: 4,
        showgrid: false, zeroline: false, fixedrange: true };
      const below = doubt ? `<i>${say.unreliable}</i>`
        : there ? `${names[top]}&nbsp;&nbsp;${percent(value.rows[top][modality] ?? 0)}` : "&nbsp;";
      annotations.push({ text: `<b>${say[`panel_${modality}`]}</b><br><span style="color:${tint.soft}">${below}</span>`,
        hovertext: say[`technical_${modality}`], align: "left", xref: "paper", yref: "paper", x: x[0], y: y[1],
        xanchor: "left", yanchor: "bottom", showarrow: false, font: { size: 15 } });
      return { type: "bar", orientation: "h", xaxis: `x${axis}`, yaxis: `y${axis}`, textposition: "outside",
        cliponaxis: false, hoverinfo: "text", textfont: { color: tint.text, size: 13 },
        x: value.rows.map((row) => 100 * (row[modality] ?? 0)), y: names.map((_, i) => i),
        text: there ? value.rows.map((row, i) => (i === top && !doubt ? `<b>${percent(row[modality] ?? 0)}</b>`
          : percent(row[modality] ?? 0))) : [],
        hovertext: value.rows.map((row) =>
          `${labelled(row)}: ${percent(row[modality] ?? 0)} (${say[`technical_${modality}`]})`),
        marker: { color: tones, opacity: doubt ? FAINT : 1, line: { color: tint.outline, width: there ? 1 : 0 },
          pattern: { shape: PATTERNS[modality], fillmode: "overlay", fgcolor: tint.pattern, size: 6,
            solidity: 0.3 } } };
    });
    return { data, layout: { ...layout(narrow ? PANELS_NARROW : PANELS_WIDE), bargap: 0.32, annotations, ...axes,
      margin: { l: LEFT[bibier.language] - 4, r: 4, t: 52, b: 28, autoexpand: false } } };
  };

  /**
   * A picture of Plotly's in a part of the page that follows its width and the theme.
   * @type {(host: HTMLElement, figure: (width: number) => PlotlyFigure | null) => { redraw(): Promise<void> }}
   */
  const createPicture = bibier.createPicture = (host, figure) => {
    let width = 0, settling = 0;
    const redraw = async () => {
      if (!figure(host.clientWidth || 600)) return;
      const plotly = await bibier.plotly();
      width = host.clientWidth;
      const made = figure(width);
      if (!made || !width) return; // out of sight: drawn when it comes back
      await plotly.react(host, made.data, { ...made.layout, width }, { ...CONFIG, ...made.config });
    };
    const again = () => void redraw().catch(() => {});
    bibier.onTheme(again);
    bibier.onLanguage(again);
    new ResizeObserver(() => {
      clearTimeout(settling);
      settling = setTimeout(() => { if (host.clientWidth && host.clientWidth !== width) again(); }, 120);
    }).observe(host);
    return { redraw };
  };

  // --- the chart of the Analyse tab --------------------------------------------------------------------------------
  /** @type {number[][]} */
  let shown = [];
  bibier.bars = () => shown;
  const KEYS = /** @type {const} */ (["bimodal", "audio", "text"]);

  /** @param {HTMLElement} slot */
  const createChart = (slot) => {
    /** @type {ChartValue} */
    let value = { rows: [] };
    let mode = recall("bibier_chart") === "panels" ? "panels" : "one";
    const host = make("div", { class: "picture", "aria-hidden": "true" });
    const blank = make("div", { class: "blank", "aria-hidden": "true" });
    const missing = make("div", { class: "missing" });
    const key = make("ul", { class: "key" }, ...KEYS.map((name) => make("li", {},
      make("i", { class: name, "aria-hidden": "true" }), make("span", { "data-say": `panel_${name}` }))));
    const picture = createPicture(host, (width) => {
      const draws = mode === "one" ? oneChart : panels;
      return value.rows.length ? draws(value, width) : null;
    });
    /** @param {string} name */
    const radio = (name) => make("label", {}, make("input", { type: "radio", name: "chart", value: name,
      checked: mode === name, onchange: () => { mode = name; remember("bibier_chart", name); void show(); } }),
    make("span", { "data-say": `chart_${name}` }));
    const switching = make("fieldset", { class: "switch" }, make("legend", { class: "hidden", "data-say": "chart_as" }),
      radio("one"), radio("panels"));
    const show = async () => {
      const full = MODALITIES.some((name) => has(value, name));
      slot.firstElementChild?.classList.toggle("full", full);
      slot.firstElementChild?.classList.toggle("panels", mode === "panels");
      blank.replaceChildren(...value.rows.map((row) => make("p", {}, make("span", {}, labelled(row)), make("i"))));
      /** @type {Map<string, string[]>} what is said, once → of which panels */
      const notes = new Map();
      for (const name of MODALITIES) {
        const reason = value.reasons?.[name], doubt = value.doubts?.[name];
        const note = reason ? `${say.no_value}. ${reason}` : doubt ? `${say.unreliable}. ${doubt}` : "";
        if (note) notes.set(note, [...notes.get(note) ?? [], say[`panel_${name}`]]);
      }
      missing.replaceChildren(...[...notes].map(([note, [first, ...more]]) => make("p", { class: "small" },
        `${[first, ...more.map((panel) => panel.toLowerCase())].join(", ")}: ${note}`)));
      const bars = MODALITIES.map((name) => value.rows.map((row) => 100 * (row[name] ?? 0)));
      if (full) await picture.redraw().catch(() => {});
      shown = bars;
    };
    slot.replaceChildren(make("div", { class: "chart" }, make("div", { class: "row" }, key, switching), missing, host,
      blank));
    slot.setAttribute("role", "group");
    slot.setAttribute("aria-label", say.chart);
    slot.setAttribute("data-say-aria-label", "chart");
    // Gradio may change a value in place while the next comes, so a copy is kept
    return { update: (/** @type {ChartValue} */ next) => { value = structuredClone(next); return show(); } };
  };

  /** @type {ReturnType<typeof createChart> | null} */
  let chart = null;
  /** @type {HTMLElement | null} */
  let place = null;
  draw.chart = (slot, value) => {
    if (!chart || place !== slot || !slot.firstElementChild) { chart = createChart(slot); place = slot; }
    void chart.update(value && typeof value === "object" ? value : { rows: [] });
  };
  bibier.showBars = (value) => void chart?.update(value);

  // --- a figure that Python made -----------------------------------------------------------------------------------
  const BY_THEME = /^light-dark\((.+), (.+)\)$/; // which Plotly can't read
  /** @type {(figure: PlotlyFigure) => PlotlyFigure} a copy in the colours of the page's theme */
  const coloured = (figure) => JSON.parse(JSON.stringify(figure), (_, value) => {
    const both = typeof value === "string" ? BY_THEME.exec(value) : null;
    return both ? both[bibier.isDark() ? 2 : 1] : value;
  });
  /** @type {WeakMap<HTMLElement, { update(value: PlotlyFigure | null): void }>} */
  const pictures = new WeakMap();
  draw.plot = (slot, value) => {
    let one = pictures.get(slot);
    if (!one) {
      /** @type {PlotlyFigure | null} */
      let figure = null;
      const host = make("div", { class: "picture" });
      slot.replaceChildren(host);
      const { redraw } = createPicture(host, () => figure && coloured(figure));
      one = { update: (next) => {
        figure = next;
        host.hidden = !next;
        void redraw().catch(() => {});
      } };
      pictures.set(slot, one);
    }
    one.update(value && typeof value === "object" ? structuredClone(value) : null);
  };

  // loaded when the page has been painted and has nothing else to do
  addEventListener("load", () => setTimeout(() => void bibier.plotly().catch(() => {}), 1500));
})();
