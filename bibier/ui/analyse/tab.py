"""The Analyse tab: its components and which event does what. What an event means is in `session.py`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bibier.errors import InputError, LoadError
from bibier.i18n.page import say
from bibier.log import note
from bibier.security.access_log import request_id
from bibier.security.session import visitor
from bibier.ui.analyse.erasure import Erasure
from bibier.ui.analyse.handlers import AnalyseHandlers, failure
from bibier.ui.analyse.long_form import LongFormHandlers
from bibier.ui.analyse.updates import Update
from bibier.ui.client import ClientContext, read_context
from bibier.ui.gradio_import import gradio as gr
from bibier.ui.services import Services

WAIT = "(...inputs) => bibier.startAnalysis(...inputs)"  # says at once that the click was heard
STOP = "(...inputs) => bibier.stopAnalysis(...inputs)"
END = "(...inputs) => bibier.stopTimeline(...inputs)"
SEEN = "(...inputs) => bibier.withView(...inputs)"
STRETCH = "(...inputs) => bibier.withStretch(...inputs)"
RIBBON = 'bibier.timelineEvents(trigger); /* Gradio looks here for events: "pick" "stop" */'
SIGNALS = 'bibier.pageEvents(trigger); /* Gradio looks here for events: "opened" "typed" "edit" "redraw" */'
ERASING = 'bibier.privacyEvents(trigger); /* "erase" */'
# One analysis at a time: our own queue sees to that and says how long (inference/queue.py); Gradio's would be silent.
INFERENCE = {"concurrency_id": "inference", "concurrency_limit": None}
RESULTS = ("transcript", "author", "analyse", "stage", "verdict", "chart", "table", "words", "state", "ribbon")
# By default an event is dropped while another of its kind runs: a clip that came right after "clear" would be lost.
LATEST = {"trigger_mode": "always_last"}
HIDDEN = {"show_progress": "hidden", "api_visibility": "private"}


def slot(name: str, value: object = None, **settings) -> gr.HTML:
    """Make a part of the page that page.js fills. The template is constant: Gradio would run what is put into it."""
    return gr.HTML(
        value=value,
        html_template='<div class="slot"></div>',
        js_on_load=f'bibier.mount("{name}", element, props, watch);' + settings.pop("js", ""),
        apply_default_css=False,
        **settings,
    )


def context_of(raw: str | None, request: gr.Request) -> ClientContext:
    """Read the view from an event, or its language from the request's headers."""
    headers = request.headers if request is not None else {}
    context = read_context(raw, headers.get("cookie", ""), headers.get("accept-language", ""))
    if request is None:
        return context
    return replace(context, tab=request.session_hash or "", request=request_id(request.request.scope))


def number_in(raw: str | None) -> object:
    """Return which stretch the page asks about; its word is input like any other, and checked where it is used."""
    try:
        sent = json.loads(raw or "{}")
    except ValueError:
        return None
    return sent.get("stretch") if isinstance(sent, dict) else None


def examples(services: Services, i18n: gr.I18n) -> list[gr.Button]:
    """Show the examples as buttons, a row for each language that is spoken in them."""
    picks = {}
    with gr.Column(elem_id="examples", visible=bool(services.examples)):
        slot("sentence", "examples", elem_classes="plain")
        for language in dict.fromkeys(example.language for example in services.examples):
            with gr.Row(elem_classes="picks"):
                slot("sentence", f"spoken_{language}", elem_classes="plain spoken")
                for index, example in enumerate(services.examples):
                    if example.language == language:
                        title = i18n(f"example_{index}")
                        picks[index] = gr.Button(title, size="sm", min_width=0, elem_classes="example")
    return [picks[index] for index in sorted(picks)]


