"""The Agreement tab: its figures are those of `agreement`, its plots fit Plotly's schema, names are text."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import plotly.graph_objects as go
import pytest
from asgi import in_own_loop
from starlette.requests import Request

from bibier import __main__ as command
from bibier.annotation import agreement
from bibier.annotation.events import Event
from bibier.annotation.state import ProjectClip
from bibier.annotation.store import Store
from bibier.labels import EMOTIONS, named
from bibier.security.ownership import Ownership
from bibier.security.session import SCOPE, Visitor
from bibier.ui.agreement import report, tab
from bibier.ui.agreement.measured import Measured, Measurements, Standing, measure_grouped, rounded
from bibier.ui.agreement.tab import chosen_of
from bibier.ui.client import Theme
from bibier.ui.gradio_import import gradio as gr

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


def in_theme(drawn, theme):
    """Colour a figure as the page does, in the light theme (1) or the dark one (2)."""
    coloured = json.loads(re.sub(r"light-dark\((\S+), (\S+)\)", rf"\{theme}", json.dumps(drawn)))
    return {"data": coloured["data"], "layout": coloured["layout"]}


@pytest.mark.parametrize("look", [Theme(), Theme("ru", narrow=True)])
def test_the_figure_fits_plotly_and_its_numbers_are_right(url, look):
    measured = Measurements(Store(url))("p")
    drawn = report.figure(measured, look)
    for theme in (1, 2):
        go.Figure(**in_theme(drawn, theme))  # raises on an unknown property
    assert sum(drawn["data"][0]["x"]) == pytest.approx(100) and sum(drawn["data"][1]["y"]) == 18
    rows = report.picture_table(measured, look.language)["rows"]
    assert rows[0][1] == drawn["data"][0]["text"][0] and len(rows) >= 8
    nobody = report.figure(Measured(), look)
    go.Figure(**in_theme(nobody, 1))


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


# --- what visitors get ------------------------------------------------------------------------------------------------


@pytest.fixture
def team(tmp_path):
    """Ann and Bob label twelve clips, Cid the first three of them."""
    store, rng = Store(f"sqlite:///{tmp_path}/t.db"), np.random.default_rng(1)
    store.add_clips("p", [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(12)])
    for i in range(12):
        say_all(store, rng, i, ("Ann", "Bob", "Cid") if i < 3 else ("Ann", "Bob"))
    yield store
    store.close()


def say_all(store, rng, clip, people):
    for who in people:
        probs = named(rng.dirichlet([0.4] * 7))
        store.append(Event(f"{who}/{clip}/{rng.random()}", "p", f"{clip:064x}", who, "label", probs))


def asking(store, folder, **facts):
    """Return what asks the tab as a visitor of these facts does: what the page sends → what it gets."""
    with gr.Blocks() as blocks, gr.Tabs(), gr.Tab("a") as part:
        tab.build(store, part)
    (show,) = (each.fn for each in blocks.fns.values() if each.api_name == "agreement")
    facts = {"session": "s", "address": "10.0.0.1", "user": None, "known": True} | facts
    guest = Visitor(**facts, ownership=Ownership(folder))
    request = gr.Request(Request({"type": "http", "headers": [], SCOPE: guest}), session_hash="x")
    return lambda **sent: in_own_loop(show(json.dumps({"project": "p", **sent}), request))


def labels_in(shown):
    """Return whose label of which clip an answer gives."""
    return {(clip["clip"], said["name"]) for clip in shown["worst"] for said in clip["people"]}


@pytest.mark.parametrize("user", ["Dan", "Cid"])
def test_who_signed_in_sees_others_labels_of_the_clips_alone_that_they_have_labelled(team, tmp_path, user):
    """Whatever name the page sends; the first label opens a clip, and an undo closes it again."""
    ask = asking(team, tmp_path, user=user)
    own = {f"{i:064x}" for i in range(3)} if user == "Cid" else set()
    for annotator in (user, "Ann", "", None, 7, {"$": 1}):
        shown, _, _ = ask(annotator=annotator)
        assert {clip for clip, _ in labels_in(shown)} == own and str(12 - len(own)) in shown["unseen"]
    clip = f"{7:064x}"
    assert clip not in json.dumps(ask(annotator="Ann"))
    team.append(Event("first", "p", clip, user, "label", named(np.eye(7)[0])))
    assert {who for c, who in labels_in(ask()[0]) if c == clip} == {"Ann", "Bob", user}
    team.undo("p", user)
    assert {c for c, _ in labels_in(ask()[0])} == own


def test_on_an_open_server_the_name_of_the_page_counts_and_no_name_sees_nothing(team, tmp_path):
    ask = asking(team, tmp_path)
    for nobody in ({}, {"annotator": " "}, {"annotator": "x" * 81}, {"annotator": "Dan"}):
        assert labels_in(ask(**nobody)[0]) == set()
    for language, words in (("en", "Enter your name"), ("ru", "Введите имя")):
        assert words in ask(language=language)[0]["unseen"]
        assert words not in ask(language=language, annotator="Dan")[0]["unseen"]
    assert {clip for clip, _ in labels_in(ask(annotator="cid")[0])} == {f"{i:064x}" for i in range(3)}


def test_who_decided_as_a_third_sees_what_they_saw_then(team, tmp_path):
    ask = asking(team, tmp_path, user="Dan")
    team.append(Event("d", "p", f"{5:064x}", "Dan", "decide", named(np.eye(7)[0])).stamped())
    assert {clip for clip, _ in labels_in(ask()[0])} == {f"{5:064x}"}


def test_the_operator_sees_everything_exactly(team, tmp_path):
    shown, figure, numbers = asking(team, tmp_path, operator=True)()
    measured = Measurements(team)("p")
    wanted = report.report(measured, "p", Theme()) | {"projects": ["p"], "project": "p"}
    assert (shown, figure, numbers) == (wanted, report.figure(measured, Theme()), report.picture_table(measured, "en"))
    assert len(shown["worst"]) == 12 and shown["unseen"] == "" and len(labels_in(shown)) == 27
    alpha = agreement.soft_alpha(agreement.unanchored_labels(team.state("p")))
    assert shown["tables"][0]["dots"][0][0] == alpha.value and sum(figure["data"][1]["y"]) == 27


@pytest.mark.parametrize("language, words", [("en", "once 5 clips have labels"), ("ru", "когда 5 фрагментов")])
def test_with_few_labels_a_visitor_gets_no_figures(tmp_path, language, words):
    store, rng = Store(f"sqlite:///{tmp_path}/few.db"), np.random.default_rng(2)
    store.add_clips("p", [ProjectClip(f"{i:064x}", f"{i}.wav") for i in range(9)])
    ask = asking(store, tmp_path, user="Dan")
    assert ask(language=language)[0]["sentence"] == report.say("agree_nobody", language)
    for i in range(9):
        say_all(store, rng, i, ("Ann", "Bob") if i < 4 else ("Ann",))
        shown, figure, numbers = ask(language=language)
        assert words in shown["sentence"] and figure is None and numbers is None
        assert not {"tables", "verdict"} & shown.keys() and shown["worst"] == []
        assert asking(store, tmp_path, operator=True)()[1] is not None
    say_all(store, rng, 4, ["Bob"])
    shown, figure, numbers = ask(language=language)
    assert shown["tables"] and numbers and sum(figure["data"][1]["y"]) == 10
    assert report.say("agree_groups", language, size=5) in shown["sentence"]
    store.close()


def test_one_save_more_gives_no_label_away(team, tmp_path):
    """Whatever a visitor does between another's saves, five labels of the other come in at once, or none."""
    ask, rng = asking(team, tmp_path, user="Dan"), np.random.default_rng(3)

    def figures():
        shown, figure, numbers = ask()
        return json.dumps([shown["tables"], shown["verdict"], shown["sentence"], figure, numbers])

    before = figures()
    for number in range(4):  # with the three of before, seven: the first five count
        say_all(team, rng, 3 + number, ["Cid"])
        team.append(Event(f"again {number}", "p", f"{0:064x}", "Ann", "label", named(rng.dirichlet([1] * 7))))
        now = figures()
        assert (now == before) is (number != 1)
        before = now
    counted = agreement.whole_groups(team.state("p"))
    assert [sum(who == name for _, who in counted) for name in ("Ann", "Bob", "Cid")] == [10, 10, 5]
    for number in range(4):  # the visitor's own move nothing of anybody else's
        say_all(team, rng, number, ["Dan"])
        assert figures() == before


