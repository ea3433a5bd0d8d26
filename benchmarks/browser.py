"""How long a person waits in the browser: `python -m benchmarks.browser [--runs 7] [--checkpoint NAME]`.

Two figures, each printed as median (least–most):

* first paint: from starting `python app.py` to the Analyse button on the screen, in a browser that is open already and
  goes to the page once it answers;
* click to charts: from the click on Analyse, with a transcript given and everything warm, to the new bars drawn.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
CHROMIUM = os.environ.get("BIBIER_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TEXTS = ("I really did not expect to see you here tonight, what a wonderful surprise", "Leave me alone, I told you so")
WAIT = 180_000  # ms

# resolves with the milliseconds from the click until the chart holds other bars and a frame was painted with them
CLICK = """() => new Promise((done) => {
    const bars = () => {
        const chart = document.querySelector("#chart .js-plotly-plot");
        const drawn = chart && chart.data && chart.querySelectorAll(".point").length;
        return drawn ? JSON.stringify(chart.data.map((trace) => Array.from(trace.x))) : null;
    };
    const before = bars();
    const begun = performance.now();
    document.querySelector("#analyse").click();
    const look = () => {
        const now = bars();
        if (now !== null && now !== before) requestAnimationFrame(() => done(performance.now() - begun));
        else requestAnimationFrame(look);
    };
    look();
})"""


def start(port: int, checkpoint: str) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--checkpoint", checkpoint]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answered(port: int) -> None:
    """Wait until something listens on the port."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


def first_paint(browser, checkpoint: str) -> float:
    """Return the seconds from the command to the button on the screen."""
    port, context = free_port(), browser.new_context()
    page = context.new_page()
    page.set_default_timeout(WAIT)
    begun = time.perf_counter()
    app = start(port, checkpoint)
    try:
        answered(port)
        page.goto(f"http://127.0.0.1:{port}", wait_until="commit")
        page.wait_for_selector("#analyse")
        return time.perf_counter() - begun
    finally:
        context.close()
        app.terminate()
        app.wait(60)


def clicks(browser, checkpoint: str, runs: int) -> list[float]:
    """Return the seconds of each click."""
    port = free_port()
    app = start(port, checkpoint)
    try:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(WAIT)
        answered(port)
        page.goto(f"http://127.0.0.1:{port}")
        page.wait_for_selector("#chart .js-plotly-plot .xtick")
        page.wait_for_function("!document.querySelector('#stage .busy')")
        page.locator("button.example").first.click()
        page.wait_for_selector("#words .word")
        seconds = []
        for run in range(runs + 1):  # the first one warms up
            # a change without a keystroke, so that only the click starts the reading
            page.evaluate(
                """(text) => {
                    const area = document.querySelector("#transcript textarea");
                    area.value = text;
                    area.dispatchEvent(new Event("input", { bubbles: true }));
                }""",
                TEXTS[run % 2],
            )
            page.wait_for_timeout(300)  # shorter than the pause after which an edit is read by itself
            seconds.append(page.evaluate(CLICK) / 1000)
            page.wait_for_timeout(1500)
        return seconds[1:]
    finally:
        app.terminate()
        app.wait(60)


def told(name: str, seconds: list[float]) -> str:
    return f"{name:<16}{statistics.median(seconds):6.2f} s  ({min(seconds):.2f}–{max(seconds):.2f}, n={len(seconds)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--checkpoint", default="compact")
    options = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        print(told("click to charts", clicks(browser, options.checkpoint, options.runs)))
        print(told("first paint", [first_paint(browser, options.checkpoint) for _ in range(max(3, options.runs // 2))]))
        browser.close()


if __name__ == "__main__":
    main()
