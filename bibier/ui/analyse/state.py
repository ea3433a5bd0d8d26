"""The last analysis of a tab, and where it is kept for a reload."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import ref

from bibier.audio.channels import AUTO
from bibier.i18n.messages import Message
from bibier.security.session import continues
from bibier.transcript import Transcript
from bibier.ui.fair_share import Owner, first_to_go

if TYPE_CHECKING:  # the predictor brings torch, which the page does not wait for
    from bibier.inference.predictor import AudioEncoding, Prediction

CACHE_SIZE = 64  # results kept for a reload, over all tabs
CACHE_SECONDS = 3600.0
ENCODINGS = 16  # of them with what was heard
HEARD = 300.0  # s of sound in all that is kept of these: 24 MB. Ten minutes are heard again in less than two seconds

Value = TypeVar("Value")


@dataclass(frozen=True)
class AnalysisState:
    """The last analysis of a tab: enough to read edited words, and to draw it all again.

    `heard` leads to what the checkpoint heard in the clip as long as `Analyses` keeps it: a tab is known for minutes
    after it was closed, and would hold the samples as long.
    """

    clip: str | None
    heard: ref[AudioEncoding] | None
    prediction: Prediction
    recogniser: str | None = None
    example: Transcript | None = None  # the words that came with an example
    rough: bool = False  # of the recogniser: its words need correcting as a rule
    extra: tuple[Message, ...] = ()
    checkpoint: str = ""  # the key of the one that judged
    checkpoint_title: str = ""  # … and what people call it
    channel: str = AUTO  # that was asked for
    channels: int = 1  # that the clip has
    name: str = ""  # what people call it, where that is not the name of its file

    @property
    def encoding(self) -> AudioEncoding | None:
        """What the checkpoint heard in the clip, None where it isn't kept: then the clip is heard again."""
        return self.heard() if self.heard is not None else None


def lead(encoding: AudioEncoding | None) -> ref[AudioEncoding] | None:
    """Return what leads to an encoding as long as somebody else keeps it."""
    return ref(encoding) if encoding is not None else None


class ResultCache(Generic[Value]):
    """What was last shown in each tab, by its random token, so that a reload loses nothing.

    Parameters
    ----------
    size
        How many are kept over all tabs; the oldest of who has the most goes first.
    seconds
        For how long.
    weight, room
        How heavy a value is, and all of them together at most; one that is heavier than a quarter is not kept.
    """

    def __init__(
        self,
        size: int = CACHE_SIZE,
        seconds: float = CACHE_SECONDS,
        *,
        weight: Callable[[Value], float] = lambda value: 0.0,
        room: float = 0.0,
    ):
        self.size, self.seconds, self.weight, self.room = size, seconds, weight, room
        self.values: OrderedDict[str, tuple[float, Value, Owner]] = OrderedDict()  # token → time, value, whose
        self.lock = threading.Lock()

    def put(self, token: str, value: Value | None, owner: Owner = ("", "")) -> None:
        """Keep `value` for `token`, which is `owner`'s; None forgets it. What is too old goes."""
        now = time.monotonic()
        with self.lock:
            for old in [kept for kept, (then, _, _) in self.values.items() if now - then > self.seconds]:
                del self.values[old]
            self.values.pop(token, None)
            if token and value is not None and self.weight(value) <= self.room / 4:
                self.values[token] = (now, value, owner)
            while len(self.values) > self.size or self._heavy():
                del self.values[first_to_go(self.values, lambda kept: self.values[kept][2])]

    def _heavy(self) -> bool:
        return sum(self.weight(value) for _, value, _ in self.values.values()) > self.room

    def get(self, token: str, owner: Owner = ("", "")) -> Value | None:
        """Return what was kept, unless it is too old or another session's: a browser's tab keeps its token when one
        person signs out and the next one signs in. Who was nobody and signs in goes on.
        """
        with self.lock:
            if token not in self.values:
                return None
            then, value, (session, _) = self.values[token]
            return value if continues(owner[0], session) and time.monotonic() - then <= self.seconds else None

    def drop(self, session: str) -> list[Value]:
        """Forget what is kept for all tabs of a session, and return it."""
        with self.lock:
            tabs = [token for token, (_, _, owner) in self.values.items() if continues(session, owner[0])]
            return [self.values.pop(token)[1] for token in tabs]


class Analyses(ResultCache[AnalysisState]):
    """The last analyses, and of the latest of them what was heard: corrected words need not encode the sound again."""

    def __init__(self) -> None:
        super().__init__()
        self.encodings: ResultCache[AudioEncoding] = ResultCache(
            ENCODINGS, weight=lambda heard: heard.duration, room=HEARD
        )

    def put(self, token: str, value: AnalysisState | None, owner: Owner = ("", "")) -> None:
        """Keep an analysis for `token`, and what was heard in its clip; None forgets both."""
        super().put(token, value, owner)
        self.encodings.put(token, value.encoding if value is not None else None, owner)

    def drop(self, session: str) -> list[AnalysisState]:
        """Forget a session's analyses, and what was heard in their clips."""
        self.encodings.drop(session)
        return super().drop(session)
