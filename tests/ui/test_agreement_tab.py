"""The Agreement tab: its figures are those of `agreement`, its plots fit Plotly's schema, names are text."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

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
from bibier.ui.agreement.measured import Measured, Measurements
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
    shown = report.report(Measurements(store)("p"), "p", Theme(language))
    alpha = agreement.soft_alpha(agreement.unanchored_labels(store.state("p")))
    value = f"{alpha.value:.2f}".replace(".", "," if language == "ru" else ".")
    assert shown["tables"][0]["rows"][0][1] == value.replace("-", "−") and shown["tables"][0]["rows"][0][3] == "6"
    assert len(shown["tables"][1]["rows"]) == len(EMOTIONS) and len(shown["tables"][2]["rows"]) == 3
    assert shown["tables"][3]["rows"][0][:3] == ["compact", "1", "1"]
    assert [clip["clip"] for clip in shown["worst"]] == [
        c for c, *_ in agreement.most_disputed(agreement.unanchored_labels(store.state("p")))
    ]
    assert HOSTILE in json.dumps(shown["tables"][2]["rows"])
    assert value.replace("-", "−") in shown["verdict"] and shown["tables"][0]["dots"][0][0] == alpha.value
    first = shown["worst"][0]
    assert [sum(said["points"]) for said in first["people"]] == [100] * 3 and first["people"][0]["name"] == HOSTILE
    assert all(sum(row) == pytest.approx(1) for row in shown["tables"][4]["shades"])
    gap = "\u00a0" if language == "ru" else ""
    assert all(re.fullmatch(rf"\d+{gap}%", cell) for row in shown["tables"][4]["rows"] for cell in row[1:])
    assert all(table.get("reason", "") == "" for table in shown["tables"])
    for name, key in ((None, "agree_no_project"), ("empty", "agree_nobody")):
        measured = Measurements(store)(name) if name else None
        assert report.report(measured, name, Theme(language)) == {"sentence": report.say(key, language)}


@pytest.mark.parametrize("look", [Theme(), Theme("ru", dark=True, narrow=True)])
def test_the_figure_fits_plotly_and_its_numbers_are_right(url, look):
    measured = Measurements(Store(url))("p")
    drawn = report.figure(measured, look)
    go.Figure(data=drawn["data"], layout=drawn["layout"])  # raises on an unknown property
    assert sum(drawn["data"][0]["x"]) == pytest.approx(100) and sum(drawn["data"][1]["y"]) == 18
    rows = report.picture_table(measured, look.language)["rows"]
    assert rows[0][1] == drawn["data"][0]["text"][0] and len(rows) >= 8
    nobody = report.figure(Measured(), look)
    go.Figure(data=nobody["data"], layout=nobody["layout"])


def test_forty_five_openings_measure_once_and_a_save_measures_anew(url):
    store = Store(url)
    measure = Measurements(store)
    with ThreadPoolExecutor(45) as pool:
        (same,) = set(map(id, pool.map(lambda _: measure("p"), range(45))))
    assert measure.made == 1
    store.append(Event("new", "p", f"{0:064x}", "B", "label", named(np.eye(7)[3])))
    assert id(measure("p")) != same and measure.made == 2


def test_invented_names_are_compared_up_to_a_bound_and_that_is_said(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.add_clips("p", clips := [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(3)])
    rng = np.random.default_rng(0)
    store.append_all(
        "p",
        [
            Event(f"{i}/{who}", "p", clip.sha256, f"name {who}", "label", named(rng.dirichlet([1] * 7)))
            for who in range(60)
            for i, clip in enumerate(clips[: 3 if who < 50 else 1])
        ],
    )
    measured = Measurements(store)("p")
    assert (measured.people, measured.people_left_out, measured.paired) == (40, 20, 8) and len(measured.by_pair) == 28
    assert not {"name 55"} & {name for pair in measured.by_pair for name in pair}
    for language in ("en", "ru"):
        shown = report.report(measured, "p", Theme(language))
        assert "20" in shown["sentence"] and "8" in shown["tables"][2]["hint"]
    assert len(agreement.pair_alphas(agreement.unanchored_labels(store.state("p"), 4), draws=0)) == 6
    store.close()


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
