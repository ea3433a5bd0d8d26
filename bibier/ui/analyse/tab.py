"""The Analyse tab: its components and which event does what. What an event means is in `handlers.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from bibier.errors import Cancelled, InputError, LoadError
from bibier.i18n.page import say
from bibier.log import note
from bibier.security.disk_quota import DiskQuota
from bibier.security.session import visitor
from bibier.ui.analyse.channel import NAMES
from bibier.ui.analyse.deletion import Deletion
from bibier.ui.analyse.erasure import Erasure
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.long_form import LongFormHandlers
from bibier.ui.analyse.page_values import error_stage, failure
from bibier.ui.analyse.state import AnalysisState
from bibier.ui.analyse.updates import AnalyseUpdate, Stage
from bibier.ui.annotate.answers import ClipAddress
from bibier.ui.annotate.handlers import SENT
from bibier.ui.client import sent_object
from bibier.ui.components import (
    HIDDEN,
    Changes,
    EventOptions,
    Listener,
    Part,
    context_of,
    event_of,
    scope_of,
    slot,
)
from bibier.ui.gradio_import import Dependency, FileSlot, get_upload_folder, save_file_to_cache
from bibier.ui.gradio_import import gradio as gr
from bibier.ui.gradio_state import TabStates
from bibier.ui.live.service import LiveService
from bibier.ui.services import Example, Services


class OnDevice(TypedDict):
    """Options of an event that runs a model."""

    concurrency_id: str
    concurrency_limit: int | None


class LastWins(TypedDict):
    """Options of an event of which the last counts."""

    trigger_mode: Literal["always_last"]


WAIT = "(...inputs) => bibier.startAnalysis(...inputs)"  # says at once that the click was heard
STOP = "(...inputs) => bibier.stopAnalysis(...inputs)"
END = "(...inputs) => bibier.stopTimeline(...inputs)"
SEEN = "(...inputs) => bibier.withView(...inputs)"
STRETCH = "(...inputs) => bibier.withStretch(...inputs)"
RIBBON = 'bibier.timelineEvents(trigger); /* Gradio looks here for events: "pick" "stop" */'
SIGNALS = 'bibier.pageEvents(trigger); /* Gradio looks here for events: "opened" "typed" "edit" "language" */'
RECORDER = "bibier.createRecorder(element, props, watch, trigger);"
ERASING = 'bibier.privacyEvents(trigger); /* "erase" */'
# One analysis at a time: our own queue sees to that and says how long (inference/queue.py); Gradio's would be silent.
INFERENCE: OnDevice = {"concurrency_id": "inference", "concurrency_limit": None}
RESULTS = (
    *("transcript", "author", "analyse", "stage", "verdict", "chart", "table", "words", "state", "ribbon"),
    "channel",
)
Outlets = Callable[[Deletion], object]
# path, words, language, seconds, whether a clip of this hash is the visitor's own → where it is shown
Receiving = Callable[[str, str, str, float, Callable[[str], bool]], ClipAddress]
# By default an event is dropped while another of its kind runs: a clip that came right after "clear" would be lost.
LATEST: LastWins = {"trigger_mode": "always_last"}


def number_in(raw: str | None) -> object:
    """Return which stretch the page asks about; its word is input like any other, and checked where it is used."""
    return sent_object(raw).get("stretch")


def examples(services: Services, i18n: gr.I18n) -> list[gr.Button]:
    """Show the examples as buttons, a row for each language that is spoken in them."""
    picks: dict[int, gr.Button] = {}
    with gr.Column(elem_id="examples", visible=bool(services.examples)):
        slot("sentence", {"key": "examples"}, elem_classes="plain")
        for language in dict.fromkeys(example.language for example in services.examples):
            with gr.Row(elem_classes="picks"):
                slot("sentence", {"key": f"spoken_{language}"}, elem_classes="plain spoken")
                for index, example in enumerate(services.examples):
                    if example.language == language:
                        title = i18n(f"example_{index}")
                        picks[index] = gr.Button(title, size="sm", min_width=0, elem_classes="example")
    return [picks[index] for index in sorted(picks)]


def build(
    services: Services,
    i18n: gr.I18n,
    receive: Receiving,
    privacy: Erasure,
    outlets: Outlets,
    quota: DiskQuota,
    live: LiveService,
) -> tuple[AnalyseHandlers, gr.State, Deletion]:
    """Lay the tab out in the open `gr.Blocks` and wire it; `receive` takes a recording over into the annotations,
    `outlets` lays out what leaves the tab, `quota` reserves room for the files that it writes, `live` hears what is
    judged while it is spoken.

    Returns what the tab works with, where its last analysis stands, and what ends work on deleted recordings.
    """
    analysing = AnalyseHandlers(services)
    long = LongFormHandlers(analysing, Path(get_upload_folder()) / "stretches", quota, live)
    deletion = Deletion(privacy, long, live)
    part: dict[str, Part] = {}
    with gr.Row(elem_id="columns"):
        with gr.Column(scale=5, min_width=320, elem_id="left"):
            with gr.Column(elem_id="recorder"):
                voice = part["voice"] = FileSlot(
                    html_template='<div class="slot"></div>',
                    js_on_load=RECORDER,
                    apply_default_css=False,
                    elem_id="voice",
                )
                slot("consent", elem_id="consent")
                start = part["analyse"] = gr.Button(
                    i18n("analyse"), variant="primary", interactive=False, elem_id="analyse"
                )
            picks = examples(services, i18n)
            with gr.Column(elem_id="typed"):
                transcript = part["transcript"] = gr.Textbox(
                    label=i18n("transcript"),
                    placeholder=i18n("transcript_placeholder"),
                    lines=3,
                    max_lines=8,
                    max_length=200_000,
                    elem_id="transcript",
                )
                part["author"] = slot("line", "", elem_id="author")
            part["options"] = slot("options", elem_id="fold")
            with gr.Column(elem_id="options"):
                recognisers = part["recogniser"] = gr.Dropdown(
                    label=i18n("recogniser"),
                    choices=[(choice.label.text(), choice.name) for choice in services.recognisers()],
                    value=next(choice.name for choice in services.recognisers() if choice.ready),
                    interactive=True,
                    elem_id="recogniser",
                )
                channels = part["channel"] = gr.Radio(
                    NAMES, value=NAMES[0], label=i18n("channel"), visible=False, interactive=True, elem_id="channel"
                )
                with gr.Row(visible=False, elem_id="fetching") as fetching:
                    part["ask"] = slot("line", "", elem_id="ask")
                    fetch = gr.Button(i18n("fetch"), size="sm", elem_id="fetch")
                part["fetching"] = fetching
        with gr.Column(scale=8, min_width=320, elem_id="results"):
            with gr.Column(elem_id="verdict"):
                part["verdict"] = slot("verdict", elem_id="judgement")
                with gr.Row(elem_id="status"):
                    part["stage"] = slot("stage", {"key": "stage_loading"}, elem_id="stage", js=SIGNALS)
                    cancel = gr.Button(i18n("cancel"), size="sm", elem_id="cancel")
            part["ribbon"] = slot("ribbon", elem_id="ribbon", js=RIBBON)
            with gr.Column(elem_id="bars"):
                part["chart"] = slot("chart", elem_id="chart")
                part["table"] = slot("table", elem_id="table")
            part["words"] = slot("words", elem_id="words")
            with gr.Row(elem_id="leaving"):
                relabel = gr.Button(i18n("relabel"), size="sm", min_width=0, elem_id="relabel")
                outlets(deletion)
    with gr.Column(elem_id="foot"):
        slot("note", elem_id="note")
        part["privacy"] = slot("privacy", elem_id="privacy", js=ERASING)
    slot("dock", elem_id="dock")
    last = part["state"] = gr.State(None, time_to_live=3600)
    client = gr.Textbox(visible=False)

    def put(shown: AnalyseUpdate) -> Changes:
        """Turn values by name into Gradio's updates."""
        out: Changes = {part[name]: value for name, value in shown.items()}
        if "analyse" in shown:
            out[part["analyse"]] = gr.Button(interactive=shown["analyse"])
        if "recogniser" in shown:
            out[part["recogniser"]] = gr.Dropdown(**shown["recogniser"])
        if "channel" in shown:
            out[part["channel"]] = gr.Radio(**shown["channel"])
        if "fetching" in shown:
            out[part["fetching"]] = gr.Row(visible=shown["fetching"])
        return out or {part["stage"]: gr.skip()}  # Gradio takes an empty mapping for a missing answer

    def arrived(
        clip: str | None, text: str | None, state: AnalysisState | None, raw: str | None, request: gr.Request
    ) -> Changes:
        context = context_of(raw, request)
        analysing.stop(context)  # of the clip that this one replaces
        return put(analysing.arrived(clip, text or "", state, context) | long.forget(context))

    def analyse(
        clip: str | None,
        text: str | None,
        recogniser: str | None,
        channel: str | None,
        state: AnalysisState | None,
        raw: str | None,
        request: gr.Request,
    ) -> Iterator[Changes]:
        context = context_of(raw, request)
        steps = long.analyse(clip, text or "", recogniser, state, context, channel=channel or NAMES[0])
        for shown in deletion.passing(context, clip, steps):
            yield put(shown)

    def placing(example: Example) -> Callable[[str | None], Changes]:
        def place(_raw: str | None) -> Changes:
            clip = save_file_to_cache(example.path, cache_dir=voice.GRADIO_CACHE)
            return put({"voice": clip, "transcript": example.transcript, "state": None})

        return place

    def trying(example: Example) -> Callable[[str | None, str | None, str | None, gr.Request], Iterator[Changes]]:
        def attempt(
            clip: str | None, recogniser: str | None, raw: str | None, request: gr.Request
        ) -> Iterator[Changes]:
            context = context_of(raw, request)
            steps = long.analyse(clip, example.transcript, recogniser, None, context, example=example)
            for shown in deletion.passing(context, clip, steps):
                yield put(shown)

        return attempt

    def typed(text: str | None, clip: str | None, _raw: str | None) -> Changes:
        return put({"analyse": bool(clip or (text or "").strip())})  # typed words alone can be analysed too

    def edited(text: str | None, state: AnalysisState | None, raw: str | None, request: gr.Request) -> Changes:
        context = context_of(raw, request)

        def act() -> AnalyseUpdate:
            return long.corrected(analysing.edited(text or "", state, context), context)

        return put(deletion.passing_one(context, state.clip if state is not None else None, act))

    def pick(raw: str | None, request: gr.Request) -> Changes:
        context = context_of(raw, request)
        return put(deletion.passing_one(context, None, lambda: long.pick(number_in(raw), context)))

    def stop_stretches(raw: str | None, request: gr.Request) -> None:
        long.stop(context_of(raw, request))

    def restore(raw: str | None, request: gr.Request) -> Changes:
        context = context_of(raw, request)
        return put(analysing.choices(context.theme.language) | analysing.restore(context) | long.restore(context))

    async def ready(raw: str | None, request: gr.Request) -> Changes:
        language = context_of(raw, request).theme.language
        await asyncio.wait([asyncio.wrap_future(services.reader)])
        error = services.reader.exception()
        if error is None:
            return put({"stage": None})
        sentence = error.text if isinstance(error, InputError) else partial(say, "failed_models")
        return put(failure(sentence, language))

    def respoken(state: AnalysisState | None, recogniser: str | None, raw: str | None, request: gr.Request) -> Changes:
        return put(long.respoken(state, recogniser, context_of(raw, request)))

    def choose(recogniser: str | None, raw: str | None, request: gr.Request) -> Changes:
        return put(analysing.choose(recogniser, context_of(raw, request)))

    def download(recogniser: str | None, raw: str | None, request: gr.Request) -> Iterator[Changes]:
        for shown in analysing.download(recogniser, context_of(raw, request)):
            yield put(shown)

    def send(
        state: AnalysisState | None, raw: str | None, request: gr.Request
    ) -> tuple[Stage | dict[str, object], ClipAddress | None]:
        context = context_of(raw, request)
        if state is None or not state.clip or not Path(state.clip).is_file():
            key = "relabel_stretch" if long.here(context) else "relabel_nothing"
            return error_stage(partial(say, key), context.theme.language), None
        words, seconds = state.prediction.transcript, state.prediction.duration
        clip, guest = state.clip, visitor(scope_of(request))

        def own(sha256: str) -> bool:
            return privacy.is_own(guest, (SENT, sha256))

        try:
            address = privacy.take(
                guest, Path(clip), lambda: receive(clip, words.text, words.language or "", seconds, own)
            )
        except InputError as error:
            return error_stage(error.text, context.theme.language), None
        return gr.skip(), address

    def stop(raw: str | None, request: gr.Request) -> None:
        context = context_of(raw, request)
        analysing.stop(context)
        long.stop(context)

    def erase(raw: str | None, request: gr.Request) -> Changes:
        context = context_of(raw, request)
        shown = analysing.clear(context) | long.forget(context)
        erased = deletion.erase(visitor(scope_of(request)))
        if isinstance(states := scope_of(request)["app"].state_holder, TabStates):
            states.empty(context.owner[0], last._id)
        note("erase", request=context.request, files=erased.files + erased.clips, kept=erased.labelled + erased.shared)
        return put(shown | {"privacy": {"text": erased.text(context.theme.language)}})

    def failed(raw: str | None, request: gr.Request) -> Changes:
        return put(failure(partial(say, "failed"), context_of(raw, request).theme.language))

    def predict(clip: str | None, text: str | None, request: gr.Request) -> dict[str, object]:
        """Answer programs: probabilities by label for the voice, the words and both."""
        context = context_of(None, request)
        try:
            with deletion.working(context.owner[0]) as deleted:
                judged = analysing.predict(clip, text, context)
                if deleted():
                    raise Cancelled
                return judged
        except Cancelled as error:
            raise gr.Error(say("erased_running", context.theme.language), print_exception=False) from error
        except InputError as error:
            raise gr.Error(error.text(context.theme.language), print_exception=False) from error
        except (ValueError, LoadError) as error:
            raise gr.Error(str(error), print_exception=False) from error

    def wire(
        event: Listener,
        function: Callable[..., object],
        inputs: Iterable[str],
        name: str,
        *,
        js: str = WAIT,
        shows: Iterable[str] = tuple(part),
        **options: Unpack[EventOptions],
    ) -> Dependency:
        sources = [*(part[component] for component in inputs), client]
        shown = [part[component] for component in shows]
        wired = event(function, sources, shown, **{**HIDDEN, "api_name": name, "js": js, **options})
        wired.failure(failed, [client], [part["stage"]], js=SEEN, api_name=f"{name}_failed", **HIDDEN)
        return wired

    stage, ribbon = part["stage"], part["ribbon"]
    # not the page's own load event: it may come before a component is mounted, and then its answer is lost
    wire(event_of(stage, "opened"), restore, [], "restore", js=SEEN, queue=False)
    wire(event_of(stage, "opened"), ready, [], "ready", js=SEEN, shows=["stage"], concurrency_limit=None)
    came = wire(voice.input, arrived, ["voice", "transcript", "state"], "arrived", js=SEEN, **LATEST)
    everything = ("voice", "transcript", "recogniser", "channel", "state")
    wire(came.success, analyse, everything, "arrived_analyse", shows=RESULTS, **LATEST, **INFERENCE)
    wire(voice.clear, arrived, ["voice", "transcript", "state"], "cleared", js=SEEN, **LATEST)
    wire(start.click, analyse, everything, "analyse", shows=RESULTS, **INFERENCE)
    wire(channels.input, analyse, everything, "choose_channel", shows=RESULTS, **INFERENCE)
    wire(event_of(part["privacy"], "erase"), erase, [], "erase", js=SEEN, queue=False)
    cancel.click(stop, [client], None, js=STOP, api_name="stop", queue=False, **HIDDEN)
    for index, button in enumerate(picks):
        example, name = services.examples[index], f"example_{index}"
        # The clip is placed by an event of its own: Gradio's browser side changes what a generator gave before in
        # place, and would spoil the clip with the next stage's update.
        placed = wire(button.click, placing(example), [], name, shows=["voice", "transcript", "state"], queue=False)
        wire(placed.success, trying(example), ["voice", "recogniser"], f"{name}_analyse", shows=RESULTS, **INFERENCE)
    wire(event_of(stage, "language"), respoken, ["state", "recogniser"], "respoken", js=SEEN, **LATEST)
    wire(event_of(stage, "edit"), edited, ["transcript", "state"], "edit", js=SEEN, **LATEST, **INFERENCE)
    wire(event_of(ribbon, "pick"), pick, [], "stretch", js=STRETCH, shows=RESULTS, **LATEST, queue=False)
    event_of(ribbon, "stop")(stop_stretches, [client], None, js=END, api_name="stop_stretches", queue=False, **HIDDEN)
    wire(recognisers.input, choose, ["recogniser"], "choose", js=SEEN, shows=["fetching", "ask", "options"])
    wire(fetch.click, download, ["recogniser"], "download", shows=["stage", "fetching", "ask", "recogniser", "options"])
    wire(
        event_of(stage, "typed"),
        typed,
        ["transcript", "voice"],
        "typed",
        js=SEEN,
        shows=["analyse"],
        **LATEST,
        queue=False,
    )
    sent = gr.JSON(visible=False)
    relabel.click(send, [last, client], [stage, sent], js=SEEN, api_name="relabel", queue=False, **HIDDEN).success(
        None, [sent], None, js="(clip) => bibier.openInAnnotate(clip)", **HIDDEN
    )
    gr.Button(visible=False).click(
        predict, [voice, transcript], gr.JSON(visible=False), api_name="predict", **INFERENCE
    )
    return analysing, last, deletion
