"""Features once: the cache on disk and `python -m train prepare`."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_hub import DIM, REVISION, build, clips, copied, made

from bibier.errors import CorpusError, InputError
from train import __main__ as cli
from train.corpora.load import Item, one_hot
from train.experiment import feature_cache


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """One folder a kind, each with a tiny random model."""
    return {kind: made(kind, tmp_path_factory.mktemp(kind)) for kind in ("wav2vec2", "bert", "jina")}


@pytest.fixture(scope="module")
def extractor(folders):
    """One extractor, loaded once."""
    return build("wav2vec2", folders["wav2vec2"])


@pytest.fixture
def sounds(tmp_path) -> list[Item]:
    items = []
    for i, samples in enumerate(clips(0.5, 0.9, 0.5)):
        path = tmp_path / f"clip{i}.wav"
        soundfile.write(path, samples, 16_000)
        items.append(Item(f"corpus/clip{i}", "corpus", one_hot("happy"), text=f"hello {i}", path=path))
    return [*items, dataclasses.replace(items[0], id="corpus/again")]


def test_a_second_run_needs_no_model(tmp_path, folders, sounds):
    weights = copied(folders["wav2vec2"], tmp_path / "weights")
    cache = tmp_path / "cache"
    first = feature_cache.cached(sounds, build("wav2vec2", weights), cache=cache)
    assert [f.shape for f in first] == [(24, DIM), (44, DIM), (24, DIM), (24, DIM)]
    np.testing.assert_array_equal(first[0], first[3])
    (weights / "model.safetensors").unlink()
    second = feature_cache.cached(sounds, build("wav2vec2", weights), cache=cache)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(list(cache.rglob("*.npy"))) == 3 and not list(cache.rglob(".*"))
    settings = json.loads(next(cache.rglob("settings.json")).read_text())["features"]
    assert (settings["kind"], settings["revision"]) == ("wav2vec2", REVISION)
    with pytest.raises(InputError):  # another revision is other features
        feature_cache.cached(sounds, build("wav2vec2", weights, revision="tiny-2"), cache=cache)


def test_texts_are_cached_too(tmp_path, folders, sounds):
    extractor = build("bert", folders["bert"])
    found = feature_cache.cached(sounds, extractor, cache=tmp_path / "cache")
    for features, item in zip(found, sounds, strict=True):
        np.testing.assert_allclose(features, extractor(item.text), atol=1e-4)


def test_a_damaged_entry_is_made_again_and_named(tmp_path, extractor, sounds):
    cache, lines = tmp_path / "cache", []
    first = [f.copy() for f in feature_cache.cached(sounds, extractor, cache=cache)]
    entries = sorted(cache.rglob("*.npy"))
    entries[0].write_bytes(entries[0].read_bytes()[:200])
    np.save(entries[1], np.zeros((3, DIM + 1), np.float32))
    again = feature_cache.cached(sounds, extractor, cache=cache, report=lines.append)
    assert len(lines) == 2 and all(any(entry.name in line for line in lines) for entry in entries[:2])
    for one, second in zip(first, again, strict=True):
        np.testing.assert_allclose(one, second, atol=1e-4)


def test_a_foreign_cache_is_refused(tmp_path, extractor, sounds):
    cache = tmp_path / "cache"
    feature_cache.cached(sounds, extractor, cache=cache)
    file = next(cache.rglob("settings.json"))
    file.write_text(file.read_text().replace(REVISION, "tiny-0"))
    with pytest.raises(CorpusError, match="revision is 'tiny-0', expected 'tiny-1'.*delete the folder"):
        feature_cache.cached(sounds, extractor, cache=cache)
    file.unlink()
    with pytest.raises(CorpusError, match="settings.json is missing"):
        feature_cache.cached(sounds, extractor, cache=cache)


def test_a_full_disk_is_said_and_leaves_nothing_half_written(tmp_path, extractor, sounds, full_disk):
    cache = tmp_path / "cache"
    folder = feature_cache.described(cache, extractor)
    full_disk(after=1)
    with pytest.raises(CorpusError, match="is full: free some space .* 1 of 4 items are extracted"):
        feature_cache.cached(sounds, extractor, cache=cache)
    assert len(list(folder.glob("*.npy"))) == 1 and len(list(folder.iterdir())) == 2
    full_disk(after=100)
    assert len(feature_cache.cached(sounds, extractor, cache=cache)) == 4  # it goes on


def test_a_cache_that_cannot_be_written_is_said(tmp_path, extractor, sounds):
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match="cannot be written to .*choose another --cache"):
        feature_cache.cached(sounds, extractor, cache=tmp_path / "file")


def test_unreadable_clips_are_listed_and_too_many_refused(tmp_path, extractor, sounds):
    for i in (0, 2):
        sounds[i].path.write_bytes(b"no sound" + bytes([i]))
    lines = []
    features = feature_cache.cached(sounds[:3], extractor, cache=tmp_path / "a", report=lines.append, limit=0.9)
    assert features[0] is None and features[2] is None and len(features[1]) == 44
    assert any("corpus/clip0" in line for line in lines) and "2 of 3" in lines[-1]
    with pytest.raises(CorpusError, match="(?s)2 of 3 items.*corpus/clip0.*corpus/clip2"):
        feature_cache.cached(sounds[:3], extractor, cache=tmp_path / "b")


def test_prepare_extracts_what_a_recipe_needs(tmp_path, folders, sounds, capsys):
    @dataclasses.dataclass
    class Part:
        corpora: tuple
        features: object

    @dataclasses.dataclass
    class Recipe:
        audio: Part
        text: Part

    manifest = tmp_path / "own.csv"
    manifest.write_text("path,text,label\n" + "".join(f"{i.path},{i.text},happy\n" for i in sounds[:3]))
    audio_part = Part((str(manifest),), build("wav2vec2", folders["wav2vec2"]).config)
    recipe = Recipe(audio_part, Part((str(manifest),), build("jina", folders["jina"]).config))
    counts = feature_cache.prepare(recipe, tmp_path, cache=tmp_path / "cache")
    assert set(counts.values()) == {3} and len(counts) == 2
    assert "3 items" in capsys.readouterr().out
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 6


def test_prepare_from_the_command_line(tmp_path, capsys):
    folder = tmp_path / "ravdess"
    folder.mkdir()
    soundfile.write(folder / "03-01-03-01-01-01-01.wav", clips(0.6)[0], 16_000)
    (tmp_path / "meld_train.csv").write_text("Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\nhi,A,joy,0,0\n")
    recipe = Path(__file__).parents[2] / "train" / "recipes" / "compact-v1.toml"
    arguments = ["prepare", str(recipe), "--data", str(tmp_path), "--cache", str(tmp_path / "cache")]
    assert cli.main(arguments) == 0
    assert "1 items of ravdess as log-mel" in capsys.readouterr().err
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1
    soundfile.write(folder / "03-01-03-01-01-01-21.wav", clips(0.7)[0], 16_000)  # of the test split: no copies
    sampling = ["--set", "audio.fit = {class_power = 0, smoothing = 0}", "--set", "audio.sampling = {draws = 8}"]
    assert cli.main([*arguments, *sampling, "--set", "audio.copies = {rooms = 2, telephone = 1}"]) == 0
    assert "1 copies of ravdess: rooms, 2" in capsys.readouterr().err
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 5


def test_another_decoder_makes_other_features_and_says_so(tmp_path, extractor, sounds, monkeypatch):
    cache, lines = tmp_path / "cache", []
    feature_cache.cached(sounds, extractor, cache=cache, report=lines.append)
    assert lines == []
    monkeypatch.setattr(feature_cache.decoding, "VERSION", feature_cache.decoding.VERSION + 1)
    feature_cache.cached(sounds, extractor, cache=cache, report=lines.append)
    old, new = sorted(cache.iterdir(), key=lambda folder: json.loads((folder / "settings.json").read_text())["decoder"])
    assert len(list(old.glob("*.npy"))) == len(list(new.glob("*.npy"))) == 3
    assert len(lines) == 1 and str(old) in lines[0] and "earlier decoder" in lines[0]
    feature_cache.cached(sounds, extractor, cache=cache, report=lines.append)
    assert len(lines) == 1


def test_features_from_before_decoders_had_a_version_are_not_taken_in_silence(tmp_path, extractor, sounds):
    cache, lines = tmp_path / "cache", []
    feature_cache.cached(sounds, extractor, cache=cache)
    (folder,) = cache.iterdir()
    settings = json.loads((folder / "settings.json").read_text())
    del settings["decoder"]
    old = feature_cache._folder(cache, extractor, settings)
    folder.rename(old)
    feature_cache.cached(sounds, extractor, cache=cache, report=lines.append)
    assert len(lines) == 1 and str(old) in lines[0] and folder.is_dir()


def test_clips_that_are_not_whole_are_told_each_time(tmp_path, extractor, sounds):
    whole = sounds[1].path.read_bytes()
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    items = [*sounds, dataclasses.replace(sounds[1], id="corpus/cut", path=cut)]
    for _ in range(2):  # extracted, and from the cache
        lines = []
        feature_cache.cached(items, extractor, cache=tmp_path / "cache", report=lines.append)
        assert len(lines) == 1 and "1 of 5 clips" in lines[0] and "corpus/cut" in lines[0]
