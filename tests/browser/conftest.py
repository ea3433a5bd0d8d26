"""One app and one Chromium for all browser tests: `python app.py`, its embedded checkpoint, a fake microphone."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from json import dumps
from pathlib import Path

import numpy as np
import pytest
import soundfile
from served import EXAMPLE, ROOT, START, Address, served

from bibier.annotation.store import Store
from tests.browser.annotating import enter

CLIPS = 24  # of the project that is labelled
# $BIBIER_CHECKPOINT takes another checkpoint than the embedded one, by name or folder
CHECKPOINT = os.environ.get("BIBIER_CHECKPOINT", "compact")
CHROMIUM = os.environ.get("BIBIER_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",  # pages of one context share what was compiled
]
CUT = ("AbortError", "Unexpected error Connection errored out")  # how Gradio reports a stream that a reload cut
BARS = "bibier.bars()"
OUTCOME = ("#verdict .sentence", "#verdict .alert")
# Names and formats that are the same in every language
NAMES = frozenset(
    ("BiBiER", "English", "wav", "flac", "mp3", "ogg", "opus", "m4a", "webm")
    + ("PocketSphinx", "Whisper", "base", "small", "turbo", "medium", "large", "tiny")
)
WAIT = int(os.environ.get("BIBIER_WAIT", "60000"))  # ms; the machine may be busy with other work


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Tell with a test that failed where its pages stand."""
    report = yield
    if report.failed and report.when == "call":
        report.sections += [("a page", visit.story()) for visit in Visit.present]
    return report


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> tuple[np.ndarray, int]:
    """Return the samples and the rate of a spoken example."""
    return soundfile.read(EXAMPLE, dtype="float32")


@pytest.fixture(scope="session")
def driver():
    """Start Playwright, if it and a Chromium are there."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM or not Path(CHROMIUM).exists():
        pytest.skip("no Chromium: install it, or name it in $BIBIER_CHROMIUM")
    with playwright.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(driver, tmp_path_factory, clip):
    """Start one Chromium whose microphone plays the example over and over."""
    spoken = tmp_path_factory.mktemp("microphone") / "spoken.wav"
    soundfile.write(spoken, *clip, subtype="PCM_16")
    fake = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={spoken}",
    ]
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *fake])
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def refusing(driver):
    """Start a Chromium that has a microphone and refuses it to every page."""
    args = [*QUIET, "--use-fake-device-for-media-stream", "--deny-permission-prompts"]
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=args)
    yield browser
    browser.close()


@contextmanager
def running(folder: Path, *options: str, port: int | None = None, **environment: str) -> Iterator[Address]:
    """Start the real app with the checkpoint of these tests, as `served` does; give its address."""
    if not (Path(CHECKPOINT) / "config.json").exists() and not (ROOT / "checkpoints" / CHECKPOINT).exists():
        pytest.skip(f"no checkpoint {CHECKPOINT}: train it, or name another in $BIBIER_CHECKPOINT")
    with served(folder, "--checkpoint", CHECKPOINT, *options, port=port, **environment) as address:
        yield address


@pytest.fixture(scope="session")
def server(chromium, tmp_path_factory) -> str:
    """Start the real app; return its address."""
    with running(tmp_path_factory.mktemp("app")) as address:
        yield address


class Visit:
    """A visitor's page, with what it asked for and what it complained about.

    To open the page costs three seconds of a processor in a new context, a third of that in one that a visit has left:
    the scripts are fetched and compiled. So a context is kept, without what the last visitor left in it.
    """

    kept: dict[tuple[object, str], list] = {}  # by browser and locale
    present: list[Visit] = []

    def __init__(self, browser, server: str, *, locale: str = "en-US", viewport: dict | None = None, **media):
        self.server = server
        self.free = Visit.kept.setdefault((browser, locale), [])
        self.context = self.free.pop() if self.free else browser.new_context(locale=locale)
        Visit.present.append(self)
        self.context.add_cookies([{"name": "bibier_start", "value": START, "url": server}])
        self.page = self.context.new_page()
        self.page.set_viewport_size(viewport or {"width": 1440, "height": 900})
        if media:
            self.page.emulate_media(**media)
        self.page.set_default_timeout(WAIT)
        self.outside: list[str] = []
        self.complaints: list[str] = []
        self.waited: dict[object, str] = {}  # what was asked for and isn't there
        self.refused: list[str] = []
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)
        self.page.on("requestfinished", lambda request: self.waited.pop(request, None))
        self.page.on("requestfailed", lambda request: self.waited.update({request: f"{request.url}: failed"}))
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def story(self) -> str:
        """Tell where the page stands, for a test that fails."""
        try:
            there = self.page.locator("body").inner_text(timeout=5000)[:1500]
        except Exception as error:  # whatever the reason, it is part of the story
            there = repr(error)
        return "\n".join(
            [self.page.url, there, *self.complaints, "waited for:", *self.waited.values(), "refused:", *self.refused]
        )

    def close(self) -> None:
        """Leave: pages, cookies and storage go; the process that has compiled the scripts stays with an empty page."""
        Visit.present.remove(self)
        pages = self.context.pages
        self.context.set_offline(False)
        empty = self.context.new_page()
        answer = empty.goto(f"{self.server}/theme.css")
        assert answer and answer.ok, "no page of this server: its storage can't be emptied"
        for page in pages:
            page.close()
        empty.evaluate("localStorage.clear()")
        self.context.clear_cookies()
        self.free.append(self.context)

    def _answered(self, response) -> None:
        if response.status >= 400:
            self.refused.append(f"{response.status} {response.url}")

    def _asked(self, request) -> None:
        self.waited[request] = request.url
        if not request.url.startswith((self.server, self.server.replace("http", "ws"), "data:", "blob:")):
            self.outside.append(request.url)

    def _said(self, message) -> None:
        if message.type == "error" and not message.text.startswith(CUT):
            self.complaints.append(message.text)

    def open(self) -> Visit:
        self.page.goto(self.server)
        self.page.wait_for_selector("#chart .chart")
        self.page.wait_for_function("!document.querySelector('#stage .busy')")  # the models are loaded
        assert self.page.locator("#stage .alert").count() == 0, self.page.inner_text("#stage")
        return self

    def bars(self) -> list[list[float]]:
        """Return the lengths of the three sets of bars as the chart holds them, in per cent."""
        return self.page.evaluate(BARS)

    def await_bars(self, wanted: list[list[float]]) -> None:
        """Wait until the chart, which is drawn after the verdict, shows these bars."""
        self.page.wait_for_function(
            f"(wanted) => JSON.stringify({BARS}) === wanted", arg=dumps(wanted, separators=(",", ":"))
        )

    def await_other_bars(self, before: list[list[float]]) -> None:
        """Wait until the chart, which is drawn after the verdict, shows other bars than these."""
        self.page.wait_for_function(
            f"(before) => JSON.stringify({BARS}) !== before", arg=dumps(before, separators=(",", ":"))
        )

    def upload(self, path: Path, *, wait: bool = True) -> str:
        """Upload a clip, in place of the last one; return what is said of it, or nothing if that isn't waited for."""
        with self.renewed(*OUTCOME) if wait else nullcontext():
            self.page.locator("#voice input[type=file]").set_input_files(path)
        return self.outcome() if wait else ""

    def outcome(self) -> str:
        """Return the verdict's sentence, or the error."""
        return self.page.locator(", ".join(OUTCOME)).first.inner_text()

    def record(self) -> None:
        """Begin to record, as somebody who hasn't agreed before."""
        self.page.click("#voice button.record-button")
        self.page.click("#consent button.yes")

    @contextmanager
    def renewed(self, *selectors: str):
        """Wait after the block until one of these is there that wasn't before it."""
        together = ", ".join(selectors)
        self.page.evaluate(
            "(all) => document.querySelectorAll(all).forEach((e) => { e.dataset.before = ''; })", together
        )
        yield
        self.page.wait_for_selector(", ".join(f"{selector}:not([data-before])" for selector in selectors))

    def analyse(self, *, bars: bool = True) -> str:
        """Press Analyse and return the verdict's sentence, or the error; `bars` is whether those are to change."""
        self.page.wait_for_function("!document.querySelector('#analyse').disabled")
        before = self.bars()
        with self.renewed(*OUTCOME):
            self.page.click("#analyse")
        if bars and not self.page.locator("#stage .alert").count():
            self.await_other_bars(before)
        return self.outcome()


