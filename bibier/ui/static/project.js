// @ts-check
// The project's panel of the Annotate tab: its settings, and what was said as a file, in and out. Runs after page.js.
(() => {
  const { make, say } = bibier;
  const ORDERS = ["given", "random", "uncertain", "modalities", "people"];
  const FORMATS = ["events", "long", "wide", "proposals", "decisions", "lewidi", "chaosnli", "ls-llm", "manifest",
    "label-studio"];

  const EXPORTS = ".jsonl,.json,.csv,.tsv";

  /** @type {(values: string[], name: string) => HTMLSelectElement} */
  const choice = (values, name) =>
    make("select", {}, ...values.map((value) => make("option", { value, "data-say": `${name}_${value}` })));
  /** @type {(key: string, field: HTMLElement, name?: string) => HTMLElement} */
  const labelled = (key, field, name) => make("label", { class: name }, make("span", { "data-say": key }), field);
  const submit = (/** @type {string} */ key) => make("button", { type: "submit", "data-say": key });
  /** @type {(name: string, key: string, form: HTMLElement) => HTMLDetailsElement} */
  const folded = (name, key, form) => make("details", { class: name }, make("summary", { "data-say": key }), form);
  /** @type {(name: string, text: string) => void} */
  const download = (name, text) => {
    const url = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };

  bibier.createProjectPanel = ({ run, tell, name, settled, taken }) => {
    const proposals = choice(["hidden", "shown"], "proposals");
    const wanted = make("input", { type: "number", min: 1, max: 1000, step: 1 });
    const order = choice(ORDERS, "order");
    const share = make("input", { type: "number", min: 0, max: 100, step: 5 });
    const repeats = make("input", { type: "number", min: 0, max: 50, step: 5 });
    const guidelines = make("textarea", { rows: 4, maxlength: 20000, "data-say-placeholder": "set_guidelines_hint" });
    const labels = bibier.createLabelsEditor();
    const settings = make("form", { class: "fresh" }, labelled("set_proposals", proposals),
      labelled("set_wanted", wanted), labelled("set_order", order), labelled("set_share", share),
      labelled("set_repeats", repeats), labels.node, labelled("set_guidelines", guidelines, "wide"),
      submit("set_apply"));
    settings.addEventListener("submit", (event) => {
      event.preventDefault();
      run(async (call) => {
        settled(await call("settle", { settings: { proposals: proposals.value, order: order.value,
          wanted: Number(wanted.value), share: Number(share.value) / 100, repeats: Number(repeats.value) / 100,
          labels: labels.value, guidelines: guidelines.value } }));
        tell(() => say.set_done, "good");
      });
    });
    const format = choice(FORMATS, "format");
    const exporting = make("form", { class: "fresh" }, labelled("export_format", format),
      submit("export_save"));
    exporting.addEventListener("submit", (event) => {
      event.preventDefault();
      run(async (call) => {
        const answer = await call("export", { format: format.value });
        download(`${name().replace(/[^\p{L}\p{N}_-]+/gu, "_")}-${answer.name}`, answer.text);
        tell(() => say.export_done, "good");
      });
    });
    const file = make("input", { type: "file", onchange: () => nameFile() });
    file.accept = EXPORTS;
    // The browser's own button speaks the browser's language, so ours is what is seen of it.
    const chosen = make("span", { class: "chosen" });
    const picker = make("span", { class: "picker" }, file, make("span", { class: "face", "aria-hidden": "true" },
      make("span", { class: "quiet", "data-say": "import_choose" }), chosen));
    const nameFile = () => { chosen.textContent = file.files?.[0]?.name ?? say.import_none; };
    bibier.onLanguage(nameFile);
    nameFile();
    const into = make("input", { type: "text", maxlength: 80, "data-say-placeholder": "import_here" });
    const importing = make("form", { class: "fresh" }, labelled("import_file", picker),
      labelled("import_into", into), submit("import_take"),
      make("p", { class: "small wide", "data-say": "import_is" }));
    importing.addEventListener("submit", (event) => {
      event.preventDefault();
      const [table] = file.files ?? [];
      if (!table) return;
      run(async (call) => {
        tell(() => say.import_sending);
        const path = await bibier.upload(table);
        const answer = await call("take", { path, into: into.value }, bibier.annotateApi.THINKING);
        file.value = into.value = "";
        nameFile();
        taken(answer);
      });
    });
    const importPart = folded("import", "import_title", importing);
    const settingsPart = folded("settings", "set_title", settings);
    const exportPart = folded("export", "export_title", exporting);
    /** @type {ProjectPanel["show"]} */
    const show = (answer) => {
      settingsPart.hidden = !answer.paths || !answer.settings;
      exportPart.hidden = !answer.settings;
      importPart.hidden = !answer.paths;
      if (!answer.settings) return;
      proposals.value = answer.settings.proposals;
      order.value = answer.settings.order;
      wanted.value = String(answer.settings.wanted);
      repeats.value = String(Math.round(answer.settings.repeats * 100));
      guidelines.value = answer.settings.guidelines;
      labels.show(answer.settings.labels);
      share.value = String(Math.round(answer.settings.share * 100));
    };
    show({});
    return { nodes: [settingsPart, importPart, exportPart], show };
  };
})();
