// The project's panel of the Annotate tab: its settings, and what was said as a file. Runs before annotate.js.
(() => {
  const b = window.bibier;
  const { make } = b;
  const ORDERS = ["given", "random", "uncertain", "modalities", "people"];
  const FORMATS = ["events", "long", "wide", "proposals", "lewidi", "chaosnli", "ls-llm", "manifest"];

  const choice = (values, name) => make("select", {}, ...values.map((one) => make("option", { value: one }, b.say[`${name}_${one}`])));
  const save_as = (name, text) => {
    const url = URL.createObjectURL(new Blob([text], { type: "application/octet-stream" }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };

  // act: run a call, errors told; settled: told the server's answer to new settings
  b.project_panel = ({ act, tell, settled, name }) => {
    const proposals = choice(["hidden", "shown"], "proposals");
    const wanted = make("input", { type: "number", min: 1, max: 1000, step: 1 });
    const order = choice(ORDERS, "order");
    const share = make("input", { type: "number", min: 0, max: 100, step: 5 });
    const settings = make("form", { class: "fresh" }, make("label", {}, b.say.set_proposals, proposals),
      make("label", {}, b.say.set_wanted, wanted), make("label", {}, b.say.set_order, order),
      make("label", {}, b.say.set_share, share), make("button", { type: "submit" }, b.say.set_apply));
    settings.addEventListener("submit", (event) => {
      event.preventDefault();
      act(async (call) => {
        const facts = { proposals: proposals.value, order: order.value, wanted: Number(wanted.value), share: Number(share.value) / 100 };
        settled(await call("settle", { settings: facts }));
        tell(b.say.set_done, "good");
      });
    });
    const format = make("select", {}, ...FORMATS.map((one) => make("option", { value: one }, b.say[`format_${one}`])));
    const exporting = make("form", { class: "fresh" }, make("label", {}, b.say.export_format, format),
      make("button", { type: "submit" }, b.say.export_save));
    exporting.addEventListener("submit", (event) => {
      event.preventDefault();
      act(async (call) => {
        const answer = await call("export", { format: format.value });
        save_as(`${name().replace(/[^\p{L}\p{N}_-]+/gu, "_")}-${answer.name}`, answer.text);
        tell(b.say.export_done, "good");
      });
    });
    const own = make("details", { class: "settings" }, make("summary", {}, b.say.set_title), settings);
    const out = make("details", { class: "export" }, make("summary", {}, b.say.export_title), exporting);
    const show = (answer) => {
      own.hidden = !answer.paths || !answer.settings;
      out.hidden = !answer.settings;
      if (!answer.settings) return;
      proposals.value = answer.settings.proposals;
      order.value = answer.settings.order;
      wanted.value = answer.settings.wanted;
      share.value = Math.round(answer.settings.share * 100);
    };
    show({});
    return { nodes: [own, out], show };
  };
})();
