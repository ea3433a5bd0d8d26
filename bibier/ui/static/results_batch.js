// @ts-check
// Several recordings at once become a table, judged one after the other. Runs after page.js, before whatever else
// listens for files that are dropped.
(() => {
  const { UploadRefused, both, fill, make, say } = bibier;
  const MOST = 50; // recordings at once
  const AGAIN = 3000; // ms until a full queue is asked again
  const TRIES = 40;
  /** @type {(files: File[]) => void} */
  let take = () => {};

  const several = (/** @type {DragEvent} */ event) => {
    const inside = event.target instanceof Element && event.target.closest("#columns");
    return inside && event.dataTransfer && event.dataTransfer.files.length > 1 ? [...event.dataTransfer.files] : null;
  };
  addEventListener("drop", (event) => {
    const files = several(event);
    if (!files) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    take(files);
  }, true);

  const pause = (/** @type {number} */ ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  bibier.upload = async (file, going = () => true) => {
    for (let tried = 0; ; tried += 1) {
      const body = new FormData();
      body.append("files", file, file.name);
      const answer = await fetch(`${window.gradio_config?.root ?? ""}/gradio_api/upload`, { method: "POST", body });
      if (answer.ok) return (await answer.json())[0];
      if (answer.status !== 429 || tried >= TRIES || !going()) throw new UploadRefused(await answer.text());
      await pause(1000 * Number(answer.headers.get("retry-after") || 3));
    }
  };

  bibier.createBatch = (server) => {
    /** @type {BatchItem[]} */
    let items = [];
    let running = 0; // number of the run that goes on, 0 for none
    let runs = 0;
    const part = make("section", { class: "batch", hidden: true,
      "data-say-aria-label": "batch_title" });
    const picker = make("input", { type: "file", hidden: true, onchange: () => {
      take([...picker.files ?? []]);
      picker.value = "";
    } });
    picker.multiple = true;
    picker.accept = "audio/*,video/*";
    const button = make("button", { type: "button", "data-say": "batch_choose", onclick: () => picker.click() });

    const save = () => {
      const lines = items.map((item) => item.row?.line ?? "");
      const head = items.find((item) => item.row?.head)?.row?.head ?? "";
      bibier.saveFile("bibier.csv", new Blob(["\ufeff", head, ...lines], { type: "text/csv;charset=utf-8" }));
    };
    /** @type {(item: BatchItem) => Child[]} */
    const cells = ({ state, row }) => {
      if (state !== "done") return [make("td", { colspan: 4, class: "small" }, say[`batch_${state}`])];
      const spoken = (/** @type {Record<Language, string> | undefined} */ texts) => texts?.[bibier.language];
      if (row?.error) return [make("td", { colspan: 4, class: "failed" }, make("span", {}, spoken(row.error)))];
      if (row?.nothing) return [make("td", { colspan: 4, class: "silent" }, make("span", {}, spoken(row.nothing)))];
      const hue = { "--hue": row?.emotion ? `var(--emotion-${row.emotion})` : "transparent" };
      return [make("td", { class: "winner", style: hue }, spoken(row?.both)), make("td", {}, spoken(row?.voice)),
        make("td", {}, spoken(row?.words)), make("td", { class: "said", title: row?.transcript }, row?.transcript)];
    };
    const show = () => {
      part.hidden = items.length === 0;
      button.disabled = running > 0;
      if (part.hidden) return;
      const done = items.filter((item) => item.state === "done").length;
      const failed = items.filter((item) => item.row?.error).length;
      const ready = items.some((item) => item.row?.line);
      const active = document.activeElement;
      const mark = active instanceof HTMLElement && part.contains(active) ? active.dataset.mark : null;
      part.replaceChildren(make("h3", {}, say.batch_title),
        make("p", { class: "small", role: "status" }, fill(say.batch_progress, { done, total: items.length, failed })),
        make("progress", { max: items.length, value: done, "aria-label": say.batch_title }),
        make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": say.batch_title }, make("table", {},
          make("thead", {}, make("tr", {}, ...["file", "both", "voice", "words", "said"].map((name) =>
            make("th", { scope: "col" }, say[`batch_${name}`])))),
          make("tbody", {}, ...items.map((item) =>
            make("tr", {}, make("th", { scope: "row" }, item.file.name), ...cells(item)))))),
        make("div", { class: "outlet-row" },
          make("button", { type: "button", "data-mark": "save", disabled: !ready, onclick: save }, say.batch_save),
          running ? make("button", { type: "button", "data-mark": "stop", onclick: stop }, say.cancel)
            : make("button", { type: "button", "data-mark": "stop", onclick: close }, say.batch_close)));
      if (mark) /** @type {HTMLElement | null} */ (part.querySelector(`[data-mark=${mark}]`))?.focus();
    };
    bibier.onLanguage(() => show());
    const stop = () => {
      running = 0;
      for (const item of items) if (item.state !== "done") item.state = "stopped";
      show();
    };
    const close = () => { items = []; show(); };

    /** @type {(item: BatchItem, going: () => boolean) => Promise<BatchRow>} */
    const judged = async (item, going) => {
      item.state = "sending";
      show();
      const path = await bibier.upload(item.file, going);
      item.state = "judging";
      show();
      for (let tried = 0; ; tried += 1) {
        const row = await server.judge({ view: bibier.view(), path, name: item.file.name });
        if (!row) throw new Error(say.failed);
        if (!row.error || !row.passing || tried >= TRIES || !going()) return row;
        await pause(AGAIN);
      }
    };
    const run = async () => {
      runs += 1;
      const mine = running = runs;
      const going = () => running === mine;
      for (const item of items) {
        if (!going()) return;
        try {
          const row = await judged(item, going);
          if (going()) item.row = row;
        } catch (error) {
          if (going()) item.row = { error: error instanceof UploadRefused ? error.texts : both("failed") };
        }
        if (!going()) return;
        item.state = "done";
        show();
      }
      running = 0;
      show();
    };
    take = (files) => {
      if (running || !files.length) return;
      items = files.slice(0, MOST).map((file) => ({ file, state: "waiting" }));
      show();
      if (files.length > MOST) part.prepend(make("p", { class: "notice", role: "alert" },
        fill(say.batch_most, { most: MOST, count: files.length })));
      bibier.reveal(part);
      void run();
    };
    part.append(picker);
    return { part, button };
  };
})();
