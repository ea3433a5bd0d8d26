"""How long a save takes for the person: `python -m benchmarks.annotate [--clips 10000] [--saves 60] [--database URL]`.

A queue of short clips, all different, in the app as it is started by `python app.py --annotate`. In a browser, Enter is
pressed on a finished label; the time ends when the label is on the disk, the next clip is on the page with empty bars,
and a frame was painted. The next key comes a second later, as from a quick person, and the model's proposals for
coming clips are made in the meantime. Printed: median (least–most) in ms.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from playwright.sync_api import sync_playwright

from benchmarks.browser import CHROMIUM, FLAGS, ROOT, answered, free_port

RATE = 8000  # Hz
LENGTH = 0.4  # s
PAUSE = 1000  # ms between saves
WAIT = 600_000  # ms

# resolves with the milliseconds from Enter until another clip's empty label was painted and called saved
SAVE = """() => new Promise((done) => {
    const title = document.querySelector(".clip h2").textContent;
    const begun = performance.now();
    document.dispatchEvent(new KeyboardEvent("keydown", { code: "Enter", key: "Enter", bubbles: true }));
    const look = () => {
        const next = document.querySelector(".clip h2").textContent !== title
            && document.querySelector(".soft.untouched") && document.querySelector(".status.good");
        if (next) requestAnimationFrame(() => done(performance.now() - begun));
        else setTimeout(look, 1);
    };
    look();
})"""


def make(folder: Path, count: int) -> None:
    """Write `count` different clips."""
    random = np.random.default_rng(0)
    for number in range(count):
        sound = random.normal(0, 0.05, int(RATE * LENGTH)).astype(np.float32)
        soundfile.write(folder / f"{number:06d}.wav", sound, RATE, subtype="PCM_U8")


def saves(page, count: int) -> list[float]:
    """Return the milliseconds of each save."""
    durations = []
    for number in range(count):
        page.keyboard.press(f"Digit{number % 7 + 1}")
        durations.append(page.evaluate(SAVE))
        page.wait_for_timeout(PAUSE)
    return durations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--saves", type=int, default=60)
    parser.add_argument("--database", help="URL of an empty database (default: SQLite in a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        (folder / "clips").mkdir()
        make(folder / "clips", options.clips)
        port = free_port()
        command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--annotate", "clips"]
        if options.database:
            command += ["--database", options.database]
        app = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            answered(port)
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(WAIT)
            page.goto(f"http://127.0.0.1:{port}")
            page.click("#tabs [data-tab-id=annotate]")
            person = page.locator(".studio .who input[type=text]").first
            person.fill("benchmark")
            person.press("Enter")
            page.wait_for_selector(".desk:not([hidden])")
            saves(page, 3)  # the models are loaded, the code is warm
            measured = saves(page, options.saves)
            browser.close()
        finally:
            app.terminate()
            app.wait(60)
    middle, least, most = statistics.median(measured), min(measured), max(measured)
    print(f"save and show the next, {options.clips} clips: {middle:.0f} ms ({least:.0f}–{most:.0f}, n={len(measured)})")


if __name__ == "__main__":
    main()
