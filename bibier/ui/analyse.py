"""The Analyse tab: its components and which event does what. What an event means is in `session.py`."""

from __future__ import annotations

import asyncio
import json

import gradio as gr
from gradio.components.plot import PlotData
from gradio.processing_utils import save_file_to_cache

from bibier.messages import InputError
from bibier.ui import shell
from bibier.ui.services import Services
from bibier.ui.session import Desk, Shown, label
from bibier.ui.strings import say

WAIT = "(...inputs) => bibier.begin(...inputs)"  # says at once that the click was heard
SEEN = "(...inputs) => bibier.with_view(...inputs)"
NO_RECOGNISER = "none"
# One analysis at a time: the models use all cores anyhow, and a second would only slow both.
INFERENCE = {"concurrency_id": "inference", "concurrency_limit": 1}
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


def look_of(raw: str | None, request: gr.Request) -> shell.View:
    """Read the view from an event, or its language from the request's headers."""
    headers = request.headers if request is not None else {}
    return shell.view(raw, headers.get("cookie", ""), headers.get("accept-language", ""))


def build(services: Services, i18n: gr.I18n) -> None:
    """Lay the tab out in the open `gr.Blocks` and wire it."""
    desk = Desk(services)
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
            slot("microphone", elem_id="microphone")
            with gr.Row(elem_id="examples", visible=bool(services.examples)):
                slot("examples", elem_id="examples-title")
                picks = [
                    gr.Button(i18n(f"example_{index}"), size="sm", min_width=0, elem_classes="example")
                    for index in range(len(services.examples))
                ]
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
                choices=[(i18n("recogniser_loading"), NO_RECOGNISER)],
                value=NO_RECOGNISER,
                interactive=True,
                elem_id="recogniser",
            )
            with gr.Row(visible=False, elem_id="fetching") as fetching:
                part["ask"] = slot("line", "", elem_id="ask")
                fetch = gr.Button(i18n("fetch"), size="sm", elem_id="fetch")
            part["fetching"] = fetching
            part["analyse"] = gr.Button(i18n("analyse"), variant="primary", interactive=False, elem_id="analyse")
            part["stage"] = slot(
                "stage", {"key": "stage_loading"}, elem_id="stage", js='bibier.signals(trigger); /* "edit" "redraw" */'
            )
        with gr.Column(scale=8, min_width=320, elem_id="results"):
            part["verdict"] = slot("verdict", elem_id="verdict")
            with gr.Column(elem_id="bars"):
                part["chart"] = gr.Plot(show_label=False, container=False, elem_id="chart")
                part["table"] = slot("table", elem_id="table")
            part["words"] = slot("words", elem_id="words")
            slot("note", elem_id="note")
    part["moment"] = gr.State(None, time_to_live=3600)
    view = gr.Textbox(visible=False)
    everything = list({component._id: component for component in part.values()}.values())

    def put(shown: Shown) -> dict:
        """Turn values by name into Gradio's updates."""
        out = {}
        for name, value in shown.items():
            if name == "chart":
                value = PlotData(type="plotly", plot=json.dumps(value))
            elif name == "analyse":
                value = gr.Button(interactive=value)
            elif name == "recogniser":
                value = gr.Dropdown(**value)
            elif name == "fetching":
                value = gr.Row(visible=value)
            out[part[name]] = value
        return out or {part["stage"]: gr.skip()}

    def arrived(clip, text, moment, raw, request: gr.Request):
        return put(desk.arrived(clip, text or "", moment, look_of(raw, request)))

    def analyse(clip, text, recogniser, moment, raw, request: gr.Request):
        for shown in desk.analyse(clip, text or "", recogniser, moment, look_of(raw, request)):
            yield put(shown)

    def picking(example):
        def pick(recogniser, raw, request: gr.Request):
            clip = save_file_to_cache(example.path, cache_dir=part["voice"].GRADIO_CACHE)
            yield put({"voice": clip, "transcript": example.transcript, "moment": None})
            for shown in desk.analyse(
                clip, example.transcript, recogniser, None, look_of(raw, request), example=example
            ):
                yield put(shown)

        return pick

    def edited(text, moment, raw, request: gr.Request):
        return put(desk.edited(text or "", moment, look_of(raw, request)))

    def redraw(moment, raw, request: gr.Request):
        return put(desk.redraw(moment, look_of(raw, request)))

    def restore(raw, request: gr.Request):
        return put(desk.restore(look_of(raw, request)))

    def choices(language: str, chosen: str | None = None) -> Shown:
        known = services.models.result().recognisers
        rows = [(label(one, language), one.name) for one in known]
        rows.append((say("recogniser_none", language), NO_RECOGNISER))
        first = next((one.name for one in known if one.ready), NO_RECOGNISER)
        return {"recogniser": {"choices": rows, "value": chosen or first}}

    async def ready(raw, request: gr.Request):
        language = look_of(raw, request).look.language
        await asyncio.wait([asyncio.wrap_future(services.models)])
        error = services.models.exception()
        if error is None:
            return put({"stage": None} | choices(language))
        text = error.text(language) if isinstance(error, InputError) else say("failed_models", language)
        return put({"stage": {"text": text, "error": True}})

    def choose(recogniser, raw, request: gr.Request):
        language, choice = look_of(raw, request).look.language, desk.recogniser(recogniser)
        if choice is None or choice.ready:
            return put({"fetching": False, "ask": ""})
        values = {"name": choice.name, "megabytes": choice.megabytes, "host": choice.host}
        return put({"fetching": True, "ask": say("fetch_ask", language, **values)})

    def download(recogniser, raw, request: gr.Request):
        language, choice = look_of(raw, request).look.language, desk.recogniser(recogniser)
        if choice is None or services.models.result().fetch is None:
            return
        values = {"name": choice.name, "megabytes": choice.megabytes}
        yield put({"stage": {"text": say("stage_fetching", language, **values)}})
        try:
            services.models.result().fetch(choice.name)
        except InputError as error:
            yield put({"stage": {"text": error.text(language), "error": True}})
            return
        done = {"text": say("stage_fetched", language, **values), "still": True}
        yield put({"stage": done, "fetching": False} | choices(language, choice.name))

    def failed(raw, request: gr.Request):
        text = say("failed", look_of(raw, request).look.language)
        return put({"stage": {"text": text, "error": True}})

    def predict(clip, text, request: gr.Request):
        """Answer programs: probabilities by label for the voice, the words and both."""
        language = look_of(None, request).look.language
        try:
            return desk.predict(clip, text, language)
        except InputError as error:
            raise gr.Error(error.text(language)) from error
        except ValueError as error:
            raise gr.Error(str(error)) from error

    def wire(event, function, inputs, name, *, js=WAIT, **settings):
        settings = {"api_name": name, "js": js} | HIDDEN | settings
        event = event(function, [*(part[one] for one in inputs), view], everything, **settings)
        event.failure(failed, [view], [part["stage"]], js=SEEN, api_name=f"{name}_failed", **HIDDEN)

    page = gr.context.Context.root_block
    wire(page.load, restore, [], "restore", js=SEEN, queue=False)
    wire(page.load, ready, [], "ready", js=SEEN, concurrency_limit=None)
    wire(part["voice"].input, arrived, ["voice", "transcript", "moment"], "arrived", js=SEEN)
    wire(part["analyse"].click, analyse, ["voice", "transcript", "recogniser", "moment"], "analyse", **INFERENCE)
    for index, button in enumerate(picks):
        wire(button.click, picking(services.examples[index]), ["recogniser"], f"example_{index}", **INFERENCE)
    wire(part["stage"].edit, edited, ["transcript", "moment"], "edit", js=SEEN, trigger_mode="always_last", **INFERENCE)
    wire(part["stage"].redraw, redraw, ["moment"], "redraw", js=SEEN, trigger_mode="always_last")
    wire(part["recogniser"].input, choose, ["recogniser"], "choose", js=SEEN)
    wire(fetch.click, download, ["recogniser"], "download")
    # typed words alone can be analysed too
    part["transcript"].input(
        None,
        [part["transcript"], part["voice"]],
        [part["analyse"]],
        js="(text, clip) => ({ __type__: 'update', interactive: Boolean(clip || (text || '').trim()) })",
        api_visibility="private",
    )
    gr.Button(visible=False).click(
        predict, [part["voice"], part["transcript"]], gr.JSON(visible=False), api_name="predict", **INFERENCE
    )
