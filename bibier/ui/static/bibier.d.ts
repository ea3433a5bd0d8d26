// What the page's scripts share in the one global `bibier`. What Python sends stands in from_python.d.ts.
// Read by tsc alone: the browser never sees this file.

declare var bibier: Bibier;

interface Window {
  gradio_config?: { root?: string; components?: { id: number; props?: { elem_id?: string } }[] };
  /** Of vendor/plotly-basic.min.js, once it has come. */
  Plotly?: PlotlyBundle;
}

/** Raises one of the events that Python listens to. */
type Trigger = (event: string) => void;
/** What Gradio runs before an event is sent: the inputs come in and go out, the last one is what the page adds. */
type Preprocess = (...inputs: unknown[]) => unknown[];

interface Bibier extends PageFacts {
  // page.js
  /** The sentences in the page's language. */
  say: Sentences;
  /** Says the whole page in another language, without a reload. */
  setLanguage(language: Language): void;
  /**
   * Calls `redraw` once `say` and `language` are those of another language; gives what ends that. Elements made with
   * `data-say: KEY` (their text) or `data-say-NAME: KEY` (an attribute) follow by themselves, and so does every slot.
   */
  onLanguage(redraw: () => void): () => void;
  /** The language in which the last analysis was asked for. */
  spoken?: Language;
  remember(key: string, value: string): void;
  recall(key: string): string | null;
  /** The name of the recogniser that is chosen under Options; Python tells it. */
  recogniser?: string;
  /** The key of the checkpoint that this tab uses, "" for that of the start; with an argument, sets it. */
  checkpoint(key?: string): string;
  isDark(): boolean;
  isNarrow(): boolean;
  /** What the browser says about itself with each event, as JSON; with more fields when given. */
  view(more?: object): string;
  withView: Preprocess;
  startAnalysis: Preprocess;
  stopAnalysis: Preprocess;
  stopTimeline: Preprocess;
  make<K extends keyof HTMLElementTagNameMap>(
    tag: K,
    attributes?: Attributes<HTMLElementTagNameMap[K]>,
    ...children: Child[]
  ): HTMLElementTagNameMap[K];
  table(value: Table): HTMLDivElement;
  /** Writes into an element; a function is asked again in another language. */
  createLine(node: HTMLElement): (said: Said) => void;
  /** A sentence of the page by its key, in every language. */
  both(key: string): Record<Language, string>;
  /** A file that did not reach the server, and why: as the server answered, else the sentence of that key. */
  UploadRefused: new (body: string, key?: string) => Error & { texts: Record<Language, string> };
  /** "{name} is locked", {name: "Joy"} → "Joy is locked". */
  fill(sentence: string, values: Record<string, string | number>): string;
  local(number: string): string; // with the comma of a language that has one
  /** One stop of the Tab key for all buttons of a group: the keys in `steps`, Home and End move among them. */
  rove(group: HTMLElement, buttons: () => HTMLButtonElement[], steps: Record<string, number>): void;
  /** Calls `redraw` when the theme changes. */
  onTheme(redraw: () => void): void;
  draw: Drawings;

  // shell.js
  /** Puts the open tab into the address, and opens that of the address. */
  watchTabs(): void;

  // recorder.js
  createRecorder(
    element: HTMLElement,
    props: { value: SentFile | null },
    watch: (prop: string, changed: () => void) => void,
    trigger: Trigger,
  ): void;
  recorder?: { button: HTMLButtonElement; readonly recording: boolean };

  /** Fills the slot of a gr.HTML by the drawing of that name, now and whenever Python sets its value. */
  mount(
    name: keyof Drawings,
    element: HTMLElement,
    props: { value: never },
    watch: (prop: string, changed: () => void) => void,
  ): void;
  showStage(key: string): void;
  /** Scrolls a part of the page into sight, unless it is there or somebody is typing. */
  reveal(part: Element): void;

  // capture.js
  capture: Capture;
  // live.js
  live: Live;

  // analyse.js, privacy.js, timeline.js, agreement.js, models.js: the events of each part of the page
  pageEvents(trigger: Trigger): void;
  privacyEvents(trigger: Trigger): void;
  timelineEvents(trigger: Trigger): void;
  agreementEvents(trigger: Trigger): void;
  modelsEvents(trigger: Trigger): void;
  hubEvents(trigger: Trigger): void;
  comparisonEvents(trigger: Trigger): void;
  withStretch: Preprocess;
  withModels: Preprocess;
  withProject: Preprocess;
  /** The address of a file on the server. */
  fileUrl(file: string): string;
  /** Fetches Plotly, once; fails when it can't be fetched. */
  plotly(): Promise<PlotlyBundle>;
  /** A share as a whole per cent: "62%", in Russian with a no-break space; "<1%" for what rounds to nothing but isn't. */
  percent(share: number): string;
  /** What the chart shows of the voice, the words and both, in per cent; 0 where something is missing. */
  bars(): number[][];
  /** Shows other shares in the chart, until Python sets its value. */
  showBars(value: ChartValue): void;
  /** The sound of the Analyse tab. */
  sound: HTMLAudioElement;
  /** Plays a part of a file of the server, in seconds. */
  playPart(file: string, start: number, end: number): void;
  /** Lets the sound go on beyond the part that is being played. */
  playOn(): void;

