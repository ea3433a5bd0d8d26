"""Phrases from templates: the published draws, their mending and tags, and speech by a tiny Dia."""

import hashlib
import json
import os
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bibier.errors import CorpusError
from train.augment import templates
from train.corpora import load

PARTS = {
    "subjects": ["That lie", "He", "The  noise"],
    "verbs": ["set me off", "won't stop", "went on"],
    "interjections": ["(sighs)... I still can't believe it.", "No!", "(groans)Why"],
    "contexts": ["and I had enough (groans).", "again and again", "(screams) all night"],
    "templates": ["{i} {s} {v}.", "{s} {v}, {c}.", "{i} {s} {v} , {c}."],
}
PUBLISHED = os.environ.get("BIBIER_TEMPLATES", "")  # the folder of the published files, emotion_templates
# The first 16 digits of the SHA-256 of the sorted phrases, and how many of them hold a tag.
GOLDEN = {
    "anger": ("a0703bc105dda270", 1781),
    "disgust": ("8b86b67a72b71436", 2462),
    "fear": ("a979f49f24fef7b0", 2373),
    "happy": ("4678c8a8826c3567", 1580),
    "sad": ("7e21e9baecb8e253", 2167),
    "surprise": ("acd567ac11b4fd1b", 1917),
}


@pytest.fixture
def parts(tmp_path) -> templates.Templates:
    (tmp_path / "anger.json").write_text(json.dumps(PARTS))
    return templates.read(tmp_path / "anger.json")


def test_the_draws_are_those_of_python_s_own_generator_in_the_published_order(parts):
    """A second implementation, on the global generator and without the module's own handling of tags."""
    state = random.getstate()
    random.seed(42)
    expected = []
    for _ in range(40):
        s, v = random.choice(PARTS["subjects"]), random.choice(PARTS["verbs"])
        c, i = random.choice(PARTS["contexts"]), random.choice(PARTS["interjections"])
        t = random.choice(PARTS["templates"])
        if "(" in c and "(" in i:
            if random.random() < 0.5:
                c = c.replace("(groans)", "").replace("(screams)", "")
            else:
                i = i.replace("(groans)", "").replace("(sighs)", "")
        phrase = templates.tidy(t.replace("{s}", s).replace("{v}", v).replace("{i}", i).replace("{c}", c))
        if phrase not in expected:
            expected.append(phrase)
    random.setstate(state)
    assert templates.compose(parts, len(expected), draw=random.Random(42)) == expected


def test_one_of_everything_gives_the_two_phrases_that_the_coin_allows():
    parts = templates.Templates(("It",), ("hurts",), ("(sighs) Oh.",), ("and so (groans)",), ("{i} {s} {v}, {c}.",))
    phrases = templates.compose(parts, 5, draw=random.Random(42))
    assert set(phrases) == {"(sighs) Oh. It hurts, and so.", "Oh. It hurts, and so (groans)."}


def test_phrases_are_unique_repeat_themselves_and_hold_one_tag_at_most(parts):
    for tags in templates.HANDLING:
        phrases = templates.compose(parts, 60, draw=random.Random(42), tags=tags)
        assert len(set(phrases)) == len(phrases)
        assert phrases == templates.compose(parts, 60, draw=random.Random(42), tags=tags)
        assert max(sum(phrase.count(tag) for tag in templates.TAGS) for phrase in phrases) == 1


def test_the_published_coin_takes_tags_that_no_other_was_beside():
    parts = templates.Templates(("It",), ("hurts",), ("(sighs) Oh.",), ("and so (groans)",), ("{i} {s} {v}.",))
    assert set(templates.compose(parts, 5, draw=random.Random(42))) == {"(sighs) Oh. It hurts.", "Oh. It hurts."}
    assert templates.compose(parts, 5, draw=random.Random(42), tags="used") == ["(sighs) Oh. It hurts."]


def test_it_ends_when_the_templates_have_no_more():
    parts = templates.Templates(("It",), ("hurts",), ("Oh",), ("so",), ("{s} {v}.",))
    assert templates.compose(parts, 100, draw=random.Random(42)) == ["It hurts."]


@pytest.mark.parametrize(
    ("filled", "mended"),
    [
        ("No , it is . Why ? Oh !", "No, it is. Why? Oh!"),
        ("I had enough..", "I had enough."),
        ("(sighs)...\u202fI still", "(sighs)... I still"),
        ("(groans)Why", "(groans) Why"),
        ("  two   spaces\n", "two spaces"),
        ("(sighs). No", "(sighs). No"),
    ],
)
def test_what_is_mended(filled, mended):
    assert templates.tidy(filled) == mended


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verbs": []}, "verbs must be a list"),
        ({"verbs": "run"}, "verbs must be a list"),
        ({"nouns": ["x"]}, "'nouns'"),
        ({"templates": ["{s} {x}"]}, "template 1: unknown {x}"),
        ({"templates": ["{s} {v"]}, "template 1"),
    ],
)
def test_a_bad_file_is_named(tmp_path, change, message):
    (tmp_path / "fear.json").write_text(json.dumps(PARTS | change))
    with pytest.raises(CorpusError, match=f"fear.json.*{message}"):
        templates.read(tmp_path / "fear.json")
    (tmp_path / "fear.json").write_text("[")
    with pytest.raises(CorpusError, match="fear.json is not JSON"):
        templates.read(tmp_path / "fear.json")


