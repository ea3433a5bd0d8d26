"""The Agreement tab: its figures are those of `agreement`, its plots fit Plotly's schema, names are text."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from bibier import __main__ as command
from bibier.annotation import agreement
from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.labels import EMOTIONS, named
from bibier.ui.agreement import report
from bibier.ui.agreement.tab import chosen_of
from bibier.ui.client import Theme

HOSTILE = "<img src=x onerror=alert(1)>${x}"


@pytest.fixture
def url(tmp_path):
    """Three people on six clips; one of them looked at a proposal and moved."""
    url, rng = f"sqlite:///{tmp_path}/a.db", np.random.default_rng(0)
    store = Store(url)
    clips = [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(6)]
    store.project("empty")
    store.add_clips("p", clips)
    for i, clip in enumerate(clips):
        truth = rng.dirichlet([0.4] * 7)
        for who in ("A", "B", HOSTILE):
            probs = named(rng.dirichlet(truth * 9 + 0.05))
            store.append(Event(f"{who}{i}", "p", clip.sha256, who, "label", probs))
    before = store.state("p")[clips[0].sha256, "A"].probs
    store.append(Event("m", "p", clips[0].sha256, "", "propose", named(np.eye(7)[3]), source="model:compact"))
    seen = {"seen": ("model:compact",), "before": before}
    store.append(Event("A-again", "p", clips[0].sha256, "A", "label", named(np.eye(7)[3]), **seen))
    store.close()
    return url


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_tab_says_what_agreement_says(url, language):
    store = Store(url)
    shown = report.report(store, "p", Theme(language))
    alpha = agreement.soft_alpha(agreement.unanchored_labels(store.state("p")))
    value = f"{alpha.value:.2f}".replace(".", "," if language == "ru" else ".")
    assert shown["tables"][0]["rows"][0][1] == value.replace("-", "−") and shown["tables"][0]["rows"][0][3] == "6"
    assert len(shown["tables"][1]["rows"]) == len(EMOTIONS) and len(shown["tables"][2]["rows"]) == 3
    assert shown["tables"][3]["rows"][0][:3] == ["compact", "1", "1"]
    assert [clip["clip"] for clip in shown["worst"]] == [
        c for c, *_ in agreement.most_disputed(agreement.unanchored_labels(store.state("p")))
    ]
    assert HOSTILE in json.dumps(shown["tables"][2]["rows"])
    assert all(table.get("reason", "") == "" for table in shown["tables"])
    for name, key in ((None, "agree_no_project"), ("empty", "agree_nobody")):
        assert report.report(store, name, Theme(language)) == {"sentence": report.say(key, language)}


@pytest.mark.parametrize("look", [Theme(), Theme("ru", dark=True, narrow=True)])
def test_the_figure_fits_plotly_and_its_numbers_are_right(url, look):
    table = agreement.unanchored_labels(Store(url).state("p"))
    drawn = report.figure(table, look)
    go.Figure(data=drawn["data"], layout=drawn["layout"])  # raises on an unknown property
    assert sum(drawn["data"][0]["x"]) == pytest.approx(100) and sum(drawn["data"][1]["y"]) == 18
    rows = report.picture_table(table, look.language)["rows"]
    assert rows[0][1] == drawn["data"][0]["text"][0] and len(rows) >= 8
    nobody = agreement.unanchored_labels({})
    go.Figure(data=report.figure(nobody, look)["data"], layout=report.figure(nobody, look)["layout"])


@pytest.mark.parametrize("raw", [None, "", "no", "[]", '{"project": 3}', '{"project": "gone"}', '{"project": {}}'])
def test_an_unknown_project_is_the_first(raw):
    assert chosen_of(raw, ["a", "b"]) == "a" and chosen_of(raw, []) is None
    assert chosen_of('{"project": "b"}', ["a", "b"]) == "b"


def test_the_command_prints_the_same(url, capsys):
    assert command.main(["annotations", "agreement", "p", "--store", url]) == 0
    printed = json.loads(capsys.readouterr().out)
    table = agreement.unanchored_labels(Store(url).state("p"))
    assert printed["jensen_shannon"]["value"] == agreement.soft_alpha(table).value
    assert len(printed["pairs"]) == 3 and printed["moves"][0]["person"] == "A"
    assert command.main(["annotations", "agreement", "empty", "--store", url]) == 0
    assert "two people" in json.loads(capsys.readouterr().out)["nominal"]["reason"]
