// @ts-check
// Under the player: waveform, pitch and loudness of the clip, measured by the server once they are asked for.
// Runs after chart.js and before recorder.js.
(() => {
  const { both, fill, make, say } = bibier;
  const HEIGHT = 300; // pixels
  const LEFT = 44; // pixels for the numbers
  const ROWS = [[0.76, 1], [0.36, 0.7], [0, 0.28]]; // of the height: waveform, pitch, loudness, from below
  const LOWEST = -70; // dB that are drawn
  const FONT = "'Source Sans Pro', ui-sans-serif, system-ui, sans-serif";
  /** @param {number[]} sorted @param {number} share */
  const quantile = (sorted, share) => sorted[Math.round(share * (sorted.length - 1))];

  /** @type {(value: Contour, width: number) => PlotlyFigure} */
  const figure = ({ seconds, peaks, level, pitch }, width) => {
    const style = getComputedStyle(document.body);
    const [ink, soft, line, accent] = ["--ink", "--soft", "--line", "--accent"]
      .map((name) => style.getPropertyValue(name).trim());
    const at = (/** @type {number} */ count) =>
      Array.from({ length: count }, (_, i) => ((i + 0.5) * seconds) / count);
    const most = Math.max(1, ...peaks);
    const shares = peaks.map((peak) => peak / most);
    const trace = { type: "scatter", mode: "lines", hoverinfo: "x+y" };
    const voiced = pitch.filter((hertz) => hertz !== null).sort((a, b) => a - b);
    const [low, high] = voiced.length ? [quantile(voiced, 0.02) / 1.15, quantile(voiced, 0.98) * 1.15] : [75, 300];
    const axis = { gridcolor: line, zeroline: false, fixedrange: true, tickfont: { size: 12, color: soft } };
    const titles = ["contour_wave", "contour_pitch", "contour_level"].map((key, i) => ({ text: say[key], xref: "paper",
      yref: "paper", x: 0, y: ROWS[i][1], xanchor: "left", yanchor: "bottom", showarrow: false,
      font: { size: 13, color: soft } }));
    return {
      data: [
        { ...trace, x: [...at(peaks.length), ...at(peaks.length).reverse()], fill: "toself", hoverinfo: "skip",
          y: [...shares, ...shares.map((share) => -share).reverse()], line: { width: 0 }, fillcolor: soft },
        { ...trace, x: at(pitch.length), y: pitch, yaxis: "y2", connectgaps: false, line: { width: 3, color: accent },
          hovertemplate: "%{y:.0f}<extra></extra>" },
        { ...trace, x: at(level.length), y: level.map((decibels) => Math.max(LOWEST, decibels)), yaxis: "y3",
          line: { width: 2, color: ink }, hovertemplate: "%{y:.0f}<extra></extra>" },
      ],
      layout: { height: HEIGHT, width, ["paper_bgcolor"]: "rgba(0,0,0,0)", ["plot_bgcolor"]: "rgba(0,0,0,0)",
        font: { family: FONT, size: 13, color: ink }, showlegend: false, dragmode: false, annotations: titles,
        margin: { l: LEFT, r: 6, t: 20, b: 26, autoexpand: false },
        xaxis: { ...axis, range: [0, seconds], anchor: "y3", ticksuffix: say.seconds_sign },
        yaxis: { ...axis, domain: ROWS[0], range: [-1.05, 1.05], showticklabels: false, showgrid: false },
        yaxis2: { ...axis, domain: ROWS[1], type: "log", range: [Math.log10(low), Math.log10(high)], nticks: 4 },
        yaxis3: { ...axis, domain: ROWS[2], range: [LOWEST, 0], nticks: 4 } },
    };
  };

  bibier.createContour = () => {
    let file = "";
    /** @type {Contour | null} */
    let value = null;
    /** @type {Record<Language, string> | null} */
    let refused = null;
    const box = make("input", { type: "checkbox", role: "switch", onchange: () => { void show(); } });
    const picture = make("div", { class: "picture", "aria-hidden": "true" });
    const words = make("p", { class: "small", role: "status" });
    const choice = make("label", { class: "live-switch" }, box, make("span", { "data-say": "contour" }));
    const node = make("div", { class: "contour" }, words, picture);
    const { redraw } = bibier.createPicture(picture, (width) => value && figure(value, width));
    const tell = () => {
      const voiced = value?.pitch.filter((hertz) => hertz !== null).sort((a, b) => a - b) ?? [];
      const [low, median, high] = [0.05, 0.5, 0.95].map((share) => Math.round(quantile(voiced, share) || 0));
      words.textContent = !value ? refused?.[bibier.language] ?? ""
        : voiced.length ? fill(say.contour_says, { low, median, high }) : say.contour_none;
    };
    bibier.onLanguage(() => tell());
    const show = async () => {
      picture.hidden = !box.checked || !value;
      words.hidden = !box.checked;
      if (!box.checked || !file) return;
      if (!value) {
        const asked = file;
        words.textContent = say.contour_busy;
        const answer = await bibier.contourOf(asked);
        if (file !== asked) return;
        refused = !answer ? both("failed") : "error" in answer ? answer.error : null;
        if (!answer || "error" in answer) { tell(); return; }
        value = answer;
      }
      picture.hidden = !box.checked;
      tell();
      await redraw().catch(() => {});
    };
    return {
      choice,
      node,
      /** @param {string} path */
      put: (path) => {
        if (path === file) return;
        file = path;
        value = null;
        void show();
      },
    };
  };
})();
