// The shapes that cross between Python and the browser, by the file that makes them.
// Read by tsc alone: the browser never sees this file.

type Language = "en" | "ru";
type Modality = "bimodal" | "audio" | "text";
/** Sentences of the page by their key. */
type Sentences = Record<string, string>;

/** Written into the page by ui/page_script.py. */
interface PageFacts {
  language: Language;
  /** How long recordings are kept; null without a limit. */
  hours: number | null;
  /** The script of Gradio's that changes the language of its labels, if it was found. */
  locale: string | null;
  languages: Record<Language, Sentences>;
  /** In the order of every vector. */
  emotions: string[];
  names: Record<Language, Record<string, string>>;
  colours: Record<string, string>;
  coloursDark: Record<string, string>;
}

/** Rows begin with their heading. */
interface Table {
  head: string[];
  rows: string[][];
}

// --- Live: made in ui/live/service.py --------------------------------------------------------------------------------

interface LiveResult {
  audio?: Record<string, number> | null;
  text?: Record<string, number> | null;
  bimodal?: Record<string, number> | null;
  /** Why one of them is not to be relied on. */
  audio_doubt?: string | null;
  text_doubt?: string | null;
  bimodal_doubt?: string | null;
  /** Why an utterance says nothing. */
  error?: string;
  /** These reasons in every language. */
  sentences?: Record<Language, Record<string, string>>;
}
interface LiveUtterance extends LiveResult {
  number: number;
  /** s from the beginning. */
  start: number;
  end: number;
  transcript?: string;
}
interface LiveView {
  /** Samples. */
  heard: number;
  level: number;
  /** null while nobody speaks. */
  bars: { start: number; end: number; audio: Record<string, number>; audio_doubt: string | null } | null;
  utterances: LiveUtterance[];
  /** Utterances that are being judged, or wait for it. */
  waiting: number;
  done: boolean;
}

// --- Analyse --------------------------------------------------------------------------------------------------------

interface Stage {
  /** Of a sentence of the page. */
  key?: string;
  /** Made by the server. */
  text?: string;
  texts?: Record<Language, string>;
  error?: boolean;
  /** It can be cancelled. */
  stop?: boolean;
  /** Nothing is going on. */
  still?: boolean;
}

/** Made in ui/analyse/handlers.py. */
interface OptionsValue {
  recogniser: string;
}

interface Badge {
  kind: "agree" | "differ" | "disagree" | "rough";
  text: string;
  technical: string;
}
/** Made in ui/analyse/summary.py. */
interface Verdict {
  notices: string[];
  sentence: string;
  sure: string;
  /** What both together say, where the sentence is about their disagreement. */
  below: string;
  badge: Badge | null;
  /** That the words are a rough recogniser's. */
  rough: Badge | null;
  winner: string | null;
  made?: string;
  /** Name of the clip's file, "" for words alone. */
  clip?: string;
  /** The sentence in every language. */
  sentences?: Record<Language, string>;
}

/** A file on the server, as Gradio knows it. */
interface SentFile {
  path: string;
  orig_name?: string;
  size?: number;
  mime_type?: string;
  meta?: { _type: "gradio.FileData" };
}

/** Made in ui/analyse/chart.py. */
interface ChartValue {
  rows: ChartRow[];
  /** Why a modality is missing, why it is not to be relied on. */
  reasons?: Partial<Record<Modality, string>>;
  doubts?: Partial<Record<Modality, string>>;
}
/** Shares in [0, 1]. */
interface ChartRow {
  name: string;
  label: string;
  audio?: number | null;
  text?: number | null;
  bimodal?: number | null;
}

type WordWeight = "occlusion" | "attention";
/** Made in ui/analyse/words.py. */
interface WeightedWords {
  words: WeightedWord[];
  text: string;
  emotion: string;
  /** Of the clip on the server; null when no word has its time. */
  path: string | null;
}
interface WeightedWord {
  /** Characters as Python counts them. */
  begin: number;
  stop: number;
  /** Shares in [0, 1] and in [-1, 1]. */
  attention: number;
  occlusion: number;
  attention_text: string;
  occlusion_text: string;
  /** Seconds. */
  start: number | null;
  end: number | null;
  time: string;
}

