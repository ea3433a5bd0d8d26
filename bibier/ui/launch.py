"""What the app is put together from, and its start: models, recognisers, annotations, the guard, the page."""

from __future__ import annotations

import argparse
import functools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bibier import log, process
from bibier.annotation import intake, location
from bibier.annotation.backup import Backup
from bibier.annotation.clip_paths import ClipPaths
from bibier.annotation.imports import Progress, no_progress
from bibier.annotation.store import Store, damage_notice
from bibier.asr import recognisers
from bibier.asr.whisper import Whisper
from bibier.audio import sandbox
from bibier.files import bundled
from bibier.i18n.messages import Message
from bibier.inference import device as accelerator
from bibier.security.middleware import SecuritySettings, SecurityStack, start_token
from bibier.soft_labels.cache import Cache
from bibier.ui import hub_login, page
from bibier.ui.annotate.handlers import AnnotateHandlers
from bibier.ui.annotate.llm import LlmProposer
from bibier.ui.annotate.prefetch import Prefetcher
from bibier.ui.live.service import LiveService
from bibier.ui.services import Services, read_examples

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.checkpoint.bundle import Bundle
    from bibier.checkpoint.library import ModelLibrary
    from bibier.inference.predictor import Prediction, Predictor
    from bibier.soft_labels.suggest import Engine

ANSWER = 30.0  # s that a language model at an endpoint may take for a try
PATIENCE = 10  # s after which the models are loaded though no browser has shown the page and nobody has asked
LOCAL = ("127.0.0.1", "localhost", "::1")  # nobody else reaches these
EXAMPLES = read_examples(bundled("examples"))


def load(
    name: str, opened: threading.Event, device: str | None = None, *, hub: bool = False, profile: str = "exact"
) -> ModelLibrary[Predictor]:
    """Bring torch and the models in once the page is seen or they are asked for; the first use compiles: made here.

    `hub` is whether checkpoints of the Hub are offered, and may be fetched.
    """
    opened.wait(PATIENCE)
    device = device or accelerator.device()
    if device == "cpu":
        process.import_lean_torch()
    from bibier.checkpoint.library import ModelLibrary
    from bibier.inference.predictor import Predictor

    recogniser = functools.cache(functools.partial(recognisers.recogniser, profile=profile))

    def readers(bundle: Bundle) -> Callable[[str], Predictor]:
        def make(choice: str) -> Predictor:
            return Predictor(bundle, recogniser(choice))

        return make if device == "cpu" else accelerator.on_zero_gpu(make)

    library = ModelLibrary(name, readers, device=device, profile=profile, hub=hub, fixed=accelerator.zero())
    for example in EXAMPLES[:1] if device == "cpu" else ():  # nothing is asked of a GPU before a visitor asks
        predictor = library("none")
        predictor.classify(predictor.encode_audio(example.path), example.transcript)
    return library


def downloadable_whisper(choice: str, progress: Callable[[int, int | None], None] | None = None) -> Whisper:
    """Return a Whisper that may download its weights, by the name of its choice."""
    return Whisper(choice.removeprefix("whisper-"), download=True, progress=progress)


def as_json(prediction: Prediction, language: str) -> dict[str, object]:
    """Give a prediction to a program; torch is there by then."""
    from bibier.inference import predictor

    return predictor.as_json(prediction, language)


def create_project(
    store: Store,
    name: str,
    source: str,
    labels: object = None,
    progress: Progress = no_progress,
    *,
    media: Path = location.CLIPS,
) -> str:
    """Make a project of a folder or a manifest, or add what is new of it; return its name, by default the source's.

    `labels` is the setting of what people may say, None for what the source says. A dataset's recordings are kept in
    `media`; `progress` is told how many recordings or labels are read, and of how many.
    """
    path = Path(source).expanduser()
    name = name or path.resolve().stem

    def report(notice: Message) -> None:
        print(notice.text(), file=sys.stderr, flush=True)

    intake.take_in(store, name, source, media, own=labels, report=report, progress=progress)
    return name


def language_model(name: str) -> Engine:
    """Open the language model of the editor: "endpoint" is the one that the environment names."""
    if name == "endpoint":
        from bibier.soft_labels.endpoint import from_environment

        return replace(from_environment(timeout=ANSWER), tries=2)  # somebody waits, and others behind them
    from bibier.soft_labels.local_model import Local

    return Local(name)


