"""How heavy and how quick the page is: `python -m benchmarks.browser [--runs 7] [--checkpoint NAME] [--out FILE]`.

Starts the app and a headless Chromium of its own, and writes `benchmarks/page.md`:

* bytes and requests of a first visit, before any result, as they crossed the wire (compressed);
* layout shift (CLS) of that visit;
* first paint of something to press, and the first chart after a click on an example, at 1.6 Mbit/s with 150 ms to and
  fro and a processor four times slower (Chromium's own "slow 4G" and 4×);
* what 30 analyses leave behind: nodes, listeners and heap of the page, after the garbage was collected;
* click to charts: from the click on Analyse, with a transcript given and everything warm, to the new bars drawn;
* start: from `python app.py` to the Analyse button on the screen of a browser that is open already.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
CHROMIUM = os.environ.get("BIBIER_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TEXTS = ("I really did not expect to see you here tonight, what a wonderful surprise", "Leave me alone, I told you so")
WAIT = 180_000  # ms
TOKEN = "the-start-of-the-benchmark"
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}
SLOWER = 4  # times
ANALYSES = 30
GOALS = {  # what the page is to keep to
    "first visit, MB": 1.4,
    "first visit, requests": 50,
    "layout shift": 0.1,
    "slow: first paint, s": 3,
    "slow: first chart, s": 12,
    "left by 30 analyses: nodes": 0,
    "left by 30 analyses: listeners": 0,
}

# resolves with the milliseconds from the click until other bars are drawn and a frame was painted with them
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
SHIFTS = """() => new Promise((done) => {
    let sum = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done(sum), 500);
})"""
PAINTED = "document.querySelectorAll('#chart .js-plotly-plot .point').length"
READY = "!document.querySelector('#stage .busy') && document.querySelector('#analyse')"


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


@contextmanager
def app(checkpoint: str) -> Iterator[str]:
    """Start the app; give its address, whether it answers yet or not."""
    port = free_port()
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--checkpoint", checkpoint]
    with tempfile.TemporaryDirectory() as folder:
        own = {"BIBIER_START_TOKEN": TOKEN, "GRADIO_TEMP_DIR": f"{folder}/cache"}
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, env=os.environ | own)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def visit(browser, address: str, *, slow: bool = False):
    """Return the page of a new visitor, not yet opened, and its debugger."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(WAIT)
    debugger = context.new_cdp_session(page)
    debugger.send("Network.enable")
    if slow:
        debugger.send("Network.emulateNetworkConditions", SLOW)
        debugger.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    return page, debugger


def first_visit(browser, address: str) -> dict[str, float]:
    """Measure what a first visit fetches before any result, and how much it shifts."""
    page, debugger = visit(browser, address)
    sizes, asked = [], []
    debugger.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    debugger.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    page.goto(address, wait_until="commit")
    page.wait_for_function(READY)
    page.wait_for_load_state("load")
    shift = page.evaluate(SHIFTS)
    page.wait_for_timeout(3000)  # what comes after the first paint counts too
    requests = [url for url in asked if url.startswith("http")]
    page.context.close()
    return {
        "first visit, MB": sum(sizes) / 1e6,
        "first visit, requests": float(len(requests)),
        "layout shift": shift,
    }


def slow_visit(browser, address: str) -> dict[str, float]:
    """Measure a visit over a slow line with a slow processor: first paint, first chart after a click on an example."""
    page, _ = visit(browser, address, slow=True)
    begun = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    page.locator("button.example").first.click()
    page.wait_for_function(f"document.querySelector('#verdict .sentence') && {PAINTED}")
    chart = time.perf_counter() - begun
    page.context.close()
    return {"slow: first paint, s": paint, "slow: first chart, s": chart}


def leaks(browser, address: str) -> dict[str, float]:
    """Count what `ANALYSES` analyses leave behind, after five that warm up."""
    page, debugger = visit(browser, address)
    debugger.send("Performance.enable")
    page.goto(address)
    page.wait_for_function(READY)
    page.locator("button.example").first.click()
    page.wait_for_function(f"document.querySelector('#verdict .sentence') && {PAINTED}")

    def counted() -> dict[str, float]:
        for _ in range(2):
            debugger.send("HeapProfiler.collectGarbage")
            page.wait_for_timeout(500)
        return {row["name"]: row["value"] for row in debugger.send("Performance.getMetrics")["metrics"]}

    for run in range(5):
        again(page, run)
    before = counted()
    for run in range(ANALYSES):
        again(page, run + 1)
    after = counted()
    page.context.close()
    return {
        f"left by {ANALYSES} analyses: nodes": after["Nodes"] - before["Nodes"],
        f"left by {ANALYSES} analyses: listeners": after["JSEventListeners"] - before["JSEventListeners"],
        f"left by {ANALYSES} analyses: heap, MB": (after["JSHeapUsedSize"] - before["JSHeapUsedSize"]) / 1e6,
    }


def again(page, run: int) -> float:
    """Analyse other words once more; return the milliseconds from the click to the bars."""
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
    milliseconds = page.evaluate(CLICK)
    page.wait_for_timeout(700)
    return milliseconds


def clicks(browser, address: str, runs: int) -> list[float]:
    """Return the seconds from each click to the charts."""
    page, _ = visit(browser, address)
    page.goto(address)
    page.wait_for_function(READY)
    page.locator("button.example").first.click()
    page.wait_for_function(f"document.querySelector('#words .word') && {PAINTED}")
    seconds = [again(page, run) / 1000 for run in range(runs + 1)]
    page.context.close()
    return seconds[1:]  # the first one warms up


def start(browser, checkpoint: str) -> float:
    """Return the seconds from the command to the button on the screen."""
    page = browser.new_page()
    page.set_default_timeout(WAIT)
    begun = time.perf_counter()
    with app(checkpoint) as address:
        answered(int(address.rsplit(":", 1)[1]))
        page.goto(address, wait_until="commit")
        page.wait_for_selector("#analyse")
        seconds = time.perf_counter() - begun
        page.close()
    return seconds


def spread(seconds: list[float]) -> str:
    """Write several measurements: median (least–most, n)."""
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f}–{max(seconds):.2f}, n={len(seconds)})"


def table(figures: dict[str, float], several: dict[str, list[float]], load: float) -> str:
    """Return the page of figures beside their goals."""
    rows = [
        f"| {name} | {value:.2f} | {f'≤ {GOALS[name]}' if name in GOALS else ''} |".replace(".00 |", " |")
        for name, value in figures.items()
    ]
    rows += [f"| {name}, s | {spread(seconds)} | |" for name, seconds in several.items()]
    return "\n".join(
        [
            "# The page, measured",
            "",
            "`python -m benchmarks.browser`; what each figure is stands at the head of that file. Headless Chromium",
            f"and the app on one computer: {platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at the start.",
            "",
            "| figure | measured | goal |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--checkpoint", default="compact")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "page.md")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    figures: dict[str, float] = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with app(options.checkpoint) as address:
            answered(int(address.rsplit(":", 1)[1]))
            warm, _ = visit(browser, address)  # the models are loaded once a page is seen
            warm.goto(address)
            warm.wait_for_function(READY)
            warm.context.close()
            for measure in (first_visit, slow_visit, leaks):
                figures |= measure(browser, address)
                print({name: round(value, 2) for name, value in figures.items()}, flush=True)
            several = {"click to charts": clicks(browser, address, options.runs)}
        several["start"] = [start(browser, options.checkpoint) for _ in range(max(1, options.runs // 3))]
        browser.close()
    text = table(figures, several, load)
    print(text)
    options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
