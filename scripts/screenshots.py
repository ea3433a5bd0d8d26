"""Take the pictures of the running app: `python scripts/screenshots.py [--all] [--tab TAB] [--checkpoint NAME]`.

Writes `docs/screenshot.png`, `docs/annotate.png`, `docs/agreement.png` and `docs/models.png` (wide, light, English),
and for the Russian page of the annotator `docs/annotate.ru.png` and `docs/agreement.ru.png`. With `--all`, also
`tests/output/<tab>-<language>-<width>-<theme>.png` for both languages, 1440 and 390 pixels, light and dark.
Starts the app itself on the examples, labelled by three invented people, with a second checkpoint that is the first
with doubled temperatures, and headless Chromium.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bibier import files  # noqa: E402
from bibier.annotation.events import Event  # noqa: E402
from bibier.annotation.state import ProjectClip  # noqa: E402
from bibier.annotation.store import Store  # noqa: E402
from bibier.checkpoint import bundle  # noqa: E402
from bibier.labels import named  # noqa: E402

CHROMIUM = os.environ.get("BIBIER_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
WAIT = 120_000  # ms
TOKEN = "the-start-of-these-pictures"
EXAMPLES = {"en": 5, "ru": 7}  # which button is pressed for a language
TABS = ("analyse", "annotate", "agreement", "models")
PICTURES = {  # (tab, language) → file in docs/; agreement before anybody joins in
    ("analyse", "en"): "screenshot.png",
    ("agreement", "en"): "agreement.png",
    ("agreement", "ru"): "agreement.ru.png",
    ("annotate", "en"): "annotate.png",
    ("annotate", "ru"): "annotate.ru.png",
    ("models", "en"): "models.png",
}
SOFTER = """# The embedded default with doubled temperatures

Made by the script that takes the pictures. It hears and reads as *compact* does, and is **less sure** of everything.
"""


def label(url: str) -> None:
    """Fill a store with the examples and what three invented people said of them."""
    store, rng = Store(url), np.random.default_rng(3)
    rows = json.loads((ROOT / "examples" / "examples.json").read_text(encoding="utf-8"))
    paths = [ROOT / "examples" / row["file"] for row in rows]
    clips = [
        ProjectClip(files.sha256(p), str(p), r["transcript"], r["language"]) for p, r in zip(paths, rows, strict=True)
    ]
    store.add_clips("dialogues", clips)
    store.project("dialogues", wanted=100)
    for clip in clips:
        truth = rng.dirichlet([0.4] * 7)
        for person in ("Anna", "Boris", "Chen"):
            points = np.round(rng.dirichlet(truth * 8 + 0.05), 2)
            points[points.argmax()] += 1 - points.sum()
            store.append(Event(f"{person}{clip.sha256}", "dialogues", clip.sha256, person, "label", named(points)))
    store.close()


def soften(name: str, home: Path) -> None:
    """Put a copy of a checkpoint with doubled temperatures where the Hub's client keeps what it fetched."""
    source = bundle.resolve(name)
    facts = json.loads((source / bundle.CONFIG).read_text(encoding="utf-8"))
    facts["calibration"] = {branch: 2 * value for branch, value in facts["calibration"].items()}
    facts["name"], facts["metrics"] = "softer", {}
    commit = hashlib.sha1(name.encode()).hexdigest()
    place = home / "hub" / "models--bibier--softer"
    folder = place / "snapshots" / commit
    folder.mkdir(parents=True)
    (folder / bundle.CONFIG).write_text(json.dumps(facts), encoding="utf-8")
    (folder / bundle.CARD).write_text(SOFTER, encoding="utf-8")
    shutil.copyfile(source / bundle.WEIGHTS, folder / bundle.WEIGHTS)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)


def start(name: str, folder: Path) -> tuple[subprocess.Popen, str]:
    """Start the app on a free port in a folder of its own; return its process and address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "annotations").mkdir()
    label(f"sqlite:///{folder}/annotations/bibier.db")
    soften(name, folder / "hub")
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--checkpoint", name]
    app = subprocess.Popen(
        command, cwd=folder, env=os.environ | {"HF_HOME": str(folder / "hub"), "BIBIER_START_TOKEN": TOKEN}
    )
    address = f"http://127.0.0.1:{port}"
    while app.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return app, address
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the app did not start")


def analyse(page, language: str) -> None:
    page.locator("button.example").nth(EXAMPLES[language]).click()
    page.wait_for_selector("#words .word")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(2000)  # the waveform is drawn


def annotate(page, language: str) -> None:
    page.click("#tabs [data-tab-id=annotate]")
    page.wait_for_selector(".studio .who option", state="attached")
    name = page.locator(".studio .who input[type=text]").first
    name.fill({"en": "Dana", "ru": "Дана"}[language])
    name.press("Enter")
    page.wait_for_selector(".desk:not([hidden])")
    for key in ("Digit4", "Digit7", "Digit7", "Digit7", "Digit5"):
        page.keyboard.press(key)
    page.keyboard.press("KeyV")
    page.wait_for_selector(".mark")
    page.wait_for_timeout(1000)


def agreement(page, language: str) -> None:
    page.click("#tabs [data-tab-id=agreement]")
    page.wait_for_selector("#agree-picture .js-plotly-plot .xtick")
    page.wait_for_timeout(1000)


def models(page, language: str) -> None:
    analyse(page, language)
    page.click("#tabs [data-tab-id=models]")
    page.wait_for_selector("#models .card.chosen")
    page.locator("#models-compare button").click()
    page.wait_for_selector("#models-compare tbody tr")
    page.wait_for_selector(".pair .axis:last-child .pin")
    page.wait_for_timeout(1000)


def take(browser, address: str, path: Path, tab: str, language: str, width: int, theme: str) -> None:
    """Open the page, go to a tab and save the whole page as a picture."""
    context = browser.new_context(
        locale={"en": "en-US", "ru": "ru-RU"}[language],
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        device_scale_factor=2 if width < 500 else 1,
    )
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.goto(f"{address}/?start={TOKEN}")  # as whoever started the app
    page.wait_for_selector("#chart .chart")
    page.wait_for_function("!document.querySelector('#stage .busy')")
    {"analyse": analyse, "annotate": annotate, "agreement": agreement, "models": models}[tab](page, language)
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path, full_page=True)
    context.close()
    print(path.relative_to(ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every language, width and theme")
    parser.add_argument("--checkpoint", default="compact")
    parser.add_argument("--tab", choices=TABS, action="append", help="of these tabs alone; may be repeated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app, address = start(options.checkpoint, Path(folder))
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                tabs = options.tab or TABS
                for (tab, language), name in PICTURES.items():
                    if tab in tabs:
                        take(browser, address, ROOT / "docs" / name, tab, language, 1440, "light")
                for tab in tabs if options.all else ():
                    for language in ("en", "ru"):
                        for width in (1440, 390):
                            for theme in ("light", "dark"):
                                path = ROOT / "tests" / "output" / f"{tab}-{language}-{width}-{theme}.png"
                                take(browser, address, path, tab, language, width, theme)
                browser.close()
        finally:
            app.terminate()
            app.wait(30)


if __name__ == "__main__":
    main()
