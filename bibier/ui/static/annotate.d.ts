// What the scripts of the Annotate tab share. Read by tsc alone: the browser never sees this file.

type Tell = (said: Said, kind?: string) => void;
/** Throws an Error with a sentence: of the server, or that no answer came (`isLost`). */
type Call = <Act extends AnnotateAct>(act: Act, facts?: object, patience?: number) => Promise<AnnotateAnswers[Act]>;
interface Annotator {
  project: string;
  annotator: string;
}

interface AnnotateApi {
  /** ms that a language model may take. */
  THINKING: number;
  uuid(): string;
  /** Names this page; a reload keeps the name, another tab has its own. */
  pageId(): string;
  /** The server before Gradio has built the tab; null when the page has no such tab. */
  plainServer(): AnnotateServer | null;
  createCall(server: AnnotateServer, who: () => object): Call;
  /** Whether no answer came, or one that may be another soon: the same may be sent again. */
  isLost(error: unknown): boolean;
  /** Whether the act is of somebody else than who is signed in. */
  isOthers(error: unknown): boolean;
  notSaved(): Error;
  /** What the server said that it can't do now but may do later; "" of any other error. */
  reasonOf(error: unknown): string;
}
/** A label or a skip that waits until the server has it. */
interface WaitingAct extends Partial<Label>, Annotator {
  act: "save" | "skip" | "repeat" | "decide";
  clip: string;
  uuid: string;
  seconds: number;
  /** By which rule open points were given, and their share in [0, 1); "" and 0 when all were given. */
  fill?: FillRule;
  rest?: number;
}
type UnsentAct = Omit<WaitingAct, "uuid" | "seconds">;
interface Draft extends Label {
  clip: string;
  /** Of the editor, "" for a label as it was sent. */
  draft: string;
  seconds: number;
}
interface OutboxEvents {
  /** An act is on the server's disk. */
  arrived(act: WaitingAct, answer: SaveAnswer): void;
  /** An act was refused for good. */
  refused(act: WaitingAct, error: unknown): void;
  /** What waits will be sent again by itself. */
  delayed(error: unknown): void;
}
/** Drafts, and acts on their way: kept in this browser's storage until the server has them. */
interface Outbox {
  connect(call: Call): void;
  listen(events: OutboxEvents): void;
  /** Of everybody, the oldest first. */
  waiting(): WaitingAct[];
  /** Whether something of this person had to be sent again, before they acted anew. */
  wasLate(who: Annotator): boolean;
  add(act: UnsentAct, seconds: number): void;
  /** Sends what waits in its order; throws when it did not arrive. */
  flush(): Promise<void>;
  draft(who: Annotator, clip: string): Draft | null;
  keepDraft(who: Annotator, draft: Draft): void;
  dropDraft(who: Annotator, clip: string): void;
}

/** What becomes of open points: by what is given, to neutral, evenly to the others; "" when none are open. */
type FillRule = "" | "proportion" | "neutral" | "even";
/** Whole numbers that sum to at most 100, one a label. */
interface Points {
  /** Points that a digit gives. */
  STEP: number;
  readonly points: number[] | null;
  /** Points that are open. */
  readonly rest: number;
  locked: boolean[];
  /** Which of them the project has. */
  offered: boolean[];
  set(bar: number, value: number): void;
  give(bar: number, less: boolean): void;
  lock(bar: number): void;
  shape(points: number[] | null): void;
  empty(): void;
  /** All to one. */
  alone(bar: number): void;
  preset(bars: number[]): void;
  /** What the label would be; null where the rule can't be used. */
  filled(rule: FillRule): number[] | null;
  snapshot(): string;
  restore(text: string): void;
}
interface LabelsEditor {
  node: HTMLElement;
  show(setting: LabelsSetting): void;
  readonly value: LabelsSetting;
}
interface EditorOptions {
  /** Where the sum is written. */
  sum: HTMLElement;
  changed?: () => void;
  tell?: Tell;
}
interface Editor {
  /** Tells whether the key was one of the editor's. */
  key(event: KeyboardEvent): boolean;
  undo(): boolean;
  redo(): boolean;
  clear(): void;
  hard(): void;
  mark(proposals: { name: string; points: number[] }[]): void;
  preset(): void;
  /** Calls `then` at once when all points are given, else when the person has chosen what becomes of the rest. */
  complete(then: (rule: FillRule, rest: number) => void): void;
  /** Which bars there are. */
  offer(bars: LabelBar[]): void;
  readonly points: number[] | null;
  readonly draft: string;
  load(points: number[] | null, draft?: string | null): void;
}
interface Player {
  show(clip: string | null): Promise<void>;
  prefetch(clip: string): void;
  stop(): void;
  /** Tells whether the key was one of the player's. */
  key(event: KeyboardEvent): boolean;
}
/** Runs calls; errors are told. */
type RunCalls = (job: (call: Call) => Promise<void>) => void;
interface Sheet {
  dialog: HTMLDialogElement;
  /** Opens it; the path picker at a path. */
  show(path?: string): void;
}
interface ProjectPanelOptions {
  run: RunCalls;
  tell: Tell;
  name(): string;
  settled(answer: OpenAnswer): void;
  /** Labels came into a project. */
  taken(answer: AnnotateAnswers["take"]): void;
}
interface ProjectPanel {
  nodes: HTMLElement[];
  show(answer: Partial<ProjectList>): void;
}

