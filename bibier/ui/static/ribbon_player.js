// @ts-check
// The ribbon's player: a long recording from one segment to the next, the one that is heard marked, its words lit as
// they are spoken. Runs after analyse.js and before timeline.js.
(() => {
  const { make, say, sound } = bibier;
  const EDGE = 0.05; // s by which a segment's beginning may be missed

  /**
   * The words of a segment with their times: the recogniser's, else shared out by the words' length.
   * @type {(segment: TimelineSegment) => { words: [string, number, number][], known: boolean }}
   */
  const timed = ({ a, b, text, words }) => {
    if (words?.length) return { words, known: true };
    const said = (text ?? "").split(/\s+/).filter(Boolean);
    const whole = said.reduce((sum, word) => sum + word.length + 1, 0);
    let at = a;
    return { known: false, words: said.map((word) => {
      const from = at;
      at += ((b - a) * (word.length + 1)) / whole;
      return [word, from, at];
    }) };
  };

  bibier.createRibbonPlayer = ({ value, heard }) => {
    let index = -1; // of the segment that is heard, or was last
    let shown = -1; // whose words stand there
    let through = false; // whether it goes on beyond the segment
    /** @type {TimelineSegment | null} */
    let known = null;
    /** @type {HTMLElement[]} */
    let spoken = [];
    /** @type {[string, number, number][]} */
    let words = [];
    const button = make("button", { type: "button", class: "through", title: say.timeline_play_keys,
      onclick: () => toggle(), onkeydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        jump(index + step);
      } });
    const time = make("span", { class: "clock" });
    const said = make("p", { class: "saying", "aria-hidden": "true" });
    const note = make("p", { class: "small", hidden: true }, say.timeline_estimated);
    const node = make("div", { class: "player" }, make("div", { class: "row" }, button, time), said, note);

    const mine = () => sound.dataset.file === value().path;
    /** @param {number} to */
    const jump = (to) => {
      const { rows, path } = value();
      const row = rows[Math.max(0, Math.min(rows.length - 1, to))];
      if (!row) return;
      if (!mine()) { sound.src = bibier.fileUrl(path); sound.dataset.file = path; }
      sound.currentTime = Math.max(0, row.a - EDGE);
      if (!sound.paused) bibier.playOn();
      follow();
    };
    const toggle = () => {
      if (mine() && !sound.paused && through) { sound.pause(); return; }
      const { rows, chosen } = value();
      const row = rows[chosen];
      const inside = mine() && !sound.ended && sound.currentTime > 0
        && (!row || (sound.currentTime >= row.a - 2 * EDGE && sound.currentTime < row.b));
      if (!inside) jump(Math.max(0, chosen));
      through = true;
      bibier.playOn();
      void sound.play().catch(() => {});
    };
    /** @param {number} to */
    const show = (to) => {
      const segment = value().rows[to];
      if (to === shown && segment === known) return;
      shown = to;
      known = segment ?? null;
      const made = segment ? timed(segment) : { words: [], known: true };
      words = made.words;
      spoken = words.map(([word]) => make("span", {}, word));
      said.replaceChildren(...spoken.flatMap((word) => [word, " "]));
      note.hidden = made.known || !words.length;
    };
    const follow = () => {
      const { rows } = value();
      const playing = mine() && !sound.paused;
      if (!playing) through = false;
      const pauses = playing && through;
      const name = pauses ? say.timeline_pause : say.timeline_play;
      if (button.textContent !== name) button.textContent = name;
      button.classList.toggle("playing", pauses);
      const at = mine() ? sound.currentTime : 0;
      time.textContent = mine() && at ? bibier.clock(at) : "";
      if (!playing && !at) { if (index >= 0) heard(-1); index = -1; show(-1); return; }
      const now = rows.filter((row) => row.a - EDGE <= at).length - 1;
      if (now !== index) { index = now; heard(now); }
      show(index);
      spoken.forEach((word, i) => {
        word.classList.toggle("now", at >= words[i][1] && at < (words[i + 1]?.[1] ?? words[i][2]));
        word.classList.toggle("past", at >= words[i][2]);
      });
    };
    follow();
    return { node, follow,
      /** Whether it plays from one segment to the next. */
      get through() { return through && mine() && !sound.paused; }, jump };
  };
})();
