"""The Predictor: three branches, words, notices; on random weights where the weights don't matter."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import scored, tiny_config, voice

from bibier import __main__ as cli
from bibier.checkpoint import bundle as checkpoint
from bibier.distributions import jensen_shannon
from bibier.features.char_ngrams import words
from bibier.inference.attribution import align, occlusion
from bibier.inference.predictor import MAX_WORDS, Predictor, as_json
from bibier.labels import EMOTIONS
from bibier.transcript import Transcript, Word

ROOT = Path(__file__).resolve().parents[2]

RATE = 16_000


@pytest.fixture
def predictor(tiny_bundle):
    return Predictor(tiny_bundle)


@pytest.fixture
def clip():
    return voice(), RATE


def keys(prediction):
    return [notice.key for notice in prediction.notices]


def test_three_distributions_over_the_seven_emotions(predictor, clip):
    prediction = predictor(clip, "How could it be!")
    for branch in (prediction.audio, prediction.text, prediction.bimodal):
        assert tuple(branch.probabilities) == EMOTIONS
        assert sum(branch.probabilities.values()) == pytest.approx(1)
        assert branch.reason is None
    assert 0 <= prediction.conflict <= 1
    assert prediction.duration == pytest.approx(2, abs=0.01)
    assert {"read", "audio", "text", "bimodal", "explain"} <= prediction.timings.keys()


PARTS = {
    "audio": {"text_features": None, "text_encoder": None, "fusion": None},
    "text": {"audio_features": None, "audio_encoder": None, "fusion": None},
    "both, no fusion": {"fusion": None},
}


@pytest.mark.parametrize("there", PARTS)
def test_a_checkpoint_of_some_parts_judges_by_those_and_says_what_it_lacks(there, clip, tmp_path):
    bundle = checkpoint.Bundle(tiny_config(**PARTS[there])).eval()
    predictor = Predictor(checkpoint.load(checkpoint.save(bundle, tmp_path / "some", "# some")))
    prediction = predictor(clip, "How could it be!")
    reasons = {name: getattr(prediction, name).reason for name in ("audio", "text", "bimodal")}
    lacking = {name: reason.key for name, reason in reasons.items() if reason}
    expected = {
        "audio": {"text": "no-text-model", "bimodal": "no-text-model"},
        "text": {"audio": "no-audio-model", "bimodal": "no-audio-model"},
        "both, no fusion": {"bimodal": "no-fusion-model"},
    }
    assert lacking == expected[there]
    assert bool(prediction.words) == (there != "audio")
    as_json(prediction, "ru")


@pytest.mark.parametrize("linear, unlike", [(0.9, False), (1.1, True)])
def test_a_voice_unlike_any_is_told_and_decides_nothing(tiny_bundle, clip, linear, unlike):
    plain = Predictor(tiny_bundle)(clip, "How could it be!")
    said = Predictor(scored(tiny_bundle, linear))(clip, "How could it be!")
    assert said.audio.ood == pytest.approx(linear, abs=1e-4)
    assert (plain.audio.ood, plain.audio.doubt) == (None, None)
    assert said.audio.probabilities == plain.audio.probabilities  # the bars stay
    assert said.audio.reliable != unlike and said.bimodal.reliable != unlike
    assert ("voice-unlike" in keys(said)) == unlike
    assert (said.conflict is None) == unlike
    alone = Predictor(tiny_bundle).classify(None, "How could it be!")
    assert (said.words == alone.words) == unlike  # weighed for what the words say
    facts = as_json(said, "en")
    assert facts["ood"] == {"audio": said.audio.ood, "text": None}
    assert ("audio_doubt" in facts) == ("bimodal_doubt" in facts) == unlike
    assert "text_doubt" not in facts


KNOWN = ("I am so glad you came!", "Мне очень грустно без тебя.", "Nooooo! 42 times, really?", "Ура 🎉", "ok", "да")
RUBBISH = ("asdfgh jkl qwerty", "фывапролд йцукен", "12345 67890", "今日はとても嬉しいです", "!!!", "Γεια σου", "🫨")


def test_words_of_no_language_it_read_cannot_be_judged():
    reader = Predictor(checkpoint.load("compact"))
    for text in KNOWN:
        said = reader.classify(None, text)
        assert said.text.reliable and said.text.ood <= 1, text
    for text in RUBBISH:
        said = reader.classify(None, text)
        assert said.text.ood > 1 and said.text.doubt.key == "words-unlike", text
        assert keys(said) == ["words-unlike"] and said.text.probabilities is not None


def test_words_are_the_transcript_s_and_their_attention_is_a_share(predictor, clip):
    text = "Нет, I can't — believe it!"
    prediction = predictor(clip, text)
    assert [text[w.begin : w.stop] for w in prediction.words] == [w.text for w in prediction.words]
    assert sum(w.attention for w in prediction.words) == pytest.approx(1, abs=1e-5)
    assert all(w.attention >= 0 and -1 <= w.occlusion <= 1 for w in prediction.words)


def test_occlusion_is_the_fall_when_the_word_is_really_deleted(predictor, clip):
    """The same figure must come out of predicting the shortened text by itself."""
    whole, short = predictor(clip, "what a lovely day"), predictor(clip, "what a day")
    winner = max(whole.bimodal.probabilities, key=whole.bimodal.probabilities.get)
    fall = whole.bimodal.probabilities[winner] - short.bimodal.probabilities[winner]
    assert whole.words[2].text == "lovely"
    assert whole.words[2].occlusion == pytest.approx(fall, abs=1e-4)
    assert abs(fall) > 1e-6


def test_an_edit_changes_words_and_both_but_not_the_voice(predictor, clip):
    heard = predictor.encode_audio(clip)
    before, after = predictor.classify(heard, "I hate it"), predictor.classify(heard, "I love it")
    assert before.audio == after.audio
    assert before.text != after.text
    assert before.bimodal != after.bimodal


def test_reading_what_was_heard_equals_predicting_at_once(predictor, clip):
    apart, at_once = predictor.classify(predictor.encode_audio(clip), "hello there"), predictor(clip, "hello there")
    assert apart.bimodal == at_once.bimodal and apart.words == at_once.words


def test_empty_words_give_the_voice_alone_and_say_so(predictor, clip):
    for nothing in ("", "   \n"):
        prediction = predictor(clip, nothing)
        assert prediction.audio.probabilities and prediction.text.probabilities is None
        assert prediction.bimodal.probabilities is None
        assert prediction.text.reason.key == prediction.bimodal.reason.key == "no-words"
        assert prediction.words == () and prediction.conflict is None


def test_words_alone(predictor):
    prediction = predictor(None, "hello there")
    assert prediction.audio.reason.key == prediction.bimodal.reason.key == "no-sound"
    assert prediction.text.probabilities and len(prediction.words) == 2
    assert sum(w.attention for w in prediction.words) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(RATE), 0.1 * np.random.default_rng(0).standard_normal(2 * RATE), voice(0.2)],
    ids=["silence", "noise", "0.2 s"],
)
def test_nothing_is_invented_where_nobody_speaks(tiny_bundle, samples):
    asked = []
    predictor = Predictor(tiny_bundle, recogniser=asked.append)
    prediction = predictor((samples, RATE))
    assert prediction.audio.probabilities is None and prediction.audio.reason.key == "not-judged"
    assert prediction.transcript.text == "" and prediction.transcript.source == "none"
    assert prediction.notices and not asked


def test_the_recogniser_gets_mono_16_khz_and_its_words_keep_their_times(tiny_bundle):
    received = []

    def recogniser(samples):
        received.append(samples)
        return Transcript("hello there", "en", (Word("hello", 0.1, 0.5), Word("there", 0.6, 0.9)), "recogniser", "fake")

    stereo = np.stack([voice(1.0, 44_100)] * 2, axis=1)
    prediction = Predictor(tiny_bundle, recogniser)((stereo, 44_100))
    assert received[0].shape == (RATE,) and received[0].dtype == np.float32
    assert [(w.start, w.end) for w in prediction.words] == [(0.1, 0.5), (0.6, 0.9)]
    assert "transcribe" in prediction.timings


def test_an_edited_transcript_keeps_the_times_of_what_was_not_edited():
    recognised = (Word("Hello,", 0.1, 0.5), Word("their", 0.6, 0.9), Word("friend.", 1.0, 1.4))
    assert align(words("hello there, friend"), recognised) == [(0.1, 0.5), (None, None), (1.0, 1.4)]


def test_occlusion_runs_in_batches():
    spans = words("a b c d e")
    sizes = []

    def probability(texts):
        sizes.append(len(texts))
        return np.array([0.1 * len(text) for text in texts])

    np.testing.assert_allclose(occlusion(spans, probability, 0.5, batch=2), 0.1)
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize(
    "text",
    [
        "word " * 5000,
        "🙂🔥 " * 40,
        "<script>alert(1)</script>",
        "${7*7}{{7*7}}",
        "\u202eабв\u0000\ud800",
        "?!…",
        "a" * 100_000,
    ],
    ids=["5000 words", "emoji", "script", "template", "controls", "punctuation", "one long word"],
)
def test_any_text_is_read(predictor, clip, text):
    prediction = predictor(clip, text)
    assert sum(prediction.text.probabilities.values()) == pytest.approx(1)
    assert len(prediction.words) <= MAX_WORDS
    assert ("text-cut" in keys(prediction)) == (len(words(text)) > MAX_WORDS)


def test_another_language_is_warned_of(predictor, clip):
    assert "language-unsupported" in keys(predictor(clip, Transcript("guten Tag", "de")))
    assert "language-unsupported" not in keys(predictor(clip, Transcript("добрый день", "ru")))


def test_a_long_clip_is_judged_with_a_warning(predictor):
    prediction = predictor((voice(25.0), RATE), "hello")
    assert "audio-long" in keys(prediction) and prediction.bimodal.probabilities


def test_conflict_compares_both_branches_under_one_prior(tiny_bundle, clip):
    """A text branch that says only its own prior says nothing, and cannot disagree with an undecided voice."""
    import dataclasses

    prior = np.array([0.1, 0.1, 0.1, 0.1, 0.4, 0.1, 0.1])
    tiny_bundle.config = dataclasses.replace(tiny_bundle.config, text_prior=tuple(prior))
    with torch.no_grad():
        tiny_bundle.text_encoder.bias.copy_(torch.from_numpy(prior).log())
        tiny_bundle.text_encoder.ngram_votes.zero_()
        tiny_bundle.text_encoder.vote.weight.zero_()
        tiny_bundle.audio_encoder.head.weight.zero_()
        tiny_bundle.audio_encoder.head.bias.zero_()
    assert Predictor(tiny_bundle)(clip, "hello").conflict == pytest.approx(0, abs=1e-6)


def test_jensen_shannon_identities():
    p, q = np.array([1.0, 0, 0, 0, 0, 0, 0]), np.array([0, 1.0, 0, 0, 0, 0, 0])
    assert jensen_shannon(p, p) == 0
    assert jensen_shannon(p, q) == pytest.approx(1)
    assert jensen_shannon((p + q) / 2, q) == pytest.approx(jensen_shannon(q, (p + q) / 2))


@pytest.fixture
def wav(tmp_path):
    soundfile.write(tmp_path / "voice.wav", voice(), RATE)
    return str(tmp_path / "voice.wav")


def test_json_has_the_promised_fields(wav, capsys):
    assert cli.main(["predict", wav, "--transcript", "I am so happy!", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    promised = {"file", "audio", "text", "bimodal", "transcript", "words", "conflict", "warnings", "timings"}
    assert promised <= printed.keys()
    for name in ("audio", "text", "bimodal"):
        assert set(printed[name]) == set(EMOTIONS)
    assert printed["transcript"] == "I am so happy!" and len(printed["words"]) == 4


def test_an_empty_transcript_means_the_voice_alone(wav, capsys):
    assert cli.main(["predict", wav, "--transcript", "", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["audio"] and printed["text"] is None and printed["bimodal"] is None
    assert "no words" in printed["text_reason"] and "no words" in printed["bimodal_reason"]


def test_a_broken_file_does_not_stop_the_others(wav, tmp_path, capsys):
    (tmp_path / "empty.wav").touch()
    assert cli.main(["predict", str(tmp_path / "empty.wav"), wav, "--transcript", "", "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["audio"] is None and "empty" in first["audio_reason"]
    assert second["audio"]


def test_errors_come_in_the_chosen_language(wav, capsys):
    assert cli.main(["predict", wav, "--checkpoint", "nowhere", "--language", "ru"]) == 2
    assert "Чекпойнта «nowhere» нет" in capsys.readouterr().err


def test_a_person_s_table_has_every_emotion(wav, capsys):
    assert cli.main(["predict", wav, "--transcript", "hello"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("anger", "sadness", "happiness")) and "words that mattered" in out


@pytest.mark.parametrize("module", ["bibier", "train"])
def test_help_does_not_import_torch(module):
    code = f"""
import runpy, sys
sys.argv = ["{module}", "--help"]
try:
    runpy.run_module("{module}", run_name="__main__")
except SystemExit:
    print("torch" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "usage" in done.stdout and done.stderr.strip() == "False"


def test_a_prediction_imports_nothing_that_it_does_not_need():
    """A command that judges one clip starts in about the time of torch, which each of these would make longer."""
    heavy = (
        "scipy",
        "numba",
        "librosa",
        "sklearn",
        "pandas",
        "transformers",
        "huggingface_hub",
        "gradio",
        "sqlalchemy",
    )
    heavy += ("pydantic", "httpx", "whisper", "pocketsphinx", "onnxruntime", "torchaudio", "matplotlib", "rich")
    code = f"""
import sys
from bibier.__main__ import main
status = main(["predict", "examples/happy_en.ogg", "--transcript", "hello there"])
print([name for name in {heavy!r} if name in sys.modules], "torch._dynamo" in sys.modules, file=sys.stderr)
sys.exit(status)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "happiness" in done.stdout, done.stderr
    assert done.stderr.strip() == "[] False"
