"""Live sessions for visitors: the models they need, whose they are, and their view as JSON."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bibier.asr.recognisers import Choice
from bibier.errors import InputError, LoadError
from bibier.i18n.messages import LANGUAGES
from bibier.i18n.page import say
from bibier.inference import device
from bibier.inference.queue import APART, DEVICE
from bibier.periodic import PeriodicTask
from bibier.ui.services import Services

if TYPE_CHECKING:  # these bring torch, which the page does not wait for
    from bibier.inference.live import LiveSession, LiveSessions, LiveView, Owner

OFTEN = 5.0  # s between two looks for sessions that nobody uses
REASONS = ("error", "audio_doubt", "text_doubt", "bimodal_doubt")  # of an utterance, as sentences
OPENING = 8  # sessions that may wait for their models


@dataclass(frozen=True)
class Opened:
    """A session, and how its words are recognised."""

    session: LiveSession
    choice: Choice


class LiveService:
    """Opens, finds and closes live sessions.

    Parameters
    ----------
    services
        What the page is built on: the models and the queue of their device.
    """

    def __init__(self, services: Services):
        self.services = services
        self.sessions: LiveSessions | None = None  # made with the first session: it brings torch
        self.openers = ThreadPoolExecutor(1, thread_name_prefix="live-open")
        self.answers = ThreadPoolExecutor(1, thread_name_prefix="live-answer")
        self.waiting = 0  # sessions that are being opened
        self.task = PeriodicTask("live", self.sweep, OFTEN)

    def open(self, rate: int, recogniser: str | None, checkpoint: str, language: str, owner: Owner) -> Future[Opened]:
        """Begin to hear somebody, in a thread: it waits for the models.

        Raises
        ------
        InputError
            Too many are heard or wait already, the rate is none of sound, or the checkpoint can't be loaded.
        LoadError
            The models did not load.
        """
        if self.waiting >= OPENING:
            raise InputError("live-full", count=self.waiting)
        self.waiting += 1
        future = self.openers.submit(self._open, rate, recogniser, checkpoint, language, owner)
        future.add_done_callback(self._opened)
        return future

    def _opened(self, _: Future[Opened]) -> None:
        self.waiting -= 1

    def _open(self, rate: int, recogniser: str | None, checkpoint: str, language: str, owner: Owner) -> Opened:
        if device.zero():
            raise InputError("live-gpu")
        services = self.services
        services.opened()
        error = services.reader.exception()
        if isinstance(error, InputError):
            raise error
        if error is not None:
            raise LoadError(say("failed_models", language)) from error
        from bibier.inference.live import LiveSessions

        if self.sessions is None:
            self.sessions = LiveSessions(services.queue)
        choice = self.choice(recogniser)
        models = services.reader.result()
        predictor = (models.of(checkpoint) if checkpoint else models)(choice.name)
        session = self.sessions.open(predictor, rate, recognises=choice.name != "none", owner=owner)
        session.recogniser, session.checkpoint = choice.name, checkpoint
        session.lane = APART if choice.apart else DEVICE
        return Opened(session, choice)

    def choice(self, name: str | None) -> Choice:
        """Return the recogniser of a name where it is ready, else the first that is."""
        ready = [choice for choice in self.services.recognisers() if choice.ready]
        return next((choice for choice in ready if choice.name == name), ready[0])

    def find(self, name: str, owner: str) -> tuple[LiveSessions, LiveSession]:
        """Return a session by its name. Raises InputError when the owner has none of it."""
        if self.sessions is None:
            raise InputError("live-gone", seconds=0)
        return self.sessions, self.sessions.find(name, owner)

    def close_of(self, session: str) -> None:
        """Let all go that a visitor's session has open."""
        if self.sessions is not None:
            for heard in list(self.sessions.sessions.values()):
                if heard.owner[0] == session:
                    self.sessions.close(heard)

    def sweep(self) -> None:
        """Let those go from which nothing has come for a while."""
        if self.sessions is not None:
            self.sessions.sweep()


def as_json(view: LiveView, language: str) -> dict[str, object]:
    """Give a view to a program: times in seconds from the beginning of the session, probabilities by name."""
    from bibier.inference.long_form import segment_json

    bars = None
    if view.bars is not None and view.bars.audio.probabilities is not None:
        doubt = view.bars.audio.doubt
        bars = {
            "start": view.bars.start,
            "end": view.bars.end,
            "audio": view.bars.audio.probabilities,
            "audio_doubt": doubt.text(language) if doubt else None,
        }
    utterances = []
    for place, result in enumerate(view.results):
        row = {"number": view.first + place} | segment_json(result, language)
        if any(row.get(key) for key in REASONS):
            by_language = {code: segment_json(result, code) for code in LANGUAGES}
            row["sentences"] = {code: {key: told.get(key) for key in REASONS} for code, told in by_language.items()}
        utterances.append(row)
    return {
        "heard": view.heard,
        "level": round(view.level, 4),
        "bars": bars,
        "utterances": utterances,
        "waiting": view.waiting,
        "done": view.done,
    }