/** Made in ui/analyse/long_form.py. */
interface Timeline {
  path: string;
  seconds: number;
  peaks: number[];
  rows: TimelineSegment[];
  /** -1 for the whole. */
  chosen: number;
  running: boolean;
}
/** Without `shares` and `error` it was not judged yet. */
interface TimelineSegment {
  /** Seconds. */
  a: number;
  b: number;
  error?: string;
  /** In thousandths; null where the modality is missing. */
  shares?: Record<Modality, number[] | null>;
  /** Modalities that are unlike anything that the model learnt from. */
  unlike?: Modality[];
  text?: string;
  /** With start and end in seconds. */
  words?: [string, number, number][];
}

// --- Agreement and Models -------------------------------------------------------------------------------------------

/** Made in ui/agreement/report.py. */
interface AgreementReport {
  sentence: string;
  /** Alpha in plain words. */
  verdict?: string;
  tables?: AgreementTable[];
  worst?: DisputedClip[];
  /** How many more clips there are whose labels the visitor may not see yet. */
  unseen?: string;
  labels?: LabelBar[];
  projects: string[];
  project: string | null;
}
interface AgreementTable extends Table {
  title: string;
  hint?: string;
  reason?: string;
  /** Of each row: alpha and the ends of its interval. */
  dots?: ([number, number, number] | null)[];
  /** Of each cell after the heading, in [0, 1]. */
  shades?: number[][];
}
interface DisputedClip extends ClipAddress {
  text: string;
  words: string;
  people: { name: string; points: number[] }[];
}

/** What is going on, as a line of the Models tab. */
interface Progress {
  said?: string;
  texts?: Record<Language, string>;
  busy?: boolean;
  error?: boolean;
}
/** A tag with its contents, as ui/models/model_card.py makes them of a foreign model card. */
type CardNode = string | [string, ...CardNode[]];
/** Made in ui/models/handlers.py. */
interface ModelList extends Progress {
  lines?: string[];
  /** Why none can be chosen. */
  closed?: string;
  cards?: ModelCard[];
  chosen?: string;
}
interface ModelCard {
  key: string;
  title: string;
  start: boolean;
  chosen: boolean;
  problem: string;
  facts: [string, string][];
  figures: Table | null;
  parts: string[][];
  card: CardNode[];
}
/** Made in ui/models/handlers.py. */
interface HubOffer extends Progress {
  closed: string;
  hidden: boolean;
  /** The words of the button that fetches. */
  offer?: string;
  /** How much is there, in [0, 1]. */
  share?: number;
}
/** What two checkpoints say by one modality: shares in [0, 1], null where one says nothing. */
interface ComparedAxis {
  title: string;
  rows: { emotion: string; shares: [number | null, number | null]; texts: [string, string] }[];
}
/** Made in ui/models/compare.py. */
interface Comparison extends Progress {
  /** Key and title. */
  choices: [string, string][];
  chosen: [string, string];
  why: string;
  result?: Table & {
    words: string;
    /** Of both checkpoints. */
    titles: [string, string];
    axes: ComparedAxis[];
    /** Where the axes end, in (0, 1]. */
    most: number;
    numbers: (Table & { title: string })[];
  };
}

// --- what leaves the Analyse tab: ui/results/handlers.py ------------------------------------------------------------

interface ExportedFile {
  name: string;
  text: string;
}
/** Headlines of one of several recordings, and its line of the table; or why there are none. */
interface BatchRow {
  both?: Record<Language, string>;
  voice?: Record<Language, string>;
  words?: Record<Language, string>;
  /** For the colour. */
  emotion?: string;
  /** Why nothing is said by any of them. */
  nothing?: Record<Language, string>;
  transcript?: string;
  /** Of the CSV, with their ends. */
  head?: string;
  line?: string;
  error?: Record<Language, string>;
  /** The same may be asked again. */
  passing?: boolean;
}
/** Gradio's server functions: null when the request failed. */
/** Evenly over `seconds`: peaks in per cent, level in dBFS, pitch in Hz; null where no voice is heard. */
interface Contour {
  seconds: number;
  peaks: number[];
  level: number[];
  pitch: (number | null)[];
}
interface ResultServer {
  export(sent: object): Promise<ExportedFile | { error: Record<Language, string> } | null>;
  judge(sent: object): Promise<BatchRow | null>;
  contour(sent: object): Promise<Contour | { error: Record<Language, string> } | null>;
}

// --- Annotate: what ui/annotate/handlers.py answers -----------------------------------------------------------------