def answers(file: Path) -> Cache:
    """Open the cache of the language model's answers; a damaged one is set aside, and that is said."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cache = Cache(file)
    if cache.broken:
        print(Message("answers-broken", {"file": file, "broken": cache.broken}).text(), file=sys.stderr)
    return cache


def back_up(store: Store) -> Backup:
    """Bring annotations back from the dataset of a Space, and copy what is new into it from now on."""
    from huggingface_hub import HfApi

    api = HfApi(token=os.environ.get("BIBIER_BACKUP_TOKEN") or None)
    backup = Backup(store, os.environ["BIBIER_BACKUP"], api)
    backup.step()
    backup.start()

    def stop(*_: object) -> None:
        backup.close()  # a Space that stops copies for the last time
        os._exit(0)  # at once: models may still be loading in a thread, and a Space waits for nothing

    signal.signal(signal.SIGTERM, stop)
    return backup


def storage_notice(home: location.StorageLocation, backup: Backup | None, language: str) -> tuple[str, bool]:
    """Say where annotations live, and whether that is a reason to worry."""
    sentences = [home.message(), *(backup.message() if backup else ())]
    worry = home.kind == "forgets" or (backup is not None and backup.failure is not None)
    return " ".join(sentence.text(language) for sentence in sentences), worry


def report(future: Future[ModelLibrary[Predictor]]) -> None:
    """Print why the models did not load; the page says that they didn't."""
    if future.exception():
        traceback.print_exception(future.exception())


def launch(options: argparse.Namespace, importing: Callable[[], AbstractContextManager[Progress]]) -> None:
    """Start the app as the options of `bibier app` say, and serve until it is stopped.

    `importing` gives, for as long as a project is made of `options.annotate`, what is told how far that is.

    Raises InputError for a setting that can't be used.
    """
    process.limit_malloc_arenas()
    process.keep_files_private()
    log.begin(options.log_level or os.environ.get("BIBIER_LOG") or "info")
    sandbox.decode_apart()
    hosts = tuple(options.allowed_host)
    settings = SecuritySettings.read(os.environ, auth=options.auth, hosts=hosts, retention=options.retention)
    host = options.host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    owned = host in LOCAL and not settings.shared  # whoever opens the printed address is who started it
    start = start_token(os.environ) if owned else None
    opened = threading.Event()
    loading = ThreadPoolExecutor(1, thread_name_prefix="models")
    reader = thinker = loading.submit(load, options.checkpoint, opened, hub=owned, profile=options.profile)
    reader.add_done_callback(report)
    if accelerator.zero():  # which looks for decorated functions before the page is served
        opened.set()
        reader.result()
        thinker = loading.submit(load, options.checkpoint, opened, "cpu")  # the editor borrows no GPU
    services = Services(
        reader,
        recognisers=recognisers.available,
        announce=lambda choice: downloadable_whisper(choice).announcement,
        fetch=lambda choice, progress: downloadable_whisper(choice, progress).load(),
        as_json=as_json,
        examples=EXAMPLES,
        opened=opened.set,
        start=folder.resolve().name if (folder := Path(options.checkpoint)).is_dir() else options.checkpoint,
    )
    home = location.resolve_location(os.environ, options.database)
    location.make_folder(home)
    store = Store(home.url, journal_mode=home.journal_mode, skip_damaged=options.skip_damaged)
    if damaged := store.damaged():
        print(damage_notice(damaged).text(), file=sys.stderr, flush=True)
    if options.annotate:
        print(Message("app-importing", {"source": options.annotate}).text(), file=sys.stderr, flush=True)
        with importing() as progress:
            create_project(store, "", options.annotate, progress=progress, media=home.folder)
    ask_llm = None
    if name := options.language_model:
        queue = None if name == "endpoint" else services.queue
        ask_llm = LlmProposer(store, functools.partial(language_model, name), answers(home.answers), queue=queue)
    backup = back_up(store) if home.kind == "backup" else None
    print(storage_notice(home, backup, "en")[0], flush=True)
    prefetch = Prefetcher(store, thinker, f"model:{Path(options.checkpoint).name}", services.queue)
    annotating = AnnotateHandlers(
        store,
        create_project=functools.partial(create_project, store, media=home.folder) if owned else None,
        prefetch=prefetch,
        propose_all=prefetch.propose_all,
        ask_llm=ask_llm,
        folder=home.folder,
        storage_notice=lambda language: storage_notice(home, backup, language),
    )
    if hub_login.lacking(os.environ):
        print(Message("sign-in-lacking").text(), flush=True)
    places = tuple({example.path.parent for example in EXAMPLES})
    security = SecurityStack(settings, protected=ClipPaths(store), public=places, start=start, work=services.queue)
    tasks = [backup.task] if backup else []
    live = LiveService(services)
    app = page.build(services, annotating, security, live)
    page.launch(app, services, annotating, security, live, host=options.host, port=options.port, tasks=tasks)
    if start:
        print(Message("start-address", {"address": f"{app.local_url}?start={start}"}).text(), flush=True)
    try:
        app.block_thread()
    finally:
        if backup:
            backup.close()
