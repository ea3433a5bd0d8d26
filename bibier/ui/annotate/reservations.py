"""Clips that somebody has before them: others get them only when nothing else is left.

They are kept in memory: a reservation is a courtesy, not a fact of the log. It lapses when the page no longer says that
it is there.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

HELD = 90.0  # s after the page's last word; it says one every 30 s


class Reservations:
    """Who has which clips before them, by project and annotator.

    Parameters
    ----------
    clock
        Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock = clock
        self._held: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = {}  # until when, the clip shown first
        self._lock = threading.Lock()

    def hold(self, project: str, annotator: str, clips: Sequence[str]) -> None:
        """Note what a person is shown, by SHA-256, and what comes after it; what was held before is free."""
        with self._lock:
            self._drop_lapsed()
            self._held[project, annotator] = (self.clock() + HELD, tuple(clips))

    def renew(self, project: str, annotator: str, clip: str | None) -> None:
        """Hold on to the clip that a person has before them; None lets all go."""
        with self._lock:
            self._drop_lapsed()
            _, clips = self._held.pop((project, annotator), (0.0, ()))
            if clip is not None:
                later = tuple(other for other in clips[1:] if other != clip)
                self._held[project, annotator] = (self.clock() + HELD, (clip, *later))

    def of_others(self, project: str, annotator: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """Return how many others hold each clip, by SHA-256: shown or to come after it; and shown alone."""
        every, shown = Counter[str](), Counter[str]()
        with self._lock:
            self._drop_lapsed()
            for (where, who), (_, clips) in self._held.items():
                if where == project and who != annotator:
                    every.update(clips)
                    shown.update(clips[:1])
        return every, shown

    def _drop_lapsed(self) -> None:
        """Forget whose page no longer says a word, so that names somebody invents don't pile up."""
        now = self.clock()
        self._held = {key: held for key, held in self._held.items() if held[0] > now}
