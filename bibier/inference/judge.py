"""One recording, short or long, with or without words → what it says: the one rule of the command, batch and programs.

| words | up to 20 s | longer |
| --- | --- | --- |
| not given (None) | recognised | recognised, segment by segment |
| empty ("") | the voice alone | the voice alone, segment by segment |
| given | these, with the voice | these, with the voice of the whole, up to 10 minutes |

Words without their times belong to the recording as a whole: nobody knows which segment they were said in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bibier.audio.channels import AUTO
from bibier.audio.io import AudioClip, load
from bibier.audio.long_recording import Recording, read_any, read_long
from bibier.errors import InputError
from bibier.inference.long_form import SegmentResult, Timeline, analyse, timeline_json
from bibier.inference.predictor import NOTHING_SAID, Prediction, Predictor, as_json
from bibier.transcript import Transcript


def given(text: str | None) -> Transcript | None:
    """Return what a person's text means: None where it is to be recognised, no words where it is empty."""
    if text is None:
        return None
    return Transcript(text) if text.strip() else NOTHING_SAID


def in_segments(path: str | Path, text: str | None, *, channel: str = AUTO) -> Recording | None:
    """Return the recording where it is judged segment by segment; None where as a whole.

    Raises InputError as `read_sound` does.
    """
    if _with_words(text):
        return None
    return read_long(path, channel=channel)


def read_sound(path: str | Path, text: str | None, *, channel: str = AUTO) -> Recording | AudioClip:
    """Read a file once: as a recording that is judged segment by segment, or as a clip that is judged as a whole.

    Raises
    ------
    InputError
        It can't be read, or is longer than an hour, or with words than 10 minutes.
    """
    return load(path, channel=channel) if _with_words(text) else read_any(path, channel=channel)


def _with_words(text: str | None) -> bool:
    transcript = given(text)
    return transcript is not None and bool(transcript.text)


def judge(
    predictor: Predictor,
    audio: str | Path | None,
    text: str | None = None,
    *,
    channel: str = AUTO,
    stage: Callable[[str], None] | None = None,
    segment: Callable[[SegmentResult, int, int], None] = lambda result, done, planned: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Prediction | Timeline:
    """Judge a file of any length.

    Parameters
    ----------
    predictor
        Its recogniser is asked where the words are to be recognised.
    audio
        A file's path; None where there are only words.
    text
        What was said, by the table above.
    channel
        Which one is judged, as `audio.io.load` takes it.
    stage
        Told the name of each stage of a short one, as `Predictor` tells it.
    segment, cancelled
        As `long_form.analyse` takes them, for a long one.

    Returns
    -------
    Prediction, or for a recording that is judged segment by segment a Timeline.

    Raises
    ------
    InputError
        The recording can't be used, or its words can't be divided among the segments of one over 10 minutes.
    """
    transcript = given(text)
    if audio is None:
        return predictor(None, transcript or NOTHING_SAID, progress=stage)
    begun = time.perf_counter()
    try:
        sound = read_sound(audio, text, channel=channel)
    except InputError as error:
        raise as_whole(error, text) from error
    if isinstance(sound, Recording):
        return analyse(predictor, sound, transcript=transcript, progress=segment, cancelled=cancelled)
    seconds = time.perf_counter() - begun
    prediction = predictor(sound, transcript, progress=stage)
    return replace(prediction, timings=prediction.timings | {"read": seconds})


def as_whole(error: InputError, text: str | None) -> InputError:
    """Return the error of a recording that was judged as a whole: where it is too long for that, with the remedy."""
    too_long = error.message.key == "audio-too-long" and _with_words(text)
    return InputError("timeline-no-times") if too_long else error


def judged_json(result: Prediction | Timeline, language: str = "en") -> dict:
    """Return either result for a program, every sentence in `language`."""
    return timeline_json(result, language) if isinstance(result, Timeline) else as_json(result, language)
