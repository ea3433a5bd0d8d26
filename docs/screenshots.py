"""Take the pictures of the running app: `python docs/screenshots.py [--all] [--checkpoint NAME]`.

Writes `docs/screenshot.png` (the picture of the README: one example, wide, light, English). With `--all`, also
`tests/output/<language>-<width>-<theme>.png` for both languages, 1440 and 390 pixels, light and dark.
Starts the app itself, and headless Chromium with a fake microphone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
CHROMIUM = os.environ.get("BIBIER_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
WAIT = 120_000  # ms
EXAMPLES = {"en": 1, "ru": 5}  # which button is pressed for a language


def start(checkpoint: str) -> tuple[subprocess.Popen, str]:
    """Start the app on a free port; return its process and address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = subprocess.Popen([sys.executable, str(ROOT / "app.py"), "--port", str(port), "--checkpoint", checkpoint])
    address = f"http://127.0.0.1:{port}"
    while app.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return app, address
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the app did not start")


def take(browser, address: str, path: Path, language: str, width: int, theme: str) -> None:
    """Open the page, press an example and save the whole page as a picture."""
    context = browser.new_context(
        locale={"en": "en-US", "ru": "ru-RU"}[language],
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        device_scale_factor=2 if width < 500 else 1,
    )
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.goto(address)
    page.wait_for_selector("#chart .js-plotly-plot .xtick")
    page.wait_for_function("!document.querySelector('#stage .busy')")
    page.locator("button.example").nth(EXAMPLES[language]).click()
    page.wait_for_selector("#words .word")
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(2000)  # the waveform is drawn
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path, full_page=True)
    context.close()
    print(path.relative_to(ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every language, width and theme")
    parser.add_argument("--checkpoint", default="compact")
    options = parser.parse_args()
    app, address = start(options.checkpoint)
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            take(browser, address, ROOT / "docs" / "screenshot.png", "en", 1440, "light")
            for language in ("en", "ru") if options.all else ():
                for width in (1440, 390):
                    for theme in ("light", "dark"):
                        path = ROOT / "tests" / "output" / f"{language}-{width}-{theme}.png"
                        take(browser, address, path, language, width, theme)
            browser.close()
    finally:
        app.terminate()
        app.wait(30)


if __name__ == "__main__":
    main()
