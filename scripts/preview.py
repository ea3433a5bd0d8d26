"""Draw the picture that a link to the page shows: `python scripts/preview.py`.

Writes `bibier/ui/static/preview.png`: the name, a line, and what voice and words say of `examples/disagree_en.ogg`.
"""

import base64
import importlib.util
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import bibier  # noqa: E402
from bibier.inference.judge import judge  # noqa: E402
from bibier.labels import COLOURS_DARK, EMOTIONS, NAMES  # noqa: E402
from bibier.ui.page_script import PREVIEW_SIZE  # noqa: E402

CHROMIUM = os.environ.get("BIBIER_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
GRADIO = Path(importlib.util.find_spec("gradio").origin).parent
FONTS = GRADIO / "templates" / "frontend" / "static" / "fonts" / "SourceSansPro"  # the page's own
PAGE = """<style>
FACES
* { box-sizing: border-box; margin: 0; font-family: "Source Sans Pro", sans-serif; }
body { width: 1200px; height: 630px; padding: 60px 70px; background: #10131b; color: #eceef5; }
h1 { font-size: 92px; letter-spacing: -2px; line-height: 1; }
h2 { font-size: 34px; font-weight: 400; color: #b4bacb; margin: 16px 0 44px; }
.sets { display: grid; grid-template-columns: 1fr 1fr; gap: 60px; }
h3 { font-size: 25px; font-weight: 400; color: #b4bacb; margin-bottom: 14px; }
.row { display: grid; grid-template-columns: 118px 1fr; align-items: center; gap: 16px; font-size: 22px; height: 38px; }
.row span { color: #b4bacb; text-align: right; }
.row i { display: block; height: 22px; border-radius: 11px; min-width: 8px; }
</style><h1>BiBiER</h1><h2>What the voice says, what the words say, and where the two disagree</h2>
<div class="sets">SETS</div>"""


def face(name: str, weight: int) -> str:
    """Return a font as a rule of the style sheet."""
    data = base64.b64encode((FONTS / f"SourceSansPro-{name}.woff2").read_bytes()).decode()
    source = f"url(data:font/woff2;base64,{data})"
    return f"@font-face {{ font-family: 'Source Sans Pro'; font-weight: {weight}; src: {source}; }}"


def bars(title: str, distribution: dict[str, float]) -> str:
    """Return one set of bars."""
    most = max(distribution.values())
    rows = "".join(
        f'<div class="row"><span>{NAMES["en"][emotion]}</span>'
        f'<i style="width:{100 * distribution[emotion] / most:.1f}%;background:{COLOURS_DARK[emotion]}"></i></div>'
        for emotion in EMOTIONS
    )
    return f"<div><h3>{title}</h3>{rows}</div>"


def main() -> None:
    words = "Oh, wonderful. This is the best day of my life."
    prediction = judge(bibier.load(), ROOT / "examples" / "disagree_en.ogg", words)
    sets = bars("the voice", prediction.audio.probabilities) + bars("the words", prediction.text.probabilities)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--headless=new", "--no-sandbox"])
        page = browser.new_page(viewport=dict(zip(("width", "height"), PREVIEW_SIZE, strict=True)))
        faces = face("Regular", 400) + face("Bold", 700)
        page.set_content(PAGE.replace("SETS", sets).replace("FACES", faces))
        page.evaluate("document.fonts.ready")
        page.screenshot(path=str(ROOT / "bibier" / "ui" / "static" / "preview.png"))
        browser.close()


if __name__ == "__main__":
    main()
