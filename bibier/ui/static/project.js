// @ts-check
// The project's panel of the Annotate tab: its settings, and what was said as a file. Runs after page.js.
(() => {
  const { make, say } = bibier;
  const ORDERS = ["given", "random", "uncertain", "modalities", "people"];
  const FORMATS = ["events", "long", "wide", "proposals", "decisions", "lewidi", "chaosnli", "ls-llm", "manifest",
    "label-studio"];

  /** @type {(values: string[], name: string) => HTMLSelectElement} */
  const choice = (values, name) =>
    make("select", {}, ...values.map((value) => make("option", { value }, say[`${name}_${value}`])));
  /** @type {(name: string, text: string) => void} */
  const download = (name, text) => {
    const url = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };

  bibier.createProjectPanel = ({ run, tell, name, settled }) => {
    const proposals = choice(["hidden", "shown"], "proposals");
    const wanted = make("input", { type: "number", min: 1, max: 1000, step: 1 });
    const order = choice(ORDERS, "order");
    const share = make("input", { type: "number", min: 0, max: 100, step: 5 });
    const repeats = make("input", { type: "number", min: 0, max: 50, step: 5 });
    const guidelines = make("textarea", { rows: 4, maxlength: 20000, placeholder: say.set_guidelines_hint });
    const boxes = bibier.emotions.map((emotion) => make("input", { type: "checkbox", name: emotion }));
    const offered = make("fieldset", { class: "offered" }, make("legend", {}, say.set_labels), ...boxes.map((box, i) =>
      make("label", {}, box, bibier.names[bibier.language][bibier.emotions[i]])));
    const settings = make("form", { class: "fresh" }, make("label", {}, say.set_proposals, proposals),
      make("label", {}, say.set_wanted, wanted), make("label", {}, say.set_order, order),
      make("label", {}, say.set_share, share),
      make("label", {}, say.set_repeats, repeats), offered,
      make("label", { class: "wide" }, say.set_guidelines, guidelines),
      make("button", { type: "submit" }, say.set_apply));
    settings.addEventListener("submit", (event) => {
      event.preventDefault();
      run(async (call) => {
        const names = bibier.emotions.filter((_, i) => boxes[i].checked);
        settled(await call("settle", { settings: { proposals: proposals.value, order: order.value,
          wanted: Number(wanted.value), share: Number(share.value) / 100, repeats: Number(repeats.value) / 100,
          labels: names.length === boxes.length ? [] : names, guidelines: guidelines.value } }));
        tell(say.set_done, "good");
      });
    });
    const format = choice(FORMATS, "format");
    const exporting = make("form", { class: "fresh" }, make("label", {}, say.export_format, format),
      make("button", { type: "submit" }, say.export_save));
    exporting.addEventListener("submit", (event) => {
      event.preventDefault();
      run(async (call) => {
        const answer = await call("export", { format: format.value });
        download(`${name().replace(/[^\p{L}\p{N}_-]+/gu, "_")}-${answer.name}`, answer.text);
        tell(say.export_done, "good");
      });
    });
    const settingsPart = make("details", { class: "settings" }, make("summary", {}, say.set_title), settings);
    const exportPart = make("details", { class: "export" }, make("summary", {}, say.export_title), exporting);
    /** @type {ProjectPanel["show"]} */
    const show = (answer) => {
      settingsPart.hidden = !answer.paths || !answer.settings;
      exportPart.hidden = !answer.settings;
      if (!answer.settings) return;
      proposals.value = answer.settings.proposals;
      order.value = answer.settings.order;
      wanted.value = String(answer.settings.wanted);
      repeats.value = String(Math.round(answer.settings.repeats * 100));
      guidelines.value = answer.settings.guidelines;
      const { labels } = answer.settings;
      boxes.forEach((box, i) => { box.checked = !labels.length || labels.includes(bibier.emotions[i]); });
      share.value = String(Math.round(answer.settings.share * 100));
    };
    show({});
    return { nodes: [settingsPart, exportPart], show };
  };
})();