  // timeline.js, ribbon_player.js
  /** 83.4 → "1:23.4"; without digits, "1:23". */
  clock(seconds: number, digits?: 0 | 1): string;
  createRibbonPlayer(options: {
    value(): Timeline;
    /** Told the number of the segment that is heard now, -1 for none. */
    heard(index: number): void;
  }): { node: HTMLElement; follow(): void; readonly through: boolean; jump(index: number): void };

  // chart.js, contour.js
  /** A picture of Plotly's in a part of the page that follows its width, the theme and the language. */
  createPicture(
    host: HTMLElement,
    figure: (width: number) => PlotlyFigure | null,
  ): { redraw(): Promise<void> };
  createContour(): { choice: HTMLElement; node: HTMLElement; put(path: string): void };

  // results.js, results_batch.js, models.js
  /** Sends a file; gives its place on the server. Throws an UploadRefused. */
  upload(file: File, going?: () => boolean): Promise<string>;
  /** Waveform, pitch and loudness of a file of the server. */
  contourOf(path: string): Promise<Contour | { error: Record<Language, string> } | null>;
  saveFile(name: string, content: Blob): void;
  createOutlets(host: HTMLElement, server: ResultServer): void;
  createBatch(server: ResultServer): { part: HTMLElement; button: HTMLButtonElement };
  /** Two results on one axis for each modality: place and shape tell whose a mark is. */
  axesChart(value: { axes: ComparedAxis[]; most: number; titles: [string, string]; label: string }): HTMLElement;

  // the Annotate tab
  largestRemainder(weights: number[], sum: number): number[];
  /** The seven emotions as bars. */
  seven: LabelBar[];
  /** In the page's language. */
  titleOf(bar: LabelBar): string;
  hues(bar: LabelBar): Record<string, string>;
  /** What a person said of a clip, drawn. */
  saidBy(bars: LabelBar[], person: { name: string; points: number[] }): HTMLElement;
  createLabelsEditor(): LabelsEditor;
  /** Of the seven emotions, or of other names. */
  createPoints(names?: readonly string[]): Points;
  /** How many emotions the preset takes. */
  PRESET_SIZE: number;
  digitKey(event: KeyboardEvent): { digit: number; less: boolean } | null;
  isTyping(node: EventTarget | null): boolean;
  createEditor(host: HTMLElement, options: EditorOptions): Editor;
  createPlayer(host: HTMLElement, options?: { tell?: Tell }): Player;
  createProjectPanel(options: ProjectPanelOptions): ProjectPanel;
  createClipList(options: { run: RunCalls; open(clip: string, review: boolean): void }): Sheet;
  createPeopleList(options: { run: RunCalls }): Sheet;
  /** The folders of the computer that the app runs on. */
  createPathPicker(options: { run: RunCalls; picked(path: string): void }): Sheet;
  annotateApi: AnnotateApi;
  outbox: Outbox;
  CONFIDENCE: number[];
  createAnnotateView(options: AnnotateViewOptions): AnnotateView;
  listenToKeys(options: AnnotateKeysOptions): void;
  createDesk(host: HTMLElement, call: Call): AnnotateDesk;
  createAnnotator(host: HTMLElement, server: AnnotateServer): void;
  /** Goes from another tab to a clip in Annotate. */
  openInAnnotate(clip: ClipAddress | null): void;
}

/** The part of Plotly that the page uses. */
interface PlotlyBundle {
  react(host: HTMLElement, data: object[], layout: object, config: object): Promise<unknown>;
  toImage(host: HTMLElement | PlotlyFigure, options: { format: string; width?: number; height?: number }): Promise<string>;
}
interface PlotlyFigure {
  data: object[];
  layout: object;
  config?: object;
}

// --- building the page ----------------------------------------------------------------------------------------------

/** A text, or what gives it in the page's language. */
type Said = string | (() => string);
/** "" and null are left out. */
type Child = Node | string | null | undefined;
/** null, undefined and false leave the attribute out; true sets it without a value. */
type AttributeValue = string | number | boolean | null | undefined;
type AttributeName =
  | "autocapitalize" | "autocomplete" | "checked" | "class" | "colspan" | "disabled" | "download" | "hidden" | "href" | "id"
  | "inputmode" | "lang" | "max" | "maxlength" | "min" | "name" | "open" | "placeholder" | "role" | "rows" | "scope"
  | "selected" | "size" | "spellcheck" | "step" | "tabindex" | "title" | "type" | "value";
