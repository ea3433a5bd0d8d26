"""The studio's other acts: settings, exports, the language model, and the clip after the next in every order."""

import json
from pathlib import Path

import numpy as np
import pytest

from bibier import __main__ as command
from bibier.annotation import exports, ingest
from bibier.annotation.events import Event
from bibier.annotation.state import ORDERS, ProjectClip
from bibier.annotation.store import Store
from bibier.distributions import entropy
from bibier.errors import InputError
from bibier.labels import named, vector
from bibier.soft_labels.cache import Cache
from bibier.soft_labels.endpoint import Endpoint
from bibier.soft_labels.parsing import ORDER
from bibier.ui.annotate.handlers import AnnotateHandlers
from bibier.ui.annotate.llm import REST, LlmProposer
from tests.tiny_llm import reply, served

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TOPS = {name: -float(i + 1) for i, name in enumerate(ORDER)}
UUID = "00000000-0000-4000-8000-{:012d}"


@pytest.fixture
def store(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/a.db")
    store.add_clips("p", [ProjectClip(f"{i:064x}", f"{i}.wav", f"words {i}" if i else "") for i in range(6)])
    yield store
    store.close()


def sent(number=1, clip=1, **facts):
    base = {"project": "p", "annotator": "Ann", "uuid": UUID.format(number), "clip": f"{clip:064x}"}
    return base | {"points": [0, 0, 0, 0, 0, 100, 0], "confidence": None, "note": "", "seconds": 1.0} | facts


def advised(store, address, tmp_path):
    engine = Endpoint(address, "tiny", timeout=2, tries=1)
    return AnnotateHandlers(store, ask_llm=LlmProposer(store, lambda: engine, Cache(tmp_path / "answers.db")))


def test_a_model_that_is_not_reached_is_not_asked_again_at_once(store, tmp_path):
    """Each try takes long, and others wait behind it: for a while the same is said at once."""
    now, asked = [0.0], []

    def engine():
        asked.append(now[0])
        raise InputError("llm-unreachable", host="model.example", tries=2, reason="HTTP 500")

    ask = LlmProposer(store, engine, Cache(tmp_path / "answers.db"), clock=lambda: now[0])
    clip = store.clips("p")[1]
    for at in (0.0, 1.0, REST - 1, REST + 1):
        now[0] = at
        with pytest.raises(InputError, match=r"model\.example"):
            ask("p", clip)
    assert asked == [0.0, REST + 1]


def test_the_language_model_is_asked_blind_once_and_its_word_is_a_proposal(store, tmp_path):
    with served(reply("neutral", TOPS)) as (address, asked):
        handlers = advised(store, address, tmp_path)
        with pytest.raises(InputError, match="own is saved"):
            handlers.ask(sent(1))
        assert asked == []
        handlers.save(sent(2))
        shown = handlers.ask(sent(3))["now"]
        assert [proposal["source"] for proposal in shown["proposals"]] == ["llm:tiny"] and shown["revealed"]
        assert "sad" not in json.dumps(asked[0][0]["messages"][1]).split("Which one")[0]  # nobody's label is told
        handlers.ask(sent(4))
        handlers.save(sent(5, points=[100, 0, 0, 0, 0, 0, 0]))
        assert len(asked) == 1
    events = [event for _, event in store.events("p")]
    (proposal,) = [event for event in events if event.kind == "propose"]
    assert (
        proposal.source == "llm:tiny"
        and proposal.annotator == ""
        and max(proposal.probs, key=proposal.probs.get) == "neutral"
    )
    assert events[-1].seen == ("llm:tiny",) and events[-1].before == named(np.eye(7)[5])


@pytest.mark.parametrize("answers", [[reply("I can't say.")], [(500, {}, b"")], [None], [reply("0.5, 0.5")]])
def test_a_failing_language_model_is_told_and_nothing_is_kept(store, tmp_path, answers):
    with served(*answers) as (address, _):
        handlers = advised(store, address, tmp_path)
        handlers.save(sent(1))
        with pytest.raises(InputError):
            handlers.ask(sent(2))
    assert [event.kind for _, event in store.events("p")] == ["label"] and store.proposals("p") == {}


def test_without_words_or_a_model_there_is_nothing_to_ask(store, tmp_path):
    with pytest.raises(InputError, match="No language model"):
        AnnotateHandlers(store).ask(sent(1))
    handlers = advised(store, "http://127.0.0.1:9/v1", tmp_path)
    handlers.save(sent(1, clip=0))
    with pytest.raises(InputError, match="no transcript"):
        handlers.ask(sent(2, clip=0))
    assert AnnotateHandlers(store).open({})["advice"] is False and handlers.open({})["advice"] is True


def test_settings_are_for_whoever_runs_the_app(store):
    mine, public = AnnotateHandlers(store, create_project=lambda name, source, progress: name), AnnotateHandlers(store)
    wanted = {"proposals": "shown", "wanted": 3, "order": "random", "share": 0.25}
    assert mine.settle(sent(settings=wanted))["settings"].items() >= wanted.items()
    for wrong in ({"wanted": 0}, {"order": "worst"}, {"share": 2}, {"colour": "red"}, {"wanted": True}, "no"):
        with pytest.raises(InputError):
            mine.settle(sent(settings=wrong))
    with pytest.raises(InputError, match="started the app"):
        public.settle(sent(settings={"wanted": 1}))
    assert {name: store.project("p")[name] for name in wanted} == wanted


def test_an_export_in_a_team_s_browser_is_of_the_person_alone(store):
    mine, public = AnnotateHandlers(store, create_project=lambda name, source, progress: name), AnnotateHandlers(store)
    for i, who in enumerate(("Ann", "Bob")):
        mine.save(sent(i, annotator=who))
    store.append(Event("m", "p", f"{1:064x}", "", "propose", named(np.eye(7)[0]), source="model:m"))
    for kind in exports.FORMATS:
        text = mine.export(sent(format=kind))["text"]
        assert text == "".join(exports.FORMATS[kind][1](exports.snapshot_of(store, "p")))
        own = public.export(sent(format=kind))["text"]
        assert "Bob" not in own and "model:m" not in own
    assert "Ann" in public.export(sent(format="long"))["text"]
    with pytest.raises(InputError):
        mine.export(sent(format="../../etc/passwd"))


def test_an_export_in_a_team_s_browser_gives_no_answers_away(store):
    gold = ProjectClip("f" * 64, "/srv/voices/anger-17.wav", label="anger", extra={"gold": "yes"}, soft={"anger": 1.0})
    store.add_clips("p", [gold])
    public = AnnotateHandlers(store)
    public.save(sent(clip=int("f" * 64, 16)))
    for kind in exports.FORMATS:
        text = public.export(sent(format=kind))["text"]
        assert not [word for word in ("srv", "anger-17", "gold") if word in text], kind
    clips = [json.loads(line).get("clip") for line in public.export(sent(format="events"))["text"].splitlines()]
    assert {clip["label"] for clip in clips if isinstance(clip, dict)} == {None}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_clip_that_is_fetched_ahead_is_the_one_that_comes(store, order, share):
    rng = np.random.default_rng(1)
    for clip in store.clips("p"):
        for end in ("", "/audio", "/text"):
            probs = named(rng.dirichlet([0.5] * 7))
            store.append(Event(f"{clip.sha256}{end}", "p", clip.sha256, "", "propose", probs, source=f"model:m{end}"))
    store.append(Event("b", "p", f"{4:064x}", "Bob", "label", named(np.eye(7)[0])))
    store.project("p", wanted=3, order=order, share=share)
    handlers, seen = AnnotateHandlers(store), []
    answer = handlers.open(sent())
    while answer["now"]:
        seen.append(answer["now"]["clip"])
        ahead = answer["after"]["clip"] if answer["after"] else None
        answer = handlers.save(sent(len(seen), clip=int(seen[-1], 16)))
        assert (answer["now"]["clip"] if answer["now"] else None) == ahead
    assert len(seen) == len(set(seen)) == 6


def test_the_commands_set_and_propose(tmp_path, capsys):
    url = f"sqlite:///{tmp_path}/b.db"
    store = Store(url)
    ingest.add_folder(store, "p", EXAMPLES)
    store.add_clips("p", [ProjectClip("f" * 64, "/gone.wav")])
    count = len(store.clips("p"))
    assert command.main(["annotations", "set", "p", "--order", "modalities", "--wanted", "2", "--store", url]) == 0
    assert json.loads(capsys.readouterr().out)["wanted"] == 2
    for _ in range(2):  # the second finds all of them there
        assert command.main(["annotations", "propose", "p", "--store", url]) == 1
        assert f"{count - 1} of {count}" in capsys.readouterr().out
    proposals = store.proposals("p")
    assert {source for _, source in proposals} == {"model:compact", "model:compact/audio"}  # nothing is transcribed
    assert len(store.events("p")) == len(proposals) == 2 * (count - 1)
    uncertain = store.next("p", "A", "uncertain")
    spread = {clip: [p for (sha256, _), p in proposals.items() if sha256 == clip] for clip, _ in proposals}
    mean = {clip: np.mean([entropy(vector(p)) for p in ps]) for clip, ps in spread.items()}
    assert uncertain.sha256 == max(mean, key=mean.get)
