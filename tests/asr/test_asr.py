import contextlib
import hashlib
import http.server
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from bibier import transcript
from bibier.asr import fast_whisper, pocketsphinx
from bibier.asr import whisper as whisper_recogniser
from bibier.asr.download import download
from bibier.audio import format, segmentation
from bibier.audio.io import load
from bibier.checkpoint import bundle
from bibier.errors import InputError
from bibier.inference.predictor import Predictor

EXAMPLES = Path(__file__).parents[2] / "examples"
whisper = pytest.importorskip("whisper")


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    samples = np.random.default_rng(0).standard_normal(round(seconds * format.SAMPLE_RATE))
    return np.clip(level * samples, -1, 1).astype(np.float32)


# ------------------------------------------------------------------- Whisper: real code, weights that say a sentence


def parrot(path: Path, sentence: str, *, language: str = "ru") -> Path:
    """Save tiny weights in Whisper's format that answer every window with one sentence from 0 to 2 s.

    The blocks add nothing, so the next token depends on the position alone: the embedding of position p is that of the
    token to say at p + 1.
    """
    torch.manual_seed(0)
    tokenizer = whisper.tokenizer.get_tokenizer(True, num_languages=99, language=language, task="transcribe")
    said = [tokenizer.timestamp_begin, *tokenizer.encode(sentence), tokenizer.timestamp_begin + 100, tokenizer.eot]
    context = 2 * len(said) + 8  # tokens; half of them may be said
    dims = whisper.model.ModelDimensions(80, 1500, 64, 2, 1, 51865, context, 64, 2, 2)
    model = whisper.model.Whisper(dims)
    for block in (*model.encoder.blocks, *model.decoder.blocks):
        for layer in (block.attn.out, block.cross_attn.out if block.cross_attn else block.attn.out, block.mlp[2]):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    with torch.no_grad():
        embedding = torch.nn.functional.normalize(torch.randn(51865, 64), dim=1)
        embedding[tokenizer.no_timestamps] = embedding[tokenizer.timestamp_begin]  # second pass, without timestamps
        model.decoder.token_embedding.weight.copy_(embedding)
        positions = torch.zeros(context, 64)
        positions[0] = embedding[tokenizer.to_language_token(language)]
        for position, token in enumerate(said, start=2):
            positions[position] = embedding[token]
        model.decoder.positional_embedding.copy_(20 * positions)
        model.decoder.ln.weight.fill_(4.0)
    torch.save({"dims": dims.__dict__, "model_state_dict": model.state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    return parrot(tmp_path_factory.mktemp("weights") / "parrot.pt", " Привет, как дела?")


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(f"a connection was opened: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_whisper_transcribes_with_words_and_times_and_no_network(weights, no_network):
    before = torch.get_num_threads()
    heard = whisper_recogniser.Whisper(str(weights))(noise(2.5))
    assert torch.get_num_threads() == before  # the alignment of words runs on all cores
    assert heard.text == "Привет, как дела?"
    assert (heard.language, heard.source, heard.recogniser) == ("ru", "recogniser", "whisper-parrot")
    assert [word.text for word in heard.words] == ["Привет,", "как", "дела?"]
    times = [time for word in heard.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[0] >= 0 and times[-1] <= 2.5


def test_the_fast_whisper_reads_no_more_of_its_window_than_the_sound(weights, monkeypatch):
    monkeypatch.setattr(fast_whisper, "gains_by_bfloat16", lambda: False)
    exact, fast = (whisper_recogniser.Whisper(str(weights), profile=name) for name in ("exact", "fast"))
    exact.load()
    fast.load()
    with torch.inference_mode():
        short = whisper.log_mel_spectrogram(noise(2.5), padding=480_000)[None, :, :3000]  # (1, 80, 3000)
        states = fast._loaded().encoder(short)  # (1, T, 64)
        longer = torch.nn.functional.pad(short, (0, 500), "replicate")
        assert states.shape[1] in (150, 151)  # half a second behind the sound
        assert torch.equal(fast._loaded().encoder(longer), states)
        assert fast._loaded().encoder(torch.zeros(1, 80, 3000)).shape[1] == 25
        full = whisper.log_mel_spectrogram(noise(30.0))[None]
        torch.testing.assert_close(fast._loaded().encoder(full), exact._loaded().encoder(full), atol=1e-5, rtol=0)


def test_the_fast_whisper_writes_the_same_words(weights, monkeypatch):
    monkeypatch.setattr(fast_whisper, "gains_by_bfloat16", lambda: True)
    exact, fast = (whisper_recogniser.Whisper(str(weights), profile=name) for name in ("exact", "fast"))
    heard, rough = exact(noise(2.5)), fast(noise(2.5))
    assert (rough.text, rough.language) == (heard.text, heard.language) == ("Привет, как дела?", "ru")
    assert [word.text for word in rough.words] == [word.text for word in heard.words]
    tokens, states = torch.arange(0, 20_000, 1000)[None], torch.randn(1, 30, 64)
    with torch.inference_mode():
        logits, near = (model._loaded().decoder(tokens, states) for model in (exact, fast))
    assert near.dtype == torch.float32
    assert 0 < (near - logits).norm() / logits.norm() < 0.03


def test_whisper_keeps_the_chosen_language(weights):
    assert whisper_recogniser.Whisper(str(weights), language="en")(noise(2.5)).language == "en"


def test_whisper_runs_on_random_weights(tmp_path):
    torch.manual_seed(1)
    dims = whisper.model.ModelDimensions(80, 1500, 16, 2, 1, 51865, 24, 16, 2, 1)
    state = whisper.model.Whisper(dims).state_dict()
    torch.nn.init.normal_(state["decoder.positional_embedding"])
    torch.save({"dims": dims.__dict__, "model_state_dict": state}, tmp_path / "random.pt")
    heard = whisper_recogniser.Whisper(str(tmp_path / "random.pt"))(noise(1.0))
    assert isinstance(heard, transcript.Transcript)
    assert heard.source == ("recogniser" if heard.text else "none")
    assert all(0 <= word.start <= word.end <= 1.0 for word in heard.words)


@pytest.mark.parametrize("samples", [np.zeros(16_000, np.float32), np.zeros(0, np.float32), noise(1.0, 1e-6)])
def test_nothing_is_invented_for_silence(weights, samples):
    for recogniser in (whisper_recogniser.Whisper(str(weights)), pocketsphinx.PocketSphinx()):
        assert recogniser(samples) == transcript.Transcript("", source="none")


def test_segments_without_speech_and_endless_repetitions_are_dropped():
    sound = {"no_speech_prob": 0.1, "avg_logprob": -0.3, "compression_ratio": 1.2}
    assert not whisper_recogniser._invented(sound)
    assert whisper_recogniser._invented(sound | {"no_speech_prob": 0.9, "avg_logprob": -0.9})
    assert not whisper_recogniser._invented(sound | {"no_speech_prob": 0.9})
    assert whisper_recogniser._invented(sound | {"compression_ratio": 3.0})


def test_repetitions_of_whisper_give_no_transcript_and_are_told(tmp_path):
    model = parrot(tmp_path / "loop.pt", " ля" * 10)
    written = whisper_recogniser.Whisper(str(model))(noise(2.5))
    assert written == transcript.Transcript("", source="none", left_out=" ".join(["ля"] * 10))
    prediction = Predictor(bundle.load("compact")).classify(None, written)
    assert [notice.key for notice in prediction.notices] == ["words-left-out"]


def test_what_a_person_says_again_and_again_stays():
    samples = load(EXAMPLES / "happy_en.ogg").samples

    def segment(seconds):  # of a word
        words = [{"word": " No.", "start": 0.3 * n, "end": 0.3 * n + seconds} for n in range(8)]
        sound = {"no_speech_prob": 0.1, "avg_logprob": -0.3, "compression_ratio": 3.0}
        return sound | {"text": " No." * 8, "words": words}

    assert whisper_recogniser._said_again(segment(0.25), samples)
    assert not whisper_recogniser._said_again(segment(0.0), samples)  # piled up at a few moments
    assert not whisper_recogniser._said_again(segment(0.25), noise(2.5))
    assert not whisper_recogniser._said_again(segment(0.25) | {"no_speech_prob": 0.9, "avg_logprob": -0.9}, samples)
    assert not whisper_recogniser._said_again(segment(0.25) | {"words": []}, samples)


@pytest.mark.parametrize("content", [b"", b"no weights", None], ids=["empty", "text", "cut off"])
def test_damaged_weights_are_refused(tmp_path, weights, content):
    bad = tmp_path / "bad.pt"
    bad.write_bytes(weights.read_bytes()[:100_000] if content is None else content)
    with pytest.raises(InputError) as refused:
        whisper_recogniser.Whisper(str(bad)).load()
    assert refused.value.message.key == "recogniser-damaged"


def test_weights_of_another_kind_are_refused(tmp_path):
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(InputError) as refused:
        whisper_recogniser.Whisper(str(tmp_path / "other.pt")).load()
    assert refused.value.message.key == "recogniser-damaged"


def test_the_files_and_checksums_are_whispers_own():
    for name, (file, _) in whisper_recogniser.WHISPER_FILES.items():
        digest, base = whisper._MODELS[name].split("/")[-2:]
        assert base == file
        assert len(bytes.fromhex(digest)) == 32


# ---------------------------------------------------------------------------------------------------------- downloads


class Server(http.server.BaseHTTPRequestHandler):
    """Serves the weights as the first part of the path says: good, wrong, dropped, hanging, trickle, missing."""

    content = b""
    release = threading.Event()

    def do_GET(self):
        with contextlib.suppress(ConnectionError):  # the client gave up, as it should
            self.answer(self.path.split("/")[1])

    def answer(self, kind):
        if kind == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        half = len(self.content) // 2
        self.wfile.write(self.content[:half])
        self.wfile.flush()
        if kind == "hanging":
            self.release.wait(10)
        if kind in ("good", "wrong"):
            self.wfile.write(self.content[half:-1] + (self.content[-1:] if kind == "good" else b"?"))
        while kind == "trickle" and not self.release.wait(0.05):
            self.wfile.write(b"x")
            self.wfile.flush()

    def log_message(self, *args):
        pass


@pytest.fixture
def address(weights):
    Server.content = weights.read_bytes()
    Server.release.clear()
    digest = hashlib.sha256(Server.content).hexdigest()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield lambda kind: f"http://127.0.0.1:{server.server_port}/{kind}/{digest}/base.pt"
    Server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_download_brings_the_weights_and_tells_its_progress(tmp_path, address):
    reported = []
    cache = tmp_path / "cache"
    recogniser = whisper_recogniser.Whisper(
        "base", download=True, cache=cache, urls={"base": address("good")}, progress=lambda *now: reported.append(now)
    )
    assert not cache.exists(), "nothing is fetched before it is needed"
    announcement = recogniser.announcement.text("en")
    assert "base" in announcement and "145 MB" in announcement and str(cache) in announcement
    heard = recogniser(noise(2.5))
    assert heard.text == "Привет, как дела?"
    assert heard.recogniser == "whisper-base"
    assert [path.name for path in cache.iterdir()] == ["base.pt"]
    assert reported[-1] == (len(Server.content), len(Server.content))
    assert [received for received, _ in reported] == sorted(received for received, _ in reported)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("wrong", "recogniser-checksum"),
        ("dropped", "recogniser-broke"),
        ("hanging", "recogniser-timeout"),
        ("trickle", "recogniser-timeout"),
        ("missing", "recogniser-download-failed"),
    ],
)
def test_a_failed_download_leaves_nothing_behind(tmp_path, address, kind, key):
    target = tmp_path / "cache" / "base.pt"
    with pytest.raises(InputError) as failed:
        download(address(kind), target, timeout=0.5)
    assert failed.value.message.key == key
    assert list(target.parent.iterdir()) == []
    for language in ("en", "ru"):
        assert "127.0.0.1" in failed.value.text(language)


def test_no_server_at_all(tmp_path):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    with pytest.raises(InputError) as failed:
        download(f"http://127.0.0.1:{port}/{'0' * 64}/base.pt", tmp_path / "base.pt", timeout=1)
    assert failed.value.message.key == "recogniser-download-failed"
    assert list(tmp_path.iterdir()) == []


def test_an_abandoned_download_leaves_nothing_behind(tmp_path, address):
    def stop(received, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(address("good"), tmp_path / "base.pt", timeout=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------------------------------------------- the choices


# ------------------------------------------------------------------------------------------------------- pocketsphinx


@pytest.fixture(scope="module")
def sphinx():
    return pocketsphinx.PocketSphinx()


def test_pocketsphinx_hears_some_of_an_example(sphinx):
    clip = load(EXAMPLES / "happy_en.ogg")
    heard = sphinx(clip.samples)
    assert (heard.language, heard.source, heard.recogniser) == ("en", "recogniser", "pocketsphinx")
    assert len({"happy", "see", "you", "have", "been", "all", "this", "time"} & set(heard.text.split())) >= 4
    assert heard.text == " ".join(word.text for word in heard.words)
    assert not set("<>[]()+") & set(heard.text)
    times = [time for word in heard.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[0] >= 0 and times[-1] <= clip.duration


def test_pocketsphinx_hears_the_same_at_another_level(sphinx):
    samples = load(EXAMPLES / "happy_en.ogg").samples
    assert sphinx(samples / 30).text == sphinx(samples).text


def test_a_long_clip_is_cut_in_its_pauses():
    loud, pause = noise(7.0), np.zeros(8_000, np.float32)
    samples = np.concatenate([loud, pause] * 6)  # 45 s
    pieces = segmentation.cut_in_pauses(samples, 5 * format.SAMPLE_RATE, 12 * format.SAMPLE_RATE)
    assert pieces[0][0] == 0 and pieces[-1][1] == len(samples)
    assert all(before[1] == after[0] for before, after in zip(pieces[:-1], pieces[1:], strict=True))
    assert all(stop - start <= 12 * format.SAMPLE_RATE for start, stop in pieces)
    assert all(samples[stop - 1_500 : stop + 1_500].max() == 0 for _, stop in pieces[:-1])


def test_words_of_later_pieces_keep_their_place(sphinx):
    samples = load(EXAMPLES / "happy_en.ogg").samples
    pause = np.zeros(12 * format.SAMPLE_RATE, np.float32)
    heard = sphinx(np.concatenate([samples, pause, samples]))
    later = [word for word in heard.words if word.start > 12]
    assert len(later) >= 4
    assert later[0].start >= (len(samples) + len(pause)) / format.SAMPLE_RATE - 0.3


def test_settings_are_refused_whatever_python_leaves_out():
    """`python -O` leaves assertions out; what a user sets is refused by an exception."""
    code = """
from bibier.asr.whisper import Whisper
from bibier.errors import InputError
try:
    Whisper("base", language="de", download=True)
except InputError as error:
    print(error.key)
"""
    run = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, cwd=EXAMPLES.parent)
    assert run.stdout == "recogniser-language\n", run.stderr