type Attributes<E> = { [Name in AttributeName]?: AttributeValue } & {
  [name: `aria-${string}` | `data-${string}`]: AttributeValue;
} & {
  [K in keyof HTMLElementEventMap as `on${K}`]?: (event: HTMLElementEventMap[K] & { currentTarget: E }) => unknown;
} & { style?: Record<string, string | number> };

/** What Python sets as the value of each gr.HTML, drawn into its slot. */
interface Drawings {
  header(slot: HTMLElement): void;
  note(slot: HTMLElement): void;
  options(slot: HTMLElement, value: OptionsValue | null): void;
  dock(slot: HTMLElement): void;
  consent(slot: HTMLElement): void;
  /** The key of a sentence. */
  sentence(slot: HTMLElement, value: { key: string }): void;
  line(slot: HTMLElement, text: string): void;
  stage(slot: HTMLElement, value: Stage | null): void;
  verdict(slot: HTMLElement, value: Verdict | { key?: string; sentence?: undefined } | null): void;
  chart(slot: HTMLElement, value: ChartValue | null): void;
  plot(slot: HTMLElement, value: PlotlyFigure | null): void;
  table(slot: HTMLElement, value: Table | null): void;
  words(slot: HTMLElement, value: WeightedWords | { words: [] } | null): void;
  privacy(slot: HTMLElement, value: { text: string } | null): void;
  ribbon(slot: HTMLElement, value: Timeline | null): void;
  agreement(slot: HTMLElement, value: AgreementReport | { error: string } | null): void;
  numbers(slot: HTMLElement, value: Table | null): void;
  models(slot: HTMLElement, value: ModelList | null): void;
  hub(slot: HTMLElement, value: HubOffer | null): void;
  comparing(slot: HTMLElement, value: Comparison | null): void;
}

// --- the microphone --------------------------------------------------------------------------------------------------

interface Capture {
  /** s; no recording is longer. */
  SECONDS: number;
  /**
   * Begins to hear, where need be after the browser has asked. Fails with an Error that has the `key` of a sentence:
   * mic_denied, mic_missing, mic_busy, mic_insecure.
   */
  start(options?: CaptureOptions): Promise<Recording>;
}
interface CaptureOptions {
  /** Told the RMS of each twentieth of a second, in [0, 1]. */
  onLevel?: (level: number) => void;
  /** Told each block of a quarter of a second, and the rate in Hz; the last may be shorter. Together they are the wav. */
  onBlock?: (block: Int16Array<ArrayBuffer>, rate: number) => void;
  /** Told when it ends by itself: mic_gone, mic_full. `stop` gives what was heard until then. */
  onEnd?: (key: string) => void;
  /** At which it ends by itself. */
  seconds?: number;
}
interface Recording {
  /** Hz */
  readonly rate: number;
  /** So far. */
  readonly seconds: number;
  /** Ends, gives the microphone back, and gives what was heard as a wav file. */
  stop(): Promise<Blob>;
  /** Ends, gives the microphone back, and forgets what was heard. */
  cancel(): void;
}

/** The Live switch: while it is on, a recording is judged as it runs. */
interface Live {
  readonly on: boolean;
  /** Whether a recording that was judged as it ran is on its way to the server. */
  readonly handed: boolean;
  /** The name of the session that has heard it, once; "" where there is none. */
  take(): string;
  /** What was judged of that recording is on the page: the session is asked for nothing more. */
  arrived(): void;
  /** The recording doesn't come, or is another. */
  forget(): void;
  toggle(): void;
  /** Puts the switch into a slot; one of the class "live-slot" gets it by itself. */
  mount(slot: HTMLElement): void;
}
/** Probabilities in [0, 1]; null where there is none. */
interface BarsRow {
  name: string;
  label: string;
  colour: string;
  audio: number | null;
  text: number | null;
  bimodal: number | null;
}
interface LiveEvents {
  view(view: LiveView): void;
  utterances(utterances: LiveUtterance[]): void;
  /** There is no more to come; with the reason where that was not to be. */
  over(reason?: Stage): void;
}
// --- what leaves the Analyse tab ------------------------------------------------------------------------------------

interface PastClip {
  /** Of the file, "" for words alone. */
  name: string;
  sentences: Record<Language, string>;
  bars: ChartValue | null;
  /** Tells it from the others. */
  key: string;
  time: Date;
}
interface BatchItem {
  file: File;
  state: "waiting" | "sending" | "judging" | "done" | "stopped";
  row?: BatchRow;
}
/** What Plotly keeps at the node that it draws in. */
type DrawnPlot = HTMLElement & { data: object[]; layout: object };

