"""The page as it is sent: compressed, with the project's own title, description and picture for links."""

import gzip
import html
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from bibier.i18n.page import STRINGS, catalogue
from bibier.security.routes import PREVIEW, is_open
from bibier.ui import gradio_chunks, page
from bibier.ui.gradio_chunks import GradioChunks
from bibier.ui.gradio_import import gradio
from bibier.ui.page_script import PREVIEW_SIZE, PageScript

GRADIO = """<!doctype html><html
\tlang="en"><head><meta charset="utf-8" />
<meta property="og:title" content="Gradio" />
<meta
\tproperty="og:image"
\tcontent="" />
<meta name="twitter:creator" content="@Gradio" />
</head><body>page</body></html>"""


@pytest.fixture
def client():
    """Open a page as Gradio sends it, and an answer that holds what was asked."""
    routes = [
        Route("/", lambda request: HTMLResponse(GRADIO)),
        Route("/echo", lambda request: JSONResponse({"secret": "s" * 2000, "asked": request.url.query})),
    ]
    return TestClient(
        PageScript(Starlette(routes=routes), hours=24, chunks=GradioChunks(Path())), base_url="http://bibier.test"
    )


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_link_shows_the_project(client, language):
    answer = client.get("/", headers={"accept-language": language})
    found = dict(re.findall(r'<meta (?:name|property)="([\w:]+)" content="([^"]*)">', answer.text))
    sentences = catalogue(language)
    assert html.unescape(found["og:title"]) == sentences["link_title"]
    assert html.unescape(found["description"]) == html.unescape(found["og:description"]) == sentences["tagline"]
    assert found["og:image"] == f"http://bibier.test{PREVIEW}"
    assert "Gradio" not in answer.text.replace("Gradio looks here", "").split("</head>")[0].split("<script>")[0]
    assert answer.text.count("og:title") == 1 and "@Gradio" not in answer.text
    picture = client.get(PREVIEW)
    assert is_open("GET", PREVIEW) and picture.headers["content-type"] == "image/png"
    size = (int.from_bytes(picture.content[16:20], "big"), int.from_bytes(picture.content[20:24], "big"))
    assert size == PREVIEW_SIZE


def test_the_page_is_compressed_and_nothing_beside_it(client):
    plain = client.get("/", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    refused = client.get("/", headers={"accept-encoding": "gzip;q=0, br"})
    assert "content-encoding" not in refused.headers
    with client.stream("GET", "/", headers={"accept-encoding": "br, gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip" and len(packed) == int(answer.headers["content-length"])
    assert gzip.decompress(packed) == plain.content and len(packed) < len(plain.content) / 2
    assert "Accept-Encoding" in answer.headers["vary"]
    # what holds a visitor's own data beside what a stranger may have chosen is never compressed
    echoed = client.get("/echo?x=1", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in echoed.headers


def test_gradios_styles_come_as_one_and_its_scripts_are_named_at_once(tmp_path):
    frontend = Path(gradio.__file__).parent / "templates" / "frontend"
    chunks = gradio_chunks.find(frontend, ["html", "button", "textbox"])
    assert len(chunks.styles) > 10 and len(set(chunks.styles)) == len(chunks.styles) and chunks.locale
    assert all((chunks.folder / name).is_file() for name in (*chunks.styles, *chunks.scripts))
    sheet = chunks.sheet()
    assert all((chunks.folder / name).read_bytes() in sheet for name in chunks.styles)
    page = (frontend / "index.html").read_text()

    app = Starlette(routes=[Route("/", lambda request: HTMLResponse(page))])
    sent = TestClient(PageScript(app, hours=None, chunks=chunks)).get("/").text
    sheets = re.findall(r'<link rel="stylesheet"( disabled)? (?:crossorigin )?href="([^"?]+)', sent)
    assert [name for off, name in sheets if not off] == ["./bibier/gradio.css"]
    assert [name for off, name in sheets if off] == [f"./assets/{name}" for name in chunks.styles]
    assert sent.count('rel="modulepreload"') == len(chunks.scripts)
    # what can't be read is left to Gradio
    (tmp_path / "index.html").write_text("another page")
    assert gradio_chunks.find(tmp_path, ["html"]).styles == ()


def test_the_page_speaks_of_no_command_line():
    """Visitors have none: what only who runs the app can do is said so."""
    found = [key for key, texts in STRINGS.items() for text in texts if re.search(r"(?<!\S)--\w|python -m|`", text)]
    assert found == []


@pytest.mark.parametrize("sheet", page.SHEETS)
def test_no_rule_is_lost_on_the_way_through_gradio(sheet):
    """Gradio writes each rule anew from what the browser made of it, and Chromium makes nothing of a shorthand with a
    variable of which a part is set once more: the ring that turns while one waits had no border.
    """
    text = re.sub(r"/\*.*?\*/", "", (page.STATIC / sheet).read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.findall(r"@(?!media|keyframes)\S+", text), "Gradio leaves these rules out"
    for selector, body in re.findall(r"([^{}]+){([^{}]*)}", text):
        pairs = [part.split(":", 1) for part in body.split(";") if ":" in part]
        rule = [(name.strip(), value) for name, value in pairs]
        for place, (name, value) in enumerate(rule):
            later = {part for part, _ in rule[place + 1 :] if part.startswith(f"{name}-")}
            own = later - {"border-radius", "border-collapse", "outline-offset"}
            assert not ("var(" in value and own), f"{selector.strip()}: {name} before {own}"