def test_a_visitor_s_figures_are_rounded_and_none_is_of_fewer_than_five(team, tmp_path):
    shown, figure, _ = asking(team, tmp_path, user="Dan")()
    dots = [value for table in shown["tables"][:3] for dot in table["dots"] if dot for value in dot]
    shades = [value for row in shown["tables"][4]["shades"] for value in row]
    numbers = [*dots, *shades, *(x / 100 for x in figure["data"][0]["x"])]
    assert len(dots) > 20 and all(round(number, 2) == pytest.approx(number, abs=1e-12) for number in numbers)
    few = {"a": agreement.Alpha(0.123, 0.1, 0.2, clips=4), "b": agreement.Alpha(0.123, None, None, clips=5)}
    few = rounded(few)
    assert few["a"].value is None and "5" in few["a"].reason.text("ru") and few["b"].value == 0.12


def test_gold_clips_repeats_and_suggestions_count_in_fives_too(tmp_path):
    store, rng = Store(f"sqlite:///{tmp_path}/g.db"), np.random.default_rng(4)
    store.add_clips("p", [ProjectClip(f"{i:064x}", f"{i}.wav", label="sad", extra={"gold": "yes"}) for i in range(10)])
    for i in range(10):
        say_all(store, rng, i, ("Ann", "Bob"))
    ask = asking(store, tmp_path, user="Dan")

    def rows(title):
        return [table["rows"] for table in ask()[0]["tables"] if table["title"] == report.say(title, "en")]

    assert [row[:2] for row in rows("agree_gold")[0]] == [["Ann", "10"], ["Bob", "10"]]
    for i in range(5):
        clip, before = f"{i:064x}", store.state("p")[f"{i:064x}", "Ann"].probs
        store.append(Event(f"m{i}", "p", clip, "", "propose", named(np.eye(7)[3]), source="model:compact"))
        seen = {"seen": ("model:compact",), "before": before}
        store.append(Event(f"s{i}", "p", clip, "Ann", "label", named(np.eye(7)[3]), **seen))
        store.append(Event(f"r{i}", "p", clip, "Ann", "repeat", named(np.eye(7)[3])).stamped())
        there = standing(store)
        fresh = measure_grouped(there, agreement.whole_groups(there.labels))
        assert (len(fresh.shifts), set(fresh.with_self)) == ((5, {"Ann"}) if i == 4 else (0, set()))
    assert "once suggestions" in json.dumps(ask()[0]["tables"])  # as before: nobody's group has become full
    store.close()


def standing(store):
    with store.reading("p") as log:
        return Standing.read(log)


def test_forty_five_visitors_measure_once(team):
    measure = Measurements(team)
    with ThreadPoolExecutor(45) as pool:
        seen = list(pool.map(lambda i: measure.for_visitor("p", {"annotator": f"visitor {i}"}), range(45)))
    assert measure.made == 1 and len({id(each.by_pair) for each in seen}) == 1
    team.append(Event("one more", "p", f"{9:064x}", "Cid", "label", named(np.eye(7)[3])))
    assert measure.for_visitor("p", {}).by_pair is seen[0].by_pair and measure.made == 1
