// @ts-check
// The numbers behind the soft-label editor, without a page. One act, one label: a bar is set to a number, whether
// by a drag, a typed number, an arrow or a digit. What was not given stays open until it is filled by a rule that the
// person chooses. Runs after page.js.
(() => {
  const { emotions } = bibier;
  const FULL = 100; // points
  const STEP = 5; // of a digit key
  const PRESET = [70, 30];

  const sumOf = (/** @type {number[]} */ values) => values.reduce((a, b) => a + b, 0);

  // [7.5, 2.5], 9 → [7, 2]: whole numbers with the given sum, nearest to the proportions
  bibier.largestRemainder = (weights, sum) => {
    const total = sumOf(weights);
    const exact = weights.map((w) => (total > 0 ? (w / total) * sum : sum / weights.length));
    const points = exact.map((x) => Math.floor(x + 1e-9));
    const order = exact.map((x, i) => [x - points[i], i]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    for (let left = sum - sumOf(points), k = 0; left > 0; left -= 1, k += 1) points[order[k][1]] += 1;
    return points;
  };

  bibier.createPoints = (names = emotions) => {
    const count = names.length;
    const neutral = names.indexOf("neutral");
    /** @type {number[] | null} */
    let points = null; // null while nothing is given; else whole numbers with a sum of at most FULL
    /** @type {boolean[]} */
    const locked = new Array(count).fill(false);
    /** @type {boolean[]} */
    const offered = new Array(count).fill(true); // by the project
    /**
     * The bar that is worked on, and what stood before: moved up and down again, it leaves the others as they were.
     * @type {{ bar: number, before: number[] } | null}
     */
    let work = null;

    const shape = (/** @type {number[] | null} */ values) => {
      points = values && sumOf(values) ? values.slice() : null;
      work = null;
    };
    /** @type {Points["set"]} */
    const set = (bar, wanted) => {
      if (work?.bar !== bar) work = { bar, before: points ?? new Array(count).fill(0) };
      const { before } = work;
      const fixed = before.map((value, j) => (locked[j] && j !== bar ? value : 0));
      const most = FULL - sumOf(fixed);
      const value = Math.min(most, Math.max(0, Math.round(wanted)));
      const others = before.map((given, j) => (locked[j] || j === bar ? 0 : given));
      const room = most - value;
      const kept = sumOf(others) > room ? bibier.largestRemainder(others, room) : others;
      const after = fixed.map((given, j) => (j === bar ? value : given + kept[j]));
      points = sumOf(after) ? after : null;
    };
    /** @type {Points["filled"]} */
    const filled = (rule) => {
      if (!points) return null;
      const given = points;
      const rest = FULL - sumOf(given);
      const open = given.map((_, j) => offered[j] && !locked[j]);
      if (rule === "neutral") {
        return offered[neutral] ? given.map((value, j) => value + (j === neutral ? rest : 0)) : null;
      }
      if (rule === "even") {
        const empty = open.map((on, j) => on && given[j] === 0);
        const shares = empty.includes(true) ? empty : open.includes(true) ? open : offered;
        const parts = bibier.largestRemainder(shares.map(Number), rest);
        return given.map((value, j) => value + parts[j]);
      }
      const movable = given.map((value, j) => (locked[j] ? 0 : value));
      const weights = sumOf(movable) ? movable : given;
      const target = sumOf(weights) + rest;
      const grown = bibier.largestRemainder(weights, target);
      return given.map((value, j) => value - weights[j] + grown[j]);
    };
    return {
      STEP,
      get points() { return points && points.slice(); },
      get rest() { return points ? FULL - sumOf(points) : FULL; },
      locked, offered, set, filled,
      give: (bar, less) => {
        if (points === null) { if (!less) set(bar, FULL); } else set(bar, points[bar] + (less ? -STEP : STEP));
      },
      lock: (bar) => { locked[bar] = !locked[bar]; work = null; },
      shape,
      empty: () => { shape(null); locked.fill(false); },
      alone: (bar) => { locked.fill(false); shape(names.map((_, j) => (j === bar ? FULL : 0))); },
      preset: (bars) => {
        const shares = bars.length < PRESET.length ? [FULL] : PRESET;
        locked.fill(false);
        shape(names.map((_, j) => (bars.includes(j) ? shares[bars.indexOf(j)] : 0)));
      },
      snapshot: () => JSON.stringify({ points, locked }),
      restore: (text) => {
        /** @type {{ points: number[] | null, locked: boolean[] }} */
        const state = JSON.parse(text);
        if (state.locked.length !== count) throw new Error("of other labels");
        shape(state.points);
        state.locked.forEach((on, i) => { locked[i] = on; });
      },
    };
  };
  bibier.PRESET_SIZE = PRESET.length;
})();
