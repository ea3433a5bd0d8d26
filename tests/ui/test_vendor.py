"""Files for every browser: compressed where that is taken, and not sent again to whoever has them."""

import gzip
import threading

from starlette.applications import Starlette
from starlette.testclient import TestClient

from bibier.ui import vendor


def test_a_file_is_sent_once_and_compressed():
    made_in = []

    def read() -> bytes:
        made_in.append(threading.current_thread().name)
        return vendor.plotly.read()

    file = vendor.SharedFile(vendor.plotly.media_type, read)
    client = TestClient(vendor.SharedFiles(Starlette(), files={vendor.PLOTLY: file}))
    plain = client.get(vendor.PLOTLY, headers={"accept-encoding": "gzip;q=0"})
    assert plain.content == vendor.BUNDLE.read_bytes() and "content-encoding" not in plain.headers
    with client.stream("GET", vendor.PLOTLY, headers={"accept-encoding": "br;q=0.9, gzip;q=0.8"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip" and gzip.decompress(packed) == plain.content
    assert len(packed) < len(plain.content) / 2
    known = client.get(vendor.PLOTLY, headers={"if-none-match": f'"another", {plain.headers["etag"]}'})
    assert known.status_code == 304 and not known.content and "etag" in known.headers
    assert client.get("/elsewhere").status_code == 404
    assert len(made_in) == 1 and made_in[0].startswith("guard")  # not on the event loop