interface ClipAddress {
  project: string;
  clip: string;
}
interface Label {
  /** Whole numbers with the sum 100, one a label; null while untouched. */
  points: number[] | null;
  confidence: number | null;
  note: string;
}
interface Proposal {
  /** "model:…" or "llm:…". */
  source: string;
  points: number[];
}
interface ClipView {
  /** SHA-256. */
  clip: string;
  text: string;
  language: string | null;
  duration: number | null;
  label: Label | null;
  proposals: Proposal[];
  revealed: boolean;
  /** Why it was skipped. */
  skipped: string | null;
  /** It comes a second time, or a third person decides. */
  mode: "" | "repeat" | "review";
  /** What others said, in a review. */
  people: { name: string; points: number[] }[];
}
interface Done {
  done: number;
  total: number;
}
interface Coming extends Done {
  now: ClipView | null;
  after: ClipView | null;
  /** What would come after that. */
  later?: ClipView[];
}
/** Who else works under this name: "tab" of this browser, or another "person"; "" for nobody. */
type Also = "" | "tab" | "person";
/** A label of a list of the project's own, as it is set: its name in the log, titles, #rrggbb or "". */
interface OwnLabel {
  name: string;
  en?: string;
  ru?: string;
  colour?: string;
}
/** Some of the seven emotions, all of them for an empty list, or a list of the project's own. */
type LabelsSetting = (string | OwnLabel)[];
/** A label as it is drawn. */
interface LabelBar {
  name: string;
  titles: Record<Language, string>;
  colour: string;
  "colour_dark": string;
  /** Whether people may give it points. */
  offered: boolean;
}
interface ProjectSettings {
  proposals: string;
  wanted: number;
  order: string;
  share: number;
  labels: LabelsSetting;
  repeats: number;
  /** Markdown. */
  guidelines: string;
}
interface ProjectList {
  projects: string[];
  /** Paths of the server may be given; undefined in answers that don't say. */
  paths?: boolean;
  advice?: boolean;
  bars?: LabelBar[];
  /** Whether models know the labels. */
  judged?: boolean;
  settings?: ProjectSettings;
}
interface OpenAnswer extends ProjectList, Partial<Coming> {
  annotator: string;
  project?: string;
  /** Where annotations live. */
  kept?: { texts: Record<Language, string>; warns: boolean };
  also?: Also;
  /** The project's own guidelines. */
  guide?: CardNode[];
}
interface SaveAnswer extends Coming {
  also?: Also;
  saved: string;
  new: boolean;
}
interface StepAnswer extends Partial<Done> {
  nothing?: boolean;
  now?: ClipView;
  /** What was undone, when nothing stands in its place. */
  undone?: Label | null;
}
/** A clip in the list: how far the person is with it, and how many people have labelled it. */
interface ListedClip {
  clip: string;
  text: string;
  state: string;
  labels: number;
}
/** Labels of a person, the median of the seconds on each, and when the last was given, in UTC. */
interface PersonsPace {
  name: string;
  done: number;
  seconds: number;
  last: string;
}
interface AnnotateAnswers {
  open: OpenAnswer;
  enter: ProjectList & { project: string };
  settle: OpenAnswer;
  /** `told`: what came in. */
  take: ProjectList & { project: string; told: string };
  save: SaveAnswer;
  skip: SaveAnswer;
  reveal: { now: ClipView };
  ask: { now: ClipView };
  repeat: SaveAnswer;
  decide: SaveAnswer;
  clips: { clips: ListedClip[]; found: number };
  people: { people: PersonsPace[] };
  /** How much of the project that is being made is read; 0 of 0 of none. */
  making: { done: number; total: number };
  browse: { folder: string; above: string; folders: string[]; files: string[] };
  visit: { now: ClipView };
  step: StepAnswer;
  export: { name: string; text: string };
  hold: { held: boolean; also?: Also };
}
type AnnotateAct = keyof AnnotateAnswers;
/** `passing`: the same may be taken later. */
interface AnnotateRefusal {
  error: Record<Language, string>;
  passing: boolean;
  /** The act is of somebody else than who is signed in. */
  others?: boolean;
}
/** Gradio's server functions: null when the request failed. */
type AnnotateServer = {
  [Act in AnnotateAct]: (sent: object) => Promise<AnnotateAnswers[Act] | AnnotateRefusal | null>;
};
