"""The Agreement tab: its components and which event does what. What it says is in `report.py`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from bibier.annotation.store import Store
from bibier.errors import InputError
from bibier.security.session import Visitor, visitor
from bibier.ui.agreement import report
from bibier.ui.agreement.measured import Measurements
from bibier.ui.agreement.report import Report
from bibier.ui.annotate.views import Sent
from bibier.ui.client import sent_object
from bibier.ui.components import HIDDEN, Listener, context_of, event_of, scope_of, slot
from bibier.ui.figure import Figure, TextTable
from bibier.ui.gradio_import import gradio as gr

FACTS = 'bibier.agreementEvents(trigger); /* Gradio looks here for events: "redraw" */'
ASKED = "() => bibier.withProject()"


def build(store: Store, tab: gr.Tab) -> None:
    """Lay the tab out in the open `gr.Tab` and wire it: it is drawn anew each time it is opened."""
    facts = slot("agreement", None, elem_id="agree-facts", js=FACTS)
    with gr.Column(elem_id="agree-picture"):
        picture = slot("plot")
        numbers = slot("numbers", None)
    client = gr.Textbox(visible=False)

    measure, thread = Measurements(store), ThreadPoolExecutor(1, thread_name_prefix="agreement")

    def answer(raw: str | None, request: gr.Request) -> tuple[Report, Figure | None, TextTable | None]:
        theme, guest = context_of(raw, request).theme, visitor(scope_of(request))
        try:
            names = list(store.projects())
            name = chosen_of(raw, names)
            measured = None
            if name:
                measured = measure(name) if guest.operator else measure.for_visitor(name, named_by(raw, guest))
                guest.enter(name)  # its clips are played in place
        except InputError as error:
            return {"error": error.text(theme.language)}, None, None
        shown = report.report(measured, name, theme) | {"projects": names, "project": name}
        if measured is None or not measured.enough:
            return shown, None, None
        return shown, report.figure(measured, theme), report.picture_table(measured, theme.language)

    async def show(raw: str | None, request: gr.Request) -> tuple[Report, Figure | None, TextTable | None]:
        # in a thread of its own: whoever waits for a measurement keeps none of those in which labels are saved
        return await asyncio.get_running_loop().run_in_executor(thread, answer, raw, request)

    events: list[tuple[Listener, str]] = [(tab.select, "agreement"), (event_of(facts, "redraw"), "agreement_redraw")]
    for event, name in events:
        event(show, [client], [facts, picture, numbers], js=ASKED, api_name=name, queue=False, **HIDDEN)


def named_by(raw: str | None, guest: Visitor) -> Sent:
    """Return who asks, as an act of Annotate is told it: who signed in, else the name that the page works under."""
    return {"annotator": guest.user or sent_object(raw).get("annotator"), "signed": bool(guest.user)}


def chosen_of(raw: str | None, names: list[str]) -> str | None:
    """Return the project that the page asks about, else the first; its word is input like any other."""
    name = sent_object(raw).get("project")
    return name if isinstance(name, str) and name in names else names[0] if names else None