def english(page) -> list[str]:
    """Return the English words that a reader of the page sees or is read."""
    playback = page.evaluate(
        """() => {
            const attributes = ["aria-label", "title", "placeholder", "data-tip"];
            const shown = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility());
            const named = shown.flatMap((e) => attributes.map((name) => e.getAttribute(name)));
            return [document.body.innerText, ...named].filter(Boolean).join("\\n");
        }"""
    )
    return [word for word in re.findall(r"[A-Za-z][A-Za-z0-9]{2,}", playback) if word not in NAMES]


@pytest.fixture
def arrive(chromium):
    """Let visitors come by `arrive(address, **context)`; afterwards, nothing may have been asked of the outside or
    failed.
    """
    visits: list[Visit] = []

    def start(address: str, browser=chromium, **context) -> Visit:
        visits.append(Visit(browser, address, **context))
        return visits[-1]

    yield start
    for visitor in visits:
        visitor.close()
    assert [url for visitor in visits for url in visitor.outside] == []
    assert [text for visitor in visits for text in visitor.complaints] == []


@pytest.fixture
def visit(arrive, server):
    """Open pages of the shared app by `visit(**context)`."""
    return lambda *browser, **context: arrive(server, *browser, **context).open()


@pytest.fixture(scope="session")
def labelled_folder(tmp_path_factory, clip):
    """Make a folder with a few short clips, all different."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "clips").mkdir()
    sound, rate = clip
    random_ = np.random.default_rng(4)
    for number in range(CLIPS):
        start = int(random_.integers(0, len(sound) // 2))
        part = sound[start : start + rate // 2] * random_.uniform(0.5, 1)
        soundfile.write(folder / "clips" / f"{number:02d}.wav", part, rate, subtype="PCM_16")
    return folder


@pytest.fixture(scope="session")
def labelling(chromium, labelled_folder):
    folder = labelled_folder
    (folder / "annotations").mkdir()
    store = Store(f"sqlite:///{folder}/annotations/bibier.db")
    store.project("clips", wanted=100)  # every test is another person, with all clips before them
    store.close()
    with running(folder, "--annotate", "clips") as address:
        yield address


@pytest.fixture
def log(labelling, labelled_folder):
    """Read the events of a person as they lie on the disk."""
    store = Store(f"sqlite:///{labelled_folder}/annotations/bibier.db")
    return lambda person: [event for _, event in store.events("clips") if event.annotator == person]


@pytest.fixture
def annotate(arrive, labelling):
    """Open the Annotate tab under a name."""

    def start(person: str, **context) -> Visit:
        visitor = arrive(labelling, **context)
        visitor.page.goto(visitor.server)
        enter(visitor, person)
        return visitor

    return start
