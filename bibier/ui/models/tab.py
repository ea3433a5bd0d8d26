"""The Models tab: its components and which event does what. What it says is in `handlers.py` and `compare.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypedDict, Unpack

from bibier.i18n.page import say
from bibier.ui.analyse.deletion import Deletion
from bibier.ui.analyse.handlers import AnalyseHandlers
from bibier.ui.analyse.state import AnalysisState
from bibier.ui.client import ClientContext, sent_object
from bibier.ui.components import HIDDEN, Changes, EventOptions, Listener, Part, context_of, event_of, slot
from bibier.ui.gradio_import import gradio as gr
from bibier.ui.models.compare import CompareHandlers
from bibier.ui.models.handlers import ModelHandlers
from bibier.ui.models.updates import ModelsUpdate, failed


class Unlimited(TypedDict):
    """Options of an event that any number of visitors may run at once."""

    concurrency_limit: None


LIST = 'bibier.modelsEvents(trigger); /* Gradio looks here for events: "use" "language" */'
HUB = 'bibier.hubEvents(trigger); /* "ask" "fetch" */'
COMPARE = 'bibier.comparisonEvents(trigger); /* "compare" "stop" */'
ASKED = "(...inputs) => bibier.withModels(...inputs)"
FREE: Unlimited = {"concurrency_limit": None}  # a visitor who waits for a model or for the Hub keeps nobody waiting


def asked_in(raw: str | None) -> dict[str, object]:
    """Return what the page asks for; its words are input like any other, and checked where they are used."""
    asked = sent_object(raw).get("models")
    return asked if isinstance(asked, dict) else {}


def build(analysing: AnalyseHandlers, state: gr.State, tab: gr.Tab, deletion: Deletion) -> None:
    """Lay the tab out in the open `gr.Tab` and wire it; `state` holds what stands in Analyse, `deletion` ends work on
    recordings that are deleted.
    """
    models = ModelHandlers(analysing)
    comparing = CompareHandlers(models)
    part: dict[str, Part] = {}
    part["models"] = slot("models", elem_id="models", js=LIST)
    part["fetching"] = slot("hub", elem_id="models-hub", js=HUB)
    part["comparing"] = slot("comparing", elem_id="models-compare", js=COMPARE)
    client = gr.Textbox(visible=False)

    def put(shown: ModelsUpdate) -> Changes:
        """Turn values by name into Gradio's updates."""
        out: Changes = {part[name]: value for name, value in shown.items()}
        return out or {part["models"]: gr.skip()}  # Gradio takes an empty mapping for a missing answer

    def read(raw: str | None, request: gr.Request) -> tuple[dict[str, object], ClientContext]:
        return asked_in(raw), context_of(raw, request)

    def show(now: AnalysisState | None, raw: str | None, request: gr.Request) -> Iterator[Changes]:
        _, context = read(raw, request)
        for shown in models.open(context):
            if "fetching" in shown:
                shown["comparing"] = comparing.form(context, now)
            yield put(shown)

    def use(now: AnalysisState | None, raw: str | None, request: gr.Request) -> Iterator[Changes]:
        asked, context = read(raw, request)
        for shown in models.use(asked.get("key"), now, context):
            yield put(shown)

    def ask(_now: AnalysisState | None, raw: str | None, request: gr.Request) -> Iterator[Changes]:
        asked, context = read(raw, request)
        for shown in models.ask(asked.get("name", ""), context):
            yield put(shown)

    def fetch(now: AnalysisState | None, raw: str | None, request: gr.Request) -> Iterator[Changes]:
        _, context = read(raw, request)
        for shown in models.fetch(context):
            if "models" in shown:
                shown["comparing"] = comparing.form(context, now)
            yield put(shown)

    def compare(now: AnalysisState | None, raw: str | None, request: gr.Request) -> Iterator[Changes]:
        asked, context = read(raw, request)
        steps = comparing.compare(asked.get("first"), asked.get("second"), now, context)

        def judged() -> Iterator[ModelsUpdate]:
            if (yield from deletion.until(context.owner[0], steps)):
                ended = partial(say, "erased_running")
                yield {"comparing": comparing.form(context, None, **failed(ended, context.theme.language))}

        for shown in judged():
            yield put(shown)

    def stop(raw: str | None, request: gr.Request) -> None:
        comparing.stop(context_of(raw, request))

    def wire(
        event: Listener,
        function: Callable[..., object],
        name: str,
        *,
        shows: Iterable[str] = tuple(part),
        **options: Unpack[EventOptions],
    ) -> None:
        shown = [part[component] for component in shows]
        event(function, [state, client], shown, **{**HIDDEN, "api_name": name, "js": ASKED, **options})

    everything = ("models", "fetching", "comparing")
    wire(tab.select, show, "models", shows=everything, **FREE)
    switched = event_of(part["models"], "language")  # also during the answer to the switch before
    wire(switched, show, "models_language", shows=everything, trigger_mode="always_last", **FREE)
    wire(event_of(part["models"], "use"), use, "models_use", shows=("models",), **FREE)
    wire(event_of(part["fetching"], "ask"), ask, "models_ask", shows=("models", "fetching"), **FREE)
    wire(event_of(part["fetching"], "fetch"), fetch, "models_fetch", shows=everything, **FREE)
    wire(event_of(part["comparing"], "compare"), compare, "models_compare", **FREE)
    event_of(part["comparing"], "stop")(stop, [client], None, js=ASKED, api_name="models_stop", queue=False, **HIDDEN)