def test_the_words_of_an_item_are_what_is_said():
    (plain,) = templates.items(["(sighs)... I can't , no (groans)."], "joy")
    assert plain.text == "... I can't, no." and plain.path is None and plain.label == 3
    (item,) = templates.items(["(sighs) No."], "joy", keep_tags=True)
    assert item.text == "(sighs) No."


@pytest.fixture(scope="module")
def dia(tmp_path_factory):
    """A Dia of one narrow layer with random weights, saved and read as the published one is."""
    import torch
    from transformers import (
        DacConfig,
        DacModel,
        DiaConfig,
        DiaFeatureExtractor,
        DiaForConditionalGeneration,
        DiaProcessor,
        DiaTokenizer,
    )

    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("dia")
    narrow = {"num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 2}
    narrow |= {"head_dim": 8, "intermediate_size": 16}
    across = {"cross_num_attention_heads": 2, "cross_head_dim": 8, "cross_num_key_value_heads": 2}
    config = DiaConfig(encoder_config=narrow, decoder_config=narrow | across | {"cross_hidden_size": 16})
    DiaForConditionalGeneration(config).save_pretrained(root / "dia")
    codec = DacConfig(
        encoder_hidden_size=4, decoder_hidden_size=16, hidden_size=16, n_codebooks=9, codebook_size=1024, codebook_dim=4
    )
    DacModel(codec).save_pretrained(root / "dac")
    codec = DacModel.from_pretrained(root / "dac")
    DiaProcessor(DiaFeatureExtractor(), DiaTokenizer(), codec).save_pretrained(root / "dia")
    return templates.Dia.load(str(root / "dia"))


def test_phrases_become_a_manifest_with_clips(dia, tmp_path):
    phrases = ["(sighs) No.", "Never."]
    rows = templates.items(phrases, "sad")
    spoken = []

    def speak(phrase, seed):
        spoken.append(phrase)
        return dia(phrase, seed, seconds=0.4)

    table = templates.write(rows, tmp_path / "tug", speak=speak, spoken=phrases)
    assert spoken == phrases
    found = load.read(str(table), split="train")
    assert [item.text for item in found] == ["No.", "Never."] and {item.label for item in found} == {5}
    for number, item in enumerate(found):
        samples, rate = soundfile.read(item.path, dtype="float32")
        assert rate == templates.DIA_RATE and 0 < len(samples) <= 0.4 * rate
        np.testing.assert_allclose(samples, dia(phrases[number], number, seconds=0.4), atol=1e-4)
    templates.write(rows, tmp_path / "tug", speak=speak, spoken=phrases)
    assert spoken == phrases  # nothing is said twice


def test_phrases_alone_become_a_manifest_of_texts(tmp_path):
    table = templates.write(templates.items(["No, never."], "sad"), tmp_path)
    (item,) = load.read(str(table))
    assert item.text == "No, never." and item.path is None


def test_the_command_writes_a_manifest_of_all_emotions(tmp_path, capsys, monkeypatch):
    from train import __main__ as cli

    monkeypatch.setattr(templates, "COUNTS", dict.fromkeys(templates.COUNTS, 5))
    for emotion in templates.COUNTS:
        (tmp_path / f"{emotion}.json").write_text(json.dumps(PARTS))
    assert cli.main(["templates", str(tmp_path), "--out", str(tmp_path / "made")]) == 0
    items = load.read(capsys.readouterr().out.strip())
    assert np.bincount([item.label for item in items], minlength=7).tolist() == [5, 5, 5, 5, 0, 5, 5]
    (tmp_path / "fear.json").unlink()
    assert cli.main(["templates", str(tmp_path), "--out", str(tmp_path / "made")]) == 2
    assert "fear.json" in capsys.readouterr().err


@pytest.mark.skipif(not PUBLISHED, reason="the published template files are not here: set BIBIER_TEMPLATES")
@pytest.mark.parametrize("emotion", GOLDEN)
def test_the_published_files_give_the_published_phrases(emotion):
    parts = templates.read(Path(PUBLISHED) / f"{emotion}.json")
    phrases = templates.compose(parts, templates.COUNTS[emotion], draw=random.Random(42))
    digest, tags = GOLDEN[emotion]
    assert hashlib.sha256("\n".join(sorted(phrases)).encode()).hexdigest()[:16] == digest
    assert sum(map(templates.tagged, phrases)) == tags
