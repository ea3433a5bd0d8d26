"""Proposals of the model, made before they are looked at."""

import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from bibier.annotation import proposals
from bibier.labels import named
from bibier.ui.annotate.handlers import AnnotateHandlers
from bibier.ui.annotate.prefetch import Prefetcher
from tests.ui import annotating
from tests.ui.annotating import sent

store = annotating.store  # a fixture


class Reader:
    """A predictor that notes what it hears, and goes on when it is let."""

    def __init__(self):
        self.heard, self.goes_on = [], threading.Event()
        self.goes_on.set()

    def encode_audio(self, path, *, channel="auto"):
        self.heard.append(path)
        assert self.goes_on.wait(10)

    def classify(self, _heard, _text):
        branch = SimpleNamespace(probabilities=named([0.4, 0.6, 0, 0, 0, 0, 0]))
        return SimpleNamespace(bimodal=branch, audio=branch, text=branch)


@pytest.fixture
def reader():
    return Reader()


@pytest.fixture
def prefetch(store, reader):
    """Ask `reader` for proposals."""
    readers = Future()
    readers.set_result(lambda _name: reader)
    return Prefetcher(store, readers, "model:tiny")


def test_the_model_proposes_once(store, reader, prefetch):
    """Made ahead in the background, waited for when it is asked, and not made again."""
    clip = store.clips("voices")[0]
    prefetch("voices", [clip], wait=True)
    prefetch("voices", [clip], wait=True)
    assert len(reader.heard) == 1
    assert store.proposals("voices")[clip.sha256, "model:tiny"]["disgust"] == pytest.approx(0.6)


def test_one_annotator_s_save_takes_no_other_s_proposals(store, reader, prefetch):
    """Ann waits for a reveal while Bob goes on; what Bob no longer needs is not asked."""
    first, second, third = store.clips("voices")
    reader.goes_on.clear()
    prefetch("voices", [first], annotator="Eve")  # keeps the only thread busy
    with ThreadPoolExecutor(1) as pool:
        reveal = pool.submit(prefetch, "voices", [second], annotator="Ann", wait=True)
        deadline = time.monotonic() + 10
        while len(prefetch.jobs) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        prefetch("voices", [third], annotator="Bob")
        prefetch("voices", [], annotator="Bob")  # the project is at its end for him
        prefetch("voices", [], annotator="Ann")  # and a save of hers is on its way
        reader.goes_on.set()
        reveal.result(10)
    assert (second.sha256, "model:tiny") in store.proposals("voices")
    assert reader.heard == [first.path, second.path]


def test_a_project_can_be_proposed_for_while_the_database_is_gone(store, reader, prefetch, capsys, tmp_path):
    (tmp_path / "store.db").unlink()
    prefetch.propose_all("voices")
    prefetch.projects["voices"].join(10)
    assert reader.heard == [] and "Traceback" not in capsys.readouterr().err


def test_no_visitor_can_take_the_id_of_a_proposal_before_it_is_made(store, reader, prefetch):
    """The id that a former version gave is taken by a label: the proposal is made all the same, once."""
    clip = store.clips("voices")[0]
    former = uuid.UUID("6f1f6f0e-51b4-4d0e-9a53-0c8d0e6c8a31")
    handlers = AnnotateHandlers(store)
    for end in ("", "/audio", "/text"):
        guess = uuid.uuid5(former, f"voices\n{clip.sha256}\nmodel:tiny{end}")
        handlers.save(sent(uuid=str(guess)))
    prefetch("voices", [clip], wait=True)
    assert (clip.sha256, "model:tiny") in store.proposals("voices")
    assert proposals.keep(store, "voices", clip.sha256, {"model:tiny": named([1, 0, 0, 0, 0, 0, 0])}) == 0
