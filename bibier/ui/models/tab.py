"""The Models tab: its components and which event does what. What it says is in `models.py` and `comparing.py`."""

from __future__ import annotations

import json

from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.tab import HIDDEN, context_of, slot
from bibier.ui.client import ClientContext
from bibier.ui.gradio_import import gradio as gr
from bibier.ui.models.compare import CompareHandlers
from bibier.ui.models.handlers import ModelHandlers
from bibier.ui.models.updates import Update

LIST = 'bibier.modelsEvents(trigger); /* Gradio looks here for events: "use" */'
HUB = 'bibier.hubEvents(trigger); /* "ask" "fetch" */'
COMPARE = 'bibier.comparisonEvents(trigger); /* "compare" "stop" "redraw" */'
ASKED = "(...inputs) => bibier.withModels(...inputs)"
FREE = {"concurrency_limit": None}  # a visitor who waits for a model or for the Hub keeps nobody waiting
PLACES = ("first", "second")


def asked_in(raw: str | None) -> dict:
    """Return what the page asks for; its words are input like any other, and checked where they are used."""
    try:
        sent = json.loads(raw or "{}")
    except ValueError:
        return {}
    found = sent.get("models") if isinstance(sent, dict) else None
    return found if isinstance(found, dict) else {}


def build(analysing: AnalyseHandlers, state: gr.State, tab: gr.Tab) -> None:
    """Lay the tab out in the open `gr.Tab` and wire it; `state` holds what stands in Analyse."""
    models = ModelHandlers(analysing)
    comparing = CompareHandlers(models)
    part: dict[str, gr.components.Component] = {}
    part["models"] = slot("models", elem_id="models", js=LIST)
    part["fetching"] = slot("hub", elem_id="models-hub", js=HUB)
    part["comparing"] = slot("comparing", elem_id="models-compare", js=COMPARE)
    with gr.Row(elem_id="models-pair"):
        for place in PLACES:
            with gr.Column(min_width=300, elem_classes="one"):
                part[f"{place}_name"] = slot("modelName")
                part[place] = gr.Plot(show_label=False, container=False)
    part["pair"] = gr.State(None, time_to_live=3600)
    client = gr.Textbox(visible=False)

    def put(shown: Update) -> dict:
        """Turn values by name into Gradio's updates."""
        out = {}
        for name, value in shown.items():
            if name in PLACES:
                value = gr.components.plot.PlotData(type="plotly", plot=json.dumps(value))
            out[part[name]] = value
        return out or {part["models"]: gr.skip()}  # Gradio takes an empty mapping for a missing answer

    def heard(raw: str | None, request: gr.Request) -> tuple[dict, ClientContext]:
        return asked_in(raw), context_of(raw, request)

    def show(now, raw, request: gr.Request):
        _, context = heard(raw, request)
        for shown in models.open(context):
            if "fetching" in shown:
                shown["comparing"] = comparing.form(context, now)
            yield put(shown)

    def use(now, raw, request: gr.Request):
        asked, context = heard(raw, request)
        for shown in models.use(asked.get("key"), now, context):
            yield put(shown)

    def ask(now, raw, request: gr.Request):
        asked, context = heard(raw, request)
        for shown in models.ask(asked.get("name", ""), context):
            yield put(shown)

    def fetch(now, raw, request: gr.Request):
        _, context = heard(raw, request)
        for shown in models.fetch(context):
            if "models" in shown:
                shown["comparing"] = comparing.form(context, now)
            yield put(shown)

    def compare(now, raw, request: gr.Request):
        asked, context = heard(raw, request)
        for shown in comparing.compare(asked.get("first"), asked.get("second"), now, context):
            yield put(shown)

    def redraw(pair, raw, request: gr.Request):
        return put(comparing.redraw(pair, heard(raw, request)[1]))

    def stop(raw, request: gr.Request):
        comparing.stop(heard(raw, request)[1])

    def wire(event, function, name, *, given=state, shows=tuple(part), **settings):
        settings = {"api_name": name, "js": ASKED} | HIDDEN | settings
        event(function, [given, client], [part[one] for one in shows], **settings)

    everything = ("models", "fetching", "comparing")
    wire(tab.select, show, "models", shows=everything, **FREE)
    wire(part["models"].use, use, "models_use", shows=("models",), **FREE)
    wire(part["fetching"].ask, ask, "models_ask", shows=("models", "fetching"), **FREE)
    wire(part["fetching"].fetch, fetch, "models_fetch", shows=everything, **FREE)
    wire(part["comparing"].compare, compare, "models_compare", **FREE)
    wire(part["comparing"].redraw, redraw, "models_redraw", given=part["pair"], queue=False)
    part["comparing"].stop(stop, [client], None, js=ASKED, api_name="models_stop", queue=False, **HIDDEN)
