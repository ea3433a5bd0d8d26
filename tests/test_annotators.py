"""The instruments of `benchmarks.annotators` and `benchmarks.peers`: what they ask, and what they count."""

import json

import httpx
import pytest

from benchmarks import annotators, peers, potato, visitors
from benchmarks.labelled import label_events
from benchmarks.visitors import EVEN, SimulatedAnnotator, Wrong


class Desk(SimulatedAnnotator):
    """An annotator whose server is a list of clips: all that is not labelled is left."""

    def __init__(self, clips):
        self.left, self.sent, self.current, self.coming = list(clips), [], None, []
        self.tries = 0
        self.name, self.who = "Ann", {"project": "p", "annotator": "Ann"}

    def act(self, name, **sent):
        new = sent.get("clip") in self.left
        if new:
            self.left.remove(sent["clip"])
        self.sent.append((name, sent.get("clip")))
        views = [{"clip": clip} for clip in self.left] + [None, None]
        coming = {"now": views[0], "after": views[1], "later": [view for view in views[2:] if view]}
        return coming | {"saved": sent.get("uuid"), "new": new}

    def leave(self):
        self.left = None


def test_an_annotator_goes_through_the_queue_as_the_page_does():
    person = Desk("abc")
    person.begin()
    assert (person.current, person.coming) == ("a", ["b", "c"])
    assert [person.label_next(EVEN, again=clip == "b")[0] for clip in "abc"] == ["a", "b", "c"]
    assert person.current is None and person.left == []
    assert [clip for name, clip in person.sent if name == "save"] == ["a", "b", "b", "c"]


def test_a_save_that_is_called_old_is_wrong():
    person = Desk("ab")
    person.begin()
    person.left.remove("a")  # so that the act is there already
    with pytest.raises(Wrong):
        person.label_next(EVEN)


def test_what_has_no_answer_is_sent_again(monkeypatch):
    monkeypatch.setattr(visitors, "AGAIN", 0)
    person = Desk("ab")
    person.begin()
    act = person.act

    def broken(name, **sent):
        answer = act(name, **sent)
        if len(person.sent) == 2:  # the first save arrived, its answer didn't
            raise httpx.ReadError("reset")
        return answer

    person.act = broken
    assert person.label_next(EVEN)[0] == "a" and person.tries == 1
    assert person.left == ["b"]


def test_a_team_gives_no_more_labels_than_were_asked_for():
    team = annotators.Team(None, annotators.KINDS[0], 0, 3)
    for number in range(2):
        person = Desk(f"{number}{clip}" for clip in "abcd")
        person.begin()
        team.work(number, person)
    assert len(team.saved) == 3 and team.errors == []


def test_the_tables_have_a_line_for_each_run():
    outcome = annotators.Outcome(annotators.KINDS[3], 0, 400, 399, 2, ["lost"], 50.0, 8.0)
    assert "| random | 0.5–2.0 | 0 | 400 | 399 | 2 | 1 | 8.0 | 20 |" in annotators.table([outcome], 400, 8, "x")
    servers = [
        peers.Server("here", 1, None, None, [0.01] * 4, 0.02, (9900, 0.5, 0.25), 400, 250),
        peers.Server("Potato", 2, None, None, [0.05] * 4, 0.1, (9900, 1.0, 0.75), 280, 200),
    ]
    line = "| 9900 of 10000 | Potato | 4 | 50 (50–50) | 5.0 | 25 | 5.0 | 280 | 200 | 9900, 1.00, 0.75 |"
    assert line in peers.table({9900: servers}, 10_000)


def test_a_task_of_potato_has_the_clips_and_the_labels(tmp_path):
    clips = [f"{number:064x}" for number in range(12)]
    potato.make_task(tmp_path / "task", clips, label_events(clips, 10))
    items = [json.loads(line) for line in (tmp_path / "task/data.jsonl").read_text().splitlines()]
    assert [item["id"] for item in items] == clips
    states = [json.loads(file.read_text()) for file in (tmp_path / "task/out").glob("*/user_state.json")]
    given = {clip: label for state in states for clip, label in state["instance_id_to_label_to_value"].items()}
    assert len(states) == 8 and sorted(given) == clips[:10]
    assert all(sum(value for _, value in label) == 100 for label in given.values())
