"""Plotly for the browser: compressed where that is taken, and not sent again to whoever has it."""

import gzip
import threading

from starlette.applications import Starlette
from starlette.testclient import TestClient

from bibier.ui import vendor


def test_the_bundle_is_sent_once_and_compressed(monkeypatch):
    made_in = []
    once = vendor.bundle
    monkeypatch.setattr(vendor, "bundle", lambda: made_in.append(threading.current_thread().name) or once())
    client = TestClient(vendor.PlotlyScript(Starlette()))
    plain = client.get(vendor.ROUTE, headers={"accept-encoding": "gzip;q=0"})
    assert plain.content == vendor.BUNDLE.read_bytes() and "content-encoding" not in plain.headers
    with client.stream("GET", vendor.ROUTE, headers={"accept-encoding": "br;q=0.9, gzip;q=0.8"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip" and gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 2
    known = client.get(vendor.ROUTE, headers={"if-none-match": f'"another", {plain.headers["etag"]}'})
    assert known.status_code == 304 and not known.content and "etag" in known.headers
    assert client.get("/elsewhere").status_code == 404
    assert all(name.startswith("guard") for name in made_in)  # not on the event loop