/** What the buttons and the keys of the Annotate tab do. */
interface AnnotateActs {
  enter(chosen: { project?: string; annotator?: string; clip?: string }): void;
  /** Without a source, of the examples that come with the app. */
  create(source: string, name: string, labels: LabelsSetting): void;
  /** Shows a clip of the list; for a review with everybody's labels. */
  open(clip: string, review: boolean): void;
  toggleConfidence(value: number): void;
  nextConfidence(): void;
  changed(): void;
  commit(): void;
  reveal(): void;
  ask(): void;
  back(): void;
  skip(reason: string): void;
  undo(): void;
  redo(): void;
  preset(): void;
  hard(): void;
  clear(): void;
}
interface AnnotateViewOptions {
  host: HTMLElement;
  acts: AnnotateActs;
  annotator: string;
  createPanel(tell: Tell): ProjectPanel;
  run: RunCalls;
}
interface AnnotateView {
  tell: Tell;
  /** What is told now. */
  told(): string;
  /** Whether somebody else, or another tab, works under this name. */
  showAlso(kind: Also): void;
  /** What was saved, and what waits. */
  showDelivery(said: Said, kind: "small" | "good" | "alert"): void;
  // filled by others
  bars: HTMLElement;
  sum: HTMLElement;
  player: HTMLElement;
  note: HTMLTextAreaElement;
  guide: HTMLDialogElement;
  openGuide(): void;
  skipping: HTMLDialogElement;
  /** Whether a sheet is over the page. */
  isCovered(): boolean;
  /** The project's own guidelines; opened by itself when a person sees them for the first time. */
  showGuide(nodes: CardNode[], key: string): void;
  /** Skips for the reason of that number from 1 on; false when there is none. */
  skipFor(number: number): boolean;
  showProjects(answer: ProjectList, chosen: string): void;
  /** Where annotations live. */
  showStorage(state: { texts: Record<Language, string>; warns: boolean } | undefined): void;
  showName(annotator: string): void;
  showProgress(answer: Partial<Done>): void;
  showClip(clip: ClipView | null): void;
  /** What stands in place of a clip. */
  /** What stands in the place of a clip; `done` when there was one. */
  showEmpty(said: Said, done?: boolean): void;
  showOpinions(proposals: (Proposal & { name: string })[], revealed: boolean): void;
  showConfidence(value: number | null): void;
  /** Which buttons for proposals there are. */
  offer(offers: { reveal: boolean; ask: boolean }): void;
  canAsk(): boolean;
  showSeconds(seconds: number): void;
  closeCreating(): void;
}
/** The tab once it is seen: one person before one project. */
interface AnnotateDesk {
  enter(chosen: { project?: string; annotator?: string; clip?: string }): void;
  stop(): void;
  who(): Annotator;
}
interface AnnotateKeysOptions {
  host: HTMLElement;
  view: AnnotateView;
  editor: Editor;
  player: Player;
  acts: AnnotateActs;
  /** Whether a clip is on the page. */
  hasClip(): boolean;
}
