"""The whole page: theme, languages, the tabs, and how it is served."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from bibier.i18n.messages import LANGUAGES
from bibier.i18n.page import catalogue
from bibier.periodic import PeriodicTask
from bibier.process import give_back_memory
from bibier.security.middleware import SecurityStack
from bibier.ui import gradio_chunks, gradio_state, hub_login
from bibier.ui.agreement import tab as agreement_tab
from bibier.ui.analyse import tab as analyse
from bibier.ui.analyse.erasure import Erasure
from bibier.ui.annotate import tab as annotate
from bibier.ui.annotate.handlers import AnnotateHandlers
from bibier.ui.gradio_answers import LeanBlocks
from bibier.ui.gradio_cors import invite_nobody
from bibier.ui.gradio_faults import answer, gone, quiet_faults
from bibier.ui.gradio_import import gradio as gr
from bibier.ui.gradio_import import themes
from bibier.ui.gradio_upload import bound_uploads
from bibier.ui.health import Health
from bibier.ui.live.route import LiveRoute
from bibier.ui.live.service import LiveService
from bibier.ui.models import model_card
from bibier.ui.models import tab as models_tab
from bibier.ui.page_script import PageScript
from bibier.ui.results import tab as results_tab
from bibier.ui.services import Services, short
from bibier.ui.vendor import PLOTLY, STYLES, SharedFile, SharedFiles, plotly

STATIC = Path(__file__).parent / "static"
SHEETS = ("page.css", "timeline.css", "live.css", "annotate.css", "agreement.css", "models.css", "results.css")
QUEUE = 256  # waiting events over all visitors; the rest is told that the queue is full


def theme() -> themes.Base:
    """Neutral greys and one violet: the seven other colours belong to the emotions.

    Fonts are Gradio's bundled ones, in regular and bold: the bundled semi-bold has no Latin or Cyrillic letters.
    """
    return themes.Base(
        primary_hue=themes.colors.indigo,
        secondary_hue=themes.colors.indigo,
        neutral_hue=themes.colors.slate,
        radius_size=themes.sizes.radius_lg,
        font=(themes.LocalFont("Source Sans Pro", weights=(400, 700)), "ui-sans-serif", "system-ui", "sans-serif"),
        font_mono=(themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"),
    ).set(
        block_radius="14px",
        body_background_fill="#f6f7fa",
        body_background_fill_dark="#10131b",
        block_background_fill="#ffffff",
        block_background_fill_dark="#1a1e29",
        block_border_width="1px",
        block_border_color="#e3e5ec",
        block_border_color_dark="#2b3040",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="#1b1d26",
        block_label_text_color_dark="#eceef5",
        block_title_text_color="#1b1d26",
        block_title_text_color_dark="#eceef5",
        block_title_text_weight="600",
        input_background_fill="#ffffff",
        input_background_fill_dark="#141823",
        button_primary_background_fill="#4b45c6",
        button_primary_background_fill_hover="#3d37ac",
        button_primary_background_fill_dark="#5d58d8",
        button_primary_background_fill_hover_dark="#6661df",
        button_primary_text_color="#ffffff",
    )


def translations(services: Services) -> gr.I18n:
    """Give Gradio the page's sentences and the examples' titles, so that its labels follow the browser."""
    return gr.I18n(
        **{
            language: catalogue(language)
            | {f"example_{index}": short(example, language) for index, example in enumerate(services.examples)}
            for language in LANGUAGES
        }
    )


def build(services: Services, annotating: AnnotateHandlers, security: SecurityStack, live: LiveService) -> gr.Blocks:
    """Build the page on its services, annotations, guards and live listening; `launch` serves it."""
    privacy = Erasure(annotating.store, security.cleanup, annotating.folder)
    i18n = translations(services)
    with LeanBlocks(title="BiBiER", analytics_enabled=False) as page:
        analyse.slot("header", elem_id="header")
        hub_login.build(os.environ)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(i18n("tab_analyse"), id="analyse"):
                analysing, state, deletion = analyse.build(
                    services, i18n, annotating.receive, privacy, results_tab.build, security.quota, live
                )
            with gr.Tab(i18n("tab_annotate"), id="annotate"):
                annotate.build(annotating, model_card.nodes)
            with gr.Tab(i18n("tab_agreement"), id="agreement") as tab:
                agreement_tab.build(annotating.store, tab)
            with gr.Tab(i18n("tab_models"), id="models") as tab:
                models_tab.build(analysing, state, tab, deletion)
    page.queue(max_size=QUEUE)
    return page


def launch(
    page: gr.Blocks,
    services: Services,
    annotating: AnnotateHandlers,
    security: SecurityStack,
    live: LiveService,
    *,
    host: str | None = None,
    port: int | None = None,
    tasks: Sequence[PeriodicTask] = (),
) -> None:
    """Serve the page behind its guards and return once it answers; `page.block_thread()` keeps the process alive.

    The health page tells of the `tasks`, and of the cleaning.
    """
    watched = [security.cleanup.task, *tasks]
    watched.append(live.task)
    shown = {block.get_block_name() for block in page.blocks.values() if getattr(block, "visible", True)}
    chunks = gradio_chunks.find(Path(gr.__file__).parent / "templates" / "frontend", shown)
    files = {PLOTLY: plotly, STYLES: SharedFile("text/css; charset=utf-8", chunks.sheet)}
    watch = Middleware(Health, services=services, tasks=watched)
    own = [
        watch,
        Middleware(LiveRoute, service=live),
        Middleware(PageScript, hours=security.hours, chunks=chunks),
        Middleware(annotate.ClipFiles, find=annotating.paths),
        Middleware(SharedFiles, files=files),
    ]
    middleware = [*security.middleware(), *own]
    quiet_faults()
    bound_uploads(page)
    invite_nobody()
    page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        run_history=False,
        enable_monitoring=False,
        footer_links=[],
        show_error=False,
        state_session_capacity=200,
        ssr_mode=False,
        _frontend=False,  # else it asks for the whole page, and on a busy computer gives up after three seconds
        i18n=translations(services),
        theme=theme(),
        css="\n".join((STATIC / name).read_text(encoding="utf-8") for name in SHEETS),
        app_kwargs={"middleware": middleware, "exception_handlers": {Exception: answer, ClientDisconnect: gone}},
        allowed_paths=sorted({str(example.path.parent) for example in services.examples}),
        **security.launching(),
    )
    tabs = gradio_state.keep(page, security.ownership.owner, security.ownership.is_open_tab)
    for task in (
        PeriodicTask("annotations", annotating.store.check, 15),
        PeriodicTask("closed tabs", tabs.forget_closed, 60),
        PeriodicTask("memory", give_back_memory, 15),
    ):
        watched.append(task)
        task.start()
    security.cleanup.start()
    live.task.start()