def build(
    services: Services, i18n: gr.I18n, receive: Callable[[str, str, str, float], dict], privacy: Erasure
) -> tuple[AnalyseHandlers, gr.State]:
    """Lay the tab out in the open `gr.Blocks` and wire it; `receive` takes a recording over into the annotations.

    Returns what the tab works with, and where its last analysis stands.
    """
    analysing = AnalyseHandlers(services)
    long = LongFormHandlers(analysing, Path(gr.utils.get_upload_folder()) / "stretches")
    part: dict[str, gr.components.Component] = {}
    with gr.Row(elem_id="columns"):
        with gr.Column(scale=5, min_width=320, elem_id="left"):
            part["voice"] = gr.Audio(
                label=i18n("voice"),
                sources=["microphone", "upload"],
                type="filepath",
                buttons=[],
                editable=False,
                elem_id="voice",
            )
            slot("sentence", "voice_hint", elem_id="hint", elem_classes="plain")
            slot("microphone", elem_id="microphone")
            slot("consent", elem_id="consent")
            picks = examples(services, i18n)
            part["transcript"] = gr.Textbox(
                label=i18n("transcript"),
                placeholder=i18n("transcript_placeholder"),
                lines=3,
                max_lines=8,
                max_length=200_000,
                elem_id="transcript",
            )
            part["author"] = slot("line", "", elem_id="author")
            part["recogniser"] = gr.Dropdown(
                label=i18n("recogniser"),
                choices=[(one.label.text(), one.name) for one in services.recognisers()],
                value=next(one.name for one in services.recognisers() if one.ready),
                interactive=True,
                elem_id="recogniser",
            )
            with gr.Row(visible=False, elem_id="fetching") as fetching:
                part["ask"] = slot("line", "", elem_id="ask")
                fetch = gr.Button(i18n("fetch"), size="sm", elem_id="fetch")
            part["fetching"] = fetching
            with gr.Row(elem_id="acts"):
                part["analyse"] = gr.Button(i18n("analyse"), variant="primary", interactive=False, elem_id="analyse")
                cancel = gr.Button(i18n("cancel"), elem_id="cancel")
            part["stage"] = slot("stage", {"key": "stage_loading"}, elem_id="stage", js=SIGNALS)
        with gr.Column(scale=8, min_width=320, elem_id="results"):
            part["ribbon"] = slot("ribbon", elem_id="ribbon", js=RIBBON)
            part["verdict"] = slot("verdict", elem_id="verdict")
            with gr.Column(elem_id="bars"):
                part["chart"] = gr.Plot(show_label=False, container=False, elem_id="chart")
                part["table"] = slot("table", elem_id="table")
            part["words"] = slot("words", elem_id="words")
            relabel = gr.Button(i18n("relabel"), size="sm", elem_id="relabel")
            slot("note", elem_id="note")
            part["privacy"] = slot("privacy", elem_id="privacy", js=ERASING)
    part["state"] = gr.State(None, time_to_live=3600)
    client = gr.Textbox(visible=False)

    def put(shown: Update) -> dict:
        """Turn values by name into Gradio's updates."""
        out = {}
        for name, value in shown.items():
            if name == "chart":
                value = gr.components.plot.PlotData(type="plotly", plot=json.dumps(value))
            elif name == "analyse":
                value = gr.Button(interactive=value)
            elif name == "recogniser":
                value = gr.Dropdown(**value)
            elif name == "fetching":
                value = gr.Row(visible=value)
            out[part[name]] = value
        return out or {part["stage"]: gr.skip()}  # Gradio takes an empty mapping for a missing answer

    def arrived(clip, text, state, raw, request: gr.Request):
        context = context_of(raw, request)
        return put(analysing.arrived(clip, text or "", state, context) | long.forget(context))

    def analyse(clip, text, recogniser, state, raw, request: gr.Request):
        for shown in long.analyse(clip, text or "", recogniser, state, context_of(raw, request)):
            yield put(shown)

    def placing(example):
        def place(_raw):
            clip = gr.processing_utils.save_file_to_cache(example.path, cache_dir=part["voice"].GRADIO_CACHE)
            return put({"voice": clip, "transcript": example.transcript, "state": None})

        return place

    def trying(example):
        def attempt(clip, recogniser, raw, request: gr.Request):
            context = context_of(raw, request)
            for shown in long.analyse(clip, example.transcript, recogniser, None, context, example=example):
                yield put(shown)

        return attempt

    def typed(text, clip, raw):
        return put({"analyse": bool(clip or (text or "").strip())})  # typed words alone can be analysed too

    def edited(text, state, raw, request: gr.Request):
        context = context_of(raw, request)
        return put(long.corrected(analysing.edited(text or "", state, context), context))

    def redraw(state, raw, request: gr.Request):
        return put(long.redraw(state, context_of(raw, request)))

    def pick(raw, request: gr.Request):
        return put(long.pick(number_in(raw), context_of(raw, request)))

    def stop_stretches(raw, request: gr.Request):
        long.stop(context_of(raw, request))

    def restore(raw, request: gr.Request):
        context = context_of(raw, request)
        return put(analysing.choices(context.theme.language) | analysing.restore(context) | long.restore(context))

    async def ready(raw, request: gr.Request):
        language = context_of(raw, request).theme.language
        await asyncio.wait([asyncio.wrap_future(services.reader)])
        error = services.reader.exception()
        if error is None:
            return put({"stage": None})
        return put(failure(error.text(language) if isinstance(error, InputError) else say("failed_models", language)))

    def choose(recogniser, raw, request: gr.Request):
        return put(analysing.choose(recogniser, context_of(raw, request)))

    def download(recogniser, raw, request: gr.Request):
        for shown in analysing.download(recogniser, context_of(raw, request)):
            yield put(shown)

    def send(state, raw, request: gr.Request):
        context = context_of(raw, request)
        language = context.theme.language
        if state is None or not state.clip or not Path(state.clip).is_file():
            key = "relabel_stretch" if long.here(context) else "relabel_nothing"
            return failure(say(key, language))["stage"], None
        said = state.prediction.transcript
        found = receive(state.clip, said.text, said.language or "", state.prediction.duration)
        privacy.took(visitor(request.request.scope), found["project"], found["clip"])
        return gr.skip(), found

    def stop(raw, request: gr.Request):
        context = context_of(raw, request)
        analysing.stop(context)
        long.stop(context)

    def erase(raw, request: gr.Request):
        context = context_of(raw, request)
        shown = analysing.clear(context) | long.forget(context)
        found = privacy.erase(visitor(request.request.scope))
        note("erase", request=context.request, files=found.files + found.clips, kept=found.labelled + found.shared)
        return put(shown | {"privacy": {"text": found.text(context.theme.language)}})

    def failed(raw, request: gr.Request):
        return put(failure(say("failed", context_of(raw, request).theme.language)))

    def predict(clip, text, request: gr.Request):
        """Answer programs: probabilities by label for the voice, the words and both."""
        context = context_of(None, request)
        try:
            return analysing.predict(clip, text, context)
        except InputError as error:
            raise gr.Error(error.text(context.theme.language), print_exception=False) from error
        except (ValueError, LoadError) as error:
            raise gr.Error(str(error), print_exception=False) from error

    def wire(event, function, inputs, name, *, js=WAIT, shows=tuple(part), **settings):
        settings = {"api_name": name, "js": js} | HIDDEN | settings
        event = event(function, [*(part[one] for one in inputs), client], [part[one] for one in shows], **settings)
        event.failure(failed, [client], [part["stage"]], js=SEEN, api_name=f"{name}_failed", **HIDDEN)
        return event

    # not the page's own load event: it may come before a component is mounted, and then its answer is lost
    wire(part["stage"].opened, restore, [], "restore", js=SEEN, queue=False)
    wire(part["stage"].opened, ready, [], "ready", js=SEEN, shows=["stage"], concurrency_limit=None)
    wire(part["voice"].input, arrived, ["voice", "transcript", "state"], "arrived", js=SEEN, **LATEST)
    wire(
        part["analyse"].click,
        analyse,
        ["voice", "transcript", "recogniser", "state"],
        "analyse",
        shows=RESULTS,
        **INFERENCE,
    )
    wire(part["privacy"].erase, erase, [], "erase", js=SEEN, queue=False)
    cancel.click(stop, [client], None, js=STOP, api_name="stop", queue=False, **HIDDEN)
    for index, button in enumerate(picks):
        example, name = services.examples[index], f"example_{index}"
        # The clip is placed by an event of its own: Gradio's browser side changes what a generator gave before in
        # place, and would spoil the clip with the next stage's update.
        placed = wire(button.click, placing(example), [], name, shows=["voice", "transcript", "state"], queue=False)
        wire(placed.success, trying(example), ["voice", "recogniser"], f"{name}_analyse", shows=RESULTS, **INFERENCE)
    wire(part["stage"].edit, edited, ["transcript", "state"], "edit", js=SEEN, **LATEST, **INFERENCE)
    wire(part["stage"].redraw, redraw, ["state"], "redraw", js=SEEN, shows=["chart"], **LATEST)
    wire(part["ribbon"].pick, pick, [], "stretch", js=STRETCH, shows=RESULTS, **LATEST, queue=False)
    part["ribbon"].stop(stop_stretches, [client], None, js=END, api_name="stop_stretches", queue=False, **HIDDEN)
    wire(part["recogniser"].input, choose, ["recogniser"], "choose", js=SEEN, shows=["fetching", "ask"])
    wire(fetch.click, download, ["recogniser"], "download", shows=["stage", "fetching", "ask", "recogniser"])
    wire(
        part["stage"].typed, typed, ["transcript", "voice"], "typed", js=SEEN, shows=["analyse"], **LATEST, queue=False
    )
    errand = gr.JSON(visible=False)
    relabel.click(
        send, [part["state"], client], [part["stage"], errand], js=SEEN, api_name="relabel", queue=False, **HIDDEN
    ).success(None, [errand], None, js="(clip) => bibier.openInAnnotate(clip)", **HIDDEN)
    gr.Button(visible=False).click(
        predict, [part["voice"], part["transcript"]], gr.JSON(visible=False), api_name="predict", **INFERENCE
    )
    return analysing, part["state"]
