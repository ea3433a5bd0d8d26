"""Which recogniser is taken, and what one that is not ready says."""

import pytest

from bibier.asr import pocketsphinx, recognisers
from bibier.errors import InputError


def test_without_weights_pocketsphinx_comes_first(tmp_path):
    choices = {choice.name: choice for choice in recognisers.available(tmp_path)}
    assert not any(choice.ready for name, choice in choices.items() if name.startswith("whisper-"))
    assert choices["pocketsphinx"].ready and choices["pocketsphinx"].rough
    assert choices["whisper-base"].megabytes == 145
    assert isinstance(recognisers.recogniser(cache=tmp_path), pocketsphinx.PocketSphinx)
    for choice in choices.values():
        for language in ("en", "ru"):
            assert choice.label.text(language)


def test_cached_weights_come_first(tmp_path):
    with (tmp_path / "small.pt").open("wb") as file:
        file.truncate(484_000_000)  # sparse: takes no room
    chosen = recognisers.recogniser(cache=tmp_path)
    assert (chosen.name, chosen.rough) == ("whisper-small", False)
    with pytest.raises(InputError) as refused:
        chosen.load()  # the size is right, the checksum is not
    assert refused.value.message.key == "recogniser-damaged"


def test_a_file_cut_off_in_the_cache_is_not_ready(tmp_path):
    with (tmp_path / "base.pt").open("wb") as file:
        file.truncate(100_000_000)
    assert isinstance(recognisers.recogniser(cache=tmp_path), pocketsphinx.PocketSphinx)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("whisper-base", "recogniser-not-downloaded"),
        ("whisper-enormous", "recogniser-unknown"),
        ("shorthand", "recogniser-unknown"),
        ("whisper-nowhere.pt", "recogniser-no-file"),
    ],
)
def test_a_recogniser_that_is_not_ready_says_what_to_do(tmp_path, name, key):
    with pytest.raises(InputError) as refused:
        recognisers.recogniser(name, cache=tmp_path)
    assert refused.value.message.key == key
    assert refused.value.text("ru") != refused.value.text("en")


def test_typing_can_be_chosen(tmp_path):
    assert recognisers.recogniser("none", cache=tmp_path) is None
