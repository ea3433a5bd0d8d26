// @ts-check
// The labels of a project as bars: the seven emotions, or a list of its own. Runs after page.js.
(() => {
  const { emotions, make } = bibier;

  bibier.seven = emotions.map((name) => ({ name, offered: true, titles: { en: bibier.names.en[name],
    ru: bibier.names.ru[name] }, colour: bibier.colours[name], "colour_dark": bibier.coloursDark[name] }));
  bibier.titleOf = (bar) => bar.titles[bibier.language];
  bibier.hues = (bar) => ({ "--light": bar.colour, "--dark": bar.colour_dark });

  // what a person said: a stack of their points, and the numbers, the largest first
  bibier.saidBy = (bars, { name, points }) => {
    const given = points.flatMap((value, i) => (value ? [{ value, bar: bars[i] }] : []));
    return make("li", {}, make("span", { class: "person" }, name),
      make("span", { class: "stack", "aria-hidden": "true" },
        ...given.map(({ value, bar }) => make("i", { style: { ...bibier.hues(bar), "flex-grow": value } }))),
      make("span", { class: "given" }, given.sort((a, b) => b.value - a.value)
        .map(({ value, bar }) => `${bibier.titleOf(bar)} ${value}`).join(", ")));
  };
})();
